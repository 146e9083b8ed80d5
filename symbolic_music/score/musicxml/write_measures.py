"""The bars of a part as MusicXML measures. Knows nothing of how bars and voices were found, or of files."""

from collections.abc import Sequence
from dataclasses import dataclass

from symbolic_music.score.layout.bar_content import VoiceBar, WrittenEvent, WrittenNote
from symbolic_music.score.layout.note_values import CLOCK, TYPE_NAMES
from symbolic_music.score.layout.parts import Part, WrittenBar
from symbolic_music.score.layout.percussion import drum_sound
from symbolic_music.score.layout.staves import Clef

_LETTERS = "CDEFGAB"
_LOWEST_OCTAVE = -2
"""The octave of staff step 0 as MusicXML counts, in which middle C begins octave 4."""
_ACCIDENTALS = {-2: "flat-flat", -1: "flat", 0: "natural", 1: "sharp", 2: "double-sharp"}
_FULL_VELOCITY = 90
"""The MIDI velocity that 100% of loudness means (MusicXML 4.0, "note", attribute dynamics)."""
_VOICES_PER_STAFF = 4


def octave_of(step: int) -> int:
    """The octave of a staff step as MusicXML counts, in which B sharp lies in that of its letter."""
    return step // len(_LETTERS) + _LOWEST_OCTAVE


@dataclass(frozen=True)
class Mark:
    """What stands between the notes of a part: a tempo, a chord symbol, a dynamic.

    Attributes:
        at: units of `CLOCK` from the start of its bar.
        xml: the whole element.
    """

    at: int
    xml: str


@dataclass(frozen=True)
class PartStyle:
    """What all measures of a part need to know.

    Attributes:
        number: of the part, from 1.
        unit: units of `CLOCK` in one division.
        octaves: by which the part is written above what sounds; only for sounds below MusicXML's lowest octave.
    """

    number: int
    unit: int
    octaves: int = 0

    def instrument(self, pitch: int) -> str:
        """The id of a drum sound."""
        return f"P{self.number}-I{pitch + 1}"


def measure_xml(
    bar: WrittenBar,
    previous: WrittenBar | None,
    voices: Sequence[VoiceBar],
    marks: Sequence[Mark],
    part: Part,
    style: PartStyle,
    number: int,
    is_last: bool,
) -> str:
    """One measure.

    Args:
        bar: that it is.
        previous: the bar before; None for the first.
        voices: of the part in this bar.
        marks: of this bar, in order.
        part: that plays.
        style: of the part.
        number: of the measure; an upbeat has 0.
        is_last: whether the piece ends here.
    """
    implicit = ' implicit="yes"' if previous is None and bar.is_short else ""
    lines = [f'<measure number="{number}"{implicit}>', _attributes(bar, previous, part, style)]
    length = bar.end - bar.start
    for place, voice in enumerate(voices):
        if place:
            lines.append(f"<backup><duration>{length // style.unit}</duration></backup>")
        lines += _voice_xml(voice, part, style, marks if place == 0 else (), bar)
    if is_last:
        lines.append('<barline location="right"><bar-style>light-heavy</bar-style></barline>')
    return "\n".join([line for line in lines if line] + ["</measure>"])


def _attributes(bar: WrittenBar, previous: WrittenBar | None, part: Part, style: PartStyle) -> str:
    inside = []
    if previous is None:
        inside.append(f"<divisions>{CLOCK // style.unit}</divisions>")
    if not part.is_drum and (previous is None or (bar.fifths, bar.minor) != (previous.fifths, previous.minor)):
        mode = "minor" if bar.minor else "major"
        inside.append(f"<key><fifths>{bar.fifths}</fifths><mode>{mode}</mode></key>")
    if previous is None or bar.meter != previous.meter:
        beats = f"<beats>{bar.meter.numerator}</beats><beat-type>{bar.meter.denominator}</beat-type>"
        inside.append(f"<time>{beats}</time>")
    if previous is None:
        many = len(part.staves) > 1
        if many:
            inside.append(f"<staves>{len(part.staves)}</staves>")
        inside += [_clef(staff.clef, number if many else None) for number, staff in enumerate(part.staves, start=1)]
        if style.octaves:
            change = f"<octave-change>{-style.octaves}</octave-change>"
            inside.append(f"<transpose><diatonic>0</diatonic><chromatic>0</chromatic>{change}</transpose>")
    return f"<attributes>{''.join(inside)}</attributes>" if inside else ""


def _clef(clef: Clef, number: int | None) -> str:
    which = f' number="{number}"' if number else ""
    octave = f"<clef-octave-change>{clef.octave}</clef-octave-change>" if clef.octave else ""
    line = "" if clef.sign == "percussion" else f"<line>{clef.line}</line>"
    return f"<clef{which}><sign>{clef.sign}</sign>{line}{octave}</clef>"


def _voice_xml(voice: VoiceBar, part: Part, style: PartStyle, marks: Sequence[Mark], bar: WrittenBar) -> list[str]:
    """The events of a voice, and the marks among them."""
    lines: list[str] = []
    number = voice.staff * _VOICES_PER_STAFF + voice.voice + 1
    staff = f"<staff>{voice.staff + 1}</staff>" if len(part.staves) > 1 else ""
    waiting = list(marks)
    # music21 takes a rest for the whole measure to last as long as the meter says, in an upbeat, too.
    if voice.is_silent and not bar.is_short:
        lines += _marks_from(0, waiting, style)
        duration = f"<duration>{(bar.end - bar.start) // style.unit}</duration>"
        rest = f'<rest measure="yes"/>{duration}<voice>{number}</voice>{staff}'
        return [*lines, f"<note>{rest}</note>"]
    for event in voice.events:
        before = [mark for mark in waiting if mark.at < event.value.end]
        lines += _marks_from(event.value.start, before, style)
        del waiting[: len(before)]
        lines += _event_xml(event, number, staff, part, style, voice.voice > 0)
    return lines


def _marks_from(start: int, marks: Sequence[Mark], style: PartStyle) -> list[str]:
    """Marks at `start` and after it: forward to each, and back where no note begins."""
    lines, at = [], start
    for mark in marks:
        if mark.at > at:
            lines.append(f"<forward><duration>{(mark.at - at) // style.unit}</duration></forward>")
            at = mark.at
        lines.append(mark.xml)
    if at > start:
        lines.append(f"<backup><duration>{(at - start) // style.unit}</duration></backup>")
    return lines


def _event_xml(
    event: WrittenEvent, voice: int, staff: str, part: Part, style: PartStyle, is_further: bool
) -> list[str]:
    value = event.value
    duration = f"<duration>{value.length // style.unit}</duration>"
    if not event.notes and is_further and not value.tuplet:
        return [f"<forward>{duration}<voice>{voice}</voice>{staff}</forward>"]
    tuplet = ""
    if value.tuplet:
        actual, normal = value.tuplet.actual, value.tuplet.normal
        tuplet = (
            f"<time-modification><actual-notes>{actual}</actual-notes><normal-notes>{normal}</normal-notes>"
            "</time-modification>"
        )
    beams = "".join(f'<beam number="{number}">{beam}</beam>' for number, beam in enumerate(event.beams, start=1))
    kind = f"<type>{TYPE_NAMES[value.type]}</type>{'<dot/>' * value.dots}"
    if not event.notes:
        notations = _notations("", event)
        return [f"<note><rest/>{duration}<voice>{voice}</voice>{kind}{tuplet}{staff}{notations}</note>"]
    lines = []
    for place, note in enumerate(event.notes):
        chord = "<chord/>" if place else ""
        ties = '<tie type="stop"/>' * note.tie_stop + '<tie type="start"/>' * note.tie_start
        tied = '<tied type="stop"/>' * note.tie_stop + '<tied type="start"/>' * note.tie_start
        pitch, instrument, head = _pitch_xml(note, part, style)
        accidental = "" if note.accidental is None else f"<accidental>{_ACCIDENTALS[note.accidental]}</accidental>"
        ending = f"{staff}{beams}{_notations(tied, event)}" if not place else f"{staff}{_notations(tied, None)}"
        loudness = f"{note.note.velocity * 100 / _FULL_VELOCITY:.2f}"
        lines.append(
            f'<note dynamics="{loudness}">{chord}{pitch}{duration}{ties}{instrument}'
            f"<voice>{voice}</voice>{kind}{accidental}{tuplet}{head}{ending}</note>"
        )
    return lines


def _pitch_xml(note: WrittenNote, part: Part, style: PartStyle) -> tuple[str, str, str]:
    """The pitch, the instrument, and stem and note head of a note; stems go up for hands and down for feet."""
    if part.is_drum:
        sound = drum_sound(note.note.pitch)
        place = f"<display-step>{sound.step}</display-step><display-octave>{sound.octave}</display-octave>"
        head = f"<stem>{'down' if sound.is_foot else 'up'}</stem>"
        head += "" if sound.head == "normal" else f"<notehead>{sound.head}</notehead>"
        instrument = f'<instrument id="{style.instrument(note.note.pitch)}"/>'
        return f"<unpitched>{place}</unpitched>", instrument, head
    alter = f"<alter>{note.alteration}</alter>" if note.alteration else ""
    letter, octave = _LETTERS[note.step % len(_LETTERS)], octave_of(note.step) + style.octaves
    return f"<pitch><step>{letter}</step>{alter}<octave>{octave}</octave></pitch>", "", ""


def _notations(tied: str, event: WrittenEvent | None) -> str:
    """Ties and tuplets; a tuplet under one beam needs no bracket."""
    inside = tied
    if event and event.value.tuplet:
        whole = event.value.start == event.value.tuplet.start
        if event.opens_tuplet and event.closes_tuplet:
            inside += '<tuplet type="start" bracket="yes"/><tuplet type="stop"/>'
        elif event.opens_tuplet:
            inside += f'<tuplet type="start" bracket="{"no" if whole and event.beams else "yes"}"/>'
        elif event.closes_tuplet:
            inside += '<tuplet type="stop"/>'
    return f"<notations>{inside}</notations>" if inside else ""
