"""Meta events in words and numbers: texts, tempos, meters, keys. Knows nothing of notes or tracks.

Source: Standard MIDI Files 1.0 (RP-001), "Meta-Events".
"""

import re
from collections import Counter
from pathlib import Path

from symusic.core import KeySignatureTick, ScoreTick, TempoTick, TextMetaTick, TimeSignatureTick

from symbolic_music.score.errors import Refusal, ScoreError
from symbolic_music.score.midi.messages import KEY, MARKER, METER, TEMPO
from symbolic_music.score.midi.reading.scan import Meta

ZERO_TEMPOS = "zero tempos"
"""Tempos of 0 microseconds a quarter note: no music is played at them."""
INVALID_KEYS = "invalid keys"
"""Key signatures of more than seven sharps or flats, or neither major nor minor."""

_CONDUCTOR = frozenset((TEMPO, METER, KEY, MARKER))
_MAJOR_AND_MINOR = (0, 1)
# A denominator is a power of two; symusic holds it in a byte.
_LARGEST_EXPONENT = 7
# Two characters of two bytes in a row: Western text hardly ever has its accents so close together.
_SHIFT_JIS = re.compile(rb"(?:[\x81-\x9f\xe0-\xfc][\x40-\x7e\x80-\xfc]){2}")


def decode_text(data: bytes) -> str:
    """Text of a MIDI file, whose encoding the standard leaves open: UTF-8, else Shift-JIS or Latin-1 by its looks."""
    if data.isascii() and b"\0" not in data:
        return data.decode("ascii")
    for encoding in ("utf-8", "cp932") if _SHIFT_JIS.search(data) else ("utf-8",):
        try:
            return data.decode(encoding).replace("\0", "")
        except UnicodeDecodeError:
            continue
    return data.decode("latin-1").replace("\0", "")


def add_conductor(score: ScoreTick, metas: list[Meta], path: Path | None) -> Counter[str]:
    """Write tempos, meters, keys and markers into a Score, in the order of their times.

    Returns:
        How many are left out, by kind.

    Raises:
        ScoreError: bad_meter, for a meter whose beat is shorter than a 128th.
    """
    left_out: Counter[str] = Counter()
    said = [meta for meta in metas if meta.kind in _CONDUCTOR]
    for meta in sorted(said, key=lambda meta: meta.tick):
        if meta.kind == TEMPO and len(meta.data) >= 3:
            _add_tempo(score, meta, left_out)
        elif meta.kind == METER and len(meta.data) >= 2:
            score.time_signatures.append(TimeSignatureTick(meta.tick, *_meter(meta.data, path)))
        elif meta.kind == KEY and len(meta.data) >= 2:
            _add_key(score, meta, left_out)
        elif meta.kind == MARKER and (text := decode_text(meta.data)):
            score.markers.append(TextMetaTick(meta.tick, text))
    return left_out


def _add_tempo(score: ScoreTick, meta: Meta, left_out: Counter[str]) -> None:
    microseconds = int.from_bytes(meta.data[:3], "big")
    if microseconds:
        score.tempos.append(TempoTick(meta.tick, mspq=microseconds))
    else:
        left_out[ZERO_TEMPOS] += 1


def _meter(data: bytes, path: Path | None) -> tuple[int, int]:
    if data[1] > _LARGEST_EXPONENT:
        raise ScoreError(Refusal.BAD_METER, path, f"expected a meter such as 4/4, found {data[0]}/2^{data[1]}")
    return data[0], 2 ** data[1]


def _add_key(score: ScoreTick, meta: Meta, left_out: Counter[str]) -> None:
    fifths = int.from_bytes(meta.data[:1], "big", signed=True)
    if abs(fifths) <= 7 and meta.data[1] in _MAJOR_AND_MINOR:
        score.key_signatures.append(KeySignatureTick(meta.tick, fifths, meta.data[1]))
    else:
        left_out[INVALID_KEYS] += 1
