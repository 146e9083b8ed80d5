"""Sequences written by a model: what is asked, who writes it, and what is heard of it meanwhile."""
