"""States stay what they are while their buffers grow, shrink and are used again."""

import numpy as np

from symbolic_music.generation.engine.cache import Cache
from symbolic_music.generation.engine.graphs.builder import State

STATES = (State("key", (2, 0, 3)), State("value", (2, 0, 3)), State("hidden", (5,)))


def reading(length, seed):
    rng = np.random.default_rng(seed)
    return {
        state.name: rng.normal(size=[size or length for size in state.shape]).astype(np.float32) for state in STATES
    }


def held(cache, place):
    """What a sequence has at its place, without the rest of the buffers."""
    length = cache.lengths[place]
    return {
        state.name: cache.arrays[state.name][place][:, :length] if state.grows else cache.arrays[state.name][place]
        for state in STATES
    }


def assert_holds(cache, place, states):
    for name, kept in held(cache, place).items():
        np.testing.assert_array_equal(kept, states[name], err_msg=name)
    open_tokens = np.isfinite(cache.bias[place, 0, 0])
    np.testing.assert_array_equal(open_tokens, np.arange(cache.capacity) < cache.lengths[place])


def test_buffers_grow_and_shrink_around_what_they_hold():
    cache, states = Cache(STATES, 3, 1000), [reading(length, seed) for seed, length in enumerate((5, 40, 12))]
    for place, length in enumerate((5, 40, 12)):
        cache.put(place, states[place], length)
    for length in (41, 100, 300, 700, 1000, 60, 41, 500):
        cache.fit(length, 3)
        assert length <= cache.capacity < length + max(33, length / 4)
        assert all(array.flags.c_contiguous for array in cache.arrays.values()), "a step reads without gaps"
        for place in range(3):
            assert_holds(cache, place, states[place])
    assert not cache.fit(500, 3), "nothing moves where there is room"


def test_a_short_sequence_takes_the_place_of_a_long_one():
    cache, long, short = Cache(STATES, 2, 400), reading(300, 1), reading(7, 2)
    cache.put(0, long, 300)
    cache.put(1, short, 7)
    cache.move(1, 0)
    assert_holds(cache, 0, short)
    cache.fit(8, 1)
    assert cache.capacity < 100, "the long one is no longer counted"
    assert_holds(cache, 0, short)
    cache.forget()
    cache.put(1, long, 300)
    assert_holds(cache, 1, long)
    assert np.isneginf(cache.bias[0]).all()
