"""Metrics of one Score, by what they look at."""
