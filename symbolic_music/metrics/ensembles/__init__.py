"""Which instruments pieces are for."""
