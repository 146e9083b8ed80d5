"""Scaling laws, their fit, and how sure one can be of them. Numbers only."""
