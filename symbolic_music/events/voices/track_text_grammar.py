"""The grammar of track text: automata whose joint language is exactly what `TrackTextCodec` writes.

- `line`:      the header's fields in order; in a line the durations of each bar sum to the meter.
- `layout`:    every line has the header's number of bars, and there are as many lines as instruments.
- `numbers`:   lines are numbered from 1.
- `track n`:   line n bears the header's n-th instrument.
- `presence`:  every line sounds: in its last bar at the latest.
- `ending`:    the window's last bar sounds: in its last line at the latest.
- `tie`:       a tie goes on from a note or chord of its line, over the bar line too.
- `lengths`, `pitch`: as everywhere.

No state is a dead end: whatever a bar still lacks can be filled with a note, held as long as it takes. `line` and
`layout` say together how many events are still needed: to fill the bar, and for the bars and lines behind it.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from symbolic_music.events.grammar import Automaton, AutomatonBuilder, EventGrammar
from symbolic_music.events.voices.grammar import (
    all_but,
    group_by_duration,
    group_by_type,
    lengths_automaton,
    pitch_automaton,
)

# Events before the first bar of a line: its number and its instrument.
_LINE_OPENING = 2


def track_text_grammar(
    events: Sequence[str],
    bar_steps: Mapping[str, int],
    durations: Mapping[str, int],
    max_bars: int,
    max_tracks: int,
) -> EventGrammar:
    """The grammar over the events of a vocabulary of track text.

    Args:
        events: event names with `PAD_None`, `BOS_None` and `EOS_None`, in the order of the grammar's columns.
        bar_steps: by `Meter` event, the steps of the grid in a bar.
        durations: by `Note`, `Rest` and `Tie` event, its length in steps.
        max_bars: bars in a window.
        max_tracks: lines in a window.
    """
    by_type = group_by_type(events)
    line, to_bar_end = _line_automaton(events, by_type, bar_steps, durations)
    per_bar = 1 + int(max(to_bar_end[line.states.index(_at(0, steps))] for steps in set(bar_steps.values())))
    layout, to_layout_end = _layout_automaton(events, by_type, max_bars, max_tracks, per_bar)
    automata = [
        line,
        layout,
        _numbers_automaton(events, by_type, max_tracks),
        *(_track_automaton(events, by_type, number) for number in range(1, max_tracks + 1)),
        _presence_automaton(events, by_type, bar_steps, durations),
        _ending_automaton(events, by_type, bar_steps, durations, max_tracks),
        _tie_automaton(events, by_type),
        lengths_automaton(events, by_type, durations, fresh_after=("Bar", "Track")),
        pitch_automaton(events, by_type),
    ]
    return EventGrammar(
        events, automata, final_state=line.states.index("ended"), to_end={0: to_bar_end, 1: to_layout_end}
    )


def _at(step: int, bar: int) -> str:
    return f"{step} of {bar} steps"


def _line_automaton(
    events: Sequence[str],
    by_type: Mapping[str, list[str]],
    bar_steps: Mapping[str, int],
    durations: Mapping[str, int],
) -> tuple[Automaton, np.ndarray]:
    """The automaton, and by state the fewest events to where a bar, a line or the music of a window may begin."""
    lengths = sorted(set(bar_steps.values()))
    fields = ("Meter", "Key", "Bars", "Instrument", "Tracks", "Track", "line")
    states = ["start", "BOS", "Tempo", "ended"]
    states += [f"{field}, {length} steps" for length in lengths for field in fields]
    states += [_at(step, length) for length in lengths for step in range(length + 1)]
    builder = AutomatonBuilder("line", events, states)
    builder.add("start", by_type["PAD"], "start")
    builder.add("start", by_type["BOS"], "BOS")
    builder.add("BOS", by_type["Tempo"], "Tempo")
    builder.add("ended", by_type["PAD"], "ended")
    for meter, length in bar_steps.items():
        builder.add("Tempo", [meter], f"Meter, {length} steps")
    of_length = {
        steps: builder.columns(group)
        for steps, group in group_by_duration([*by_type["Note"], *by_type["Tie"], *by_type["Rest"]], durations).items()
    }
    chord = builder.columns(by_type["With"])
    for length in lengths:
        meter, key, bars, instrument, tracks, track, line = (f"{field}, {length} steps" for field in fields)
        full = _at(length, length)
        builder.add(meter, by_type["Key"], key)
        builder.add(key, by_type["Bars"], bars)
        for state in (bars, instrument):
            builder.add(state, by_type["Instrument"], instrument)
        builder.add(instrument, by_type["Tracks"], tracks)
        for state in (tracks, full):
            builder.add(state, by_type["Track"], track)
        builder.add(track, by_type["Instrument"], line)
        for state in (line, full):
            builder.add(state, by_type["Bar"], _at(0, length))
        builder.add(full, by_type["EOS"], "ended")
        for steps, columns in of_length.items():
            for step in range(length - steps + 1):
                builder.add(_at(step, length), columns, _at(step + steps, length))
        for step in range(1, length + 1):
            builder.add(_at(step, length), chord, _at(step, length))
    automaton = builder.build()
    resting = [
        row
        for row, state in enumerate(automaton.states)
        if state == "ended" or state.startswith(("Tracks", "line")) or state in {_at(n, n) for n in lengths}
    ]
    return automaton, automaton.distance_to(resting)


def _layout_automaton(
    events: Sequence[str], by_type: Mapping[str, list[str]], max_bars: int, max_tracks: int, per_bar: int
) -> tuple[Automaton, np.ndarray]:
    """The automaton, and by state the most events that the bars, lines and end behind it can take at the least.

    Args:
        events: event names, in the order of the grammar's columns.
        by_type: the same by type.
        max_bars: bars in a window.
        max_tracks: lines in a window.
        per_bar: events that a whole bar needs at the most, if it is written as shortly as can be.
    """
    header, place = "{} bars, {} instruments".format, "{} of {} bars, {} lines to come".format
    headers = [(bars, tracks) for bars in range(1, max_bars + 1) for tracks in range(max_tracks + 1)]
    places = [
        (bar, bars, left)
        for bars in range(1, max_bars + 1)
        for bar in range(bars + 1)
        for left in range(max_tracks + 1)
    ]
    states = ["start", "ended", *(header(*state) for state in headers), *(place(*state) for state in places)]
    builder = AutomatonBuilder("layout", events, states)
    builder.stay_on(all_but(by_type, "Bars", "Instrument", "Tracks", "Track", "Bar", "EOS"))
    for bars in range(1, max_bars + 1):
        builder.add("start", [f"Bars_{bars}"], header(bars, 0))
    for bars, tracks in headers:
        if tracks < max_tracks:
            builder.add(header(bars, tracks), by_type["Instrument"], header(bars, tracks + 1))
        if tracks:
            builder.add(header(bars, tracks), by_type["Tracks"], place(bars, bars, tracks))
    for bar, bars, left in places:
        here = place(bar, bars, left)
        if bar == 0:
            builder.add(here, by_type["Instrument"], here)
        if bar < bars:
            builder.add(here, ["Bar_last" if bar == bars - 1 else "Bar_None"], place(bar + 1, bars, left))
        elif left:
            builder.add(here, by_type["Track"], place(0, bars, left - 1))
        else:
            builder.add(here, by_type["EOS"], "ended")
    automaton = builder.build()
    row = {state: number for number, state in enumerate(automaton.states)}

    def needed(bars_left: int, lines_left: int, bars: int) -> int:
        return bars_left * per_bar + lines_left * (_LINE_OPENING + bars * per_bar) + 1

    to_end = np.zeros(len(states), dtype=np.int64)
    to_end[row["start"]] = needed(0, 1, 1)
    for bars, tracks in headers:
        to_end[row[header(bars, tracks)]] = needed(0, max(tracks, 1), bars)
    for bar, bars, left in places:
        to_end[row[place(bar, bars, left)]] = needed(bars - bar, left, bars)
    return automaton, to_end


def _numbers_automaton(events: Sequence[str], by_type: Mapping[str, list[str]], max_tracks: int) -> Automaton:
    name = "{} lines begun".format
    builder = AutomatonBuilder("numbers", events, [name(number) for number in range(max_tracks + 1)])
    builder.stay_on(all_but(by_type, "Track"))
    for number in range(1, max_tracks + 1):
        builder.add(name(number - 1), [f"Track_{number}"], name(number))
    return builder.build()


def _track_automaton(events: Sequence[str], by_type: Mapping[str, list[str]], number: int) -> Automaton:
    """Line `number` bears the instrument that comes at that place in the header."""
    seen, is_, due = "{} instruments seen".format, "the instrument is {}".format, "{} is due".format
    instruments = by_type["Instrument"]
    builder = AutomatonBuilder(
        f"track {number}",
        events,
        [*map(seen, range(number)), *map(is_, instruments), *map(due, instruments)],
    )
    own = f"Track_{number}"
    builder.stay_on([event for event in events if event not in {own, *instruments}])
    for before in range(number - 1):
        builder.add(seen(before), instruments, seen(before + 1))
    for instrument in instruments:
        builder.add(seen(number - 1), [instrument], is_(instrument))
        builder.add(is_(instrument), instruments, is_(instrument))
        builder.add(is_(instrument), [own], due(instrument))
        builder.add(due(instrument), [instrument], is_(instrument))
    return builder.build()


def _presence_automaton(
    events: Sequence[str],
    by_type: Mapping[str, list[str]],
    bar_steps: Mapping[str, int],
    durations: Mapping[str, int],
) -> Automaton:
    """Every line sounds: rests alone never fill a silent line's last bar."""
    lengths = sorted(set(bar_steps.values()))
    silent = "bars of {} steps, silent".format
    sounding = "bars of {} steps, sounding".format
    must = "{} of {} steps of a silent line's last bar".format
    states = ["start", *map(silent, lengths), *map(sounding, lengths)]
    states += [must(step, length) for length in lengths for step in range(length)]
    builder = AutomatonBuilder("presence", events, states)
    notes = builder.columns(by_type["Note"])
    builder.stay_on(all_but(by_type, "Meter", "Track", "Note"))
    for meter, length in bar_steps.items():
        builder.add("start", [meter], silent(length))
    for length in lengths:
        for state in (silent(length), sounding(length)):
            builder.add(state, by_type["Track"], silent(length))
            builder.add(state, notes, sounding(length))
        builder.add(silent(length), ["Bar_last"], must(0, length))
        _add_last_bar(builder, by_type, durations, [must(step, length) for step in range(length)])
        for step in range(length):
            builder.add(must(step, length), notes, sounding(length))
    return builder.build()


def _ending_automaton(
    events: Sequence[str],
    by_type: Mapping[str, list[str]],
    bar_steps: Mapping[str, int],
    durations: Mapping[str, int],
    max_tracks: int,
) -> Automaton:
    """Some line sounds in its last bar: where none before did, rests alone never fill that of the last line."""
    lengths = sorted(set(bar_steps.values()))
    header = "bars of {} steps, {} instruments".format
    line = "bars of {} steps, {} lines to come, no last bar has sounded".format
    last_bar = "bars of {} steps, {} lines to come, in a last bar".format
    must = "{} steps left of the last bar, which has not sounded".format
    left = [must(steps) for steps in range(max(lengths), 0, -1)]
    places = [(length, number) for length in lengths for number in range(max_tracks + 1)]
    states = ["start", "sounding", *(header(*place) for place in places), *(line(*place) for place in places)]
    states += [last_bar(*place) for place in places]
    builder = AutomatonBuilder("ending", events, [*states, *left])
    sounds = builder.columns([*by_type["Note"], *by_type["Tie"]])
    builder.stay_on(all_but(by_type, "Meter", "Instrument", "Tracks", "Track", "EOS"))
    builder.add("sounding", [*by_type["Instrument"], *by_type["Track"], *by_type["EOS"]], "sounding")
    for meter, length in bar_steps.items():
        builder.add("start", [meter], header(length, 0))
    for length, number in places:
        builder.add(line(length, number), by_type["Instrument"], line(length, number))
        if number < max_tracks:
            builder.add(header(length, number), by_type["Instrument"], header(length, number + 1))
        if not number:
            builder.add(line(length, 0), ["Bar_last"], must(length))
            continue
        builder.add(header(length, number), by_type["Tracks"], line(length, number))
        for state in (line(length, number), last_bar(length, number)):
            builder.add(state, by_type["Track"], line(length, number - 1))
        builder.add(line(length, number), ["Bar_last"], last_bar(length, number))
        builder.add(last_bar(length, number), sounds, "sounding")
    _add_last_bar(builder, by_type, durations, left)
    for state in left:
        builder.add(state, sounds, "sounding")
    return builder.build()


def _add_last_bar(
    builder: AutomatonBuilder,
    by_type: Mapping[str, list[str]],
    durations: Mapping[str, int],
    states: Sequence[str],
) -> None:
    """Rests go on within a bar that must sound, whose `states` are its steps, and do not fill it."""
    grouped = group_by_duration(by_type["Rest"], durations)
    rests = {steps: builder.columns(group) for steps, group in grouped.items()}
    for step, state in enumerate(states):
        builder.forbid(state, by_type["Rest"])
        for steps, group in rests.items():
            if step + steps < len(states):
                builder.add(state, group, states[step + steps])


def _tie_automaton(events: Sequence[str], by_type: Mapping[str, list[str]]) -> Automaton:
    builder = AutomatonBuilder("tie", events, ["silent", "in a note"])
    builder.stay_on(all_but(by_type, "Track", "Note", "Rest", "Tie"))
    for state in builder.row:
        builder.add(state, [*by_type["Track"], *by_type["Rest"]], "silent")
        builder.add(state, by_type["Note"], "in a note")
    builder.add("in a note", by_type["Tie"], "in a note")
    return builder.build()
