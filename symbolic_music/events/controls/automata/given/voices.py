"""What a codec of voices writes of given notes: by voice and bar, which chords begin or go on where."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from symbolic_music.events.controls.dialect import Dialect


@dataclass(frozen=True)
class Span:
    """A chord within one bar, or what goes on there of the one before.

    Attributes:
        begin: its step.
        pitches: ascending; none of a chord that goes on.
        lengths: in steps, of its first event and the ties behind it.
    """

    begin: int
    pitches: tuple[int, ...]
    lengths: tuple[int, ...]

    @property
    def end(self) -> int:
        """The step behind it."""
        return self.begin + sum(self.lengths)


@dataclass
class GivenVoice:
    """A voice as a codec writes it.

    Attributes:
        program: who plays.
        bars: by number of a bar, from 1, what sounds there; bars in which nothing does may be left out.
    """

    program: int
    bars: dict[int, list[Span]] = field(default_factory=dict)

    @property
    def last_bar(self) -> int:
        """The last bar in which it sounds."""
        return max(bar for bar, spans in self.bars.items() if spans)

    def chords(self) -> list[tuple[int, ...]]:
        """The pitches of its chords, one after the other."""
        return [span.pitches for _, spans in sorted(self.bars.items()) for span in spans if span.pitches]


def given_voices(dialect: Dialect, events: Sequence[str]) -> list[GivenVoice]:
    """The voices that events write, by their number."""
    program_of = {column: program for program, column in dialect.programs.items()}
    voices: list[GivenVoice] = []
    spans: list[Span] = []
    bar = at = 0
    is_in_a_line = dialect.kind == "track_text"
    for event in events[events.index("Tracks_None") + 1 :] if is_in_a_line else events:
        kind, column = event.partition("_")[0], dialect.column[event]
        if kind == "Bar":
            bar, at = bar + 1, 0
        elif kind in ("New", "Instrument"):
            voices.append(GivenVoice(program_of[column]))
            bar = 0 if is_in_a_line else bar
        if kind in ("New", "Voice") or (kind == "Bar" and is_in_a_line):
            number = int(event.partition("_")[2]) - 1 if kind == "Voice" else -1
            spans, at = voices[number].bars.setdefault(bar, []), 0
        elif kind in ("Note", "With", "Tie"):
            _take(spans, kind, at, int(dialect.pitch[column]), int(dialect.steps[column]))
        at += int(dialect.steps[column])
    return voices


def _take(spans: list[Span], kind: str, at: int, pitch: int, steps: int) -> None:
    """Add what an event at some step of a bar says to what sounds there."""
    if kind == "Note":
        spans.append(Span(at, (pitch,), (steps,)))
    elif kind == "With":
        spans[-1] = replace(spans[-1], pitches=(*spans[-1].pitches, pitch))
    elif spans and spans[-1].end == at:
        spans[-1] = replace(spans[-1], lengths=(*spans[-1].lengths, steps))
    else:
        spans.append(Span(at, (), (steps,)))
