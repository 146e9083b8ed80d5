"""Codecs that write voices of one chord at a time, on a grid: note-level ABC and track text."""
