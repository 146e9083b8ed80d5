"""Ends are found exactly where there are some, in whatever order it is asked; checked by walking all states."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from symbolic_music.events.completion import END, Completion
from symbolic_music.events.grammar import FORBIDDEN, Automaton, EventGrammar


@st.composite
def grammars(draw):
    """Two to four automata of a few states over a few events, whose first event ends a piece."""
    num_events = draw(st.integers(2, 5))
    automata = []
    for number in range(draw(st.integers(2, 4))):
        size = draw(st.integers(1, 4))
        rows = st.lists(st.integers(FORBIDDEN, size - 1), min_size=num_events, max_size=num_events)
        table = draw(st.lists(rows, min_size=size, max_size=size))
        if number == 0:  # its last state is that of complete pieces
            for row in table:
                row[1:] = [FORBIDDEN if state == size - 1 else state for state in row[1:]]
                row[END] = draw(st.sampled_from([size - 1, FORBIDDEN]))
            table[-1] = [FORBIDDEN] * num_events
        states = tuple(map(str, range(size)))
        automata.append(Automaton(f"automaton {number}", np.array(table, np.int16), 0, states))
    events = [f"Event_{number}" for number in range(num_events)]
    return EventGrammar(events, automata, len(automata[0].states) - 1, {0: np.zeros(1)})


def behind(grammar, state):
    """All states that one event leads to."""
    for event in range(len(grammar.events)):
        after = tuple(int(each.transitions[row, event]) for each, row in zip(grammar.automata, state, strict=True))
        if FORBIDDEN not in after:
            yield after


def distances(grammar):
    """Of every state that can be come to, those behind it and, where there is an end, the fewest events to it."""
    following, newest = {}, [tuple(automaton.initial for automaton in grammar.automata)]
    while newest:
        state = newest.pop()
        if state not in following:
            following[state] = list(behind(grammar, state))
            newest += following[state]
    fewest = {state: 0 for state in following if state[0] == grammar.final_state}
    for steps in range(1, len(following) + 1):
        fewest |= {
            state: steps
            for state, after in following.items()
            if state not in fewest and any(each in fewest for each in after)
        }
    return following, fewest


@given(grammars(), st.randoms(use_true_random=False), st.data())
def test_an_end_is_found_where_there_is_one(grammar, random, data):
    """What was found from one state is told of others only where it is so, and there is always a way on."""
    following, fewest = distances(grammar)
    some_are_unusual = data.draw(st.integers(1, len(grammar.events)))
    completion = Completion(grammar, np.arange(len(grammar.events)), some_are_unusual)
    firsts = np.cumsum([0, *(len(automaton.states) for automaton in grammar.automata)])[:-1]
    keys = {state: completion.key(firsts + state) for state in following}
    states = list(following)
    random.shuffle(states)
    for state in states:
        needed = completion.needed(keys[state])
        assert (needed is None) == (state not in fewest), state
        if needed:
            assert needed >= fewest[state]
            assert completion.within(keys[state], needed)
            assert not completion.within(keys[state], fewest[state] - 1)
            assert any(completion.within(keys[after], needed - 1) for after in following[state])


@given(grammars(), st.integers(0, 8) | st.none())
def test_many_states_at_once_are_answered_as_each_alone(grammar, limit):
    following, _ = distances(grammar)
    firsts = np.cumsum([0, *(len(automaton.states) for automaton in grammar.automata)])[:-1]
    together, alone = (Completion(grammar, np.arange(len(grammar.events)), len(grammar.events)) for _ in range(2))
    keys = together.key(firsts + np.array(list(following)))
    for _ in range(2):  # with nothing known, and with all ends known
        assert together.all_within(keys, limit).tolist() == [alone.within(key, limit) for key in keys]
