"""An LSTM over token ids, whose state travels as a cache. The folder is copied to the Hub as it is."""
