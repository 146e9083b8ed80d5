"""Corpora that are taken by name: from installed packages, or fetched from their publishers."""
