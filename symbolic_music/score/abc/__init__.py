"""ABC notation, in and out: tune books to Scores, Scores to tunes, and what other programs make of them."""
