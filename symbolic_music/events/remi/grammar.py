"""The grammar of canonical REMI: six automata whose joint language is exactly what `RemiCodec` writes.

- `order`:    Bar -> TimeSig -> Position -> (Tempo) -> (Program) -> Pitch -> Velocity -> Duration, and where a piece
              may end: after a note. A piece opens with its meter and, at position 0, its tempo. The longest duration
              may be followed by another, which goes on.
- `meter`:    positions stay inside the meter of their bar.
- `position`: positions run forwards within a bar.
- `pitch`:    notes of one program at one onset ascend in pitch, so none is there twice.
- `program`:  programs at one onset ascend, and a `Program` event always changes the program.
- `tempo`:    a `Tempo` event always changes the tempo.

No state is a dead end: after a complete note a piece may end, and from every other state the shortest way to a
complete note is open in all six (a new position has room for every pitch, a new program likewise).
"""

from collections import defaultdict
from collections.abc import Sequence

from symbolic_music.events.grammar import Automaton, AutomatonBuilder, EventGrammar


def remi_grammar(events: Sequence[str], positions_per_beat: int, held_on_by: str | None = None) -> EventGrammar:
    """The grammar over the events of a REMI vocabulary.

    Args:
        events: event names with `PAD_None`, `BOS_None` and `EOS_None`, in the order of the grammar's columns.
        positions_per_beat: positions in one beat, the beat being the note of the meter's denominator.
        held_on_by: the longest `Duration` event, where another may follow it.
    """
    by_type: dict[str, list[str]] = defaultdict(list)
    for event in events:
        by_type[event.partition("_")[0]].append(event)
    order = _order_automaton(events, by_type, held_on_by)
    automata = [
        order,
        _meter_automaton(events, by_type, positions_per_beat),
        _position_automaton(events, by_type),
        _pitch_automaton(events, by_type),
        _program_automaton(events, by_type),
        _tempo_automaton(events, by_type),
    ]
    return EventGrammar(events, automata, final_state=order.states.index("ended"))


def _value(event: str) -> str:
    return event.partition("_")[2]


def _others(by_type: dict[str, list[str]], *watched: str) -> list[str]:
    return [event for type_, events in by_type.items() if type_ not in watched for event in events]


def _order_automaton(events: Sequence[str], by_type: dict[str, list[str]], held_on_by: str | None) -> Automaton:
    opening = ["start", "BOS", "first Bar", "first TimeSig", "first Position"]
    body = ["Bar", "TimeSig", "Position", "Tempo"]
    # No pitch may come before the first program is known, so the states between bars exist twice.
    silent = [f"{state}, no program yet" for state in body]
    note = ["Program", "Pitch", "Velocity", "Duration"]
    held = ["longest Duration"] if held_on_by else []
    builder = AutomatonBuilder("order", events, [*opening, *silent, *body, *note, *held, "ended"])

    builder.add("start", by_type["PAD"], "start")  # left padding
    builder.add("start", by_type["BOS"], "BOS")
    builder.add("BOS", by_type["Bar"], "first Bar")
    builder.add("first Bar", by_type["TimeSig"], "first TimeSig")
    builder.add("first TimeSig", ["Position_0"], "first Position")
    builder.add("first Position", by_type["Tempo"], "Tempo, no program yet")
    for suffix in (", no program yet", ""):
        builder.add(f"Bar{suffix}", by_type["TimeSig"], f"TimeSig{suffix}")
        for state in ("TimeSig", "Tempo"):
            builder.add(f"{state}{suffix}", by_type["Position"], f"Position{suffix}")
            builder.add(f"{state}{suffix}", by_type["Bar"], f"Bar{suffix}")
        builder.add(f"Position{suffix}", by_type["Tempo"], f"Tempo{suffix}")
        for state in ("Position", "Tempo"):
            builder.add(f"{state}{suffix}", by_type["Program"], "Program")
    for state in ("Position", "Tempo", "Program", "Duration", *held):
        builder.add(state, by_type["Pitch"], "Pitch")
    builder.add("Pitch", by_type["Velocity"], "Velocity")
    for state in ("Velocity", *held):
        builder.add(state, by_type["Duration"], "Duration")
        if held_on_by:
            builder.add(state, [held_on_by], "longest Duration")
    for state in ("Duration", *held):
        builder.add(state, by_type["Program"], "Program")
        builder.add(state, by_type["Position"], "Position")
        builder.add(state, by_type["Bar"], "Bar")
        builder.add(state, by_type["EOS"], "ended")
    builder.add("ended", by_type["PAD"], "ended")
    return builder.build()


def _meter_automaton(events: Sequence[str], by_type: dict[str, list[str]], positions_per_beat: int) -> Automaton:
    # Bars with the same number of beats have the same positions, whatever the beat.
    beats = {event: int(_value(event).split("/")[0]) for event in by_type["TimeSig"]}
    state = "{} beats".format
    builder = AutomatonBuilder("meter", events, ["before a TimeSig", *map(state, sorted(set(beats.values())))])
    builder.stay_on(_others(by_type, "Bar", "TimeSig", "Position"))
    for name in builder.row:
        builder.add(name, by_type["Bar"], "before a TimeSig")
    for event, num_beats in beats.items():
        builder.add("before a TimeSig", [event], state(num_beats))
        positions = [f"Position_{position}" for position in range(num_beats * positions_per_beat)]
        builder.add(state(num_beats), positions, state(num_beats))
    return builder.build()


def _position_automaton(events: Sequence[str], by_type: dict[str, list[str]]) -> Automaton:
    after = "after position {}".format
    positions = by_type["Position"]
    builder = AutomatonBuilder("position", events, ["no position", *map(after, range(len(positions)))])
    builder.stay_on(_others(by_type, "Bar", "Position"))
    for name in builder.row:
        builder.add(name, by_type["Bar"], "no position")
    for number in range(len(positions)):
        earlier = ["no position", *map(after, range(number))]
        builder.add_all(earlier, f"Position_{number}", after(number))
    return builder.build()


def _pitch_automaton(events: Sequence[str], by_type: dict[str, list[str]]) -> Automaton:
    pitches = sorted(int(_value(event)) for event in by_type["Pitch"])
    name = "above pitch {}".format
    builder = AutomatonBuilder("pitch", events, ["any pitch", *map(name, pitches)])
    builder.stay_on(_others(by_type, "Bar", "Position", "Program", "Pitch"))
    for state in builder.row:
        for type_ in ("Bar", "Position", "Program"):
            builder.add(state, by_type[type_], "any pitch")
    for pitch in pitches:
        lower = ["any pitch", *(name(floor) for floor in pitches if floor < pitch)]
        builder.add_all(lower, f"Pitch_{pitch}", name(pitch))
    return builder.build()


def _program_automaton(events: Sequence[str], by_type: dict[str, list[str]]) -> Automaton:
    programs = sorted(int(_value(event)) for event in by_type["Program"])
    before, after = "program {}, no note at this onset".format, "program {}, notes at this onset".format
    builder = AutomatonBuilder(
        "program", events, ["no program", *(name(program) for program in programs for name in (before, after))]
    )
    builder.stay_on(_others(by_type, "Bar", "Position", "Program", "Pitch"))
    for type_ in ("Bar", "Position"):
        builder.add("no program", by_type[type_], "no program")
    for program in programs:
        builder.add("no program", [f"Program_{program}"], before(program))
        for name in (before, after):
            builder.add(name(program), by_type["Pitch"], after(program))
            for type_ in ("Bar", "Position"):
                builder.add(name(program), by_type[type_], before(program))
        for other in programs:
            if other != program:
                builder.add(before(program), [f"Program_{other}"], before(other))
            if other > program:
                builder.add(after(program), [f"Program_{other}"], before(other))
    return builder.build()


def _tempo_automaton(events: Sequence[str], by_type: dict[str, list[str]]) -> Automaton:
    tempos = by_type["Tempo"]
    builder = AutomatonBuilder("tempo", events, ["no tempo", *(f"at {tempo}" for tempo in tempos)])
    builder.stay_on(_others(by_type, "Tempo"))
    for tempo in tempos:
        others = ["no tempo", *(f"at {other}" for other in tempos if other != tempo)]
        builder.add_all(others, tempo, f"at {tempo}")
    return builder.build()
