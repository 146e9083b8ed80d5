"""Our names and their meaning are MidiTok's, for any settings; neither MidiTok nor torch is needed to have them."""

import subprocess
import sys

import numpy as np
import pytest

from symbolic_music.events.remi.codec import RemiCodec, RemiSettings

SETTINGS = {
    "as they are": {},
    "of the first edition": {
        "edition": 1,
        "long_meters": (),
        "num_tempos": 41,
        "tempo_range": (40, 240),
        "max_beats_per_bar": 12,
    },
    "few": {"num_velocities": 8, "beat_units": (4, 8), "long_meters": ("15/8",), "max_beats_per_bar": 6},
    "coarse": {"beat_resolution": ((0, 2, 12), (2, 8, 3)), "tempo_range": (60, 180)},
}


@pytest.mark.parametrize("name", SETTINGS)
def test_names_and_ticks_are_miditoks(name):
    settings = RemiSettings(**SETTINGS[name])
    codec = RemiCodec(settings)
    theirs = codec.midi_tokenizer
    ids = theirs._vocab_base
    assert codec.events == sorted(ids, key=ids.__getitem__)[3:]
    grid = codec._grid
    assert grid.ticks_per_quarter == theirs.time_division
    assert grid.meters == frozenset(theirs.time_signatures)
    assert np.array_equal(grid.velocities, theirs.velocities)
    for unit, ticks in theirs._tpb_per_ts.items():
        assert np.array_equal(grid.durations[unit], theirs._tpb_to_time_array[ticks])
        assert grid.steps[unit] * settings.positions_per_beat == ticks


def test_a_piece_is_written_and_read_without_torch():
    code = (
        "import sys\n"
        "from symusic.core import NoteTick, ScoreTick, TrackTick\n"
        "from symbolic_music.events.remi.codec import RemiCodec\n"
        "score = ScoreTick(480)\n"
        "score.tracks.append(TrackTick())\n"
        "score.tracks[0].notes.append(NoteTick(0, 480, 60, 80))\n"
        "codec = RemiCodec()\n"
        "assert codec.decode(codec.encode(score)).note_num() == 1\n"
        "print(*[name for name in ('torch', 'transformers', 'miditok') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
