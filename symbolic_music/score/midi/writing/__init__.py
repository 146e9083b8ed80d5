"""Score -> a MIDI file."""
