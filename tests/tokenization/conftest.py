import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
sys.path.extend([str(TESTS / folder) for folder in ("data", "events", "generation")])


@pytest.fixture(scope="session")
def processor():
    import tiny_model

    return tiny_model.tiny_processor()
