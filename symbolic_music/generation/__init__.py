"""Sampling music from a model under its grammar. Knows nothing of training."""
