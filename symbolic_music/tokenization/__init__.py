"""Event names to ids and back. Knows nothing of models."""
