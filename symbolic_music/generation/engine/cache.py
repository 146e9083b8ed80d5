"""What sequences carry from step to step, in buffers that a step reads from beginning to end."""

import numpy as np

from symbolic_music.generation.engine.graphs.builder import State

# A buffer has room for so many more tokens, or for an eighth more, so that a step reads little that is empty.
_FEW, _SHARE = 32, 8
# The memory behind the buffers has room for at least so many tokens, and is doubled when it is full.
_FIRST_ROOM = 256


class Cache:
    """States of sequences, each at a place.

    The keys and values of a layer lie in one piece of memory, without gaps between heads and sequences. So all must
    move when a buffer gets longer; each moves into the memory that the one before it has left.

    Args:
        states: of a graph.
        places: most sequences.
        max_length: longest sequence in tokens.

    Attributes:
        arrays: by state, (places, ...) float32; of those that grow (places, heads, capacity, head size).
        lengths: (places,) int64, tokens of each sequence.
        capacity: tokens that the buffers hold.
        bias: (places, 1, 1, capacity) float32, 0 where a sequence has a token and minus infinity elsewhere.
    """

    def __init__(self, states: tuple[State, ...], places: int, max_length: int):
        self._growing = [state for state in states if state.grows]
        self._max_length = max_length
        self.arrays = {state.name: np.zeros((places, *state.shape), np.float32) for state in states}
        self.lengths = np.zeros(places, np.int64)
        self.capacity = 0
        self.bias = np.zeros((places, 1, 1, 0), np.float32)
        self._room, self._memory, self._free = 0, np.zeros((0, 0), np.float32), 0

    def forget(self) -> None:
        """Begin anew, in the memory there is."""
        self.lengths[:] = 0
        self.capacity = 0
        for state in self._growing:
            self.arrays[state.name] = self.arrays[state.name][:, :, :0]

    def fit(self, length: int, places: int) -> bool:
        """Room for so many tokens in each of the first places, and not for many more.

        What these hold is kept, up to that length. Returns whether buffers moved.
        """
        more = max(_FEW, length // _SHARE // _FEW * _FEW)
        capacity = max(length, min(-(-length // more) * more, self._max_length))
        if length <= self.capacity and capacity > self.capacity // 2:
            return False
        self._move_to(capacity, min(int(self.lengths[:places].max(initial=0)), self.capacity, capacity))
        return True

    def put(self, place: int, states: dict[str, np.ndarray], length: int) -> bool:
        """Let a sequence begin at a place; returns whether buffers moved.

        Args:
            place: of the sequence.
            states: by name, without a dimension for places.
            length: its tokens.
        """
        moved = length > self.capacity and self.fit(length, len(self.lengths))
        for name, state in states.items():
            kept = self.arrays[name][place]
            kept[tuple(slice(size) for size in state.shape)] = state
        self._set_length(place, length)
        return moved

    def keep(self, place: int) -> dict[str, np.ndarray]:
        """Copies of the states of a sequence, as `put` takes them."""
        kept = {name: array[place] for name, array in self.arrays.items()}
        kept |= {state.name: kept[state.name][:, : self.lengths[place]] for state in self._growing}
        return {name: array.copy() for name, array in kept.items()}

    def move(self, source: int, target: int) -> None:
        """Put the sequence of one place at another."""
        length = int(self.lengths[source])
        growing = {state.name for state in self._growing}
        for name, kept in self.arrays.items():
            if name in growing:
                kept[target, :, :length] = kept[source, :, :length]
            else:
                kept[target] = kept[source]
        self._set_length(target, length)

    def _set_length(self, place: int, length: int) -> None:
        self.lengths[place] = length
        self.bias[place, ..., :length] = 0
        self.bias[place, ..., length:] = -np.inf

    def _move_to(self, capacity: int, filled: int) -> None:
        """Buffers of another capacity, with so many tokens from those of before."""
        places, memory = len(self.lengths), self._memory
        if capacity > self._room:
            self._room = max(capacity, min(self._max_length, max(_FIRST_ROOM, 2 * self._room)))
            sizes = [places * state.shape[0] * self._room * state.shape[2] for state in self._growing]
            memory = np.empty((len(sizes) + 1, max(sizes, default=0)), np.float32)  # of large pages, as zeros are not
            self._free = 0
        first = self._free
        for number, state in enumerate(self._growing):
            heads, size = state.shape[0], state.shape[2]
            shape = (places, heads, capacity, size)
            buffer = memory[(first - number) % len(memory)][: int(np.prod(shape))].reshape(shape)
            buffer[:, :, :filled] = self.arrays[state.name][:, :, :filled]
            buffer[:, :, filled:] = 0  # a step reads it, whatever comes of that
            self.arrays[state.name] = buffer
        self._free = (first - len(self._growing)) % len(memory)
        self._memory, self.capacity = memory, capacity
        self.bias = np.where(
            np.arange(capacity) < self.lengths[:, None, None, None], np.float32(0), np.float32(-np.inf)
        )
