"""Runs that see every training block once, measured so that they can be compared."""
