"""`**kern` files written in tests, and what a piece says, to hold against what was written."""

from fractions import Fraction
from pathlib import Path

from symbolic_music.score.humdrum.read import read_humdrum_pieces


def kern(*lines, spines=1, kinds=None):
    """A file from records whose tokens stand between bars ("4c|4e"), in `**kern` spines or those of other kinds."""
    kinds = kinds or ["**kern"] * spines
    head = "\t".join(kinds)
    tail = "\t".join(["*-"] * len(kinds))
    # A bar line's own bars are written with a broken bar.
    return "\n".join([head, *(line.replace("|", "\t").replace("¦", "|") for line in lines), tail]) + "\n"


def read(text, name="a.krn"):
    """The one piece of a file."""
    (piece,) = read_humdrum_pieces(text.encode() if isinstance(text, str) else text, Path(name)).pieces
    return piece


def notes(piece, track=None):
    """Onset and duration in quarters, and pitch, of every note, in order."""
    tracks = piece.score.tracks if track is None else [piece.score.tracks[track]]
    tpq = piece.score.ticks_per_quarter
    found = [note for each in tracks for note in each.notes]
    return sorted((Fraction(note.time, tpq), Fraction(note.duration, tpq), note.pitch) for note in found)


def melody(piece, track=None):
    """The pitches in the order of their onsets."""
    return [pitch for _, _, pitch in notes(piece, track)]
