"""A wish in English words as controls, by rules: "a slow waltz in D minor for violin and cello, 16 bars, sparse".

The vocabulary is small and closed. What is understood is told by the words that said it; every other word is told as
not understood, but for those that carry nothing (`_SILENT`). No model is asked.

- dances and forms give a meter: waltz, minuet (3/4), march, polka, reel (2/4, 2/4, 4/4), jig (6/8) …;
- tempo words give the ranges of a metronome: slow, fast, adagio, andante, allegro …; "at 96 bpm", "80 to 100 bpm";
- "in D minor", "in F# major", "in G"; "in 3/4"; "16 bars"; "for violin and cello", "with drums at least";
- "sparse", "dense": few or many notes in a bar; "with 4 to 8 notes per bar";
- "chords C | Am | F G7 | C", to the end of the sentence or a comma;
- "in root position", "with the bass on the root": of chords, which must be named;
- "no bar repeated", "no bar repeated more than twice"; "monophonic", "in chords of 2 to 4 notes": in each track;
- "that ends on the tonic", "with an ending"; "playable": within what instruments can play.

What a file gives (notes that stay, a rhythm, pitches) is no matter of words.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from symbolic_music.events.controls.asked import EVERY, ControlError, Controls, Key
from symbolic_music.generation.controls.written import parse_chords, playable_ranges
from symbolic_music.score.programs import PROGRAMS_BY_NAME


def _words(text: str) -> list[str]:
    return text.split()


# Quarter notes per minute: the usual bands of metronomes, which differ a little from maker to maker.
TEMPO_WORDS: dict[str, tuple[float, float]] = {
    "very slow": (40, 60),
    "slow": (50, 76),
    "moderate": (90, 116),
    "medium": (90, 116),
    "very fast": (168, 208),
    "fast": (132, 180),
    "quick": (132, 180),
    "lively": (116, 150),
    "largo": (40, 60),
    "larghetto": (60, 66),
    "adagio": (66, 76),
    "andante": (76, 108),
    "moderato": (108, 120),
    "allegretto": (110, 126),
    "allegro": (120, 168),
    "vivace": (140, 172),
    "presto": (168, 200),
    "prestissimo": (200, 208),
}
FORM_WORDS: dict[str, str] = {
    "waltz": "3/4",
    "minuet": "3/4",
    "mazurka": "3/4",
    "polonaise": "3/4",
    "sarabande": "3/4",
    "march": "4/4",
    "reel": "4/4",
    "hornpipe": "4/4",
    "polka": "2/4",
    "gavotte": "4/4",
    "jig": "6/8",
    "tarantella": "6/8",
    "barcarole": "6/8",
    "slip jig": "9/8",
}
DENSITY_WORDS: dict[str, tuple[int, int]] = {
    "very sparse": (0, 4),
    "sparse": (1, 8),
    "thin": (1, 8),
    "dense": (12, 64),
    "busy": (12, 64),
    "full": (12, 64),
}
ENSEMBLE_WORDS: dict[str, tuple[int, ...]] = {
    "string quartet": (40, 40, 41, 42),
    "string trio": (40, 41, 42),
    "piano trio": (0, 40, 42),
    "wind quintet": (73, 68, 71, 60, 70),
    "brass quintet": (56, 56, 60, 57, 58),
}
_NUMBER_WORDS = _words(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
)
_SILENT = frozenset(
    _words(
        "a an the of for in with and at on to by please write compose make me give play piece song tune music some "
        "that is it be something"
    )
)
_NUMBER = r"(\d+|" + "|".join(_NUMBER_WORDS) + r")"


@dataclass(frozen=True)
class Understood:
    """What words asked for.

    Attributes:
        controls: the same as controls.
        said: by name of a control, the words that said it.
        unknown: words that were not understood; first those behind a no or without.
    """

    controls: Controls
    said: dict[str, str]
    unknown: tuple[str, ...]


def understand(text: str) -> Understood:
    """What words ask for.

    Raises:
        ControlError: when two of them ask for different things, or a value cannot be read.
    """
    reader = _Reader(text)
    for rule in _RULES:
        rule(reader)
    controls = Controls(**reader.found)
    if reader.playable:
        controls = replace(controls, ranges=playable_ranges(controls.instruments))
    return Understood(controls, reader.said, reader.unknown())


_NO_REPEATS = r"(?:no|without) (?:bars? (?:is |are )?repeated|repeated (?:bars?|measures?)|repeats of bars)"
_NEGATED = re.compile(rf"(?<=[\s,;.:])(?!{_NO_REPEATS})(?:no|not|without|never) [^\s,;:!?]+", re.IGNORECASE)

_POLITE = re.compile(r"(?<=\s)i (?:would like|want|need)(?=\s)", re.IGNORECASE)


class _Reader:
    """A text of which rules take what they understand.

    Args:
        text: the words.
    """

    def __init__(self, text: str):
        self.left = f" {' '.join(text.split())} "
        # What shall not be is not in the vocabulary, and must not be taken for its opposite.
        self.negated = tuple(word for match in _NEGATED.findall(self.left) for word in match.split())
        self.left = _NEGATED.sub(" \0 ", self.left)
        self.left = _POLITE.sub(" ", self.left)
        self.found: dict[str, Any] = {}
        self.said: dict[str, str] = {}
        self.playable = False

    def take(self, pattern: str, name: str, value: Callable[[re.Match[str]], Any], ignore_case: bool = True) -> bool:
        """Take all that a pattern finds as what is asked for under a name; whether it found anything.

        Raises:
            ControlError: when something else was asked for under that name.
        """
        found = False
        compiled = re.compile(rf"(?<=[\s,;.:]){pattern}(?=[\s,;.:!?])", re.IGNORECASE if ignore_case else 0)
        while match := compiled.search(self.left):
            self._note(name, value(match), match[0].strip())
            self.left = f"{self.left[: match.start()]} \0 {self.left[match.end() :]}"
            found = True
        return found

    def _note(self, name: str, value: Any, words: str) -> None:
        if name in self.found and self.found[name] != value:
            raise ControlError(f"{self.said[name]!r} and {words!r} clash: both say the {name}")
        self.found[name] = value
        self.said[name] = f"{self.said[name]}, {words}" if name in self.said else words

    def unknown(self) -> tuple[str, ...]:
        """Words that are left."""
        words = re.findall(r"[^\s,;:!?\0]+", self.left)
        stripped = [word.rstrip(".") for word in words]
        return self.negated + tuple(word for word in stripped if word and word.lower() not in _SILENT)


def _one_of(words: dict[str, Any]) -> str:
    """A pattern for any of some words, the longest first, and their plurals."""
    return "(" + "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True)) + ")"


def _number(text: str) -> int:
    return int(text) if text.isdecimal() else _NUMBER_WORDS.index(text.lower())


def _read_chords(reader: _Reader) -> None:
    chord = r"(?:[A-GN%][^\s,;|]*|\|)"
    reader.take(
        rf"(?:[Ww]ith )?(?:[Tt]he )?(?:[Cc]hords?|[Cc]hord progression|[Pp]rogression):? ({chord}(?: ?{chord})*)",
        "chords",
        lambda match: parse_chords(match[1].rstrip(".")),
        ignore_case=False,
    )


def _read_bars(reader: _Reader) -> None:
    reader.take(rf"{_NUMBER}[ -](?:bars?|measures?)(?: long)?", "bars", lambda match: _number(match[1]))


def _read_density(reader: _Reader) -> None:
    each = r"notes? (?:(?:in|per) )?(?:each|every|a|per)? ?(?:bar|measure)"
    reader.take(
        rf"(?:between )?{_NUMBER} ?(?:to|and|-) ?{_NUMBER} {each}",
        "density",
        lambda match: (_number(match[1]), _number(match[2])),
    )
    reader.take(rf"at most {_NUMBER} {each}", "density", lambda match: (0, _number(match[1])))
    reader.take(_one_of(DENSITY_WORDS), "density", lambda match: DENSITY_WORDS[match[1].lower()])


def _read_tempo(reader: _Reader) -> None:
    unit = r"(?:bpm|beats per minute|quarter notes per minute|quarters per minute)"
    number = r"(\d+(?:\.\d+)?)"
    reader.take(
        rf"(?:at |between )?{number} ?(?:-|to|and) ?{number} ?{unit}",
        "tempo",
        lambda match: (float(match[1]), float(match[2])),
    )
    reader.take(rf"(?:at )?(?:about )?{number} ?{unit}", "tempo", lambda match: float(match[1]))
    reader.take(rf"(?:at )?tempo {number}", "tempo", lambda match: float(match[1]))
    if "tempo" not in reader.found:
        reader.take(_one_of(TEMPO_WORDS), "tempo", lambda match: TEMPO_WORDS[match[1].lower()])


def _read_meter(reader: _Reader) -> None:
    reader.take(r"(?:in )?(\d{1,2}/(?:1|2|4|8|16))(?: time)?", "meter", lambda match: match[1])
    reader.take(rf"{_one_of(FORM_WORDS)}(?:e?s)?", "meter", lambda match: FORM_WORDS[match[1].lower()])
    reader.take(r"(?:in )?common time", "meter", lambda match: "4/4")
    reader.take(r"(?:in )?cut time", "meter", lambda match: "2/2")


def _read_key(reader: _Reader) -> None:
    tonic = r"([A-Ga-g](?:#|b|♯|♭| sharp| flat|-sharp|-flat)?)"

    def key(match: re.Match[str]) -> str:
        name = re.sub("[ -]sharp", "#", re.sub("[ -]flat", "b", match[1]))
        mode = match[2] if match.lastindex and match.lastindex > 1 else ""
        return str(Key.parse(f"{name[0].upper()}{name[1:]} {mode}"))

    mode = "[ -]([Mm]ajor|[Mm]inor|maj|min)"
    reader.take(rf"in (?:the key of )?{tonic}{mode}", "key", key)
    reader.take(rf"{tonic.replace('a-g', '')}{mode}", "key", key, ignore_case=False)  # "a minor" may be no key
    reader.take(r"in (?:the key of )?([A-G](?:#|b)?)(m?)", "key", key, ignore_case=False)


def _read_instruments(reader: _Reader) -> None:
    programs: list[int] = []
    spoken: list[str] = []
    names = PROGRAMS_BY_NAME | ENSEMBLE_WORDS
    compiled = re.compile(rf"(?<=[\s,])(?:(two|2) )?{_one_of(names)}(?:e?s)?(?=[\s,;.:!?])", re.IGNORECASE)
    while match := compiled.search(reader.left):
        name = match[2].lower()
        chosen = ENSEMBLE_WORDS[name] if name in ENSEMBLE_WORDS else (PROGRAMS_BY_NAME[name],)
        programs += chosen * (2 if match[1] else 1)
        spoken.append(match[0])
        reader.left = f"{reader.left[: match.start()]} \0 {reader.left[match.end() :]}"
    if not programs:
        return
    at_least = re.compile(r"(?<=\s)at least(?=\s)", re.IGNORECASE)
    name = "with_instruments" if at_least.search(reader.left) else "instruments"
    reader.left = at_least.sub(" ", reader.left)
    reader.found[name], reader.said[name] = tuple(programs), ", ".join(spoken)


def _read_repeats(reader: _Reader) -> None:
    counts = {"once": 1, "twice": 2}
    reader.take(
        rf"{_NO_REPEATS} more than (?:(once|twice)|{_NUMBER} times)(?: in a row)?",
        "max_repeats",
        lambda match: counts[match[1].lower()] if match[1] else _number(match[2]),
    )
    reader.take(rf"{_NO_REPEATS}(?: in a row)?", "max_repeats", lambda _: 0)
    reader.take(rf"at most {_NUMBER} repeats?(?: of a bar)?", "max_repeats", lambda match: _number(match[1]))


def _read_polyphony(reader: _Reader) -> None:
    reader.take(r"(?:monophonic|one note at a time)", "polyphony", lambda _: ((EVERY, 1, 1),))
    reader.take(
        rf"(?:in )?chords of {_NUMBER}(?: ?(?:to|-) ?{_NUMBER})? notes",
        "polyphony",
        lambda match: ((EVERY, _number(match[1]), _number(match[2] or match[1])),),
    )


def _read_bass(reader: _Reader) -> None:
    bass = r"(?:the )?(?:bass on (?:the|its|their) roots?|roots? in the bass|chords in root position|root position)"
    reader.take(rf"(?:with )?(?:in )?{bass}", "bass_on_root", lambda _: True)


def _read_ending(reader: _Reader) -> None:
    reader.take(
        r"(?:that |which )?(?:ends|ending|closes|closing|resolves|resolving) (?:on|to) (?:the |its )?tonic",
        "ending",
        lambda _: True,
    )
    reader.take(r"(?:with )?(?:an? )?(?:final |clear |proper )?(?:ending|cadence)", "ending", lambda _: True)


def _read_playable(reader: _Reader) -> None:
    compiled = re.compile(r"(?<=[\s,])playable(?=[\s,;.!?])", re.IGNORECASE)
    if compiled.search(reader.left):
        reader.playable, reader.said["ranges"] = True, "playable"
        reader.left = compiled.sub(" ", reader.left)


_RULES: tuple[Callable[[_Reader], None], ...] = (
    _read_bass,
    _read_polyphony,
    _read_chords,
    _read_repeats,
    _read_density,
    _read_bars,
    _read_tempo,
    _read_meter,
    _read_key,
    _read_ending,
    _read_playable,
    _read_instruments,
)
