"""Voices of chords as rests, notes and ties, bar by bar, and back. Knows nothing of event names."""

from bisect import bisect_right
from collections.abc import Sequence
from typing import Literal, NamedTuple

from symbolic_music.events.voices.durations import split_length
from symbolic_music.events.voices.quantise import Voice, VoicePiece


class Span(NamedTuple):
    """One duration of a voice.

    Attributes:
        kind: silence, the beginning of a chord, or what goes on of the one before.
        steps: how long.
        pitches: of a chord that begins, ascending.
    """

    kind: Literal["Rest", "Note", "Tie"]
    steps: int
    pitches: tuple[int, ...] = ()


def spans_by_bar(voice: Voice, piece: VoicePiece, durations: Sequence[int]) -> dict[int, list[Span]]:
    """The spans of a voice in each bar in which it sounds; they fill the bar.

    Args:
        voice: of the piece.
        piece: says where the bars are.
        durations: lengths of one span in steps, ascending.
    """
    starts = [*piece.bar_starts, piece.end]
    bars: dict[int, list[Span]] = {}
    ended: dict[int, int] = {}
    for onset, end, pitches in voice.chords:
        bar = bisect_right(starts, onset) - 1
        at = onset
        while at < end:
            spans = bars.setdefault(bar, [])
            spans += rests(at - ended.get(bar, starts[bar]), durations)
            until = min(end, starts[bar + 1])
            spans += _chord(until - at, pitches if at == onset else [], durations)
            ended[bar] = at = until
            bar += 1
    for bar, spans in bars.items():
        spans += rests(starts[bar + 1] - ended[bar], durations)
    return bars


def rests(length: int, durations: Sequence[int]) -> list[Span]:
    """Silence of so many steps."""
    return [Span("Rest", part) for part in split_length(length, durations)]


def _chord(length: int, pitches: list[int], durations: Sequence[int]) -> list[Span]:
    """A chord, or without pitches what goes on of the one before the bar line."""
    parts = split_length(length, durations)
    first = [Span("Note", parts[0], tuple(pitches))] if pitches else []
    return first + [Span("Tie", part) for part in parts[len(first) :]]


class VoiceWriter:
    """Collects the chords of a voice from its spans.

    Args:
        voice: to write into.
        at: the step where the next span begins.
    """

    def __init__(self, voice: Voice, at: int):
        self.chords = voice.chords
        self.at = at

    def write(self, kind: str, steps: int, pitch: int | None) -> None:
        """What an event says.

        Args:
            kind: "Rest", "Note" to begin a chord by its lowest pitch, "With" to add a pitch to it, "Tie" to hold it.
            steps: how long; nothing where a pitch is added.
            pitch: of a note that begins or is added.
        """
        if kind == "With":
            assert pitch is not None
            self.chords[-1][2].append(pitch)
            return
        begin, self.at = self.at, self.at + steps
        if kind == "Note":
            assert pitch is not None
            self.chords.append((begin, self.at, [pitch]))
        elif kind == "Tie":
            self.chords[-1] = (self.chords[-1][0], self.at, self.chords[-1][2])
