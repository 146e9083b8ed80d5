"""Score or Piece -> MusicXML 4.0 (score-partwise), in bytes that never vary: every note, and notation to read it by.

Parts are tracks, with their programs; keyboards have two staves; drums stand on a percussion staff. Keys are spelled,
bars have note values, ties, tuplets and beams that show their beats; an upbeat is a short first measure. Tempos,
velocities (as the notes' `dynamics`, and a few signs to read) and chord symbols are kept; lyrics, controllers and
pitch bends are not.
"""

import io
import zipfile
from bisect import bisect_right
from itertools import groupby
from math import gcd
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np
from symusic.core import ScoreTick as Score

from symbolic_music.score.layout.bar_content import PartBars, VoiceBar
from symbolic_music.score.layout.dynamics import find_dynamics
from symbolic_music.score.layout.note_values import CLOCK
from symbolic_music.score.layout.parts import Layout, Part, WrittenBar, lay_out, to_clock
from symbolic_music.score.layout.percussion import drum_sound
from symbolic_music.score.layout.staves import has_keyboard
from symbolic_music.score.musicxml.write_harmony import harmony_xml
from symbolic_music.score.musicxml.write_measures import Mark, PartStyle, measure_xml, octave_of
from symbolic_music.score.piece import Piece
from symbolic_music.score.programs import program_name
from symbolic_music.score.storage import write_atomically

_DECLARATION = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    '<!DOCTYPE score-partwise PUBLIC "-//Recordare//DTD MusicXML 4.0 Partwise//EN" '
    '"http://www.musicxml.org/dtds/partwise.dtd">\n'
)
_CONTAINER = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<container><rootfiles>'
    '<rootfile full-path="score.musicxml" media-type="application/vnd.recordare.musicxml+xml"/>'
    "</rootfiles></container>\n"
)
_DRUM_CHANNEL = 10
_MELODIC_CHANNELS = (1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15, 16)
_VISIBLE_CHANGE = 0.04
"""A tempo is shown when it differs by so much from the one shown last; each that sounds is written all the same."""


def musicxml_text(music: Piece | Score, title: str = "") -> str:
    """One piece as MusicXML.

    Args:
        music: a Score in ticks, or a Piece with its chord symbols, title and composer.
        title: where the piece has none of its own.

    Raises:
        ScoreError: no_notes, corrupt_timing or too_long.
    """
    piece = music if isinstance(music, Piece) else Piece(music)
    layout = lay_out(piece.score, min((chord.onset for chord in piece.chords), default=None))
    content = [list(PartBars(part, layout.bars)) for part in layout.parts]
    marks = [_dynamics(part, layout.bars) for part in layout.parts]
    for first, piece_marks in zip(marks[0], _marks(piece, layout), strict=True):
        first += piece_marks
        first.sort(key=lambda mark: mark.at)
    unit = _common_unit(layout, content, marks)
    first_number = 0 if layout.bars[0].is_short and layout.bars[0].start > 0 else 1
    parts = []
    for number, (part, bars) in enumerate(zip(layout.parts, content, strict=True), start=1):
        style = PartStyle(number, unit, _octaves_up(part, bars))
        measures = [
            measure_xml(
                bar,
                layout.bars[place - 1] if place else None,
                bars[place],
                marks[number - 1][place],
                part,
                style,
                place + first_number,
                place == len(layout.bars) - 1,
            )
            for place, bar in enumerate(layout.bars)
        ]
        parts.append(f'<part id="P{number}">\n' + "\n".join(measures) + "\n</part>")
    header = _header(piece, title) + _part_list(layout.parts, piece.title or title)
    return f'{_DECLARATION}<score-partwise version="4.0">\n{header}' + "\n".join(parts) + "\n</score-partwise>\n"


def write_musicxml(music: Piece | Score, path: Path | str, title: str = "") -> None:
    """Write a piece as a MusicXML file, whole or not at all; a name that ends in .mxl makes it a compressed one."""
    data = musicxml_text(music, title).encode()
    write_atomically(path, _compressed(data) if Path(path).suffix.lower() == ".mxl" else data)


def _compressed(data: bytes) -> bytes:
    """A compressed MusicXML file: `mimetype` first and stored, then the container, then the score."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        members = [
            ("mimetype", b"application/vnd.recordare.musicxml", zipfile.ZIP_STORED),
            ("META-INF/container.xml", _CONTAINER.encode(), zipfile.ZIP_DEFLATED),
            ("score.musicxml", data, zipfile.ZIP_DEFLATED),
        ]
        for name, content, method in members:
            # A date of its own would make the bytes differ from run to run.
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content, method)
    return buffer.getvalue()


def xml_text(text: str) -> str:
    """Text for an element: one line, without the characters that XML cannot hold."""
    return escape(" ".join("".join(c if c.isprintable() else " " for c in text).split()))


def _header(piece: Piece, title: str) -> str:
    title = xml_text(piece.title or title)
    lines = [f"<work><work-title>{title}</work-title></work>"] if title else []
    identification = []
    if piece.composer:
        identification.append(f'<creator type="composer">{xml_text(piece.composer)}</creator>')
    if piece.license:
        identification.append(f"<rights>{xml_text(piece.license)}</rights>")
    supports = "".join(f'<supports element="{element}" type="yes"/>' for element in ("accidental", "beam"))
    identification.append(f"<encoding><software>symbolic-music</software>{supports}</encoding>")
    lines.append(f"<identification>{''.join(identification)}</identification>")
    return "\n".join(lines) + "\n"


def _part_list(parts: list[Part], title: str) -> str:
    channels: dict[int, int] = {}
    lines = ["<part-list>"]
    braced = _braced_pairs(parts)
    for number, part in enumerate(parts, start=1):
        if number in braced:
            lines.append(
                '<part-group type="start" number="1"><group-symbol>brace</group-symbol>'
                "<group-barline>yes</group-barline></part-group>"
            )
        # Many a file calls its only track by the piece's title.
        name = xml_text(program_name(part.program) if part.name == title else part.name)
        lines.append(f'<score-part id="P{number}"><part-name>{name}</part-name>')
        if part.is_drum:
            lines += _drum_instruments(part, PartStyle(number, 1))
        else:
            free = _MELODIC_CHANNELS[len(channels) % len(_MELODIC_CHANNELS)]
            channel = channels.setdefault(part.program, free)
            instrument = xml_text(program_name(part.program))
            lines.append(
                f'<score-instrument id="P{number}-I1"><instrument-name>{instrument}</instrument-name>'
                "</score-instrument>"
                f'<midi-instrument id="P{number}-I1"><midi-channel>{channel}</midi-channel>'
                f"<midi-program>{part.program + 1}</midi-program></midi-instrument>"
            )
        lines.append("</score-part>")
        if number - 1 in braced:
            lines.append('<part-group type="stop" number="1"/>')
    return "\n".join([*lines, "</part-list>"]) + "\n"


def _braced_pairs(parts: list[Part]) -> set[int]:
    """Numbers of the parts, from 1, that are the right hand of a keyboard whose left hand is the part after it."""
    pairs: set[int] = set()
    keyboards = [part.program if has_keyboard(part.program) and len(part.staves) == 1 else None for part in parts]
    for program, run in groupby(enumerate(keyboards, start=1), key=lambda pair: pair[1]):
        numbers = [number for number, _ in run]
        if program is not None and len(numbers) == 2:
            pairs.add(numbers[0])
    return pairs


def _drum_instruments(part: Part, style: PartStyle) -> list[str]:
    voices = (voice for staff in part.staves for voice in staff.voices)
    pitches = sorted({note.pitch for voice in voices for segment in voice for note in segment.notes})
    instruments = [
        f'<score-instrument id="{style.instrument(pitch)}"><instrument-name>{drum_sound(pitch).name}</instrument-name>'
        "</score-instrument>"
        for pitch in pitches
    ]
    return instruments + [
        f'<midi-instrument id="{style.instrument(pitch)}"><midi-channel>{_DRUM_CHANNEL}</midi-channel>'
        f"<midi-program>1</midi-program><midi-unpitched>{pitch + 1}</midi-unpitched></midi-instrument>"
        for pitch in pitches
    ]


def _octaves_up(part: Part, content: list[list[VoiceBar]]) -> int:
    """By how many a part is written higher than it sounds, for MusicXML has no octave below 0."""
    notes = (note for bar in content for voice in bar for event in voice.events for note in event.notes)
    return 0 if part.is_drum else max(0, -min((octave_of(note.step) for note in notes), default=0))


def _marks(piece: Piece, layout: Layout) -> list[list[Mark]]:
    """Tempos and chord symbols of each bar, in order; those before the first bar stand at its start."""
    placed = [*_tempo_marks(piece.score, layout.bars), *_chord_marks(piece)]
    starts = [bar.start for bar in layout.bars]
    by_bar: list[list[Mark]] = [[] for _ in starts]
    for at, xml in sorted(placed, key=lambda mark: mark[0]):
        if at < layout.bars[-1].end:
            bar = max(bisect_right(starts, at) - 1, 0)
            by_bar[bar].append(Mark(max(at - starts[bar], 0), xml))
    return by_bar


def _dynamics(part: Part, bars: list[WrittenBar]) -> list[list[Mark]]:
    """The dynamics of each bar of a part: between its staves, or below."""
    by_bar: list[list[Mark]] = [[] for _ in bars]
    for number, sign in find_dynamics(part, bars):
        direction = f"<direction-type><dynamics><{sign}/></dynamics></direction-type>"
        staff = "<staff>1</staff>" if len(part.staves) > 1 else ""
        by_bar[number].append(Mark(0, f'<direction placement="below">{direction}{staff}</direction>'))
    return by_bar


def _tempo_marks(score: Score, bars: list[WrittenBar]) -> list[tuple[int, str]]:
    tempos = {max(tempo.time, 0): tempo.qpm for tempo in sorted(score.tempos, key=lambda tempo: tempo.time)}
    times = to_clock(np.array(list(tempos), dtype=np.int64), score.ticks_per_quarter).tolist()
    starts = [bar.start for bar in bars]
    marks, shown, last = [], 0.0, 0.0
    for at, qpm in zip(times, tempos.values(), strict=True):
        if qpm == last or not qpm > 0:
            continue
        last = qpm
        sound = f'<sound tempo="{_number(qpm, 6)}"/>'
        if abs(qpm - shown) < _VISIBLE_CHANGE * shown:
            marks.append((at, sound))
            continue
        shown = qpm
        meter = bars[max(bisect_right(starts, at) - 1, 0)].meter
        beat = "<beat-unit>quarter</beat-unit>"
        if meter.is_compound and meter.denominator == 8:
            beat, qpm = f"{beat}<beat-unit-dot/>", qpm * 2 / 3
        metronome = f"<metronome>{beat}<per-minute>{_number(qpm, 1)}</per-minute></metronome>"
        direction = f"<direction-type>{metronome}</direction-type>{sound}"
        marks.append((at, f'<direction placement="above">{direction}</direction>'))
    return marks


def _number(value: float, digits: int) -> str:
    return f"{value:.{digits}f}".rstrip("0").rstrip(".")


def _chord_marks(piece: Piece) -> list[tuple[int, str]]:
    return [(round(chord.onset * CLOCK), harmony_xml(chord.text)) for chord in piece.chords]


def _common_unit(layout: Layout, content: list[list[list[VoiceBar]]], marks: list[list[list[Mark]]]) -> int:
    """The longest unit of `CLOCK` of which everything is a whole number: one division."""
    times = {
        CLOCK,
        *(bar.end - bar.start for bar in layout.bars),
        *(mark.at for part in marks for bar in part for mark in bar),
    }
    for part_bars in content:
        for bar in part_bars:
            for voice in bar:
                times.update(event.value.length for event in voice.events)
    return gcd(*times)
