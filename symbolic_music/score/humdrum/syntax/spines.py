"""Humdrum records to cells: what stands in which spine, through every split, join and exchange of spines.

The syntax is that of the Humdrum User Guide, chapter 5: a file is lines of tokens between tabs, one token for each
spine; `*^` splits a spine, `*v` on neighbours joins them, `*x` on two exchanges them, `*+` adds one, `*-` ends one.
Knows nothing of what the tokens mean, but for which lines are comments, interpretations, bar lines and data.
"""

import re
from collections import defaultdict
from collections.abc import Container, Iterator
from dataclasses import dataclass, field
from itertools import chain, count, pairwise, repeat
from operator import itemgetter
from pathlib import Path

import numpy as np

from symbolic_music.score.errors import Refusal, ScoreError

MAX_SPINES = 2_000
"""More columns are no score: the widest of the Polish Scores has 120."""
MAX_LINE_BYTES = 2**18
MAX_RECORDS, MAX_LAYOUTS = 400_000, 20_000
"""The longest of the Polish Scores has 10,000 lines, whose spines are split and joined some hundred times."""
COMMENT, INTERPRETATION, BAR_LINE = b"!"[0], b"*"[0], b"="[0]
_TAB, _NULL = b"\t"[0], b"."[0]
_CELLS_AT_ONCE = 2**18

# Begins with what can be searched for at once: the star, and then that a tab or nothing is before it.
_PATH = re.compile(rb"\*(?<![^\t]\*)(?:[\^vx+-](?:\t|$)|\*)")


@dataclass
class Layout:
    """Which voices a line has, from one record until the next layout.

    Args:
        first: the record from which it holds.
        lanes: the lane of each column, from the left.
    """

    first: int
    lanes: list[int]


@dataclass
class Spines:
    """The spines of a piece. A lane is a stretch of a spine between its splits and joins: one voice.

    Args:
        kinds: the exclusive interpretation of each spine, such as b"**kern".
        lane_spine: the spine that each lane belongs to.
        lane_voice: the place of each lane among those of its spine, 0 for the leftmost.
        lane_parents: the lanes that each goes on from.
        layouts: in order of their records.
    """

    kinds: list[bytes] = field(default_factory=list)
    lane_spine: list[int] = field(default_factory=list)
    lane_voice: list[int] = field(default_factory=list)
    lane_parents: list[tuple[int, ...]] = field(default_factory=list)
    layouts: list[Layout] = field(default_factory=list)

    def add_lane(self, spine: int, voice: int, parents: tuple[int, ...] = ()) -> int:
        """A new lane's number."""
        self.lane_spine.append(spine)
        self.lane_voice.append(voice)
        self.lane_parents.append(parents)
        return len(self.lane_spine) - 1

    def add_spine(self, kind: bytes) -> int:
        """The number of the first lane of a new spine."""
        self.kinds.append(kind)
        return self.add_lane(len(self.kinds) - 1, 0)


@dataclass
class Records:
    """The lines of one piece without comments, checked to have a token for each spine.

    Args:
        lines: each record.
        kinds: the first byte of each, (records,) uint8; bar lines are always `BAR_LINE`.
        spines: how they are divided.
        interpretations: number and tokens of each interpretation that says more than where spines go.
    """

    lines: list[bytes]
    kinds: np.ndarray
    spines: Spines
    interpretations: list[tuple[int, list[bytes], list[int]]]


class SpineError(ValueError):
    """A record that breaks the syntax.

    Args:
        record: its number.
        expected: what was expected and what was found.
    """

    def __init__(self, record: int, expected: str):
        super().__init__(record, expected)
        self.record = record
        self.expected = expected


def read_records(data: bytes, path: Path, said: re.Pattern[bytes]) -> Iterator[Records]:
    """The records of each piece of a file: a piece ends where all spines do.

    Args:
        data: the file.
        path: its name, for errors.
        said: matches interpretations that are to be kept.

    Raises:
        ScoreError: not_music without an exclusive interpretation; unreadable, with the number of the line, for broken
            spines; too_many_voices.
    """
    if b"\r" in data:
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    if b"\t\t" in data or b"\t\n" in data:
        # Two tabs are one in tables that people align by eye; a missing token shows by the number of the others.
        data = re.sub(rb"\t+(?=\t|\n|\Z)", b"", data)
    lines = [line for line in data.split(b"\n") if line and line[0] != COMMENT]
    if not lines or lines[0][:2] != b"**":
        detail = "expected a Humdrum file with an exclusive interpretation such as **kern in its first record"
        raise ScoreError(Refusal.NOT_MUSIC, path, detail)
    kinds = np.frombuffer(bytes(map(itemgetter(0), lines)), np.uint8).copy()
    _find_bar_lines(data, lines, kinds)
    start = 0
    try:
        _check_size(lines)
        while start < len(lines):
            records, end = _read_piece(lines, kinds, start, said)
            yield records
            start = end
    except SpineError as error:
        where = f"line {_line_number(data, error.record)}: {error.expected}"
        raise ScoreError(Refusal.UNREADABLE, path, where) from error


def _line_number(data: bytes, record: int) -> int:
    """Where a record stands in the file, counted from 1, comments too."""
    for number, line in enumerate(data.split(b"\n"), 1):
        if line and line[0] != COMMENT:
            record -= 1
        if record < 0:
            return number
    return 0


def _check_size(lines: list[bytes]) -> None:
    if len(lines) > MAX_RECORDS:
        raise SpineError(MAX_RECORDS, f"expected at most {MAX_RECORDS:,} records, found {len(lines):,}")
    if max(map(len, lines)) > MAX_LINE_BYTES:
        record = next(number for number, line in enumerate(lines) if len(line) > MAX_LINE_BYTES)
        raise SpineError(record, f"expected a line of at most {MAX_LINE_BYTES:,} bytes, found {len(lines[record]):,}")


def _read_piece(lines: list[bytes], kinds: np.ndarray, start: int, said: re.Pattern[bytes]) -> tuple[Records, int]:
    """The records of the piece that begins at `start`, and where the next one begins."""
    tokens = lines[start].split(b"\t")
    if not all(token[:2] == b"**" for token in tokens):
        raise SpineError(start, "expected an exclusive interpretation such as **kern in each spine")
    _check_width(start, len(tokens))
    spines = Spines()
    lanes = [spines.add_spine(kind) for kind in tokens]
    spines.layouts.append(Layout(0, lanes))
    interpretations, end = [], len(lines)
    for record in (start + 1 + np.flatnonzero(kinds[start + 1 :] == INTERPRETATION)).tolist():
        line = lines[record]
        if _PATH.search(line):
            tokens = line.split(b"\t")
            if len(tokens) != len(lanes):
                # Likely for what stands above it.
                _check_counts(lines[start:record], spines.layouts, start)
            _check_tokens(record, len(tokens), len(lanes))
            lanes = _follow_path(spines, lanes, tokens, record)
            if len(spines.layouts) > MAX_LAYOUTS:
                raise SpineError(record, f"expected spines to be split and joined at most {MAX_LAYOUTS:,} times")
            if not lanes:
                end = record + 1
                break
            spines.layouts.append(Layout(record + 1 - start, lanes))
        elif said.search(line):
            tokens = line.split(b"\t")
            _check_tokens(record, len(tokens), len(lanes))
            interpretations.append((record - start, tokens, lanes))
    piece = lines[start:end]
    _check_counts(piece, spines.layouts, start)
    return Records(piece, kinds[start:end], spines, interpretations), end


def _check_width(record: int, width: int) -> None:
    if width > MAX_SPINES:
        raise SpineError(record, f"expected at most {MAX_SPINES:,} spines, found {width:,}")


def _check_tokens(record: int, found: int, expected: int) -> None:
    if found != expected:
        raise SpineError(record, f"expected {expected} spines, found {found}")


def _check_counts(lines: list[bytes], layouts: list[Layout], start: int) -> None:
    """Every record has a token for each spine."""
    found = np.fromiter(map(bytes.count, lines, repeat(b"\t")), np.int64, len(lines)) + 1
    firsts = [layout.first for layout in layouts]
    lengths = np.diff([*firsts, len(lines)])
    expected = np.repeat([len(layout.lanes) for layout in layouts], np.maximum(lengths, 0))[: len(lines)]
    wrong = np.flatnonzero(found != expected)
    if len(wrong):
        _check_tokens(start + int(wrong[0]), int(found[wrong[0]]), int(expected[wrong[0]]))


def _find_bar_lines(data: bytes, lines: list[bytes], kinds: np.ndarray) -> None:
    """Mark in `kinds` the bar lines that only most of their tokens tell: the first may be misspelt."""
    known = sum(lines[record].count(b"\t=") for record in np.flatnonzero(kinds == BAR_LINE).tolist())
    if data.count(b"\t=") == known:
        return
    for record in np.flatnonzero((kinds != BAR_LINE) & (kinds != INTERPRETATION)).tolist():
        line = lines[record]
        if b"\t=" in line and 2 * line.count(b"\t=") > line.count(b"\t"):
            kinds[record] = BAR_LINE


def _follow_path(spines: Spines, lanes: list[int], tokens: list[bytes], record: int) -> list[int]:
    """The lanes behind a record that says where spines go."""
    followed: list[int] = []
    known = len(spines.lane_spine)
    done = 0
    for column in [column for column, token in enumerate(tokens) if token != b"*"]:
        if column < done:
            # A neighbour that was joined or exchanged already.
            continue
        token, lane = tokens[column], lanes[column]
        followed += lanes[done:column]
        done = column + 1
        if token == b"*^":
            spine = spines.lane_spine[lane]
            followed += [spines.add_lane(spine, 0, (lane,)), spines.add_lane(spine, 1, (lane,))]
        elif token == b"*v":
            done = column + _run(tokens, column, b"*v")
            followed += _join(spines, lanes[column:done], record)
        elif token == b"*x":
            if _run(tokens, column, b"*x") < 2:
                raise SpineError(record, "expected *x on two neighbouring spines, found one")
            followed += [lanes[column + 1], lane]
            done = column + 2
        elif token == b"*+":
            followed += [lane, spines.add_spine(b"")]
        elif token[:2] == b"**":
            followed.append(_renamed(spines, lane, token))
        elif token != b"*-":
            followed.append(lane)
    followed += lanes[done:]
    _check_width(record, len(followed))
    _number_voices(spines, followed, known)
    return followed


def _run(tokens: list[bytes], column: int, token: bytes) -> int:
    """How many tokens from a column on are this one."""
    end = column
    while end < len(tokens) and tokens[end] == token:
        end += 1
    return end - column


def _join(spines: Spines, lanes: list[int], record: int) -> list[int]:
    """The lanes that neighbours become: one for each spine, or one for all where a spine has but one of them."""
    groups: dict[int, list[int]] = {}
    for lane in lanes:
        groups.setdefault(spines.lane_spine[lane], []).append(lane)
    if len(lanes) < 2:
        raise SpineError(record, "expected *v on two neighbouring spines or more, found one")
    if min(len(group) for group in groups.values()) < 2:
        groups = {spines.lane_spine[lanes[0]]: lanes}
    return [spines.add_lane(spine, 0, tuple(group)) for spine, group in groups.items()]


def _renamed(spines: Spines, lane: int, kind: bytes) -> int:
    """The lane under a new exclusive interpretation: a spine that was just added, or one that begins here."""
    spine = spines.lane_spine[lane]
    if not spines.kinds[spine]:
        spines.kinds[spine] = kind
        return lane
    if spines.kinds[spine] == kind:
        return lane
    return spines.add_spine(kind)


def _number_voices(spines: Spines, lanes: list[int], known: int) -> None:
    """Number the lanes from `known` on within their spine, from the left; a lane keeps its number while it lasts."""
    lane_spine = spines.lane_spine
    places = dict.fromkeys(lane_spine[known:], 0)
    if not places:
        return
    for lane in lanes:
        spine = lane_spine[lane]
        if spine in places:
            if lane >= known:
                spines.lane_voice[lane] = places[spine]
            places[spine] += 1


@dataclass
class Cells:
    """The tokens of the spines that are asked for, null tokens left out, from the top and from the left.

    Args:
        row: the data record of each, counted among data records only, (cells,) int64.
        lane: (cells,) int64.
        token: index into `vocabulary`, (cells,) int64.
        vocabulary: each different token, the null token first.
        others: row and token of each cell of the other spines that are asked for, by spine.
    """

    row: np.ndarray
    lane: np.ndarray
    token: np.ndarray
    vocabulary: list[bytes]
    others: dict[int, list[tuple[int, bytes]]]


def read_cells(records: Records, data_records: np.ndarray, wanted: Container[int], others: Container[int]) -> Cells:
    """The cells of the spines `wanted`, as arrays, and of `others`, one by one.

    Args:
        records: of one piece.
        data_records: the numbers of those that are data.
        wanted: numbers of spines; of few different tokens.
        others: likewise.
    """
    # Three cells in four are null. They are told apart as bytes; only the others become strings, each looked up once.
    numbers: defaultdict[bytes, int] = defaultdict(count().__next__)
    numbers[b"."]
    layouts = records.spines.layouts
    lane_spine = np.array(records.spines.lane_spine, np.int64)
    is_wanted = np.array([spine in wanted for spine in records.spines.lane_spine], bool)
    is_other = np.array([spine in others for spine in records.spines.lane_spine], bool)
    lanes = np.fromiter(chain.from_iterable(layout.lanes for layout in layouts), np.int64)
    widths = np.array([len(layout.lanes) for layout in layouts], np.int64)
    layout_of = np.searchsorted([layout.first for layout in layouts], data_records, side="right") - 1
    begins, row_widths = (np.cumsum(widths) - widths)[layout_of], widths[layout_of]
    lines = [records.lines[record] for record in data_records.tolist()]
    sparse: dict[int, list[tuple[int, bytes]]] = {spine: [] for spine in lane_spine[is_other].tolist()}
    found: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = [(np.empty(0, np.int64),) * 3]
    for first, end in _spans(row_widths):
        row, column, text, token_begins, token_ends = _filled_cells(lines[first:end], row_widths[first:end])
        row += first
        lane = lanes[begins[row] + column]
        if sparse:
            chosen = np.flatnonzero(is_other[lane])
            words = _cut(text, token_begins[chosen], token_ends[chosen])
            for spine, where, word in zip(lane_spine[lane[chosen]].tolist(), row[chosen].tolist(), words, strict=True):
                sparse[spine].append((where, word))
        chosen = np.flatnonzero(is_wanted[lane])
        ids = map(numbers.__getitem__, _cut(text, token_begins[chosen], token_ends[chosen]))
        found.append((row[chosen], lane[chosen], np.fromiter(ids, np.int64, len(chosen))))
    row, lane, token = map(np.concatenate, zip(*found, strict=True))
    return Cells(row, lane, token, list(numbers), sparse)


def _spans(widths: np.ndarray) -> Iterator[tuple[int, int]]:
    """First row and end of runs of rows that are cut into cells at once, from the number of cells in each row."""
    chunk = np.cumsum(widths) // _CELLS_AT_ONCE
    edges = [0, *(np.flatnonzero(np.diff(chunk)) + 1).tolist(), len(widths)]
    return pairwise(edges)


def _filled_cells(
    lines: list[bytes], widths: np.ndarray
) -> tuple[np.ndarray, np.ndarray, bytes, np.ndarray, np.ndarray]:
    """Row and column of each cell that is not null, the text of all lines, and where in it each such cell lies."""
    text = b"\t".join([*lines, b""])
    characters = np.frombuffer(text, np.uint8)
    ends = np.flatnonzero(characters == _TAB)
    begins = np.empty_like(ends)
    begins[:1], begins[1:] = 0, ends[:-1] + 1
    filled = np.flatnonzero((ends - begins != 1) | (characters[begins] != _NULL))
    row = np.repeat(np.arange(len(lines)), widths)[filled]
    return row, filled - (np.cumsum(widths) - widths)[row], text, begins[filled], ends[filled]


def _cut(text: bytes, begins: np.ndarray, ends: np.ndarray) -> list[bytes]:
    return [text[begin:end] for begin, end in zip(begins.tolist(), ends.tolist(), strict=True)]
