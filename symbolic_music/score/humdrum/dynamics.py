"""`**dynam` spines as velocities: a mark holds for the staves it belongs to until the next one.

Hairpins (`<`, `>`) change nothing by themselves, `sf` and `fz` stress one moment and are not kept. Knows nothing of
pitches.
"""

import re

import numpy as np

from symbolic_music.score.humdrum.parts import Staves
from symbolic_music.score.humdrum.spines import Cells, Records

UNMARKED_VELOCITY = 80
VELOCITIES = {
    b"pppp": 10, b"ppp": 16, b"pp": 33, b"p": 49, b"mp": 64,
    b"mf": 80, b"f": 96, b"ff": 112, b"fff": 126, b"ffff": 127,
}  # fmt: skip
"""Velocities that MuseScore and Dorico play dynamics with, 16 apart from `pp` to `ff`."""
_MARK = re.compile(rb"(?<![a-z])(p{1,4}|f{1,4}|mp|mf|fp)(?![a-z])")


def read_velocities(records: Records, cells: Cells, staves: Staves, spine: np.ndarray, row: np.ndarray) -> np.ndarray:
    """The velocity of each note.

    Args:
        records: of the piece.
        cells: with those of its `**dynam` spines among the others.
        staves: what each spine is.
        spine: of each note.
        row: of each note.
    """
    velocities = np.full(len(spine), UNMARKED_VELOCITY)
    for dynam, found in cells.others.items():
        if records.spines.kinds[dynam] != b"**dynam":
            continue
        marks = [(at, VELOCITIES[mark]) for at, token in found if (mark := _read_mark(token))]
        if not marks:
            continue
        steps = np.array([UNMARKED_VELOCITY, *(velocity for _, velocity in marks)])
        rows = [at for at, _ in marks]
        for kern in _staves_of(dynam, staves):
            mine = np.flatnonzero(spine == kern)
            velocities[mine] = steps[np.searchsorted(rows, row[mine], side="right")]
    return velocities


def _read_mark(token: bytes) -> bytes:
    """The dynamic that holds from a token on; b"" where it has none."""
    match = _MARK.search(token)
    if match is None:
        return b""
    return b"p" if match[1] == b"fp" else match[1]


def _staves_of(dynam: int, staves: Staves) -> list[int]:
    """The kern spines that a `**dynam` spine is for: those of its part, or else the next one on its left."""
    facts = staves.facts.get(dynam)
    left = [spine for spine in staves.parts if spine < dynam]
    nearest = max(left, default=min(staves.parts, default=0))
    if facts is not None and facts.part is not None:
        part = [spine for spine in staves.parts if (own := staves.facts.get(spine)) and own.part == facts.part]
        if part:
            return part
    return [spine for spine in staves.parts if staves.parts[spine] == staves.parts.get(nearest)]
