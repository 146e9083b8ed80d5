"""What can be asked of a model over HTTP: one table, of which forms, checks and documents are made."""
