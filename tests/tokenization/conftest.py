import pytest


@pytest.fixture(scope="session")
def processor():
    import tiny_model

    return tiny_model.tiny_processor()
