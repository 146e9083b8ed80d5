"""All that is asked for as automata beside a codec's own, once it is known that nothing contradicts itself."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from symbolic_music.events.codec import ScoreCodec
from symbolic_music.events.completion import MOST_STATES, Completion
from symbolic_music.events.controls.asked import COMMON_METER, ControlError, Controls
from symbolic_music.events.controls.automata.bars import bars_automata, density_automata
from symbolic_music.events.controls.automata.bass import bass_automata, bass_places
from symbolic_music.events.controls.automata.chords import chord_automata
from symbolic_music.events.controls.automata.ending import ending_automata
from symbolic_music.events.controls.automata.fields import field_automata, tempos_within
from symbolic_music.events.controls.automata.given.files import given_automata, given_columns
from symbolic_music.events.controls.automata.instruments import instrument_automata
from symbolic_music.events.controls.automata.pitches import fill_automata, pitch_automata
from symbolic_music.events.controls.automata.polyphony import polyphony_automata
from symbolic_music.events.controls.automata.repeats import REPEATED_BARS, repeat_automata
from symbolic_music.events.controls.clashes import check_clashes, name_of
from symbolic_music.events.controls.dialect import Dialect, dialect_of
from symbolic_music.events.controls.fitting import fit_given
from symbolic_music.events.grammar import Automaton, EventGrammar

_BUILDERS = (
    field_automata,
    instrument_automata,
    bars_automata,
    density_automata,
    pitch_automata,
    chord_automata,
    bass_automata,
    ending_automata,
    polyphony_automata,
    repeat_automata,
    given_automata,
)
# To tell what clashes, so many states are looked at for each thing that may be left out; all searches take a second.
_MOST_TO_EXPLAIN = 2_000
_MOST_FOR_EACH_GIVEN = 16
"""States that are looked at for each event of a file, besides."""
# Rows of a token grammar are int16.
_MOST_ROWS = np.iinfo(np.int16).max


def settle(codec: ScoreCodec, asked: Controls) -> Controls:
    """What is asked for with nothing left to chance that something else depends on.

    Chords need a meter, 4/4 where none is asked for, and as many bars as they are where no number is. A tempo becomes
    the nearest one that the vocabulary has. What files give is written by the codec; see `fit_given`.

    Raises:
        ControlError: when something cannot be had, or two things clash.
    """
    dialect = dialect_of(codec)
    if asked.given:
        asked = fit_given(codec, dialect, asked)
    if asked.chords is not None:
        asked = replace(asked, meter=asked.meter or COMMON_METER, bars=asked.bars or len(asked.chords))
    if asked.tempo is not None and not isinstance(asked.tempo, tuple):
        asked = replace(asked, tempo=tempos_within(dialect, asked)[0])
    check_clashes(asked)
    return asked


def control_automata(dialect: Dialect, asked: Controls) -> list[Automaton]:
    """The automata of everything that is asked for.

    Raises:
        ControlError: when something cannot be had.
    """
    return [automaton for build in _BUILDERS for automaton in build(dialect, asked)]


def controlled(codec: ScoreCodec, asked: Controls) -> tuple[EventGrammar, Completion]:
    """The grammar of the pieces that are what is asked for, and what knows how each of them can be completed.

    Args:
        codec: of the events.
        asked: as `settle` gives it.

    Raises:
        ControlError: when there is no such piece; the message names two things that clash, where two do.
    """
    dialect, base = dialect_of(codec), codec.grammar()
    automata = control_automata(dialect, asked)
    _check_size(base, automata, asked)
    grammar = _intersection(base, automata)
    completion = _completion(dialect, grammar, automata, asked)
    if completion.needed(completion.initial) is None:
        raise ControlError(_clash(dialect, base, asked))
    return grammar, completion


def _completion(
    dialect: Dialect, grammar: EventGrammar, automata: Sequence[Automaton], asked: Controls, most: int = MOST_STATES
) -> Completion:
    places: set[int] = set()
    if asked.bass_on_root and asked.chords is not None and asked.meter is not None:
        length = dialect.bar_length(asked.meter)
        places = {place for bar in asked.chords for place in bass_places(length, bar)}
    together = max((low for _, low, _ in asked.polyphony or ()), default=0)
    # The residue of a bar is mended by one note of any length.
    usual = [automaton for automaton in automata if automaton.name != REPEATED_BARS]
    given, more = given_columns(dialect, asked)
    # A way through all that is given is as long as what is given.
    most += _MOST_FOR_EACH_GIVEN * sum(len(given.events) for given in asked.given.values())
    events = dialect.completing(automata, usual, places, max(together, more, 3), given)
    return Completion(grammar, *events, most)


def _check_size(base: EventGrammar, automata: Sequence[Automaton], asked: Controls) -> None:
    """Whether the automata are small enough to be followed.

    Raises:
        ControlError: when they are not; the message names what has the largest.
    """
    size = sum(len(automaton.states) for automaton in [*base.automata, *automata])
    if size > _MOST_ROWS:
        largest = max(automata, key=lambda automaton: len(automaton.states))
        raise ControlError(
            f"too much is asked for to be followed ({size} states, at most {_MOST_ROWS}): mostly by "
            f"the {largest.name}, over {asked.bars} bars"
        )


def controlled_fill(codec: ScoreCodec, asked: Controls, fill: EventGrammar, programs: Sequence[int]) -> EventGrammar:
    """A grammar of what fills masked bars, kept to what is asked for.

    Args:
        codec: of track text.
        asked: key and ranges.
        fill: the grammar.
        programs: who plays behind each mask.

    Raises:
        ControlError: where anything else is asked for, or two things clash.
    """
    check_clashes(asked)
    return _intersection(fill, fill_automata(dialect_of(codec), asked, programs))


def _intersection(base: EventGrammar, automata: list[Automaton]) -> EventGrammar:
    to_end = dict(enumerate(base.distance_to_end()))
    return EventGrammar(base.events, [*base.automata, *automata], base.final_state, to_end)


def _clash(dialect: Dialect, base: EventGrammar, asked: Controls) -> str:
    """Which of the things that are asked for cannot be had together: one after the other is left out if it may be."""
    left = asked.asked
    for name in asked.asked:
        others = tuple(other for other in left if other != name)
        if others and not _can_be_had(dialect, base, _only(asked, others)):
            left = list(others)
    return f"no piece can have {' and '.join(name_of(asked, name) for name in left)}"


def _can_be_had(dialect: Dialect, base: EventGrammar, asked: Controls) -> bool:
    automata = control_automata(dialect, asked)
    completion = _completion(dialect, _intersection(base, automata), automata, asked, _MOST_TO_EXPLAIN)
    return completion.needed(completion.initial) is not None


def _only(asked: Controls, names: tuple[str, ...]) -> Controls:
    needed = set(names)
    if "bass_on_root" in needed:
        needed |= {"chords"} | ({"instruments"} if asked.instruments is not None else set())
    if "chords" in needed or needed & set(asked.given):
        needed |= {"meter", "bars"}
    if needed & set(asked.given):
        needed |= {"instruments", "with_instruments"}
    if "ending" in needed:
        needed |= {"key"}
    return replace(Controls(), **{name: getattr(asked, name) for name in needed})
