"""What is asked for as automata, one file for each thing or for a few that are alike."""
