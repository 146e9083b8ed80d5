"""Files that other readers get wrong (shared/data/faults, after public bug reports), and what is right for each."""

from fractions import Fraction

import pytest
from documents import notes

from symbolic_music.score.files import read_pieces
from symbolic_music.score.transforms.edit import bar_table

THIRTY_SECOND = Fraction(1, 8)


@pytest.fixture(scope="module")
def fault(shared_data):
    folder = shared_data("faults")
    return lambda name: read_pieces(folder / name).pieces[0]


def downbeats(piece):
    return [Fraction(int(start), piece.score.tpq) for start in bar_table(piece.score).starts]


def test_chord_symbols_make_no_sound(fault):
    piece = fault("u03_leadsheet.musicxml")
    assert len(notes(piece)) == 17
    assert max(length for _, length, _ in notes(piece)) == 4
    assert [(chord.onset, chord.text) for chord in piece.chords] == [
        (0, "C"),
        (4, "Am"),
        (8, "F"),
        (12, "G7"),
        (16, "C"),
    ]


def test_grace_notes_are_short_and_replace_nothing(fault):
    found = notes(fault("x09_grace.musicxml"))
    main = [each for each in found if each[1] > THIRTY_SECOND]
    assert main == [(0, 1, 72), (1, 1, 74), (2, 1, 76), (3, 1, 77), (4, 4, 72)]
    assert sorted(pitch for _, length, pitch in found if length <= THIRTY_SECOND) == [71, 74, 77]


def test_transposing_instruments_sound_as_they_do(fault):
    assert [pitch for _, _, pitch in notes(fault("x02_clarinet.musicxml"))] == [72, 74, 75, 77, 72]


def test_bars_begin_at_once_in_all_parts(fault):
    directed = fault("s01_direction_desync.musicxml")
    assert downbeats(directed) == [0, 4, 8]
    for track in range(2):
        assert [onset for onset, _, _ in notes(directed, track)] == [Fraction(7, 2), 4, 5, 6, 7, 8]
    forward = fault("v01_forward_bar2.musicxml")
    assert [min(onset for onset, _, _ in notes(forward, track) if onset >= 6) for track in range(2)] == [8, 8]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("x10_ties", [(0, 2, 69), (0, 1, 72), (1, 1, 74), (2, 3, 65), (2, 4, 76), (5, 3, 67), (6, 2, 74)]),
        ("y03_tie_partchord", [(0, 6, 60), (0, 4, 64), (4, 2, 65), (6, 2, 60)]),
        ("y04_tie_2voices_same", [(0, 8, 60), (0, 8, 76)]),
        ("z01_piano_ties", [(0, 8, 48), (0, 2, 72), (2, 4, 79), (6, 2, 77)]),
    ],
)
def test_ties_join_by_voice_and_pitch(fault, name, expected):
    assert notes(fault(f"{name}.musicxml")) == sorted(expected)


def test_the_upbeat_ends_the_first_bar(fault):
    piece = fault("x01_pickup.musicxml")
    assert notes(piece)[:2] == [(2, 1, 67), (3, 1, 72)]
    assert downbeats(piece) == [0, 3, 6, 9]
    assert [round(tempo.qpm) for tempo in piece.score.tempos] == [90]


def test_drums_sound_by_their_own_instruments(fault):
    piece = fault("x06_drums.musicxml")
    assert [track.is_drum for track in piece.score.tracks] == [True]
    assert [pitch for _, _, pitch in notes(piece)] == [35, 38, 35, 38, 42, 42, 42, 42]


@pytest.mark.parametrize("name", ["x11_container.mxl", "x11_macos.mxl"])
def test_the_score_is_the_one_that_the_container_names(fault, name):
    piece = fault(name)
    assert len(notes(piece)) == 8
    assert max(length for _, length, _ in notes(piece)) == 4


def test_instruments_change_in_the_middle_of_a_part(fault):
    flute, violin = fault("x15_instr_change.musicxml").score.tracks
    assert (flute.program, violin.program) == (73, 40)
    assert len(flute.notes) == len(violin.notes) == 4
    assert min(each.time for each in violin.notes) > max(each.time for each in flute.notes)


def test_cue_notes_are_silent(fault):
    piece = fault("x22_cue.musicxml")
    assert notes(piece) == [(4, 4, 72)]
    assert piece.left_out["cue notes"] == 1
