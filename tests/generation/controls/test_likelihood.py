"""The likelihood of pieces under a model, and the likeliest of several."""

import pytest
import tiny_model
import torch

from symbolic_music.events.controls.asked import Controls
from symbolic_music.generation.compose import SamplingOptions, compose
from symbolic_music.generation.likelihood import by_torch, log_likelihoods


def test_steps_and_one_pass_say_the_same(model, processor):
    pieces = compose(model, processor, 5, options=SamplingOptions(num_bars=2))
    sequences = [piece.ids for piece in pieces]
    expected = [by_torch(model, ids, 1) for ids in sequences]
    assert log_likelihoods(model, sequences, 1, batch_size=3) == pytest.approx(expected, abs=1e-3)


def test_a_model_without_a_graph_is_asked_as_it_is():
    model, processor = tiny_model.tiny_gpt2()
    with torch.no_grad():
        model.transformer.wte.weight.fill_(0.0)  # every token is as likely as any other
    ids = [processor.tokenizer.bos_token_id, 5, 6]
    assert log_likelihoods(model.eval(), [ids], 1) == pytest.approx(
        [-2 * torch.log(torch.tensor(len(processor.tokenizer))).item()], abs=1e-3
    )


def test_of_several_pieces_the_one_with_the_fewest_bits_per_note_is_taken(model, processor):
    options, controls = SamplingOptions(num_bars=2), Controls(meter="3/4")
    all_pieces = compose(model, processor, 6, options=options, controls=controls)
    best = compose(model, processor, 2, options=options, controls=controls, best_of=3)

    def cost(piece):
        return -by_torch(model, piece.ids, 1) / piece.num_notes

    assert [piece.ids for piece in best] == [min(all_pieces[begin : begin + 3], key=cost).ids for begin in (0, 3)]


def test_none_of_none_is_refused(model, processor):
    with pytest.raises(ValueError, match="best_of is 0"):
        compose(model, processor, 1, best_of=0)
