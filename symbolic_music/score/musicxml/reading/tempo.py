"""Tempo marks of MusicXML -> quarter notes a minute.

What sounds counts first: <sound tempo>, in quarter notes a minute (MusicXML 4.0). Then <metronome>, dotted notes and
all; "note = note" multiplies the tempo in force, the left note being of the old tempo and the right one of the new
(Gould, Behind Bars, "Equating tempos"). Then the Italian, French, German and English words of the table, which are
common metronomes' and MuseScore's; "a tempo" and "Tempo I" go back. Gradual changes (rit., accel.) are left out.
Knows nothing of bars.
"""

import re
from dataclasses import dataclass

from lxml.etree import _Element

TEMPO_RANGE = (5.0, 1000.0)
"""Quarter notes a minute beyond which a mark is a slip."""
DEFAULT_TEMPO = 120.0
QUARTERS_OF_TYPE = {
    "maxima": 32.0,
    "long": 16.0,
    "breve": 8.0,
    "whole": 4.0,
    "half": 2.0,
    "quarter": 1.0,
    "eighth": 0.5,
    "16th": 0.25,
    "32nd": 0.125,
    "64th": 0.0625,
    "128th": 0.03125,
    "256th": 0.015625,
    "512th": 0.0078125,
    "1024th": 0.00390625,
}
WORDS = {
    "larghissimo": 24,
    "grave": 35,
    "largo": 50,
    "lento": 52.5,
    "larghetto": 63,
    "adagio": 71,
    "adagietto": 74,
    "andante": 92,
    "andantino": 94,
    "moderato": 114,
    "andante moderato": 100,
    "allegretto": 116,
    "allegro moderato": 118,
    "allegro": 144,
    "vivace": 172,
    "vivacissimo": 184,
    "allegrissimo": 180,
    "allegro vivace": 172,
    "presto": 187,
    "prestissimo": 200,
    "lent": 52.5,
    "modéré": 114,
    "vif": 172,
    "langsam": 55,
    "mässig": 105,
    "mäßig": 105,
    "lebhaft": 144,
    "schnell": 160,
    "rasch": 150,
    "slow": 60,
    "moderately": 110,
    "fast": 150,
}
"""Quarter notes a minute; the longest words that a mark begins with count."""
_WORDS_BY_LENGTH = sorted(WORDS, key=len, reverse=True)
_A_TEMPO = re.compile(r"^a tempo\b")
_FIRST_TEMPO = re.compile(r"^tempo (i\b|1|primo|i[mo°º]|1[mo°º])")
GRADUAL = re.compile(r"\b(rit|ritard|ritardando|rall|rallentando|accel|accelerando|string|stringendo|allarg)\b")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)?")


@dataclass(frozen=True)
class TempoMark:
    """A tempo, or a change of the one in force.

    Args:
        rank: 0 for what sounds, 1 for metronome marks, 2 for words: of several at one place the least counts.
        qpm: quarter notes a minute; 0 where the mark is relative.
        ratio: what the tempo in force is multiplied with; 0 for none.
        back: "a tempo" or "tempo I": to the last tempo that was stated, or to the first.
    """

    rank: int
    qpm: float = 0.0
    ratio: float = 0.0
    back: str = ""


def sound_tempo(text: str | None) -> TempoMark | None:
    """The mark of a `tempo` attribute; None where it is no possible tempo."""
    return _absolute(0, _first_number(text))


def metronome_mark(metronome: _Element) -> TempoMark | None:
    """The mark of a <metronome>; None for those that state no tempo, such as swing."""
    units: list[float] = []
    dot = 0.0
    for child in metronome:
        if child.tag == "beat-unit":
            units.append(QUARTERS_OF_TYPE.get((child.text or "").strip(), 0.0))
            dot = units[-1] / 2
        elif child.tag == "beat-unit-dot" and units:
            units[-1] += dot
            dot /= 2
    if len(units) == 2 and all(units):
        return TempoMark(1, ratio=units[1] / units[0])
    per_minute = _first_number(metronome.findtext("per-minute"))
    return _absolute(1, per_minute * units[0]) if per_minute and units else None


def words_mark(text: str) -> TempoMark | None:
    """The mark of words such as "Allegro ma non troppo"; None where they are none of the table."""
    plain = " ".join(re.sub(r"[^\w°º]+", " ", text.casefold()).split())
    if _A_TEMPO.match(plain):
        return TempoMark(2, back="a tempo")
    if _FIRST_TEMPO.match(plain):
        return TempoMark(2, back="tempo I")
    for words in _WORDS_BY_LENGTH:
        if plain == words or plain.startswith(f"{words} "):
            return TempoMark(2, qpm=float(WORDS[words]))
    return None


def resolve(marks: list[TempoMark]) -> list[float | None]:
    """The tempo of each mark, in order; None where it changes nothing that is known."""
    first = stated = current = 0.0
    tempos: list[float | None] = []
    for mark in marks:
        if mark.ratio:
            tempo = (current or DEFAULT_TEMPO) * mark.ratio
        elif mark.back:
            tempo = stated if mark.back == "a tempo" else first
        else:
            tempo = mark.qpm
        if not TEMPO_RANGE[0] <= tempo <= TEMPO_RANGE[1]:
            tempos.append(None)
            continue
        current, first = tempo, first or tempo
        stated = stated if mark.back else tempo
        tempos.append(tempo)
    return tempos


def _absolute(rank: int, qpm: float) -> TempoMark | None:
    return TempoMark(rank, qpm=qpm) if TEMPO_RANGE[0] <= qpm <= TEMPO_RANGE[1] else None


def _first_number(text: str | None) -> float:
    """The first number of a text such as "c. 120-126"; 0 for none."""
    found = _NUMBER.search(text or "")
    return float(found[0].replace(",", ".")) if found and len(found[0]) < 12 else 0.0
