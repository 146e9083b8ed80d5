"""The quick look at a long sequence says what the step-by-step one says, for any automaton."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from symbolic_music.events.acceptance import Acceptance
from symbolic_music.events.grammar import FORBIDDEN


@st.composite
def walks(draw):
    """An automaton of a few states, and a sequence: most events reset the state, some count, some are forbidden."""
    states, events = draw(st.integers(1, 5)), draw(st.integers(1, 6))
    columns = []
    for _ in range(events):
        kind = draw(st.sampled_from(["reset", "same", "count", "any"]))
        target = draw(st.integers(0, states - 1))
        column = {
            "reset": [target] * states,
            "same": list(range(states)),
            "count": [(state + 1) % states for state in range(states)],
            "any": draw(st.lists(st.integers(0, states - 1), min_size=states, max_size=states)),
        }[kind]
        forbidden = draw(st.lists(st.sampled_from([False, False, False, True]), min_size=states, max_size=states))
        columns.append([FORBIDDEN if gone else state for gone, state in zip(forbidden, column, strict=True)])
    sequence = draw(st.lists(st.integers(0, events - 1), max_size=40))
    return np.array(columns, np.int16).T, draw(st.integers(0, states - 1)), sequence


def step_by_step(transitions, initial, sequence):
    state = initial
    for event in sequence:
        state = int(transitions[state, event])
        if state == FORBIDDEN:
            return None
    return state


@given(walks())
def test_the_last_state_is_that_of_one_step_after_the_other(walk):
    transitions, initial, sequence = walk
    found = Acceptance(transitions, initial).last_state(np.array(sequence, np.int64))
    assert found == step_by_step(transitions, initial, sequence)
