"""A Score as notation: what stands where on paper, for the writers of notation."""
