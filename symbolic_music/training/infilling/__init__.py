"""Training a model to fill masked bars: examples, Trainer, and what its fills are like."""
