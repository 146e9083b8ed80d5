"""`**dynam` spines as velocities, by the table and the rules of `score.notation.dynamics`.

A `**dynam` spine is for the staves of its part, or else for the instrument on its left. In it `<` begins a crescendo
and `[` ends it, `>` begins a diminuendo and `]` ends it (humdrum.org/rep/dynam). Knows nothing of pitches.
"""

import re
from functools import lru_cache

import numpy as np

from symbolic_music.score.humdrum.parts import Staves
from symbolic_music.score.notation.dynamics import ACCENTS, ACCENTS_THEN, DEFAULT_VELOCITY, VELOCITIES, Dynamics

DYNAMICS = b"**dynam"
_SIGN = re.compile(r"[a-z]+|[<>\[\]]")
_KNOWN = frozenset((*VELOCITIES, *ACCENTS, *ACCENTS_THEN)) - {"n"}
_BEGINS = {"<": 1, ">": -1}


def read_velocities(
    cells: dict[int, list[tuple[int, bytes]]],
    row_quarters: np.ndarray,
    staves: Staves,
    spine: np.ndarray,
    row: np.ndarray,
) -> np.ndarray:
    """The velocity of each note.

    Args:
        cells: row and token of each cell of the `**dynam` spines, by spine.
        row_quarters: where each row is, in quarter notes, repeats not played out.
        staves: what each spine is.
        spine: of each note.
        row: of each note.
    """
    velocities = np.full(len(spine), DEFAULT_VELOCITY, np.int64)
    found: dict[int, list[tuple[int, bytes]]] = {}
    for dynam, tokens in cells.items():
        if tokens:
            for part in _parts_of(dynam, staves):
                found.setdefault(part, []).extend(tokens)
    if found:
        parts = staves.parts_of(spine)
        for part, tokens in found.items():
            mine = np.flatnonzero(parts == part)
            velocities[mine] = _read_dynamics(sorted(tokens), row_quarters).velocities(row_quarters[row[mine]])
    return velocities


def _read_dynamics(tokens: list[tuple[int, bytes]], row_quarters: np.ndarray) -> Dynamics:
    dynamics = Dynamics()
    begun: dict[int, float] = {}
    times = row_quarters[[row for row, _ in tokens]].tolist()
    for time, (_, token) in zip(times, tokens, strict=True):
        for sign in _read_signs(token):
            if sign in _BEGINS:
                begun[_BEGINS[sign]] = time
            elif sign in "[]":
                way = 1 if sign == "[" else -1
                if way in begun:
                    dynamics.hairpins.append((begun.pop(way), time, way))
            elif sign in _KNOWN:
                dynamics.add_sign(time, sign)
    return dynamics


@lru_cache(maxsize=2**10)
def _read_signs(token: bytes) -> list[str]:
    return _SIGN.findall(token.decode("latin-1"))


def _parts_of(dynam: int, staves: Staves) -> set[int]:
    """The parts that a `**dynam` spine is for: those that share its number, or else the one on its left."""
    facts = staves.facts.get(dynam)
    if facts is not None and facts.part is not None:
        named = {part for spine, part in staves.parts.items() if staves.part_number(spine) == facts.part}
        if named:
            return named
    left = [spine for spine in staves.parts if spine < dynam]
    return {staves.parts[max(left) if left else min(staves.parts)]}
