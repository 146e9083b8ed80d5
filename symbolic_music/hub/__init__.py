"""What a Hub repository holds: cards, the folders that are published, their checks and their upload."""
