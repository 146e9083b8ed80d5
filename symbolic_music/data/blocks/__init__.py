"""Datasets to blocks of ids and batches. Knows nothing of where pieces come from."""
