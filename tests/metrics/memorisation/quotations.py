"""Quotations planted in other pieces: notes of one line, transposed, at another tempo, in four surroundings."""

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from symusic.core import NoteTick, ScoreTick, TrackTick

from symbolic_music.metrics.memorisation.copies import CopiedRun, Memorisation
from symbolic_music.metrics.memorisation.freshness import fresh_notes, latest_repeats
from symbolic_music.metrics.memorisation.lines import find_lines
from symbolic_music.score.transforms.edit import scale_tempo

QUOTED_NOTES = 24
TRANSPOSITION = 5
DOUBLING = 5
SURROUNDINGS = (
    "in place of a track's bars",
    "above a track's own notes",
    "doubled a fourth below",
    "in a track of its own",
)
TEMPI = (Fraction(1), Fraction(2), Fraction(1, 2), Fraction(3, 2))
"""Factors of the note values. The tempo marking changes too, and with it the ticks per quarter note."""


@dataclass(frozen=True)
class Quotation:
    """Notes of one line of a piece: quarter notes from each to the next, pitches, and how many notes are fresh."""

    steps: list[Fraction]
    pitches: list[int]
    fresh: int


def draw_quotation(score: ScoreTick, draw: np.random.Generator) -> Quotation | None:
    """Notes in a row from a random line; None where no line is long enough, or where a transposition has no room."""
    piece = find_lines(score)
    lines = [line for line in piece.lines if len(line) > QUOTED_NOTES]
    if not lines:
        return None
    line = lines[draw.integers(len(lines))]
    first = int(draw.integers(len(line) - QUOTED_NOTES))
    notes = line[first : first + QUOTED_NOTES + 1]
    steps = [Fraction(int(step), score.ticks_per_quarter) for step in np.diff(piece.onsets[notes])]
    fresh = fresh_notes(latest_repeats(piece.symbols(line)), first, QUOTED_NOTES)
    pitches = piece.pitches[notes[:-1]].tolist()
    has_room = min(pitches) >= DOUBLING and max(pitches) + TRANSPOSITION <= 127
    return Quotation(steps, pitches, fresh) if has_room else None


def plant(
    host: ScoreTick, quotation: Quotation, surroundings: str, factor: Fraction, draw: np.random.Generator
) -> tuple[ScoreTick, float, float]:
    """The host with the quotation in it, transposed and at another tempo; where that begins and its last note does.

    Its notes are held until the next begins. In quarter notes.
    """
    exact = math.lcm(*(step.denominator * factor.denominator for step in quotation.steps))
    score = scale_tempo(host.resample(exact * max(1, 480 // exact), min_dur=1), 1.25)
    quarter = score.ticks_per_quarter
    pitched = [number for number, track in enumerate(score.tracks) if not track.is_drum and len(track.notes)]
    begin = int(draw.integers(max(int(score.end()) // quarter, 1))) * quarter
    onsets = [begin]
    for step in quotation.steps:
        onsets.append(onsets[-1] + int(step * factor * quarter))
    pitches = [pitch + TRANSPOSITION for pitch in quotation.pitches]
    if surroundings == "in a track of its own":
        track = TrackTick("quotation", 0, False)
        score.tracks.append(track)
    else:
        track = score.tracks[pitched[draw.integers(len(pitched))]]
        _clear(track, onsets, min(pitches) if surroundings == "above a track's own notes" else 0)
    for onset, end, pitch in zip(onsets, onsets[1:], pitches, strict=False):
        track.notes.append(NoteTick(onset, end - onset, pitch, 80))
        if surroundings == "doubled a fourth below":
            track.notes.append(NoteTick(onset, end - onset, pitch - DOUBLING, 80))
    return score, onsets[0] / quarter, onsets[-2] / quarter


def _clear(track: TrackTick, onsets: list[int], below: int) -> None:
    """Take a track's notes out of the span of onsets, but for those `below` a pitch; shorten what reaches into it."""
    kept = []
    for note in track.notes:
        inside = onsets[0] <= note.time < onsets[-1]
        if inside and note.pitch >= below:
            continue
        if note.time < onsets[0] < note.end and note.pitch >= below:
            note.duration = onsets[0] - note.time
        kept.append(note)
    track.notes = type(track.notes)(kept)


def runs_with(copies: Memorisation, begin: float, last: float) -> list[CopiedRun]:
    """The runs that hold the whole quotation."""
    return [
        run
        for run in copies.runs
        if run.quarter <= begin + 1e-6 and run.last_quarter >= last - 1e-6 and run.notes >= QUOTED_NOTES
    ]
