"""Random small scores, written as `**kern` by rules of their own, and the notes that they must give."""

import itertools
import tarfile
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from score.humdrum.kern import melody, notes, read

from symbolic_music.score.errors import ScoreError
from symbolic_music.score.files import read_bytes
from symbolic_music.score.humdrum.read import read_humdrum_pieces

PITCHES = {"CC": 36, "F#": 54, "B-": 58, "c": 60, "e-": 63, "g": 67, "aa": 81, "ccc#": 85}
# A quarter note cut into equal or unequal parts: as written, and in quarter notes.
BEATS = [
    [("4", Fraction(1))],
    [("8", Fraction(1, 2))] * 2,
    [("12", Fraction(1, 3))] * 3,
    [("6", Fraction(2, 3)), ("12", Fraction(1, 3))],
    [("8.", Fraction(3, 4)), ("16", Fraction(1, 4))],
    [("20", Fraction(1, 5))] * 5,
    [("32%5", Fraction(5, 8)), ("32%3", Fraction(3, 8))],
]
BAR = 4

beats = st.sampled_from(BEATS)
chords = st.lists(st.sampled_from(sorted(PITCHES)), max_size=3, unique=True)


@st.composite
def voices(draw):
    """A bar of one voice: tokens by onset, and the onset, duration and pitch of its notes."""
    cells, found, now = {}, [], Fraction(0)
    for _ in range(BAR):
        for written, length in draw(beats):
            names = draw(chords)
            cells[now] = " ".join(f"{written}{name}" for name in names) or f"{written}r"
            found += [(now, length, PITCHES[name]) for name in names]
            now += length
    return cells, found


@st.composite
def scores(draw):
    """Text and notes of a score: each bar of each spine has one voice, or two in a spine that is split for it."""
    spines = draw(st.integers(1, 3))
    bars = draw(
        st.lists(
            st.lists(st.lists(voices(), min_size=1, max_size=2), min_size=spines, max_size=spines),
            min_size=1,
            max_size=3,
        )
    )
    lines, found = ["\t".join(["**kern"] * spines), "\t".join(["*M4/4"] * spines)], []
    for number, bar in enumerate(bars):
        split = [len(spine) == 2 for spine in bar]
        columns = [voice for spine in bar for voice in spine]
        if any(split):
            lines.append("\t".join("*^" if two else "*" for two in split))
        for onset in sorted({onset for cells, _ in columns for onset in cells}):
            lines.append("\t".join(cells.get(onset, ".") for cells, _ in columns))
            lines += draw(st.sampled_from([[], ["!! a comment"], ["\t".join(["*"] * len(columns))]]))
        # Neighbouring spines are joined one by one, from the right.
        for spine in reversed(range(spines)):
            if split[spine]:
                before = sum(1 + split[each] for each in range(spine))
                lines.append("\t".join(["*"] * before + ["*v", "*v"] + ["*"] * (spines - 1 - spine)))
        lines.append("\t".join([f"={number + 2}"] * spines))
        found += [(number * BAR + onset, length, pitch) for _, own in columns for onset, length, pitch in own]
    return "\n".join([*lines, "\t".join(["*-"] * spines), ""]), sorted(found)


@given(scores())
@settings(max_examples=40, deadline=None)
def test_every_note_is_where_it_was_written(case):
    text, expected = case
    if expected:
        piece = read(text)
        assert notes(piece) == expected
        assert not piece.left_out


@given(st.lists(st.sampled_from(["1", "2.", "4", "8.", "12", "20", "00"]), min_size=2, max_size=6), st.booleans())
@settings(max_examples=40, deadline=None)
def test_tied_notes_are_one_note(lengths, split):
    signs = ["[", *["_"] * (len(lengths) - 2), "]"]
    lines = [f"{length}g{sign}" if sign != "[" else f"[{length}g" for length, sign in zip(lengths, signs, strict=True)]
    if split:
        lines[1:1] = ["*^"]
        lines[2:] = [f"{line}\t{line[:-2]}C" for line in lines[2:]]
    piece = read("\n".join(["**kern", *lines, ""]))
    onset, _, pitch = notes(piece)[0]
    assert (onset, pitch) == (0, 67)
    assert melody(piece).count(67) == 1


@given(st.text(alphabet="*^v+x-\t\n4c.[]_=:|!>A,kernM/3%0q ", max_size=200))
@settings(max_examples=80, deadline=None)
def test_any_text_is_read_or_refused_by_name(text):
    for head in ("", "**kern\n", "**kern\t**kern\n4c\t4e\n"):
        assert outcome((head + text).encode()).startswith(("read", "a.krn: "))


def outcome(data):
    """What becomes of a file."""
    try:
        read_humdrum_pieces(data, Path("a.krn"))
    except ScoreError as error:
        return str(error)
    return "read"


def test_scores_as_people_write_them(shared_data):
    archive = shared_data("corpora/polish-scores.tar.xz")
    out_of_step = count = 0
    for name, data in first_scores(archive, 40):
        (piece,) = read_bytes(data, name).pieces
        assert piece.composer
        assert piece.title
        assert "CC" in piece.license
        assert piece.score.time_signatures
        out_of_step += piece.left_out["tokens out of step with other voices"]
        count += piece.score.note_num()
    assert out_of_step < count / 1000


def first_scores(archive, most):
    with tarfile.open(archive, "r|*") as members:
        scores = (member for member in members if member.name.endswith(".krn"))
        for member in itertools.islice(scores, most):
            yield member.name, members.extractfile(member).read()


@pytest.mark.parametrize("unit", [2, 3, 5, 7, 11, 13, 17])
def test_tuplets_that_no_grid_has_together_stay_within_a_tick(unit):
    lines = [f"{4 * part}c" for part in (unit, 19, 23, 29, 31) for _ in range(part)]
    piece = read("\n".join(["**kern", "*M5/4", *lines, "=", "4d", ""]))
    onset, _, pitch = notes(piece)[-1]
    assert pitch == 62
    assert abs(onset - 5) <= Fraction(1, piece.score.ticks_per_quarter)
