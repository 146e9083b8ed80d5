"""What writing a Score as events loses, by kind: the Score beside what a codec makes of it.

Knows no event names: whatever a codec says of itself, what counts is which notes come back, when and how long.
"""

from dataclasses import asdict, dataclass

import numpy as np
from symusic.core import ScoreTick, TempoTick, TimeSignatureTick

from symbolic_music.events.codec import EncodingError, ScoreCodec
from symbolic_music.score.bars import bar_table, last_note_end
from symbolic_music.score.checks import seconds_at

# A note may move by this much in quarter notes, and still is the same one.
_FAR = 0.5
# Rounding takes no more than this share of a length, and no more than this many quarter notes from a short one.
_SHARE, _SHORT = 0.05, 1 / 16
_MOVED = 1e-3


@dataclass(frozen=True)
class Losses:
    """How much of a Score a codec does not write.

    Attributes:
        notes: in the Score.
        left_out: notes that nothing is written for; all of them where the piece, or a window of it, is refused.
        merged: notes that share one written note with another of the same program and pitch.
        shortened: written notes that lack more than a twentieth of their length.
        moved: written notes that begin elsewhere, by more than a thousandth of a quarter note.
        bars: in the Score.
        bars_changed: bars that no written bar of the same meter begins with.
        seconds: the last onset of the Score, in seconds.
        drift: how much later than that it is written, in seconds.
        refused: parts of the Score that the codec refuses, and why the first.
        reason: of the first refusal.
    """

    notes: int
    left_out: int
    merged: int
    shortened: int
    moved: int
    bars: int
    bars_changed: int
    seconds: float
    drift: float
    refused: int = 0
    reason: str = ""

    def counts(self) -> dict[str, int | float | str]:
        """What is not zero, by kind, behind the notes and bars that there are."""
        always = ("notes", "bars", "seconds")
        return {name: value for name, value in asdict(self).items() if name in always or value}


def losses(codec: ScoreCodec, score: ScoreTick) -> Losses:
    """What a codec loses of a Score.

    Args:
        codec: any codec.
        score: in ticks, with notes.

    Raises:
        EncodingError: when the Score has no notes, or a clock that does not run.
    """
    if not score.note_num() or score.ticks_per_quarter <= 0:
        raise EncodingError("the score has no notes or a clock that does not run, so there is nothing to write")
    written, reasons = _written(codec, score)
    given, kept = _notes(score), _notes(written)
    partner, distance = _partners(given, kept)
    found = distance <= _FAR
    partner, merged = _shared_out(partner[found], kept)
    lengths = given["duration"][found]
    lacks = lengths - kept["duration"][partner]
    last = max(int(track.notes.numpy()["time"].max()) for track in score.tracks if len(track.notes))
    bars, bars_changed = _bars(score, written, last)
    seconds, drift = _drift(score, written, last)
    return Losses(
        notes=score.note_num(),
        left_out=int((~found).sum()),
        merged=merged,
        shortened=int((lacks > np.maximum(_SHARE * lengths, _SHORT)).sum()),
        moved=int((distance[found] > _MOVED).sum()),
        bars=bars,
        bars_changed=bars_changed,
        seconds=seconds,
        drift=drift,
        refused=len(reasons),
        reason=reasons[0] if reasons else "",
    )


def _written(codec: ScoreCodec, score: ScoreTick) -> tuple[ScoreTick, list[str]]:
    """What a codec writes of a Score, its windows put where they belong, and why some are refused."""
    whole, reasons = ScoreTick(codec.ticks_per_quarter), []
    for start, window in codec.placed_windows(score):
        try:
            part = codec.quantise(window)
        except EncodingError as error:
            reasons.append(str(error))
            continue
        at = int(start * codec.ticks_per_quarter)
        for track in part.tracks:
            track.shift_time(at, inplace=True)
            whole.tracks.append(track)
        for tempo in part.tempos:
            whole.tempos.append(TempoTick(tempo.time + at, mspq=tempo.mspq))
        for meter in part.time_signatures:
            whole.time_signatures.append(TimeSignatureTick(meter.time + at, meter.numerator, meter.denominator))
    return whole, reasons


def _notes(score: ScoreTick) -> dict[str, np.ndarray]:
    """All notes by program, pitch and onset; times in quarter notes, `line` being one number for program and pitch."""
    columns: dict[str, list[np.ndarray]] = {"line": [], "time": [], "duration": []}
    for track in score.tracks:
        notes = track.notes.numpy()
        program = -1 if track.is_drum else track.program
        columns["line"].append((program + 1) * 128 + notes["pitch"].astype(np.int64))
        columns["time"].append(notes["time"] / score.ticks_per_quarter)
        columns["duration"].append(notes["duration"] / score.ticks_per_quarter)
    joined = {name: np.concatenate(parts) if parts else np.empty(0) for name, parts in columns.items()}
    order = np.lexsort((joined["duration"], joined["time"], joined["line"]))
    return {name: values[order] for name, values in joined.items()}


def _partners(given: dict[str, np.ndarray], kept: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """For each note the nearest written one of its line, and how far away that is; infinity where there is none."""
    if not len(kept["time"]):
        return np.zeros(len(given["time"]), dtype=np.int64), np.full(len(given["time"]), np.inf)
    far = 4.0 + max(given["time"].max(), kept["time"].max())
    ours, theirs = given["line"] * far + given["time"], kept["line"] * far + kept["time"]
    above = np.searchsorted(theirs, ours).clip(0, len(theirs) - 1)
    below = (above - 1).clip(0)
    partner = np.where(np.abs(theirs[below] - ours) < np.abs(theirs[above] - ours), below, above)
    same = kept["line"][partner] == given["line"]
    return partner, np.where(same, np.abs(kept["time"][partner] - given["time"]), np.inf)


def _shared_out(partner: np.ndarray, kept: dict[str, np.ndarray]) -> tuple[np.ndarray, int]:
    """Partners, where several notes begin together a written one for each, and how many notes have to share one."""
    first = np.append(True, (np.diff(kept["line"]) != 0) | (np.diff(kept["time"]) != 0))[: len(kept["time"])]
    place, begins = np.cumsum(first) - 1, np.flatnonzero(first)
    written = np.diff(np.append(begins, len(first)))
    wanted = place[partner]
    order = np.argsort(wanted, kind="stable")
    counts = np.bincount(wanted, minlength=len(begins))
    rank = np.empty(len(wanted), dtype=np.int64)
    rank[order] = np.arange(len(wanted)) - np.repeat(np.cumsum(counts) - counts, counts)
    shared = begins[wanted] + np.minimum(rank, written[wanted] - 1)
    return shared, int(np.maximum(counts - written, 0).sum())


def _bars(score: ScoreTick, written: ScoreTick, last_onset: int) -> tuple[int, int]:
    """Bars of a Score up to its last onset's, and how many of them are not written."""
    here, there = _bar_lines(score, last_onset), set(_bar_lines(written, last_note_end(written)))
    return len(here), sum(bar not in there for bar in here)


def _bar_lines(score: ScoreTick, last: int) -> list[tuple[int, int, int]]:
    """Where each bar up to a tick begins, in 96ths of a quarter note, and its meter."""
    if not last_note_end(score):
        return []
    bars = bar_table(score)
    starts = np.rint(bars.starts[bars.starts <= last] * 96 / score.ticks_per_quarter).astype(np.int64)
    return list(zip(starts.tolist(), bars.numerators.tolist(), bars.denominators.tolist(), strict=False))


def _drift(score: ScoreTick, written: ScoreTick, tick: int) -> tuple[float, float]:
    """When a tick is played, and how much later it is written; 0 where nothing is."""
    seconds = float(seconds_at(score, np.array([tick]))[0])
    if not written.note_num():
        return seconds, 0.0
    there = tick * written.ticks_per_quarter / score.ticks_per_quarter
    return seconds, float(seconds_at(written, np.array([there]))[0]) - seconds
