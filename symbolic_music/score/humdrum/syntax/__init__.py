"""What the lines and tokens of a Humdrum file say, before anything is put in time."""
