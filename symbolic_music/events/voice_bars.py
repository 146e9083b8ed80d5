"""Voices of chords as rests, notes and ties, bar by bar, and back. Knows nothing of event names."""

from bisect import bisect_right
from collections.abc import Sequence
from typing import Literal, NamedTuple

from symbolic_music.events.durations import split_length
from symbolic_music.events.voice_quantise import Voice, VoicePiece


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

    def rest(self, steps: int) -> None:
        """Be silent."""
        self.at += steps

    def note(self, pitch: int, steps: int) -> None:
        """Begin a chord by its lowest pitch."""
        self.chords.append((self.at, self.at + steps, [pitch]))
        self.at += steps

    def add_pitch(self, pitch: int) -> None:
        """Add a pitch to the chord that has begun."""
        self.chords[-1][2].append(pitch)

    def tie(self, steps: int) -> None:
        """Hold the chord on."""
        self.at += steps
        self.chords[-1] = (self.chords[-1][0], self.at, self.chords[-1][2])
