"""The automata one by one, and together: no event out of order, and from everywhere a way to the end."""

import numpy as np
import pytest
from random_music import assert_way_to_end_is_open, event_tables, random_walks, walk_weights

from symbolic_music.events.grammar import FORBIDDEN, Automaton, AutomatonBuilder, EventGrammar
from symbolic_music.events.remi.codec import RemiCodec

OPENING = ["BOS_None", "Bar_None", "TimeSig_3/4", "Position_0", "Tempo_120.0"]
NOTE = ["Pitch_60", "Velocity_79", "Duration_1.0.24"]
PIECE = [*OPENING, "Program_0", *NOTE]
LONGEST = "Duration_32.0.1"


@pytest.fixture(scope="module")
def grammar():
    return RemiCodec().grammar()


@pytest.fixture(scope="module")
def tables(grammar):
    return event_tables(grammar)


def note(pitch):
    return [f"Pitch_{pitch}", *NOTE[1:]]


@pytest.mark.parametrize(
    "events",
    [
        [*PIECE, "EOS_None"],
        ["PAD_None", "PAD_None", *PIECE, "EOS_None", "PAD_None"],
        [*PIECE, *note(61), *note(127), "EOS_None"],
        [*PIECE, "Program_3", *note(60), "Program_5", *note(1), "EOS_None"],
        [*PIECE, "Position_71", *note(60), "EOS_None"],
        [*PIECE, "Position_1", "Tempo_60.0", *note(60), "EOS_None"],
        [*PIECE, "Position_1", "Program_-1", *note(60), "EOS_None"],
        [*PIECE, "Bar_None", "TimeSig_4/4", "Position_95", *note(60), "EOS_None"],
        [*PIECE, "Bar_None", "TimeSig_21/16", "Position_503", *note(60), "EOS_None"],
        [*PIECE[:-1], LONGEST, LONGEST, "EOS_None"],
        [*PIECE[:-1], LONGEST, "Duration_1.0.24", *note(61), "EOS_None"],
        [*PIECE, "Bar_None", "TimeSig_3/4", "Bar_None", "TimeSig_3/4", "Position_0", *note(60), "EOS_None"],
    ],
)
def test_pieces_are_accepted(grammar, events):
    assert grammar.explain(events) is None
    assert grammar.accepts(events)


BAR, END = ["Bar_None", "TimeSig_3/4"], ["EOS_None"]


@pytest.mark.parametrize(
    ("events", "place", "reason"),
    [
        ([*PIECE[1:], *END], 0, "order: start"),
        (["BOS_None", "BOS_None"], 1, "order: BOS"),
        (["BOS_None", "Bar_None", "Position_0"], 2, "order: first Bar"),
        ([*OPENING[:3], "Position_1"], 3, "order: first TimeSig"),
        ([*OPENING[:4], "Program_0"], 4, "order: first Position"),
        ([*OPENING, "Pitch_60"], 5, "order: Tempo, no program yet"),
        ([*PIECE, "Velocity_79"], 9, "order: Duration"),
        ([*PIECE, "Tempo_60.0"], 9, "order: Duration"),
        ([*PIECE, "PAD_None"], 9, "order: Duration"),
        ([*PIECE, "EOS_None", "Bar_None"], 10, "order: ended"),
        ([*PIECE, "EOS_None", "EOS_None"], 10, "order: ended"),
        ([*PIECE, "Position_0"], 9, "position: after position 0"),
        ([*PIECE, "Position_72"], 9, "meter: 3 beats"),
        ([*PIECE, "Position_9", *NOTE, "Position_8"], 13, "position: after position 9"),
        ([*PIECE, "Duration_1.0.24"], 9, "order: Duration"),
        ([*PIECE[:-1], LONGEST, "Duration_1.0.24", "Duration_1.0.24"], 10, "order: Duration"),
        ([*PIECE, "Pitch_60"], 9, "pitch: above pitch 60"),
        ([*PIECE, "Pitch_59"], 9, "pitch: above pitch 60"),
        ([*PIECE, "Program_-1"], 9, "program: program 0, notes at this onset"),
        ([*PIECE, "Program_0"], 9, "program: program 0, notes at this onset"),
        ([*PIECE, "Position_1", "Program_0"], 10, "program: program 0, no note at this onset"),
        ([*PIECE, "Position_1", "Tempo_120.0"], 10, "tempo: at Tempo_120.0"),
    ],
)
def test_the_first_wrong_event_is_named_with_its_reason(grammar, events, place, reason):
    expected = f"event {place} is {events[place]!r}, which may not follow here ({reason})"
    assert grammar.explain(events) == expected
    assert grammar.explain(events, first_index=-1).startswith(f"event {place - 1} is ")


def test_what_stops_early_is_said_to_stop(grammar):
    for events in (PIECE[:8], [*PIECE[:8], "EOS_None"]):
        assert grammar.explain(events) == "the sequence stops after 8 events, before its end (order: Velocity)"


def test_an_unknown_event_is_named(grammar):
    assert grammar.explain(["BOS_None", "Bar_1"]) == "event 1 is 'Bar_1', which is not in the vocabulary"


def test_a_bar_of_two_meters_is_refused(grammar):
    assert not grammar.accepts([*PIECE, *BAR, "TimeSig_4/4", "Position_0", *NOTE, *END])


def test_every_beat_of_the_largest_meter_has_its_positions(grammar):
    opening = ["BOS_None", "Bar_None", "TimeSig_12/8", *PIECE[3:]]
    assert grammar.accepts([*opening, "Position_287", *NOTE, *END])
    assert not grammar.accepts(["BOS_None", "Bar_None", "TimeSig_11/8", *PIECE[3:], "Position_287", *NOTE, *END])


# --- Walks ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["uniform", "by type", "long", "crowded onsets", "empty bars"])
def test_walks_keep_every_rule_and_reach_the_end_within_any_limit(grammar, tables, kind):
    """`random_walks` fails on a dead end; the rules are checked here by other means than the automata."""
    shortest = int(tables.tokens_to_end[tables.initial_state[0]])
    weights = walk_weights(grammar.events)[kind]
    for max_length in range(shortest, shortest + 40):
        for walk in random_walks(tables, np.random.default_rng(max_length), 8, max_length, weights):
            events = [grammar.events[column] for column in walk]
            assert len(events) <= max_length
            assert grammar.accepts(events)
            assert breaks_a_rule(events) is None


def breaks_a_rule(events):
    """Whether positions or notes run backwards or past the meter; written without automata."""
    program, position, beats, seen, tempo = None, -1, 0, (), None
    for event in events:
        kind, _, value = event.partition("_")
        if kind == "Bar":
            position, seen = -1, ()
        elif kind == "TimeSig":
            beats = int(value.split("/")[0])
        elif kind == "Position":
            if not position < int(value) < beats * 24:
                return event
            position, seen = int(value), ()
        elif kind == "Tempo":
            if value == tempo:
                return event
            tempo = value
        elif kind == "Program":
            program = int(value)
        elif kind == "Pitch":
            if (program, int(value)) <= seen:
                return event
            seen = (program, int(value))
    return None


def test_the_walks_rules_can_be_broken():
    assert breaks_a_rule([*PIECE, *NOTE]) == "Pitch_60"
    assert breaks_a_rule([*PIECE, "Position_72"]) == "Position_72"


def test_from_every_joint_state_on_a_walk_the_promised_way_to_the_end_is_open(grammar, tables):
    """Taking any allowed event that comes nearer to the end, the end is reached within `to_end`."""
    rng = np.random.default_rng(0)
    ids = np.array(
        [
            walk[:60]
            for walk in random_walks(tables, rng, 40, 200, walk_weights(grammar.events)["long"])
            if len(walk) > 60
        ]
    )
    assert len(ids) >= 20
    assert_way_to_end_is_open(tables, ids, rng)


def test_distance_to_end_of_the_shortest_piece(grammar):
    assert grammar.distance_to_end()[0][grammar.automata[0].initial] == len(PIECE) + 1
    assert grammar.distance_to_end()[0][grammar.final_state] == 0


# --- Building automata ----------------------------------------------------------------------------------------------


def toggle(states=("off", "on", "stuck")):
    builder = AutomatonBuilder("toggle", ["flip", "stick", "other"], states)
    builder.add("off", ["flip"], "on")
    builder.add("on", ["flip"], "off")
    builder.stay_on(["other"])
    return builder


def test_a_builder_forbids_what_was_not_added():
    automaton = toggle().build()
    assert automaton.transitions.tolist() == [[1, FORBIDDEN, 0], [0, FORBIDDEN, 1], [FORBIDDEN, FORBIDDEN, 2]]
    assert automaton.states[automaton.initial] == "off"


def test_a_state_without_a_way_to_the_end_is_named():
    builder = toggle()
    builder.add_all(["off", "on"], "stick", "stuck")
    grammar = EventGrammar(["flip", "stick", "other"], [builder.build()], final_state=1)
    with pytest.raises(ValueError, match=r"no way from these states to the end: \['stuck'\]"):
        grammar.distance_to_end()


def test_an_automaton_holds_together():
    table = np.array([[0, 2]], dtype=np.int16)
    with pytest.raises(ValueError, match="leaves the 1 states"):
        Automaton("bad", table, 0, ("only",))
    with pytest.raises(ValueError, match="1 states, 2 names"):
        Automaton("bad", table * 0, 0, ("one", "two"))
