"""Chord symbols as MusicXML's `<harmony>` (MusicXML 4.0, "harmony", "kind-value" and "degree")."""

import re

from symbolic_music.score.chords import NO_CHORD

# Each quality as a kind of the standard, and the degrees that it needs besides.
_KINDS: dict[str, tuple[str, tuple[str, ...]]] = {
    "": ("major", ()),
    "m": ("minor", ()),
    "dim": ("diminished", ()),
    "aug": ("augmented", ()),
    "5": ("power", ()),
    "1": ("pedal", ()),
    "sus2": ("suspended-second", ()),
    "sus4": ("suspended-fourth", ()),
    "6": ("major-sixth", ()),
    "m6": ("minor-sixth", ()),
    "7": ("dominant", ()),
    "maj7": ("major-seventh", ()),
    "m7": ("minor-seventh", ()),
    "mmaj7": ("major-minor", ()),
    "dim7": ("diminished-seventh", ()),
    "m7b5": ("half-diminished", ()),
    "aug7": ("augmented-seventh", ()),
    "augmaj7": ("major-seventh", ("#5",)),
    "7sus4": ("dominant", ("add4", "no3")),
    "9": ("dominant-ninth", ()),
    "maj9": ("major-ninth", ()),
    "m9": ("minor-ninth", ()),
    "mmaj9": ("major-minor", ("add9",)),
    "9sus4": ("dominant-ninth", ("add4", "no3")),
    "11": ("dominant-11th", ()),
    "maj11": ("major-11th", ()),
    "m11": ("minor-11th", ()),
    "13": ("dominant-13th", ()),
    "maj13": ("major-13th", ()),
    "m13": ("minor-13th", ()),
    "It6": ("Italian", ()),
    "Fr6": ("French", ()),
    "Ger6": ("German", ()),
}
_SYMBOL = re.compile(r"(?P<root>[A-G][#b]*)(?P<quality>[^(/]*)(?:\((?P<changes>[^)]*)\))?(?:/(?P<bass>[A-G][#b]*))?$")
_DEGREE = re.compile(r"(?P<kind>add|no)?(?P<alteration>[#b])?(?P<degree>\d+)$")
_ALTERED_IN_PLACE = (5, 9, 11, 13)


def harmony_xml(symbol: str) -> str:
    """The element of a chord symbol in its normal form (`score.chords`).

    Raises:
        ValueError: for a text that is no symbol in its normal form.
    """
    if symbol == NO_CHORD:
        return '<harmony><root><root-step text="">C</root-step></root><kind text="N.C.">none</kind></harmony>'
    match = _SYMBOL.match(symbol)
    if not match or match["quality"] not in _KINDS:
        raise ValueError(f"expected a chord symbol in its normal form, got {symbol!r}")
    kind, degrees = _KINDS[match["quality"]]
    changes = tuple(match["changes"].split(",")) if match["changes"] else ()
    text = match["quality"] + (f"({','.join(changes)})" if changes else "")
    bass = f"<bass>{_note_xml('bass', match['bass'])}</bass>" if match["bass"] else ""
    return (
        f'<harmony><root>{_note_xml("root", match["root"])}</root><kind text="{text}">{kind}</kind>'
        f"{bass}{''.join(map(_degree_xml, (*degrees, *changes)))}</harmony>"
    )


def _note_xml(element: str, name: str) -> str:
    alteration = name.count("#") - name[1:].count("b")
    alter = f"<{element}-alter>{alteration}</{element}-alter>" if alteration else ""
    return f"<{element}-step>{name[0]}</{element}-step>{alter}"


def _degree_xml(change: str) -> str:
    match = _DEGREE.match(change)
    if not match:
        raise ValueError(f"expected a changed note such as b9, add9 or no3, got {change!r}")
    degree = int(match["degree"])
    alteration = {"#": 1, "b": -1, None: 0}[match["alteration"]]
    if match["kind"] == "no":
        kind = "subtract"
    else:
        kind = "add" if match["kind"] == "add" or degree not in _ALTERED_IN_PLACE else "alter"
    # The symbol's text says it already.
    return (
        f'<degree print-object="no"><degree-value>{degree}</degree-value>'
        f"<degree-alter>{alteration}</degree-alter><degree-type>{kind}</degree-type></degree>"
    )
