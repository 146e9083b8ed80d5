"""The meter of each bar, as a file gives it, where it changes. A meter that holds throughout is asked for by name."""

from collections.abc import Sequence

import numpy as np

from symbolic_music.events.controls.dialect import Dialect
from symbolic_music.events.grammar import FORBIDDEN, Automaton, AutomatonBuilder


def given_meters(events: Sequence[str]) -> list[str]:
    """The meter of each bar that events write, whatever the representation."""
    meters: list[str] = []
    for event in events:
        kind, _, value = event.partition("_")
        if kind in ("Meter", "TimeSig"):
            meters[-1:] = [value]
        elif kind == "Bars":  # a header, which says once what holds in all bars
            return meters * int(value)
        elif kind == "Bar":
            meters.append(meters[-1] if meters else "")
    return meters


def meter_automaton(dialect: Dialect, meters: Sequence[str]) -> Automaton:
    """An automaton of bars of these meters; those behind them are like the last."""
    due, said = "the meter of bar {}".format, "bar {}".format
    numbers = range(len(meters) + 1)
    builder = AutomatonBuilder("given meters", dialect.events, [*map(said, numbers), *map(due, numbers)])
    builder.stay_on(dialect.events)
    columns = np.array(list(dialect.meters.values()), dtype=np.int64)
    for number in numbers:
        after = min(number + 1, len(meters))
        changes = dialect.kind == "remi" or not number or (after > number and meters[after - 1] != meters[number - 1])
        builder.add(said(number), dialect.bar, due(after) if changes else said(after))
        builder.forbid(said(number), columns)
        builder.transitions[builder.row[due(number)]] = FORBIDDEN
        if number:
            builder.add(due(number), [dialect.events[dialect.meters[meters[number - 1]]]], said(number))
    return builder.build()
