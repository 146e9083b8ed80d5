"""What a model is worth, measured and shown: one command for any model, one table for many."""
