"""A Score as a sequence of named events, and the grammars of those sequences. Knows nothing of ids."""
