"""The sustain pedal as durations: a note lasts as long as it sounds, not as long as its key is held.

Pure Score -> Score. Knows nothing of files, whose readers say when a pedal is down (controller 64 at 64 or more: one
that is pressed less than half-way counts as up).
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from symusic.core import ControlChangeTickList, NoteTickList, PedalTickList, TrackTick
from symusic.core import ScoreTick as Score

from symbolic_music.score.midi.messages import PEDAL
from symbolic_music.score.piece import Piece

PEDAL_MODES = ("auto", "extend", "keep")
"""What can be done with pedals: `extend` makes them durations, `auto` does so where a Score looks performed."""
PEDALLED_NOTES = "pedalled notes"
"""Notes made longer because the pedal holds them."""

# Onsets that notation writes: sixteenths of a quarter note (64ths) and its twelfths (triplets of sixteenths).
_GRIDS = (16, 12)
_MOST_ON_GRID = 0.5


def apply_pedal(score: Score, mode: str) -> tuple[Score, int]:
    """Make pedals durations where `mode` asks for it.

    Args:
        score: in ticks.
        mode: one of `PEDAL_MODES`.

    Returns:
        The Score, and how many of its notes are longer.

    Raises:
        ValueError: for another mode.
    """
    if mode not in PEDAL_MODES:
        raise ValueError(f"expected a pedal mode of {', '.join(PEDAL_MODES)}, got {mode!r}")
    if mode == "extend" or (mode == "auto" and looks_performed(score)):
        return extend_by_pedal(score)
    return score, 0


def piece_with_pedal(piece: Piece, mode: str) -> Piece:
    """The same for a piece, which counts its longer notes among what is not in the Score as the file has it."""
    score, longer = apply_pedal(piece.score, mode)
    return replace(piece, score=score, left_out=piece.left_out + Counter({PEDALLED_NOTES: longer}))


def looks_performed(score: Score) -> bool:
    """Whether a Score was played rather than written: it has a pedal, and half of its onsets or more lie off the grid.

    The grid has all multiples of a sixteenth and of a twelfth of a quarter note. Of onsets at any tick, as a
    performance recorded with 480 ticks per quarter note has them, 5% lie there by chance.
    """
    tracks = [track for track in score.tracks if len(track.notes) and not track.is_drum]
    if not any(len(track.pedals) for track in tracks):
        return False
    onsets = np.concatenate([track.notes.numpy()["time"].astype(np.int64) for track in tracks])
    on_grid = np.zeros(len(onsets), bool)
    for steps in _GRIDS:
        step = np.round(onsets * steps / score.ticks_per_quarter)
        on_grid |= onsets == np.round(step * score.ticks_per_quarter / steps)
    return bool(on_grid.mean() < _MOST_ON_GRID)


def extend_by_pedal(score: Score) -> tuple[Score, int]:
    """Let each note sound until the pedal that holds it lifts, or until its pitch is struck again.

    A pedal holds a note when it went down before the note's end and lifts after it. Tracks of one program under the
    same pedal are one instrument: what one strikes again ends what the other held. Drums have no pedal. The pedals
    have become durations, so they are gone from the result, controller 64 with them.

    Args:
        score: in ticks.

    Returns:
        The Score, and how many of its notes are longer.
    """
    extended = score.copy()
    instruments: list[list[TrackTick]] = []
    for track in extended.tracks:
        if track.is_drum or not len(track.notes) or not len(track.pedals):
            continue
        for tracks in instruments:
            if (tracks[0].program, tracks[0].pedals) == (track.program, track.pedals):
                tracks.append(track)
                break
        else:
            instruments.append([track])
    longer = sum(_extend_instrument(tracks) for tracks in instruments)
    for track in extended.tracks:
        if not track.is_drum:
            _forget_pedal(track)
    return extended, longer


def _extend_instrument(tracks: Sequence[TrackTick]) -> int:
    columns = [track.notes.numpy() for track in tracks]
    time, duration, pitch = (
        np.concatenate([notes[name].astype(np.int64) for notes in columns]) for name in ("time", "duration", "pitch")
    )
    end = time + duration
    held = np.minimum(_lifted(tracks[0], end), _struck_again(time, pitch))
    sounding = np.maximum(held, end) - time
    start = 0
    for track, notes in zip(tracks, columns, strict=True):
        lengths = sounding[start : start + len(notes["time"])].astype(np.int32)
        start += len(lengths)
        track.notes = NoteTickList.from_numpy(notes["time"], lengths, notes["pitch"], notes["velocity"])
    return int((sounding > duration).sum())


def _lifted(track: TrackTick, end: np.ndarray) -> np.ndarray:
    """When the pedal that is down at each note's end lifts; the end itself where none is."""
    pedals = track.pedals.numpy()
    begins = pedals["time"].astype(np.int64)
    order = np.argsort(begins, kind="stable")
    lifts = np.maximum.accumulate((begins + pedals["duration"])[order])
    last = np.searchsorted(begins[order], end, side="left") - 1  # went down before the end
    return np.where(last >= 0, np.maximum(lifts[last], end), end)


def _struck_again(time: np.ndarray, pitch: np.ndarray) -> np.ndarray:
    """The next onset of each note's pitch after its own; beyond all times where there is none."""
    never = np.iinfo(np.int64).max
    found = np.full(len(time), never)
    order = np.lexsort((time, pitch))
    onsets, pitches = time[order], pitch[order]
    # Notes that are struck together have the same next onset: the first entry of what follows them.
    apart = (pitches << 32) + onsets
    following = np.searchsorted(apart, apart, side="right")
    inside = following < len(order)
    same = np.zeros(len(order), bool)
    same[inside] = pitches[following[inside]] == pitches[inside]
    found[order[same]] = onsets[following[same]]
    return found


def _forget_pedal(track: TrackTick) -> None:
    track.pedals = PedalTickList([])
    controls = track.controls.numpy()
    kept = controls["number"] != PEDAL
    if not kept.all():
        track.controls = ControlChangeTickList.from_numpy(
            *(controls[name][kept] for name in ("time", "number", "value"))
        )
