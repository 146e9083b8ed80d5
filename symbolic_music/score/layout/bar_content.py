"""What stands in one bar of one part: notes and rests with their values, ties, accidentals, beams and tuplets.

Times within a bar are in units of `note_values.CLOCK` from its start. Knows nothing of files.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby

from symbolic_music.score.abc.spelling import KEY_ALTERATIONS, MAX_FIFTHS, SPELLED_ALTERATIONS, SPELLED_STEPS
from symbolic_music.score.layout.note_values import (
    QUARTER_TYPE,
    Meter,
    NoteValue,
    Tuplet,
    find_tuplets,
    write_in_tuplet,
    write_stretch,
)
from symbolic_music.score.layout.parts import Part, WrittenBar
from symbolic_music.score.layout.voices import PlayedNote, Segment

_STEPS = SPELLED_STEPS.tolist()
_ALTERATIONS = SPELLED_ALTERATIONS.tolist()
_KEYS = KEY_ALTERATIONS.tolist()


@dataclass
class WrittenNote:
    """A note head.

    Attributes:
        note: what sounds.
        step: staff steps above the C of the octave below MIDI's lowest (`abc.spelling`).
        alteration: semitones above the letter.
        tie_start: whether it goes on in a later note head.
        tie_stop: whether it goes on from an earlier one.
        accidental: the alteration where it is to be shown, else None.
    """

    note: PlayedNote
    step: int
    alteration: int
    tie_start: bool
    tie_stop: bool
    accidental: int | None = None


@dataclass
class WrittenEvent:
    """A chord, a note or a rest.

    Attributes:
        value: its place in the bar, length and note value.
        notes: from the lowest; none for a rest.
        beams: from the longest note value down, what happens to each beam: "begin", "continue", "end", "forward hook"
            or "backward hook".
        opens_tuplet: whether a tuplet begins with it.
        closes_tuplet: whether one ends with it.
    """

    value: NoteValue
    notes: list[WrittenNote]
    beams: list[str] = field(default_factory=list)
    opens_tuplet: bool = False
    closes_tuplet: bool = False


@dataclass
class VoiceBar:
    """A bar of one voice: the voice's number and the staff's, both from 0, and its events without gaps."""

    voice: int
    staff: int
    events: list[WrittenEvent]

    @property
    def is_silent(self) -> bool:
        """Whether there are only rests."""
        return not any(event.notes for event in self.events)


class PartBars:
    """The bars of a part, to be asked for in order.

    Args:
        part: as laid out.
        bars: of the piece.
    """

    def __init__(self, part: Part, bars: list[WrittenBar]):
        self.part = part
        self.bars = bars

    def __iter__(self) -> Iterator[list[VoiceBar]]:
        """Every bar's voices: on each staff the first, and the others where they sound."""
        voices = []
        for staff_number, staff in enumerate(self.part.staves):
            for number, voice in enumerate(staff.voices or [[]]):
                voices.append((staff_number, number, _by_bar(voice, self.bars)))
        for number, bar in enumerate(self.bars):
            content = [
                VoiceBar(voice, staff, _events(by_bar[number], bar, self.part.is_drum))
                for staff, voice, by_bar in voices
            ]
            content = [voice for voice in content if voice.voice == 0 or not voice.is_silent]
            for staff_number in range(len(self.part.staves)):
                _set_accidentals([voice for voice in content if voice.staff == staff_number], bar.fifths)
            yield content


def _by_bar(voice: list[Segment], bars: list[WrittenBar]) -> list[list[Segment]]:
    """A voice's segments cut at the bar lines."""
    if not voice:
        return [[Segment(bar.start, bar.end, ())] for bar in bars]
    cut: list[list[Segment]] = []
    place = 0
    for bar in bars:
        inside = []
        while place < len(voice) and voice[place].start < bar.end:
            segment = voice[place]
            inside.append(Segment(max(segment.start, bar.start), min(segment.end, bar.end), segment.notes))
            if segment.end > bar.end:
                break
            place += 1
        cut.append(inside)
    return cut


def _events(segments: list[Segment], bar: WrittenBar, is_drum: bool) -> list[WrittenEvent]:
    starts = tuple(segment.start - bar.start for segment in segments)
    tuplets = find_tuplets(starts, bar.end - bar.start)
    # A short bar is the end of a whole one, where the beats are.
    late = bar.meter.length - (bar.end - bar.start) if bar.is_short else 0
    events = []
    for segment in segments:
        for value in _values(
            segment.start - bar.start, segment.end - bar.start, tuplets, bar.meter, late, not segment.notes
        ):
            start, end = bar.start + value.start, bar.start + value.end
            events.append(WrittenEvent(value, [_written(note, start, end, bar, is_drum) for note in segment.notes]))
    _mark_tuplets(events)
    _set_beams(events, bar.meter, late)
    return events


def _values(
    start: int, end: int, tuplets: tuple[Tuplet, ...], meter: Meter, late: int, is_rest: bool
) -> Iterator[NoteValue]:
    """A stretch of a bar as note values: within tuplets and between them."""
    for tuplet in tuplets:
        if tuplet.end <= start or tuplet.start >= end:
            continue
        if start < tuplet.start:
            yield from _shifted(start, tuplet.start, meter, late, is_rest)
            start = tuplet.start
        until = min(end, tuplet.end)
        yield from write_in_tuplet(start, until, tuplet)
        start = until
    if start < end:
        yield from _shifted(start, end, meter, late, is_rest)


def _shifted(start: int, end: int, meter: Meter, late: int, is_rest: bool) -> Iterator[NoteValue]:
    if not late:
        yield from write_stretch(start, end, meter, is_rest)
        return
    for value in write_stretch(start + late, end + late, meter, is_rest):
        yield NoteValue(value.start - late, value.length, value.type, value.dots)


def _written(note: PlayedNote, start: int, end: int, bar: WrittenBar, is_drum: bool) -> WrittenNote:
    tie_start, tie_stop = note.end > end, note.onset < start
    if is_drum:
        return WrittenNote(note, 0, 0, tie_start, tie_stop)
    # In minor the raised sixth and seventh are sharps of the key, the way up one fifth further.
    row = min(bar.fifths + bar.minor, MAX_FIFTHS) + MAX_FIFTHS
    return WrittenNote(note, _STEPS[row][note.pitch], _ALTERATIONS[row][note.pitch], tie_start, tie_stop)


def _set_accidentals(voices: list[VoiceBar], fifths: int) -> None:
    """An accidental holds for its staff, letter and octave to the end of the bar, and a tie carries it over."""
    in_key = _KEYS[fifths + MAX_FIFTHS]
    events = sorted(
        (event for voice in voices for event in voice.events if event.notes), key=lambda event: event.value.start
    )
    shown: dict[int, int] = {}
    for event in events:
        for note in event.notes:
            if shown.get(note.step, in_key[note.step % 7]) != note.alteration and not note.tie_stop:
                shown[note.step] = note.accidental = note.alteration


def _mark_tuplets(events: list[WrittenEvent]) -> None:
    for event in events:
        tuplet = event.value.tuplet
        if tuplet:
            event.opens_tuplet = event.value.start == tuplet.start
            event.closes_tuplet = event.value.end == tuplet.end


def _set_beams(events: list[WrittenEvent], meter: Meter, late: int) -> None:
    keyed = zip(_beam_keys(events, meter, late), events, strict=True)
    for key, group in groupby(keyed, key=lambda pair: pair[0]):
        if key is not None:
            _beam([event for _, event in group])


def _beam_keys(events: list[WrittenEvent], meter: Meter, late: int) -> list[object]:
    """What notes under one beam have in common: the beat, or the tuplet; None for what has no beam."""
    groups = _beam_groups(meter)
    # Quavers alone run to the half bar; what is shorter breaks the beam at each beat.
    keys: list[object] = []
    for event in events:
        at = event.value.start + late
        if not event.notes or event.value.type >= QUARTER_TYPE:
            keys.append(None)
        elif event.value.tuplet and event.value.tuplet.length <= 2 * meter.beat:
            keys.append(("tuplet", event.value.tuplet.start))
        else:
            keys.append(("beat", next(place for place, end in enumerate(groups) if at < end)))
    # A rest or a long note between two notes of a beat ends their beam.
    broken = 0
    for place, key in enumerate(keys):
        if key is None:
            broken += 1
        else:
            keys[place] = (key, broken)
    return keys


def _beam_groups(meter: Meter) -> list[int]:
    """Where the beam groups of a bar end: after each beat; fives and sevens of quavers as 3 + 2 and 2 + 2 + 3."""
    if meter.denominator >= 8 and meter.numerator in (5, 7):
        sizes = [3, 2] if meter.numerator == 5 else [2, 2, 3]
        return [sum(sizes[: place + 1]) * meter.unit for place in range(len(sizes))]
    beat = max(meter.beat, 3 * meter.unit if meter.is_compound else 2 * meter.unit if meter.denominator >= 8 else 0)
    return [*range(beat, meter.length, beat), meter.length]


def _beam(group: list[WrittenEvent]) -> None:
    """Say what becomes of each beam at each of the notes that share them."""
    if len(group) < 2:
        return
    depths = [QUARTER_TYPE - event.value.type for event in group]
    for place, event in enumerate(group):
        before = depths[place - 1] if place else 0
        after = depths[place + 1] if place + 1 < len(group) else 0
        event.beams = [_beam_at(level, before, after, place) for level in range(1, depths[place] + 1)]


def _beam_at(level: int, before: int, after: int, place: int) -> str:
    if before >= level and after >= level:
        return "continue"
    if before >= level:
        return "end"
    if after >= level:
        return "begin"
    return "backward hook" if place else "forward hook"
