import pytest


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory):
    """`dataset/` and `tokenizer/` of tiny_run."""
    import tiny_run

    return tiny_run.build(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="session")
def processor(tiny_folder):
    from symbolic_music.tokenization.processing_music import MusicProcessor

    return MusicProcessor.from_pretrained(tiny_folder / "tokenizer")
