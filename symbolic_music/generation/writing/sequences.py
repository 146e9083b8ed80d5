"""Sequences written by a model, many at once: by the engine where the model has a graph, else by `generate()`.

Each sequence draws numbers of its own, named by a seed and its number: it is the same whatever else is written beside
it, and whichever of the two ways it is written by, up to the rounding of logits.
"""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from symbolic_music.generation.engine.decoder import Decoder
from symbolic_music.generation.engine.decoders import decoder_of, tell_once
from symbolic_music.generation.engine.graphs.nodes import UnsupportedModelError
from symbolic_music.generation.engine.many import write_pieces
from symbolic_music.generation.engine.particles import Particle, Population, write_populations
from symbolic_music.generation.engine.pieces import Noise, Piece, Rule
from symbolic_music.generation.engine.rows import RowGrammar
from symbolic_music.generation.light import LightModel
from symbolic_music.generation.writing.request import Request

# See `Population`; what it changes is measured in `train/studies/README.md`, "Asking".
_LENGTH_REWARD = 0.5

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def write_sequences(
    model: "PreTrainedModel | LightModel",
    request: Request,
    seed: int,
    numbers: range,
    batch_size: int,
    on_batch: Callable[[int], Any] | None = None,
    on_token: Callable[[int, list[int]], Any] | None = None,
) -> list[list[int]]:
    """Write sequences.

    Args:
        model: in evaluation mode.
        request: what to write.
        seed: of the numbers that are drawn.
        numbers: of the sequences.
        batch_size: sequences that are written at once.
        on_batch: called with how many sequences are done since the last call.
        on_token: called with a sequence's number and its ids after each token.

    Returns:
        For each number, the ids from the first of the prompt to the end.

    Raises:
        GrammarError: when the prompt is not music, or leaves no room for a piece.
        ValueError: for more than one particle of a model that has no decoder, or with tokens to be heard.
    """
    if request.particles > 1 and on_token is not None:
        raise ValueError("particles are drawn anew at bar lines: their tokens cannot be heard as they are written")
    written: dict[int, list[int]] = {}
    for done in _write(model, request, seed, numbers, batch_size, on_token):
        written |= done
        if on_batch is not None:
            on_batch(len(done))
    return [written[number] for number in numbers]


def _write(
    model: "PreTrainedModel | LightModel",
    request: Request,
    seed: int,
    numbers: range,
    batch_size: int,
    on_token: Callable[[int, list[int]], Any] | None,
) -> Iterator[dict[int, list[int]]]:
    """Sequences by number, as they are done."""
    try:
        decoder = (
            model.decoder(request.max_length)
            if isinstance(model, LightModel)
            else decoder_of(model, request.max_length)
        )
    except UnsupportedModelError as error:
        if isinstance(model, LightModel):
            raise
        if request.particles > 1:
            raise ValueError(f"several particles are written by ONNX Runtime alone: {error}") from error
        from symbolic_music.generation.writing.by_generate import write_by_generate  # imports torch

        tell_once(str(error))
        noises = [_noise(model, request, seed, number) for number in numbers]
        yield from write_by_generate(model, request, numbers, noises, batch_size, on_token)
        return
    if request.context is not None:
        decoder.listen(request.context)
    limit = request.max_length - request.start
    grammar = None if request.grammar is None else RowGrammar(request.grammar, limit, request.num_bars)
    rule = Rule(request.draw, grammar, request.header, request.start)
    if request.particles > 1:
        yield from _write_weighed(model, decoder, rule, request, seed, numbers, batch_size)
        return
    pieces = (Piece(rule, request.prompt, _noise(model, request, seed, number)) for number in numbers)
    heard = None if on_token is None else lambda place, piece: on_token(numbers[place], piece.ids)
    places = min(batch_size, len(numbers))
    for place, piece in write_pieces(decoder, pieces, places, request.max_length, request.eos, heard):
        yield {numbers[place]: piece.ids}


def _noise(model: "PreTrainedModel | LightModel", request: Request, seed: int, number: int) -> Noise | None:
    """What a sequence draws of its own."""
    return Noise(seed, number, model.config.vocab_size) if request.draw.is_random else None


def _write_weighed(
    model: "PreTrainedModel | LightModel",
    decoder: Decoder,
    rule: Rule,
    request: Request,
    seed: int,
    numbers: range,
    batch_size: int,
) -> Iterator[dict[int, list[int]]]:
    """The same, each sequence the one of several particles that is drawn by its weight."""
    assert request.free is not None
    size, free = request.particles, RowGrammar(request.free)

    def begin(number: int) -> Population:
        noises = [Noise(seed, number * size + place, model.config.vocab_size) for place in range(size)]
        # A third number, so that they draw nothing that particles do.
        draws = np.random.default_rng([seed, number, 1])
        return Population([Particle(rule, request.prompt, noise, free) for noise in noises], draws, _LENGTH_REWARD)

    written = write_populations(
        decoder,
        map(begin, numbers),
        min(max(batch_size // size, 1), len(numbers)),
        size,
        request.free.count_per_token("Bar") > 0,
        request.max_length,
        request.eos,
    )
    for place, population in written:
        yield {numbers[place]: population.draw().ids}
