"""Random Scores for hypothesis, and random walks through a grammar; helpers of every test above the score layer."""

import numpy as np
from hypothesis import strategies as st
from symusic.core import NoteTick, ScoreTick, TempoTick, TimeSignatureTick, TrackTick

from symbolic_music.tokenization.token_grammar import TokenGrammar

METERS = [(4, 4), (3, 4), (2, 4), (6, 8), (12, 8), (7, 8), (2, 2), (3, 2), (5, 16), (1, 4), (9, 8)]


@st.composite
def scores(draw, max_notes=24, max_tracks=3):
    """Scores of several tracks, drums among them, off every grid, with notes that overlap and repeat."""
    ticks = draw(st.sampled_from([24, 96, 100, 120, 384, 480, 960]))
    last = draw(st.sampled_from([2, 16, 200])) * ticks
    time = st.one_of(st.integers(0, last), st.integers(0, last * 8 // ticks).map(lambda eighth: eighth * ticks // 8))
    score = ScoreTick(ticks)
    for _ in range(draw(st.integers(1, max_tracks))):
        score.tracks.append(draw(_tracks(time, ticks, max_notes)))
    for moment in sorted(draw(st.sets(time, max_size=4))):
        score.tempos.append(TempoTick(moment, draw(st.floats(10, 400))))
    for moment in sorted(draw(st.sets(time, max_size=3))):
        score.time_signatures.append(TimeSignatureTick(moment, *draw(st.sampled_from(METERS))))
    return score


@st.composite
def _tracks(draw, time, ticks, max_notes):
    track = TrackTick("", draw(st.integers(0, 127)), draw(st.booleans()))
    duration = st.one_of(st.integers(1, ticks), st.integers(1, 50 * ticks))
    pitch = draw(st.sampled_from([st.integers(0, 127), st.integers(60, 62)]))
    notes = draw(st.lists(st.tuples(time, duration, pitch, st.integers(1, 127)), min_size=1, max_size=max_notes))
    for note in notes:
        track.notes.append(NoteTick(*note))
    return track


def contents(score):
    """Everything a Score plays, as plain values: comparing two of these shows what differs."""
    return {
        "ticks_per_quarter": score.ticks_per_quarter,
        "tracks": [
            (track.program, track.is_drum, [(n.time, n.duration, n.pitch, n.velocity) for n in track.notes])
            for track in score.tracks
        ],
        "tempos": [(tempo.time, tempo.mspq) for tempo in score.tempos],
        "meters": [(meter.time, meter.numerator, meter.denominator) for meter in score.time_signatures],
    }


def event_types(events):
    """The part of each event name before the underscore."""
    return np.array([event.partition("_")[0] for event in events])


def event_tables(grammar):
    """A grammar as tables over its own events, one event to an id."""
    return TokenGrammar(grammar, [(column,) for column in range(len(grammar.events))])


def walk_weights(events):
    """Ways to choose among allowed events, by name: how a walk is drawn decides which corners it sees."""
    types = event_types(events)
    count = {name: int((types == name).sum()) for name in set(types)}
    by_type = np.array([1 / count[name] for name in types])
    endless = by_type * np.where(types == "EOS", 1e-9, 1.0)
    return {
        "uniform": np.ones(len(events)),
        "by type": by_type,
        "long": endless,
        "crowded onsets": endless * np.where(np.isin(types, ["Program", "Pitch"]), 5.0, 0.3),
        "empty bars": endless * np.where(np.isin(types, ["Bar", "TimeSig", "Tempo", "Position"]), 5.0, 1.0),
    }


def random_walks(tables, rng, count, max_length, weights=None, pad=0):
    """Random sequences of ids that a grammar allows, from its start to its end within `max_length` ids.

    Near the limit only ids that keep the end within reach are chosen, as `GrammarLogitsProcessor` does.
    """
    weights = np.ones(tables.vocab_size) if weights is None else weights
    states = np.repeat(tables.initial_state[None], count, axis=0)
    walks, live = [[] for _ in range(count)], np.arange(count)
    for length in range(1, max_length + 1):
        allowed = tables.allowed(states)
        allowed[:, pad] = False
        allowed &= tables.to_end_after(states) <= max_length - length
        assert allowed.any(axis=1).all(), "a dead end"
        heights = (allowed * weights).cumsum(axis=1)
        ids = (heights <= rng.random(len(live))[:, None] * heights[:, -1:]).sum(axis=1)
        states = tables.advance(states, ids)
        for walk, token in zip(live, ids.tolist(), strict=True):
            walks[walk].append(token)
        going = states[:, 0] != tables.final_row
        states, live = states[going], live[going]
        if not len(live):
            break
    return walks


def round_trip_complaint(codec, score):
    """What the codec breaks for this Score, or None; errors of the codec are let through."""
    quantised = codec.quantise(score)
    events = codec.encode(score)
    decoded = codec.decode(events)  # raises where the grammar refuses what the codec writes
    if contents(decoded) != contents(quantised):
        return "decode(encode(score)) differs from quantise(score)"
    if contents(codec.quantise(quantised)) != contents(quantised):
        return "quantise is not idempotent"
    if codec.encode(decoded) != events:
        return "encode(decode(events)) differs from events"
    return None


def assert_way_to_end_is_open(tables, ids, rng):
    """From the states before all of ids (B, T), events that come nearer to the end reach it as promised."""
    states = tables.scan(ids).reshape(-1, tables.num_automata)
    for _ in range(int(tables.to_end(states).max())):
        left = tables.to_end(states)
        going = left > 0
        nearer = tables.allowed(states[going]) & (tables.to_end_after(states[going]) < left[going, None])
        assert nearer.any(axis=1).all()
        heights = nearer.cumsum(axis=1)
        chosen = (heights <= rng.random(len(heights))[:, None] * heights[:, -1:]).sum(axis=1)
        states[going] = tables.advance(states[going], chosen)
    assert (states[:, 0] == tables.final_row).all()
