"""Whether a model's pieces are what was asked for: what held-out pieces have is asked of a model."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from symusic.core import ScoreTick
from transformers import PreTrainedModel

from symbolic_music.events.voices.track_text import HeaderFields, TrackTextCodec
from symbolic_music.generation.compose import SamplingOptions, compose
from symbolic_music.generation.writing.limits import GrammarError
from symbolic_music.metrics.control import Controls, control_accuracy, found_instruments, found_meters, found_tempos
from symbolic_music.score.bars import count_bars
from symbolic_music.score.programs import DRUMS
from symbolic_music.tokenization.processing_music import MusicProcessor

_BARS = (4, 8, 16)


def measure_control(
    model: PreTrainedModel,
    processor: MusicProcessor,
    human: Sequence[ScoreTick],
    options: SamplingOptions,
    num_asks: int = 8,
    pieces_per_ask: int = 6,
    on_piece: Callable[[int], Any] | None = None,
) -> dict[str, Any]:
    """Ask for things and look whether they came, under the grammar.

    Of track text, which has a header, the instruments, tempo, meter and bars of held-out windows are asked; of other
    codecs, bars alone.

    Args:
        model: a causal model.
        processor: of the model.
        human: held-out pieces as the codec writes them.
        options: how to sample; bars and batches are set here.
        num_asks: how many different things are asked for.
        pieces_per_ask: sampled of each.
        on_piece: called with the number of pieces after each batch.

    Returns:
        `metrics.control.control_accuracy`, of what fits into the longest piece; empty when nothing does.
    """
    has_header = isinstance(processor.codec, TrackTextCodec)
    scores: list[ScoreTick | None] = []
    asked: list[Controls] = []
    for number in range(num_asks):
        piece = human[number * len(human) // num_asks]
        controls = _controls_of(piece) if has_header else Controls(bars=_BARS[number % len(_BARS)])
        sampling = replace(options, num_bars=controls.bars, batch_size=pieces_per_ask, seed=options.seed + number)
        fields = _header_fields(controls) if has_header else None
        try:
            pieces = compose(model, processor, pieces_per_ask, None, None, sampling, on_piece, fields)
        except GrammarError:
            continue
        scores += [piece.score for piece in pieces]
        asked += [controls] * len(pieces)
    return control_accuracy(scores, asked) if asked else {}


def _controls_of(piece: ScoreTick) -> Controls:
    """What a window of held-out music is; its first tempo and meter where it has several."""
    meters = sorted(found_meters(piece))
    return Controls(
        instruments=tuple(found_instruments(piece)),
        tempo=round(min(found_tempos(piece))),
        meter=meters[0] if len(meters) == 1 else None,
        bars=count_bars(piece),
    )


def _header_fields(controls: Controls) -> HeaderFields:
    names = tuple("Drums" if program == DRUMS else str(program) for program in controls.instruments or ())
    tempo = None if controls.tempo_range is None else int(controls.tempo_range[0])
    return HeaderFields(tempo, controls.meter, None, controls.bars, names)
