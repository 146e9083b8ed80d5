"""MusicXML files to Scores."""
