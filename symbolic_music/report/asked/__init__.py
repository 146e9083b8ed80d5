"""Whether pieces are what was asked for, and what asking costs."""
