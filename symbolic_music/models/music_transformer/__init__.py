"""A decoder-only Transformer over token ids, with a key/value cache. The folder is copied to the Hub as it is."""
