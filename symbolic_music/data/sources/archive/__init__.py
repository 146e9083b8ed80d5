"""The members of .zip and .tar archives, one after the other. Knows nothing of music."""
