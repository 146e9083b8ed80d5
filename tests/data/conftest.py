"""Folders of small made-up pieces, and a real processor built from such."""

import pytest
from made_up_music import melody_score, random_melody

from symbolic_music.score.midi.io import write_midi


@pytest.fixture
def midi_folder(tmp_path):
    """A function that fills a folder with MIDI files of random melodies."""

    def fill(count, name="music", first_seed=0):
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        for seed in range(first_seed, first_seed + count):
            write_midi(melody_score(random_melody(seed)), folder / f"piece{seed:04d}.mid")
        return folder

    return fill


@pytest.fixture(scope="session")
def processor():
    from symbolic_music.tokenization.build import build_remi_tokenizer

    return build_remi_tokenizer([melody_score(random_melody(seed)) for seed in range(4)], vocab_size=1600)
