"""The grammar of canonical REMI: five automata whose joint language is exactly what `RemiCodec` writes.

- `order`:    Bar -> TimeSig -> Position -> (Tempo) -> (Program) -> Pitch -> Velocity -> Duration, and where a piece
              may end: after a note. A piece opens with its meter and, at position 0, its tempo.
- `meter`:    positions run forwards within a bar and stay inside its meter.
- `pitch`:    notes of one program at one onset ascend in pitch, so none is there twice.
- `program`:  programs at one onset ascend, and a `Program` event always changes the program.
- `tempo`:    a `Tempo` event always changes the tempo.

No state is a dead end: after a complete note a piece may end, and from every other state the shortest way to a
complete note is open in all five (a new position has room for every pitch, a new program likewise).
"""

from collections import defaultdict
from collections.abc import Sequence

from symbolic_music.events.grammar import Automaton, AutomatonBuilder, EventGrammar


def remi_grammar(events: Sequence[str], positions_per_beat: int) -> EventGrammar:
    """The grammar over the events of a REMI vocabulary.

    Args:
        events: event names with `PAD_None`, `BOS_None` and `EOS_None`, in the order of the grammar's columns.
        positions_per_beat: positions in one beat, the beat being the note of the meter's denominator.
    """
    by_type: dict[str, list[str]] = defaultdict(list)
    for event in events:
        by_type[event.partition("_")[0]].append(event)
    order = _order_automaton(events, by_type)
    automata = [
        order,
        _meter_automaton(events, by_type, positions_per_beat),
        _pitch_automaton(events, by_type),
        _program_automaton(events, by_type),
        _tempo_automaton(events, by_type),
    ]
    return EventGrammar(events, automata, final_state=order.states.index("ended"))


def _value(event: str) -> str:
    return event.partition("_")[2]


def _others(by_type: dict[str, list[str]], *watched: str) -> list[str]:
    return [event for type_, events in by_type.items() if type_ not in watched for event in events]


def _order_automaton(events: Sequence[str], by_type: dict[str, list[str]]) -> Automaton:
    opening = ["start", "BOS", "first Bar", "first TimeSig", "first Position"]
    body = ["Bar", "TimeSig", "Position", "Tempo"]
    # No pitch may come before the first program is known, so the states between bars exist twice.
    silent = [f"{state}, no program yet" for state in body]
    note = ["Program", "Pitch", "Velocity", "Duration"]
    builder = AutomatonBuilder("order", events, [*opening, *silent, *body, *note, "ended"])

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
    for state in ("Position", "Tempo", "Program", "Duration"):
        builder.add(state, by_type["Pitch"], "Pitch")
    builder.add("Pitch", by_type["Velocity"], "Velocity")
    builder.add("Velocity", by_type["Duration"], "Duration")
    builder.add("Duration", by_type["Program"], "Program")
    builder.add("Duration", by_type["Position"], "Position")
    builder.add("Duration", by_type["Bar"], "Bar")
    builder.add("Duration", by_type["EOS"], "ended")
    builder.add("ended", by_type["PAD"], "ended")
    return builder.build()


def _meter_automaton(events: Sequence[str], by_type: dict[str, list[str]], positions_per_beat: int) -> Automaton:
    # Bars with the same number of beats have the same positions, whatever the beat.
    beats = {event: int(_value(event).split("/")[0]) for event in by_type["TimeSig"]}

    def state(num_beats: int, position: int) -> str:
        return f"{num_beats} beats, after position {position}"

    states = [
        state(num_beats, position)
        for num_beats in sorted(set(beats.values()))
        for position in range(-1, num_beats * positions_per_beat)
    ]
    builder = AutomatonBuilder("meter", events, ["before a TimeSig", *states])
    builder.stay_on(_others(by_type, "Bar", "TimeSig", "Position"))
    for event, num_beats in beats.items():
        builder.add("before a TimeSig", [event], state(num_beats, -1))
    for num_beats in sorted(set(beats.values())):
        num_positions = num_beats * positions_per_beat
        for last in range(-1, num_positions):
            builder.add(state(num_beats, last), by_type["Bar"], "before a TimeSig")
        for position in range(num_positions):
            earlier = [state(num_beats, last) for last in range(-1, position)]
            builder.add_all(earlier, f"Position_{position}", state(num_beats, position))
    builder.add("before a TimeSig", by_type["Bar"], "before a TimeSig")
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
