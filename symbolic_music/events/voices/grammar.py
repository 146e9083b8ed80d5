"""Automata over voices of notes and chords that every codec of such voices shares. Knows neither bars nor headers."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from symbolic_music.events.grammar import Automaton, AutomatonBuilder

_UNBOUNDED = 10**6


def group_by_type(events: Sequence[str]) -> dict[str, list[str]]:
    """Events by what their names begin with; a type that does not occur has none."""
    grouped: dict[str, list[str]] = defaultdict(list)
    for event in events:
        grouped[event.partition("_")[0]].append(event)
    return grouped


def all_but(by_type: Mapping[str, list[str]], *watched: str) -> list[str]:
    """All events but those of the watched types."""
    return [event for type_, events in by_type.items() if type_ not in watched for event in events]


def group_by_duration(events: Sequence[str], durations: Mapping[str, int]) -> dict[int, list[str]]:
    """Events by their length in steps."""
    grouped: dict[int, list[str]] = defaultdict(list)
    for event in events:
        grouped[durations[event]].append(event)
    return grouped


def _by_pitch(notes: Sequence[str]) -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = defaultdict(list)
    for event in notes:
        grouped[event.partition("_")[2].partition(":")[0]].append(event)
    return grouped


def room_after(duration: int, durations: Sequence[int]) -> int:
    """Steps that may be tied to a duration before a longer one would have been taken instead."""
    longer = [other for other in durations if other > duration]
    return min(longer) - duration - 1 if longer else _UNBOUNDED


def lengths_automaton(
    events: Sequence[str],
    by_type: Mapping[str, list[str]],
    durations: Mapping[str, int],
    fresh_after: Sequence[str],
) -> Automaton:
    """A length that takes several events takes the longest ones first, and no fewer would do.

    Args:
        events: event names, in the order of the grammar's columns.
        by_type: the same by type; `Note`, `Rest` and `Tie` have lengths.
        durations: by event of these types, its length in steps.
        fresh_after: types after which a length begins anew.
    """
    steps = sorted(set(durations.values()))
    rooms = {duration: room_after(duration, steps) for duration in steps}
    reachable = sorted({*range(max(room for room in rooms.values() if room < _UNBOUNDED) + 1), _UNBOUNDED})
    note, rest = "note, room for {} steps".format, "rest, room for {} steps".format
    builder = AutomatonBuilder(
        "lengths", events, ["fresh", *(name(room) for name in (note, rest) for room in reachable)]
    )
    builder.stay_on(all_but(by_type, *fresh_after, "Note", "Rest", "Tie"))
    for state in builder.row:
        for type_ in fresh_after:
            builder.add(state, by_type[type_], "fresh")
    of_note, of_rest, of_tie = (
        {steps: builder.columns(group) for steps, group in group_by_duration(by_type[type_], durations).items()}
        for type_ in ("Note", "Rest", "Tie")
    )
    notes = [note(room) for room in reachable]
    for duration, room in rooms.items():
        for state in builder.row:
            builder.add(state, of_note[duration], note(room))
        for state in ("fresh", *notes):
            builder.add(state, of_rest[duration], rest(room))
        builder.add("fresh", of_tie[duration], note(room))
        for left in reachable:
            if duration <= left:
                still = room if left == _UNBOUNDED else min(left - duration, room)
                builder.add(note(left), of_tie[duration], note(still))
                builder.add(rest(left), of_rest[duration], rest(still))
    return builder.build()


def pitch_automaton(events: Sequence[str], by_type: Mapping[str, list[str]]) -> Automaton:
    """The notes of a chord ascend from its lowest, which bears the duration: `Note_C:2 With_E With_G`."""
    of_pitch = _by_pitch(by_type["Note"])
    pitches = list(of_pitch)  # in ascending order, as the vocabulary is
    name = "above {}".format
    builder = AutomatonBuilder("pitch", events, ["no note", *map(name, pitches)])
    others = builder.columns(all_but(by_type, "Note", "With"))
    lowest = {pitch: builder.columns(group) for pitch, group in of_pitch.items()}
    for state in builder.row:
        builder.add(state, others, "no note")
        for pitch, columns in lowest.items():
            builder.add(state, columns, name(pitch))
    for number, pitch in enumerate(pitches[1:], start=1):
        builder.add_all([name(lower) for lower in pitches[:number]], f"With_{pitch}", name(pitch))
    return builder.build()
