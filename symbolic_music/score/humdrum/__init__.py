"""Humdrum files with `**kern` spines to Scores."""
