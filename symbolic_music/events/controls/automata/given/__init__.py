"""What a file gives: notes that stay, a rhythm, or pitches, one after the other."""
