"""A page to play with models: its files, and what brings models into it."""

from pathlib import Path

PAGE = Path(__file__).parent / "static"
"""The page's folder; any server may show it."""
