"""Which track and which part each `**kern` spine goes to.

Staves of one instrument are one track: spines of one `*part` on a keyboard or harp, and where no part is given,
neighbouring spines of one such instrument. Every other spine has a track of its own; where its instrument changes, one
for each. Where no code is known, its name tells the program, or else its class. Tracks are in the order of the score:
the first spine is the lowest staff. Knows nothing of notes.
"""

from dataclasses import dataclass, field

import numpy as np

from symbolic_music.score.humdrum.instruments import KEYBOARDS, find_program
from symbolic_music.score.humdrum.syntax.interpretations import Interpretations, SpineFacts
from symbolic_music.score.notation.instruments import program_of_name


@dataclass(frozen=True)
class Track:
    """A track: what it is called, its program, and the drum key of an instrument without pitch (-1: none)."""

    name: str
    program: int
    drum_key: int = -1


@dataclass
class Staves:
    """Parts and tracks of all spines.

    Args:
        tracks: in order.
        parts: the part of each kern spine.
        changes: for each kern spine the record and track of each instrument, from the first on.
        facts: what is said of each spine.
    """

    tracks: list[Track] = field(default_factory=list)
    parts: dict[int, int] = field(default_factory=dict)
    changes: dict[int, list[tuple[int, int]]] = field(default_factory=dict)
    facts: dict[int, SpineFacts] = field(default_factory=dict)

    def tracks_of(self, spine: np.ndarray, record: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Track and drum key of notes from their spines and records."""
        first = np.zeros(max(self.changes, default=0) + 1, np.int64)
        for number, changes in self.changes.items():
            first[number] = changes[0][1]
        track = first[spine] if len(spine) else spine
        for number, changes in self.changes.items():
            for at, changed in changes[1:]:
                track[(spine == number) & (record >= at)] = changed
        drum_keys = np.array([track.drum_key for track in self.tracks] or [-1], np.int64)
        return track, drum_keys[track]

    def part_number(self, spine: int) -> int | None:
        """The number that the file gives the part of a spine; None where it gives none."""
        facts = self.facts.get(spine)
        return None if facts is None else facts.part

    def parts_of(self, spine: np.ndarray) -> np.ndarray:
        """The part of each note from its spine."""
        table = np.zeros(max(self.parts, default=0) + 1, np.int64)
        for number, part in self.parts.items():
            table[number] = part
        return table[spine] if len(spine) else spine


def read_staves(said: Interpretations, kern: list[int]) -> Staves:
    """Deal spines to tracks.

    Args:
        said: of the piece.
        kern: the spines that hold notes, from the left.
    """
    staves = Staves(facts=said.spines)
    groups: list[list[int]] = []
    for spine in kern:
        if groups and _belong_together(said.spines, groups[-1][-1], spine):
            groups[-1].append(spine)
        else:
            groups.append([spine])
    # From the top of the score down.
    for number, group in enumerate(reversed(groups)):
        known: dict[Track, int] = {}
        for spine in reversed(group):
            staves.parts[spine] = number
            staves.changes[spine] = [
                (record, known.setdefault(track, _add(staves, track, known)))
                for record, track in _tracks_of_spine(said.spines.get(spine) or SpineFacts())
            ]
    return staves


def _add(staves: Staves, track: Track, known: dict[Track, int]) -> int:
    if track in known:
        return known[track]
    staves.tracks.append(track)
    return len(staves.tracks) - 1


def _belong_together(facts: dict[int, SpineFacts], left: int, right: int) -> bool:
    """Whether two neighbouring spines are staves of one instrument."""
    one, other = facts.get(left) or SpineFacts(), facts.get(right) or SpineFacts()
    programs = {_tracks_of_spine(each)[0][1].program for each in (one, other)}
    if len(programs) > 1 or not programs <= KEYBOARDS:
        return False
    if one.part is None and other.part is None:
        return bool(one.codes) and bool(other.codes) and one.codes[0][1] == other.codes[0][1]
    return one.part == other.part


def _tracks_of_spine(facts: SpineFacts) -> list[tuple[int, Track]]:
    """Record and track of each instrument of a spine; what stands first holds from the beginning."""
    name = _text(facts.name)
    tracks: list[tuple[int, Track]] = []
    for record, code in facts.codes:
        program, drum_key = find_program(code, facts.family)
        if program is not None:
            track = Track(name, program, -1 if drum_key is None else drum_key)
            if not tracks or tracks[-1][1] != track:
                tracks.append((record, track))
    if not tracks:
        program = program_of_name(name)
        if program is None:
            program, _ = find_program("", facts.family)
        tracks.append((0, Track(name, program or 0)))
    return tracks


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")
