"""How well a model predicts and continues held-out pieces: figures, by bar and by source."""
