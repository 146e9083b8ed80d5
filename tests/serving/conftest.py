"""One server for all tests of this folder: a tiny model that composes and one that fills in."""

import pytest

pytest.importorskip("starlette", reason="starlette is not installed (pip extra 'serve')")
pytest.importorskip("uvicorn", reason="uvicorn is not installed (pip extra 'serve')")
pytest.importorskip("onnxruntime", reason="onnxruntime is not installed (pip extra 'fast')")


@pytest.fixture(scope="session")
def model_folders(tmp_path_factory):
    from tiny_model import save_checkpoint, tiny_bart

    from symbolic_music.tokenization.build import save_processor

    root = tmp_path_factory.mktemp("served")
    composer = save_checkpoint(root / "composer")
    model, processor = tiny_bart()
    model.save_pretrained(root / "filler")
    save_processor(processor, root / "filler")
    return [composer, root / "filler"]


@pytest.fixture(scope="session")
def server(model_folders):
    from live_server import LiveServer

    from symbolic_music.serving.limits import ServerLimits

    running = LiveServer(model_folders, ServerLimits(body_seconds=1.0))
    yield running
    running.close()


@pytest.fixture(scope="session")
def tune():
    """A melody of four bars in the tiny filler's range, as the bytes of a MIDI file."""
    from made_up_music import melody_score

    from symbolic_music.score.midi.io import midi_bytes

    return midi_bytes(melody_score([60 + step % 6 for step in range(32)]))
