"""One part's measures -> rows of written notes, and what stands in its bars besides. The walk through the XML.

A cursor goes through each measure in the order of the file: <note>, <forward> and <backup> move it, everything else
stands where it is. Times are whole numbers of one unit for the part, in which all its divisions can be counted.

- <pitch> is what is written: <transpose> makes it sounding. <octave-shift> and clefs do not: the pitch of notes under
  8va is already the one that is performed (MusicXML 4.0, `octave-shift`).
- A note is tied by <tie>, or where a program wrote none, by <tied>.
- A note with `time-only` is played on the passes that it names; a <tie> or <sound> with it, on all.
- Cue notes are silent. Lyrics, ornaments, articulations, slurs and the like are counted and left out.

Knows nothing of other parts, nor of how long bars last.
"""

from collections import Counter
from collections.abc import Callable

from lxml.etree import _Element

from symbolic_music.score.musicxml.reading.harmony import harmony_text
from symbolic_music.score.musicxml.reading.header import MAX_TEXT, PartHeader
from symbolic_music.score.musicxml.reading.notes import NoteReader
from symbolic_music.score.musicxml.reading.part import MeasureFacts, Part, common_unit, number_of
from symbolic_music.score.musicxml.reading.signs import Signs
from symbolic_music.score.musicxml.reading.tempo import GRADUAL, TempoMark, metronome_mark, sound_tempo, words_mark
from symbolic_music.score.notation.dynamics import velocity_of_percent
from symbolic_music.score.notation.written import Placed

_LEFT_OUT_OF_MEASURES = {"figured-bass": "figured basses"}
_LEFT_OUT_OF_DIRECTIONS = {
    "words": "text",
    "pedal": "pedals",
    "rehearsal": "rehearsal marks",
    "octave-shift": "octave lines",
    "harp-pedals": "harp pedals",
}


def read_part(header: PartHeader, measures: list[_Element], signs: Signs, left_out: Counter[str]) -> Part:
    """Read one part.

    Args:
        header: its entry in the list of parts.
        measures: each holds the part's notes of one bar: <measure>, or a timewise score's <part>.
        signs: takes the signs of repetition.
        left_out: counts what is left out, by kind.

    Raises:
        ScoreError: corrupt_timing, for divisions or durations beyond all music.
    """
    return _PartReader(header, measures, signs, left_out).read()


class _PartReader(NoteReader):
    """Walks through a part: gives each element to what reads it; reads directions, harmony and barlines itself."""

    def __init__(self, header: PartHeader, measures: list[_Element], signs: Signs, left_out: Counter[str]) -> None:
        super().__init__(Part(header, common_unit(measures)), left_out)
        self.measures = measures
        self.signs = signs
        self.open_hairpins: dict[str, tuple[int, int, int]] = {}
        self.handlers: dict[str, Callable[[_Element], None]] = {
            "note": self._note,
            "backup": self._backup,
            "forward": self._forward,
            "attributes": self._attributes,
            "direction": self._direction,
            "harmony": self._harmony,
            "barline": self._barline,
            "sound": self._sound_alone,
        }

    def read(self) -> Part:
        for bar, measure in enumerate(self.measures):
            self.bar = bar
            self.position = self.chord_onset = 0
            self.facts = MeasureFacts(meter=self.meter, implicit=measure.get("implicit") == "yes")
            for element in measure:
                handler = self.handlers.get(element.tag)
                if handler is not None:
                    handler(element)
                elif element.tag in _LEFT_OUT_OF_MEASURES:
                    self.left_out[_LEFT_OUT_OF_MEASURES[element.tag]] += 1
            for voice in list(self.pending_grace):
                self._settle_grace(voice)
            self.facts.meter = self.meter
            self.part.facts.append(self.facts)
        return self.part

    # Directions

    def _barline(self, barline: _Element) -> None:
        self.signs.add_barline(barline, self.bar)

    def _harmony(self, harmony: _Element) -> None:
        text = harmony_text(harmony)
        if text is None:
            self.left_out["chord symbols that cannot be read"] += 1
        else:
            self.part.chords.append(Placed(self.bar, self._onset(harmony.find("offset")), text))

    def _direction(self, direction: _Element) -> None:
        sound = direction.find("sound")
        jumps, tempo = self._sound(sound) if sound is not None else (False, False)
        loud = sound is not None and sound.get("dynamics") is not None
        for kind in direction.iterfind("direction-type"):
            for child in kind:
                if child.tag == "words":
                    self._words(child, jumps, tempo)
                elif child.tag == "metronome" and not tempo:
                    self._add_tempo(metronome_mark(child))
                elif child.tag == "dynamics":
                    if not loud or any(True for each in child if each.tag not in ("p", "f")):
                        self._dynamics(child, self.position)
                elif child.tag == "wedge":
                    self._wedge(child)
                elif child.tag in ("segno", "coda") and not jumps:
                    self.signs.add_sign(child.tag, *self._bars_around())
                elif child.tag in _LEFT_OUT_OF_DIRECTIONS and child.get("type") != "stop":
                    self.left_out[_LEFT_OUT_OF_DIRECTIONS[child.tag]] += 1

    def _bars_around(self) -> tuple[int, int]:
        """The bar that begins where the cursor is and the one that ends there; within a bar both are that bar."""
        if self.position == 0:
            return self.bar, max(0, self.bar - 1)
        at_end = self.position >= self.facts.end and self.bar + 1 < len(self.measures)
        return self.bar + at_end, self.bar

    def _words(self, words: _Element, jumps: bool, tempo: bool) -> None:
        text = " ".join((words.text or "")[:MAX_TEXT].split())
        if not text:
            return
        mark = None if tempo else words_mark(text)
        if mark is not None:
            self._add_tempo(mark)
        elif not jumps and self.signs.add_words(text, self.bar, self._bars_around()[0]):
            return
        elif GRADUAL.search(text.casefold()):
            self.left_out["gradual changes of tempo"] += 1
        elif not tempo and not jumps:
            self.left_out["text"] += 1

    def _add_tempo(self, mark: TempoMark | None) -> None:
        if mark is None:
            self.left_out["tempo marks that cannot be read"] += 1
        else:
            self.part.tempos.append(Placed(self.bar, self._onset(), mark))

    def _wedge(self, wedge: _Element) -> None:
        number, kind = wedge.get("number", "1"), wedge.get("type")
        if kind in ("crescendo", "diminuendo"):
            self.open_hairpins[number] = (self.bar, self.position, 1 if kind == "crescendo" else -1)
        elif kind == "stop" and number in self.open_hairpins:
            bar, onset, way = self.open_hairpins.pop(number)
            self.part.hairpins.append((bar, onset, self.bar, self.position, way))

    def _sound_alone(self, sound: _Element) -> None:
        self._sound(sound)

    def _sound(self, sound: _Element) -> tuple[bool, bool]:
        """Take a <sound>; whether it says where to jump, and which tempo."""
        tempo = sound.get("tempo")
        if tempo is not None:
            self._add_tempo(sound_tempo(tempo))
        if sound.get("dynamics") is not None:
            number = number_of(sound.get("dynamics"))
            if number is not None and 0 < number < 1000:
                self.part.dynamics.append((self.bar, self.position, velocity_of_percent(float(number))))
        if sound.get("pizzicato") is not None:
            self.pizzicato = sound.get("pizzicato") == "yes"
        if sound.get("time-only") is not None:
            self.left_out["sounds for some passes only"] += 1
        for child in sound:
            if child.tag == "instrument-change":
                self._change_instrument(child)
            elif child.tag == "midi-instrument":
                self._change_program(child)
        return self.signs.add_sound(sound, *self._bars_around()), tempo is not None
