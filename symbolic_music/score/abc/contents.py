"""What an ABC tune says besides its notes, counted by kind: all that reading it as a Score leaves out or plays over.

Counts only; `io` reads. Knows nothing of datasets.
"""

import re
from collections import Counter

from symbolic_music.score.abc.readers import count_uneven_bars

LYRICS = "lyrics"
"""Lines of words, `w:` and `W:`."""
MACROS = "macros"
"""Definitions, `m:` and `U:`; what they stand for is played."""
TEXT = "text"
"""Annotations such as "^slowly", and lines of history, notes and discography."""
CHORD_SYMBOLS = "chord_symbols"
"""Accompaniment in words, such as "Am"."""
GRACE_NOTES = "grace_notes"
DECORATIONS = "decorations"
"""Ornaments, dynamics, bowings."""
COMMENTS = "comments"
BROKEN_LINES = "broken_lines"
"""Lines of the tune's body with signs that no music has."""
UNEVEN_BARS = "uneven_bars"
"""Bars whose notes do not last as long as the meter says, by abc2midi's account; they are played as written."""

_TEXT_FIELDS = frozenset("ABCDFGHNORSZ")
# Letters from H on are decorations wherever a note follows (ABC 2.1, section 4.16).
_TOKEN = re.compile(
    r"""(?P<text>"[\^_<>@][^"]*")|(?P<chord_symbols>"[^"]*")|(?P<grace_notes>\{[^}]*\})|(?P<comments>(?<!\\)%.*)"""
    r"""|(?P<decorations>![^!|\s]+!|\+[^+|\s]+\+|[~.H-Wh-w](?=[~.H-Wh-w]*[A-Ga-gxz^=_\[({]))"""
)
# Two decorations in a row that no note follows are a word; the other signs belong to no music.
_BROKEN = re.compile(r"[H-Wh-w]{2}|[^A-Za-z\d\s,'/^=_<>|:\[\]()\-&~.*\\`$;?!+#@]")
_INLINE_FIELD = re.compile(r"\[[A-Za-z]:[^\]]*\]")


def left_out(text: str) -> Counter[str]:
    """How much of each kind a tune holds; kinds that it does not hold are absent.

    Args:
        text: one tune.
    """
    counts: Counter[str] = Counter()
    in_body = False
    for line in text.split("\n"):
        letter = line[0] if line[1:2] == ":" else ""
        if letter in ("w", "W"):
            counts[LYRICS] += 1
        elif letter in ("m", "U"):
            counts[MACROS] += 1
        elif letter and letter in _TEXT_FIELDS:
            counts[TEXT] += 1
        elif line.startswith("%") and not line.startswith("%%"):
            counts[COMMENTS] += 1
        elif in_body and line.strip() and not letter and not line.startswith("%%"):
            _count_music(line, counts)
        in_body = in_body or letter == "K"
    uneven = count_uneven_bars(text)
    return counts + Counter({UNEVEN_BARS: uneven})  # a sum drops zeros


def _count_music(line: str, counts: Counter[str]) -> None:
    if _BROKEN.search(_TOKEN.sub("", _INLINE_FIELD.sub("", line))):
        counts[BROKEN_LINES] += 1
        return
    for token in _TOKEN.finditer(line):
        assert token.lastgroup is not None
        counts[token.lastgroup] += 1
