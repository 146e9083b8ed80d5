"""Notes of a file of which a piece shall keep something: all, the rhythm, or the pitches. Knows no automata.

What a file gives is moved to a codec's grid by the codec itself, and kept as events too, as the codec writes them.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

from symusic.core import (
    KeySignatureTick,
    KeySignatureTickList,
    NoteTick,
    NoteTickList,
    ScoreTick,
    TempoTick,
    TempoTickList,
    TimeSignatureTick,
    TimeSignatureTickList,
    TrackTick,
    TrackTickList,
)

from symbolic_music.events.codec import EncodingError, ScoreCodec
from symbolic_music.events.controls.errors import ControlError
from symbolic_music.score.abc.spelling import key_text
from symbolic_music.score.bars import bar_table, meters_in_force
from symbolic_music.score.programs import DRUMS, program_name

Note = tuple[int, int, int]
"""Onset and duration in ticks, and pitch."""


@dataclass(frozen=True)
class Line:
    """Notes of one instrument, by onset and pitch.

    Attributes:
        program: of General MIDI; drums are -1.
        notes: in order.
    """

    program: int
    notes: tuple[Note, ...]

    @property
    def chords(self) -> list[tuple[int, tuple[Note, ...]]]:
        """The notes that begin together, by onset."""
        found: dict[int, list[Note]] = defaultdict(list)
        for note in self.notes:
            found[note[0]].append(note)
        return [(onset, tuple(notes)) for onset, notes in sorted(found.items())]


@dataclass(frozen=True)
class GivenNotes:
    """What a file gives.

    Attributes:
        name: of the file, for messages.
        ticks_per_quarter: of all ticks.
        lines: one for each track; of a codec's grid, one for each voice that the codec writes.
        meters: changes of meter as (tick, "3/4"), from 0 on.
        tempo: in quarter notes per minute, where the file has one throughout.
        fifths: sharps of the key signature and 1 for minor, where the file has one throughout.
        num_bars: that a codec needs for it; 0 before one wrote it.
        events: as a codec writes it; none before one did.
    """

    name: str
    ticks_per_quarter: int
    lines: tuple[Line, ...]
    meters: tuple[tuple[int, str], ...]
    tempo: float | None = None
    fifths: tuple[int, int] | None = None
    num_bars: int = 0
    events: tuple[str, ...] = ()

    @classmethod
    def read(cls, score: ScoreTick, name: str) -> "GivenNotes":
        """What a Score gives.

        Raises:
            ControlError: when it has no notes, or its clock does not run.
        """
        if score.ticks_per_quarter <= 0 or not score.note_num():
            raise ControlError(f"{name} has no notes")
        lines = tuple(
            Line(
                DRUMS if track.is_drum else track.program,
                tuple(sorted((note.time, note.duration, note.pitch) for note in track.notes)),
            )
            for track in score.tracks
            if len(track.notes)
        )
        tempos = {tempo.qpm for tempo in score.tempos}
        keys = {(key.key, key.tonality) for key in score.key_signatures}
        return cls(
            name,
            score.ticks_per_quarter,
            lines,
            tuple((tick, f"{upper}/{lower}") for tick, upper, lower in meters_in_force(score)),
            min(tempos) if len(tempos) == 1 else None,
            min(keys) if len(keys) == 1 else None,
        )

    def score(self) -> ScoreTick:
        """The notes as a Score."""
        score = ScoreTick(self.ticks_per_quarter)
        tracks = []
        for line in self.lines:
            track = TrackTick(program_name(line.program), max(line.program, 0), line.program == DRUMS)
            track.notes = NoteTickList([NoteTick(onset, duration, pitch, 80) for onset, duration, pitch in line.notes])
            tracks.append(track)
        score.tracks = TrackTickList(tracks)
        meters = [(tick, *map(int, meter.split("/"))) for tick, meter in self.meters]
        score.time_signatures = TimeSignatureTickList([TimeSignatureTick(*meter) for meter in meters])
        if self.tempo is not None:
            score.tempos = TempoTickList([TempoTick(0, self.tempo)])
        if self.fifths is not None:
            score.key_signatures = KeySignatureTickList([KeySignatureTick(0, *self.fifths)])
        return score

    @property
    def key(self) -> str | None:
        """Its key signature as a vocabulary names it, where it has one throughout."""
        return None if self.fifths is None else key_text(self.fifths[0], bool(self.fifths[1]))

    @property
    def meter(self) -> str | None:
        """Its meter, where it has one throughout."""
        return self.meters[0][1] if len(self.meters) == 1 else None

    @property
    def usual_meter(self) -> str:
        """The meter that most of it is in; of several the first."""
        bars = bar_table(self.score())
        lasts: dict[str, int] = {}
        for upper, lower, length in zip(bars.numerators, bars.denominators, bars.lengths, strict=True):
            lasts[f"{upper}/{lower}"] = lasts.get(f"{upper}/{lower}", 0) + int(length)
        return max(lasts, key=lasts.__getitem__)

    @property
    def programs(self) -> tuple[int, ...]:
        """The instrument of each line."""
        return tuple(line.program for line in self.lines)

    def bar_of(self, tick: int) -> int:
        """The bar that holds a tick; the first is 1."""
        starts = bar_table(self.score()).starts
        return int((starts <= tick).sum())

    def melody(self, program: int) -> "GivenNotes":
        """Its melody, for another instrument: of the line that lies highest, the highest note of each onset.

        Drums are looked at where there is nothing else.
        """
        pitched = [line for line in self.lines if line.program != DRUMS] or list(self.lines)
        highest = max(pitched, key=lambda line: Fraction(sum(pitch for *_, pitch in line.notes), len(line.notes)))
        tops = tuple(max(notes, key=lambda note: note[2]) for _, notes in highest.chords)
        return replace(self, lines=(Line(program, tops),))

    def written_by(self, codec: ScoreCodec) -> "GivenNotes":
        """The same on a codec's grid, and as its events.

        Raises:
            ControlError: when the codec cannot write it, or not every note of it.
        """
        try:
            quantised = codec.quantise(self.score())
            events = codec.encode(quantised)
        except EncodingError as error:
            raise ControlError(f"{self.name}: {error}") from error
        said = [int(event.partition("_")[2]) for event in events if event.startswith("Bars_")]
        num_bars = said[0] if said else events.count("Bar_None")
        written = GivenNotes.read(quantised, self.name)
        # A tempo that the file does not say is none that is given; a key is what fits where it says none.
        fifths = written.fifths if self.fifths is None else self.fifths
        written = replace(written, tempo=self.tempo, fifths=fifths, num_bars=num_bars, events=tuple(events))
        lost = next(self._moves(written, lost=True), None)
        if lost is not None:
            onset, _, pitch = lost[0]
            raise ControlError(
                f"{self.name}: bar {self.bar_of(onset)} has a note (pitch {pitch}) that this model cannot write "
                "beside the others: it falls together with another one, or lies outside of its pitches and voices"
            )
        return written

    def changed_by(self, written: "GivenNotes") -> str | None:
        """What a codec's grid made of it, in one line; None where that is the same."""
        unit, grid = self.ticks_per_quarter, written.ticks_per_quarter
        moved = []
        for (onset, duration, _), (new_onset, new_duration, _) in self._moves(written):
            shift = abs(Fraction(onset, unit) - Fraction(new_onset, grid))
            change = abs(Fraction(duration, unit) - Fraction(new_duration, grid))
            if shift or change:
                moved.append((max(shift, change), onset))
        if not moved:
            return None
        bar, most = self.bar_of(min(onset for _, onset in moved)), float(max(most for most, _ in moved))
        return (
            f"{self.name}: {len(moved)} of {sum(len(line.notes) for line in self.lines)} notes are moved to the "
            f"model's grid, the first in bar {bar}, by {most:.3g} quarter notes at most"
        )

    def _moves(self, written: "GivenNotes", lost: bool = False) -> Iterator[tuple[Note, Note]]:
        """Each note and what it became, instrument by instrument and pitch by pitch; or notes that became nothing."""
        mine, theirs = self._by_pitch(), written._by_pitch()
        unit, grid = self.ticks_per_quarter, written.ticks_per_quarter
        gone = []
        for key, notes in mine.items():
            found = theirs.get(key, {})
            if len(found) == len(notes):
                if not lost:
                    yield from zip(notes.values(), found.values(), strict=True)
                continue
            free = sorted(found)
            for onset, note in notes.items():
                near = min(free, key=lambda other: abs(Fraction(other, grid) - Fraction(onset, unit)), default=None)
                if near is None or abs(Fraction(near, grid) - Fraction(onset, unit)) > Fraction(1, 4):
                    gone.append(note)
                    continue
                free.remove(near)
        if lost:
            yield from ((note, note) for note in sorted(gone))

    def _by_pitch(self) -> dict[tuple[int, int], dict[int, Note]]:
        """By program and pitch, the shortest note of each onset, ascending."""
        found: dict[tuple[int, int], dict[int, Note]] = defaultdict(dict)
        for program, note in sorted((line.program, note) for line in self.lines for note in line.notes):
            found[program, note[2]].setdefault(note[0], note)
        return {key: dict(sorted(notes.items())) for key, notes in sorted(found.items())}
