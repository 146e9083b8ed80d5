"""What `**kern` says, read: each small file shows one thing."""

from fractions import Fraction

import pytest
from score.humdrum.kern import kern, melody, notes, read

from symbolic_music.score.files import read_bytes

HALF = Fraction(1, 2)


@pytest.mark.parametrize(
    ("token", "quarters", "pitches"),
    [
        ("4c", 1, [60]),
        ("4.cc#/", Fraction(3, 2), [73]),
        ("8..B-\\L", Fraction(7, 8), [58]),
        ("12CC", Fraction(1, 3), [36]),
        ("3%2ee", Fraction(8, 3), [76]),
        ("0g--", 8, [65]),
        ("00GGn;", 16, [43]),
        ("1%3f##", 12, [67]),
        ("2c 2e- 2gg", 2, [60, 63, 79]),
        ("(>16aX^L", Fraction(1, 4), [69]),
        ("2c e g", 2, [60, 64, 67]),
        ("4ccc#yy", 1, [85]),
        ("2c/ 16e\\", 2, [60, 64]),
    ],
)
def test_a_token_is_pitches_and_a_duration(token, quarters, pitches):
    assert notes(read(kern(token))) == [(0, quarters, pitch) for pitch in pitches]


@pytest.mark.parametrize("token", ["4r", "2.rdd", "1ryy", "4", "2yy/"])
def test_rests_and_spaces_make_no_sound(token):
    assert melody(read(kern(token, "4c"))) == [60]


def test_a_note_without_a_duration_is_left_out_and_counted():
    piece = read(kern("4c", "d", "4e"))
    assert melody(piece) == [60, 64]
    assert piece.left_out["notes without a duration"] == 1


def test_a_note_outside_midi_is_left_out_and_counted():
    piece = read(kern("4c", "4ccccccccc", "4e"))
    assert melody(piece) == [60, 64]
    assert piece.left_out["notes outside MIDI's pitches"] == 1


def test_voices_follow_their_own_durations():
    piece = read(kern("1C|4c", ".|4d", ".|2e", "=|=", "2C|4g", ".|8a", ".|8b", spines=2))
    assert notes(piece, 0) == [(0, 1, 60), (1, 1, 62), (2, 2, 64), (4, 1, 67), (5, HALF, 69), (5 + HALF, HALF, 71)]
    assert notes(piece, 1) == [(0, 4, 48), (4, 2, 48)]


def test_the_first_spine_is_the_lowest_staff():
    piece = read(kern('*I"Bass|*I"Sopran', "4C|4cc", spines=2))
    assert [track.name for track in piece.score.tracks] == ["Sopran", "Bass"]


def test_split_spines_begin_together_and_join_again():
    piece = read(kern("4c", "*^", "2e|2C", "*|*^", "4f|4D|4AA", ".|4E|.", "*|*v|*v", "*v|*v", "4g"))
    assert notes(piece) == [
        (0, 1, 60),
        (1, 2, 48),
        (1, 2, 64),
        (3, 1, 45),
        (3, 1, 50),
        (3, 1, 65),
        (4, 1, 52),
        (4, 1, 67),
    ]


def test_a_joined_spine_goes_on_where_its_longest_voice_ends():
    # The second voice stops early: what follows begins where the first one ends.
    piece = read(kern("*^", "4c|4C", "4d|.", "*v|*v", "4e"))
    assert notes(piece) == [(0, 1, 48), (0, 1, 60), (1, 1, 62), (2, 1, 64)]


def test_exchanged_spines_keep_their_parts():
    piece = read(kern('*I"low|*I"high', "4C|4c", "*x|*x", "4d|4D", "*x|*x", "4E|4e", spines=2))
    assert melody(piece, 0) == [60, 62, 64]
    assert melody(piece, 1) == [48, 50, 52]


def test_an_added_spine_begins_where_it_stands():
    piece = read("**kern\n4c\n*+\n*\t**kern\n4d\t4D\n4e\t4E\n*-\t*-\n")
    assert notes(piece) == [(0, 1, 60), (1, 1, 50), (1, 1, 62), (2, 1, 52), (2, 1, 64)]


def test_a_spine_that_ends_early():
    piece = read("**kern\t**kern\n4C\t4c\n*-\t*\n4d\n4e\n*-\n")
    assert notes(piece) == [(0, 1, 48), (0, 1, 60), (1, 1, 62), (2, 1, 64)]


def test_ties_join_by_voice_and_pitch():
    piece = read(kern("*M4/4", "[1c 1e", "=", "2c_ 2f", "2c] 2e", "=", "1c"))
    assert notes(piece) == [(0, 4, 64), (0, 8, 60), (4, 2, 65), (6, 2, 64), (8, 4, 60)]


def test_ties_cross_splits_and_the_staves_of_an_instrument():
    piece = read(kern("[4c", "*^", "4c]|4C", "*v|*v", "[4e", "4e]"))
    assert (0, 2, 60) in notes(piece)
    assert (2, 2, 64) in notes(piece)
    both = kern("*part1|*part1", "*Ipiano|*Ipiano", "[4c|4r", "4r|4c]", spines=2)
    assert notes(read(both)) == [(0, 2, 60)]


def test_two_voices_tie_the_same_pitch():
    piece = read(kern("*M4/4", "*^", "[1c|[1c", "=|=", "1c]|1c]", "*v|*v"))
    assert notes(piece) == [(0, 8, 60), (0, 8, 60)]


def test_a_tie_that_leads_nowhere_is_a_note_of_its_own():
    assert notes(read(kern("[4c", "4d", "4e]"))) == [(0, 1, 60), (1, 1, 62), (2, 1, 64)]


@pytest.mark.parametrize("grace", ["8qd", "qd", "16qqd 16qqf", "qqdd/L"])
def test_grace_notes_are_short_and_change_no_main_note(grace):
    piece = read(kern("4c", grace, "4e", "2g"))
    main = {(0, 1, 60), (1, 1, 64), (2, 2, 67)}
    found = set(notes(piece))
    assert main <= found
    for onset, length, _ in found - main:
        assert length <= Fraction(1, 8)
        assert onset + length == 1
    assert len(found) > len(main)


def test_tuplets_are_exact():
    piece = read(kern("*M2/4", *["12c"] * 3, *["20d"] * 5, "=", *["28e"] * 7, *["12%1f"] * 3))
    onsets = [onset for onset, _, _ in notes(piece)]
    expected = [Fraction(i, 3) for i in range(3)] + [1 + Fraction(i, 5) for i in range(5)]
    expected += [2 + Fraction(i, 7) for i in range(7)] + [3 + Fraction(i, 3) for i in range(3)]
    assert onsets == expected


def test_an_upbeat_ends_at_a_bar_line():
    piece = read(kern("*M3/4", "4g", "=1", "2.c", "=2", "2.d"))
    assert notes(piece) == [(2, 1, 67), (3, 3, 60), (6, 3, 62)]


def test_meters_tempos_and_keys():
    piece = read(kern("*k[b-e-]", "*g:", "*M3/4", "*MM90", "2.g", "=", "*k[]", "*C:", "*M2/2", "*MM60.5", "1c"))
    tpq = piece.score.ticks_per_quarter
    meters = [(meter.time, meter.numerator, meter.denominator) for meter in piece.score.time_signatures]
    assert meters == [(0, 3, 4), (3 * tpq, 2, 2)]
    assert [(tempo.time, round(tempo.qpm, 2)) for tempo in piece.score.tempos] == [(0, 90), (3 * tpq, 60.5)]
    keys = [(key.time, key.key, key.tonality) for key in piece.score.key_signatures]
    assert keys == [(0, -2, 1), (3 * tpq, 0, 0)]
    assert piece.key == "Gm"


@pytest.mark.parametrize(("written", "key"), [("*E-:", "Eb"), ("*f#:", "F#m"), ("*d:dor", "Ddor"), ("*?:", None)])
def test_the_first_key_by_name(written, key):
    assert read(kern(written, "4c")).key == key


def test_meters_and_tempos_that_cannot_be_read_are_counted():
    piece = read(kern("*M2\\1", "*MM4/4", "*M3/5", "4c"))
    assert piece.left_out["meters that cannot be read"] == 1
    assert piece.left_out["tempos that cannot be read"] == 1
    assert piece.left_out["meters that no notation has"] == 1


@pytest.mark.parametrize("line", ["*ITrd1c2", "*Trd1c2", "*8va", "*rscale:2", "*cue", "*tremolo", "*rep", "*clefGv2"])
def test_data_are_at_sounding_pitch_whatever_is_drawn(line):
    assert notes(read(kern(line, "4c"))) == [(0, 1, 60)]


@pytest.mark.parametrize(
    ("code", "program"),
    [("*Ivioln", 40), ("*Iorgan", 19), ("*Isoprn", 52), ("*Itimpa", 47), ("*Icello&Ifagot", 42), ("*ICbras", 61)],
)
def test_instrument_codes_are_programs(code, program):
    assert [track.program for track in read(kern(code, "4c")).score.tracks] == [program]


def test_names_tell_the_program_where_no_code_does():
    assert [track.program for track in read(kern("*Iempty", '*I"Violino Primo', "4c")).score.tracks] == [40]


def test_an_instrument_without_pitch_is_a_drum():
    (track,) = read(kern("*Itrngl", "4ee", "4ee")).score.tracks
    assert track.is_drum
    assert [note.pitch for note in track.notes] == [81, 81]


def test_an_instrument_that_changes_has_two_tracks():
    piece = read(kern("*Iflt", "4c", "=", "*Ipicco", "4cc"))
    assert [(track.program, len(track.notes)) for track in piece.score.tracks] == [(73, 1), (72, 1)]


def test_staves_of_a_keyboard_are_one_track():
    by_part = kern("*part2|*part2|*part1", "*Ipiano|*Ipiano|*Ivox", "4C|4c|4g", spines=3)
    assert [(track.program, len(track.notes)) for track in read(by_part).score.tracks] == [(52, 1), (0, 2)]
    by_code = kern("*Iorgan|*Iorgan", "4C|4c", spines=2)
    assert len(read(by_code).score.tracks) == 1
    violins = kern("*Ivioln|*Ivioln", "4C|4c", spines=2)
    assert len(read(violins).score.tracks) == 2


def test_dynamics_are_velocities_of_their_part():
    kinds = ["**kern", "**kern", "**dynam"]
    lines = ["*part2|*part1|*part1", "4c|4cc|p", "4d|4dd|.", "4e|4ee|ff", "4f|4ff|."]
    high, low = read(kern(*lines, kinds=kinds)).score.tracks
    assert [note.velocity for note in high.notes] == [49, 49, 112, 112]
    assert {note.velocity for note in low.notes} == {80}


def test_a_hairpin_goes_to_the_sign_at_its_end():
    piece = read(kern("4c|p", "4d|<", "4e|.", "4f|[ f", kinds=["**kern", "**dynam"]))
    velocities = [note.velocity for note in piece.score.tracks[0].notes]
    assert velocities == sorted(velocities)
    assert velocities[:2] == [49, 49]
    assert 49 < velocities[2] < velocities[3] == 96


def test_other_spines_are_counted():
    piece = read(kern("4c|la|5|.", kinds=["**kern", "**text", "**fing", "**text"]))
    assert piece.left_out == {"**text spines": 2, "**fing spines": 1}


def test_a_timeline_of_durations_alone_places_what_stands_between_notes():
    text = kern("4|1c|C major", "4|.|.", "2|.|G dominant", kinds=["**recip", "**kern", "**mxhm"])
    assert [(chord.onset, chord.text) for chord in read(text).chords] == [(0, "C"), (2, "G7")]


def test_the_licence_is_the_record_that_names_one():
    text = "!!!YEM: M. S. 1409.\n" + kern("4c") + "!!!YEC: Copyright 2022\n!!!YEM: License CC-BY-4.0\n"
    assert read(text).license == "License CC-BY-4.0"
    assert read("!!!YEM: M. S. 1409.\n" + kern("4c")).license == "M. S. 1409."


def test_references_are_title_composer_and_licence():
    text = "!!!COM: Szymanowska, Maria\n!!!OTL@@POL: Polonez\n!!!YEM: CC BY 4.0\n" + kern("4c")
    piece = read(text)
    assert (piece.title, piece.composer, piece.license) == ("Polonez", "Szymanowska, Maria", "CC BY 4.0")


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("\n", "\r"),
        lambda text: text.replace("*-\t*-\n", ""),
        lambda text: text.rstrip("\n"),
        lambda text: "\ufeff" + text,
        lambda text: text.replace("\t", "\t\t"),
        lambda text: text.replace("4D", "!! a comment\n\n!\t! local\n4D"),
    ],
)
def test_files_as_they_come(change):
    text = "!!!OTL: Title\n" + kern("4C|4c", "4D|4d", spines=2)
    assert notes(read(change(text))) == [(0, 1, 48), (0, 1, 60), (1, 1, 50), (1, 1, 62)]


def test_text_that_is_not_utf_8_is_latin_1():
    piece = read("!!!COM: Dvořák\n!!!OTL: Šárka\n".encode("iso8859_2", "replace") + kern("4c").encode())
    assert piece.composer.startswith("Dvo")
    assert read("!!!COM: Gade, Jürg\n".encode("latin-1") + kern("4c").encode()).composer == "Gade, Jürg"
    assert read(("!!!COM: Łoś\n" + kern("4c")).encode("utf-16")).composer == "Łoś"


@pytest.mark.parametrize("suffix", [".krn", ".kern", ".hmd", ".HUM"])
def test_files_are_known_by_their_suffix(suffix):
    (piece,) = read_bytes(kern("4c").encode(), f"a{suffix}").pieces
    assert melody(piece) == [60]


def test_spines_that_end_and_begin_anew_are_pieces_by_number():
    reading = read_bytes((kern("4c") + kern("4d", "4e")).encode(), "a.krn")
    assert [(piece.number, melody(piece)) for piece in reading.pieces] == [("1", [60]), ("2", [62, 64])]


def test_voices_out_of_step_are_counted_and_rows_stay_in_order():
    # The lower voice lasts a quarter too long; two others say when the next bar begins.
    piece = read(kern("2.C|2c|2e", "=|=|=", "2D|2d|2f", spines=3))
    assert [onset for onset, _, pitch in notes(piece) if pitch in (50, 62, 65)] == [2, 2, 2]
    assert piece.left_out["tokens out of step with other voices"] == 1


def test_a_bar_line_is_known_though_its_first_token_is_misspelt():
    piece = read(kern("*M1/4|*M1/4|*M1/4", "4C|4c|4g", "-=2|=2|=2", "4D|4d|4a", spines=3))
    assert len(notes(piece)) == 6
    assert {onset for onset, _, _ in notes(piece)} == {0, 1}
