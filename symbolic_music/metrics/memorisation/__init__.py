"""What a piece copies of training pieces."""
