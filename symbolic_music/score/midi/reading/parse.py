"""The bytes of a MIDI file -> Score in ticks. Knows nothing of limits on length or of what a Score is used for."""

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
from symusic.core import ScoreTick as Score
from symusic.core import TrackTickList

from symbolic_music.score.errors import Refusal, ScoreError
from symbolic_music.score.midi.messages import CHANNELS_PER_PORT, METER, TEMPO
from symbolic_music.score.midi.reading.channels import channel_numbers
from symbolic_music.score.midi.reading.chunks import find_chunks, unwrap_riff
from symbolic_music.score.midi.reading.meta import add_conductor
from symbolic_music.score.midi.reading.notes import pair_notes
from symbolic_music.score.midi.reading.scan import Events, Meta, scan_tracks
from symbolic_music.score.midi.reading.tracks import score_tracks
from symbolic_music.score.transforms.meters import METERS_CUT, cut_long_meters

MISSING_TRACKS = "missing tracks"
"""Tracks that a file promises and does not have."""
ENDLESS_NOTES = "endless notes"
"""Notes that nothing ends; they are left out."""

# symusic holds times in 32 signed bits.
_MAX_TICK = 2**31 - 1
_INDEPENDENT_PATTERNS = 2
# What holds where a pattern says nothing: 120 quarter notes per minute, 4/4 (Standard MIDI Files 1.0).
_DEFAULTS = ((TEMPO, b"\x07\xa1\x20"), (METER, b"\x04\x02\x18\x08"))


def parse_midi(data: bytes, path: Path | None) -> tuple[Score, Counter[str]]:
    """Read a MIDI file.

    Args:
        data: its bytes, or those of a RIFF container with one.
        path: for errors.

    Returns:
        The Score, which may hold no notes, and how much of the file does not go into it, by kind.

    Raises:
        ScoreError: the bytes are no MIDI file or break the format.
    """
    data = unwrap_riff(data)
    chunks = find_chunks(data, path)
    events = scan_tracks(data, chunks.spans, path)
    channels = channel_numbers(events)
    if chunks.format == _INDEPENDENT_PATTERNS:
        events, channels = _in_sequence(events, channels, chunks.ticks_per_quarter)
    if max(events.ends, default=0) > _MAX_TICK:
        detail = f"expected times below 2^31 ticks, found {max(events.ends)}"
        raise ScoreError(Refusal.CORRUPT_TIMING, path, detail)
    score = Score(chunks.ticks_per_quarter)
    left_out = add_conductor(score, events.metas, path)
    notes = pair_notes(events, channels)
    score.tracks = TrackTickList(score_tracks(events, channels, notes))
    score, meters_cut = cut_long_meters(score)
    counts = {ENDLESS_NOTES: notes.endless, MISSING_TRACKS: chunks.missing, METERS_CUT: meters_cut}
    return score, left_out + Counter(counts)


def _in_sequence(events: Events, channels: np.ndarray, ticks_per_quarter: int) -> tuple[Events, np.ndarray]:
    """Independent patterns one after the other, each with channels, tempo and meter of its own.

    A pattern begins where the one before ends, or at the bar line after that.
    """
    spoken: list[list[Meta]] = [[] for _ in events.ends]
    for meta in events.metas:
        spoken[meta.track].append(meta)
    lengths = [_whole_bars(end, said, ticks_per_quarter) for end, said in zip(events.ends, spoken, strict=True)]
    starts = [0, *np.cumsum(lengths).tolist()[:-1]]
    metas = []
    for track, (start, said) in enumerate(zip(starts, spoken, strict=True)):
        kinds = {meta.kind for meta in said if meta.tick == 0} if track else {kind for kind, _ in _DEFAULTS}
        metas += [Meta(track, start, 0, kind, data) for kind, data in _DEFAULTS if kind not in kinds]
        metas += [meta._replace(tick=meta.tick + start) for meta in said]
    apart = (int(channels.max(initial=0)) // CHANNELS_PER_PORT + 1) * CHANNELS_PER_PORT
    tick = events.tick + np.array(starts, np.int64)[events.track]
    ends = [start + end for start, end in zip(starts, events.ends, strict=True)]
    return replace(events, tick=tick, metas=metas, ends=ends), channels + apart * events.track


def _whole_bars(end: int, metas: list[Meta], ticks_per_quarter: int) -> int:
    """A pattern's length up to the next bar line of its last meter."""
    start, numerator, exponent = 0, 4, 2
    for meta in metas:
        if meta.kind == METER and len(meta.data) >= 2 and meta.data[0] and meta.tick < end:
            start, numerator, exponent = meta.tick, meta.data[0], meta.data[1]
    bar = max(4 * ticks_per_quarter * numerator >> exponent, 1)
    return start + -(-(end - start) // bar) * bar
