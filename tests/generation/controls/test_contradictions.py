"""What cannot be had is refused before a model is loaded or a token drawn: one line, exit code 2, within a second."""

import argparse
import subprocess
import sys
import time

import pytest

from symbolic_music.cli.controls import add_controls, read_controls
from symbolic_music.cli.shared import UserError
from symbolic_music.events.controls.asked import ControlError
from symbolic_music.events.controls.compiled import controlled, settle
from symbolic_music.events.remi.codec import RemiCodec
from symbolic_music.events.voices.abc_notes import AbcNotesCodec
from symbolic_music.events.voices.track_text import TrackTextCodec, TrackTextSettings

CODECS = {
    "remi": RemiCodec(),
    "abc": AbcNotesCodec(),
    "tracks": TrackTextCodec(TrackTextSettings(max_bars=8, max_tracks=4)),
}
# (flags, codec, what the line says)
REFUSED = [
    ("--meter 4/4 --ask waltz", "remi", "both say the meter"),
    ("--ask slow,fast", "remi", "'slow' and 'fast' clash"),
    ("--key H", "remi", "the key is 'H'"),
    ("--key G#", "remi", "more than seven sharps"),
    ("--meter 3/5", "remi", "the meter is 3/5"),
    ("--meter 4/2 --chords A|B|C|D --bars 3", "abc", "3 bars and chords A | B | C | D clash"),
    ("--bpm fast", "remi", "the tempo is 'fast'"),
    ("--bpm 100-80", "remi", "the slower one first"),
    ("--bpm 2000", "remi", "this model has 16 to 600"),
    ("--bpm 96.1-96.2", "remi", "none within, the nearest is 96"),
    ("--instruments Theremin", "remi", "unknown instrument 'Theremin'"),
    ("--instruments Violin,Violin", "remi", "Violin is asked for twice"),
    ("--instruments 0,1,2,3,4", "tracks", "5 instruments are asked for; this model has at most 4"),
    ("--instruments Violin --with-instruments Flute", "remi", "Flute is not among the first"),
    ("--instruments Drums --key C", "remi", "drums have no pitch"),
    ("--instruments Drums --chords C", "remi", "drums have no pitch"),
    ("--range C5-C4", "remi", "the lower pitch first"),
    ("--range Violin:G9-B9", "abc", "outside of 0 to 127"),
    ("--range Violin:G3-E6 --instruments Cello", "remi", "Violin does not play"),
    ("--range C4-D4,E4-F4", "remi", "two ranges of all"),
    ("--range C#4-C#4 --key C", "remi", "no pitch is left"),
    ("--bpm 90 --ask presto", "abc", "--ask and a flag clash: both say the tempo"),
    ("--chords C|X", "remi", "'X' in bar 2 is no chord symbol"),
    ("--chords C||F", "remi", "bar 2 of the chords has none"),
    ("--chords F# --key C --range F#4-A#4", "remi", "no note of F# belongs to C"),
    ("--chords A,B,C,D,E --meter 3/4", "remi", "cannot be shared by 5 chords"),
    ("--ending", "remi", "an ending that closes needs a key"),
    ("--ending --key C --chords C|F|D", "remi", "the tonic of C belongs to no chord of the last bar, D"),
    ("--ending --key C --range D4-B4", "abc", "no tonic of C lies within"),
    ("--density 8-4", "remi", "fewest first"),
    ("--density 0-1 --bars 2 --instruments 0,40,42", "remi", "not all of them would play a note"),
    ("--bars 9 --density 1-4", "tracks", "at most 8"),
    ("--bars 0 --key C", "abc", "expected 1 or more"),
    ("--density 7-9 --range C4-C4 --instruments Violin --meter 1/16", "abc", "no piece "),
    ("--bass-on-root", "remi", "the bass on the root needs chords"),
    ("--bass-on-root --chords C|Eb --key F", "abc", "the bass on the root and key F clash: the bass of Eb"),
    ("--bass-on-root --chords C,F --density 0-1", "abc", "a bar has 2 chords"),
    ("--bass-on-root --chords C|F --range D4-B4", "remi", "no bass of C lies within"),
    ("--bass-on-root --chords C --instruments Drums", "remi", "drums have no pitch"),
    ("--bass-on-root --chords C|F", "tracks", "needs instruments with this model"),
    ("--bass-on-root --chords C|F --instruments 0,40 --range 40:C4-C6", "tracks", "the bass on the root"),
    ("--max-repeats -1", "remi", "at most -1 repeats are asked for; expected 0 to 31"),
    ("--max-repeats 0 --bars 3 --density 0-0", "abc", "most at least 1"),
    ("--max-repeats 0 --bars 3 --density 1-1 --range C4-C4 --instruments 0", "remi", "at most 0 repeats of a bar"),
    ("--polyphony 0-2", "remi", "expected 1 or more, fewest first"),
    ("--polyphony 4-2", "abc", "the polyphony of all is 4-2"),
    ("--polyphony 0:1,0:2", "remi", "two polyphony of"),
    ("--polyphony Violin:1-2 --instruments Cello", "remi", "Violin does not play"),
    ("--polyphony many", "remi", "the polyphony is 'many'"),
    ("--polyphony 4 --range C4-D4 --key C", "abc", "2 pitches are left"),
    ("--polyphony 5 --density 1-4 --instruments 0", "remi", "a chord alone has more notes"),
    ("--ask monophonic --polyphony 2", "remi", "both say the polyphony"),
    ("--playable --range C4-C5", "remi", "both say the ranges"),
]


def controls_of(flags):
    parser = argparse.ArgumentParser()
    parser.add_argument("--bars", type=int)
    add_controls(parser)
    given = [word.replace(",", " ") if flag in ("--ask", "--chords") else word for flag, word in _pairs(flags)]
    options = parser.parse_args(given)
    return read_controls(options, options.bars)


def _pairs(flags):
    flag = ""
    for word in flags.split():
        yield flag, word
        flag = word


@pytest.mark.parametrize(("flags", "codec", "complaint"), REFUSED, ids=[flags for flags, _, _ in REFUSED])
def test_what_cannot_be_had_is_refused_in_one_line(flags, codec, complaint):
    CODECS[codec].grammar()
    started = time.thread_time()
    with pytest.raises((UserError, ControlError)) as refusal:
        controlled(CODECS[codec], settle(CODECS[codec], controls_of(flags)))
    assert complaint in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert time.thread_time() - started < 6  # of its own: a second is aimed at; machines that test are slow


def test_the_command_says_it_on_one_line_with_exit_code_2(tmp_path):
    command = [sys.executable, "-m", "symbolic_music", "generate", "--output-dir", str(tmp_path / "out")]
    refused = subprocess.run(
        [*command, "--chords", "F#", "--key", "C", "--range", "C4-B4"], capture_output=True, text=True
    )
    assert refused.returncode == 2
    assert refused.stderr.count("\n") == 1
    assert "key C and chords F# clash: no note of F# belongs to C" in refused.stderr
    assert not (tmp_path / "out").exists()
