"""What MusicXML says besides notes: repeats and jumps, tempi, dynamics, keys, titles."""

import pytest
from score.musicxml.documents import attributes, document, note, notes, pitches, read

from symbolic_music.score.errors import ScoreError
from symbolic_music.score.musicxml.reading.tempo import WORDS, words_mark

BARS = [note(f"{step}5", 8) for step in "CDEFGAB"]
PITCHES = {"C": 72, "D": 74, "E": 76, "F": 77, "G": 79, "A": 81, "B": 83}
FORWARD = '<barline location="left"><repeat direction="forward"/></barline>'
BACKWARD = '<barline location="right"><repeat direction="backward"/></barline>'


def words(text, sound=""):
    return f"<direction><direction-type><words>{text}</words></direction-type>{sound}</direction>"


def sign(tag, sound=""):
    return f"<direction><direction-type><{tag}/></direction-type>{sound}</direction>"


def ending(numbers, kind, location, repeat=""):
    return f'<barline location="{location}"><ending number="{numbers}" type="{kind}"/>{repeat}</barline>'


REPEAT = '<repeat direction="backward"/>'


def order(*bars):
    """The bars of a score as they are played, by the letters of their notes."""
    names = {pitch: step for step, pitch in PITCHES.items()}
    content = [before + bar + after for bar, (before, after) in zip(BARS, bars, strict=False)]
    return "".join(names[pitch] for pitch in played(document([attributes() + content[0], *content[1:]])))


def played(text):
    (track,) = read(text).score.tracks
    return [each.pitch for each in sorted(track.notes, key=lambda each: each.time)]


NONE = ("", "")


@pytest.mark.parametrize(
    ("bars", "expected"),
    [
        ([NONE, (FORWARD, BACKWARD), NONE], "CDDE"),
        ([NONE, ("", BACKWARD.replace("/></", ' times="3"/></')), NONE], "CDCDCDE"),
        # At the wrong end of the bar.
        ([NONE, ("", FORWARD.replace("left", "right")), ("", BACKWARD)], "CDEE"),
        (
            [
                (FORWARD, ""),
                (ending("1", "start", "left"), ending("1", "stop", "right", REPEAT)),
                (ending("2", "start", "left"), ending("2", "discontinue", "right")),
                NONE,
            ],
            "CDCEF",
        ),
        # Voltas for several passes, over two bars, and one that is never closed.
        (
            [
                (FORWARD, ""),
                (ending("1, 2", "start", "left"), ""),
                ("", ending("1, 2", "stop", "right", REPEAT)),
                (ending("3", "start", "left"), ""),
                NONE,
            ],
            "CDECDECFG",
        ),
        ([NONE, ("", words("D.C. al Fine")), NONE], "CDCDE"),
        ([("", words("Fine")), ("", words("Da Capo al Fine"))], "CDC"),
        ([NONE, (sign("segno"), ""), ("", words("Fine")), ("", words("D.S. al Fine"))], "CDEFDE"),
        ([NONE, (sign("segno"), ""), ("", words("Fine")), ("", words("dal segno"))], "CDEFDE"),
        # Stated by <sound>.
        ([NONE, ("", '<sound fine="yes"/>'), ("", '<sound dacapo="yes"/>')], "CDECD"),
        (
            [
                NONE,
                ('<sound segno="s1"/>', ""),
                ("", words("To Coda", '<sound tocoda="c1"/>')),
                ("", words("D.S. al Coda", '<sound dalsegno="s1"/>')),
                (sign("coda", '<sound coda="c1"/>'), ""),
            ],
            "CDEFDEG",
        ),
        # Two coda signs: from the first to the second.
        (
            [NONE, ("", sign("coda")), ("", words("D.C. al Coda")), (sign("coda"), "")],
            "CDECDF",
        ),
        # All in words.
        ([NONE, ("", words("To Coda")), ("", words("D.C. al Coda")), (words("CODA"), "")], "CDECDF"),
        # Repeats are not taken again after D.C.
        ([("", BACKWARD), ("", words("D.C."))], "CCDCD"),
    ],
)
def test_repeats_and_jumps_are_played_out(bars, expected):
    assert order(*bars) == expected


def only(times, pitch, duration=8):
    return note(pitch, duration).replace("<note>", f'<note time-only="{times}">')


BACK = "<backup><duration>8</duration></backup>"


@pytest.mark.parametrize(
    ("bars", "expected"),
    [
        ([only("1", "C5") + BACK + only("2", "D5") + BACKWARD, BARS[4]], "CDG"),
        # Of three passes two; a note with nothing said is played on all.
        ([only("1, 3", "C5", 4) + note("D5", 4) + BACKWARD.replace("/></", ' times="3"/></'), BARS[4]], "CDDCDG"),
        # D.C. comes back to the last pass of what was repeated, and to the second of what was not.
        ([only("1", "C5") + BACK + only("2", "D5") + BACKWARD, BARS[4] + words("D.C.")], "CDGDG"),
        ([only("1", "C5") + BACK + only("2", "D5"), BARS[4] + words("D.C.")], "CGDG"),
        ([BARS[6], only("1", "C5") + BACK + only("2", "D5") + BACKWARD], "BCBD"),
    ],
)
def test_notes_with_time_only_are_played_on_the_passes_they_name(bars, expected):
    names = {pitch: step for step, pitch in PITCHES.items()}
    piece = read(document([attributes() + bars[0], *bars[1:]]))
    (track,) = piece.score.tracks
    found = [names[each.pitch] for each in sorted(track.notes, key=lambda each: each.time)]
    assert "".join(found) == expected
    assert not piece.left_out


def test_time_only_keeps_the_time_of_what_follows():
    piece = read(document([attributes() + only("2", "C5", 4) + note("D5", 4) + BACKWARD]))
    assert notes(piece) == [(2, 2, 74), (4, 2, 72), (6, 2, 74)]


@pytest.mark.parametrize(
    ("content", "kind", "played"),
    [
        (only("2", "C5") + BACK + note("D5", 8), "notes for passes that never come", [74]),
        (only("1000", "C5") + BACK + note("D5", 8), "passes that cannot be read", [72, 74]),
        (only("x", "C5"), "passes that cannot be read", [72]),
        (note("C5", 8, before='<tie type="stop" time-only="1"/>'), "ties for some passes only", [72]),
        (
            note("C5", 8) + words("D.C.", '<sound dacapo="yes" time-only="1"/>'),
            "sounds for some passes only",
            [72, 72],
        ),
    ],
)
def test_what_is_not_made_of_time_only_is_counted(content, kind, played):
    piece = read(document([attributes() + content]))
    assert pitches(piece) == played
    assert piece.left_out == {kind: 1}


def test_notes_that_never_come_alone_are_no_music():
    with pytest.raises(ScoreError, match="never come"):
        read(document([attributes() + only("2", "C5")]))


def test_signs_that_every_part_writes_count_once():
    content = [attributes() + BARS[0] + BACKWARD, BARS[1] + words("D.C.")]
    assert len(pitches(read(document(content, content)))) == 2 * 5


@pytest.mark.parametrize("times", ["1000000000", "99999999999999999999", "0", "-3", "x"])
def test_absurd_times_end(times):
    bars = [attributes() + BARS[0] + BACKWARD.replace("/></", f' times="{times}"/></')]
    if times.isdecimal() and len(times) > 1:
        with pytest.raises(ValueError, match="too_long"):
            read(document(bars))
    else:
        assert pitches(read(document(bars))) == [72, 72]


# Tempo


def metronome(inside):
    return f"<direction><direction-type><metronome>{inside}</metronome></direction-type></direction>"


QUARTER = "<beat-unit>quarter</beat-unit>"


@pytest.mark.parametrize(
    ("mark", "expected"),
    [
        ('<sound tempo="66.5"/>', [66.5]),
        (metronome(f"{QUARTER}<per-minute>90</per-minute>"), [90]),
        (metronome(f"{QUARTER}<beat-unit-dot/><per-minute>60</per-minute>"), [90]),
        (metronome("<beat-unit>eighth</beat-unit><per-minute>120</per-minute>"), [60]),
        (metronome("<beat-unit>half</beat-unit><beat-unit-dot/><beat-unit-dot/><per-minute>40</per-minute>"), [140]),
        (metronome(f"{QUARTER}<per-minute>c. 100-108</per-minute>"), [100]),
        # What sounds counts before what is printed.
        (metronome(f"{QUARTER}<per-minute>90</per-minute>") + '<sound tempo="92"/>', [92]),
        (words("Allegro ma non troppo"), [144]),
        (words("Allegro", '<sound tempo="130"/>'), [130]),
        # The old quarter is the new dotted quarter.
        ('<sound tempo="80"/>' + note("C5", 2) + metronome(f"{QUARTER}{QUARTER}<beat-unit-dot/>"), [80, 120]),
        (words("Adagio") + note("C5", 2) + words("Presto") + note("C5", 2) + words("Tempo I"), [71, 187, 71]),
        ('<sound tempo="0"/>', []),
        ('<sound tempo="1e9"/>', []),
        (words("dolce"), []),
    ],
)
def test_tempi_are_read_from_sound_metronome_and_words(mark, expected):
    tempos = read(document([attributes() + mark + note("C5", 2)])).score.tempos
    assert [round(tempo.qpm, 1) for tempo in tempos] == pytest.approx(expected, abs=0.1)


def test_words_of_the_table_are_found_at_the_beginning_of_a_mark():
    assert all(words_mark(f"{name.title()} con brio.").qpm == qpm for name, qpm in WORDS.items())
    assert words_mark("poco largamente") is None


def test_gradual_changes_are_counted():
    assert read(document([attributes() + words("poco rit.") + BARS[0]])).left_out == {"gradual changes of tempo": 1}


# Dynamics


def dynamics(name, sound=""):
    return f"<direction><direction-type><dynamics><{name}/></dynamics></direction-type>{sound}</direction>"


def wedge(kind):
    return f'<direction><direction-type><wedge type="{kind}"/></direction-type></direction>'


QUARTERS = note("C5", 2)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (QUARTERS * 2, [80, 80]),
        (dynamics("pp") + QUARTERS + dynamics("ff") + QUARTERS, [33, 112]),
        (dynamics("p", '<sound dynamics="50"/>') + QUARTERS, [45]),
        # An accent is for one place; fp is soft again at once.
        (dynamics("p") + QUARTERS + dynamics("sfz") + QUARTERS * 2, [49, 112, 49]),
        (dynamics("fp") + QUARTERS * 2, [96, 49]),
        # A hairpin to the next sign, and one to nowhere.
        (dynamics("p") + wedge("crescendo") + QUARTERS * 2 + wedge("stop") + dynamics("f") + QUARTERS, [49, 72, 96]),
        (wedge("diminuendo") + QUARTERS * 2 + wedge("stop") + QUARTERS, [80, 72, 64]),
        (QUARTERS.replace("<note>", '<note dynamics="100">'), [90]),
        (dynamics("other-dynamics") + QUARTERS, [80]),
    ],
)
def test_dynamics_are_velocities(content, expected):
    (track,) = read(document([attributes() + content])).score.tracks
    assert [each.velocity for each in track.notes] == expected


def test_dynamics_reach_the_voices_written_after_them():
    content = QUARTERS * 2 + dynamics("ff") + QUARTERS * 2 + "<backup><duration>8</duration></backup>"
    (track,) = read(document([attributes() + content + note("C3", 4, voice=2) + note("D3", 4, voice=2)])).score.tracks
    assert {each.pitch: each.velocity for each in track.notes if each.pitch < 60} == {48: 80, 50: 112}


# Keys and titles


@pytest.mark.parametrize(
    ("fifths", "mode", "name", "key"),
    [
        (0, "major", "C", (0, 0)),
        (-1, "minor", "Dm", (-1, 1)),
        (2, "mixolydian", "Amix", (2, 0)),
        (0, "dorian", "Ddor", (0, 0)),
        (6, "minor", "D#m", (6, 1)),
        (-7, "major", "Cb", (-7, 0)),
        (3, "", None, (3, 0)),
    ],
)
def test_keys_have_their_mode(fifths, mode, name, key):
    written = f"<key><fifths>{fifths}</fifths>{f'<mode>{mode}</mode>' if mode else ''}</key>"
    piece = read(document([attributes(inside=written) + BARS[0]]))
    assert piece.key == name
    assert [(each.key, each.tonality) for each in piece.score.key_signatures] == [key]


def test_titles_composer_and_rights():
    head = (
        "<work><work-title>Six  Songs</work-title></work><movement-title>No. 2</movement-title><identification>"
        '<creator type="lyricist">A</creator><creator type="composer">B. C.</creator><rights>CC0</rights>'
        "</identification>"
    )
    piece = read(document([attributes() + BARS[0]], head=head))
    assert (piece.title, piece.composer, piece.license) == ("Six Songs: No. 2", "B. C.", "CC0")
