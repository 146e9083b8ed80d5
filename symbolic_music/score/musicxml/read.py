"""MusicXML file -> the score it writes, and from that the piece it plays. Knows nothing of engraving.

Bars are the same in all parts: measures are matched by their place in the file, each lasts as long as the longest of
its parts, and whatever a part leaves open is silence.
"""

from collections import Counter
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
from lxml.etree import Element, _Element

from symbolic_music.score.errors import Refusal, ScoreError
from symbolic_music.score.musicxml.reading.container import score_root
from symbolic_music.score.musicxml.reading.header import Instrument, PartHeader, Titles, read_parts, read_titles
from symbolic_music.score.musicxml.reading.measures import read_part
from symbolic_music.score.musicxml.reading.part import MeasureFacts, Part
from symbolic_music.score.musicxml.reading.signs import Signs
from symbolic_music.score.musicxml.reading.tempo import resolve
from symbolic_music.score.notation.assemble import assemble
from symbolic_music.score.notation.playback import MAX_PLAYED_BARS, BarMarks
from symbolic_music.score.notation.timeline import meter_quarters
from symbolic_music.score.notation.written import (
    NoteTable,
    Placed,
    WrittenBar,
    WrittenKey,
    WrittenScore,
    WrittenTrack,
)
from symbolic_music.score.piece import Reading

ROUNDING = Fraction(1, 16)
"""A bar that misses its meter by less, in quarter notes, was meant whole: programs round the lengths of tuplets."""
_MODES = {
    "major": (0, ""),
    "ionian": (0, ""),
    "minor": (3, "m"),
    "aeolian": (3, "m"),
    "dorian": (2, "dor"),
    "phrygian": (4, "phr"),
    "lydian": (-1, "lyd"),
    "mixolydian": (1, "mix"),
    "locrian": (5, "loc"),
}
_CIRCLE = "FCGDAEB"


@dataclass
class WrittenMusicXML:
    """What a MusicXML file writes, before it is played: the score, its titles and its first key ("Am", "Ddor")."""

    score: WrittenScore
    titles: Titles
    key: str | None


def read_musicxml_pieces(data: bytes, path: Path) -> Reading:
    """The one piece of a MusicXML file (.musicxml, .xml, zipped .mxl): a track for each staff of each part.

    Sounding pitch, repeats played out, ties joined; chord symbols are the piece's, not notes.

    Args:
        data: what the file holds.
        path: its name, which errors give.

    Raises:
        ScoreError: the file cannot be read, is no MusicXML, or holds no notes.
    """
    written = read_written(data, path)
    try:
        piece = assemble(written.score)
    except ScoreError as error:
        raise ScoreError(error.refusal, path, error.detail) from None
    titles = written.titles
    piece = replace(piece, title=titles.title, composer=titles.composer, license=titles.license, key=written.key)
    return Reading([piece])


def read_written(data: bytes, path: Path) -> WrittenMusicXML:
    """The score as the file writes it, with nothing played out; arguments and errors as of `read_musicxml_pieces`."""
    root = score_root(data, path)
    left_out: Counter[str] = Counter()
    signs = Signs()
    try:
        parts = [read_part(header, measures, signs, left_out) for header, measures in _parts(root)]
    except ScoreError as error:
        raise ScoreError(error.refusal, path, error.detail) from None
    count = max((len(part.facts) for part in parts), default=0)
    if count > MAX_PLAYED_BARS:
        detail = f"expected at most {MAX_PLAYED_BARS:,} measures, found {count:,}"
        raise ScoreError(Refusal.TOO_LONG, path, detail)
    bars = _bars(parts, signs.marks(count))
    tracks, notes = _notes(parts, bars)
    keys, key = _keys(parts)
    written = WrittenScore(
        tracks=tracks,
        bars=bars,
        notes=notes,
        tempos=_tempos(parts, left_out),
        keys=keys,
        chords=_chords(parts),
        left_out=+left_out,
    )
    return WrittenMusicXML(written, read_titles(root), key)


def _parts(root: _Element) -> list[tuple[PartHeader, list[_Element]]]:
    """Each part with its measures, in the order of the list of parts, then of the file."""
    headers = read_parts(root)
    measures: dict[str, list[_Element]] = {name: [] for name in headers}
    if root.tag == "score-partwise":
        for part in root.iterfind("part"):
            measures.setdefault(part.get("id", ""), []).extend(part.iterfind("measure"))
    else:
        for number, measure in enumerate(root.iterfind("measure")):
            for part in measure.iterfind("part"):
                found = measures.setdefault(part.get("id", ""), [])
                # A part may be absent from a measure.
                found += [Element("part") for _ in range(number - len(found))]
                part.set("implicit", measure.get("implicit", "no"))
                found.append(part)
    # A part that the list of parts does not have is a piano.
    return [
        (headers.get(name) or PartHeader(name, {"": Instrument("", 0)}), found)
        for name, found in measures.items()
        if found
    ]


def _bars(parts: list[Part], marks: list[BarMarks]) -> list[WrittenBar]:
    bars = []
    for number, mark in enumerate(marks):
        found = [(part.unit, part.facts[number]) for part in parts if number < len(part.facts)]
        length, meter = _length_and_meter(found, number == 0)
        bars.append(WrittenBar(length, meter, mark))
    return bars


def _length_and_meter(found: list[tuple[int, MeasureFacts]], first: bool) -> tuple[Fraction, tuple[int, int] | None]:
    """How long a bar lasts in all parts, and its meter: of different ones the one that it fills."""
    meters = [facts.meter for _, facts in found]
    whole = [meter_quarters(meter) for meter in meters if meter]
    sound = _sound_end(found, max(whole, default=None))
    end = max(Fraction(facts.end, unit) for unit, facts in found)
    # A rest of a whole measure is often written as long as the meter, though the bar is an upbeat.
    short = sound and (first or any(facts.implicit for _, facts in found))
    # A <forward> may lead beyond the bar; notes may not be cut.
    length = sound if short else max(sound, min(end, max(whole)) if whole else end)
    if not length:
        length = max(whole, default=Fraction(4))
    meter = next((meter for meter in meters if meter and meter_quarters(meter) == length), meters[0])
    if meter and abs(meter_quarters(meter) - length) < ROUNDING:
        length = meter_quarters(meter)
    return length, meter


def _sound_end(found: list[tuple[int, MeasureFacts]], whole: Fraction | None) -> Fraction:
    """Where the last note or rest of a bar ends; rests beyond the meter count only in parts that have notes, too.

    A part that is silent has two whole rests in a bar of 4/4 now and then: it was joined of bars, others were not.
    """
    ends = [(Fraction(facts.sound_end, unit), facts.note_end > 0) for unit, facts in found]
    longest = max(end for end, _ in ends)
    if whole is None or longest <= whole:
        return longest
    return max((end for end, has_notes in ends if has_notes), default=max(whole, min(end for end, _ in ends)))


def _notes(parts: list[Part], bars: list[WrittenBar]) -> tuple[list[WrittenTrack], NoteTable]:
    """The notes of all parts, and their tracks: one for each staff and program, in the order they are written."""
    starts = np.cumsum([0.0, *(float(bar.length) for bar in bars)]).tolist()
    tracks: list[WrittenTrack] = []
    columns = []
    for number, part in enumerate(parts):
        if not part.rows:
            continue
        rows = np.array(part.rows, np.int64)
        labels = {tuple(pair): None for pair in rows[:, :2].tolist()}
        order = sorted(labels, key=lambda label: label[0])
        track_of = {label: len(tracks) + place for place, label in enumerate(order)}
        tracks += [WrittenTrack(part.header.name, program) for _, program in order]
        track = np.array([track_of[tuple(pair)] for pair in rows[:, :2].tolist()], np.int64)
        moments = np.array(starts)[rows[:, 3]] + rows[:, 4] / part.unit
        velocity = np.where(rows[:, 7] >= 0, rows[:, 7], part.dynamics_at(starts).velocities(moments))
        fixed = np.full((len(rows), 2), (number, part.unit), np.int64)
        columns.append(np.column_stack([track, fixed, rows[:, 2:7], velocity, rows[:, 8:]]))
    table = np.concatenate(columns) if columns else np.empty((0, 13), np.int64)
    times = ("track", "part", "unit", "voice", "bar", "onset", "duration")
    names = (*times, "pitch", "velocity", "grace", "tie_start", "tie_stop", "passes")
    return tracks, NoteTable(**{name: table[:, column] for column, name in enumerate(names)})


def _tempos(parts: list[Part], left_out: Counter[str]) -> list[Placed[float]]:
    """The tempos of all parts: of several at one place the one that sounds, then the first part's."""
    best: dict[tuple[int, Fraction], Placed] = {}
    for part in parts:
        for each in part.tempos:
            known = best.get((each.bar, each.onset))
            if known is None or each.value.rank < known.value.rank:
                best[each.bar, each.onset] = each
    placed = [best[place] for place in sorted(best)]
    tempos = []
    for each, tempo in zip(placed, resolve([each.value for each in placed]), strict=True):
        if tempo is None:
            left_out["tempo marks that cannot be read"] += 1
        else:
            tempos.append(Placed(each.bar, each.onset, tempo))
    return tempos


def _keys(parts: list[Part]) -> tuple[list[Placed[WrittenKey]], str | None]:
    """The key signatures of the first part that has any and pitched notes, and the first key by name."""
    part = next((part for part in parts if part.keys and any(row[1] >= 0 for row in part.rows)), None)
    if part is None:
        return [], None
    opening = next((key for key in part.keys if (key.bar, key.onset) == (0, 0)), None)
    return [Placed(key.bar, key.onset, key.value[0]) for key in part.keys], _key_name(opening)


def _key_name(key: Placed | None) -> str | None:
    """A key such as "F#m" or "Bbdor"; None where the file states no mode."""
    if key is None or key.value[1] not in _MODES:
        return None
    shift, suffix = _MODES[key.value[1]]
    octaves, letter = divmod(key.value[0].fifths + shift + 1, 7)
    return _CIRCLE[letter] + ("#" * octaves if octaves > 0 else "b" * -octaves) + suffix


def _chords(parts: list[Part]) -> list[Placed[str]]:
    """The chord symbols of all parts, by place; what several parts write at one place counts once."""
    best: dict[tuple[int, Fraction], Placed[str]] = {}
    for part in parts:
        for each in part.chords:
            best.setdefault((each.bar, each.onset), each)
    return [best[place] for place in sorted(best)]
