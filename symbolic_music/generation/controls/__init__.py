"""What a model can be asked for, and how people say it."""
