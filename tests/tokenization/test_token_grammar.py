"""The tables over ids say what the automata say over the events of each id."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_music import random_walks

from symbolic_music.events.grammar import FORBIDDEN
from symbolic_music.events.remi.codec import RemiCodec
from symbolic_music.tokenization.token_grammar import TokenGrammar

BY_FIXTURE = {"deadline": None, "suppress_health_check": [HealthCheck.function_scoped_fixture]}


@pytest.fixture(scope="module")
def grammar(processor):
    return processor.grammar()


@pytest.fixture(scope="module")
def walks(grammar):
    """Random pieces of ids, merged tokens included."""
    return random_walks(grammar, np.random.default_rng(0), 60, 120)


def run_automaton(automaton, state, events):
    """The state after some events, one at a time; what the lifted tables must hold."""
    for event in events:
        if state == FORBIDDEN:
            return FORBIDDEN
        state = int(automaton.transitions[state, event])
    return state


def offsets(grammar):
    return np.cumsum([0, *(len(automaton.transitions) for automaton in grammar.grammar.automata)])


def test_tables_equal_the_automata_on_merged_and_single_tokens_from_every_state(grammar):
    merged = [token for token, events in enumerate(grammar.token_events) if len(events) > 1]
    assert len(merged) > 20
    rng = np.random.default_rng(1)
    sample = [*rng.choice(merged, 12, replace=False), *rng.choice(grammar.vocab_size, 12, replace=False)]
    for automaton, offset in zip(grammar.grammar.automata, offsets(grammar), strict=False):
        for token in sample:
            expected = [
                run_automaton(automaton, state, grammar.token_events[token])
                for state in range(len(automaton.transitions))
            ]
            column = grammar.next_state[offset : offset + len(expected), grammar.kinds[token]].astype(int)
            assert np.where(column == FORBIDDEN, FORBIDDEN, column - offset).tolist() == expected


@settings(max_examples=100, **BY_FIXTURE)
@given(data=st.data())
def test_any_entry_equals_the_automaton(grammar, data):
    which = data.draw(st.integers(0, grammar.num_automata - 1))
    automaton, offset = grammar.grammar.automata[which], offsets(grammar)[which]
    state = data.draw(st.integers(0, len(automaton.transitions) - 1))
    token = data.draw(st.integers(0, grammar.vocab_size - 1))
    after = run_automaton(automaton, state, grammar.token_events[token])
    assert grammar.next_state[offset + state, grammar.kinds[token]] == (
        FORBIDDEN if after == FORBIDDEN else offset + after
    )


def test_scan_is_advance_step_by_step_and_allowed_is_what_advance_survives(grammar, walks):
    ids = np.array([walk[:14] for walk in walks if len(walk) >= 14])
    scanned = grammar.scan(ids)
    states = np.repeat(grammar.initial_state[None], len(ids), axis=0)
    for step in range(ids.shape[1]):
        assert np.array_equal(scanned[:, step], states)
        allowed = grammar.allowed(states)
        assert allowed[np.arange(len(ids)), ids[:, step]].all()
        for token in (0, 5, int(ids[0, step]), grammar.vocab_size - 1):
            survives = (grammar.advance(states, np.full(len(ids), token)) != FORBIDDEN).all(axis=1)
            assert np.array_equal(allowed[:, token], survives)
        states = grammar.advance(states, ids[:, step])
    resumed = grammar.scan(ids[:, 6:], scanned[:, 6])
    assert np.array_equal(resumed, scanned[:, 6:])


def test_states_that_allow_the_same_kinds_allow_the_same_ids(grammar, walks):
    scanned = grammar.scan(np.array([walk[:14] for walk in walks if len(walk) >= 14]))
    for rows in scanned[:, ::5].reshape(-1, grammar.num_automata):
        ids = grammar.ids_of(grammar.allowed_kinds(rows))
        assert np.array_equal(ids, np.flatnonzero(grammar.allowed(rows)))


def test_a_forbidden_state_stays_forbidden_and_allows_nothing(grammar):
    states = np.array([[FORBIDDEN] * grammar.num_automata], dtype=np.int16)
    assert (grammar.advance(states, np.array([4])) == FORBIDDEN).all()
    assert not grammar.allowed(states).any()
    half = grammar.initial_state[None].copy()
    half[0, 2] = FORBIDDEN
    assert not grammar.allowed(half).any()


def test_allowed_takes_any_leading_shape(grammar, walks):
    ids = np.array([walk[:9] for walk in walks if len(walk) >= 9][:4])
    states = grammar.scan(ids)
    whole = grammar.allowed(states)
    assert whole.shape == (len(ids), 9, grammar.vocab_size)
    assert np.array_equal(whole[1, 3], grammar.allowed(states[1, 3]))


def test_notes_and_bars_are_counted_in_each_token(grammar, walks):
    for walk in walks[:10]:
        names = [grammar.grammar.events[event] for token in walk for event in grammar.token_events[token]]
        assert grammar.notes_per_token[walk].sum() == sum(name.startswith("Pitch_") for name in names)
        assert grammar.bars_per_token[walk].sum() == names.count("Bar_None")
        assert grammar.count_per_token("Tempo")[walk].sum() == sum(name.startswith("Tempo_") for name in names)


def test_tokens_to_end_count_single_events_and_are_a_promise(grammar, walks):
    """A merged token may be quicker; never slower."""
    for walk in walks:
        states = grammar.scan(np.array([walk]))[0]
        assert grammar.tokens_to_end[states[-1, 0]] == 1
    assert grammar.tokens_to_end[grammar.final_row] == 0


def test_explain_names_the_event_and_ids_outside_the_vocabulary(grammar, walks):
    assert grammar.explain(walks[0]) is None
    assert grammar.explain(walks[0][:-1]).startswith("the sequence stops after")
    assert grammar.explain([*walks[0], 5]).startswith("event ")
    assert grammar.explain([1, 10**6]) == f"id 1000000 is outside the vocabulary of {grammar.vocab_size}"
    assert grammar.explain([-1]) == f"id -1 is outside the vocabulary of {grammar.vocab_size}"


def test_a_token_without_events_is_never_allowed():
    codec = RemiCodec()
    events = codec.grammar().events
    grammar = TokenGrammar(codec.grammar(), [*((column,) for column in range(len(events))), ()])
    assert (grammar.next_state[:, grammar.kinds[-1]] == FORBIDDEN).all()


def test_ids_of_the_same_events_are_one_kind_and_behave_alike(grammar, walks):
    pad, doubled = 0, TokenGrammar(grammar.grammar, [*grammar.token_events, *[grammar.token_events[0]] * 500])
    assert doubled.vocab_size == grammar.vocab_size + 500
    assert doubled.next_state.shape == grammar.next_state.shape
    states = np.repeat(grammar.initial_state[None], 2, axis=0)
    assert np.array_equal(doubled.allowed(states)[:, -500:], np.repeat(grammar.allowed(states)[:, [pad]], 500, axis=1))
    ids = np.array([doubled.vocab_size - 1, pad])
    assert np.array_equal(*doubled.advance(states, ids))
    assert doubled.explain([doubled.vocab_size - 1, doubled.vocab_size - 2, *walks[0]]) is None
