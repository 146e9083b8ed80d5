"""What a Hub repository holds: cards and the folders that are published."""
