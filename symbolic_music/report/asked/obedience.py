"""What asking costs: pieces that were asked to be something, judged by their MIDI files, beside free ones."""

import math
import random
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from symusic.core import ScoreTick

from symbolic_music.events.controls.asked import EVERY, ControlError, Controls
from symbolic_music.events.controls.compiled import settle
from symbolic_music.generation.compose import Composition, SamplingOptions, compose
from symbolic_music.generation.controls.written import parse_chords
from symbolic_music.generation.likelihood import log_likelihoods
from symbolic_music.generation.writing.limits import GrammarError
from symbolic_music.hub.cards.model_index import mean_distance
from symbolic_music.metrics.control import control_accuracy
from symbolic_music.metrics.statistics import compare_measured, measure_pieces
from symbolic_music.report.asked.files import asked_of_files
from symbolic_music.score.files import read_scores
from symbolic_music.score.midi.io import write_midi

BARS = 8
_CHORDS = parse_chords("C | Am | F G7 | C")
ALONE: dict[str, Controls] = {
    "meter": Controls(meter="3/4"),
    "tempo": Controls(tempo=100),
    "tempo range": Controls(tempo=(80, 120)),
    "instruments": Controls(instruments=(40, 42)),
    "at least": Controls(with_instruments=(0, 40)),
    "key": Controls(key="G"),
    "chords": Controls(chords=_CHORDS),
    "range": Controls(ranges=((EVERY, 55, 79),)),
    "density": Controls(density=(4, 10)),
    "ending": Controls(key="G", ending=True),
    "bass on the root": Controls(chords=_CHORDS, bass_on_root=True),
    "repeats": Controls(max_repeats=0),
    "polyphony": Controls(polyphony=((EVERY, 2, 3),)),
}
"""One thing at a time; every one with a number of bars."""


@dataclass(frozen=True)
class Way:
    """How pieces come to be what is asked for; by the mask alone, where nothing is said.

    Attributes:
        particles: see `compose`.
        best_of: see `compose`.
    """

    particles: int = 1
    best_of: int = 1

    def told(self) -> dict[str, int]:
        """What is not left as it is, for a row."""
        named = {"particles": self.particles, "best of": self.best_of}
        return {name: value for name, value in named.items() if value != 1}


@dataclass(frozen=True)
class Asked:
    """Pieces that were asked to be something.

    Attributes:
        controls: what; of several wishes the first.
        accuracy: see `metrics.control.control_accuracy`; of the pieces as their MIDI files have them.
        measured: see `metrics.statistics.measure_pieces`.
        bits: what the pieces cost the model, were they free, and how many notes that is; see `bits`.
    """

    controls: Controls
    accuracy: dict[str, dict[str, float]]
    measured: dict[str, np.ndarray]
    bits: dict[str, float]


def combinations(count: int, seed: int = 0) -> list[Controls]:
    """Random combinations of three to six things, at random values that go together."""
    drawn = random.Random(seed)
    keys = {
        "C": "C | Am | F G7 | C",
        "G": "G | Em | C D7 | G",
        "Dm": "Dm | Gm | Bb A7 | Dm",
        "Am": "Am | Dm | E7 | Am",
    }
    found: list[Controls] = []
    while len(found) < count:
        key = drawn.choice(list(keys))
        values: dict[str, Any] = {
            "meter": drawn.choice(["2/4", "4/4"]),
            "tempo": drawn.choice([100, (70, 90), (110, 160)]),
            "instruments": drawn.choice([(0,), (40, 42), (73, 0), (40, 41, 42)]),
            "key": key,
            "chords": parse_chords(keys[key]),
            "ranges": ((EVERY, 48, drawn.choice([79, 84])),),
            "density": drawn.choice([(1, 8), (3, 10), (4, 16)]),
            "ending": True,
            "bass_on_root": True,
            "max_repeats": drawn.choice([0, 1]),
            "polyphony": ((EVERY, 1, drawn.choice([1, 2, 4])),),
        }
        names = set(drawn.sample(sorted(values), drawn.randint(3, 6)))
        names |= {"key"} if "ending" in names else set()
        names |= {"chords"} if "bass_on_root" in names else set()
        found.append(Controls(**{name: values[name] for name in sorted(names)}))
    return found


def ask(
    model: Any,
    processor: Any,
    asked: Sequence[Controls],
    num_samples: int,
    options: SamplingOptions,
    on_batch: Callable[[int], Any] | None = None,
    way: Way | None = None,
) -> Asked:
    """Pieces that are asked to be something.

    Args:
        model: a composer.
        processor: of the model.
        asked: one thing, or several that take turns, each for an equal part of the pieces.
        num_samples: of all pieces, at least one for each.
        options: how to sample.
        on_batch: called with how many pieces are done since the last call.
        way: how they come to be it.

    Raises:
        ControlError: when they cannot be.
    """
    way = way or Way()
    settled, pieces = [], []
    for wish in asked:
        count = max(num_samples // len(asked), 1)
        bars = wish.bars or (None if wish.given else BARS)
        settled += [settle(processor.codec, replace(wish, bars=bars))] * count
        pieces += compose(
            model,
            processor,
            count,
            options=options,
            on_batch=on_batch,
            controls=settled[-1],
            best_of=way.best_of,
            particles=way.particles,
        )
    scores = as_files([piece.score for piece in pieces])
    accuracy = control_accuracy(scores, settled)
    return Asked(settled[0], accuracy, _measured(scores), bits(model, pieces))


def as_files(scores: Sequence[ScoreTick | None]) -> list[ScoreTick | None]:
    """What reading the MIDI files of Scores gives."""
    read: list[ScoreTick | None] = []
    with TemporaryDirectory() as folder:
        path = Path(folder) / "piece.mid"
        for score in scores:
            if score is not None:
                write_midi(score, path)
            read.append(None if score is None else read_scores(path)[0])
    return read


def bits(model: Any, pieces: Sequence[Composition]) -> dict[str, float]:
    """What pieces cost a model that is left alone, by note and by bar; and their notes by bar."""
    total = -sum(log_likelihoods(model, [piece.ids for piece in pieces], 1)) / math.log(2)
    notes = max(sum(piece.num_notes for piece in pieces), 1)
    bars = max(sum(piece.num_bars for piece in pieces), 1)
    figures = {"bits per note": total / notes, "bits per bar": total / bars, "notes per bar": notes / bars}
    return {name: round(value, 3) for name, value in figures.items()}


def _measured(scores: Sequence[ScoreTick | None]) -> dict[str, np.ndarray]:
    return measure_pieces([score for score in scores if score is not None])


def measure_obedience(
    model: Any,
    processor: Any,
    human: Sequence[ScoreTick],
    num_samples: int,
    num_combinations: int,
    options: SamplingOptions,
    on_batch: Callable[[int], Any] | None = None,
    only: Collection[str] | None = None,
    ways: Sequence[Way] = (Way(),),
) -> dict[str, Any]:
    """Obedience, bits per note and distance to human music of pieces asked for one thing, for many, and for nothing.

    Args:
        model: a composer.
        processor: of the model.
        human: pieces to set them beside.
        num_samples: for each thing alone, and of free pieces; for each combination a tenth, at least one.
        num_combinations: of several things at once.
        options: how to sample.
        on_batch: called with how many pieces are done since the last call.
        only: of things alone, those that are asked for; None for all.
        ways: how pieces come to be it; a row for each.
    """
    theirs = measure_pieces(human)
    free = compose(model, processor, num_samples, options=replace(options, num_bars=BARS), on_batch=on_batch)
    rows = [_row("free", None, _measured([piece.score for piece in free]), bits(model, free), theirs)]
    several = {
        f"combination {number}": [asked] for number, asked in enumerate(combinations(num_combinations), start=1)
    }
    alone = {name: [asked] for name, asked in ALONE.items()} | asked_of_files(processor.codec, human, BARS)
    alone = {name: asked for name, asked in alone.items() if only is None or name in only}
    for (name, asked), way in product((alone | several).items(), ways):
        count = num_samples if name in alone else max(num_samples // 10, 1)
        try:
            found = ask(model, processor, asked, count, options, on_batch, way)
        except (ControlError, GrammarError) as error:
            rows.append({"asked": name, **way.told(), "refused": str(error)})
            continue
        row = _row(name, found.accuracy["all"], found.measured, found.bits, theirs)
        rows.append(row | way.told() | {"controls": [wish.told() for wish in asked]})
    return {"bars": BARS, "human": len(human), "rows": rows}


def _row(
    name: str,
    kept: dict[str, float] | None,
    measured: dict[str, np.ndarray],
    bits: dict[str, float],
    human: dict[str, np.ndarray],
) -> dict[str, Any]:
    """Obedience, and the mean over statistics of the distance in human standard deviations, its sign left out."""
    distance = mean_distance({"statistics": compare_measured(measured, human)})
    return {
        "asked": name,
        **({} if kept is None else {"kept": int(kept["kept"]), "pieces": int(kept["asked"])}),
        **bits,
        "distance to human": round(distance, 3),
    }
