"""A piece as a file states it: a Score, and what a Score has no place for.

Every reader gives pieces. Knows nothing of formats, of datasets, or of where files lie.
"""

from collections import Counter
from dataclasses import dataclass, field

from symusic.core import ScoreTick as Score

from symbolic_music.score.chords import ChordSymbol
from symbolic_music.score.errors import ScoreError


@dataclass
class Piece:
    """One piece of music.

    Args:
        score: what sounds, at sounding pitch, repeats played out.
        chords: its chord symbols by onset; they make no sound.
        title: as the file states it, "" where it does not.
        composer: likewise.
        license: likewise: the licence that the file itself states.
        key: the first key as the notation writes it ("Ador"); None where only the Score can say.
        number: the piece's own number in a book, the `X:` of ABC; "" where the file holds one piece.
        composer_dates: the composer's first and last dates as the file states them ("1810/03/01-1849/10/17").
        left_out: how much of what the file says does not go into the Score, by kind.
    """

    score: Score
    chords: tuple[ChordSymbol, ...] = ()
    title: str = ""
    composer: str = ""
    license: str = ""
    key: str | None = None
    number: str = ""
    composer_dates: str = ""
    left_out: Counter[str] = field(default_factory=Counter)


@dataclass
class Reading:
    """What a file holds.

    Args:
        pieces: those that can be used, in the file's order; never empty.
        skipped: why the others cannot, one error each, which names the piece.
    """

    pieces: list[Piece]
    skipped: list[ScoreError] = field(default_factory=list)
