"""Work units to leak-free Parquet datasets, in worker processes. Knows nothing of ids."""
