"""How well a model predicts, continues and samples, and where its pieces are looked up for copies."""
