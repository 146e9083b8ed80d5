import pytest


@pytest.fixture(scope="session")
def processor():
    import tiny_model

    return tiny_model.tiny_processor()


@pytest.fixture(scope="session")
def model(processor):
    import tiny_model

    return tiny_model.tiny_model(processor)


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory):
    import tiny_model

    return tiny_model.save_checkpoint(tmp_path_factory.mktemp("checkpoint"))
