"""Notes of MusicXML: where they begin, how long they last and what they sound like. Times in quarter notes."""

from fractions import Fraction

import pytest
from score.musicxml.documents import attributes, document, measure, note, notes, pitches, read, rest

from symbolic_music.score.chords import chord_pitch_classes
from symbolic_music.score.musicxml.reading.harmony import QUALITY_OF_KIND
from symbolic_music.score.programs import DRUMS
from symbolic_music.score.transforms.edit import bar_table

EIGHTH = Fraction(1, 8)
CHORD, GRACE = "<chord/>", '<grace slash="yes"/>'
START, STOP = '<tie type="start"/>', '<tie type="stop"/>'
WHOLE = note("C5", 8)


def downbeats(piece):
    return [Fraction(int(start), piece.score.tpq) for start in bar_table(piece.score).starts]


# Chord symbols


def harmony(root, kind, inside="", text=None):
    step, alter = root[0], {"#": 1, "b": -1}.get(root[1:], 0)
    label = f' text="{text}"' if text is not None else ""
    name = f"<root><root-step>{step}</root-step><root-alter>{alter}</root-alter></root>"
    return f"<harmony>{name}<kind{label}>{kind}</kind>{inside}</harmony>"


def degree(value, alter, kind):
    inside = f"<degree-value>{value}</degree-value><degree-alter>{alter}</degree-alter>"
    return f"<degree>{inside}<degree-type>{kind}</degree-type></degree>"


BASS = "<bass><bass-step>G</bass-step><bass-alter>1</bass-alter></bass>"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (harmony("C", "major"), "C"),
        (harmony("F#", "half-diminished"), "F#m7b5"),
        (harmony("Bb", "major-seventh", BASS), "Bbmaj7/G#"),
        (harmony("G", "dominant", degree(9, -1, "add")), "G7(b9)"),
        (harmony("G", "dominant", degree(9, -1, "alter") + degree(11, 1, "add")), "G7(b9,#11)"),
        (harmony("C", "major", degree(9, 0, "add")), "C(add9)"),
        (harmony("C", "major", degree(3, 0, "subtract")), "C(no3)"),
        (harmony("C", "dominant", degree(4, 0, "add") + degree(3, 0, "subtract")), "C7sus4"),
        (harmony("D", "Neapolitan", BASS), "D/G#"),
        (harmony("E", "other", text="m7b5"), "Em7b5"),
        (harmony("C", "none"), "N"),
        (harmony("A", "min"), "Am"),
    ],
)
def test_chord_symbols_have_a_normal_form(written, expected):
    piece = read(document([attributes() + written + WHOLE]))
    assert [(chord.onset, chord.text) for chord in piece.chords] == [(0, expected)]
    assert len(notes(piece)) == 1


@pytest.mark.parametrize("kind", sorted({*QUALITY_OF_KIND, "Neapolitan"}))
def test_every_kind_is_known(kind):
    (chord,) = read(document([attributes() + harmony("C", kind) + WHOLE])).chords
    assert chord_pitch_classes(chord.text)[0] == 0


@pytest.mark.parametrize(
    "written",
    [
        "<harmony><function>V</function><kind>major</kind></harmony>",
        "<harmony><numeral><numeral-root>5</numeral-root></numeral><kind>major</kind></harmony>",
        harmony("C", "other", text="pedal thing"),
        harmony("C", "major", degree(99, 0, "add")),
    ],
)
def test_what_is_no_chord_symbol_is_counted(written):
    piece = read(document([attributes() + written + WHOLE]))
    assert piece.chords == ()
    assert piece.left_out == {"chord symbols that cannot be read": 1}


def test_chord_symbols_stand_where_their_offset_says_and_are_repeated_with_their_bar():
    second = harmony("F", "major", "<offset>4</offset>")
    repeat = '<barline location="right"><repeat direction="backward"/></barline>'
    piece = read(document([attributes() + harmony("C", "major") + second + WHOLE + repeat]))
    assert [(chord.onset, chord.text) for chord in piece.chords] == [(0, "C"), (2, "F"), (4, "C"), (6, "F")]


# Grace notes


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        # A chord of grace notes is one place.
        (
            WHOLE.replace("8", "4")
            + note("E5", None, before=GRACE)
            + note("G5", None, before=GRACE + CHORD)
            + note("F5", 4),
            [(0, 2, 72), (2 - EIGHTH, EIGHTH, 76), (2 - EIGHTH, EIGHTH, 79), (2, 2, 77)],
        ),
        # Behind the last note of a bar, as at the end of a trill.
        (note("C5", 8) + note("B4", None, before=GRACE), [(0, 4, 72), (4 - EIGHTH, EIGHTH, 71)]),
        # In the second voice, before its own note.
        (
            note("C5", 8)
            + "<backup><duration>8</duration></backup>"
            + note("C4", 4, voice=2)
            + note("B3", None, before=GRACE, voice=2)
            + note("E4", 4, voice=2),
            [(0, 4, 72), (0, 2, 60), (2 - EIGHTH, EIGHTH, 59), (2, 2, 64)],
        ),
        # A program that gives grace notes a duration against the schema.
        (note("D5", 4, before=GRACE) + WHOLE, [(0, 4, 72), (0, EIGHTH, 74)]),
    ],
)
def test_grace_notes_are_short_and_move_nothing(content, expected):
    assert notes(read(document([attributes() + content]))) == sorted(expected)


# Transposition


def transpose(chromatic, octaves=0, diatonic=None, staff=None):
    number = f' number="{staff}"' if staff else ""
    step = f"<diatonic>{diatonic}</diatonic>" if diatonic is not None else ""
    octave = f"<octave-change>{octaves}</octave-change>" if octaves else ""
    return f"<transpose{number}>{step}<chromatic>{chromatic}</chromatic>{octave}</transpose>"


KEY = "<key><fifths>{}</fifths><mode>major</mode></key>"


@pytest.mark.parametrize(
    ("written", "pitch", "fifths"),
    [
        (KEY.format(0) + transpose(-9, 0, -5), 63, -3),
        (KEY.format(2) + transpose(-2, 0, -1), 70, 0),
        (KEY.format(2) + transpose(-2, -1, -1), 58, 0),
        (KEY.format(0) + transpose(0, -1, 0), 60, 0),
        (KEY.format(-3) + transpose(3, 0, 2), 75, -6),
        (KEY.format(1) + transpose(-7), 65, 0),
    ],
)
def test_transposing_instruments_sound_at_concert_pitch_and_key(written, pitch, fifths):
    piece = read(document([attributes(inside=written) + WHOLE]))
    assert pitches(piece) == [pitch]
    assert [key.key for key in piece.score.key_signatures] == [fifths]


def test_a_transposition_may_change_and_be_one_staffs():
    change = f"<attributes>{transpose(-2, 0, -1)}</attributes>"
    assert pitches(read(document([attributes() + WHOLE, change + WHOLE]))) == [72, 70]
    staves = attributes(inside=transpose(0, -1, 0, staff=2))
    content = note("C5", 4) + note("C5", 4, "<staff>2</staff>")
    assert notes(read(document([staves + content]))) == [(0, 2, 72), (2, 2, 60)]


def test_octave_lines_and_clefs_change_no_pitch():
    line = '<direction><direction-type><octave-shift type="{}" size="8"/></direction-type></direction>'
    clef = "<clef><sign>G</sign><line>2</line><clef-octave-change>-1</clef-octave-change></clef>"
    content = attributes(inside=clef) + line.format("down") + WHOLE + line.format("stop")
    piece = read(document([content]))
    assert pitches(piece) == [72]
    assert piece.left_out == {"octave lines": 1}


# Bars of all parts


@pytest.mark.parametrize(
    ("upper", "lower"),
    [
        # One part leaves the end of a bar open.
        ([attributes() + note("C5", 4), WHOLE], [attributes() + WHOLE, WHOLE]),
        # A part without a note in a measure, a part with fewer measures, and other divisions.
        ([attributes(), WHOLE], [attributes(divisions=7) + note("C4", 28), note("C4", 28)]),
        # A <forward> beyond the bar.
        ([attributes() + WHOLE + "<forward><duration>6</duration></forward>", WHOLE], [attributes() + WHOLE, WHOLE]),
        # A silent part with two whole rests in the bar, as in music21's madrigals by Monteverdi.
        ([attributes() + rest(8) + rest(8), WHOLE], [attributes() + WHOLE, WHOLE]),
        # A <backup> beyond the bar line.
        ([attributes() + "<backup><duration>9</duration></backup>" + WHOLE, WHOLE], [attributes() + WHOLE, WHOLE]),
    ],
)
def test_bars_begin_at_once_in_all_parts(upper, lower):
    piece = read(document(upper, lower))
    assert downbeats(piece) == [0, 4]
    for track in range(2):
        assert notes(piece, track)[-1][0] == 4


def test_a_bar_that_a_part_fills_beyond_its_meter_with_notes_is_long():
    upper = [attributes() + WHOLE + rest(4), WHOLE]
    lower = [attributes() + rest(8), note("C4", 8)]
    piece = read(document(upper, lower))
    assert downbeats(piece) == [0, 6]
    assert notes(piece, 1) == [(6, 4, 60)]


@pytest.mark.parametrize(
    ("value", "shorter", "expected"),
    [
        # One note value for the whole chord: the durations contradict it (Schubert's Lindenbaum in music21's wheel).
        ("<type>half</type><dot/>", "<type>half</type><dot/>", [(0, 3, 52), (0, 3, 59)]),
        # Another note value, or none: it is meant.
        ("<type>half</type><dot/>", "<type>half</type>", [(0, 3, 52), (0, 2, 59)]),
        ("", "", [(0, 3, 52), (0, 2, 59)]),
    ],
)
def test_notes_of_a_chord_last_as_long_as_they_are_written(value, shorter, expected):
    chord = note("E3", 6, value) + note("B3", 4, shorter, before=CHORD)
    assert notes(read(document([attributes(3) + chord]))) == sorted(expected)


def test_a_timewise_score_is_the_partwise_one():
    bodies = [[attributes() + WHOLE, note("D5", 4)], [attributes() + note("C4", 8), note("D4", 8)]]
    listed, _, _ = document(*bodies).partition("</part-list>")
    measures = "".join(
        f'<measure number="{number + 1}"><part id="P1">{upper}</part><part id="P2">{lower}</part></measure>'
        for number, (upper, lower) in enumerate(zip(*bodies, strict=True))
    )
    timewise = f"{listed}</part-list>{measures}</score-partwise>".replace("score-partwise", "score-timewise")
    assert notes(read(timewise)) == notes(read(document(*bodies)))


# Ties


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        # Only the middle note of a chord is tied.
        (
            [
                note("C4", 8) + note("E4", 8, START, before=CHORD) + note("G4", 8, before=CHORD),
                note("C4", 8) + note("E4", 8, STOP, before=CHORD) + note("G4", 8, before=CHORD),
            ],
            [(0, 4, 60), (0, 8, 64), (0, 4, 67), (4, 4, 60), (4, 4, 67)],
        ),
        # The other hand goes on with the note: another voice and another staff.
        ([note("C4", 8, START), note("C4", 8, STOP + "<staff>2</staff>", voice=5)], [(0, 8, 60)]),
        # Only drawn, not stated to sound.
        (
            [
                note("C4", 8, '<notations><tied type="start"/></notations>'),
                note("C4", 8, '<notations><tied type="stop"/></notations>'),
            ],
            [(0, 8, 60)],
        ),
        # Within a bar, over a bar line, and on.
        (
            [note("C4", 4, START) + note("C4", 4, STOP + START), note("C4", 2, STOP) + note("C4", 6)],
            [(0, 5, 60), (5, 3, 60)],
        ),
        # A slur between equal notes is no tie.
        ([note("C4", 8, '<notations><slur type="start"/></notations>'), note("C4", 8)], [(0, 4, 60), (4, 4, 60)]),
        # To nowhere.
        ([note("C4", 8, START), rest(8)], [(0, 4, 60)]),
    ],
)
def test_ties_join_what_they_tie(content, expected):
    content[0] = attributes() + content[0]
    assert notes(read(document(content))) == sorted(expected)


# Upbeats and bars that are not as long as their meter


def test_an_upbeat_in_one_part_and_a_rest_of_a_whole_measure_in_the_other():
    upper = [measure(attributes(3), note("G4", 2), implicit=True), note("C5", 6)]
    lower = [measure(attributes(3), rest(6, measure=True), implicit=True), note("C4", 6)]
    piece = read(document(upper, lower))
    assert downbeats(piece) == [0, 3]
    assert notes(piece) == [(2, 1, 67), (3, 3, 60), (3, 3, 72)]


def test_a_bar_cut_by_a_double_bar_is_one_bar():
    cut = [attributes() + WHOLE, note("C5", 6), measure(note("D5", 2), implicit=True), WHOLE]
    piece = read(document(cut))
    assert downbeats(piece) == [0, 4, 8]
    assert len(piece.score.time_signatures) == 1


def test_an_upbeat_comes_back_with_the_repeat():
    repeat = '<barline location="right"><repeat direction="backward"/></barline>'
    piece = read(document([attributes(3) + note("G4", 2), note("C5", 6), note("E5", 4) + repeat]))
    assert [onset for onset, _, _ in notes(piece)] == [2, 3, 6, 8, 9, 12]
    assert downbeats(piece) == [0, 3, 6, 9, 12]


def test_lengths_that_a_program_rounded_do_not_move_bar_lines():
    """Three triplet eighths of 85 divisions where a quarter note has 256."""
    triplets = "".join(note("C5", 85) for _ in range(12))
    piece = read(document([attributes(divisions=256) + triplets, note("D5", 1024)]))
    assert downbeats(piece) == [0, 4]


def test_free_time_and_odd_meters():
    free = "<attributes><divisions>2</divisions><time><senza-misura/></time></attributes>"
    assert downbeats(read(document([free + note("C5", 14), note("D5", 6)]))) == [0, 7]
    summed = "<attributes><divisions>2</divisions><time><beats>3+2</beats><beat-type>8</beat-type></time></attributes>"
    piece = read(document([summed + note("C5", 5), note("D5", 5)]))
    assert [(meter.numerator, meter.denominator) for meter in piece.score.time_signatures] == [(5, 8)]


# Drums, instruments, cue notes


def drum_note(step="C", octave=5, instrument=None):
    which = f'<instrument id="{instrument}"/>' if instrument else ""
    place = f"<display-step>{step}</display-step><display-octave>{octave}</display-octave>"
    return f"<note><unpitched>{place}</unpitched><duration>2</duration>{which}<voice>1</voice></note>"


def score_instrument(name, label, midi=""):
    return f'<score-instrument id="{name}"><instrument-name>{label}</instrument-name></score-instrument>' + (
        f'<midi-instrument id="{name}">{midi}</midi-instrument>' if midi else ""
    )


CHANNEL = "<midi-channel>10</midi-channel>"


@pytest.mark.parametrize(
    ("instruments", "content", "expected"),
    [
        # Each note has its own key.
        (
            score_instrument("a", "x", f"{CHANNEL}<midi-unpitched>50</midi-unpitched>")
            + score_instrument("b", "y", f"{CHANNEL}<midi-unpitched>82</midi-unpitched>"),
            drum_note(instrument="b") + drum_note(instrument="a") + drum_note(instrument="b"),
            [81, 49, 81],
        ),
        # Names say what the file gives no number for.
        (score_instrument("a", "Snare Drum", CHANNEL), drum_note(instrument="a"), [38]),
        # The place on the staff of a drum set.
        (
            score_instrument("a", "Drumset", CHANNEL),
            drum_note("F", 4) + drum_note("C", 5) + drum_note("G", 5),
            [36, 38, 42],
        ),
        # A pitched note on the drum channel is a key, whatever the part's transposition.
        (score_instrument("a", "kit", CHANNEL), f"<attributes>{transpose(-2)}</attributes>" + note("D2", 2), [38]),
    ],
)
def test_drums_sound_as_their_instrument(instruments, content, expected):
    piece = read(document([attributes() + content], instruments=[instruments]))
    assert [track.is_drum for track in piece.score.tracks] == [True]
    assert [pitch for _, _, pitch in notes(piece)] == expected


def test_an_unpitched_note_of_an_unknown_instrument_is_counted():
    piece = read(document([attributes() + WHOLE + drum_note("C", 9)]))
    assert piece.left_out == {"unpitched notes of unknown instruments": 1}


@pytest.mark.parametrize(
    ("instruments", "program"),
    [
        (score_instrument("a", "Tuba", "<midi-program>59</midi-program>"), 58),
        (
            '<score-instrument id="a"><instrument-sound>wind.reed.oboe.d-amore</instrument-sound></score-instrument>',
            68,
        ),
        (score_instrument("a", "Clarinetto in Si♭"), 71),
        (score_instrument("a", "Kontrabass"), 43),
        (score_instrument("a", "Drum Kit"), DRUMS),
        ("", 0),
        (score_instrument("a", "Violin", "<midi-program>0</midi-program>"), 40),
    ],
)
def test_programs_come_from_numbers_sounds_and_names(instruments, program):
    content = drum_note() if program == DRUMS else WHOLE
    (track,) = read(document([attributes() + content], instruments=[instruments])).score.tracks
    assert (DRUMS if track.is_drum else track.program) == program


TWO = score_instrument("a", "Flute", "<midi-program>74</midi-program>") + score_instrument(
    "b", "Piccolo", "<midi-program>73</midi-program>"
)


@pytest.mark.parametrize(
    ("change", "inside", "programs"),
    [
        ('<sound><instrument-change id="b"/></sound>', "", [73, 72]),
        ('<sound><midi-instrument id="a"><midi-program>41</midi-program></midi-instrument></sound>', "", [73, 40]),
        ("", '<instrument id="b"/>', [73, 72]),
        ('<direction><sound><instrument-change id="c"/></sound></direction>', "", [73]),
    ],
)
def test_instruments_change_in_the_middle_of_a_part(change, inside, programs):
    piece = read(document([attributes() + WHOLE, change + note("D5", 8, inside)], instruments=[TWO]))
    assert [track.program for track in piece.score.tracks] == programs


def test_plucked_strings_are_plucked_until_the_bow_comes_back():
    violin = score_instrument("a", "Violin", "<midi-program>41</midi-program>")
    bars = [attributes() + WHOLE, '<sound pizzicato="yes"/>' + WHOLE, '<sound pizzicato="no"/>' + WHOLE]
    piece = read(document(bars, instruments=[violin]))
    assert [(track.program, len(track.notes)) for track in piece.score.tracks] == [(40, 2), (45, 1)]


@pytest.mark.parametrize(
    "content",
    [
        note("C6", 8, before="<cue/>") + "<backup><duration>8</duration></backup>" + note("C5", 8, voice=2),
        note("C6", 4, before="<cue/>") + note("E6", 4, before="<cue/><chord/>") + note("C5", 4),
        note("C6", None, before=f"{GRACE}<cue/>") + WHOLE,
    ],
)
def test_cue_notes_are_silent_and_take_their_time(content):
    piece = read(document([attributes() + content]))
    assert pitches(piece) == [72]
    assert piece.left_out["cue notes"] >= 1
    assert sum(notes(piece)[0][:2]) == 4


def test_each_staff_is_a_track():
    content = note("C5", 8, "<staff>1</staff>") + "<backup><duration>8</duration></backup>"
    piece = read(document([attributes() + content + note("C3", 8, "<staff>2</staff>", voice=5)]))
    assert [[each.pitch for each in track.notes] for track in piece.score.tracks] == [[72], [48]]
    assert {track.name for track in piece.score.tracks} == {"P1"}


def test_a_note_without_a_duration_has_that_of_its_type():
    triplet = "<time-modification><actual-notes>3</actual-notes><normal-notes>2</normal-notes></time-modification>"
    content = note("C5", None, "<type>half</type><dot/>") + note("D5", None, f"<type>quarter</type>{triplet}") * 3
    piece = read(document([attributes(5, divisions=12) + content]))
    third = Fraction(2, 3)
    assert notes(piece) == [(0, 3, 72), *((3 + number * third, third, 74) for number in range(3))]
    assert piece.left_out["notes without a duration"] == 4


def test_notes_that_no_piano_has_are_counted():
    content = note("C9", 2) + note("C5", 2).replace("</step>", "</step><alter>0.5</alter>") + note("A9", 4)
    piece = read(document([attributes() + content]))
    assert sorted(pitches(piece)) == [72, 120]
    assert piece.left_out == {"quarter tones": 1, "notes beyond MIDI's pitches": 1}
