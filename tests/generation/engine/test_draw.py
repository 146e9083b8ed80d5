"""One token is drawn as transformers and torch draw it."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import TopPLogitsWarper

from symbolic_music.generation.engine.draw import Draw, FromUniform
from symbolic_music.generation.engine.sample import _exponentials, _inverts_uniform


@given(
    seed=st.integers(0, 10_000),
    size=st.integers(1, 300),
    spread=st.sampled_from((0.01, 1.0, 4.0, 30.0)),
    top_p=st.sampled_from((0.05, 0.5, 0.9, 0.95, 0.999, 1.0)),
    temperature=st.sampled_from((0.7, 1.0, 1.3)),
)
def test_draws_are_those_of_torch(seed, size, spread, top_p, temperature):
    rng = np.random.default_rng(seed)
    scores = (rng.normal(size=size) * spread).astype(np.float32)
    noise = rng.exponential(size=size).astype(np.float32)
    divided = torch.from_numpy(scores)[None] / temperature
    shares = (TopPLogitsWarper(top_p)(None, divided) if top_p < 1 else divided).softmax(dim=-1)
    expected = int((shares / torch.from_numpy(noise)).argmax())
    assert Draw(True, temperature, top_p).choose(np.arange(size), scores, noise) == expected
    assert Draw(False).choose(np.arange(size), scores, None) == scores.argmax()


@pytest.mark.parametrize("by_inversion", [False, True])
def test_exponentials_are_those_of_multinomial(monkeypatch, by_inversion):
    if by_inversion and not _inverts_uniform():
        pytest.skip("this torch makes its exponentials in another way")
    monkeypatch.setattr("symbolic_music.generation.engine.sample._inverts_uniform", lambda: by_inversion)
    expected = torch.empty(3, 50).exponential_(generator=torch.manual_seed(4))
    behind = torch.rand(1)
    torch.manual_seed(4)
    numbers = _exponentials(3, 50)
    assert torch.rand(1) == behind, "what is drawn later stays the same"
    for row, own in zip(expected.numpy(), numbers, strict=True):
        np.testing.assert_allclose(own[np.arange(50)], row, rtol=1e-6)
    assert isinstance(numbers[0], FromUniform) == by_inversion
