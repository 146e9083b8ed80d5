"""Files to leak-free Parquet datasets, and datasets to blocks of ids. Knows nothing of models."""
