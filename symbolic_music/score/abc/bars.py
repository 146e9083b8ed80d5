"""How long each bar of each voice of an ABC tune lasts, as written. Nothing is played, repaired or checked."""

from fractions import Fraction

from symbolic_music.score.abc.parse.reader import read_tune
from symbolic_music.score.errors import ScoreError


def voice_bars(text: str) -> dict[str, list[Fraction]]:
    """The length of each bar of each voice, in whole notes.

    A bar is what stands between two bar lines, and before the first and behind the last, if it lasts at all. Where an
    overlay (`&`) lasts longer than the rest of its bar, it decides.

    Args:
        text: one tune; one that cannot be read has no bars.

    Returns:
        By the voice's name, "" where none is written; voices without a bar are left out.
    """
    try:
        voices = read_tune(text).voices
    except ScoreError:
        return {}
    return {voice.name: [bar.length / 4 for bar in voice.bars] for voice in voices if voice.bars[0].length}
