"""Whether a piece keeps what a file gives, by its notes as a file has them. Knows nothing of how it came to be so."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from fractions import Fraction

from symusic.core import ScoreTick as Score

from symbolic_music.events.controls.given import GivenNotes
from symbolic_music.score.programs import DRUMS

Played = tuple[Fraction, Fraction, int]
"""Onset and duration in quarter notes, and pitch."""


def keeps_notes(score: Score, given: GivenNotes) -> bool:
    """Whether each given note is there, by instrument, onset, duration and pitch."""
    found = {(program, note) for program, notes in _tracks(score) for note in notes}
    return all((program, note) in found for program, notes in _lines(given) for note in notes)


def keeps_rhythm(score: Score, given: GivenNotes) -> bool:
    """Whether each instrument has as many notes of each onset and duration as are given, and nobody else plays."""

    def rhythm(parts: Iterable[tuple[int, list[Played]]]) -> Counter[tuple[int, Fraction, Fraction]]:
        return Counter((program, onset, duration) for program, notes in parts for onset, duration, _ in notes)

    return rhythm(_tracks(score)) == rhythm(_lines(given))


def keeps_pitches(score: Score, given: GivenNotes) -> bool:
    """Whether each voice has the given chords (what begins together) one after the other, and nobody else plays.

    Where a file gives an instrument one line, all its tracks are looked at as one: a MIDI file has several where notes
    of one pitch overlap. Where it gives several, each track is one of them.
    """
    found, wanted = _by_program(_tracks(score)), _by_program(_lines(given))
    if found.keys() != wanted.keys():
        return False
    for program, lines in wanted.items():
        tracks = found[program] if len(lines) > 1 else [[note for notes in found[program] for note in notes]]
        if sorted(map(_chords, tracks)) != sorted(map(_chords, lines)):
            return False
    return True


def _chords(notes: Iterable[Played]) -> list[list[int]]:
    together: dict[Fraction, list[int]] = defaultdict(list)
    for onset, _, pitch in notes:
        together[onset].append(pitch)
    return [sorted(pitches) for _, pitches in sorted(together.items())]


def _by_program(parts: Iterable[tuple[int, list[Played]]]) -> dict[int, list[list[Played]]]:
    found: dict[int, list[list[Played]]] = defaultdict(list)
    for program, notes in parts:
        found[program].append(notes)
    return found


def _tracks(score: Score) -> list[tuple[int, list[Played]]]:
    unit = score.ticks_per_quarter
    return [
        (
            DRUMS if track.is_drum else track.program,
            [(Fraction(note.time, unit), Fraction(note.duration, unit), note.pitch) for note in track.notes],
        )
        for track in score.tracks
        if len(track.notes)
    ]


def _lines(given: GivenNotes) -> list[tuple[int, list[Played]]]:
    unit = given.ticks_per_quarter
    return [
        (
            line.program,
            [(Fraction(onset, unit), Fraction(duration, unit), pitch) for onset, duration, pitch in line.notes],
        )
        for line in given.lines
    ]
