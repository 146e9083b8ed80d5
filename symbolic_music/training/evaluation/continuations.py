"""Held-out pieces whose beginning a model is given and asked to go on with. Samples and keeps; judges nothing.

Each piece is asked for once, alone, so that what comes of it depends on the seed and the piece but on no other piece.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from symusic.core import ScoreTick
from transformers import PreTrainedModel

from symbolic_music.events.codec import EncodingError
from symbolic_music.generation.compose import SamplingOptions, compose, composition_of
from symbolic_music.generation.kept_batches import kept_batches
from symbolic_music.generation.writing.limits import GrammarError
from symbolic_music.score.bars import count_bars
from symbolic_music.score.transforms.edit import count_notes, cut_bars
from symbolic_music.tokenization.processing_music import MusicProcessor
from symbolic_music.training.arguments import TrainingError

FEWEST = 3


@dataclass(frozen=True)
class ContinuationSettings:
    """What is asked for.

    Attributes:
        num_pieces: at most so many held-out pieces, of as many groups.
        prompt_bars: given of each.
        continued_bars: asked for.
    """

    num_pieces: int = 100
    prompt_bars: int = 8
    continued_bars: int = 16

    def __post_init__(self):
        for name, least in (("num_pieces", FEWEST), ("prompt_bars", 1), ("continued_bars", 1)):
            if getattr(self, name) < least:
                raise TrainingError(f"{name} is {getattr(self, name)}; expected {least} or more")

    @property
    def num_bars(self) -> int:
        """Of the prompt and its continuation together."""
        return self.prompt_bars + self.continued_bars


@dataclass(frozen=True)
class Continuation:
    """One held-out piece and what a model made of its beginning.

    Attributes:
        number: of the piece among the held-out pieces.
        prompt: the bars that were given.
        truth: the bars that follow in the piece.
        sampled: as many bars by the model; without a note where it fell silent.
    """

    number: int
    prompt: ScoreTick
    truth: ScoreTick
    sampled: ScoreTick


def choose_prompts(
    scores: Sequence[ScoreTick],
    groups: Sequence[int],
    sources: Sequence[str],
    settings: ContinuationSettings,
    seed: int = 0,
) -> list[int]:
    """The numbers of held-out pieces to continue: long enough, no two of one group, the sources in turn.

    A source that has few such pieces gives them all, and the others fill its place.

    Args:
        scores: held-out pieces as the codec writes them.
        groups: near-duplicate group of each.
        sources: of each.
        settings: how many, how long.
        seed: of the order in which a source's pieces are taken.

    Raises:
        TrainingError: when fewer than three pieces are long enough.
    """
    order = np.random.default_rng(seed).permutation(len(scores)).tolist()
    waiting: dict[str, list[int]] = {source: [] for source in sorted(set(sources))}
    taken: set[int] = set()
    for number in order:
        if groups[number] not in taken and _is_long_enough(scores[number], settings):
            taken.add(groups[number])
            waiting[sources[number]].append(number)
    ranked = [(rank, source, number) for source, own in waiting.items() for rank, number in enumerate(own)]
    chosen = [number for _, _, number in sorted(ranked)[: settings.num_pieces]]
    if len(chosen) < FEWEST:
        raise TrainingError(
            f"{len(chosen)} held-out pieces have {settings.num_bars} bars, as the codec writes them, with notes up to "
            f"bar {settings.prompt_bars} and behind it; expected {FEWEST} or more to continue"
        )
    return chosen


def _is_long_enough(score: ScoreTick, settings: ContinuationSettings) -> bool:
    return count_bars(score) >= settings.num_bars and all(count_notes(part) > 0 for part in _parts(score, settings))


def _parts(score: ScoreTick, settings: ContinuationSettings) -> tuple[ScoreTick, ScoreTick]:
    """The prompt, and the bars behind it."""
    return (
        cut_bars(score, 0, settings.prompt_bars),
        cut_bars(score, settings.prompt_bars, settings.continued_bars),
    )


def continue_pieces(
    model: PreTrainedModel,
    processor: MusicProcessor,
    scores: Sequence[ScoreTick],
    chosen: Sequence[int],
    settings: ContinuationSettings,
    options: SamplingOptions,
    path: Path,
    about: dict[str, Any] | None = None,
    on_piece: Callable[[int], Any] | None = None,
) -> tuple[list[Continuation], Counter[str]]:
    """Have a model go on with pieces, each kept as a line of a file; what lies there is read.

    Args:
        model: a causal model.
        processor: of the model; its codec must write music bar by bar.
        scores: held-out pieces as the codec writes them.
        chosen: numbers of those to continue.
        settings: how many bars.
        options: how to sample; bars, batches and the longest piece, which is the model's context, are set here.
        path: the file; see `generation.kept_batches`.
        about: what else the file's samples depend on, such as the model's name.
        on_piece: called with 1 after each piece.

    Returns:
        What came, and how many pieces gave nothing to judge, by reason.

    Raises:
        TrainingError: when the codec writes no music that could be continued bar by bar.
        KeptBatchesError: when the file holds samples of other options.
    """
    _check_codec(processor, scores[chosen[0]])
    options = replace(options, num_bars=settings.num_bars, max_length=None, batch_size=1).for_model(model)

    def make(number: int, count: int) -> dict[str, Any]:
        sampling = replace(options, seed=options.seed + number)
        try:
            piece = compose(model, processor, 1, scores[chosen[number]], settings.prompt_bars, sampling)[0]
        except GrammarError:
            return {"refused": "no room in the model's context"}
        return {"ids": piece.ids, "num_prompt_tokens": piece.num_prompt_tokens}

    asked = asdict(options) | asdict(settings) | {"chosen": list(chosen)} | (about or {})
    kept = kept_batches(path, asked, len(chosen), 1, make, on_piece)
    continued, refused = [], Counter[str]()
    for number, line in zip(chosen, kept, strict=True):
        sampled = _sampled_bars(processor, line, settings)
        if isinstance(sampled, str):
            refused[sampled] += 1
        else:
            continued.append(Continuation(number, *_parts(scores[number], settings), sampled))
    return continued, refused


def _check_codec(processor: MusicProcessor, score: ScoreTick) -> None:
    try:
        processor.codec.encode_opening(score, 1)
    except EncodingError as error:
        raise TrainingError(f"nothing can be continued: {error}") from error


def _sampled_bars(processor: MusicProcessor, line: dict[str, Any], settings: ContinuationSettings) -> ScoreTick | str:
    """The bars that the model added, or why there are none to judge."""
    if "refused" in line:
        return line["refused"]
    score = composition_of(processor, line["ids"], line["num_prompt_tokens"]).score
    if score is None:
        return "no complete piece"
    if count_bars(score) <= settings.prompt_bars:  # bars behind the last note are no bars of a Score
        return ScoreTick(score.ticks_per_quarter)
    return cut_bars(score, settings.prompt_bars, settings.continued_bars)
