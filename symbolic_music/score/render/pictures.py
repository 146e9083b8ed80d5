"""Score -> piano roll as PNG: systems of bars, a colour per instrument. Needs the pip extra "audio" (matplotlib).

Draws on a figure of its own with the Agg backend, so that a program's or a notebook's other plots stay as they are.
"""

import io
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from symusic.core import ScoreTick as Score

from symbolic_music._extras import require
from symbolic_music.score.bars import Bars, bar_table
from symbolic_music.score.errors import Refusal, ScoreError
from symbolic_music.score.programs import DRUMS, program_name
from symbolic_music.score.storage import write_atomically

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAX_BARS = 512
"""A longer piece is drawn up to here, and its title says so; the page would not fit a screen's memory."""

# Okabe and Ito's colours, which colour-blind eyes tell apart, and further ones for large ensembles.
_COLOURS = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#E69F00",
    "#56B4E9",
    "#7A5CC0",
    "#8C564B",
    "#5B8C00",
    "#C2185B",
)
_DRUM_COLOUR = "#6B7280"
_INK, _PALE_INK, _BAR_LINE, _BEAT_LINE, _BLACK_ROW = "#1F2933", "#7B8794", "#9AA5B1", "#E4E7EB", "#F2F4F7"
_PITCH_CLASSES = ("C", "C♯", "D", "E♭", "E", "F", "F♯", "G", "A♭", "A", "B♭", "B")
_BLACK_KEYS = frozenset({1, 3, 6, 8, 10})
# Inches.
_PAGE_WIDTH, _LEFT, _RIGHT, _TOP, _BOTTOM = 14.0, 0.65, 0.25, 0.62, 0.2
_SYSTEM_GAP, _LEGEND_ROW, _LEGEND_GAP = 0.5, 0.25, 0.32
_LEGEND_COLUMNS = 5
_DPI = 110


@dataclass(frozen=True)
class NoteTable:
    """Notes as columns, each of shape (notes,), int64.

    Attributes:
        start: tick of the onset.
        end: tick of the end.
        row: height in the picture: the pitch, or a row below the lowest pitch for each drum sound.
        velocity: 0 to 127.
        part: index into the picture's parts.
    """

    start: np.ndarray
    end: np.ndarray
    row: np.ndarray
    velocity: np.ndarray
    part: np.ndarray

    def between(self, start: int, end: int) -> "NoteTable":
        """The notes that sound within [start, end), cut to it."""
        heard = (self.start < end) & (self.end > start)
        chosen = NoteTable(*(getattr(self, field.name)[heard] for field in fields(self)))
        return NoteTable(
            np.maximum(chosen.start, start), np.minimum(chosen.end, end), chosen.row, chosen.velocity, chosen.part
        )


@dataclass(frozen=True)
class Rows:
    """The heights in the picture: pitches, one more at each end for air, and below them a row per drum sound.

    Attributes:
        pitches: MIDI pitches, empty where only drums play.
        drums: rows of the drum sounds.
        of_drum_sound: drum pitch -> row.
    """

    pitches: range
    drums: range
    of_drum_sound: dict[int, int]

    def limits(self) -> tuple[float, float]:
        """Lowest and highest edge of the picture."""
        both = [*self.drums, *self.pitches]
        return both[0] - 0.6, both[-1] + 0.6

    def labelled_pitches(self) -> list[int]:
        """The natural notes for a tune's compass, C, E and G for a few voices, each C for an orchestra."""
        compass = len(self.pitches)
        shown = {0, 2, 4, 5, 7, 9, 11} if compass <= 32 else {0, 4, 7} if compass <= 52 else {0}
        return [pitch for pitch in self.pitches if pitch % 12 in shown]


@dataclass(frozen=True)
class System:
    """One line of the picture: bars `first` to `last`, ticks [start, end)."""

    first: int
    last: int
    start: int
    end: int


def write_piano_roll(score: Score, path: Path | str, title: str | None = None) -> None:
    """Write a PNG: bars to the right, pitch upwards, a colour per instrument, louder notes stronger.

    Long pieces wrap into systems, up to `MAX_BARS`. Where all tracks share one program, each track gets its colour.
    Equal Scores give equal bytes under one version of matplotlib.

    Args:
        score: in ticks.
        path: the PNG, written whole or not at all.
        title: set above the music; by default the first track's name.

    Raises:
        ScoreError: no_notes when there is nothing to draw, corrupt_timing without a clock.
        MissingExtraError: the extra "audio" is not installed.
    """
    if score.note_num() == 0:
        raise ScoreError(Refusal.NO_NOTES, None, "expected notes to draw, found none")
    figure = _draw_page(score, title if title is not None else _first_track_name(score))
    buffer = io.BytesIO()
    # By default matplotlib writes its version into the file.
    figure.savefig(buffer, format="png", dpi=_DPI, metadata={"Software": None})
    write_atomically(path, buffer.getvalue())


def _first_track_name(score: Score) -> str:
    return next((track.name.strip() for track in score.tracks if track.name.strip()), "")


def _draw_page(score: Score, title: str) -> "Figure":
    bars = bar_table(score)
    parts = _part_names(score)
    names = list(dict.fromkeys(parts))
    rows = _rows(score)
    notes = _note_table(score, rows, [names.index(part) for part in parts])
    systems = _systems(bars, score.ticks_per_quarter)
    page = _Page(len(systems), len(rows.pitches) + len(rows.drums), -(-len(names) // _LEGEND_COLUMNS))
    figure = require("matplotlib.figure").Figure(figsize=(_PAGE_WIDTH, page.height), facecolor="white")
    colours = _part_colours(names)
    _write_heading(figure, page, _heading(title, bars), score)
    _draw_legend(figure, page, names, colours)
    widest = max(system.end - system.start for system in systems)
    for number, system in enumerate(systems):
        axes = figure.add_axes(page.system_box(number))
        axes.set_xlim(system.start, system.start + widest)
        axes.set_ylim(rows.limits())
        _draw_background(axes, system, rows)
        _draw_bars(axes, system, bars, score.ticks_per_quarter)
        _draw_notes(axes, notes.between(system.start, system.end), colours, widest)
    return figure


class _Page:
    """Where things stand on the page, in inches from the top and in matplotlib's fractions from the bottom."""

    def __init__(self, systems: int, rows: int, legend_rows: int):
        self.system_height = min(max(0.1 * rows, 1.5), 4.2)
        self.legend_top = _TOP
        self.music_top = _TOP + legend_rows * _LEGEND_ROW + _LEGEND_GAP
        self.height = self.music_top + systems * (self.system_height + _SYSTEM_GAP) - _SYSTEM_GAP + _BOTTOM

    def fraction(self, inches_from_top: float) -> float:
        return 1 - inches_from_top / self.height

    def system_box(self, number: int) -> tuple[float, float, float, float]:
        bottom = self.music_top + number * (self.system_height + _SYSTEM_GAP) + self.system_height
        width = 1 - (_LEFT + _RIGHT) / _PAGE_WIDTH
        return _LEFT / _PAGE_WIDTH, self.fraction(bottom), width, self.system_height / self.height


def _part_names(score: Score) -> list[str]:
    """What the legend calls each track: its instrument, or its own name where every track has the same instrument."""
    instruments = [program_name(DRUMS if track.is_drum else track.program) for track in score.tracks]
    sounding = [number for number, track in enumerate(score.tracks) if len(track.notes)]
    if len(sounding) == 1 or len({instruments[number] for number in sounding}) > 1:
        return [instruments[number] for number in sounding]
    return [score.tracks[number].name.strip() or f"{instruments[number]} {number + 1}" for number in sounding]


def _part_colours(names: list[str]) -> np.ndarray:
    """Red, green and blue of each part, shape (parts, 3), from 0 to 1."""
    to_rgb = require("matplotlib.colors").to_rgb
    pitched = [name for name in names if name != program_name(DRUMS)]
    colours = {name: _COLOURS[number % len(_COLOURS)] for number, name in enumerate(pitched)}
    return np.array([to_rgb(colours.get(name, _DRUM_COLOUR)) for name in names])


def _note_table(score: Score, rows: Rows, part_of_track: list[int]) -> NoteTable:
    tracks = [track for track in score.tracks if len(track.notes)]
    columns = []
    for track, part in zip(tracks, part_of_track, strict=True):
        notes = {name: column.astype(np.int64) for name, column in track.notes.numpy().items()}
        row = notes["pitch"]
        if track.is_drum:
            row = np.array([rows.of_drum_sound[int(pitch)] for pitch in row])
        ends = notes["time"] + np.maximum(notes["duration"], 1)
        columns.append((notes["time"], ends, row, notes["velocity"], np.full(len(row), part)))
    return NoteTable(*(np.concatenate(column) for column in zip(*columns, strict=True)))


def _rows(score: Score) -> Rows:
    pitches = [track.notes.numpy()["pitch"] for track in score.tracks if len(track.notes) and not track.is_drum]
    sounds = {int(pitch) for track in score.tracks if track.is_drum for pitch in track.notes.numpy()["pitch"]}
    low = min((int(pitch.min()) for pitch in pitches), default=0) - 1
    high = max((int(pitch.max()) for pitch in pitches), default=-2) + 1
    drums = range(low - 1 - len(sounds), low - 1)
    return Rows(range(low, high + 1), drums, dict(zip(sorted(sounds), drums, strict=True)))


def _systems(bars: Bars, ticks_per_quarter: int) -> list[System]:
    """Split the bars into lines of about 32 quarter notes, or 64 where that would give more than 12 lines."""
    shown = min(len(bars), MAX_BARS)
    quarters = float(np.median(bars.lengths[:shown])) / ticks_per_quarter
    wide = 64 if quarters * shown > 12 * 32 else 32
    step = min(max(4 * int(wide / quarters / 4), 1), shown)
    groups = [(first, min(first + step, shown) - 1) for first in range(0, shown, step)]
    ends = bars.starts + bars.lengths
    return [System(first, last, int(bars.starts[first]), int(ends[last])) for first, last in groups]


def _heading(title: str, bars: Bars) -> str:
    if len(bars) <= MAX_BARS:
        return title
    return f"{title} (bars 1 to {MAX_BARS} of {len(bars)})".strip()


def _write_heading(figure: "Figure", page: _Page, heading: str, score: Score) -> None:
    tempo = next((tempo.qpm for tempo in score.tempos if tempo.time == 0), None)
    if heading:
        figure.text(_LEFT / _PAGE_WIDTH, page.fraction(0.42), heading, size=16, weight="bold", color=_INK)
    if tempo is not None:
        figure.text(
            1 - _RIGHT / _PAGE_WIDTH, page.fraction(0.42), f"♩ = {tempo:.0f}", size=11, color=_PALE_INK, ha="right"
        )


def _draw_legend(figure: "Figure", page: _Page, names: list[str], colours: np.ndarray) -> None:
    patch = require("matplotlib.patches").Patch
    figure.legend(
        handles=[patch(color=colour, label=name) for name, colour in zip(names, colours, strict=True)],
        loc="upper left",
        bbox_to_anchor=(_LEFT / _PAGE_WIDTH, page.fraction(page.legend_top - 0.08)),
        ncols=_LEGEND_COLUMNS,
        frameon=False,
        borderpad=0,
        borderaxespad=0,
        handlelength=1.1,
        handleheight=0.8,
        fontsize=10,
        labelcolor=_INK,
    )


def _draw_background(axes: "Axes", system: System, rows: Rows) -> None:
    """Grey rows for the black keys, a line under each C, and pitch names on the left."""
    width = system.end - system.start
    for pitch in rows.pitches:
        if pitch % 12 in _BLACK_KEYS:
            axes.broken_barh([(system.start, width)], (pitch - 0.5, 1), color=_BLACK_ROW, lw=0, zorder=0)
        if pitch % 12 == 0:
            axes.hlines(pitch - 0.5, system.start, system.end, color=_BEAT_LINE, lw=1, zorder=1)
    labelled = rows.labelled_pitches()
    ticks, labels = [float(pitch) for pitch in labelled], [_pitch_name(pitch) for pitch in labelled]
    if rows.drums:
        ticks, labels = [*ticks, (rows.drums[0] + rows.drums[-1]) / 2], [*labels, "drums"]
    axes.set_yticks(ticks, labels)
    axes.tick_params(left=False, bottom=False, labelbottom=False, labelsize=8.5, labelcolor=_INK, pad=3)
    axes.spines[:].set_visible(False)


def _pitch_name(pitch: int) -> str:
    return f"{_PITCH_CLASSES[pitch % 12]}{pitch // 12 - 1}"


def _draw_bars(axes: "Axes", system: System, bars: Bars, ticks_per_quarter: int) -> None:
    """Bar lines with numbers, thin beat lines, and each change of meter."""
    bottom, top = axes.get_ylim()
    numbers = range(system.first, system.last + 1)
    edges = [int(bars.starts[number]) for number in numbers]
    beats = [beat for number in numbers for beat in _beats(bars, number, ticks_per_quarter)]
    axes.vlines(beats, bottom, top, color=_BEAT_LINE, lw=0.7, zorder=1)
    axes.vlines([*edges, system.end], bottom, top, color=_BAR_LINE, lw=0.9, zorder=2, clip_on=False)
    for number, edge in zip(numbers, edges, strict=True):
        meter = f"{bars.numerators[number]}/{bars.denominators[number]}"
        changed = number == 0 or meter != f"{bars.numerators[number - 1]}/{bars.denominators[number - 1]}"
        axes.annotate(
            f"{number + 1}" + (f"   {meter}" if changed else ""),
            (edge, 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(2, 3),
            textcoords="offset points",
            size=8.5,
            color=_INK if changed else _PALE_INK,
            weight="bold" if changed else "normal",
        )


def _beats(bars: Bars, number: int, ticks_per_quarter: int) -> np.ndarray:
    """Ticks of a bar's inner beats, shape (beats,)."""
    beat = 4 * ticks_per_quarter / bars.denominators[number]
    return np.arange(bars.starts[number] + beat, bars.starts[number] + bars.lengths[number] - beat / 2, beat)


def _draw_notes(axes: "Axes", notes: NoteTable, colours: np.ndarray, widest: int) -> None:
    # Long notes first, so that short ones on the same pitch lie on top.
    order = np.argsort(notes.start - notes.end, kind="stable")
    left, right, row, part = notes.start[order], notes.end[order], notes.row[order], notes.part[order]
    # A sliver of white between repeated notes; short notes keep most of their length.
    right = right - np.minimum(widest / 700, (right - left) * 0.15)
    low, high = row - 0.44, row + 0.44
    corners = np.stack([left, low, left, high, right, high, right, low], axis=1).reshape(-1, 4, 2)
    # Opacity over white, mixed here: where voices meet, real transparency would show a colour no part has.
    opacity = 0.35 + 0.65 * notes.velocity[order, None] / 127
    tints = opacity * colours[part] + (1 - opacity)
    polygons = require("matplotlib.collections").PolyCollection
    axes.add_collection(polygons(corners, facecolors=tints, edgecolors=colours[part] * 0.8, linewidths=0.5, zorder=3))
