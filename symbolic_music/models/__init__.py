"""Model families, one folder each, plus their registration. They know ids only, never what an id means."""
