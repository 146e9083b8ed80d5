"""Why two readings of an ABC tune differ, found by trial: what explains the difference is written out of the tune.

Each cause is a shape of notation with a rewriting that takes it out of a tune or writes it plainly. Where the two
readings of the rewritten tune are the same, that shape was the cause. Knows nothing of the readers.
"""

import re
from collections.abc import Callable
from itertools import combinations

from symbolic_music.score.abc.parse.signs import JUMPS

OTHER = "other"
"""No rewriting makes the readings the same."""
_STRINGS = re.compile(r'("[^"\n]*"|![^!\s|]*!|\{[^}]*\}|\[[A-Za-z]:[^\]]*\])')
_BAR = re.compile(r"(?::+\s*)?\[?\|[|\]]*(?:(?!(?<=\])\s*:+\|)\s*:+)?|::+")
_LENGTH = re.compile(r"(?<=[A-Ga-g,'])[\d/]+")


def _music(rewrite: Callable[[str], str]) -> Callable[[str], str]:
    """A rewriting of what stands between words, decorations, grace notes and fields of the lines of music."""

    def rewritten(text: str) -> str:
        head, body = _cut(text)
        lines = body.split("\n")
        for number, line in enumerate(lines):
            if not re.match(r"[A-Za-z]:|%", line):
                parts = _STRINGS.split(line)
                parts[::2] = [rewrite(part) for part in parts[::2]]
                lines[number] = "".join(parts)
        return head + "\n".join(lines)

    return rewritten


def _cut(text: str) -> tuple[str, str]:
    """A tune up to its `K:` line, and what follows."""
    end = text.find("\n", text.find("\nK:") + 1) + 1
    return text[:end], text[end:]


def _without_jumps(text: str) -> str:
    head, body = _cut(text)
    return head + re.sub(
        r"!([^!|\n]*)!", lambda found: "" if re.sub(r"[\s._]", "", found[1]).lower() in JUMPS else found[0], body
    )


def _with_starts_of_repeats(text: str) -> str:
    """`|:` written where a `:|` without one goes back to: behind the latest double bar line or end of a repeat."""
    head, body = _cut(text)
    masked = re.sub(
        r'"[^"\n]*"|![^!\s|]*!|\[[A-Za-z]:[^\]]*\]|^[A-Za-z]:.*$|%.*', lambda found: "x" * len(found[0]), body,
        flags=re.MULTILINE,
    )  # fmt: skip
    begin = re.search(r"^(?![A-Za-z]:|%|x+$)", masked, re.MULTILINE)
    back, is_open, places = begin.start() if begin else 0, False, []
    for line in _BAR.finditer(masked):
        left, right = re.match(r":+", line[0]), re.search(r"\|\s*:+$|::$", line[0])
        if left and not is_open:
            places.append(back)
        if left or right:
            is_open = bool(right)
            back = line.end()
        elif not is_open and re.search(r"\|\||[\[\]]", line[0].replace("[|]", "")):
            back = line.end() if not re.match(r"\s*\[?\d", masked[line.end() :]) else back
    for place in reversed(places):
        body = f"{body[:place]} |: {body[place:]}"
    return head + body


def _with_ends_of_repeats(text: str) -> str:
    """`:` written before a `|:` that follows another without `:|` between them."""
    head, body = _cut(text)
    return head + re.sub(r"(\|:(?:(?!:\||::|\|:)[\s\S])*?)\|\]?(\s*\|:)", r"\1:|\2", body)


def _plain_chord(found: re.Match[str]) -> str:
    first = re.match(r"[\^_=]*[A-Ga-g][,']*([\d/]+)", found[1])
    return f"[{_LENGTH.sub('', found[1])}]{first[1] if first else ''}"


def _with_times_of_tuplets(text: str) -> str:
    meter = re.search(r"^M:\s*(\d+)/", text, re.MULTILINE)
    time = 3 if meter and int(meter[1]) in (6, 9, 12) else 2
    return _music(lambda line: re.sub(r"\(([579])(?!:)", rf"(\1:{time}", line))(text)


def _without_mail(text: str) -> str:
    return re.sub(r"=(?:20|\s*$)", " ", text, flags=re.MULTILINE).replace("=3D", "=")


def _without_brackets(text: str) -> str:
    head, body = _cut(text)
    return head + re.sub(r"\[\|\]", "|", re.sub(r"\[\|\](?=\s*[:|])|\[(?=\")", "", body))


CAUSES: dict[str, tuple[str, Callable[[str], str]]] = {
    "hornpipe": (
        "R:hornpipe: abc2midi plays pairs of eighths 2 : 1; a Score holds what is written",
        lambda text: re.sub(r"^R:.*\n", "", text, flags=re.MULTILINE),
    ),
    "broken_chords": (
        "< and > between a chord and a note of another length change nothing; abc2midi changes both",
        _music(lambda line: re.sub(r"(\][\d/]*)[<>]+", r"\1", line)),
    ),
    "brackets": ('[|] is a bar line, ["text" begins an ending; abc2midi reads a chord', _without_brackets),
    "no_start": (
        ":| without |: goes back to the latest double bar line (ABC 2.1, section 4.8); abc2midi passes those over",
        _with_starts_of_repeats,
    ),
    "no_end": ("|: without :| is played once; abc2midi repeats it", _with_ends_of_repeats),
    "jumps": ("!D.C.!, !D.S.!, !fine! and the like are played; abc2midi plays none", _without_jumps),
    "parts": (
        "P: behind an upbeat begins what is repeated; abc2midi repeats the upbeat too",
        lambda text: re.sub(r"^P:.*\n|\[P:[^\]]*\]", "", text, flags=re.MULTILINE),
    ),
    "voltas": (
        "abc2midi plays the section once more where :| ends its last ending, and does not tie into second endings",
        _music(lambda line: re.sub(r"^\s*\d+(?=\s)|(?<=[|:\]])\s*\[?\d[\d,.-]*|\[\d[\d,.-]*", " ", line)),
    ),
    "tuplets": (
        "(5, (7 and (9 in 3/4 take the time of two notes (ABC 2.1, section 4.13); abc2midi gives them three",
        _with_times_of_tuplets,
    ),
    "chords": (
        "notes of one chord with lengths of their own; abc2midi gives all the first length",
        _music(lambda line: re.sub(r"\[([^\[\]|:]*)\]", _plain_chord, line)),
    ),
    "old_chords": (
        "chords as before ABC 2.0, +CEG+; abc2midi does not read them",
        _music(lambda line: re.sub(r"\+((?:[\^_=]*[A-Ga-g][,']*[\d/]*)+)\+", r"[\1]", line).replace("[+", "[")),
    ),
    "ties": (
        "a tie to another pitch joins nothing; abc2midi loses notes at it",
        _music(lambda line: line.replace("-", "")),
    ),
    "dangling": (
        "> before a bar line lengthens the note before it; abc2midi passes it over",
        _music(lambda line: re.sub(r"[<>]+(?=\s*[|:\]])", "", line)),
    ),
    "line_breaks": (
        "! ends a line of print, as before ABC 2.0; abc2midi takes what lies between two for a decoration",
        lambda text: _cut(text)[0] + re.sub(r"!(?![^!\s|]+!)(?<!\w!)", "", _cut(text)[1]),
    ),
    "mail": ("what e-mail made of = and line ends is undone", _without_mail),
    "unclosed": (
        "a chord without its ]: its notes are read one by one; abc2midi reads on to the next ]",
        _music(lambda line: re.sub(r"\[(?=[A-Ga-g^_=][^\]|]*(?:\||$))", "", line)),
    ),
    "strays": (
        "signs that belong to no note, such as ( before ': passed over",
        _music(lambda line: re.sub(r"(?<![A-Ga-g,'\d/])['\d/]+(?=[A-Ga-g])", "", line)),
    ),
}
"""What each cause is, and the rewriting that takes it out of a tune."""


def cause_of(text: str, is_same: Callable[[str], bool]) -> str:
    """The cause of a difference, or two or three, joined by +; `OTHER` where none is found.

    Args:
        text: of a tune that is read in two ways.
        is_same: whether the two readings of a text are the same.
    """
    fitting = [name for name, (_, rewrite) in CAUSES.items() if rewrite(text) != text]
    for count in (1, 2, 3):
        for names in combinations(fitting, count):
            rewritten = text
            for name in names:
                rewritten = CAUSES[name][1](rewritten)
            if is_same(rewritten):
                return "+".join(names)
    return OTHER
