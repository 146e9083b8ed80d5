"""What a Score reads like as ABC, and that abc2midi gives every note back."""

import subprocess
from collections import Counter
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from score.scores import make_score
from symusic import KeySignature, Note, Score, Tempo, TimeSignature, Track
from symusic.factory import _ABC2MIDI

from symbolic_music.score.abc.io import parse_abc_tune, read_abc
from symbolic_music.score.abc.lengths import TUPLETS, length_text, written_lengths
from symbolic_music.score.abc.readers import differing_bars, music21_sound
from symbolic_music.score.abc.spelling import estimate_key, key_text
from symbolic_music.score.abc.write import abc_text, write_abc, written_bar_quarters
from symbolic_music.score.bars import meters_in_force
from symbolic_music.score.checks import Refusal, ScoreError
from symbolic_music.score.midi.io import read_midi


def sounding(score):
    """(program or -1, onset, duration, pitch) of every note in 480ths of a quarter note, counted."""
    unit = score.ticks_per_quarter
    return Counter(
        (-1 if track.is_drum else track.program, note.time * 480 // unit, note.duration * 480 // unit, note.pitch)
        for track in score.tracks
        for note in track.notes
    )


def complaints(text, folder):
    """What abc2midi prints about a tune besides its version and the file it writes."""
    (folder / "tune.abc").write_text(text)
    command = [str(_ABC2MIDI), "tune.abc", "-o", "tune.mid"]
    lines = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True).stdout.splitlines()
    return [line for line in lines if "abc2midi" not in line and not line.startswith("writing MIDI file")]


def with_key(fifths, *pitches, minor=0):
    score = make_score([(240 * place, 240, pitch) for place, pitch in enumerate(pitches)])
    score.key_signatures = [KeySignature(0, fifths, minor)]
    return score


# Lengths


@pytest.mark.parametrize("ticks", [*range(1, 130), 179, 161, 480, 719, 1919, 1920, 122_879])
def test_lengths_sum_to_the_ticks_and_have_binary_denominators(ticks):
    total = Fraction(0)
    for tuplet, text in written_lengths(ticks):
        numerator, _, denominator = text.partition("/")
        length = Fraction(int(numerator or 1), int(denominator or 1))
        assert length_text(length) == text
        assert length.denominator & (length.denominator - 1) == 0
        assert length.denominator <= 256  # a 1/2048 note; music21 knows none shorter
        total += length * Fraction(TUPLETS[tuplet].time, TUPLETS[tuplet].notes)
    assert total == Fraction(ticks, 240)


def test_no_length_is_no_length():
    with pytest.raises(ValueError, match="above 0"):
        written_lengths(0)


# What is written


def test_a_scale_reads_like_one():
    score = make_score([(480 * beat, 480, pitch) for beat, pitch in enumerate((60, 62, 64, 65, 67, 69, 71, 72))])
    assert abc_text(score, title="Scale") == (
        "X:1\nT:Scale\n%%MIDI chordattack 0\nM:4/4\nL:1/8\nQ:1/4=120\nK:C\n"
        "V:1 clef=treble\n%%MIDI channel 1\n%%MIDI program 0\n%%MIDI beat 80 80 80 1\n"
        "C2 D2 E2 F2|G2 A2 B2 c2|]\n"
    )


@pytest.mark.parametrize(
    ("score", "written"),
    [
        (make_score([(0, 480, 60), (0, 480, 64), (480, 240, 67)]), "[CE]2 Gz5|]"),
        (make_score([(960, 1920, 60)]), "C4-|C4 z4|]"),
        (make_score([(960, 1920, 61), (960, 1920, 64)]), "[^CE]4-|[^CE]4 z4|]"),
        (make_score([(160 * n, 160, 60 + 2 * n) for n in range(3)]), "(3CDE z6|]"),
        (make_score([(0, 320, 60), (320, 160, 62)]), "(3:2:1C2(3:2:1D z6|]"),
        (make_score([(96 * n, 96, 60) for n in range(5)]), "(5:4:5C/2C/2C/2C/2C/2 z6|]"),
        (make_score([(0, 60, 60), (60, 180, 60), (240, 720, 60)]), "C/4C3/4C3 z4|]"),
        (make_score([(0, 720, 48), (720, 720, 36)], meters=[(0, 6, 8)]), "C,3 C,,3|]"),
        (make_score([(0, 1440, 84)], meters=[(0, 3, 4)]), "c'6|]"),
    ],
)
def test_notes_rests_chords_ties_and_tuplets(score, written):
    score.key_signatures = [KeySignature(0, 0, 0)]
    assert abc_text(score).splitlines()[-1] == written


@pytest.mark.parametrize(
    ("fifths", "pitches", "written"),
    [
        (0, (61, 61, 60, 60), "^C^C =CC"),  # the second sharp for readers in which an accidental holds for one note
        (1, (66, 65, 66, 67), "F=F ^FG"),
        (-3, (63, 64, 58, 59), "E=E B,=B,"),
        (-1, (61, 70, 63, 66), "^CB _E^F"),
        (0, (61, 72, 60, 73), "^C=c =C^c"),  # whether an accidental holds in all octaves is read differently
        (7, (60, 61, 65, 66), "B,C EF"),
        (6, (67, 66, 68, 65), "^^F^F GE"),
    ],
)
def test_accidentals_by_key(fifths, pitches, written):
    assert abc_text(with_key(fifths, *pitches)).splitlines()[-1].startswith(written)


def test_a_bar_line_ends_an_accidental():
    score = make_score([(0, 1920, 61), (1920, 1920, 60), (3840, 1920, 61)])
    score.key_signatures = [KeySignature(0, 0, 0)]
    assert abc_text(score).splitlines()[-1] == "^C8|C8|^C8|]"


def test_every_pitch_is_read_in_every_key():
    for fifths in (-7, -5, -1, 0, 1, 5, 7):
        score = with_key(fifths, *range(128))
        assert sounding(parse_abc_tune(abc_text(score))) == sounding(score)


@pytest.mark.parametrize(
    ("fifths", "minor", "text"),
    [(0, 0, "C"), (0, 1, "Am"), (-7, 1, "Abm"), (7, 0, "C#"), (-7, 0, "Cb"), (4, 1, "C#m")],
)
def test_keys(fifths, minor, text):
    assert key_text(fifths, bool(minor)) == text


def test_a_piece_without_a_key_gets_the_one_it_is_in():
    assert estimate_key(make_score([(0, 1, pitch) for pitch in (62, 64, 66, 67, 69, 71, 73)])) == 2
    assert "\nK:D\n" in abc_text(make_score([(480 * n, 480, p) for n, p in enumerate((62, 66, 69, 73, 67, 71, 64))]))
    assert estimate_key(make_score([(0, 1, 36)], is_drum=True)) == 0


def test_meters_keys_and_tempos_change_where_they_change():
    score = make_score(
        [(0, 480, 60), (3360, 480, 62)], meters=[(0, 4, 4), (1920, 3, 4)], tempos=[(0, 90), (1440, 61.5)]
    )
    score.key_signatures = [KeySignature(0, 0, 0), KeySignature(1920, 2, 0)]
    text = abc_text(score)
    assert text.endswith("\n=C2 z4 [Q:1/8=123]z2|\nK:D\nM:3/4\nL:1/8\nz6|D2 z4|]\n")
    again = parse_abc_tune(text)
    assert meters_in_force(again) == [(0, 4, 4), (1920, 3, 4)]
    assert [(tempo.time, round(tempo.qpm, 1)) for tempo in again.tempos] == [(0, 90), (1440, 61.5)]
    assert [(key.time, key.key) for key in again.key_signatures] == [(0, 0), (1920, 2)]


def test_a_key_that_changes_at_the_end_of_a_line_leaves_no_empty_line():
    score = make_score([(1920 * bar, 480, 60) for bar in range(6)])
    score.key_signatures = [KeySignature(0, 0, 0), KeySignature(4 * 1920, 2, 0)]
    text = abc_text(score)
    assert "\n\n" not in text
    assert [(key.time, key.key) for key in parse_abc_tune(text).key_signatures] == [(0, 0), (4 * 1920, 2)]
    assert sounding(parse_abc_tune(text)) == sounding(score)


def test_a_bar_cut_short_has_a_meter_of_its_own(tmp_path):
    score = make_score([(0, 1200, 60), (1200, 1440, 62)], meters=[(0, 4, 4), (1200, 3, 4)])
    assert abc_text(score).splitlines()[-3:] == ["M:3/4", "L:1/8", "D6|]"]
    assert "M:5/8" in abc_text(score)
    assert complaints(abc_text(score), tmp_path) == []


@pytest.mark.parametrize("meters", ["3/4 3/4 4/4 4/4 3/4 3/4", "4/4 3/4 3/4 4/4", "3/8 3/8 3/8 3/8 4/4 2/4"])
def test_music21_cuts_bars_where_the_meter_changes(meters):
    pytest.importorskip("music21")
    score, tick = make_score([]), 0
    for meter in meters.split():
        numerator, denominator = map(int, meter.split("/"))
        score.time_signatures.append(TimeSignature(tick, numerator, denominator))
        for _ in range(numerator):
            score.tracks[0].notes.append(Note(tick, 1920 // denominator, 62, 90))
            tick += 1920 // denominator
    assert differing_bars(music21_sound(abc_text(score))[1][0], written_bar_quarters(score)) == 0


def test_programs_and_drums_come_back():
    score = make_score([(0, 480, 60)], program=40)
    score.tracks.append(Track(program=12, is_drum=False, notes=[Note(0, 960, 48, 90)]))
    score.tracks.append(Track(program=0, is_drum=True, notes=[Note(0, 240, 38, 100)]))
    assert sounding(parse_abc_tune(abc_text(score))) == sounding(score)


def test_overlapping_notes_go_to_further_voices():
    score = make_score([(0, 1920, 48), (0, 480, 60), (240, 960, 64), (480, 480, 62)], program=5)
    assert abc_text(score).count("V:") == 3
    assert sounding(parse_abc_tune(abc_text(score))) == sounding(score)


def test_tracks_share_voices_where_there_are_too_many_of_them(tmp_path):
    score = Score(480)
    score.tracks = [Track(program=n, notes=[Note(480 * n, 480, 40 + n, 80)], is_drum=n == 3) for n in range(35)]
    text = abc_text(score)
    assert text.count("V:") == 2
    assert sounding(parse_abc_tune(text)) == sounding(score)
    assert complaints(text, tmp_path) == []


def test_too_many_voices_are_refused():
    score = make_score([(n, 1000, 40 + n) for n in range(31)])
    with pytest.raises(ScoreError) as error:
        abc_text(score)
    assert error.value.refusal is Refusal.TOO_MANY_VOICES


def test_a_title_is_one_clean_line():
    assert 'T:A "B"\n' not in abc_text(make_score([(0, 1, 60)]), title='A\n"B"\0')
    assert "T:A B\n" in abc_text(make_score([(0, 1, 60)]), title='A\n"B"\0')


def test_the_same_score_gives_the_same_bytes(tmp_path):
    score = make_score([(7 * n, 5 + n % 3, 60 + n % 12) for n in range(200)], tpq=96)
    write_abc(score, tmp_path / "a.abc", title="Twice")
    assert (tmp_path / "a.abc").read_bytes() == abc_text(score.copy(), title="Twice").encode()
    assert read_abc(tmp_path / "a.abc")[0].note_num() == 200


@pytest.mark.parametrize(
    ("score", "refusal"),
    [
        (Score(480), Refusal.NO_NOTES),
        (make_score([(-5, 10, 60)]), Refusal.CORRUPT_TIMING),
        (make_score([(2**31 - 20, 10, 60)], tpq=1), Refusal.TOO_LONG),
        (make_score([(480 * 4 * 5_000_000 // 10, 10, 60)], tpq=48), Refusal.TOO_LONG),
    ],
)
def test_what_cannot_be_written_is_refused(score, refusal):
    with pytest.raises(ScoreError) as error:
        abc_text(score)
    assert error.value.refusal is refusal


def test_a_grid_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="divide 480"):
        abc_text(make_score([(0, 1, 60)]), steps_per_quarter=7)


# What comes back


@st.composite
def exact_scores(draw):
    """Scores on abc2midi's clock, off every musical grid, of a few tracks with changes of meter."""
    score = Score(480)
    time = st.one_of(
        st.integers(0, 6000), st.integers(0, 400).map(lambda n: 40 * n), st.integers(0, 60).map(lambda n: 96 * n)
    )
    for _ in range(draw(st.integers(1, 3))):
        notes = draw(st.lists(st.tuples(time, time, st.integers(0, 127)), min_size=1, max_size=12))
        track = Track(program=draw(st.integers(0, 127)), is_drum=draw(st.booleans()))
        track.notes = [Note(onset, max(duration, 1), pitch, 80) for onset, duration, pitch in notes]
        score.tracks.append(track)
    meters = [(4, 4), (6, 8), (7, 8), (5, 16), (2, 2)]
    for moment in sorted(draw(st.sets(st.integers(0, 200).map(lambda n: 30 * n), max_size=2))):
        score.time_signatures.append(TimeSignature(moment, *draw(st.sampled_from(meters))))
    if draw(st.booleans()):
        score.tempos.append(Tempo(draw(time), draw(st.integers(30, 250))))
    if draw(st.booleans()):
        score.key_signatures.append(KeySignature(0, draw(st.integers(-7, 7)), draw(st.integers(0, 1))))
    return score


@settings(max_examples=30, deadline=None)
@given(score=exact_scores())
def test_every_note_comes_back_to_the_tick(score, tmp_path_factory):
    text = abc_text(score, steps_per_quarter=480)
    assert sounding(parse_abc_tune(text)) == sounding(score)
    assert complaints(text, tmp_path_factory.mktemp("abc")) == []


@pytest.mark.slow
@settings(max_examples=20, deadline=None)
@given(score=exact_scores())
def test_music21_reads_every_note(score):
    music21 = pytest.importorskip("music21")
    for track in score.tracks:
        track.notes = track.notes.filter(
            lambda note: note.pitch > 12, inplace=False
        )  # music21 reads C,,,,, as C flat 1, and ^B,,,,, as nothing
    if score.note_num():
        piece = music21.converter.parseData(abc_text(score, steps_per_quarter=480), format="abc")
        heads = {pitch.midi for note in piece.recurse().notes for pitch in note.pitches}
        assert heads == {note.pitch for track in score.tracks for note in track.notes}


@pytest.mark.parametrize("folder", ["midi_multi", "midi_satb", "midi_song"])
def test_real_music_keeps_its_notes(folder, shared_data, tmp_path):
    files = sorted(shared_data(folder).rglob("*.mid"), key=lambda path: (path.stat().st_size, path))
    for path in files[:: len(files) // 4][:4]:
        score = read_midi(path)
        text = abc_text(score)
        kept = (sounding(score) & sounding(parse_abc_tune(text))).total()
        assert kept >= 0.97 * score.note_num(), path.name
        assert complaints(text, tmp_path) == [], path.name
