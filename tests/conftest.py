"""Fixtures that every test folder may use."""

import os
from pathlib import Path

import pytest

SHARED_DATA_VARIABLE = "SYMBOLIC_MUSIC_SHARED_DATA"


@pytest.fixture(scope="session")
def shared_data():
    """A function from a subpath to a folder of real music; a test is skipped, with the reason, where it is absent.

    The music is not part of the repository: it lies where SYMBOLIC_MUSIC_SHARED_DATA says, or beside the checkout in
    shared/data.
    """
    beside = Path(__file__).parents[2] / "shared" / "data"
    root = Path(os.environ.get(SHARED_DATA_VARIABLE, beside))

    def find(subpath: str) -> Path:
        folder = root / subpath
        if not folder.exists():
            pytest.skip(f"{folder} does not exist; set {SHARED_DATA_VARIABLE} to a folder that holds {subpath}")
        return folder

    return find


@pytest.fixture(scope="session")
def ten_tunes(tmp_path_factory) -> Path:
    """A folder of ten folk tunes as MIDI files, from music21's tune books."""
    from symbolic_music.data.sources.named.packaged import music21_corpus_folder
    from symbolic_music.score.abc.io import read_abc
    from symbolic_music.score.midi.io import write_midi

    folder = tmp_path_factory.mktemp("ten_tunes")
    books = sorted((music21_corpus_folder() / "oneills1850").glob("*.abc"))
    tunes = [tune for book in books[:3] for tune in read_abc(book)]
    for number, tune in enumerate(tunes[:10]):
        write_midi(tune, folder / f"tune_{number}.mid")
    return folder


@pytest.fixture(scope="session")
def loopback_hub():
    """A Hugging Face Hub on the loopback interface, one for all tests of a process."""
    from loopback_hub.server import LoopbackHub

    with LoopbackHub() as hub:
        yield hub
