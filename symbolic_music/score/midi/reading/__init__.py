"""A MIDI file -> Score."""
