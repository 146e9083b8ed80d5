"""Faults that public programs have with ABC, each with the shared input that shows it and others of its kind."""

from fractions import Fraction

import pytest

from symbolic_music.score.abc.io import parse_abc_tune, read_abc_pieces, read_abc_tune
from symbolic_music.score.bars import count_bars
from symbolic_music.score.errors import Refusal, ScoreError

HEAD = "X:1\nT:x\nM:{meter}\nL:1/4\nQ:1/4=100\nK:G\n"


def notes(score):
    quarter = score.ticks_per_quarter
    return sorted(
        (Fraction(note.time, quarter), Fraction(note.duration, quarter), note.pitch)
        for track in score.tracks
        for note in track.notes
    )


def pitches(score):
    return [pitch for _, _, pitch in notes(score)]


def grid(score):
    """Meters, keys and tempos with their places in quarter notes."""
    quarter = score.ticks_per_quarter
    return (
        [(meter.time / quarter, meter.numerator, meter.denominator) for meter in score.time_signatures],
        [(key.time / quarter, key.key, key.tonality) for key in score.key_signatures],
        [(tempo.time / quarter, round(tempo.qpm, 3)) for tempo in score.tempos],
    )


@pytest.fixture
def fault(shared_data):
    """The text of a shared input by its name."""
    return lambda name: (shared_data("faults") / f"{name}.abc").read_text()


# Words under the notes move nothing


@pytest.mark.parametrize(
    "words",
    ["w: la la la la", "w: la-la_ * la~la|la", "W: la la", "w: la\nw: two\n+: three", "w:\\\\\nw: a | b |"],
)
@pytest.mark.parametrize("meter", ["3/4", "4/4"])
@pytest.mark.parametrize("upbeat", ["", "D|"])
def test_lyrics_change_neither_notes_nor_grid(words, meter, upbeat):
    head, music = HEAD.format(meter=meter), f"{upbeat}GAB|cde|d2c|B3|\n"
    plain, sung = parse_abc_tune(head + music), parse_abc_tune(head + music + words + "\n" + music)
    again = parse_abc_tune(head + music + music)
    assert notes(plain) == notes(sung)[: len(notes(plain))]
    assert (notes(sung), grid(sung)) == (notes(again), grid(again))


def test_lyrics_of_the_shared_inputs(fault):
    with_words, without = parse_abc_tune(fault("c02_lyr")), parse_abc_tune(fault("c02_nolyr"))
    assert (notes(with_words), grid(with_words)) == (notes(without), grid(without))
    score = parse_abc_tune(fault("b01_lyr34"))
    assert (count_bars(score), grid(score)) == (4, ([(0, 3, 4)], [(0, 1, 0)], [(0, 100)]))
    upbeat = parse_abc_tune(fault("b01_lyr34_up"))
    assert (notes(upbeat)[0], notes(upbeat)[1][0]) == ((2, 1, 62), 3)
    assert grid(upbeat) == grid(score)


# A clef is no key


@pytest.mark.parametrize("clef", ["clef=bass", "bass", "clef=alto", "bass middle=d", "treble", "clef=none", "perc"])
def test_a_clef_alone_changes_no_key(clef):
    score = parse_abc_tune(HEAD.format(meter="3/4") + f"FGA|[K:D]FGA|cBA|[K:{clef}]A,B,C|DEF|G3|\n")
    assert grid(score)[1] == [(0, 1, 0), (3, 2, 0)]
    assert pitches(score)[-4:] == [62, 64, 66, 67]


def test_a_clef_in_the_shared_input(fault):
    assert grid(parse_abc_tune(fault("g_clef3")))[1] == [(0, 1, 0), (3, 2, 0)]


@pytest.mark.parametrize(
    ("key", "fifths", "minor", "sounding"),
    [
        ("Dm^c", -1, 1, [62, 65, 69, 70, 73]),
        ("Dm ^c", -1, 1, [62, 65, 69, 70, 73]),
        ("D ^g", 2, 0, [62, 66, 69, 71, 73]),
        ("C^f^c", 0, 0, [62, 66, 69, 71, 73]),
        ("D exp _B ^c", 0, 0, [62, 65, 69, 70, 73]),
        ("D Phr ^F", -2, 0, [62, 66, 69, 70, 72]),
        ("Dmix", 1, 0, [62, 66, 69, 71, 72]),
        ("DMIXolydian", 1, 0, [62, 66, 69, 71, 72]),
        ("F# minor", 3, 1, [62, 66, 69, 71, 73]),
        ("EM", 1, 1, [62, 66, 69, 71, 72]),
        ("Bb", -2, 0, [62, 65, 69, 70, 72]),
        ("HP", 2, 0, [62, 66, 69, 71, 73]),
        ("none", 0, 0, [62, 65, 69, 71, 72]),
        ("D bass", 2, 0, [62, 66, 69, 71, 73]),
        ("G clef=treble octave=0", 1, 0, [62, 66, 69, 71, 72]),
    ],
)
def test_keys_with_modes_and_added_accidentals(key, fifths, minor, sounding):
    score = parse_abc_tune(f"X:1\nM:none\nL:1/4\nK:{key}\nDFABc|\n")
    assert (grid(score)[1], pitches(score)) == ([(0, fifths, minor)], sounding)


def test_an_added_accidental_in_the_shared_input(fault):
    score = parse_abc_tune(fault("p08_key_dm_c"))
    assert (pitches(score), grid(score)[1]) == ([62, 65, 69, 70, 73, 74, 76, 77], [(0, -1, 1)])


# The order of voices does not matter to the upbeat


VOICES = {"A": "G|CDE|FGA|c3|", "B": "z|C,3|F,3|C,3|"}


@pytest.mark.parametrize("header", ["V:A\nV:B\n", "V:B\nV:A\n", ""])
@pytest.mark.parametrize(
    "body",
    [
        f"V:A\n{VOICES['A']}\nV:B\n{VOICES['B']}\n",
        f"V:B\n{VOICES['B']}\nV:A\n{VOICES['A']}\n",
        f"[V:A]{VOICES['A']}\n[V:B]{VOICES['B']}\n",
        "[V:A]G|CDE|\n[V:B]z|C,3|\n[V:A]FGA|c3|\n[V:B]F,3|C,3|\n",
    ],
)
def test_the_upbeat_is_aligned_whichever_voice_is_first(header, body):
    score = parse_abc_tune(f"X:1\nM:3/4\nL:1/4\n{header}K:C\n{body}")
    assert [onset for onset, _, _ in notes(score)] == [2, 3, 3, 4, 5, 6, 6, 7, 8, 9, 9]


def test_the_upbeat_of_the_shared_input(fault):
    assert notes(parse_abc_tune(fault("b09_order")))[:3] == [(2, 1, 67), (3, 1, 60), (3, 3, 48)]


# Ornaments leave the written note


@pytest.mark.parametrize("mark", ["!{}!", "+{}+"])
@pytest.mark.parametrize(
    "name",
    ["trill", "roll", "staccato", "fermata", "breath", "arpeggio", "mordent", "turn", "slide", "4", "<(", "plus"],
)  # fmt: skip
def test_decorations_in_either_form_leave_the_note(mark, name):
    score = parse_abc_tune(f"X:1\nM:4/4\nL:1/4\nK:C\n{mark.format(name)}G A {mark.format(name)}B c|\n")
    assert notes(score) == [(0, 1, 67), (1, 1, 69), (2, 1, 71), (3, 1, 72)]


@pytest.mark.parametrize("meaning", ["!trill!", "+roll+", "!staccato!", "trill", '"^words"', "!f!"])
@pytest.mark.parametrize("letter", list("HLMOPSTuvW~."))
def test_redefined_letters_leave_the_note(letter, meaning):
    score = parse_abc_tune(f"X:1\nM:4/4\nL:1/4\nU:{letter}={meaning}\nK:C\n{letter}G A {letter}B c|\n")
    assert notes(score) == [(0, 1, 67), (1, 1, 69), (2, 1, 71), (3, 1, 72)]


def test_decorations_of_the_shared_inputs(fault):
    assert notes(parse_abc_tune(fault("b05_plusdeco"))) == [
        (4 * bar + beat, 1, pitch) for bar in range(8) for beat, pitch in enumerate([67, 69, 71, 72])
    ]
    assert len(notes(parse_abc_tune(fault("b06_U")))) == 8


# Tempos


def test_the_tempo_at_the_repeat_holds_for_the_second_pass(fault):
    assert grid(parse_abc_tune(fault("b03_trep")))[2] == [(0, 120), (8, 60)]


@pytest.mark.parametrize(
    ("music", "tempos"),
    [
        ("|:[Q:1/4=90]CDEF|[Q:1/4=60]cBAG:|", [(0, 90), (4, 60), (8, 90), (12, 60)]),
        ("|:CDEF|1 [Q:1/4=60]cBAG:|2 GABc|", [(0, 120), (4, 60)]),
        ("C4|D4!D.C.!|[Q:1/4=70]E4|", [(0, 120), (16, 70)]),
        ("C2 [Q:1/8=90]D2|", [(0, 120), (2, 45)]),
        ("V:1\nC4|D4|\nV:2\nz2 [Q:1/4=60]z2|E4|", [(0, 120), (2, 60)]),
    ],
)
def test_tempos_through_repeats_and_voices(music, tempos):
    assert grid(parse_abc_tune(f"X:1\nM:4/4\nL:1/4\nQ:1/4=120\nK:C\n{music}\n"))[2] == tempos


def test_a_tempo_in_any_voice_is_for_all(fault):
    assert grid(parse_abc_tune(fault("a06_tempoV2")))[2] == [(0, 120), (4, 60)]


@pytest.mark.parametrize(
    ("field", "tempo"),
    [
        ("1/4=120", 120), ("3/8=100", 150), ("1/2=50.5", 101), ("1/4 3/8 1/4=40", 140), ('"Allegro" 1/4=77', 77),
        ('1/4=77 "Allegro"', 77), ("88", 88), ("C=60", 30), ("C3=40", 60), ("1/4 = 90", 90), ('"Allegro"', 120),
    ],
)  # fmt: skip
def test_forms_of_tempo(field, tempo):
    assert grid(parse_abc_tune(f"X:1\nM:6/8\nL:1/8\nQ:{field}\nK:C\nCDEFGA|\n"))[2] == [(0, tempo)]


# Directives for accompaniment


@pytest.mark.parametrize(
    "directives",
    [
        "%%MIDI drumon\n%%MIDI drum dddd 76 77 77 77 50 50 50 50",
        "%%MIDI drum dzdz 35 38\n%%MIDI drumon\n%%MIDI gchordon",
        "%%MIDI droneon",
        "%%MIDI gchord fzczfzcz\n%%MIDI chordprog 24\n%%MIDI bassprog 32",
    ],
)
def test_accompaniment_is_not_written_and_counted(directives):
    piece = read_abc_tune(f'X:1\nM:4/4\nL:1/4\n{directives}\nK:C\n"C"CDEF|GABc|\n')
    assert pitches(piece.score) == [60, 62, 64, 65, 67, 69, 71, 72]
    assert piece.left_out == {"accompaniment": len(directives.split("\n"))}


def test_drums_in_the_header_of_the_shared_input(fault):
    assert len(notes(parse_abc_tune(fault("b07_drumon_hdr")))) == 8


# Repeats, parts and jumps

ORDERS = {
    "|:: C ::|": "CCC",
    "|:: C :|": "CCC",
    "|: C ::|": "CCC",
    "|::: C :::|": "CCCC",
    "C | D :|": "CDCD",
    "C :| D :|": "CCDD",
    "C || D :|": "CDD",
    "|: C || D :|": "CDCD",
    "|: C [|]:|": "CC",
    "C :: D [|] :|": "CCDD",
    "C | D [|] E :|": "CDECDE",
    "C :: D || E :| F || A :|": "CCDEDEFAA",
    "C |] D :|": "CDD",
    "|: C :: D :|": "CCDD",
    "|: C :||: D :|": "CCDD",
    "|: C :|: D :|": "CCDD",
    "|: C |1 D :|2 E |]": "CDCE",
    "|: C |1 D :| E |": "CDCE",
    "|: C |[1 D :|[2 E || F |]": "CDCEF",
    "|: C |1,3 D :|2 E :|4 F |]": "CDCECDCF",
    "|: C |1-3 D :|4 E |]": "CDCDCDCE",
    "|: C |1 D | E :|2 F | G || A :|": "CDECFGAA",
    "|: C | D !fine! | E | F !D.C.! |": "CDEFCD",
    "C | !fine! D | E | !D.C.alfine! F |]": "CDEFCD",
    "C | D !fine! | E | F !dacapo! |": "CDEFCD",
    "C | !segno! D | E !fine! | F !D.S.! |": "CDEFDE",
    "C | S D | E !fine! | F !D.S. al fine! |": "CDEFDE",
    "C | D !coda! | E !D.C. al coda! | !coda! F |": "CDECDF",
    "C | D !dacoda! | E !D.C.! | !coda! F |": "CDECDF",
    "!segno! C | D !coda! | E !D.S.alcoda! |] !coda! F | G |": "CDECDFG",
    "U:S=!D.C.!\nC | D !fine! | S E |": "CDECD",
    "C & c | D |": "CcD",
}  # fmt: skip


@pytest.mark.parametrize(("music", "order"), ORDERS.items(), ids=ORDERS.keys())
def test_the_order_of_playing(music, order):
    header, _, body = music.rpartition("\n")
    score = parse_abc_tune(f"X:1\nM:1/4\nL:1/4\n{header}\nK:C\n{body}\n")
    names = dict(zip([60, 62, 64, 65, 67, 69, 71, 72], "CDEFGABc", strict=True))
    assert "".join(names[pitch] for pitch in pitches(score)) == order


@pytest.mark.parametrize(
    ("parts", "order"),
    [
        ("AB", "CCDE"), ("ABA", "CCDECC"), ("(AB)2", "CCDECCDE"), ("A2B", "CCCCDE"), ("B(A2B)2", "DECCCCDECCCCDE"),
        ("A.X.B", "CCDE"), ("", "CCDE"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("body", ["P:A\n|: C :|\nP:B\nD | E |\n", "[P:A] |: C :| [P:B] D | E |\n"])
def test_parts_are_played_in_the_order_of_the_header(parts, order, body):
    header = f"P:{parts}\n" if parts else ""
    score = parse_abc_tune(f"X:1\nM:1/4\nL:1/4\n{header}K:C\n{body}")
    assert "".join("CDE"[(60, 62, 64).index(pitch)] for pitch in pitches(score)) == order


def test_repeats_of_the_shared_inputs(fault):
    assert pitches(parse_abc_tune(fault("a03_r6"))) == [60, 62, 64, 65] * 3
    assert pitches(parse_abc_tune(fault("a03_r12"))) == [60, 62, 64, 65, 60, 62]


def test_repeats_of_one_voice_hold_for_all():
    score = parse_abc_tune("X:1\nM:2/4\nL:1/4\nK:C\nV:1\n|:CD:|EF|\nV:2\nC,2|E,2|\n")
    assert [note[2] for note in notes(score)] == [60, 48, 62, 60, 48, 62, 64, 52, 65]


# Books


def test_a_tune_that_cannot_be_used_is_named(shared_data):
    path = shared_data("faults") / "book.abc"
    reading = read_abc_pieces(path.read_bytes(), path)
    assert [(piece.number, piece.title) for piece in reading.pieces] == [("1", "One"), ("3", "Three")]
    (skipped,) = reading.skipped
    assert skipped.refusal is Refusal.UNREADABLE
    assert "tune 2 (Two (no key)): expected an ABC tune with a key" in str(skipped)


def test_a_piece_says_what_the_tune_says():
    piece = read_abc_tune("X:12\nT:One % tune\nT:Two\nC:Anna B.\nM:4/4\nL:1/4\nK:Ador\nA4|\n")
    assert (piece.number, piece.title, piece.composer, piece.key) == ("12", "One", "Anna B.", "Ador")


# What cannot be read is refused


@pytest.mark.parametrize(
    ("tune", "refusal"),
    [
        ("K:H\nC|", Refusal.UNREADABLE),
        ("K:C\nC0|", Refusal.UNREADABLE),
        ("K:C\nC/0|", Refusal.UNREADABLE),
        ("K:C\nC99999999999999999999|", Refusal.UNREADABLE),
        ("K:C\n(200CDE|", Refusal.UNREADABLE),
        ("K:C\nC,,,,,,,|", Refusal.PITCH_OUT_OF_RANGE),
        ("K:C\nz4|", Refusal.NO_NOTES),
        ("M:4/4", Refusal.UNREADABLE),
        ("K:C\nCDEF\0|", Refusal.UNREADABLE),
        ("P:((((A9)9)9)9)9\nK:C\nP:A\nC|", Refusal.TOO_LONG),
        ("K:C\nZ99999999|C|", Refusal.TOO_LONG),
        ("K:C\n" + "".join(f"V:{number}\nC|\n" for number in range(600)), Refusal.TOO_MANY_VOICES),
    ],
)
def test_what_is_no_music_is_refused_by_name(tune, refusal):
    with pytest.raises(ScoreError) as caught:
        parse_abc_tune(f"X:1\nL:1/4\n{tune}\n")
    assert caught.value.refusal is refusal
