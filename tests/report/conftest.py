import sys
from pathlib import Path

TESTS = Path(__file__).parents[1]
sys.path.extend([str(TESTS / folder) for folder in ("data", "events", "generation", "training")])
