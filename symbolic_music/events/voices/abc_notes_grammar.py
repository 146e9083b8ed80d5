"""The grammar of note-level ABC: automata whose joint language is exactly what `AbcNotesCodec` writes.

- `bar`:      Bar -> (Meter) (Key) (Tempo) -> voices; in each voice the durations sum to the bar, and something sounds.
- `voices`:   voices of a bar ascend, and a new one takes the next number.
- `lengths`:  a duration that takes several events takes the longest ones first, and no fewer would do.
- `pitch`:    the notes of a chord ascend from its lowest, which bears the duration.
- `voice n`:  a tie goes on from a note or chord of its own voice, over no bar in which that voice is silent.
- `meter`, `key`, `tempo`: such an event within a piece always changes what is in force.

No state is a dead end: whatever a bar still lacks can be filled with a note, held as long as it takes, and after a
full bar a piece may end. `bar` counts exactly that way, so its shortest way to the end is open in all the others.
"""

from collections.abc import Mapping, Sequence

from symbolic_music.events.grammar import Automaton, AutomatonBuilder, EventGrammar
from symbolic_music.events.voices.grammar import (
    all_but,
    group_by_duration,
    group_by_type,
    lengths_automaton,
    pitch_automaton,
)


def abc_notes_grammar(
    events: Sequence[str], bar_steps: Mapping[str, int], durations: Mapping[str, int], max_voices: int
) -> EventGrammar:
    """The grammar over the events of a note-level ABC vocabulary.

    Args:
        events: event names with `PAD_None`, `BOS_None` and `EOS_None`, in the order of the grammar's columns.
        bar_steps: by `Meter` event, the steps of the grid in a bar.
        durations: by `Note`, `Rest` and `Tie` event, its length in steps.
        max_voices: voices of a piece.
    """
    by_type = group_by_type(events)
    bar = _bar_automaton(events, by_type, bar_steps, durations)
    automata = [
        bar,
        _voices_automaton(events, by_type, max_voices),
        lengths_automaton(events, by_type, durations, fresh_after=("Bar", "Voice", "New")),
        pitch_automaton(events, by_type),
        *(_tie_automaton(events, by_type, number, max_voices) for number in range(1, max_voices + 1)),
        *(_change_automaton(events, by_type, field) for field in ("Meter", "Key", "Tempo")),
    ]
    return EventGrammar(events, automata, final_state=bar.states.index("ended"))


def _bar_automaton(
    events: Sequence[str],
    by_type: Mapping[str, list[str]],
    bar_steps: Mapping[str, int],
    durations: Mapping[str, int],
) -> Automaton:
    lengths = sorted(set(bar_steps.values()))
    fields = ("opening Meter", "opening Key", "Bar", "Meter", "Key", "Tempo")
    silent, sounding = "{} of {} steps, silent so far".format, "{} of {} steps".format
    states = ["start", "BOS", "first Bar", "ended"]
    states += [f"{field}, {length} steps" for length in lengths for field in fields]
    states += [silent(at, length) for length in lengths for at in range(length)]
    states += [sounding(at, length) for length in lengths for at in range(1, length + 1)]
    builder = AutomatonBuilder("bar", events, states)
    builder.add("start", by_type["PAD"], "start")  # left padding
    builder.add("start", by_type["BOS"], "BOS")
    builder.add("BOS", by_type["Bar"], "first Bar")
    builder.add("ended", by_type["PAD"], "ended")
    sounds = {
        steps: builder.columns(group)
        for steps, group in group_by_duration([*by_type["Note"], *by_type["Tie"]], durations).items()
    }
    rests = {steps: builder.columns(group) for steps, group in group_by_duration(by_type["Rest"], durations).items()}
    chord = builder.columns(by_type["With"])
    for meter, length in bar_steps.items():
        builder.add("first Bar", [meter], f"opening Meter, {length} steps")
        builder.add_all([f"Bar, {other} steps" for other in lengths], meter, f"Meter, {length} steps")
    for length in lengths:
        opening_meter, opening_key, bar, meter, key, tempo = (f"{field}, {length} steps" for field in fields)
        builder.add(opening_meter, by_type["Key"], opening_key)
        builder.add(opening_key, by_type["Tempo"], tempo)
        for state in (bar, meter):
            builder.add(state, by_type["Key"], key)
        for state in (bar, meter, key):
            builder.add(state, by_type["Tempo"], tempo)
        full = sounding(length, length)
        for state in (bar, meter, key, tempo, full):
            builder.add(state, by_type["Bar"], bar)
            builder.add(state, [*by_type["Voice"], *by_type["New"]], silent(0, length))
        builder.add(full, by_type["EOS"], "ended")
        for steps, columns in sounds.items():
            for at in range(length - steps + 1):
                builder.add(silent(at, length), columns, sounding(at + steps, length))
                if at:
                    builder.add(sounding(at, length), columns, sounding(at + steps, length))
        for steps, columns in rests.items():
            for at in range(length - steps + 1):
                if at + steps < length:
                    builder.add(silent(at, length), columns, silent(at + steps, length))
                if at:
                    builder.add(sounding(at, length), columns, sounding(at + steps, length))
        for at in range(1, length + 1):
            builder.add(sounding(at, length), chord, sounding(at, length))
    return builder.build()


def _voices_automaton(events: Sequence[str], by_type: Mapping[str, list[str]], max_voices: int) -> Automaton:
    name = "{1} of {0} voices written".format
    builder = AutomatonBuilder(
        "voices", events, [name(known, last) for known in range(max_voices + 1) for last in range(known + 1)]
    )
    builder.stay_on(all_but(by_type, "Bar", "Voice", "New"))
    for known in range(max_voices + 1):
        for last in range(known + 1):
            builder.add(name(known, last), by_type["Bar"], name(known, 0))
            for number in range(last + 1, known + 1):
                builder.add(name(known, last), [f"Voice_{number}"], name(known, number))
            if known < max_voices:
                builder.add(name(known, last), by_type["New"], name(known + 1, known + 1))
    return builder.build()


def _tie_automaton(events: Sequence[str], by_type: Mapping[str, list[str]], number: int, max_voices: int) -> Automaton:
    before = "{} voices, none of them this".format
    silent, held = "silent at the bar line", "sounding at the bar line"
    begun, begun_held, note, rest = "begun", "begun, held over", "in a note", "in a rest"
    done, done_held = "written, silent", "written, sounding"
    states = [before(known) for known in range(number)]
    inside = [begun, begun_held, note, rest]
    builder = AutomatonBuilder(f"voice {number}", events, [*states, silent, held, *inside, done, done_held])
    builder.stay_on(all_but(by_type, "Bar", "Voice", "New", "Note", "Rest", "Tie"))
    notes, rests, ties = (builder.columns(by_type[type_]) for type_ in ("Note", "Rest", "Tie"))
    for state in (*states, silent, held, done, done_held):
        for columns in (notes, rests, ties):
            builder.add(state, columns, state)
    for state in inside:
        builder.add(state, notes, note)
        builder.add(state, rests, rest)
    for state in (begun_held, note):
        builder.add(state, ties, note)
    own = f"Voice_{number}"
    others = [event for event in by_type["Voice"] if event != own]
    for known, state in enumerate(states):
        builder.add(state, [*by_type["Bar"], *others], state)
        builder.add(state, by_type["New"], begun if known + 1 == number else before(known + 1))
    for state, after_bar, after_other in (
        (silent, silent, silent),
        (held, silent, held),
        (note, held, done_held),
        (rest, silent, done),
        (done, silent, done),
        (done_held, held, done_held),
    ):
        builder.add(state, by_type["Bar"], after_bar)
        builder.add(state, [*others, *by_type["New"]], after_other)
    builder.add(silent, [own], begun)
    builder.add(held, [own], begun_held)
    return builder.build()


def _change_automaton(events: Sequence[str], by_type: Mapping[str, list[str]], field: str) -> Automaton:
    values = by_type[field]
    name = "at {}".format
    builder = AutomatonBuilder(field.lower(), events, [f"no {field.lower()}", *map(name, values)])
    builder.stay_on(all_but(by_type, field))
    for value in values:
        builder.add_all(
            [f"no {field.lower()}", *(name(other) for other in values if other != value)], value, name(value)
        )
    return builder.build()
