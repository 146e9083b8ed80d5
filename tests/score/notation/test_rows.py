"""Row keys against Python's own comparison of tuples."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from symbolic_music.score.notation.rows import row_keys

# Small values give equal rows; large ones give products that must be numbered anew.
_values = st.one_of(st.integers(-2, 2), st.integers(-(2**40), 2**40))


@given(st.lists(st.tuples(_values, _values, _values), max_size=30))
def test_row_keys_sort_and_compare_as_tuples_do(rows: list[tuple[int, int, int]]) -> None:
    keys = row_keys(list(np.array(rows, np.int64).reshape(-1, 3).T)).tolist()
    assert [rows[place] for place in sorted(range(len(rows)), key=keys.__getitem__)] == sorted(rows)
    assert len(set(keys)) == len(set(rows))
    assert all(0 <= key < 2**62 for key in keys)
