"""Whether a piece is what was asked for, by its notes as a file has them. Knows nothing of how it came to be so."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import fields
from itertools import pairwise
from typing import Any

import numpy as np
from symusic.core import ScoreTick as Score

from symbolic_music.events.controls.asked import EVERY, Controls, ControlValue, Key
from symbolic_music.metrics.features.notes import NoteTable
from symbolic_music.metrics.given import keeps_notes, keeps_pitches, keeps_rhythm
from symbolic_music.metrics.harmony.beats import strong_beats
from symbolic_music.metrics.intervals import wilson_interval
from symbolic_music.score.bars import bar_table, count_bars
from symbolic_music.score.checks import DEFAULT_TEMPO
from symbolic_music.score.chords import NO_CHORD, chord_pitch_classes
from symbolic_music.score.programs import DRUMS

TEMPO_TOLERANCE = 0.5
"""Quarter notes per minute by which a tempo may miss: a MIDI file cannot hold every tempo exactly."""


FIELDS = tuple(field.name for field in fields(Controls))


def found_instruments(score: Score) -> list[int]:
    """The program of every track that has notes, in order; drums are -1."""
    return sorted(DRUMS if track.is_drum else track.program for track in score.tracks if len(track.notes))


def found_tempos(score: Score) -> set[float]:
    """Every tempo in quarter notes per minute; 120 where none is written (Standard MIDI Files 1.0)."""
    return {tempo.qpm for tempo in score.tempos} or {DEFAULT_TEMPO}


def found_meters(score: Score) -> set[str]:
    """The meter of every bar, as "3/4"; empty without notes."""
    bars = bar_table(score)
    return {f"{upper}/{lower}" for upper, lower in zip(bars.numerators, bars.denominators, strict=True)}


def _last_onset_bar(score: Score) -> int:
    """The bar in which the last note begins, the first is 1; 0 without notes."""
    onsets = [int(track.notes.numpy()["time"].max()) for track in score.tracks if len(track.notes)]
    return int(np.searchsorted(bar_table(score).starts, max(onsets), side="right")) if onsets else 0


def _keeps_tempo(score: Score, asked: ControlValue) -> bool:
    low, high = asked if isinstance(asked, (tuple, list)) else (asked, asked)
    return all(low - TEMPO_TOLERANCE <= tempo <= high + TEMPO_TOLERANCE for tempo in found_tempos(score))


def _has_instruments(score: Score, asked: Sequence[int]) -> bool:
    return not Counter(asked) - Counter(found_instruments(score))


def _keeps_key(score: Score, asked: str) -> bool:
    return set((NoteTable(score).pitched.pitches % 12).tolist()) <= Key.parse(asked).scale


def _keeps_ranges(score: Score, asked: Sequence[tuple[int, int, int]]) -> bool:
    range_of = {program: (low, high) for program, low, high in asked}
    for track in score.tracks:
        program = DRUMS if track.is_drum else track.program
        everybody = range_of.get(EVERY) if not track.is_drum else None
        low, high = range_of.get(program) or everybody or (0, 127)
        if any(not low <= note.pitch <= high for note in track.notes):
            return False
    return True


def _keeps_density(score: Score, asked: tuple[int, int]) -> bool:
    table = NoteTable(score)
    if not len(table.all):
        return False
    bars = table.bar_of(table.all)
    counts = np.bincount(bars)
    return bool((counts >= asked[0]).all() and (counts <= asked[1]).all())


def strong_chord_notes(score: Score, asked: Sequence[Sequence[str]]) -> np.ndarray:
    """Of the notes that begin on a strong beat, or where a chord comes in, which are chord tones, (n,) bool.

    Args:
        score: a piece.
        asked: by bar, the chords that share it evenly; round and round. Notes where there is no chord do not count.
    """
    table = NoteTable(score)
    notes, bars = table.pitched, table.bars
    strong = set(strong_beats(bars, table.ticks_per_quarter).tolist())
    found = []
    for onset, pitch, bar in zip(
        notes.onsets.tolist(), notes.pitches.tolist(), table.bar_of(notes).tolist(), strict=True
    ):
        chords = asked[bar % len(asked)]
        length = int(4 * table.ticks_per_quarter * bars.numerators[bar] // bars.denominators[bar])
        place = (onset - int(bars.starts[bar])) * len(chords)
        chord = chords[min(place // length, len(chords) - 1)]
        if chord != NO_CHORD and (onset in strong or place % length == 0):
            found.append(pitch % 12 in chord_pitch_classes(chord))
    return np.array(found, dtype=bool)


def _keeps_ending(score: Score, key: Key) -> bool:
    table = NoteTable(score)
    notes = table.pitched
    if not len(notes):
        return False
    last = notes[notes.onsets == notes.onsets[-1]]
    lowest = [last.pitches[last.tracks == track].min() for track in np.unique(last.tracks)]
    return bool(
        last.onsets[0] in strong_beats(table.bars, table.ticks_per_quarter)
        and all(pitch % 12 == key.tonic for pitch in lowest)
        and set((last.pitches % 12).tolist()) <= key.triad
    )


def _keeps_bass(score: Score, asked: Sequence[Sequence[str]]) -> bool:
    """Whether the lowest that sounds where each chord begins, up to the last note, is its bass."""
    notes, bars = NoteTable(score).pitched, bar_table(score)
    for bar in range(_last_onset_bar(score)):
        chords = asked[bar % len(asked)]
        for number, chord in enumerate(chords):
            place = int(bars.starts[bar]) + number * int(bars.lengths[bar]) // len(chords)
            sounding = notes.pitches[(notes.onsets <= place) & (notes.ends > place)]
            if chord != NO_CHORD and not (len(sounding) and sounding.min() % 12 == chord_pitch_classes(chord)[0]):
                return False
    return True


def most_repeats(score: Score) -> int:
    """How often at most a bar is repeated in a row, up to the bar in which the last note begins; 0 without notes.

    A bar is repeated when each track begins the same pitches at the same places in the next one.
    """
    bars = bar_table(score)
    content: list[set[tuple[int, int, int]]] = [set() for _ in range(_last_onset_bar(score))]
    for number, track in enumerate(score.tracks):
        notes = track.notes.numpy()
        of_note = np.searchsorted(bars.starts, notes["time"], side="right") - 1
        places = notes["time"] - bars.starts[of_note]
        for bar, place, pitch in zip(of_note.tolist(), places.tolist(), notes["pitch"].tolist(), strict=True):
            content[bar].add((number, place, pitch))
    most = run = 0
    for before, after in pairwise(content):
        run = run + 1 if before == after else 0
        most = max(most, run)
    return most


def _keeps_polyphony(score: Score, asked: Sequence[tuple[int, int, int]]) -> bool:
    """Where notes of one pitch overlap, a MIDI file has several tracks for one: their fewest are counted together."""
    bounds = {program: (low, high) for program, low, high in asked}
    of_program: dict[int, list[np.ndarray]] = {}
    for track in score.tracks:
        of_program.setdefault(DRUMS if track.is_drum else track.program, []).append(track.notes.numpy()["time"])
    for program, tracks in of_program.items():
        low, high = bounds.get(program) or (bounds.get(EVERY) if program != DRUMS else None) or (0, 128)
        fewest = np.unique(np.concatenate(tracks), return_counts=True)[1].min(initial=128)
        most = max(np.unique(onsets, return_counts=True)[1].max(initial=0) for onsets in tracks)
        if not (low <= fewest and most <= high):
            return False
    return True


_KEPT: dict[str, Callable[[Score, Any], bool]] = {
    "instruments": lambda score, asked: set(found_instruments(score)) == set(asked) and _has_instruments(score, asked),
    "tempo": _keeps_tempo,
    "meter": lambda score, asked: found_meters(score) == {asked},
    "bars": lambda score, asked: _last_onset_bar(score) <= asked <= count_bars(score),
    "with_instruments": _has_instruments,
    "key": _keeps_key,
    "chords": lambda score, asked: bool(strong_chord_notes(score, asked).all()),
    "ranges": _keeps_ranges,
    "density": _keeps_density,
    "ending": _keeps_ending,
    "bass_on_root": _keeps_bass,
    "max_repeats": lambda score, asked: most_repeats(score) <= asked,
    "polyphony": _keeps_polyphony,
    "keep": keeps_notes,
    "rhythm": keeps_rhythm,
    "pitches": keeps_pitches,
}


def kept_controls(score: Score | None, asked: Controls) -> dict[str, bool]:
    """For each thing that was asked for, whether the piece is so; what does not decode to a Score (None) is not."""
    wanted = {name: getattr(asked, name) for name in asked.asked}
    if asked.ending:
        assert asked.key is not None
        wanted["ending"] = Key.parse(asked.key)
    if asked.bass_on_root:
        assert asked.chords is not None
        wanted["bass_on_root"] = asked.chords
    return {name: score is not None and _KEPT[name](score, value) for name, value in wanted.items()}


def control_accuracy(scores: Sequence[Score | None], asked: Sequence[Controls]) -> dict[str, dict[str, float]]:
    """How many pieces are what was asked for. Higher is better.

    Args:
        scores: the pieces; None for one that did not decode.
        asked: of each piece.

    Returns:
        For each thing that was asked for, by its name in `Controls`, and for "all" that was asked of a piece together:
        `asked`, `kept`, `share`, and `low` and `high` of its 95% interval (Wilson).

    Raises:
        ValueError: when nothing was asked for, or not of every piece.
    """
    outcomes = [kept_controls(score, controls) for score, controls in zip(scores, asked, strict=True)]
    judged = {name: [outcome[name] for outcome in outcomes if name in outcome] for name in FIELDS}
    judged["all"] = [all(outcome.values()) for outcome in outcomes if outcome]
    if not judged["all"]:
        raise ValueError(f"nothing was asked for of {len(scores)} pieces")
    return {name: _share(kept) for name, kept in judged.items() if kept}


def _share(kept: list[bool]) -> dict[str, float]:
    low, high = wilson_interval(sum(kept), len(kept))
    return {"asked": len(kept), "kept": sum(kept), "share": sum(kept) / len(kept), "low": low, "high": high}
