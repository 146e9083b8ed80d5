"""What music is: files to Scores and back, sound, pictures, and reasons to refuse. Knows nothing of tokens."""
