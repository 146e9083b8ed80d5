"""Notes of a staff dealt to its voices, upper notes to lower numbers, and a voice as a row of chords and rests.

Times are in units of `note_values.CLOCK`. A voice may be given notes that overlap: it is then written as chords whose
notes are tied on one by one. Knows nothing of bars, of spelling or of files.
"""

from bisect import bisect_right
from dataclasses import dataclass

MAX_VOICES = 4
"""Voices on a staff: more than MuseScore takes, and than a reader can follow."""


@dataclass(frozen=True)
class PlayedNote:
    """A note as it sounds.

    Attributes:
        onset: where it begins.
        end: where it ends.
        pitch: MIDI number.
        velocity: 0 to 127.
    """

    onset: int
    end: int
    pitch: int
    velocity: int


@dataclass(frozen=True)
class Segment:
    """A stretch of a voice in which the same notes sound; none of them in a rest."""

    start: int
    end: int
    notes: tuple[PlayedNote, ...]


def deal_voices(notes: list[PlayedNote], most: int = MAX_VOICES) -> list[list[PlayedNote]]:
    """The notes of a staff in as few voices as hold them without overlap, at most `most` of those.

    What does not fit goes to the last voice that does not sound the same pitch then; further voices are opened only
    for what fits nowhere: the same pitch more than `most` times at once.
    """
    voices: list[list[PlayedNote]] = []
    ends: list[int] = []
    tops: list[int] = []
    for chord in _chords(notes):
        number = _fitting_voice(chord, voices, ends, tops, most)
        if number == len(voices):
            voices.append([])
            ends.append(0)
            tops.append(0)
        voices[number] += chord
        ends[number] = max(ends[number], chord[0].end)
        tops[number] = chord[-1].pitch
    return voices


def _chords(notes: list[PlayedNote]) -> list[list[PlayedNote]]:
    """Notes that begin and end together, by onset and from the highest down; a doubled note is another chord."""
    chords: dict[tuple[int, int, int], list[PlayedNote]] = {}
    copies: dict[PlayedNote | tuple[int, int, int], int] = {}
    for note in sorted(notes, key=lambda note: (note.onset, note.end, note.pitch, note.velocity)):
        same = (note.onset, note.end, note.pitch)
        copies[same] = copies.get(same, -1) + 1
        chords.setdefault((note.onset, note.end, copies[same]), []).append(note)
    return sorted(chords.values(), key=lambda chord: (chord[0].onset, -chord[-1].pitch, chord[0].end))


def _fitting_voice(
    chord: list[PlayedNote], voices: list[list[PlayedNote]], ends: list[int], tops: list[int], most: int
) -> int:
    """The number of the voice for a chord; one more than there are to open a new one."""
    onset, top = chord[0].onset, chord[-1].pitch
    free = [number for number, end in enumerate(ends) if end <= onset]
    free += [len(voices)] if len(voices) < most else []
    if free:
        above = [number for number in range(len(voices)) if ends[number] > onset and tops[number] >= top]
        return next((number for number in free if not above or number > above[-1]), free[0])
    pitches = {note.pitch for note in chord}
    for number in range(len(voices) - 1, -1, -1):
        sounding = {note.pitch for note in voices[number] if note.end > onset}
        if not pitches & sounding:
            return number
    return len(voices)


def segments(voice: list[PlayedNote], start: int, end: int) -> list[Segment]:
    """A voice from `start` to `end` without gaps: chords, and rests between them.

    Args:
        voice: its notes by onset; those of one pitch do not overlap.
        start: where the first rest may begin.
        end: where the last one ends.
    """
    edges = sorted({start, end, *(note.onset for note in voice), *(note.end for note in voice)})
    sounding: list[list[PlayedNote]] = [[] for _ in edges]
    for note in voice:
        first = bisect_right(edges, note.onset) - 1
        while edges[first] < note.end:
            sounding[first].append(note)
            first += 1
    return [
        Segment(begin, until, tuple(sorted(notes, key=lambda note: note.pitch)))
        for begin, until, notes in zip(edges[:-1], edges[1:], sounding[:-1], strict=True)
    ]
