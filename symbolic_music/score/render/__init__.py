"""A Score as sound and as pictures."""
