"""Training a model on packed blocks and evaluating it on a split."""
