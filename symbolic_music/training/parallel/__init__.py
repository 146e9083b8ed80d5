"""Training by several processes: weights that FSDP cuts into shards, and the end of the processes."""
