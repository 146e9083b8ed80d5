"""Wishes as automata over events: what a piece is asked to be, in the contract of the grammar's own automata."""
