"""Random pieces of every representation as files that give something."""

from random_pieces import member, random_piece

from symbolic_music.events.controls.given import GivenNotes

GIVEN = ("keep", "rhythm", "pitches")


def given_music(name, seed, bars=3, length=120):
    """What a random piece gives, whose voices and meters are as they come."""
    processor = member(name)
    _, score = random_piece(processor, processor.grammar(), bars, length, seed)
    return GivenNotes.read(score, f"piece {seed}")


def first_lines(given, number):
    """Some of its lines."""
    return GivenNotes(
        given.name, given.ticks_per_quarter, given.lines[:number], given.meters, given.tempo, given.fifths
    )
