"""What the first bars of human pieces give, to ask for it: a melody that stays, a rhythm, or pitches."""

from collections.abc import Sequence

from symusic.core import ScoreTick

from symbolic_music.events.codec import ScoreCodec
from symbolic_music.events.controls.asked import ControlError, Controls
from symbolic_music.events.controls.compiled import settle
from symbolic_music.events.controls.given import GivenNotes
from symbolic_music.score.transforms.edit import count_notes, cut_bars

FILES = 5
"""Of so many pieces something is asked for."""


def asked_of_files(codec: ScoreCodec, human: Sequence[ScoreTick], bars: int) -> dict[str, list[Controls]]:
    """By what is asked for, the wishes: of the first pieces that the codec can write so many bars of.

    Args:
        codec: of the model that is asked.
        human: pieces.
        bars: of each.
    """
    found: dict[str, list[Controls]] = {"keep": [], "rhythm": [], "pitches": []}
    for number, piece in enumerate(human, start=1):
        if len(found["keep"]) == FILES or not count_notes(piece):
            continue
        beginning = cut_bars(piece, 0, bars)
        if not count_notes(beginning):
            continue
        given = GivenNotes.read(beginning, f"piece {number}")
        wishes = {
            "keep": Controls(keep=given.melody(_highest(given))),
            "rhythm": Controls(rhythm=given),
            "pitches": Controls(pitches=given),
        }
        try:
            for asked in wishes.values():
                settle(codec, asked)
        except ControlError:
            continue
        for name, asked in wishes.items():
            found[name].append(asked)
    return {name: wishes for name, wishes in found.items() if wishes}


def _highest(given: GivenNotes) -> int:
    """The program of the line whose notes the melody is."""
    melody = set(given.melody(0).lines[0].notes)
    return next(line.program for line in given.lines if melody <= set(line.notes))
