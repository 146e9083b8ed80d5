"""One voice of an ABC tune as it is written: its notes by bar, in exact lengths, and the signs at its bars.

Takes signs one by one and remembers what they leave in force: key, accidentals, unit length, tuplets, ties, loudness.
Knows nothing of lines, fields' texts, or other voices.
"""

from fractions import Fraction
from math import lcm

from symbolic_music.score.abc.parse.elements import Bar, Head, Instrument, Loudness, NoteRow, Setting
from symbolic_music.score.abc.parse.fields import Key, Meter, Sounding
from symbolic_music.score.abc.parse.signs import ALTERATIONS, TUPLET_TIME, length_of, nearest_semitone
from symbolic_music.score.chords import SEMITONES_OF_LETTER
from symbolic_music.score.errors import Refusal, ScoreError
from symbolic_music.score.notation.playback import MAX_PLAYED_BARS

MAX_NOTES = 300_000
"""Written notes of a tune; more is no music, and takes seconds to read."""
_FOUR_FOUR = Meter(4, 4)
_MAX_UNITS = 10**8


class Voice:
    """A voice under construction."""

    def __init__(self, name: str, setting: Setting) -> None:
        self.name = name
        self.title = ""
        self.setting = setting
        self.rows: list[NoteRow] = []
        self.bars: list[Bar] = [Bar(setting.meter)]
        self.microtones = 0
        self.index = 0
        self.layer = 0
        # The place in the bar is `at / per` quarter notes.
        self.at, self.per = 0, 1
        self.has_notes = False
        self.onset_of_last = (0, 0)
        self._end_of_layers = Fraction(0)
        self._overlay_start: tuple[int, Fraction] | None = None
        self._lengths: dict[str, Fraction] = {}
        self._accidentals: dict[str, int] = {}
        self._ties: dict[int, dict[int, NoteRow]] = {}
        # What is tied into a first ending is tied into the others, too.
        self._tied_into_endings: dict[int, NoteRow] = {}
        self._tied_again: dict[int, NoteRow] = {}
        self._carried: dict[tuple[str, str], int] = {}
        self._tuplet, self._tuplet_left = Fraction(1), 0
        self._last_rows: list[NoteRow] = []
        self._last_heads: list[Head] = []
        self._last_length: Fraction | None = None
        self._next_factor: Fraction | None = None
        self.broken = ""  # `>` or `<` whose second note is still to come
        self.unequal_broken = 0
        self._refresh()

    # What holds

    def _refresh(self) -> None:
        """Take note of a change of `setting`."""
        self._shift = 60 + self.setting.semitones()
        self._lengths = {}
        meter = self.setting.meter or _FOUR_FOUR
        top = meter.numerator
        self._stress = 3 if top % 3 == 0 else 2 if top % 2 == 0 else top
        self._beats = meter.denominator
        self._key = dict(zip("CDEFGAB", self.setting.key.alterations, strict=True))

    def change_key(self, key: Key | None, sounding: Sounding) -> None:
        """A `K:` field: a key, a clef, or both."""
        if key is not None:
            self.setting.key = key
            self._accidentals = {}
        self.setting.sound_as(sounding)
        self._refresh()

    def change_meter(self, meter: Meter | None) -> None:
        """An `M:` field. The unit length stays as it is."""
        self.setting.unit = self.setting.unit_length if self.setting.has_meter else self.setting.unit
        self.setting.meter, self.setting.has_meter = meter, True
        if not self.at:
            self.bars[self.index].meter = meter
        self._refresh()

    def change_unit(self, unit: Fraction) -> None:
        """An `L:` field."""
        self.setting.unit = unit
        self._refresh()

    def change_sound(
        self, instrument: Instrument | None = None, loudness: Loudness | None = None, transpose: int | None = None
    ) -> None:
        """A `%%MIDI` directive or a dynamic."""
        self.setting.instrument = instrument or self.setting.instrument
        self.setting.loudness = loudness or self.setting.loudness
        self.setting.transpose = self.setting.transpose if transpose is None else transpose
        self._refresh()

    @property
    def place(self) -> tuple[int, Fraction]:
        """The bar, and how many quarter notes behind its beginning the next sign stands."""
        return self.index, Fraction(self.at, self.per)

    # Notes and rests

    def sound(self, heads: list[Head], length: str, tied: bool) -> None:
        """A note, or the notes of a chord, which lasts as long as its first (ABC 2.1, section 4.17)."""
        if not heads:
            return
        first = self._length(heads[0].length, length)
        self._place_for(first)
        velocity = self._velocity()
        ties, self._ties[self.layer] = self._ties.get(self.layer, {}), {}
        carried, self._carried = self._carried, {}
        self._last_rows, self._last_heads = [], heads
        for head in heads:
            same = head.length == heads[0].length
            own = first if same else first / length_of(heads[0].length) * length_of(head.length)
            self._grow(own.denominator)
            pitch = self._pitch(head, carried)
            row = NoteRow(
                self.setting.instrument,
                self.layer,
                self.index,
                self.at,
                own.numerator * (self.per // own.denominator),
                self.per,
                pitch,
                velocity,
                tied or head.tied,
                pitch in ties,
            )
            self.rows.append(row)
            self._last_rows.append(row)
            if row.tie_start:
                self._tie(row, head)
        for pitch, row in ties.items():
            row.tie_start = any(other.pitch == pitch for other in self._last_rows)
        if self._tied_again:
            self._tie_again()
        self.has_notes = True
        if len(self.rows) > MAX_NOTES:
            detail = f"expected at most {MAX_NOTES:,} written notes in a tune, found more"
            raise ScoreError(Refusal.TOO_MANY_NOTES, None, detail)
        self._pass(first)

    def rest(self, length: str) -> None:
        """A rest, seen or unseen. A tie does not reach over it."""
        lasting = self._length(length, "")
        self._place_for(lasting)
        self._drop_ties()
        self._carried, self._last_rows, self._tied_again = {}, [], {}
        self._pass(lasting)

    def rest_bars(self, count: int) -> None:
        """Rest for whole bars; the last is ended by the bar line that follows."""
        if self.at:
            self.end_bar(0, 0, False)
        self._drop_ties()
        if self.index + count > MAX_PLAYED_BARS:
            detail = f"expected at most {MAX_PLAYED_BARS:,} bars, found {self.index + count:,}"
            raise ScoreError(Refusal.TOO_LONG, None, detail)
        length = 4 * (self.setting.meter or _FOUR_FOUR).length
        for number in range(count):
            if number:
                self.end_bar(0, 0, False)
            self._place_for(length)
            self._last_rows, self._last_length = [], None
            self._pass(length)

    def tie(self) -> None:
        """A tie that stands apart from its note."""
        self._ties.setdefault(self.layer, {})
        for row, head in zip(self._last_rows, self._last_heads, strict=False):
            row.tie_start = True
            self._tie(row, head)

    def _tie(self, row: NoteRow, head: Head) -> None:
        self._ties[self.layer][row.pitch] = row
        self._carried[head.letter, head.octaves] = row.pitch

    def _tie_again(self) -> None:
        """Tie the notes that begin a second ending to what was tied into the first."""
        for row in self._last_rows:
            if row.pitch in self._tied_again:
                row.tie_stop = self._tied_again[row.pitch].tie_start = True
        self._tied_again = {}

    def _drop_ties(self) -> None:
        for row in self._ties.pop(self.layer, {}).values():
            row.tie_start = False

    def _pitch(self, head: Head, carried_pitches: dict[tuple[str, str], int]) -> int:
        """The sounding pitch; an accidental holds for its letter in all octaves to the end of the bar.

        (ABC 2.1, sections 4.2 and 11.3.) Of a tie across a bar line the accidental holds for the tied note.
        """
        letter = head.letter.upper()
        carried = carried_pitches.get((head.letter, head.octaves)) if carried_pitches else None
        if head.accidental:
            self.microtones += head.accidental not in ALTERATIONS
            alteration = self._accidentals[letter] = nearest_semitone(head.accidental)
        elif carried is not None and letter not in self._accidentals:
            return carried
        else:
            alteration = self._accidentals.get(letter, self._key[letter])
        octaves = head.octaves.count("'") - head.octaves.count(",") if head.octaves else 0
        pitch = self._shift + SEMITONES_OF_LETTER[letter] + alteration + 12 * (octaves + (head.letter != letter))
        if not 0 <= pitch <= 127:
            written = head.letter + head.octaves[:9]
            raise ScoreError(Refusal.PITCH_OUT_OF_RANGE, None, f"{written} gives pitch {pitch}, expected 0 to 127")
        return pitch

    def _velocity(self) -> int:
        loudness = self.setting.loudness
        if not self.at:
            return loudness.first
        beats = self.at * self._beats
        if beats % (4 * self.per):
            return loudness.other
        return loudness.strong if beats // (4 * self.per) % (loudness.every or self._stress) == 0 else loudness.other

    # Lengths

    def _length(self, own: str, outer: str) -> Fraction:
        """In quarter notes, without what a tuplet or broken rhythm makes of it."""
        text = f"{own} {outer}" if outer else own
        length = self._lengths.get(text)
        if length is None:
            length = 4 * self.setting.unit_length * length_of(own) * length_of(outer)
            self._lengths[text] = length
        return self._in_group(length) if self._tuplet_left or self._next_factor is not None else length

    def _in_group(self, length: Fraction) -> Fraction:
        if self._next_factor is not None:
            length *= self._next_factor
            self._next_factor = None
        if self._tuplet_left:
            length *= self._tuplet
            self._tuplet_left -= 1
        return length

    def start_tuplet(self, notes: int, time: int, count: int) -> None:
        """`(p:q:r`; 0 where the tune does not say."""
        if not 1 <= notes <= 99 or time > 99 or count > 999:
            detail = f"expected a tuplet of up to 99 notes, found ({notes}:{time}:{count}"
            raise ScoreError(Refusal.UNREADABLE, None, detail)
        compound = self.setting.meter is not None and self.setting.meter.is_compound
        self._tuplet = Fraction(time or TUPLET_TIME.get(notes, 3 if compound else 2), notes)
        self._tuplet_left = count or notes

    def break_rhythm(self, signs: str) -> None:
        """`a>b`: half of b goes to a; each further sign halves what is left (ABC 2.1, section 4.4)."""
        if self._last_length is not None:
            self.broken = signs

    def settle_broken(self, own: str = "", outer: str = "") -> None:
        """Shorten or lengthen the note before `>` or `<`, now that the length of what follows is known.

        Between notes of unequal lengths, such as in a>b>c, the sign is undefined (ABC 2.1, section 4.4). There it
        changes nothing, as abc2midi has it: of the tunes that have it, more bars add up to their meter so than with
        both notes changed.
        """
        last, length = self._last_length, 4 * self.setting.unit_length * length_of(own) * length_of(outer)
        if last == length * (self._tuplet if self._tuplet_left else 1):
            self._dot()
        else:
            self.unequal_broken += 1
        self.broken = ""

    def _dot(self) -> None:
        """Change the note before the sign, and have the next one changed."""
        signs, last, self.broken = self.broken, self._last_length, ""
        if last is None:
            return
        less = Fraction(1, 2 ** min(len(signs), 6))
        first, self._next_factor = (2 - less, less) if signs[0] == ">" else (less, 2 - less)
        change = last * first - last
        for row in self._last_rows:
            row.onset *= less.denominator
            row.duration = row.duration * less.denominator * first.numerator // first.denominator
            row.unit *= less.denominator
        self._grow(change.denominator)
        self.at += change.numerator * (self.per // change.denominator)
        self._last_length = None

    def _grow(self, denominator: int) -> None:
        """Count in units that parts of `denominator` of a quarter note are a whole number of."""
        if self.per % denominator:
            finer = lcm(self.per, denominator)
            if finer > _MAX_UNITS:
                detail = "expected lengths with a common unit, found ever finer ones"
                raise ScoreError(Refusal.CORRUPT_TIMING, None, detail)
            self.at *= finer // self.per
            self.per = finer

    def _place_for(self, length: Fraction) -> int:
        self._grow(length.denominator)
        self.onset_of_last = self.index, self.at
        return self.at

    def _pass(self, length: Fraction) -> None:
        self.at += length.numerator * (self.per // length.denominator)
        self._last_length = length

    # Bars

    def overlay(self, sign: str) -> None:
        """`&`: back to the beginning of the bar; `(& … & … &)`: back to where the overlay began, bars ago."""
        here = Fraction(self.at, self.per)
        self._end_of_layers = max(self._end_of_layers, here)
        if sign == "(&":
            self._overlay_start = (self.index, here)
        elif sign == "&)":
            self._overlay_start = None
            self._enter_layer(0)
        else:
            self._enter_layer(self.layer + 1)
            if self._overlay_start is None:
                self.at = 0
            else:
                self.bars[self.index].length = max(self.bars[self.index].length, self._end_of_layers)
                self.index, start = self._overlay_start
                self._grow(start.denominator)
                self.at = start.numerator * (self.per // start.denominator)

    def _enter_layer(self, layer: int) -> None:
        self.broken = ""
        self.layer = layer
        self._accidentals = {}
        self._last_rows, self._last_length, self._next_factor, self._tuplet_left = [], None, None, 0

    def end_bar(self, ends: int, starts: int, double: bool, endings: tuple[int, ...] = ()) -> None:
        """A bar line.

        Args:
            ends: colons before it.
            starts: colons behind it.
            double: whether it is a double bar line.
            endings: passes of the volta that begins behind it.
        """
        self._accidentals = {}
        if self.broken:
            self._dot()  # a note and a bar line do not differ in length
        bar = self.bars[self.index]
        length = max(bar.length, self._end_of_layers, Fraction(self.at, self.per))
        if length:
            bar.length = length
            bar.ends, bar.double_end = max(bar.ends, ends), bar.double_end or double
            self._next_bar()
        elif self.index:
            before = self.bars[self.index - 1]
            before.ends, before.double_end = max(before.ends, ends), before.double_end or double
        bar = self.bars[self.index]
        bar.starts, bar.double_start = max(bar.starts, starts), bar.double_start or double
        if starts:
            self._tied_into_endings = {}
        if endings:
            self._enter_ending(endings)

    def _next_bar(self) -> None:
        self.index += 1
        if self.index >= MAX_PLAYED_BARS:
            raise ScoreError(Refusal.TOO_LONG, None, f"expected at most {MAX_PLAYED_BARS:,} bars, found more")
        if self.index == len(self.bars):
            self.bars.append(Bar(self.setting.meter))
        else:
            self.bars[self.index].meter = self.setting.meter
        self.at, self._end_of_layers = 0, Fraction(0)
        if self._overlay_start is None:
            self.layer = 0

    def start_ending(self, endings: tuple[int, ...]) -> None:
        """`[1` apart from a bar line; where notes precede it in the bar, it cuts the bar in two."""
        if self.at or self._end_of_layers:
            self.end_bar(0, 0, False)
        self._enter_ending(endings)

    def _enter_ending(self, endings: tuple[int, ...]) -> None:
        self.bars[self.index].endings = endings
        if 1 in endings:
            self._tied_into_endings = dict(self._ties.get(0, {}))
        else:
            self._tied_again = self._tied_into_endings

    def start_part(self, name: str) -> None:
        """A `P:` of the tune's body."""
        is_cut = bool(self.at or self._end_of_layers)
        if is_cut:
            self.end_bar(0, 0, False)
        self.bars[self.index].part, self.bars[self.index].is_cut = name, is_cut

    def finish(self) -> None:
        """Close the last bar and drop an empty one behind it."""
        self.end_bar(0, 0, False)
        for layer in list(self._ties):
            self.layer = layer
            self._drop_ties()
        if len(self.bars) > 1 and not self.bars[-1].length:
            self.bars.pop()
