"""Adapters, rows for music in a text model's vocabulary, and ways to teach a text model music."""
