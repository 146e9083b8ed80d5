"""How likely pieces are under the model that wrote them. Knows ids, and no music."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from symbolic_music.generation.engine.decoder import Decoder
from symbolic_music.generation.engine.decoders import decoder_of
from symbolic_music.generation.engine.graphs.nodes import UnsupportedModelError
from symbolic_music.generation.light import LightModel

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def log_likelihoods(
    model: "PreTrainedModel | LightModel", sequences: Sequence[Sequence[int]], num_given: int, batch_size: int = 32
) -> list[float]:
    """The logarithm of the probability that a model, left alone, gives to sequences, in nats.

    Neither grammar nor temperature: pieces that were asked for are judged as if nobody had asked.

    Args:
        model: causal.
        sequences: ids, from the first that was given on.
        num_given: how many ids of each were given, at least one; they are not judged.
        batch_size: sequences that are read at once.
    """
    longest = max(map(len, sequences))
    try:
        decoder = model.decoder(longest) if isinstance(model, LightModel) else decoder_of(model, longest)
    except UnsupportedModelError:
        if isinstance(model, LightModel):
            raise
        return [by_torch(model, ids, num_given) for ids in sequences]
    found: list[float] = []
    for first in range(0, len(sequences), batch_size):
        found += by_steps(decoder, [list(ids) for ids in sequences[first : first + batch_size]], num_given)
    return found


def by_steps(decoder: Decoder, sequences: list[list[int]], num_given: int) -> list[float]:
    """The same by a decoder, its sequences side by side, (sequences,) floats."""
    # The longest first, so that those that are over are the last places.
    order = sorted(range(len(sequences)), key=lambda place: -len(sequences[place]))
    sums = np.zeros(len(sequences))
    decoder.open(len(sequences))
    logits = []
    for place, number in enumerate(order):
        reading = decoder.read(np.array(sequences[number][:num_given]))
        decoder.put(place, reading)
        logits.append(reading.logits.copy())
    rows = np.stack(logits)
    for step in range(num_given, len(sequences[order[0]])):
        going = [number for number in order if len(sequences[number]) > step]
        tokens = np.array([sequences[number][step] for number in going])
        sums[going] += _log_probabilities(rows[: len(going)], tokens)
        rows = decoder.step(tokens)
    return sums.tolist()


def _log_probabilities(logits: np.ndarray, tokens: np.ndarray) -> np.ndarray:
    most = logits.max(axis=1)
    total = most + np.log(np.exp(logits - most[:, None]).sum(axis=1))
    return logits[np.arange(len(tokens)), tokens] - total


def by_torch(model: "PreTrainedModel", ids: Sequence[int], num_given: int) -> float:
    """The same of one sequence, by one pass of the model over it."""
    import torch

    with torch.inference_mode():
        sequence = torch.tensor([list(ids)], device=model.device)
        said = model(input_ids=sequence).logits[0, num_given - 1 : -1].float().log_softmax(dim=-1)
        return float(said.gather(1, sequence[0, num_given:, None]).sum())
