"""What written scores share, whatever their format: signs of repetition, bars, ties, grace notes, ticks."""
