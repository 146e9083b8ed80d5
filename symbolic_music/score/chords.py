"""Chord symbols of lead sheets in one normal form: root, quality, and a bass where it is not the root.

The form is what a lead sheet writes, in ASCII: `C`, `F#m7b5`, `Bbmaj7/D`, and `N` for "no chord". A root is a letter
with sharps or flats. Qualities are the closed list `QUALITIES`; every other quality becomes one of them with the notes
that are altered or added in brackets: `C7(b9,#11)`. Knows nothing of file formats or of Scores.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

NO_CHORD = "N"
"""Where a lead sheet says that the accompaniment is silent."""

QUALITIES: dict[str, tuple[int, ...]] = {
    "": (0, 4, 7),
    "m": (0, 3, 7),
    "dim": (0, 3, 6),
    "aug": (0, 4, 8),
    "5": (0, 7),
    "1": (0,),
    "sus2": (0, 2, 7),
    "sus4": (0, 5, 7),
    "6": (0, 4, 7, 9),
    "m6": (0, 3, 7, 9),
    "7": (0, 4, 7, 10),
    "maj7": (0, 4, 7, 11),
    "m7": (0, 3, 7, 10),
    "mmaj7": (0, 3, 7, 11),
    "dim7": (0, 3, 6, 9),
    "m7b5": (0, 3, 6, 10),
    "aug7": (0, 4, 8, 10),
    "augmaj7": (0, 4, 8, 11),
    "7sus4": (0, 5, 7, 10),
    "9": (0, 4, 7, 10, 14),
    "maj9": (0, 4, 7, 11, 14),
    "m9": (0, 3, 7, 10, 14),
    "mmaj9": (0, 3, 7, 11, 14),
    "9sus4": (0, 5, 7, 10, 14),
    "11": (0, 4, 7, 10, 14, 17),
    "maj11": (0, 4, 7, 11, 14, 17),
    "m11": (0, 3, 7, 10, 14, 17),
    "13": (0, 4, 7, 10, 14, 21),
    "maj13": (0, 4, 7, 11, 14, 21),
    "m13": (0, 3, 7, 10, 14, 21),
    "It6": (0, 4, 10),
    "Fr6": (0, 4, 6, 10),
    "Ger6": (0, 4, 7, 10),
}
"""Each quality's notes in semitones above the root (The New Harvard Dictionary of Music, "chord").

Thirteenths leave out the eleventh, as players do. Augmented sixths stand on the lowered sixth degree."""

QUALITY_OF_KIND = {
    "major": "",
    "minor": "m",
    "augmented": "aug",
    "diminished": "dim",
    "dominant": "7",
    "major-seventh": "maj7",
    "minor-seventh": "m7",
    "diminished-seventh": "dim7",
    "augmented-seventh": "aug7",
    "half-diminished": "m7b5",
    "major-minor": "mmaj7",
    "major-sixth": "6",
    "minor-sixth": "m6",
    "dominant-ninth": "9",
    "major-ninth": "maj9",
    "minor-ninth": "m9",
    "dominant-11th": "11",
    "major-11th": "maj11",
    "minor-11th": "m11",
    "dominant-13th": "13",
    "major-13th": "maj13",
    "minor-13th": "m13",
    "suspended-second": "sus2",
    "suspended-fourth": "sus4",
    "Italian": "It6",
    "French": "Fr6",
    "German": "Ger6",
    "pedal": "1",
    "power": "5",
    # Spelled above its bass F: F B D# G#, the half-diminished seventh of its sound.
    "Tristan": "m7b5",
}
"""MusicXML's kinds (4.0, kind-value), also those of `**mxhm`; "Neapolitan", "none" and "other" are read otherwise."""

# How people write the qualities; the longest spelling is tried first.
_SPELLINGS = {
    "m": "min mi - mn minor",
    "": "maj major M ma",
    "dim": "o ° diminished",
    "aug": "+ augmented",
    "5": "power no3",
    "sus4": "sus",
    "6": "maj6 M6 add6 ma6",
    "m6": "min6 mi6 -6 mMaj6 m(6)",
    "7": "dom7 dom dominant",
    "maj7": "M7 ma7 j7 Maj7 major7 Δ Δ7 ^ ^7 (maj7)",
    "m7": "min7 mi7 -7 m(7)",
    "mmaj7": "mM7 minmaj7 mMaj7 m(maj7) min(maj7) -maj7 -M7 mΔ7 mΔ",
    "dim7": "o7 °7",
    "m7b5": "min7b5 mi7b5 -7b5 ø ø7 h7 h half-dim halfdim m7-5 m7(b5)",
    "aug7": "+7 7+ 7#5 7+5 7(#5)",
    "augmaj7": "+maj7 maj7#5 +M7 M7#5 maj7(#5)",
    "7sus4": "7sus sus7 sus47 7(sus4)",
    "9": "dom9 7(9)",
    "maj9": "M9 ma9 maj7(9)",
    "m9": "min9 mi9 -9 m7(9)",
    "mmaj9": "mM9 minmaj9",
    "9sus4": "9sus sus9",
    "11": "dom11",
    "maj11": "M11 ma11",
    "m11": "min11 mi11 -11",
    "13": "dom13",
    "maj13": "M13 ma13",
    "m13": "min13 mi13 -13",
}
_QUALITY_OF = {quality: quality for quality in QUALITIES} | {
    spelling: quality for quality, spellings in _SPELLINGS.items() for spelling in spellings.split()
}
_LONGEST_FIRST = sorted(_QUALITY_OF, key=lambda spelling: (-len(spelling), spelling))
_ROOT = r"[A-G](?:#{1,2}|b{1,2}|x)?"
_CHORD = re.compile(rf"(?P<root>{_ROOT})(?P<quality>[^/]*(?:6/9[^/]*)?)(?:/(?P<bass>{_ROOT}))?$")
_ALTERATION = re.compile(r"(?P<kind>add|no|omit)?(?P<accidental>[#b+-]?)(?P<degree>1[0-3]|[2-9])$")
_NOTHING = frozenset(["N", "NC", "N.C.", "N.C", "n.c.", "nc", "No Chord", "none"])
SEMITONES_OF_LETTER = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
"""Semitones of the naturals above C."""
_SEMITONES_OF_DEGREE = {2: 2, 3: 4, 4: 5, 5: 7, 6: 9, 7: 10, 8: 12, 9: 14, 10: 16, 11: 17, 12: 19, 13: 21}
_NORMAL = re.compile(rf"(?P<root>{_ROOT})(?P<quality>[^(/]*)(?:\((?P<changes>[^)]*)\))?(?:/(?P<bass>{_ROOT}))?$")


@dataclass(frozen=True, order=True)
class ChordSymbol:
    """A chord symbol of a piece.

    Args:
        onset: where it stands, in quarter notes from the start of the Score, repeats played out.
        text: the symbol in its normal form; it holds until the next one.
    """

    onset: Fraction
    text: str


def chord_text(root: str, quality: str, changes: tuple[str, ...] = (), bass: str = "") -> str:
    """A chord symbol in its normal form from its parts.

    Args:
        root: such as "F#"; double sharps are "##".
        quality: one of `QUALITIES`.
        changes: notes altered, added or left out: "b9", "#11", "add9", "no3".
        bass: where it is not the root.

    Raises:
        ValueError: for a quality that is none of the list.
    """
    if quality not in QUALITIES:
        raise ValueError(f"expected a quality of {', '.join(QUALITIES)}, got {quality!r}")
    inside = f"({','.join(changes)})" if changes else ""
    return f"{root}{quality}{inside}{f'/{bass}' if bass and bass != root else ''}"


def cut_chords(chords: Sequence[ChordSymbol], start: Fraction, end: Fraction) -> tuple[ChordSymbol, ...]:
    """The chord symbols of a part of a piece, counted from its start; the one in force there comes first.

    Args:
        chords: of the whole piece, in rising order.
        start: where the part begins, in quarter notes.
        end: where it ends.
    """
    before = [chord.text for chord in chords if chord.onset < start]
    inside = [ChordSymbol(chord.onset - start, chord.text) for chord in chords if start <= chord.onset < end]
    if before and not (inside and inside[0].onset == 0):
        inside.insert(0, ChordSymbol(Fraction(0), before[-1]))
    return tuple(inside)


def normal_chord(written: str) -> str | None:
    """The normal form of a chord symbol as people write it ("Gmin7", "B♭Δ", "D7b9/F#"); None where it is no chord."""
    text = written.strip().replace("♭", "b").replace("♯", "#").replace("𝄫", "bb").replace("𝄪", "##")
    if text in _NOTHING:
        return NO_CHORD
    match = _CHORD.match(text)
    if not match:
        return None
    read = _read_quality(match["quality"].replace(" ", ""))
    if read is None:
        return None
    quality, changes = read
    root, bass = (name.replace("x", "##") for name in (match["root"], match["bass"] or ""))
    return chord_text(root, quality, changes, bass)


def _read_quality(written: str) -> tuple[str, tuple[str, ...]] | None:
    """Quality and changes of what stands behind a root; None where it cannot be read whole."""
    if written in ("6/9", "69", "6(9)", "6add9"):
        return "6", ("add9",)
    if written in ("m6/9", "m69", "min6/9"):
        return "m6", ("add9",)
    for spelling in _LONGEST_FIRST:
        if written.startswith(spelling):
            changes = _read_changes(written[len(spelling) :])
            if changes is not None:
                return _QUALITY_OF[spelling], changes
    return None


def _read_changes(written: str) -> tuple[str, ...] | None:
    """The alterations behind a quality, "b9#11" or "(add9)"; None where something else stands there."""
    changes = []
    for part in re.findall(r"(?:add|no|omit)?[#b+-]?\d+|[^(),\s]+", written):
        match = _ALTERATION.match(part)
        if not match:
            return None
        accidental = {"+": "#", "-": "b"}.get(match["accidental"], match["accidental"])
        kind = {"omit": "no", None: "" if accidental else "add"}.get(match["kind"], match["kind"])
        changes.append(f"{kind}{accidental}{match['degree']}")
    return tuple(changes)


def chord_pitch_classes(symbol: str) -> tuple[int, ...]:
    """The pitch classes (0 is C) of a symbol in its normal form, the bass first; () for no chord.

    Raises:
        ValueError: for a text that is no symbol in its normal form.
    """
    if symbol == NO_CHORD:
        return ()
    match = _NORMAL.match(symbol)
    if not match or match["quality"] not in QUALITIES:
        raise ValueError(f"expected a chord symbol in its normal form, got {symbol!r}")
    root = pitch_class(match["root"])
    steps = list(QUALITIES[match["quality"]])
    for change in (match["changes"] or "").split(",") if match["changes"] else ():
        _apply_change(steps, change)
    notes = [pitch_class(match["bass"])] if match["bass"] else []
    return tuple(dict.fromkeys([*notes, *((root + step) % 12 for step in steps)]))


def _apply_change(steps: list[int], change: str) -> None:
    match = _ALTERATION.match(change)
    if not match:
        raise ValueError(f"expected a changed note such as b9, add9 or no3, got {change!r}")
    degree = int(match["degree"])
    natural = _SEMITONES_OF_DEGREE[degree]
    held = [
        step for step in steps if step % 12 in {3: (3, 4), 5: (6, 7, 8), 7: (9, 10, 11)}.get(degree, (natural % 12,))
    ]
    if match["kind"] == "no" or (match["kind"] is None and degree in (5, 9, 11, 13)):
        # An altered note stands in the place of the plain one.
        for step in held:
            steps.remove(step)
    if match["kind"] != "no":
        steps.append(natural + {"#": 1, "b": -1}.get(match["accidental"], 0))


def pitch_class(name: str) -> int:
    """The pitch class of a note name such as "Bb": 0 is C, 11 is B."""
    return (SEMITONES_OF_LETTER[name[0]] + name.count("#") - name[1:].count("b")) % 12
