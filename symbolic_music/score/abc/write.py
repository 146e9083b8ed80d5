"""Score -> ABC notation: a tune with voices, programs, keys, meters, tempos and every note, in bytes that never vary.

What abc2midi and music21 both read back: `io` is the way in. Loudness is kept as one level for each voice; lyrics,
controllers and pitch bends are not written.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from symusic.core import ScoreTick as Score

from symbolic_music.score.abc.lengths import TICKS_PER_QUARTER, TUPLETS, UNIT_TICKS, tuplet_mark, written_lengths
from symbolic_music.score.abc.spelling import NOTE_TEXTS, key_text, keys_in_force, note_codes
from symbolic_music.score.abc.voices import (
    AbcBars,
    AbcChords,
    AbcNotes,
    AbcRows,
    abc_bars,
    find_chords,
    gather_notes,
    pool_lanes,
    round_ticks,
    written_rows,
)
from symbolic_music.score.bars import bar_quarters
from symbolic_music.score.errors import Refusal, ScoreError
from symbolic_music.score.storage import write_atomically

MAX_VOICES = 30
"""abc2midi plays the 31st voice, and every one after it, in the wrong place."""
_BARS_PER_LINE = 4
_UNIT_FIELD = "L:1/8"
# music21 reads one digit of how many notes a tuplet has.
_MAX_TUPLET_NOTES = 9
_DRUM_CHANNEL = 10
_MELODIC_CHANNELS = (1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15, 16)
_DEFAULT_TEMPO = 120.0
# A quarter note's tempo is a whole number in ABC programs; of shorter beats there are more in a minute.
_TEMPO_BEATS = (4, 8, 16, 32, 64)
_TEMPO_TOLERANCE = 1e-3
_MAX_TEMPO = 65_535
"""Beats per minute as ABC programs hold them."""
_MIDDLE_C = 60
_PLAIN_TICKS = UNIT_TICKS // 16
"""Multiples of it are lengths without a tuplet."""
_TUPLET_MARKS = np.array(
    [[tuplet_mark(tuplet, notes) for notes in range(_MAX_TUPLET_NOTES + 1)] for tuplet in TUPLETS], dtype=object
)
_FORMS_OF_LENGTH = 4
_BRACKETS = np.array(["", "["], dtype=object)
_SEPARATORS = np.array(["", " ", "|", "|\n", "|]\n"], dtype=object)


def abc_text(score: Score, title: str = "", steps_per_quarter: int | None = None) -> str:
    """One tune in ABC 2.1.

    Notes that begin and end together in a track are a chord; notes that overlap otherwise go to further voices with
    the same program. A note that lasts beyond its bar is tied. Bars are those of `bar_table`; a first bar that begins
    in silence is an upbeat, and is written without that silence. Where that takes too
    many voices, tracks share voices, whose programs change then.

    Args:
        score: in ticks.
        title: of the tune, for its `T:` field.
        steps_per_quarter: the grid to which onsets and durations are moved, a divisor of 480; by default the coarsest
            of `voices.GRIDS` that holds 99.8% of the notes as they are, 480 where none does.

    Raises:
        ScoreError: no_notes, corrupt_timing, too_long, or too_many_voices above 30, which abc2midi cannot read.
        ValueError: when `steps_per_quarter` does not divide 480.
    """
    if steps_per_quarter is not None and (steps_per_quarter < 1 or TICKS_PER_QUARTER % steps_per_quarter):
        raise ValueError(f"expected steps per quarter note that divide {TICKS_PER_QUARTER}, got {steps_per_quarter}")
    notes = gather_notes(score, steps_per_quarter)
    chords = find_chords(notes)
    if chords.num_voices > MAX_VOICES:
        notes = pool_lanes(notes, np.array([track.is_drum for track in score.tracks]))
        chords = find_chords(notes)
    if chords.num_voices > MAX_VOICES:
        detail = f"expected at most {MAX_VOICES} voices for notes that overlap, found {chords.num_voices}"
        raise ScoreError(Refusal.TOO_MANY_VOICES, None, detail)
    bars = abc_bars(score, int(chords.ends.max()))
    tempos = _tempos(score, bars.end)
    bars = replace(bars, upbeat=_upbeat(bars, int(chords.onsets.min()), tempos))
    rows = written_rows(chords, bars, np.array([tick for tick, _ in tempos[1:]], dtype=np.int64))
    keys = keys_in_force(score)
    bar_keys = _keys_of_bars(keys, bars, score.ticks_per_quarter)
    fields = _changes(score, notes, chords, bars, rows, bar_keys, tempos)
    music = _music(notes, chords, bars, rows, bar_keys[:, 0], fields)
    return "".join([_header(title, bars, keys[0], tempos[0]), *music])


def _upbeat(bars: AbcBars, first_onset: int, tempos: list[tuple[int, str]]) -> int:
    """Where the music of the first bar begins, 0 where it begins with it or silence must be written.

    A short first bar ends where a whole one would (`io.read_abc_tune`), so an upbeat is written without the rests
    before it. A bar of silence, and one in which the tempo changes before the music begins, is written whole.
    """
    first_end = int(bars.starts[1]) if len(bars.starts) > 1 else bars.end
    in_time = not any(0 < tick <= first_onset for tick, _ in tempos)
    return first_onset if first_onset < first_end and in_time else 0


def written_bar_quarters(score: Score) -> list[float]:
    """How long each bar lasts that `abc_text` writes, in quarter notes: an upbeat without the silence before it."""
    lengths = bar_quarters(score)
    onset = min((note.time for track in score.tracks for note in track.notes), default=0) / score.ticks_per_quarter
    changes = any(0 < tempo.time <= onset * score.ticks_per_quarter for tempo in score.tempos)
    if lengths and onset < lengths[0] and not changes:
        lengths[0] -= onset
    return lengths


def write_abc(score: Score, path: Path | str, title: str = "", steps_per_quarter: int | None = None) -> None:
    """Write a Score as an ABC file of one tune, whole or not at all; see `abc_text`."""
    write_atomically(path, abc_text(score, title, steps_per_quarter).encode())


def _header(title: str, bars: AbcBars, key: tuple[int, int, bool], tempo: tuple[int, str]) -> str:
    numerator, denominator = bars.meters[0]
    fields = [
        "X:1",
        f"T:{plain_text(title) or 'Untitled'}",
        "%%MIDI chordattack 0",
        f"M:{numerator}/{denominator}",
        _UNIT_FIELD,
        f"Q:{tempo[1]}",
        f"K:{key_text(*key[1:])}",
    ]
    return "\n".join(fields) + "\n"


def plain_text(text: str) -> str:
    """Text fit for a field: one line of printable characters without what ABC reads as a sign."""
    return " ".join("".join(c if c.isprintable() and c not in '"%\\[]' else " " for c in text).split())[:80]


def _tempos(score: Score, end: int) -> list[tuple[int, str]]:
    """Each change of tempo as (tick, text for `Q:`); changes move to the nearest sixty-fourth note."""
    changes = {0: _tempo_text(_DEFAULT_TEMPO)}
    for tempo in sorted(score.tempos, key=lambda tempo: tempo.time):
        tick = round_ticks(np.int64(max(tempo.time, 0)), score.ticks_per_quarter, 16)
        changes[int(tick)] = _tempo_text(tempo.qpm)
    written: list[tuple[int, str]] = []
    for tick, text in changes.items():
        if tick < end and (not written or written[-1][1] != text):
            written.append((tick, text))
    return written


def _tempo_text(quarters_per_minute: float) -> str:
    """A tempo with the longest beat of which there is a whole number in a minute; else with sixty-fourths."""
    for beat in _TEMPO_BEATS:
        beats = round(quarters_per_minute * beat / 4)
        if beat == _TEMPO_BEATS[-1] or abs(beats * 4 / beat - quarters_per_minute) < _TEMPO_TOLERANCE:
            break
    return f"1/{beat}={min(max(beats, 1), _MAX_TEMPO)}"


@dataclass(frozen=True)
class _Tokens:
    """Rows as they are written: one token each, or several tied ones where one length cannot say it.

    Attributes:
        rows: (tokens,) the row that a token belongs to.
        is_first: (tokens,) whether it is the first of its row.
        tuplets: (tokens,) number in `TUPLETS`.
        lengths: (tokens,) number of the length's text in `texts`.
        texts: length and tie, four forms of each length: plain, tied, and both behind a chord's bracket.
        starts_bar: (tokens,) whether a bar of a voice begins with it.
    """

    rows: np.ndarray
    is_first: np.ndarray
    tuplets: np.ndarray
    lengths: np.ndarray
    texts: np.ndarray
    starts_bar: np.ndarray


def _tokens(rows: AbcRows) -> _Tokens:
    durations = rows.ends - rows.starts
    occurs = np.zeros(int(durations.max()) + 1, dtype=bool)
    occurs[durations] = True
    written = [written_lengths(ticks) for ticks in np.flatnonzero(occurs).tolist()]
    flat = [length for lengths in written for length in lengths]
    counts = np.array([len(lengths) for lengths in written])
    kind = (np.cumsum(occurs) - 1)[durations]
    count = counts[kind]
    row = np.repeat(np.arange(len(kind)), count)
    place = np.arange(len(row)) - (np.cumsum(count) - count)[row]
    length = (np.cumsum(counts) - counts)[kind][row] + place
    tied = rows.tied[row] | (rows.chords[row] >= 0) & (place < count[row] - 1)
    texts = [f"{bracket}{text}{tie}" for _, text in flat for bracket in ("", "]") for tie in ("", "-")]
    bars = rows.voices * (int(rows.bars.max()) + 1) + rows.bars
    starts_bar = np.ones(len(row), dtype=bool)
    starts_bar[1:] = np.diff(bars[row]) != 0
    tuplets = np.array([tuplet for tuplet, _ in flat])[length]
    return _Tokens(
        row, place == 0, tuplets, _FORMS_OF_LENGTH * length + tied, np.array(texts, dtype=object), starts_bar
    )


def _openings(tokens: _Tokens, rows: AbcRows, bars: AbcBars, is_chord: np.ndarray) -> np.ndarray:
    """What stands before each token: "", the mark of the tuplet that it opens; (tokens,) object.

    A tuplet ends where its notes fill a plain length, so that three triplet quavers are one "(3", and after nine.
    """
    opens = np.full(len(tokens.rows), "", dtype=object)
    (within,) = np.nonzero(tokens.tuplets)
    if not len(within):
        return opens
    start = (rows.starts - bars.starts[rows.bars])[tokens.rows]
    fresh = tokens.starts_bar | (tokens.is_first & (start % _PLAIN_TICKS == 0))
    # abc2midi warns of a tuplet whose notes differ in length, and overlooks the length behind a chord's bracket.
    length = tokens.lengths // _FORMS_OF_LENGTH
    alone = is_chord & (tokens.texts[length * _FORMS_OF_LENGTH] != "")
    fresh |= alone
    fresh[1:] |= (length[1:] != length[:-1]) | alone[:-1]
    begins = np.flatnonzero(fresh)
    place = (np.arange(len(fresh)) - begins[np.cumsum(fresh) - 1]) % _MAX_TUPLET_NOTES
    begins = np.flatnonzero(place == 0)
    sizes = np.diff(begins, append=len(fresh))
    in_tuplet = tokens.tuplets[begins] > 0
    begins, sizes = begins[in_tuplet], sizes[in_tuplet]
    opens[begins] = _TUPLET_MARKS[tokens.tuplets[begins], sizes]
    return opens


def _separators(tokens: _Tokens, rows: AbcRows, bars: AbcBars) -> np.ndarray:
    """What stands behind each token: a bar line where a bar ends, a space where a beat does; (tokens,) object."""
    beats = np.array([_beat_ticks(*meter) for meter in bars.meters], dtype=np.int64)
    ends = rows.ends - bars.starts[rows.bars]
    code = (ends % beats[rows.bars] == 0).astype(np.int64)[tokens.rows]
    code[:-1] *= tokens.is_first[1:]
    ends_bar = np.append(tokens.starts_bar[1:], True)
    bar = rows.bars[tokens.rows[ends_bar]]
    code[ends_bar] = np.where((bar + 1) % _BARS_PER_LINE == 0, 3, 2)
    last_of_voice = ends_bar & np.append(np.diff(rows.voices[tokens.rows]) != 0, True)
    code[last_of_voice] = 4
    return _SEPARATORS[code]


def _beat_ticks(numerator: int, denominator: int) -> int:
    """Ticks under one beam: a beat, three of them in 6/8 and the like."""
    beat = 4 * TICKS_PER_QUARTER // denominator
    return 3 * beat if denominator >= 8 and numerator % 3 == 0 else beat


def _keys_of_bars(keys: list[tuple[int, int, bool]], bars: AbcBars, ticks_per_quarter: int) -> np.ndarray:
    """Sharps and mode of the key signature in force where each bar begins, (bars, 2) int64."""
    ticks = round_ticks(np.array([tick for tick, *_ in keys], dtype=np.int64), ticks_per_quarter, 16)
    place = np.searchsorted(ticks, bars.starts, side="right") - 1
    return np.array([(fifths, minor) for _, fifths, minor in keys], dtype=np.int64)[np.maximum(place, 0)]


def _changes(
    score: Score,
    notes: AbcNotes,
    chords: AbcChords,
    bars: AbcBars,
    rows: AbcRows,
    bar_keys: np.ndarray,
    tempos: list[tuple[int, str]],
) -> dict[int, str]:
    """By number of a row, the fields that stand before it: a new voice, meter, key, tempo or program."""
    first_rows = np.append(0, np.flatnonzero(np.diff(rows.voices)) + 1).tolist()
    fields = dict(zip(first_rows, _voice_fields(score, notes, chords), strict=True))
    changed = {
        bar: _bar_fields(bar, bars, bar_keys)
        for bar in range(1, len(bars.starts))
        if bars.meters[bar] != bars.meters[bar - 1] or (bar_keys[bar] != bar_keys[bar - 1]).any()
    }
    first_voice = slice(0, first_rows[1] if len(first_rows) > 1 else None)
    tempo_rows = np.searchsorted(rows.starts[first_voice], [tick for tick, _ in tempos]).tolist()
    if changed:
        starts_bar = np.append(True, (np.diff(rows.bars) != 0) | (np.diff(rows.voices) != 0))
        for row in np.flatnonzero(starts_bar & np.isin(rows.bars, list(changed))).tolist():
            fields[row] = fields.get(row, "") + changed[int(rows.bars[row])]
    for row, (_, text) in zip(tempo_rows[1:], tempos[1:], strict=True):
        fields[row] = fields.get(row, "") + f"[Q:{text}]"
    return fields | _program_changes(score, chords, rows, fields)


def _program_changes(score: Score, chords: AbcChords, rows: AbcRows, fields: dict[int, str]) -> dict[int, str]:
    """The fields of rows before which the program of a voice shared by several tracks changes."""
    programs = np.array([track.program for track in score.tracks])[chords.tracks]
    (sounding,) = np.nonzero(rows.chords >= 0)
    voices, heard = rows.voices[sounding], programs[rows.chords[sounding]]
    changes = np.flatnonzero((voices[1:] == voices[:-1]) & (heard[1:] != heard[:-1])) + 1
    return {
        row: fields.get(row, "") + f"[I:MIDI program {program}]"
        for row, program in zip(sounding[changes].tolist(), heard[changes].tolist(), strict=True)
    }


def _bar_fields(bar: int, bars: AbcBars, bar_keys: np.ndarray) -> str:
    """The key and meter that change at a bar, on lines of their own, for music21 overlooks `[K:…]` and `[M:…]`.

    It overlooks a field that stands alone, too: that is what the unit length is said again for.
    """
    lines = ""
    if (bar_keys[bar] != bar_keys[bar - 1]).any():
        lines += f"K:{key_text(int(bar_keys[bar, 0]), bool(bar_keys[bar, 1]))}\n"
    if bars.meters[bar] != bars.meters[bar - 1]:
        lines += f"M:{bars.meters[bar][0]}/{bars.meters[bar][1]}\n{_UNIT_FIELD}\n"
    # Never after the end of a line, for an empty line would end the tune.
    return "\n" * bool(lines and bar % _BARS_PER_LINE) + lines


def _voice_fields(score: Score, notes: AbcNotes, chords: AbcChords) -> list[str]:
    """What stands before each voice: its name, and for abc2midi its program, channel and loudness."""
    voice_of_note = np.repeat(chords.voices, chords.sizes)
    sounding = np.bincount(voice_of_note)
    loudness = np.rint(np.bincount(voice_of_note, notes.velocities) / sounding).astype(np.int64).clip(1, 127)
    heights = np.bincount(voice_of_note, notes.pitches) / sounding
    channels: dict[int, int] = {}
    fields = []
    first_chords = np.unique(chords.voices, return_index=True)[1]
    for number, track_number in enumerate(chords.tracks[first_chords].tolist()):
        track = score.tracks[track_number]
        program = min(max(track.program, 0), 127)
        free = _MELODIC_CHANNELS[len(channels) % len(_MELODIC_CHANNELS)]
        channel = _DRUM_CHANNEL if track.is_drum else channels.setdefault(program, free)
        name = plain_text(track.name)
        clef = "perc" if track.is_drum else "bass" if heights[number] < _MIDDLE_C else "treble"
        fields.append(
            f"V:{number + 1} clef={clef}" + (f' name="{name}"' if name else "") + "\n"
            f"%%MIDI channel {channel}\n%%MIDI program {program}\n"
            f"%%MIDI beat {' '.join([str(loudness[number])] * 3)} 1\n"
        )
    return fields


def _music(
    notes: AbcNotes, chords: AbcChords, bars: AbcBars, rows: AbcRows, fifths: np.ndarray, fields: dict[int, str]
) -> list[str]:
    """The text of all voices in pieces: four for each token (opening, bracket, length, separator), and its notes."""
    tokens = _tokens(rows)
    chord, bar = rows.chords[tokens.rows], rows.bars[tokens.rows]
    is_rest = chord < 0
    sizes = np.where(is_rest, 1, chords.sizes[chord])
    is_chord = sizes > 1
    openings = _openings(tokens, rows, bars, is_chord)
    first_tokens = np.flatnonzero(tokens.is_first)
    for row, text in fields.items():
        openings[first_tokens[row]] = text + openings[first_tokens[row]]
    begins = np.cumsum(sizes + 4) - (sizes + 4)
    pieces = np.empty(int(begins[-1] + sizes[-1] + 4), dtype=object)
    pieces[begins] = openings
    pieces[begins + 1] = _BRACKETS[is_chord.astype(np.int64)]
    pieces[begins + sizes + 2] = tokens.texts[tokens.lengths + 2 * is_chord]
    pieces[begins + sizes + 3] = _separators(tokens, rows, bars)
    pieces[begins[is_rest] + 2] = "z"
    sounding = np.where(is_rest, 0, sizes)
    token = np.repeat(np.arange(len(sizes)), sounding)
    place = np.arange(len(token)) - (np.cumsum(sounding) - sounding)[token]
    pitches = notes.pitches[chords.first[chord[token]] + place]
    voice_bars = rows.voices[tokens.rows] * len(bars.starts) + bar
    codes = note_codes(pitches, fifths[bar[token]], voice_bars[token], fifths)
    pieces[begins[token] + 2 + place] = NOTE_TEXTS[codes]
    return pieces.tolist()
