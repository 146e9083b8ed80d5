"""The bass on the root: on the first beat of each chord something sounds, and the lowest of it is the chord's bass.

The bass is the root, or the note behind the stroke of a symbol such as C/E; the first beat is where the chord's share
of its bar begins. `held` sees to it that what sounds there begins there, so the lowest note that begins is looked at.
Where parts are written bar by bar, any of those that are asked for may bear the bass; where none are, the first that
is written. Where lines stand one below the other, the last that is no drums bears it, below middle C, and the others
begin nothing below middle C there.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from symbolic_music.events.controls.asked import EVERY, ControlError, Controls
from symbolic_music.events.controls.automata.held import held_automata
from symbolic_music.events.controls.automata.instruments import add_turns
from symbolic_music.events.controls.dialect import Dialect
from symbolic_music.events.grammar import FORBIDDEN, Automaton, AutomatonBuilder
from symbolic_music.score.chords import NO_CHORD, chord_pitch_classes
from symbolic_music.score.programs import DRUMS, program_name

MIDDLE_C = 60
# Who plays: what the last one leaves open nobody mends.
_KINDS = ("drums", "pitched", "the last")
_NOTHING = "nothing begins yet"
_Places = dict[int, int]
"""By position or step of a bar, the pitch class of the bass there."""


def bass_automata(dialect: Dialect, asked: Controls) -> list[Automaton]:
    """The automata of the bass; chords, meter and number of bars must be asked for as well.

    Raises:
        ControlError: where it is not known who plays the lines of a piece.
    """
    if not asked.bass_on_root:
        return []
    assert asked.chords is not None
    assert asked.meter is not None
    length = dialect.bar_length(asked.meter)
    bars = [bass_places(length, chords) for chords in asked.chords]
    automata = held_automata(dialect, asked)
    if dialect.kind == "track_text":
        return [*automata, _of_lines(dialect, asked, bars)]
    lowests = _lowests(dialect, asked, bars)
    if dialect.kind == "remi":
        return [*automata, _by_position(dialect, asked, bars, lowests)]
    most = max(map(len, bars))
    return [*automata, *(_of_voices(dialect, asked, bars, lowests, number) for number in range(most))]


def bass_places(length: int, chords: Sequence[str]) -> _Places:
    """In a bar of some positions or steps that chords share evenly, where each begins, and its bass."""
    share = length // len(chords)
    return {number * share: chord_pitch_classes(chord)[0] for number, chord in enumerate(chords) if chord != NO_CHORD}


class _Lowest:
    """What the lowest of some notes is to a bass: one of its octaves, or a note above so many of them.

    Args:
        dialect: of the events.
        bass: a pitch class.
        reach: lowest and highest pitch that anybody plays.

    Attributes:
        names: of all that it may be; the first is that there is no note yet.
        closed: those of them that are an octave of the bass.
    """

    def __init__(self, dialect: Dialect, bass: int, reach: tuple[int, int]):
        found = dialect.pitch[dialect.notes]
        octaves = np.unique(found[(found % 12 == bass) & (found >= reach[0]) & (found <= reach[1])])
        count = len(octaves)
        self.closed = [f"{number} octaves up" for number in range(count)]
        self.names = [_NOTHING, *self.closed, *(f"above {number} octaves" for number in range(1, count + 1))]
        below = np.searchsorted(octaves, dialect.pitch)
        is_bass = (dialect.pitch >= 0) & (dialect.pitch % 12 == bass)
        # As numbers in which the lowest of two notes is the smaller: an octave stands above those below it and below
        # the notes above it.
        height = np.where(is_bass, 2 * below + 1, 2 * below)
        heights = {_NOTHING: 2 * count + 1}
        heights |= {name: 2 * number + 1 for number, name in enumerate(self.closed)}
        heights |= {f"above {number} octaves": 2 * number for number in range(1, count + 1)}
        place = np.full(2 * count + 2, FORBIDDEN)
        for number, name in enumerate(self.names):
            place[heights[name]] = number
        self._after = {name: place[np.minimum(height, own)] for name, own in heights.items()}

    def rows(self, name: str, rows: Sequence[int], is_last: bool) -> np.ndarray:
        """The row behind each event that begins a note, (events,); `FORBIDDEN` where no bass can be had any more.

        Args:
            name: what the lowest note is.
            rows: of each name.
            is_last: whether nobody plays behind who begins it.
        """
        open_ = [
            row if name in self.closed or not is_last else FORBIDDEN
            for name, row in zip(self.names, rows, strict=True)
        ]
        return np.append(np.array(open_), FORBIDDEN)[self._after[name]]


def _lowests(dialect: Dialect, asked: Controls, bars: Sequence[_Places]) -> dict[int, _Lowest]:
    """By bass, what the lowest note can be to it within the ranges that are asked for."""
    ranges, everybody = asked.range_of, asked.range_of.get(EVERY, (0, 127))
    players = [EVERY, *ranges] if asked.instruments is None else asked.instruments
    found = [ranges.get(program, everybody) for program in players if program != DRUMS] or [everybody]
    reach = min(low for low, _ in found), max(high for _, high in found)
    return {bass: _Lowest(dialect, bass, reach) for bass in {bass for bar in bars for bass in bar.values()}}


def _by_position(
    dialect: Dialect, asked: Controls, bars: Sequence[_Places], lowests: Mapping[int, _Lowest]
) -> Automaton:
    """For REMI: in each bar, how many basses have sounded, and at a place what the lowest note is."""
    between, at = "{}: bar {}, {} basses".format, "{}: bar {}, at bass {}: {}".format
    start = "{}: before the first bar".format
    states = [start(kind) for kind in _KINDS]
    for bar, places in enumerate(bars):
        states += [between(kind, bar, done) for kind in _KINDS for done in range(len(places) + 1)]
        for number, bass in enumerate(places.values()):
            states += [at(kind, bar, number, name) for kind in _KINDS for name in lowests[bass].names]
    builder = AutomatonBuilder("bass on the root", dialect.events, states)
    builder.stay_on(dialect.events)
    last = dialect.pitched
    if asked.instruments is not None:
        last = np.array([dialect.programs[max(asked.instruments)]])
    columns_of = dict(zip(_KINDS, (dialect.drums, dialect.pitched, last), strict=True))

    def add_kinds(here: str, name: Callable[..., str], *place: int | str) -> None:
        """Lead the events that name an instrument to the states of its kind."""
        for kind, columns in columns_of.items():
            builder.add(here, columns, name(kind, *place))

    def go_on(here: str, kind: str, bar: int, done: int) -> None:
        """Lead the events that go on in time where so many basses of a bar have sounded."""
        due = list(bars[bar])[done] if done < len(bars[bar]) else None
        for position, column in dialect.positions.items():
            if due is None or position < due:
                builder.add(here, np.array([column]), between(kind, bar, done))
            elif position == due:
                builder.add(here, np.array([column]), at(kind, bar, done, _NOTHING))
            else:
                builder.forbid(here, np.array([column]))
        if due is None:
            builder.add(here, dialect.bar, between(kind, (bar + 1) % len(bars), 0))
        else:
            builder.forbid(here, np.concatenate([dialect.bar, dialect.end]))

    waiting = np.concatenate([np.array(list(dialect.positions.values())), dialect.bar, dialect.end])
    for kind in _KINDS:
        builder.add(start(kind), dialect.bar, between(kind, 0, 0))
        add_kinds(start(kind), start)
        for bar, places in enumerate(bars):
            for done in range(len(places) + 1):
                go_on(between(kind, bar, done), kind, bar, done)
                add_kinds(between(kind, bar, done), between, bar, done)
            for number, bass in enumerate(places.values()):
                for name in lowests[bass].names:
                    here = at(kind, bar, number, name)
                    if name in lowests[bass].closed:
                        go_on(here, kind, bar, number + 1)
                    else:
                        builder.forbid(here, waiting)
                    add_kinds(here, at, bar, number, name)
                    if kind != "drums":
                        behind = [builder.row[at(kind, bar, number, other)] for other in lowests[bass].names]
                        after = lowests[bass].rows(name, behind, kind == "the last")
                        builder.transitions[builder.row[here], dialect.notes] = after[dialect.notes]
    return builder.build()


def _of_voices(
    dialect: Dialect, asked: Controls, bars: Sequence[_Places], lowests: Mapping[int, _Lowest], number: int
) -> Automaton:
    """For note-level ABC: the bass of each bar's chord of some number, whichever voice bears it."""
    line, last_line = "bar {}, {}, step {}".format, "bar {}, {}, step {} of the last voice".format
    drums, whole, start = "bar {}, {}, drums".format, "bar {}".format, "before the first bar"
    places = [list(bar.items())[number] if number < len(bar) else None for bar in bars]
    states = [start]
    for bar, place in enumerate(places):
        if place is None:
            states.append(whole(bar))
            continue
        for name in lowests[place[1]].names:
            states += [line(bar, name, step) for step in range(place[0] + 2)]
            states += [last_line(bar, name, step) for step in range(place[0] + 1)]
            states.append(drums(bar, name))
    begins = [whole(bar) if place is None else line(bar, _NOTHING, 0) for bar, place in enumerate(places)]
    builder = AutomatonBuilder(f"bass on the root, chord {number + 1} of the bar", dialect.events, states)
    builder.stay_on(dialect.events)
    builder.add(start, dialect.bar, begins[0])
    opening, beyond = _last_voice(dialect, asked)
    moving, notes = (
        np.concatenate([dialect.columns(kind) for kind in ("Note", "Rest", "Tie")]),
        dialect.columns("Note"),
    )
    for bar, place in enumerate(places):
        following = begins[(bar + 1) % len(bars)]
        if place is None:
            builder.add(whole(bar), dialect.bar, following)
            continue
        at, lowest = place[0], lowests[place[1]]
        behind = [builder.row[line(bar, other, at + 1)] for other in lowest.names]
        for name in lowest.names:
            here = [line(bar, name, step) for step in range(at + 2)]
            last = [*(last_line(bar, name, step) for step in range(at + 1)), here[-1]]
            for steps in (here, last):
                _add_steps(builder, dialect, steps)
            if name not in lowest.closed:
                for step in range(at + 1):
                    builder.forbid(last[step], moving[step + dialect.steps[moving] > at])
            builder.transitions[builder.row[here[at]], notes] = lowest.rows(name, behind, False)[notes]
            builder.transitions[builder.row[last[at]], notes] = lowest.rows(name, behind, True)[notes]
            for state in (*here, *last[:-1], drums(bar, name)):
                add_turns(builder, dialect, asked, state, drums(bar, name), here[0])
                builder.add(state, opening, last[0])
                if name in lowest.closed:
                    builder.add(state, dialect.bar, following)
                else:
                    builder.forbid(state, np.concatenate([dialect.bar, dialect.end, beyond]))
    return builder.build()


def _last_voice(dialect: Dialect, asked: Controls) -> tuple[np.ndarray, np.ndarray]:
    """Events by which the last voice that is no drums begins its bar, and those by which voices behind it do.

    Where it is not known who plays, each is the last.
    """
    if asked.instruments is None:
        return np.concatenate([dialect.columns("Voice"), dialect.pitched]), np.zeros(0, dtype=np.int64)
    programs = asked.instruments
    number = max(voice for voice, program in enumerate(programs, start=1) if program != DRUMS)
    opening = [dialect.voices[number]]
    if programs.count(programs[number - 1]) == 1:
        opening.append(dialect.programs[programs[number - 1]])
    beyond = [dialect.voices[voice] for voice in range(number + 1, len(programs) + 1)]
    return np.array(opening, dtype=np.int64), np.array(beyond, dtype=np.int64)


def _add_steps(builder: AutomatonBuilder, dialect: Dialect, states: Sequence[str]) -> None:
    """Lead notes, rests and ties from each of some steps to the step behind them, at most the last one."""
    rows = np.array([builder.row[state] for state in states])
    columns = np.concatenate([dialect.columns(kind) for kind in ("Note", "Rest", "Tie")])
    for step, row in enumerate(rows.tolist()):
        builder.transitions[row, columns] = rows[np.minimum(step + dialect.steps[columns], len(rows) - 1)]


def _of_lines(dialect: Dialect, asked: Controls, bars: Sequence[_Places]) -> Automaton:
    """For track text: at each place the bass's line begins with an octave of the bass."""
    if asked.instruments is None:
        raise ControlError("the bass on the root needs instruments with this model: say who plays, the bass last")
    pitched = [line for line, program in enumerate(asked.instruments, start=1) if program != DRUMS]
    step_name, start = "{}: bar {}, step {}".format, "{}: before the first bar".format
    roles = ["drums", "bass"] + (["above the bass"] if len(pitched) > 1 else [])
    role_of = dict.fromkeys(range(1, len(asked.instruments) + 1), "drums") | dict.fromkeys(pitched, roles[-1])
    role_of |= dict.fromkeys(pitched[-1:], "bass")
    most = [max(places, default=0) + 1 for places in bars]
    states = [start(role) for role in roles]
    states += [
        step_name(role, bar, step) for role in roles for bar in range(len(bars)) for step in range(most[bar] + 1)
    ]
    builder = AutomatonBuilder("bass on the root", dialect.events, states)
    builder.stay_on(dialect.events)
    if len(pitched) > 1:
        _check_bass_line(asked, asked.instruments[pitched[-1] - 1], bars)
    is_high = (dialect.pitch >= MIDDLE_C) if len(pitched) > 1 else np.zeros(len(dialect.pitch), dtype=bool)
    notes = dialect.columns("Note")
    silent = np.concatenate([dialect.columns("Rest"), dialect.columns("Tie")])
    for role in roles:
        builder.add(start(role), dialect.bar, step_name(role, 0, 0))
        for bar, places in enumerate(bars):
            here = [step_name(role, bar, step) for step in range(most[bar] + 1)]
            _add_steps(builder, dialect, here)
            for state in here:
                builder.add(state, dialect.bar, step_name(role, (bar + 1) % len(bars), 0))
            for place, bass in places.items() if role != "drums" else ():
                is_bass = (dialect.pitch % 12 == bass) & ~is_high
                allowed = is_bass if role == "bass" else is_high
                builder.forbid(here[place], notes[~allowed[notes]])
                if role == "bass":
                    builder.forbid(here[place], silent)
                    _forbid_beyond(builder, dialect, here, place)
    for state in states:
        for line, role in role_of.items():
            builder.add(state, np.array([dialect.voices[line]]), start(role))
    return builder.build()


def _check_bass_line(asked: Controls, program: int, bars: Sequence[_Places]) -> None:
    """Whether the range of who bears the bass has every bass below middle C.

    Raises:
        ControlError: when it has not.
    """
    low, high = asked.range_of.get(program, asked.range_of.get(EVERY, (0, 127)))
    found = {pitch % 12 for pitch in range(low, min(high + 1, MIDDLE_C))}
    if any(bass not in found for bar in bars for bass in bar.values()):
        raise ControlError(
            f"the bass on the root and the range {low}-{high} of {program_name(program)}, who bears it, clash: "
            "not every bass lies within, below middle C"
        )


def _forbid_beyond(builder: AutomatonBuilder, dialect: Dialect, states: Sequence[str], place: int) -> None:
    """Forbid rests that go from a step before a place beyond it."""
    rests = dialect.columns("Rest")
    for step in range(place):
        builder.forbid(states[step], rests[step + dialect.steps[rests] > place])
