"""The command that a card gives for its samples makes these samples."""

import json

import pytest

from symbolic_music.hub.cards.samples import read_samples
from symbolic_music.hub.errors import PublishError

SUMMARY = {
    "samples": [{"file": "sample_0000.mid"}],
    "prompt": None,
    "options": {"num_bars": 8, "temperature": 1.0, "top_p": 0.96, "seed": 3},
}
PLAIN = "--num-samples 1 --seed 3 --temperature 1 --top-p 0.96"


def samples_of(folder, **more):
    (folder / "sample_0000.mid").write_bytes(b"")
    (folder / "summary.json").write_text(json.dumps(SUMMARY | more))
    return read_samples(folder)


@pytest.mark.parametrize(
    ("controls", "flags"),
    [
        (None, ""),
        ({"bars": 8}, ""),
        ({"bars": 8, "max_repeats": 2}, " --max-repeats 2"),
        ({"key": "Dm", "ending": True}, " --key Dm --ending"),
    ],
)
def test_what_was_asked_is_in_the_command(tmp_path, controls, flags):
    assert samples_of(tmp_path, controls=controls).sampling_flags == PLAIN + flags


def test_what_no_flag_says_as_it_is_is_refused(tmp_path):
    with pytest.raises(PublishError, match="asked for chords cannot be shown"):
        _ = samples_of(tmp_path, controls={"bars": 8, "chords": [["C"]]}).sampling_flags
