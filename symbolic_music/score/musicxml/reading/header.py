"""What a MusicXML file says before its music: title, composer, rights, and the instruments of its parts.

Knows nothing of measures.
"""

from dataclasses import dataclass, field

from lxml.etree import _Element

from symbolic_music.score.notation.instruments import (
    drum_of_name,
    is_drum_part,
    program_of_name,
    program_of_sound,
)
from symbolic_music.score.programs import DRUMS

DRUM_CHANNEL = 10
MAX_TEXT = 1_000
"""Characters of a name or title; more is no name."""


@dataclass
class Instrument:
    """One of a part's instruments.

    Args:
        name: as written.
        program: 0 to 127, or `DRUMS`.
        drum: the MIDI key that its notes without pitch sound, 0 to 127; None where nothing says so.
    """

    name: str
    program: int
    drum: int | None = None


@dataclass
class PartHeader:
    """A part as the list of parts states it; `first` is the instrument its notes begin with."""

    name: str = ""
    instruments: dict[str, Instrument] = field(default_factory=dict)
    first: str = ""


@dataclass(frozen=True)
class Titles:
    """What a file says of the piece; "" where it says nothing."""

    title: str = ""
    composer: str = ""
    license: str = ""


def read_titles(root: _Element) -> Titles:
    """Title (of the work, else of the movement, else what the first page shows), composer and rights."""
    work, movement = _text(root.find("work/work-title")), _text(root.find("movement-title"))
    title = work or movement or _credit(root, "title")
    if work and movement and movement != work:
        title = f"{work}: {movement}"
    creators = root.findall("identification/creator")
    composer = next((_text(each) for each in creators if each.get("type") == "composer" and _text(each)), "")
    rights = [_text(each) for each in root.findall("identification/rights")]
    return Titles(title, composer or _credit(root, "composer"), "; ".join(text for text in rights if text))


def _credit(root: _Element, kind: str) -> str:
    for credit in root.findall("credit"):
        if _text(credit.find("credit-type")) == kind:
            return " ".join(_text(words) for words in credit.findall("credit-words")).strip()
    return ""


def _text(element: _Element | None) -> str:
    return " ".join((element.text or "")[:MAX_TEXT].split()) if element is not None else ""


def read_parts(root: _Element) -> dict[str, PartHeader]:
    """The parts of <part-list> by their id."""
    return {part.get("id", ""): _part(part) for part in root.iterfind("part-list/score-part")}


def _part(part: _Element) -> PartHeader:
    header = PartHeader(_text(part.find("part-name")))
    for element in part.iterfind("score-instrument"):
        name = _text(element.find("instrument-name"))
        program = program_of_sound(_text(element.find("instrument-sound")))
        header.instruments[element.get("id", "")] = Instrument(name, _guess(program, name, header.name))
    for midi in part.iterfind("midi-instrument"):
        name = midi.get("id", "")
        instrument = header.instruments.setdefault(name, Instrument("", _guess(None, "", header.name)))
        set_midi(instrument, midi)
    if not header.instruments:
        header.instruments[""] = Instrument("", _guess(None, "", header.name))
    for instrument in header.instruments.values():
        if instrument.drum is None and instrument.program == DRUMS:
            instrument.drum = drum_of_name(instrument.name)
    header.first = next(iter(header.instruments))
    return header


def _guess(program: int | None, name: str, part_name: str) -> int:
    """The program of a sound, or else of names; a piano where they say nothing."""
    if program is None:
        program = program_of_name(name)
    if program is None and (is_drum_part(part_name) or is_drum_part(name)):
        return DRUMS
    if program is None:
        program = program_of_name(part_name)
    return program or 0


def set_midi(instrument: Instrument, midi: _Element) -> None:
    """Let a <midi-instrument> change an instrument; numbers in MusicXML count from 1, and slips beyond are ignored."""
    program = whole(midi.findtext("midi-program"))
    if program is not None and 1 <= program <= 128:
        instrument.program = program - 1
    drum = whole(midi.findtext("midi-unpitched"))
    if drum is not None and 1 <= drum <= 128:
        instrument.drum = drum - 1
    if whole(midi.findtext("midi-channel")) == DRUM_CHANNEL or (drum is not None and program is None):
        instrument.program = DRUMS


def whole(text: str | None) -> int | None:
    """A whole number of text such as " 12 " or "12.0"; None where it is none."""
    try:
        number = float(text) if text else None
    except ValueError:
        return None
    return int(number) if number is not None and abs(number) < 1e15 and number == int(number) else None
