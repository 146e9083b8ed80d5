"""The music that a queue trains on: packed here, made into ids and batches there."""
