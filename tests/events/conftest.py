"""Tests in the sub-rooms find the helpers that lie here."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))
