"""How far a voice may have come at each bar line, that plays so many chords in so many bars at times of its own.

An even pace has as many in each bar; a voice is at most so many bars ahead of it or behind. So nothing is played out
long before the end, no more is left for the last bars than they hold, and a way to the end is near at hand.
"""

from dataclasses import dataclass

from symbolic_music.events.controls.dialect import Dialect
from symbolic_music.events.controls.errors import ControlError

_BARS_AHEAD = 2
_PARTS_OF_A_BEAT = (1, 2, 3, 4, 6, 8, 12, 24)


@dataclass(frozen=True)
class Pace:
    """How far a voice may have come.

    Attributes:
        chords: of the voice.
        bars: of the piece.
        most: chords that a bar may need to hold.
        is_last: whether its last chord begins in the last bar; of one voice it does, so that there is one.
    """

    chords: int
    bars: int
    most: int
    is_last: bool

    def bounds(self, bar: int) -> tuple[int, int]:
        """Fewest and most chords that have begun at the end of a bar, whose numbers begin at 1; 0 is the beginning."""
        if bar == self.bars:
            return self.chords, self.chords
        if not bar:
            return 0, 0
        fewest = max(
            self.chords * (bar - _BARS_AHEAD) // self.bars,
            self.chords - (self.bars - bar) * self.most,
            0,
        )
        most = min(-(-self.chords * (bar + _BARS_AHEAD) // self.bars), self.chords - self.is_last)
        return min(fewest, most), most


def parts_of_a_beat(dialect: Dialect, meter: str, chords: int, bars: int) -> int:
    """Into how many parts a beat is cut so that bars hold the chords of a voice that is behind its pace, or even more.

    Raises:
        ControlError: when bars cannot hold them.
    """
    length = dialect.bar_length(meter)
    parts = [part for part in _PARTS_OF_A_BEAT if not dialect.grid % part]
    needed = -(-chords * (1 + 2 * _BARS_AHEAD) // bars)
    for part in parts:
        if length * part // dialect.grid >= min(needed, chords):
            return part
    if length * bars < chords:
        raise ControlError(f"{chords} notes of one voice, one after the other, do not fit {bars} bars of {meter}")
    return parts[-1]
