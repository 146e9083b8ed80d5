"""Shapes of ABC one by one, each with the notes that it must give."""

from fractions import Fraction

import pytest

from symbolic_music.score.abc.io import iter_abc_tunes, parse_abc_tune, read_abc_tune
from symbolic_music.score.errors import ScoreError

HEAD = "X:1\nM:4/4\nL:1/4\n"


def notes(text):
    score = parse_abc_tune(text)
    quarter = score.ticks_per_quarter
    return sorted(
        (Fraction(note.time, quarter), Fraction(note.duration, quarter), note.pitch)
        for track in score.tracks
        for note in track.notes
    )


def line(*sounds):
    """Notes one after the other, as (duration, pitch), in a bar of 4/4 that they fill."""
    found, at = [], Fraction(0)
    for duration, pitch in sounds:
        found.append((at, Fraction(duration), pitch))
        at += Fraction(duration)
    return found


SHAPES = {
    "C/D//E3/2F/4G3/4 z|": line(("1/2", 60), ("1/4", 62), ("3/2", 64), ("1/4", 65), ("3/4", 67)),
    "C,,C,Cc|c'c''C,'c,|": [(n, 1, pitch) for n, pitch in enumerate([36, 48, 60, 72, 84, 96, 60, 60])],
    "(7CDEFGABz2|": line(*[(Fraction(2, 7), pitch) for pitch in (60, 62, 64, 65, 67, 69, 71)]),
    "(5:4:3CDE z2|": line(("4/5", 60), ("4/5", 62), ("4/5", 64)),
    "(3[CE][DF]z C2|": [(0, Fraction(2, 3), 60), (0, Fraction(2, 3), 64), (Fraction(2, 3), Fraction(2, 3), 62),
                        (Fraction(2, 3), Fraction(2, 3), 65), (2, 2, 60)],
    "A>B/c/ d z|": line((1, 69), ("1/2", 71), ("1/2", 72), (1, 74)),
    "(3A>BcA>B2|": line(*[(Fraction(n, 6), p) for n, p in ((6, 69), (2, 71), (4, 72))], (1, 69), (2, 71)),
    "A>B>c z|": line(("3/2", 69), ("1/2", 71), (1, 72)),
    "[ce]<A c2|": [(0, Fraction(1, 2), 72), (0, Fraction(1, 2), 76), (Fraction(1, 2), Fraction(3, 2), 69), (2, 2, 72)],
    "z3A>|B c2z|": [(3, Fraction(3, 2), 69), (Fraction(9, 2), Fraction(1, 2), 71), (5, 2, 72)],
    "|:C4-|1 C4:|2 C2D2|]": [(0, 8, 60), (8, 6, 60), (14, 2, 62)],
    "|:C4-|1 D4:|2 C2D2|]": [(0, 4, 60), (4, 4, 62), (8, 6, 60), (14, 2, 62)],
    "|:C4-|[1 C4:|[2 z2C2|]": [(0, 8, 60), (8, 4, 60), (14, 2, 60)],
    "|:C4|\\\n1 D4:|2 E4|]": [(4 * n, 4, pitch) for n, pitch in enumerate([60, 62, 60, 64])],
    "A>{g}B c<d|": line(("3/2", 69), ("1/2", 71), ("1/2", 72), ("3/2", 74)),
    "[C2E2G2]/ z3|": [(0, 1, 60), (0, 1, 64), (0, 1, 67)],
    "[C2E4G]D G|": [(0, 1, 67), (0, 2, 60), (0, 4, 64), (2, 1, 62), (3, 1, 67)],
    "[CE]-[CG] z2|": [(0, 1, 64), (0, 2, 60), (1, 1, 67)],
    "[C-E]C z2|": [(0, 1, 64), (0, 2, 60)],
    "C - C z2|": [(0, 2, 60)],
    "^F4-|F4|F4|": [(0, 8, 66), (8, 4, 65)],
    "C4-|D4-|z4|": [(0, 4, 60), (4, 4, 62)],
    "^C c C, =C|C4|": [(0, 1, 61), (1, 1, 73), (2, 1, 49), (3, 1, 60), (4, 4, 60)],
    "{^c}d c {/^g}g z|": line((1, 74), (1, 72), (1, 79)),
    "C4&E2G2|": [(0, 2, 64), (0, 4, 60), (2, 2, 67)],
    "^C4&C4|": [(0, 4, 60), (0, 4, 61)],
    "CD(&EF|G4&e f|g4&)|A4|": [(0, 1, 60), (1, 1, 62), (2, 1, 64), (2, 1, 76), (3, 1, 65), (3, 1, 77), (4, 4, 67),
                                (4, 4, 79), (8, 4, 69)],
    "Z|C4|X2|D4|": [(4, 4, 60), (16, 4, 62)],
    "C y D y2 E F|": line((1, 60), (1, 62), (1, 64), (1, 65)),
    "C\\\nD\nE$F|": line((1, 60), (1, 62), (1, 64), (1, 65)),
    "[L:1/8]CDEF [L:1/4]GA|": line(("1/2", 60), ("1/2", 62), ("1/2", 64), ("1/2", 65), (1, 67), (1, 69)),
    "[K:D]FC [K:F]B [K:C]B|": line((1, 66), (1, 61), (1, 70), (1, 71)),
    "[I:MIDI transpose -12]C D [I:MIDI transpose 0]E F|": line((1, 48), (1, 50), (1, 64), (1, 65)),
    "[K:octave=1]C [K:octave=0]D [K:treble-8]E [K:treble]F|": line((1, 72), (1, 62), (1, 52), (1, 65)),
    "+CEG+ +f+ D z2|": [(0, 1, 60), (0, 1, 64), (0, 1, 67), (1, 1, 62)],
    "CDEF [|] GABc [| cBAG |]": [(n, 1, p) for n, p in enumerate([60, 62, 64, 65, 67, 69, 71, 72, 72, 71, 69, 67])],
    "=20C =3DF D=\n E|": line((1, 60), (1, 65), (1, 62), (1, 64)),
}  # fmt: skip


@pytest.mark.parametrize(("music", "expected"), SHAPES.items(), ids=SHAPES.keys())
def test_shapes_of_music(music, expected):
    assert notes(f"{HEAD}K:C\n{music}\n") == expected


@pytest.mark.parametrize(
    ("fields", "music", "pitches"),
    [
        ("m: ~G2 = {A}GF\n", "~G2 G2|", [67, 65, 67]),
        ("m: ~n2 = nmn/o/\n", "~G2 ~c2|", [67, 65, 67, 69, 72, 71, 72, 74]),
        ("m: !r!n = n/n/\n", "!r!A, B2|", [57, 57, 71]),
        ("K:C clef=treble-8\n", "C4|", [48]),
        ("K:C treble+8\n", "C4|", [72]),
        ("K:Dmix=c\n", "FC2z|", [66, 60]),
        ("K:D=c clef=treble-8\n", "FC2z|", [54, 48]),
        ("K:Bb transpose=-2\n", "C4|", [58]),
        ("K:C shift=CD\n", "C4|", [62]),
        ("%%MIDI transpose 5\n", "C4|", [65]),
        ("V:1 octave=-1\n", "V:1\nC4|", [48]),
        ('V:1   clef=bass-8   name="Bass"\n', "V:1\nC4|", [48]),
        ("L:1/8\n+: ignored\n", "C8|", [60]),
    ],
)
def test_fields_that_change_what_sounds(fields, music, pitches):
    text = f"{HEAD}{fields}" + ("" if "K:" in fields else "K:C\n") + music + "\n"
    assert [pitch for *_, pitch in notes(text)] == pitches


def test_instruments_are_tracks():
    tune = (
        HEAD + '%%MIDI program 40\nV:1 name="Lead"\n%%MIDI program 41\nV:2\nV:3\n%%MIDI channel 10\nK:C\n'
        "V:1\nC2[I:MIDI program 73]D2|\nV:2\nE4|\nV:3\nC,4|\n"
    )
    tracks = [(track.name, track.program, track.is_drum) for track in parse_abc_tune(tune).tracks]
    assert tracks == [("Lead", 41, False), ("Lead", 73, False), ("", 40, False), ("", 0, True)]


def test_dynamics_and_beats_are_velocities():
    score = parse_abc_tune(f"{HEAD}K:C\nCDEF|!p!CDEF|!fff!C3D|\n")
    velocities = [note.velocity for note in score.tracks[0].notes]
    assert velocities == [105, 80, 95, 80, 60, 50, 50, 50, 127, 125]


def test_signs_for_the_line_before():
    piece = read_abc_tune(f'{HEAD}K:C\nCDEF|G2A2|\ns:"C" * "^words" !f! | "G7"\n')
    assert [(chord.onset, chord.text) for chord in piece.chords] == [(0, "C"), (4, "G7")]


@pytest.mark.parametrize("folder", ["bad/abc", pytest.param("abc/open_hymnal", marks=pytest.mark.slow)])
def test_real_books_are_read_or_refused_by_name(shared_data, folder):
    outcomes = []
    for path in sorted(shared_data(folder).rglob("*.abc")):
        if path.stem in ("abcm2ps_bravura", "abcm2ps_free", "abcm2ps_glyphs"):  # settings and text without a tune
            with pytest.raises(ScoreError, match="not_music"):
                list(iter_abc_tunes(path))
        else:
            outcomes += [outcome for _, outcome in iter_abc_tunes(path)]
    refused = [str(outcome) for outcome in outcomes if isinstance(outcome, ScoreError)]
    assert all("no_notes" in reason for reason in refused)
    assert len(refused) <= 5
    assert len(outcomes) > 100
