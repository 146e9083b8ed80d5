"""How a finished dataset presents itself: its card, its picture, whom it names. Knows nothing of files of music."""
