"""How music is judged: pure functions over Scores."""
