"""<harmony> of MusicXML -> a chord symbol in its normal form (`score.chords`). Knows nothing of where it stands.

All 33 kinds of MusicXML 4.0 (data type `kind-value`) are known. "other" is read from the text that is printed.
"""

from lxml.etree import _Element

from symbolic_music.score.chords import NO_CHORD, QUALITY_OF_KIND, chord_text, normal_chord
from symbolic_music.score.musicxml.reading.header import MAX_TEXT

_OLD_KINDS = {
    # What programs wrote before, or write against the schema.
    "": "major",
    "min": "minor",
    "maj": "major",
    "aug": "augmented",
    "dim": "diminished",
    "dominant-seventh": "dominant",
    "7": "dominant",
    "maj7": "major-seventh",
    "min7": "minor-seventh",
    "m7b5": "half-diminished",
    "minor-major": "major-minor",
    "sus47": "suspended-fourth",
    "maj69": "major-sixth",
    "min69": "minor-sixth",
    "min9": "minor-ninth",
    "maj9": "major-ninth",
    "9": "dominant-ninth",
    "6": "major-sixth",
    "min6": "minor-sixth",
    "dim7": "diminished-seventh",
}
_EXTRA_CHANGES = {"maj69": ("add9",), "min69": ("add9",)}
_ALTERATIONS = {-2: "bb", -1: "b", 0: "", 1: "#", 2: "##"}
_LETTERS = frozenset("ABCDEFG")
_CHANGED_DEGREES = range(2, 14)


def harmony_text(harmony: _Element) -> str | None:
    """The chord symbol of a <harmony>; None where it is none that can be read, such as a Roman numeral.

    Of stacked chords the first counts.
    """
    kind = harmony.find("kind")
    written = (kind.text or "").strip() if kind is not None else ""
    if written == "none":
        return NO_CHORD
    root = _name(harmony.find("root"), "root")
    if root is None:
        return None
    bass = _name(harmony.find("bass"), "bass") or ""
    extra = _EXTRA_CHANGES.get(written, ())
    written = written if written in QUALITY_OF_KIND else _OLD_KINDS.get(written, written)
    if written == "Neapolitan":
        # The major chord on the lowered second degree, in first inversion; the root says which.
        return chord_text(root, "", (), bass)
    quality = QUALITY_OF_KIND.get(written)
    if quality is None:
        text = kind.get("text", "")[:MAX_TEXT] if kind is not None else ""
        return normal_chord(f"{root}{text}{f'/{bass}' if bass else ''}")
    changes = _changes(harmony)
    if changes is None:
        return None
    quality, changes = _named(quality, changes)
    return chord_text(root, quality, (*extra, *changes), bass)


def _name(element: _Element | None, label: str) -> str | None:
    """A note name such as "F#" from <root> or <bass>."""
    if element is None:
        return None
    step = (element.findtext(f"{label}-step") or "").strip().upper()
    alter = _number(element.findtext(f"{label}-alter"))
    if step not in _LETTERS or alter not in _ALTERATIONS:
        return None
    return step + _ALTERATIONS[alter]


def _changes(harmony: _Element) -> tuple[str, ...] | None:
    """The <degree>s as changes ("b9", "add9", "no3"); None where one cannot be written so."""
    changes = []
    for degree in harmony.iterfind("degree"):
        value = _number(degree.findtext("degree-value"))
        alter = _number(degree.findtext("degree-alter"))
        kind = (degree.findtext("degree-type") or "add").strip()
        if value not in _CHANGED_DEGREES or alter not in (-1, 0, 1) or kind not in ("add", "alter", "subtract"):
            return None
        if kind == "subtract":
            changes.append(f"no{value}")
        elif alter:
            # An altered fifth or ninth stands in the place of the plain one, added or not, as lead sheets mean it.
            changes.append(f"{_ALTERATIONS[alter]}{value}")
        elif kind == "add":
            changes.append(f"add{value}")
    return tuple(dict.fromkeys(changes))


# Kinds that MusicXML has no name for, written as another with one degree changed.
_NAMED_WITH_CHANGE = {("sus4", "b7"): "7sus4", ("maj7", "#5"): "augmaj7", ("mmaj7", "add9"): "mmaj9"}


def _named(quality: str, changes: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """A quality of its own for what MusicXML writes as another and more: "dominant, add 4, no 3" is a 7sus4."""
    if quality in ("7", "9") and {"add4", "no3"} <= set(changes):
        return f"{quality}sus4", tuple(change for change in changes if change not in ("add4", "no3"))
    for (written, change), named in _NAMED_WITH_CHANGE.items():
        if quality == written and change in changes:
            return named, tuple(each for each in changes if each != change)
    return quality, changes


def _number(text: str | None) -> int | None:
    """A whole number; 0 for nothing, None for what is none."""
    try:
        number = float(text) if text and text.strip() else 0.0
    except ValueError:
        return None
    return int(number) if number == int(number) else None
