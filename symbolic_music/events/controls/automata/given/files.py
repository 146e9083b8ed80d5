"""All automata of what files give."""

from collections.abc import Sequence

from symbolic_music.events.controls.asked import Controls
from symbolic_music.events.controls.automata.fields import only
from symbolic_music.events.controls.automata.given.meters import given_meters, meter_automaton
from symbolic_music.events.controls.automata.given.pace import Pace, parts_of_a_beat
from symbolic_music.events.controls.automata.given.positions import (
    kept_by_position,
    placed_notes,
    rhythm_by_position,
)
from symbolic_music.events.controls.automata.given.sequences import pitches_by_position, pitches_by_step
from symbolic_music.events.controls.automata.given.steps import kept_by_step, rhythm_by_step
from symbolic_music.events.controls.automata.given.voices import given_voices
from symbolic_music.events.controls.dialect import Dialect
from symbolic_music.events.controls.given import GivenNotes
from symbolic_music.events.grammar import Automaton

# A rhythm leaves these open.
_NOTES = ("Pitch", "Note", "With")


def given_automata(dialect: Dialect, asked: Controls) -> list[Automaton]:
    """The automata of what files give, which codecs have written; bars and meter must be asked for as well."""
    automata: list[Automaton] = []
    for name, given in asked.given.items():
        if name == "pitches":
            automata += _pitches(dialect, asked, given)
        elif dialect.kind == "remi":
            automata += (kept_by_position if name == "keep" else rhythm_by_position)(dialect, given.events)
        else:
            numbers = voice_numbers(asked, given)
            automata += (kept_by_step if name == "keep" else rhythm_by_step)(dialect, given.events, numbers)
    placed = asked.rhythm or asked.keep
    if placed is not None and asked.meter is None:
        automata.append(meter_automaton(dialect, given_meters(placed.events)))
    sounding = asked.keep or asked.pitches
    if sounding is not None and asked.key is None and sounding.key in dialect.keys:
        automata.append(only(dialect, "given key signature", dialect.keys.values(), [dialect.keys[sounding.key]]))
    return automata


def voice_numbers(asked: Controls, given: GivenNotes) -> list[int]:
    """Which voices of a piece, from 1, the lines of a file are: of their instrument the first that are asked for."""
    players: list[int | None] = list(asked.instruments or asked.with_instruments or ())
    numbers = []
    for program in given.programs:
        place = players.index(program)
        players[place] = None
        numbers.append(place + 1)
    return numbers


def given_columns(dialect: Dialect, asked: Controls) -> tuple[list[int], int]:
    """Events that a piece may need to be completed by, and how many notes may have to begin together."""
    columns: list[int] = []
    together = 0
    for name, given in asked.given.items():
        kinds = {event: event.partition("_")[0] for event in dict.fromkeys(given.events)}
        columns += [dialect.column[event] for event, kind in kinds.items() if name != "rhythm" or kind not in _NOTES]
        together = max(together, *(len(notes) for line in given.lines for _, notes in line.chords))
    if asked.pitches is not None and dialect.kind == "remi":
        assert asked.meter is not None
        assert asked.bars is not None
        part = dialect.grid // parts_of_a_beat(dialect, asked.meter, _most_chords(asked.pitches), asked.bars)
        length = dialect.bar_length(asked.meter)
        columns += [
            column for position, column in dialect.positions.items() if not position % part and position < length
        ]
    if asked.given:
        columns += dialect.columns("Tie").tolist()
    return columns, together


def _most_chords(given: GivenNotes) -> int:
    return max(len(line.chords) for line in given.lines)


def _pitches(dialect: Dialect, asked: Controls, given: GivenNotes) -> list[Automaton]:
    assert asked.meter is not None
    assert asked.bars is not None
    bars, meter, length = asked.bars, asked.meter, dialect.bar_length(asked.meter)

    def paces(voices: Sequence[Sequence[tuple[int, ...]]]) -> list[Pace]:
        numbers = [len(chords) for chords in voices]
        last = numbers.index(max(numbers))
        return [
            Pace(number, bars, length * parts_of_a_beat(dialect, meter, number, bars) // dialect.grid, voice == last)
            for voice, number in enumerate(numbers)
        ]

    if dialect.kind == "remi":
        lines = {
            program: _chords_of([(note.place, note.pitch) for note in notes])
            for program, notes in placed_notes(given.events).items()
        }
        return [
            pitches_by_position(dialect, program, chords, pace)
            for (program, chords), pace in zip(lines.items(), paces(list(lines.values())), strict=True)
        ]
    voices = given_voices(dialect, given.events)
    return [
        pitches_by_step(dialect, voice.program, number, voice.chords(), pace)
        for number, voice, pace in zip(
            voice_numbers(asked, given), voices, paces([voice.chords() for voice in voices]), strict=True
        )
    ]


def _chords_of(notes: Sequence[tuple[tuple[int, int], int]]) -> list[tuple[int, ...]]:
    """The pitches of notes, in order, that begin at one place."""
    places = [place for place, _ in notes]
    return [
        tuple(pitch for other, pitch in notes[places.index(place) :] if other == place)
        for place in dict.fromkeys(places)
    ]
