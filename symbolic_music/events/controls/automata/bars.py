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
        lines = len(asked.instruments or ())
        if lines and asked.bars is not None and -(-low // lines) <= high // lines:
            return [_of_known_lines(dialect, -(-low // lines), high // lines, lines, asked.bars)]
        return [_of_lines(dialect, low, high)]
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


def _of_known_lines(dialect: Dialect, fewest: int, most: int, lines: int, bars: int) -> Automaton:
    """For track text whose lines and bars are known: how far the piece is can be read off, so an end is soon found."""
    header, line = "header", "line {}".format
    name = "line {}, bar {}, {} notes".format
    places = [(number, bar) for number in range(1, lines + 1) for bar in range(1, bars + 1)]
    states = [header, *(line(number) for number in range(1, lines + 1))]
    states += [name(*place, count) for place in places for count in range(most + 1)]
    builder = AutomatonBuilder("density", dialect.events, states)
    builder.stay_on(dialect.events)
    openings = dialect.columns("Track")
    builder.add(header, openings, line(1))
    builder.forbid(header, dialect.end)
    for number in range(1, lines + 1):
        builder.add(line(number), dialect.bar, name(number, 1, 0))
        builder.forbid(line(number), dialect.end)
    for (number, bar), count in product(places, range(most + 1)):
        here = name(number, bar, count)
        _count(builder, dialect, here, name(number, bar, count + 1) if count < most else None)
        is_full, is_last = count >= fewest, bar == bars
        if is_full and not is_last:
            builder.add(here, dialect.bar, name(number, bar + 1, 0))
        else:
            builder.forbid(here, dialect.bar)
        if is_full and is_last and number < lines:
            builder.add(here, openings, line(number + 1))
        else:
            builder.forbid(here, openings)
        if not (is_full and is_last and number == lines):
            builder.forbid(here, dialect.end)
    return builder.build()


def _of_lines(dialect: Dialect, low: int, high: int) -> Automaton:
    """For track text: by the number of lines, each line's share."""
    header = "a header of {} instruments".format
    name = "a bar of one of {} lines, {} notes".format
    line = "a line of {}".format
    most = min(dialect.max_voices or high, high)
    states = [header(number) for number in range(most + 1)]
    for number in range(1, most + 1):
        states += [line(number), *(name(number, count) for count in range(high // number + 1))]
    builder = AutomatonBuilder("density", dialect.events, states)
    builder.stay_on(dialect.events)
    instruments, tracks, openings = (dialect.columns(kind) for kind in ("Instrument", "Tracks", "Track"))
    for number in range(most + 1):
        if number < most:
            builder.add(header(number), instruments, header(number + 1))
        else:
            builder.forbid(header(number), instruments)
        if not number:
            continue
        fewest, share = -(-low // number), high // number
        if fewest > share:
            builder.forbid(header(number), tracks)
        else:
            builder.add(header(number), tracks, line(number))
        builder.add(line(number), dialect.bar, name(number, 0))
        for count in range(share + 1):
            here = name(number, count)
            _count(builder, dialect, here, name(number, count + 1) if count < share else None)
            builder.add(here, dialect.bar, name(number, 0))
            builder.add(here, openings, line(number))
            if count < fewest:
                for columns in (dialect.bar, openings, dialect.end):
                    builder.forbid(here, columns)
    return builder.build()
