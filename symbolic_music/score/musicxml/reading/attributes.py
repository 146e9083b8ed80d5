"""What holds in a part until it is changed: divisions, meter, key, transposition and instruments."""

from collections import Counter
from fractions import Fraction

from lxml.etree import _Element

from symbolic_music.score.musicxml.reading.cursor import Cursor
from symbolic_music.score.musicxml.reading.header import Instrument, set_midi, whole
from symbolic_music.score.musicxml.reading.part import Part, divisions
from symbolic_music.score.notation.instruments import program_of_sound
from symbolic_music.score.notation.written import Placed, WrittenKey


class AttributeReader(Cursor):
    """Reads <attributes> and changes of instrument."""

    def __init__(self, part: Part, left_out: Counter[str]) -> None:
        super().__init__(part, left_out)
        self.meter: tuple[int, int] | None = (4, 4)
        self.transpositions: dict[int, int] = {}
        self.key_shift = 0
        self.instrument = part.header.first

    def _attributes(self, attributes: _Element) -> None:
        # The transposition first: the key that stands beside it is written in it.
        for child in attributes.iterfind("transpose"):
            self._transpose(child)
        for child in attributes:
            if child.tag == "divisions":
                self.scale = self.part.unit // divisions(child.text)
            elif child.tag == "time":
                self._time(child)
            elif child.tag == "key":
                self._key(child)

    def _time(self, time: _Element) -> None:
        """A meter; of several for the staves of a part the first counts, and sums such as 3+2/8 are summed."""
        if time.get("number", "1") != "1":
            return
        if time.find("senza-misura") is not None:
            self.meter = None
            return
        quarters = Fraction(0)
        denominator = 1
        for beats, kind in zip(time.iterfind("beats"), time.iterfind("beat-type"), strict=False):
            numbers = [whole(each) for each in (beats.text or "").split("+")]
            value = whole(kind.text)
            if value not in (1, 2, 4, 8, 16, 32, 64) or not all(numbers):
                self.left_out["meters that cannot be read"] += 1
                return
            quarters += Fraction(4 * sum(number for number in numbers if number), value)
            denominator = max(denominator, value)
        numerator = quarters * denominator / 4
        if quarters and numerator.denominator == 1:
            self.meter = (int(numerator), denominator)

    def _transpose(self, transpose: _Element) -> None:
        chromatic = whole(transpose.findtext("chromatic")) or 0
        octaves = whole(transpose.findtext("octave-change")) or 0
        if transpose.find("double") is not None:
            self.left_out["doublings at the octave"] += 1
        if abs(chromatic) > 127 or abs(octaves) > 10:
            self.left_out["transpositions that cannot be"] += 1
            return
        staff = whole(transpose.get("number")) or 0
        if not staff:
            self.transpositions.clear()
        self.transpositions[staff] = chromatic + 12 * octaves
        # By how many fifths sounding keys lie from written ones: 2 fewer for an instrument in B flat.
        diatonic = whole(transpose.findtext("diatonic"))
        self.key_shift = 7 * chromatic - 12 * diatonic if diatonic is not None else (7 * chromatic + 6) % 12 - 6

    def _key(self, key: _Element) -> None:
        fifths = whole(key.findtext("fifths"))
        if key.get("number", "1") != "1":
            return
        if fifths is None or abs(fifths) > 14:
            self.left_out["keys that cannot be read"] += 1
            return
        mode = (key.findtext("mode") or "").strip().lower()
        sounding = fifths + self.key_shift
        sounding = (sounding + 5) % 12 - 5 if abs(sounding) > 7 else sounding
        value = (WrittenKey(sounding, mode in ("minor", "aeolian")), mode)
        self.part.keys.append(Placed(self.bar, self._onset(), value))

    def _change_instrument(self, change: _Element) -> None:
        name = change.get("id", "")
        instruments = self.part.header.instruments
        if name not in instruments:
            instruments[name] = Instrument("", instruments[self.instrument].program)
            program = program_of_sound(change.findtext("instrument-sound") or "")
            if program is not None:
                instruments[name].program = program
        self.instrument = name

    def _change_program(self, midi: _Element) -> None:
        """A program change in the middle of a part, for the notes from here on, whichever instrument it names."""
        name = midi.get("id", self.instrument)
        instruments = self.part.header.instruments
        if name not in instruments:
            instruments[name] = Instrument("", instruments[self.instrument].program)
        set_midi(instruments[name], midi)
        if instruments[name].drum is None:
            self.instrument = name
