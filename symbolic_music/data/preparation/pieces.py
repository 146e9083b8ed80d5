"""From a work unit to the rows of a dataset: what is said about a piece, and why a piece is left out.

Runs in worker processes. Knows nothing of groups, splits or where rows are written.
"""

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
from symusic.core import ScoreTick as Score
from symusic.core import TrackTick

from symbolic_music.data.preparation.duplicates import shingles, signature
from symbolic_music.data.sources.licenses import is_accepted
from symbolic_music.data.sources.units import WorkUnit, shorten, shown_title
from symbolic_music.score.bars import bar_table, count_bars, equal_parts
from symbolic_music.score.checks import ScoreLimits, check_score, play_seconds
from symbolic_music.score.chords import cut_chords
from symbolic_music.score.errors import ScoreError
from symbolic_music.score.midi.io import midi_bytes, read_midi
from symbolic_music.score.piece import Piece, Reading
from symbolic_music.score.transforms.comping import with_comping
from symbolic_music.score.transforms.edit import cut_bars
from symbolic_music.score.transforms.pedal import piece_with_pedal

DRUMS = -1
"""Stands for drums in the column `programs`."""
_MAX_DETAIL = 500
LICENSE = "license"
"""The reason, beside those of `Refusal`, for which a piece is left out: its licence is not among those accepted."""
_KEYS_BY_FIFTHS = ("Cb", "Gb", "Db", "Ab", "Eb", "Bb", "F", "C", "G", "D", "A", "E", "B", "F#", "C#")
_MINOR_SHIFT = 3  # A minor has no sharps, and A lies three fifths above C


@dataclass(frozen=True)
class PieceSettings:
    """What is done to a piece before it becomes rows.

    Args:
        limits: which pieces are of usable size.
        max_bars: longer pieces are cut at bar lines into equal parts of at most so many bars; None keeps them whole.
        sound_chords: whether chord symbols are also played, by a piano track of their own.
        pedal: what is done with sustain pedals, one of `score.midi.pedal.PEDAL_MODES`.
        licenses: words for the licences that are accepted ("CC0", "CC BY"); none accepts all.
    """

    limits: ScoreLimits = field(default_factory=ScoreLimits)
    max_bars: int | None = None
    sound_chords: bool = False
    pedal: str = "auto"
    licenses: tuple[str, ...] = ()


def unit_rows(unit: WorkUnit, settings: PieceSettings) -> list[dict[str, Any]]:
    """Read a unit; one row for each piece in it, usable or refused, or for each part of at most `max_bars` bars.

    A usable row has the columns of the dataset except `group`, and `digest` of the piece, `stored_digest` of what is
    read from its `midi`, `signature` and `has_shingles`; a refused one has `source`, `name`, `refusal` and `detail`.
    The first has `left_out`, counts by kind as JSON.
    """
    try:
        reading = unit.read()
    except ScoreError as error:
        return [refused_row(unit, unit.name, error.refusal, error.detail)]
    reading = replace(reading, pieces=[piece_with_pedal(piece, settings.pedal) for piece in reading.pieces])
    rows: list[dict[str, Any]] = []
    for name, piece in zip(_piece_names(unit, reading), reading.pieces, strict=True):
        rows += _piece_rows(unit, name, piece, settings)
    rows += [refused_row(unit, unit.name, error.refusal, error.detail) for error in reading.skipped]
    total = sum((piece.left_out for piece in reading.pieces), start=Counter[str]())
    rows[0]["left_out"] = json.dumps(total, sort_keys=True)
    return rows


def refused_row(unit: WorkUnit, name: str, refusal: str, detail: str) -> dict[str, Any]:
    """A row that only says why there is none."""
    words = shorten(" ".join(detail.split()), _MAX_DETAIL)
    return {"source": unit.source, "name": name, "refusal": str(refusal), "detail": words}


def _piece_names(unit: WorkUnit, reading: Reading) -> list[str]:
    """The unit's name for its one piece; that and a number, a book's own if it has one, and the title for several."""
    if len(reading.pieces) == 1 and not reading.skipped:
        return [unit.name]
    return [
        f"{unit.name}#{piece.number or place} {shown_title(piece.title)}".strip()
        for place, piece in enumerate(reading.pieces, start=1)
    ]


def content_digest(score: Score) -> str:
    """SHA-256 (hexadecimal) of what sounds: notes, programs, tempos, meters, keys; not of titles or track names."""
    digest = hashlib.sha256(f"tpq {score.ticks_per_quarter}\n".encode())
    for track in sorted(_track_bytes(track) for track in score.tracks if len(track.notes)):
        digest.update(track)
    for tempo in score.tempos:
        digest.update(f"tempo {tempo.time} {tempo.mspq}\n".encode())
    for meter in score.time_signatures:
        digest.update(f"meter {meter.time} {meter.numerator}/{meter.denominator}\n".encode())
    for key in score.key_signatures:
        digest.update(f"key {key.time} {key.key} {key.tonality}\n".encode())
    return digest.hexdigest()


def key_name(score: Score) -> str:
    """The first key signature in words, "G" or "Em"; "" without one, or with one that is no key."""
    if not len(score.key_signatures):
        return ""
    first = score.key_signatures[0]
    place = first.key + 7 + (_MINOR_SHIFT if first.tonality else 0)
    if not -7 <= first.key <= 7:
        return ""
    if first.tonality:
        return (*_KEYS_BY_FIFTHS, "G#", "D#", "A#")[place] + "m"
    return _KEYS_BY_FIFTHS[place]


def _piece_rows(unit: WorkUnit, name: str, piece: Piece, settings: PieceSettings) -> list[dict[str, Any]]:
    refusal = check_score(piece.score, settings.limits)
    if refusal is not None:
        return [refused_row(unit, name, refusal, "read, but outside the limits for a piece")]
    license = piece.license or unit.license
    if settings.licenses and not is_accepted(license, settings.licenses):
        return [refused_row(unit, name, LICENSE, f"is {license!r}; accepted: {', '.join(settings.licenses)}")]
    if settings.sound_chords:
        piece = replace(piece, score=with_comping(piece.score, piece.chords))
    hashes = shingles(piece.score)
    # Each part carries the whole piece's signature, so that all of them are near duplicates of each other and stay
    # together wherever groups do.
    whole = {"signature": signature(hashes), "has_shingles": len(hashes) > 0}
    num_bars = count_bars(piece.score)
    if settings.max_bars is None or num_bars <= settings.max_bars:
        return [_piece_row(unit, name, piece) | whole]
    rows = []
    for first, end in pairwise(equal_parts(0, num_bars, settings.max_bars)):
        part = _part(piece, first, end)
        label = f"{name}, bars {first + 1} to {end}"
        refusal = check_score(part.score, settings.limits)
        if refusal is not None:
            rows.append(refused_row(unit, label, refusal, "part of a piece, outside the limits"))
        else:
            rows.append(_piece_row(unit, label, part) | whole)
    return rows


def _part(piece: Piece, first: int, end: int) -> Piece:
    """The bars first to end of a piece, the last one excluded, with the chord symbols that hold in them."""
    bars, tpq = bar_table(piece.score), piece.score.ticks_per_quarter
    start = Fraction(int(bars.starts[first]), tpq)
    stop = Fraction(int(bars.starts[end - 1] + bars.lengths[end - 1]), tpq)
    return replace(
        piece, score=cut_bars(piece.score, first, end - first), chords=cut_chords(piece.chords, start, stop)
    )


def _piece_row(unit: WorkUnit, name: str, piece: Piece) -> dict[str, Any]:
    score = piece.score
    midi = midi_bytes(score)
    return {
        "midi": midi,
        "source": unit.source,
        "name": name,
        "license": piece.license or unit.license,
        "notes": score.note_num(),
        "bars": count_bars(score),
        "seconds": play_seconds(score),
        "programs": sorted({DRUMS if t.is_drum else t.program for t in score.tracks if len(t.notes)}),
        "key": key_name(score) if piece.key is None else piece.key,
        "meter": _first_meter(score),
        "title": piece.title,
        "composer": piece.composer,
        "composer_dates": piece.composer_dates,
        "chords": [{"onset": float(chord.onset), "symbol": chord.text} for chord in piece.chords],
        "digest": content_digest(score),
        # A track in which one pitch sounds twice at once is two tracks in a MIDI file.
        "stored_digest": content_digest(read_midi(midi)),
    }


def _first_meter(score: Score) -> str:
    if not len(score.time_signatures):
        return ""
    first = score.time_signatures[0]
    return f"{first.numerator}/{first.denominator}"


def _track_bytes(track: TrackTick) -> bytes:
    notes = track.notes.numpy()
    columns = [notes[name].astype(np.int64) for name in ("time", "pitch", "duration", "velocity")]
    table = np.stack(columns)[:, np.lexsort(columns[::-1])]
    return f"track {DRUMS if track.is_drum else track.program}\n".encode() + table.tobytes()
