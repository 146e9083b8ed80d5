"""Lead sheets' chords asked of a model: how many notes on strong beats are chord tones."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
from symusic.core import ScoreTick

from symbolic_music.data.sources.rows import stored_chord
from symbolic_music.events.controls.asked import ControlError, Controls
from symbolic_music.events.controls.compiled import settle
from symbolic_music.generation.compose import SamplingOptions, compose
from symbolic_music.generation.writing.limits import GrammarError
from symbolic_music.metrics.control import found_instruments, found_meters, strong_chord_notes
from symbolic_music.metrics.intervals import bootstrap_intervals
from symbolic_music.report.asked.obedience import as_files
from symbolic_music.score.bars import bar_table
from symbolic_music.score.chords import NO_CHORD, ChordSymbol, cut_chords
from symbolic_music.score.midi.io import read_midi
from symbolic_music.score.transforms.edit import cut_bars

_SHARES = (1, 2, 3, 4, 6)
_KINDS = ("asked", "unasked", "people")


@dataclass(frozen=True)
class LeadSheet:
    """The first bars of a lead sheet, from its first chord on.

    Attributes:
        name: of the piece.
        group: its near-duplicate group.
        melody: of these bars.
        controls: its instruments, meter, bars and chords.
    """

    name: str
    group: int
    melody: ScoreTick
    controls: Controls


def bar_chords(length: Fraction, chords: Sequence[ChordSymbol]) -> tuple[str, ...]:
    """A bar's chords as the fewest that share it evenly; those between, if there is no such number, are left out.

    Args:
        length: of the bar, in quarter notes.
        chords: counted from the bar's start; before the first there is none.
    """
    if not chords or chords[0].onset > 0:
        chords = [ChordSymbol(Fraction(0), NO_CHORD), *chords]
    places = [chord.onset for chord in chords]
    even = [count for count in _SHARES if all((place * count / length).denominator == 1 for place in places)]
    count = even[0] if even else 4
    starts = [length * number / count for number in range(count)]
    return tuple(chords[sum(place <= start for place in places) - 1].text for start in starts)


def lead_sheet(row: Mapping[str, Any], most_bars: int) -> LeadSheet | None:
    """The bars of a dataset's row that have chords, or None where it is no melody in one meter with chords.

    Args:
        row: with `midi`, `name`, `group` and `chords`.
        most_bars: that are taken.
    """
    score = read_midi(row["midi"])
    meters = found_meters(score)
    if not row["chords"] or len(meters) != 1:
        return None
    bars, tpq = bar_table(score), score.ticks_per_quarter
    symbols = sorted(map(stored_chord, row["chords"]))
    starts = [Fraction(int(start), tpq) for start in bars.starts]
    first = max(sum(start <= symbols[0].onset for start in starts) - 1, 0)
    progression = []
    for start, ticks in list(zip(starts, bars.lengths.tolist(), strict=True))[first : first + most_bars]:
        length = Fraction(ticks, tpq)
        progression.append(bar_chords(length, cut_chords(symbols, start, start + length)))
    melody = cut_bars(score, first, len(progression))
    if not melody.note_num():
        return None
    controls = Controls(
        instruments=tuple(found_instruments(melody)),
        meter=next(iter(meters)),
        bars=len(progression),
        chords=tuple(progression),
    )
    return LeadSheet(row["name"], row["group"], melody, controls)


def measure_progressions(
    model: Any,
    processor: Any,
    sheets: Iterable[LeadSheet],
    pieces_each: int,
    options: SamplingOptions,
    on_sheet: Callable[[int], Any] | None = None,
) -> dict[str, Any]:
    """The share of chord tones among what begins on strong beats, by lead sheet and on average.

    Args:
        model: a composer.
        processor: of the model.
        sheets: held-out lead sheets.
        pieces_each: sampled for each, with its chords and without; its instruments, meter and bars are asked in both.
        options: how to sample.
        on_sheet: called with 1 after each.

    Returns:
        "sheets", one for each: "name", "bars", "notes" on strong beats and "shares" of "asked", "unasked" and
        "people"; "refused", the reasons by name; "mean" of the shares over sheets with 95% intervals over groups.
    """
    rows: list[dict[str, Any]] = []
    groups: list[int] = []
    refused: dict[str, str] = {}
    for number, sheet in enumerate(sheets):
        sampling = replace(options, seed=options.seed + number, batch_size=pieces_each)
        try:
            tones = _chord_tones(model, processor, sheet, pieces_each, sampling)
        except (ControlError, GrammarError) as error:
            refused[sheet.name] = str(error)
        else:
            shares = {kind: round(float(found.mean()), 4) for kind, found in tones.items()}
            notes = {kind: len(found) for kind, found in tones.items()}
            rows.append({"name": sheet.name, "bars": sheet.controls.bars, "notes": notes, "shares": shares})
            groups.append(sheet.group)
        if on_sheet is not None:
            on_sheet(1)
    means = {}
    for kind in _KINDS if rows else ():
        values = [row["shares"][kind] for row in rows]
        means[kind] = {"value": sum(values) / len(values)} | bootstrap_intervals(values, groups)["mean"]
    return {"sheets": rows, "refused": refused, "mean": means}


def _chord_tones(
    model: Any, processor: Any, sheet: LeadSheet, count: int, options: SamplingOptions
) -> dict[str, np.ndarray]:
    """By kind of piece, which notes on strong beats are chord tones, (n,) bool."""
    asked = settle(processor.codec, sheet.controls)
    scores = {kind: [sheet.melody] for kind in _KINDS}
    for kind, controls in (("asked", asked), ("unasked", replace(asked, chords=None))):
        pieces = compose(model, processor, count, options=options, controls=controls)
        scores[kind] = [score for score in as_files([piece.score for piece in pieces]) if score is not None]
    assert sheet.controls.chords is not None
    chords = sheet.controls.chords
    tones = {kind: np.concatenate([strong_chord_notes(score, chords) for score in scores[kind]]) for kind in _KINDS}
    for kind, found in tones.items():
        if not len(found):
            raise ControlError(f"{kind}: nothing begins on a strong beat where there is a chord")
    return tones
