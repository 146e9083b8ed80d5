"""How many bars a piece has, and how many notes begin in each."""

from itertools import product

from symbolic_music.events.controls.asked import ControlError, Controls
from symbolic_music.events.controls.automata.fields import only
from symbolic_music.events.controls.dialect import Dialect
from symbolic_music.events.grammar import Automaton, AutomatonBuilder


def bars_automata(dialect: Dialect, asked: Controls) -> list[Automaton]:
    """The automaton of the number of bars.

    Begun beyond it, a bar is allowed and never ends: who samples gives the probability of another bar to ending the
    piece here, and must be told that the model wanted one.

    Raises:
        ControlError: for a number that cannot be.
    """
    if asked.bars is None:
        return []
    if asked.bars < 1:
        raise ControlError(f"{asked.bars} bars are asked for; expected 1 or more")
    if dialect.max_bars is not None:
        if asked.bars > dialect.max_bars:
            raise ControlError(f"{asked.bars} bars are asked for; this model's pieces have at most {dialect.max_bars}")
        return [only(dialect, "asked bars", dialect.columns("Bars"), [dialect.column[f"Bars_{asked.bars}"]])]
    states = [*(f"{number} of {asked.bars} bars" for number in range(asked.bars + 1)), "too many bars"]
    builder = AutomatonBuilder("asked bars", dialect.events, states)
    builder.stay_on(dialect.events)
    for number, state in enumerate(states):
        builder.add(state, dialect.bar, states[min(number + 1, asked.bars + 1)])
        if number != asked.bars:
            builder.forbid(state, dialect.end)
    return [builder.build()]


def density_automata(dialect: Dialect, asked: Controls) -> list[Automaton]:
    """The automaton of how many notes begin in each bar.

    In track text, where one line stands below the other, each line gets an equal share of the bounds.

    Raises:
        ControlError: for bounds that contradict each other.
    """
    if asked.density is None:
        return []
    low, high = asked.density
    if not 0 <= low <= high or high < 1:
        raise ControlError(f"the density is {low}-{high} notes in a bar; expected fewest first, and most at least 1")
    if dialect.kind == "track_text":
        return [_of_lines(dialect, asked) if asked.bars is None else _of_lines_and_bars(dialect, asked, asked.bars)]
    name = "{} notes in this bar".format
    builder = AutomatonBuilder("density", dialect.events, ["before the first bar", *map(name, range(high + 1))])
    builder.stay_on(dialect.events)
    builder.add("before the first bar", dialect.bar, name(0))
    for count in range(high + 1):
        _count(builder, dialect, name(count), name(count + 1) if count < high else None)
        builder.add(name(count), dialect.bar, name(0))
        if count < low:
            builder.forbid(name(count), dialect.bar)
            builder.forbid(name(count), dialect.end)
    return [builder.build()]


def _count(builder: AutomatonBuilder, dialect: Dialect, state: str, following: str | None) -> None:
    """Lead notes to the next count, or forbid them where there is none."""
    if following is None:
        builder.forbid(state, dialect.notes)
    else:
        builder.add(state, dialect.notes, following)


def _of_lines_and_bars(dialect: Dialect, asked: Controls, bars: int) -> Automaton:
    """For track text whose bars are known: notes and bars that are still to come show the way to the end."""
    shares, openings = _shares(dialect, asked), dialect.columns("Track")
    lines = [(of, number) for of in shares for number in range(1, of + 1)]
    places = list(product(lines, range(1, bars + 1)))
    longest = max((of * bars * (fewest + 1) for of, (fewest, _) in shares.items()), default=0)
    way = {_header(of): longest for of in range(max(shares, default=0) + 1)}
    for of, (fewest, _) in shares.items():
        way |= {_line(of, number): (of - max(number - 1, 0)) * bars * (fewest + 1) for number in range(of + 1)}
    for (of, number), bar in places:
        fewest, most = shares[of]
        later = ((of - number) * bars + bars - bar) * (fewest + 1)
        way |= {_bar(of, number, bar, count): later + max(fewest - count, 0) for count in range(most + 1)}
    builder = AutomatonBuilder("density", dialect.events, list(way))
    builder.stay_on(dialect.events)
    _add_header(builder, dialect, {of: _line(of, 0) for of in shares})
    for of in shares:
        builder.add(_line(of, 0), openings, _line(of, 1))
    for of, number in lines:
        builder.add(_line(of, number), dialect.bar, _bar(of, number, 1, 0))
    for ((of, number), bar), count in (
        (place, count) for place in places for count in range(shares[place[0][0]][1] + 1)
    ):
        here, (fewest, most) = _bar(of, number, bar, count), shares[of]
        _count(builder, dialect, here, _bar(of, number, bar, count + 1) if count < most else None)
        for columns in (dialect.bar, openings, dialect.end):
            builder.forbid(here, columns)
        if count < fewest:
            continue
        if bar < bars:
            builder.add(here, dialect.bar, _bar(of, number, bar + 1, 0))
        elif number < of:
            builder.add(here, openings, _line(of, number + 1))
        else:
            builder.add(here, dialect.end, here)
    return builder.build(way)


def _header(of: int) -> str:
    return f"a header of {of}"


def _line(of: int, number: int) -> str:
    return f"line {number} of {of}"


def _bar(of: int, number: int, bar: int, count: int) -> str:
    return f"{_line(of, number)}, bar {bar}, {count} notes"


def _of_lines(dialect: Dialect, asked: Controls) -> Automaton:
    """For track text, by the number of lines."""
    shares = _shares(dialect, asked)
    line, name = "a line of {}".format, "a bar of one of {} lines, {} notes".format
    states = [_header(of) for of in range(max(shares, default=0) + 1)]
    for of in shares:
        states += [line(of), *(name(of, count) for count in range(shares[of][1] + 1))]
    builder = AutomatonBuilder("density", dialect.events, states)
    builder.stay_on(dialect.events)
    _add_header(builder, dialect, {of: line(of) for of in shares})
    openings = dialect.columns("Track")
    for of, (fewest, most) in shares.items():
        builder.add(line(of), dialect.bar, name(of, 0))
        for count in range(most + 1):
            here = name(of, count)
            _count(builder, dialect, here, name(of, count + 1) if count < most else None)
            builder.add(here, dialect.bar, name(of, 0))
            builder.add(here, openings, line(of))
            if count < fewest:
                for columns in (dialect.bar, openings, dialect.end):
                    builder.forbid(here, columns)
    return builder.build()


def _shares(dialect: Dialect, asked: Controls) -> dict[int, tuple[int, int]]:
    """By the number of lines that a piece may have, the fewest and most notes in a bar of each of them."""
    assert asked.density is not None
    low, high = asked.density
    if asked.instruments:
        numbers = range(len(asked.instruments), len(asked.instruments) + 1)
    else:
        numbers = range(1, min(dialect.max_voices or high, high) + 1)
    return {of: (-(-low // of), high // of) for of in numbers if -(-low // of) <= high // of}


def _add_header(builder: AutomatonBuilder, dialect: Dialect, begun: dict[int, str]) -> None:
    """Count the instruments of a header; `begun` is the state behind it, by the numbers of lines that there may be."""
    instruments, tracks = dialect.columns("Instrument"), dialect.columns("Tracks")
    most = max(begun, default=0)
    for number in range(most + 1):
        here = _header(number)
        if number < most:
            builder.add(here, instruments, _header(number + 1))
        else:
            builder.forbid(here, instruments)
        if number in begun:
            builder.add(here, tracks, begun[number])
        else:
            builder.forbid(here, tracks)
