"""What a study found, in words and pictures."""
