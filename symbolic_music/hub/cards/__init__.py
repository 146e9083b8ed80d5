"""Cards: what the README.md of a model, an adapter or a training run says, from its figures."""
