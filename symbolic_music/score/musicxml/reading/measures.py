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

import math
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from fractions import Fraction

from lxml.etree import _Element

from symbolic_music.score.chords import SEMITONES_OF_LETTER
from symbolic_music.score.errors import Refusal, ScoreError
from symbolic_music.score.musicxml.reading.harmony import harmony_text
from symbolic_music.score.musicxml.reading.header import MAX_TEXT, Instrument, PartHeader, set_midi, whole
from symbolic_music.score.musicxml.reading.signs import Signs
from symbolic_music.score.musicxml.reading.tempo import (
    GRADUAL,
    QUARTERS_OF_TYPE,
    TempoMark,
    metronome_mark,
    sound_tempo,
    words_mark,
)
from symbolic_music.score.notation.clock import MAX_QUARTERS, MAX_UNIT
from symbolic_music.score.notation.dynamics import Dynamics, velocity_of_percent
from symbolic_music.score.notation.instruments import BOWED_STRINGS, PIZZICATO, drum_of_place, program_of_sound
from symbolic_music.score.notation.written import MAX_PASS, Placed, WrittenKey
from symbolic_music.score.programs import DRUMS

_LEFT_OUT_OF_NOTATIONS = {
    "ornaments": "ornaments",
    "articulations": "articulations",
    "technical": "technical indications",
    "slur": "slurs",
    "fermata": "fermatas",
    "arpeggiate": "arpeggios",
    "glissando": "glissandi",
    "slide": "glissandi",
}
_LEFT_OUT_OF_MEASURES = {"figured-bass": "figured basses"}
_LEFT_OUT_OF_DIRECTIONS = {
    "words": "text",
    "pedal": "pedals",
    "rehearsal": "rehearsal marks",
    "octave-shift": "octave lines",
    "harp-pedals": "harp pedals",
}


@dataclass
class MeasureFacts:
    """What one part says of one bar; times in units of the part.

    Args:
        end: where its last note, written rest or <forward> ends.
        sound_end: where its last note or rest ends that is no whole-measure rest.
        note_end: where its last note ends.
        meter: in force; None in free time.
        implicit: whether it is not counted as a bar: an upbeat, or the second half of one.
    """

    end: int = 0
    sound_end: int = 0
    note_end: int = 0
    meter: tuple[int, int] | None = (4, 4)
    implicit: bool = False


@dataclass
class Part:
    """One part as it is written.

    Args:
        header: name and instruments.
        unit: how many units of time a quarter note has.
        facts: of each bar.
        rows: of the notes: staff, instrument program, voice, bar, onset, duration, pitch, velocity percent (-1: none),
            grace, tie start, tie stop, passes (as of `NoteTable`).
        keys: at sounding pitch, with the mode as written.
        tempos, chords: by bar.
        dynamics: bar, onset and sign or level, in the order of the file.
        hairpins: bar and onset of begin and end; 1 for louder, -1 for softer.
    """

    header: PartHeader
    unit: int = 1
    facts: list[MeasureFacts] = field(default_factory=list)
    rows: list[tuple[int, ...]] = field(default_factory=list)
    keys: list[Placed[tuple[WrittenKey, str]]] = field(default_factory=list)
    tempos: list[Placed[TempoMark]] = field(default_factory=list)
    chords: list[Placed[str]] = field(default_factory=list)
    dynamics: list[tuple[int, int, str | int]] = field(default_factory=list)
    hairpins: list[tuple[int, int, int, int, int]] = field(default_factory=list)

    def dynamics_at(self, starts: list[float]) -> Dynamics:
        """The part's dynamics by time, where each bar starts at `starts`, in quarter notes."""
        found = Dynamics()
        for bar, onset, sign in self.dynamics:
            time = starts[bar] + onset / self.unit
            if isinstance(sign, int):
                found.levels.append((time, sign))
            else:
                found.add_sign(time, sign)
        for bar, onset, end_bar, end_onset, way in self.hairpins:
            found.hairpins.append((starts[bar] + onset / self.unit, starts[end_bar] + end_onset / self.unit, way))
        return found


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


def _common_unit(measures: Iterable[_Element]) -> int:
    """The least number in which every <divisions> of the part goes."""
    unit = 1
    for measure in measures:
        for divisions in measure.iterfind("attributes/divisions"):
            unit = math.lcm(unit, _divisions(divisions.text))
            if unit > MAX_UNIT:
                detail = f"expected at most {MAX_UNIT:,} divisions of a quarter note, found {unit:.3g}"
                raise ScoreError(Refusal.CORRUPT_TIMING, None, detail)
    return unit


def _divisions(text: str | None) -> int:
    """Divisions of a quarter note; 1 for what is no number above 0, and fractions are made whole."""
    number = _number(text)
    if number is None or number <= 0:
        return 1
    # "0.5" and the like: MusicXML allows decimals, whose durations are then decimals too.
    return number.numerator if number.denominator == 1 else math.ceil(number)


def _number(text: str | None) -> Fraction | None:
    """A decimal number of reasonable length; None for anything else."""
    text = (text or "").strip()
    if text.isdecimal() and len(text) < 16:
        return Fraction(int(text))
    try:
        return Fraction(text) if len(text) < 32 and "e" not in text.lower() else None
    except (ValueError, ZeroDivisionError):
        return None


class _PartReader:
    """Walks through a part; knows the cursor and all that holds until it is changed."""

    def __init__(self, header: PartHeader, measures: list[_Element], signs: Signs, left_out: Counter[str]) -> None:
        self.part = Part(header, _common_unit(measures))
        self.measures = measures
        self.signs = signs
        self.left_out = left_out
        self.scale = self.part.unit
        self.meter: tuple[int, int] | None = (4, 4)
        self.transpositions: dict[int, int] = {}
        self.key_shift = 0
        self.instrument = header.first
        self.pizzicato = False
        self.open_hairpins: dict[str, tuple[int, int, int]] = {}
        self.bar = 0
        self.position = 0
        self.chord_onset = self.chord_length = 0
        self.chord_value: tuple[str | None, int] = (None, 0)
        self.facts = MeasureFacts()
        self.voices: dict[str, int] = {}
        self.pending_grace: dict[int, list[int]] = {}
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

    # Time

    def _length(self, text: str | None) -> int:
        """A <duration> in units; what is below 0 is 0."""
        if text is not None and text.isdecimal() and len(text) < 10:
            units = int(text) * self.scale
        else:
            units = self._odd_length(text)
        if units > MAX_QUARTERS * self.part.unit:
            detail = (
                f"expected durations of at most {MAX_QUARTERS:,} quarter notes, found {units / self.part.unit:.3g}"
            )
            raise ScoreError(Refusal.CORRUPT_TIMING, None, detail)
        return units

    def _odd_length(self, text: str | None) -> int:
        """A <duration> that is no plain whole number: decimals are allowed, what is no number or below 0 is 0."""
        number = _number(text)
        if number is None and (text or "").strip().isdecimal():
            detail = (
                f"expected durations of at most {MAX_QUARTERS:,} quarter notes, found {(text or '').strip()[:20]}…"
            )
            raise ScoreError(Refusal.CORRUPT_TIMING, None, detail)
        if number is None or number < 0:
            self.left_out["durations that cannot be"] += 1
            return 0
        return round(number * self.scale)

    def _backup(self, element: _Element) -> None:
        self.position -= self._length(element.findtext("duration"))
        if self.position < 0:
            self.left_out["backups beyond the bar line"] += 1
            self.position = 0

    def _forward(self, element: _Element) -> None:
        self.position += self._length(element.findtext("duration"))
        self.facts.end = max(self.facts.end, self.position)

    def _onset(self, offset: _Element | None = None) -> Fraction:
        """Where the cursor is, in quarter notes; an <offset> is in divisions and may be negative."""
        shift = _number(offset.text) if offset is not None else None
        units = self.position + (shift or 0) * self.scale
        return max(Fraction(0), Fraction(units) / self.part.unit)

    # Notes

    def _note(self, note: _Element) -> None:
        step = instrument = unpitched = kind = None
        octave = alter = dots = 0
        duration: str | None = None
        chord = rest = grace = cue = whole_rest = tie_start = tie_stop = False
        tie_seen = False
        notations: _Element | None = None
        voice, staff = "1", 1
        for child in note:
            tag = child.tag
            if tag == "pitch":
                for each in child:
                    if each.tag == "step":
                        step = each.text
                    elif each.tag == "octave":
                        octave = whole(each.text) or 0
                    elif each.tag == "alter":
                        alter = self._alter(each.text)
            elif tag == "duration":
                duration = child.text
            elif tag == "voice":
                voice = child.text or "1"
            elif tag == "chord":
                chord = True
            elif tag == "staff":
                staff = whole(child.text) or 1
            elif tag == "rest":
                rest, whole_rest = True, child.get("measure") == "yes"
            elif tag == "tie":
                tie_seen = True
                if child.get("time-only") is not None:
                    self.left_out["ties for some passes only"] += 1
                tie_start = tie_start or child.get("type") == "start"
                tie_stop = tie_stop or child.get("type") == "stop"
            elif tag == "notations":
                notations = child
            elif tag == "grace":
                grace = True
            elif tag == "instrument":
                instrument = child.get("id")
            elif tag == "unpitched":
                unpitched = child
            elif tag == "cue":
                cue = True
            elif tag == "type":
                kind = child.text
            elif tag == "dot":
                dots += 1
            elif tag == "lyric":
                self.left_out["lyrics"] += 1
        length = 0
        if not grace:
            length = self._length(duration) if duration is not None else self._length_of_type(kind, dots, note)
            length = self._length_in_chord(length, chord, (kind, dots))
        onset = self._advance(length, chord, rest, whole_rest)
        if rest:
            if not grace:
                self._settle_grace(self._voice(voice))
            return
        if cue:
            self.left_out["cue notes"] += 1
            return
        if notations is not None:
            started, stopped = self._notations(notations, onset)
            if not tie_seen:
                tie_start, tie_stop = started, stopped
        program, pitch = self._sound_of(step, octave, alter, unpitched, instrument, staff)
        if pitch is None:
            return
        percent = self._percent(note)
        number = self._voice(voice)
        row = (
            staff,
            program,
            number,
            self.bar,
            onset,
            length,
            pitch,
            percent,
            int(grace),
            tie_start,
            tie_stop,
            self._passes(note),
        )
        if grace:
            group = self.pending_grace.setdefault(number, [])
            # Notes of one chord share their place.
            group.append(-len(self.part.rows) - 1 if chord and group else len(self.part.rows) + 1)
        elif not chord:
            self._settle_grace(number)
        self.part.rows.append(row)

    def _advance(self, length: int, chord: bool, rest: bool, whole_rest: bool) -> int:
        """Move the cursor by a note or rest; where that begins."""
        if chord:
            return self.chord_onset
        onset = self.chord_onset = self.position
        self.position += length
        if self.position > self.facts.end:
            self.facts.end = self.position
        if not whole_rest and self.position > self.facts.sound_end:
            self.facts.sound_end = self.position
        if not rest and self.position > self.facts.note_end:
            self.facts.note_end = self.position
        return onset

    def _length_in_chord(self, length: int, chord: bool, value: tuple[str | None, int]) -> int:
        """The length of the chord's first note where the same note value is written; some files shorten the others."""
        if not chord:
            self.chord_length, self.chord_value = length, value
        elif value == self.chord_value and value[0] is not None:
            return self.chord_length
        return length

    def _length_of_type(self, kind: str | None, dots: int, note: _Element) -> int:
        """A note without <duration>, which MusicXML does not allow: what its <type> says."""
        self.left_out["notes without a duration"] += 1
        quarters = Fraction(QUARTERS_OF_TYPE.get((kind or "").strip(), 0.0)) * (2 - Fraction(1, 2**dots))
        actual = whole(note.findtext("time-modification/actual-notes")) or 1
        normal = whole(note.findtext("time-modification/normal-notes")) or 1
        return round(quarters * normal / max(1, actual) * self.part.unit)

    def _voice(self, text: str) -> int:
        return self.voices.setdefault(text, len(self.voices))

    def _settle_grace(self, voice: int) -> None:
        """Number the grace notes of a voice backwards from the note that has come."""
        group = self.pending_grace.pop(voice, None)
        if not group:
            return
        place = sum(entry > 0 for entry in group) + 1
        for entry in group:
            if entry > 0:
                place -= 1
            index = abs(entry) - 1
            row = self.part.rows[index]
            self.part.rows[index] = (*row[:8], place, *row[9:])

    def _alter(self, text: str | None) -> int:
        number = _number(text)
        if number is None:
            return 0
        if number.denominator != 1:
            self.left_out["quarter tones"] += 1
        # A quarter tone sharp is read as the natural note, as a piano would play it.
        return int(number)

    def _passes(self, note: _Element) -> int:
        """The passes that a note is played on, as `NoteTable` has them; 0 for all."""
        text = note.get("time-only")
        if text is None:
            return 0
        numbers = [whole(each) for each in text[:MAX_TEXT].split(",")]
        passes = {number for number in numbers if number is not None and 1 <= number <= MAX_PASS}
        if len(passes) != len(numbers):
            self.left_out["passes that cannot be read"] += 1
        return sum(1 << number - 1 for number in passes)

    def _percent(self, note: _Element) -> int:
        """A note's own loudness as a velocity; -1 where it has none."""
        text = note.get("dynamics")
        number = _number(text) if text is not None else None
        return velocity_of_percent(float(number)) if number is not None and 0 <= number < 1000 else -1

    def _sound_of(
        self,
        step: str | None,
        octave: int,
        alter: int,
        unpitched: _Element | None,
        instrument_id: str | None,
        staff: int,
    ) -> tuple[int, int | None]:
        """Program and MIDI pitch of a note; None, and counted, for one that no pitch can be found for."""
        instrument = self._instrument(instrument_id)
        if unpitched is not None or (instrument.program == DRUMS and instrument.drum is not None):
            return self._drum(instrument, unpitched)
        semitone = SEMITONES_OF_LETTER.get((step or "").strip())
        if semitone is None:
            self.left_out["notes without a pitch"] += 1
            return 0, None
        pitch = 12 * (octave + 1) + semitone + alter
        if instrument.program != DRUMS:
            pitch += self.transpositions.get(staff, self.transpositions.get(0, 0))
        if not 0 <= pitch <= 127:
            self.left_out["notes beyond MIDI's pitches"] += 1
            return 0, None
        program = instrument.program
        if self.pizzicato and program in BOWED_STRINGS:
            program = PIZZICATO
        return program, pitch

    def _instrument(self, name: str | None) -> Instrument:
        instruments = self.part.header.instruments
        found = instruments.get(name) if name is not None else None
        return found or instruments[self.instrument]

    def _drum(self, instrument: Instrument, unpitched: _Element | None) -> tuple[int, int | None]:
        """A note without pitch: its instrument's key, or else that of its place on the staff."""
        key = instrument.drum
        if key is None and unpitched is not None:
            step = (unpitched.findtext("display-step") or "").strip()
            key = drum_of_place(step, whole(unpitched.findtext("display-octave")) or 0)
        if key is None:
            self.left_out["unpitched notes of unknown instruments"] += 1
        return DRUMS, key

    def _notations(self, notations: _Element, onset: int) -> tuple[bool, bool]:
        """Count what is left out; whether <tied> starts and stops here."""
        start = stop = False
        for child in notations:
            if child.tag == "tied":
                start = start or child.get("type") == "start"
                stop = stop or child.get("type") == "stop"
            elif child.tag == "dynamics":
                self._dynamics(child, onset)
            else:
                kind = _LEFT_OUT_OF_NOTATIONS.get(child.tag)
                if kind is not None and child.get("type") != "stop":
                    self.left_out[kind] += 1
        return start, stop

    # What holds until it is changed

    def _attributes(self, attributes: _Element) -> None:
        # The transposition first: the key that stands beside it is written in it.
        for child in attributes.iterfind("transpose"):
            self._transpose(child)
        for child in attributes:
            if child.tag == "divisions":
                self.scale = self.part.unit // _divisions(child.text)
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
                        self._dynamics(child, self.position, signs_only=loud)
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

    def _dynamics(self, dynamics: _Element, onset: int, signs_only: bool = False) -> None:
        for child in dynamics:
            self.part.dynamics.append((self.bar, onset, str(child.tag)))

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
            number = _number(sound.get("dynamics"))
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
