"""Metrics that hear several voices together: dissonance, chord tones, and the key."""
