"""What an ABC tune holds once it is read, and the kinds of what is left out of it."""

from collections import Counter
from dataclasses import dataclass, field
from fractions import Fraction

from symbolic_music.score.abc.parse.fields import Key
from symbolic_music.score.abc.parse.voice import Voice

LYRICS = "lyrics"
"""Lines of words, `w:` and `W:`."""
MACROS = "macros"
"""Definitions, `m:` and `U:`; what they stand for is read."""
TEXT = "text"
"""Annotations such as "^slowly", and lines of history, notes and discography."""
CHORD_SYMBOLS = "chord symbols"
"""Words where a chord symbol stands that are none; those that are go with the piece."""
GRACE_NOTES = "grace notes"
DECORATIONS = "decorations"
"""Ornaments and bowings; dynamics and jumps such as !D.C.! are played."""
COMMENTS = "comments"
BROKEN_LINES = "broken lines"
"""Lines of the tune's body with signs that no music has; the rest of such a line is read."""
UNREAD_FIELDS = "unread fields"
"""Keys, meters, lengths and tempos in the tune's body, or words in them, that say nothing known."""
MICROTONES = "microtones"
"""Accidentals by less than a semitone; the nearest semitone sounds."""
BROKEN_RHYTHM = "broken rhythm"
"""`>` and `<` between notes of unequal lengths, which say nothing defined; the notes last as long as is written."""
JUMP_WORDS = "jump words"
"""D.C., Fine and the like as words in quotation marks; only signs such as !D.C.! are played."""
ACCOMPANIMENT = "accompaniment"
"""Directives for what abc2midi makes up besides the written notes: chords, drums, drones."""
DIRECTIVES = "MIDI directives"
"""Other `%%MIDI` directives that are not followed."""
DEFAULT_TEMPO = 120.0
"""Quarter notes per minute where a tune does not say."""


@dataclass
class Tune:
    """What a tune holds, voice by voice.

    Args:
        voices: in the order in which they are named.
        key: the first key; None where the tune states none.
        part_order: parts in the order they are played; None where the header does not say.
        opening_tempo: quarter notes per minute from the start until the first of `tempos`.
        tempos: quarter notes per minute, by voice, bar and quarter notes from its beginning.
        keys: likewise, changes of key.
        chords: likewise, chord symbols in their normal form.
        left_out: what does not go into the notes, by kind.
    """

    voices: list[Voice] = field(default_factory=list)
    key: Key | None = None
    part_order: list[str] | None = None
    opening_tempo: float = DEFAULT_TEMPO
    tempos: list[tuple[Voice, int, Fraction, float]] = field(default_factory=list)
    keys: list[tuple[Voice, int, Fraction, Key]] = field(default_factory=list)
    chords: list[tuple[Voice, int, Fraction, str]] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
