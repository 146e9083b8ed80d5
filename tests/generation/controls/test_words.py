"""Sixty ways to ask in words, and what each comes to; words that are not understood are named, never passed over."""

import pytest

from symbolic_music.events.controls.asked import EVERY, ControlError, Controls
from symbolic_music.generation.controls.words import understand

DRUMS = -1
# (words, controls, words that are not understood)
TABLE = [
    (
        "a slow waltz in D minor for violin and cello, 16 bars, sparse",
        {"tempo": (50, 76), "meter": "3/4", "key": "Dm", "instruments": (40, 42), "bars": 16, "density": (1, 8)},
        (),
    ),
    ("jig in G, 8 bars", {"meter": "6/8", "key": "G", "bars": 8}, ()),
    ("a reel in D", {"meter": "4/4", "key": "D"}, ()),
    ("two slow waltzes", {"tempo": (50, 76), "meter": "3/4"}, ("two",)),
    ("Write a march in Bb major at 112 bpm.", {"meter": "4/4", "key": "Bb", "tempo": 112.0}, ()),
    ("a minuet for harpsichord", {"meter": "3/4", "instruments": (6,)}, ()),
    ("an allegro in F sharp minor", {"tempo": (120, 168), "key": "F#m"}, ()),
    ("Adagio in c minor", {"tempo": (66, 76), "key": "Cm"}, ()),
    ("music in E flat major", {"key": "Eb"}, ()),
    ("music in E-flat major", {"key": "Eb"}, ()),
    ("a tune in the key of A", {"key": "A"}, ()),
    ("a tune in the key of F# minor", {"key": "F#m"}, ()),
    ("something in Am", {"key": "Am"}, ()),
    ("a song in 6/8 time", {"meter": "6/8"}, ()),
    ("a song in 5/4", {"meter": "5/4"}, ()),
    ("in common time, please", {"meter": "4/4"}, ()),
    ("in cut time", {"meter": "2/2"}, ()),
    ("sixteen bars", {"bars": 16}, ()),
    ("a 12-bar tune", {"bars": 12}, ()),
    ("8 measures long", {"bars": 8}, ()),
    ("between 80 and 100 bpm", {"tempo": (80.0, 100.0)}, ()),
    ("80-100 bpm", {"tempo": (80.0, 100.0)}, ()),
    ("at 96 beats per minute", {"tempo": 96.0}, ()),
    ("tempo 72", {"tempo": 72.0}, ()),
    ("very slow and very sparse", {"tempo": (40, 60), "density": (0, 4)}, ()),
    ("a fast, dense piece", {"tempo": (132, 180), "density": (12, 64)}, ()),
    ("a lively polka", {"tempo": (116, 150), "meter": "2/4"}, ()),
    ("presto", {"tempo": (168, 200)}, ()),
    ("4 to 8 notes per bar", {"density": (4, 8)}, ()),
    ("between two and six notes in each bar", {"density": (2, 6)}, ()),
    ("at most 5 notes per bar", {"density": (0, 5)}, ()),
    ("for piano", {"instruments": (0,)}, ()),
    ("for flute, viola and harp", {"instruments": (73, 41, 46)}, ()),
    ("for two violins, viola and cello", {"instruments": (40, 40, 41, 42)}, ()),
    ("for string quartet", {"instruments": (40, 40, 41, 42)}, ()),
    ("a piano trio in B minor", {"instruments": (0, 40, 42), "key": "Bm"}, ()),
    ("for electric piano, electric bass and drums", {"instruments": (4, 33, DRUMS)}, ()),
    ("with at least piano and drums", {"with_instruments": (0, DRUMS)}, ()),
    ("for alto saxophone and double bass", {"instruments": (65, 43)}, ()),
    ("for french horn", {"instruments": (60,)}, ()),
    ("for acoustic guitar (nylon)", {"instruments": (24,)}, ()),
    ("for fiddle and banjo", {"instruments": (110, 105)}, ()),
    ("for violin and cello, playable", {"instruments": (40, 42), "ranges": ((40, 55, 100), (42, 36, 81))}, ()),
    ("in C major that ends on the tonic", {"key": "C", "ending": True}, ()),
    ("in G major, ending on the tonic", {"key": "G", "ending": True}, ()),
    ("in G major with a clear ending", {"key": "G", "ending": True}, ()),
    ("with a final cadence in D minor", {"key": "Dm", "ending": True}, ()),
    ("chords C | Am | F G7 | C", {"chords": (("C",), ("Am",), ("F", "G7"), ("C",))}, ()),
    ("chords: Dm | A7 | % | Dm, slow", {"chords": (("Dm",), ("A7",), ("A7",), ("Dm",)), "tempo": (50, 76)}, ()),
    (
        "with the progression Am7 | D7 | Gmaj7 for piano",
        {"chords": (("Am7",), ("D7",), ("Gmaj7",)), "instruments": (0,)},
        (),
    ),
    (
        "in root position, chords C | F | G7 | C",
        {"bass_on_root": True, "chords": (("C",), ("F",), ("G7",), ("C",))},
        (),
    ),
    (
        "a waltz with the bass on the root and chords Am | E7",
        {"meter": "3/4", "bass_on_root": True, "chords": (("Am",), ("E7",))},
        (),
    ),
    ("a fast tune, no bar repeated", {"tempo": (132, 180), "max_repeats": 0}, ()),
    ("no bar is repeated more than twice in a row", {"max_repeats": 2}, ()),
    ("in G, without repeated bars more than 3 times", {"key": "G", "max_repeats": 3}, ()),
    ("at most one repeat of a bar", {"max_repeats": 1}, ()),
    ("a monophonic tune", {"polyphony": ((EVERY, 1, 1),)}, ()),
    (
        "for piano in chords of three to four notes, no drums",
        {"instruments": (0,), "polyphony": ((EVERY, 3, 4),)},
        ("no", "drums"),
    ),
    ("a sad tune", {}, ("sad",)),
    ("a purple waltz", {"meter": "3/4"}, ("purple",)),
    ("something like Bach in C major", {"key": "C"}, ("like", "Bach")),
    ("no drums", {}, ("no", "drums")),
    ("a waltz without piano for violin", {"meter": "3/4", "instruments": (40,)}, ("without", "piano")),
    ("not slow", {}, ("not", "slow")),
    ("a short tune", {}, ("short",)),
    ("a duet for flute and oboe", {"instruments": (73, 68)}, ("duet",)),
    ("a minor tune", {}, ("minor",)),
    ("", {}, ()),
]


def test_there_are_sixty():
    assert len(TABLE) >= 60


@pytest.mark.parametrize(("words", "controls", "unknown"), TABLE, ids=[words[:40] for words, _, _ in TABLE])
def test_words_come_to_controls(words, controls, unknown):
    understood = understand(words)
    assert understood.controls == Controls(**controls)
    assert understood.unknown == unknown
    assert set(understood.said) == set(controls)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ("a waltz in 4/4", "'in 4/4' and 'waltz' clash: both say the meter"),
        ("in C major and in D minor", "clash: both say the key"),
        ("8 bars, 16 bars", "'8 bars' and '16 bars' clash: both say the bars"),
        ("chords C | Cx9y | C", "'Cx9y' in bar 2 is no chord symbol"),
    ],
)
def test_what_contradicts_itself_is_refused(words, complaint):
    with pytest.raises(ControlError, match=complaint):
        understand(words)
