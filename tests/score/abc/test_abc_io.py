import contextlib

import pytest
from score.scores import HOSTILE_ABC
from symusic import Score

from symbolic_music.score.abc.io import (
    abc_key,
    abc_title,
    decode_abc,
    iter_abc_tunes,
    parse_abc_tune,
    read_abc,
    read_abc_tune,
    split_tune_book,
)
from symbolic_music.score.checks import Refusal, ScoreError

TUNE = "X:1\nT:Test\nM:4/4\nL:1/4\nK:Ador\n"
BOOK = """A tune book by hand.
%%MIDI program 40
M:3/4
L:1/4

X:1
T:First % in three
K:G major

GAB|
c3|

A comment between tunes | with a bar line

X:7
T:Second
M:2/4
K:D
DE|FG|
"""


def notes_of(score: Score) -> list[tuple[int, int, int]]:
    return [(note.time, note.duration, note.pitch) for track in score.tracks for note in track.notes]


def pitches(tune: str) -> list[int]:
    return [pitch for _, _, pitch in notes_of(parse_abc_tune(tune))]


# Tune books


def test_a_tune_book_is_split_at_its_reference_numbers():
    tunes = split_tune_book(BOOK)
    assert [abc_title(tune) for tune in tunes] == ["First", "Second"]
    assert [abc_key(tune) for tune in tunes] == ["G major", "D"]


def test_fields_before_the_first_tune_hold_for_all_and_tunes_override_them():
    first, second = (parse_abc_tune(tune) for tune in split_tune_book(BOOK))
    assert (first.time_signatures[0].numerator, second.time_signatures[0].numerator) == (3, 2)
    assert first.tracks[0].program == second.tracks[0].program == 40


def test_a_tune_ends_at_the_empty_line_after_its_music():
    assert "comment between" not in split_tune_book(BOOK)[0]
    assert len(notes_of(parse_abc_tune(split_tune_book(BOOK)[0]))) == 4


def test_carriage_returns_and_a_byte_order_mark_change_nothing():
    assert split_tune_book("\ufeff" + BOOK.replace("\n", "\r\n")) == split_tune_book(BOOK)


def test_text_without_a_tune_holds_none():
    assert split_tune_book("nothing here") == []
    assert [abc_key(tune) for tune in split_tune_book("K:C\nCDEF|\n")] == ["C"]


# What a tune sounds like


def test_notes_lie_exactly_on_the_grid():
    assert notes_of(parse_abc_tune(TUNE + "CDEF|GABc|\n")) == [
        (480 * beat, 480, pitch) for beat, pitch in enumerate([60, 62, 64, 66, 67, 69, 71, 72])
    ]


def test_the_key_signature_holds_and_repeats_are_played():
    assert pitches(TUNE + "|:FGAB:|\n") == [66, 67, 69, 71] * 2


def test_chords_begin_together():
    assert notes_of(parse_abc_tune(TUNE + "[CEG]4|\n")) == [(0, 1920, 60), (0, 1920, 64), (0, 1920, 67)]


@pytest.mark.parametrize("ornament", ["T", "~", ".", "R", "!trill!", "!breath!", "{GA}", "H", "u", '"4"', "!fermata!"])
def test_ornaments_leave_the_written_note(ornament):
    assert notes_of(parse_abc_tune(f"{TUNE}C{ornament}D2E|\n")) == [(0, 480, 60), (480, 960, 62), (1440, 480, 64)]


def test_chord_symbols_are_kept_and_make_no_sound():
    piece = read_abc_tune(TUNE + '|:"Am"AB"G7/b"c"^slowly"d:|"C#m7"G4|\n')
    assert pitches_of(piece.score) == [69, 71, 72, 74] * 2 + [67]
    assert [(chord.onset, chord.text) for chord in piece.chords] == [
        (0, "Am"), (2, "G7/B"), (4, "Am"), (6, "G7/B"), (8, "C#m7")
    ]  # fmt: skip
    assert piece.left_out == {"text": 1}


def test_voices_are_tracks():
    score = parse_abc_tune(TUNE + "V:1\nABcd|\nV:2\nA,4|\n")
    assert [len(track.notes) for track in score.tracks] == [4, 1]


# The upbeat


@pytest.mark.parametrize(
    ("music", "onset"),
    [
        ("A|BcdB|A4|", 1440),
        ("AB|cdef|", 960),
        ("|:A|BcdB|A3:|", 1440),
        ("A- A|ABcd|", 960),
        ('"Am"A "G"B|cdef|', 960),
        ("(3ABc d|cdef|", 480),
        ("ABcd|efga|", 0),
        ("|ABcd|", 0),
        ("ABcd efga|b4|", 0),
        ("[V:1] A|BcdB|", 1440),
        ("A :|BcdB|", 1440),
        ("ASd|BcdB|", 960),
        ("A z|BcdB|", 960),
        ("A z3|BcdB|", 0),
        ("V:1\nA z3|BcdB|\nV:2\nz4|A4|", 0),
    ],
)
def test_an_upbeat_ends_the_first_bar(music, onset):
    assert notes_of(parse_abc_tune(TUNE + music + "\n"))[0][0] == onset


def test_an_upbeat_leaves_no_trace():
    score = parse_abc_tune(TUNE + "A|BcdB|A4|\n")
    assert all(not track.controls for track in score.tracks)
    assert [(tempo.time, round(tempo.qpm)) for tempo in score.tempos] == [(0, 120)]
    assert [(meter.time, meter.numerator, meter.denominator) for meter in score.time_signatures] == [(0, 4, 4)]


@pytest.mark.parametrize("change", ["[M:3/4][K:D]", "\nM:3/4\nK:D\n"])
@pytest.mark.parametrize("voices", ["{0}", "V:1\n{0}V:2\nC4|{1}C3|\n"])
def test_changes_of_meter_and_key_after_a_rest_stand_at_their_bar(change, voices):
    tune = voices.format(f"C z3|{change}z3|\n", change)
    score = parse_abc_tune(TUNE + tune + ("C3|\n" if voices == "{0}" else ""))
    assert [(m.time, m.numerator) for m in score.time_signatures] == [(0, 4), (1920, 3)]
    assert [key.time for key in score.key_signatures] == [0, 1920]


# Bad input


@pytest.mark.parametrize("tune", HOSTILE_ABC.values(), ids=HOSTILE_ABC.keys())
def test_hostile_tunes_are_read_or_refused_and_print_nothing(tune, capfd):
    with contextlib.suppress(ScoreError):
        assert parse_abc_tune(tune).note_num() > 0
    assert capfd.readouterr() == ("", "")


def test_hostile_tunes_leave_the_rest_of_the_book_readable(tmp_path, capfd):
    good = TUNE + "ABcd|\n\n"
    book = tmp_path / "book.abc"
    book.write_bytes(
        (good + good.join(f"{tune}\n\n" for tune in HOSTILE_ABC.values()) + good).encode() + b"T:\xe9\xff\n"
    )
    outcomes = [outcome for _, outcome in iter_abc_tunes(book)]
    readable = [outcome for outcome in outcomes if not isinstance(outcome, ScoreError)]
    assert sum(pitches_of(score) == [69, 71, 72, 74] for score in readable) == len(HOSTILE_ABC) + 1
    assert all(isinstance(outcome.refusal, Refusal) for outcome in outcomes if isinstance(outcome, ScoreError))
    assert capfd.readouterr() == ("", "")


def pitches_of(score: Score) -> list[int]:
    return [pitch for _, _, pitch in notes_of(score)]


def test_an_include_opens_no_file(tmp_path):
    (tmp_path / "other.abc").write_text("GGGG|\n")
    with pytest.raises(ScoreError, match="no_notes"):
        parse_abc_tune(f"{TUNE}%%abc-include {tmp_path / 'other.abc'}\n")


def test_files_of_old_encodings_are_read():
    assert abc_title(decode_abc("X:1\nT:Séamus\n".encode())) == "Séamus"
    assert abc_title(decode_abc("X:1\nT:Séamus\n".encode("latin-1"))) == "Séamus"
    assert abc_title(decode_abc("X:1\nT:Séamus\n".encode("utf-16"))) == "Séamus"
    assert abc_title(decode_abc("X:1\nT:Séamus\n".encode("utf-8-sig"))) == "Séamus"


def test_the_tunes_of_a_book_that_cannot_be_read_are_named(tmp_path):
    (tmp_path / "book.abc").write_text(TUNE + "ABcd|\n\nX:2\nT:Silence\nK:C\nz4|\n")
    outcomes = [outcome for _, outcome in iter_abc_tunes(tmp_path / "book.abc")]
    assert outcomes[0].note_num() == 4
    assert outcomes[1].refusal is Refusal.NO_NOTES
    assert "book.abc: no_notes: tune 2 (Silence)" in str(outcomes[1])
    assert len(read_abc(tmp_path / "book.abc")) == 1


def test_a_book_of_silent_tunes_is_refused(tmp_path):
    (tmp_path / "book.abc").write_text("X:1\nK:C\nz4|\n")
    with pytest.raises(ScoreError, match="no_notes"):
        read_abc(tmp_path / "book.abc")


def test_tune_books_of_real_music(shared_data):
    folder = shared_data("abc/nottingham")
    outcomes = list(iter_abc_tunes(next(folder.rglob("xmas.abc"))))
    assert len(outcomes) > 10
    assert all(isinstance(outcome, Score) for _, outcome in outcomes)
