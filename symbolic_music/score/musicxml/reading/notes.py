"""<note> elements -> rows of written notes. Knows nothing of directions."""

from collections import Counter
from fractions import Fraction

from lxml.etree import _Element

from symbolic_music.score.chords import SEMITONES_OF_LETTER
from symbolic_music.score.musicxml.reading.attributes import AttributeReader
from symbolic_music.score.musicxml.reading.header import MAX_TEXT, Instrument, whole
from symbolic_music.score.musicxml.reading.part import Part, number_of
from symbolic_music.score.musicxml.reading.tempo import QUARTERS_OF_TYPE
from symbolic_music.score.notation.dynamics import velocity_of_percent
from symbolic_music.score.notation.instruments import BOWED_STRINGS, PIZZICATO, drum_of_place
from symbolic_music.score.notation.written import MAX_PASS
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


class NoteReader(AttributeReader):
    """Reads <note>, in the order of the file: chord notes follow their chord's first, grace notes their main note."""

    def __init__(self, part: Part, left_out: Counter[str]) -> None:
        super().__init__(part, left_out)
        self.pizzicato = False
        self.chord_onset = self.chord_length = 0
        self.chord_value: tuple[str | None, int] = (None, 0)
        self.voices: dict[str, int] = {}
        self.pending_grace: dict[int, list[int]] = {}

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
        number = number_of(text)
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
        number = number_of(text) if text is not None else None
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

    def _dynamics(self, dynamics: _Element, onset: int) -> None:
        for child in dynamics:
            self.part.dynamics.append((self.bar, onset, str(child.tag)))
