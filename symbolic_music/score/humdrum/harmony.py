"""Chord symbols of `**mxhm` spines, and of `**harm` spines where their Roman numerals have a key, in normal form.

`**mxhm` is what musicxml2hum makes of MusicXML's `<harmony>`: a root, a space, MusicXML's kind, and a bass behind a
slash, "B- dominant/F". `**harm` (humdrum.org/rep/harm) writes a numeral for root and triad (capitals are major, `o`
diminished, `+` augmented), a seventh with its quality (`7`, `M7`, `m7`, `D7`), and the inversion (`b` to `d`) in the
key of the nearest `*C:` or `*c:`. Applied chords (`V/V`) are read in the key that they are applied to. What is none of
that is counted. Knows nothing of time.
"""

import re
from bisect import bisect_right
from collections import Counter

import numpy as np

from symbolic_music.score.chords import NO_CHORD, QUALITIES, QUALITY_OF_KIND, chord_text, pitch_class
from symbolic_music.score.humdrum.syntax.interpretations import Interpretations
from symbolic_music.score.humdrum.syntax.spines import Cells, Records

MUSICXML_HARMONY, ROMAN_HARMONY = b"**mxhm", b"**harm"
CHORD_SPINES = (MUSICXML_HARMONY, ROMAN_HARMONY)
UNREAD = "chord symbols that cannot be read"

_MXHM = re.compile(r"([A-G])([#-]*)\s+([a-z0-9-]+)(?:/([A-G])([#-]*))?$")
_HARM = re.compile(
    r"[\d.]*(?P<accidental>[#-]*)(?P<numeral>VII|VI|V|IV|III|II|I|vii|vi|v|iv|iii|ii|i|Lt|Fr|Gn|N)(?P<triad>[o+]?)"
    r"(?P<seventh>[MmD]?7)?(?P<inversion>[a-d]?)[;:]*(?:/(?P<of>[^/]+.*))?$"
)
_DEGREES = {"i": 0, "ii": 1, "iii": 2, "iv": 3, "v": 4, "vi": 5, "vii": 6}
_SPECIAL = {"Lt": (5, 8, "It6"), "Fr": (5, 8, "Fr6"), "Gn": (5, 8, "Ger6"), "N": (1, 1, "")}
"""Degree, semitones above the tonic and quality of augmented sixths and the Neapolitan chord."""
_SCALES = {False: (0, 2, 4, 5, 7, 9, 11), True: (0, 2, 3, 5, 7, 8, 11)}
"""Semitones of major and harmonic minor, which `**harm` takes for the degrees of a minor key."""
_LETTERS = "CDEFGAB"
_TRIADS = {"M": (0, 4, 7), "m": (0, 3, 7), "o": (0, 3, 6), "+": (0, 4, 8)}
_SEVENTHS = {"M7": 11, "m7": 10, "D7": 9}
_QUALITY_OF_NOTES = {notes: quality for quality, notes in reversed(QUALITIES.items())}


def read_chords(
    records: Records, data_records: np.ndarray, cells: Cells, said: Interpretations, left_out: Counter[str]
) -> list[tuple[int, str]]:
    """Record and symbol of each chord, in order; what cannot be read is counted in `left_out`."""
    chords: list[tuple[int, str]] = []
    places = [record for record, _, _ in said.tonics]
    for spine, found in cells.others.items():
        kind = records.spines.kinds[spine]
        if kind not in CHORD_SPINES:
            continue
        for row, token in found:
            text = token.decode("latin-1").strip()
            if kind == MUSICXML_HARMONY:
                symbol = read_musicxml_harmony(text)
            else:
                place = bisect_right(places, data_records[row])
                symbol = read_roman_harmony(text, *said.tonics[place - 1][1:]) if place else None
            if symbol is None:
                left_out[UNREAD] += 1
            else:
                chords.append((int(data_records[row]), symbol))
    return sorted(chords)


def read_musicxml_harmony(text: str) -> str | None:
    """The normal form of a `**mxhm` token; None where it is none."""
    match = _MXHM.match(text)
    if not match:
        return None
    if match[3] == "none":
        return NO_CHORD
    quality = QUALITY_OF_KIND.get(match[3])
    if quality is None or quality not in QUALITIES:
        return None
    bass = match[4] + match[5].replace("-", "b") if match[4] else ""
    return chord_text(match[1] + match[2].replace("-", "b"), quality, (), bass)


def read_roman_harmony(text: str, tonic: str, minor: bool) -> str | None:
    """The normal form of a `**harm` token in a key; None where it is none.

    Args:
        text: such as "V7b" or "viio/V".
        tonic: such as "Bb".
        minor: whether the key is.
    """
    match = _HARM.match(text)
    if not match:
        return None
    if match["of"]:
        applied = _HARM.match(match["of"])
        if not applied or applied["numeral"] in _SPECIAL:
            return None
        if applied["of"]:
            return None
        return read_roman_harmony(
            text[: match.start("of") - 1], _root(applied, tonic, minor), applied["numeral"].islower()
        )
    quality = _roman_quality(match, minor)
    if quality is None:
        return None
    root = _root(match, tonic, minor)
    place = "abcd".find(match["inversion"]) if match["inversion"] else 0
    notes = QUALITIES[quality]
    if place >= len(notes):
        return None
    return chord_text(root, quality, (), _spell(root, 2 * place, notes[place]))


def _root(match: re.Match[str], tonic: str, minor: bool) -> str:
    """The root of a numeral in a key."""
    numeral = match["numeral"]
    if numeral in _SPECIAL:
        degree, semitones, _ = _SPECIAL[numeral]
    else:
        degree = _DEGREES[numeral.lower()]
        semitones = _SCALES[minor][degree] + match["accidental"].count("#") - match["accidental"].count("-")
    return _spell(tonic, degree, semitones)


def _spell(name: str, steps: int, semitones: int) -> str:
    """The note that lies this many letters and semitones above another."""
    letter = _LETTERS[(_LETTERS.index(name[0]) + steps) % 7]
    bent = (pitch_class(name) + semitones - pitch_class(letter) + 6) % 12 - 6
    return letter + ("#" * bent if bent > 0 else "b" * -bent)


def _roman_quality(match: re.Match[str], minor: bool) -> str | None:
    numeral = match["numeral"]
    if numeral in _SPECIAL:
        return _SPECIAL[numeral][2]
    triad = _TRIADS[match["triad"] or ("m" if numeral.islower() else "M")]
    if not match["seventh"]:
        return _QUALITY_OF_NOTES.get(triad)
    seventh = _SEVENTHS.get(match["seventh"])
    if seventh is None:
        # Without a quality it is the seventh of the key.
        scale, degree = _SCALES[minor], _DEGREES[numeral.lower()]
        seventh = (scale[(degree + 6) % 7] - scale[degree]) % 12
    return _QUALITY_OF_NOTES.get((*triad, seventh))
