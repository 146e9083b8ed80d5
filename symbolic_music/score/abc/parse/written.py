"""The voices of an ABC tune as one written score: bars that are the same in all voices, and the signs at them.

Bars are simultaneous: where voices write the same bar lines, as they should, a bar is theirs all; where one voice
writes a bar shorter than another does, the longest decides. Of signs of repetition any voice may hold any. Knows
nothing of the text of a tune.
"""

from collections import Counter
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import accumulate

import numpy as np

from symbolic_music.score.abc.parse.elements import Bar, Instrument
from symbolic_music.score.abc.parse.fields import Key
from symbolic_music.score.abc.parse.tune import Tune
from symbolic_music.score.abc.parse.voice import Voice
from symbolic_music.score.errors import Refusal, ScoreError
from symbolic_music.score.notation.playback import MAX_PLAYED_BARS, BarMarks, play_order
from symbolic_music.score.notation.written import NoteTable, Placed, WrittenBar, WrittenKey, WrittenScore, WrittenTrack
from symbolic_music.score.programs import DRUMS

UNEVEN_BARS = "uneven bars"
"""Bars whose notes do not last as long as the meter says, upbeats and the like apart; they are played as written."""
UNEQUAL_BARS = "unequal bars"
"""Bars that do not last equally long in all voices; the longest decides."""
_SIGN = "sign"


@dataclass
class _Aligned:
    """The bars of a tune, and the number among them of each bar of each voice, by the voice's name."""

    bars: list[Bar]
    numbers: dict[str, list[int]] = field(default_factory=dict)
    unequal: int = 0


def write_score(tune: Tune) -> WrittenScore:
    """The tune as a written score, for `notation.assemble`.

    Raises:
        ScoreError: no_notes, or too_long with its parts played out.
    """
    voices = [voice for voice in tune.voices if voice.bars[0].length]
    if not any(voice.rows for voice in voices):
        raise ScoreError(Refusal.NO_NOTES, None, "expected an ABC tune with notes, found none")
    aligned = _align(voices)
    bars = _with_ends_of_voltas(aligned.bars)
    marks = _marks(bars)
    tracks, notes = _notes(voices, aligned)
    left_out = Counter(tune.left_out)
    left_out[UNEVEN_BARS] += count_uneven_bars(bars)
    left_out[UNEQUAL_BARS] += aligned.unequal
    return WrittenScore(
        tracks,
        [
            WrittenBar(bar.length, (bar.meter.numerator, bar.meter.denominator) if bar.meter else None, mark)
            for bar, mark in zip(bars, marks, strict=True)
        ],
        notes,
        _placed(tune.tempos, aligned),  # one in any voice is for all
        _keys(tune, aligned, voices),
        _chords(tune, aligned),
        _part_order(tune, bars, marks),
        +left_out,
    )


# Bars


def _align(voices: list[Voice]) -> _Aligned:
    """The bars of the voice that writes the most bar lines, with what the others write.

    A voice whose bar lines are some of those, at the same times, is laid along them by time; any other bar by bar.
    """
    leader = max(voices, key=lambda voice: len(voice.bars))
    starts = _starts(leader.bars)
    number_at = {time: number for number, time in enumerate(starts)}
    aligned = _Aligned([Bar(bar.meter, bar.length) for bar in leader.bars])
    unequal: set[int] = set()
    for voice in voices:
        own = _starts(voice.bars)
        by_time = all(time in number_at for time in own)
        numbers = [number_at[time] for time in own] if by_time else list(range(len(own)))
        aligned.numbers[voice.name] = numbers
        _merge(aligned.bars, voice, numbers)
        if not by_time:
            # A voice may end early, in the middle of a bar.
            unequal.update(n for n in numbers[:-1] if voice.bars[n].length != leader.bars[n].length)
            for bar, written in zip(aligned.bars, voice.bars, strict=False):
                bar.length = max(bar.length, written.length)
    aligned.unequal = len(unequal)
    return aligned


def _starts(bars: list[Bar]) -> list[Fraction]:
    """Where each bar begins, in quarter notes of the written music."""
    return list(accumulate((bar.length for bar in bars[:-1]), initial=Fraction(0)))


def _merge(bars: list[Bar], voice: Voice, numbers: list[int]) -> None:
    """Add what a voice writes at its bars to the bars of all."""
    # A bar of this voice may go over several of the others; what ends it stands at the last of them.
    lasts = [number - 1 for number in numbers[1:]] + ([len(bars) - 1] if numbers[-1] < len(bars) else [])
    if voice.bars[-1].length <= bars[numbers[-1]].length:
        lasts[-1] = numbers[-1]
    for own, number, last in zip(voice.bars, numbers, lasts, strict=True):
        bar, end = bars[number], bars[last]
        bar.starts, bar.endings = max(bar.starts, own.starts), bar.endings or own.endings
        bar.double_start, bar.is_cut = bar.double_start or own.double_start, bar.is_cut or own.is_cut
        bar.part = bar.part or own.part
        end.ends, end.double_end = max(end.ends, own.ends), end.double_end or own.double_end
        bar.jumps += [jump for jump in own.jumps if jump not in bar.jumps]


def _with_ends_of_voltas(bars: list[Bar]) -> list[Bar]:
    """The bars, each with the passes that it is played on, not only the first of a volta (ABC 2.1, section 4.9)."""
    endings: tuple[int, ...] = ()
    for bar in bars:
        if bar.starts or bar.part or bar.endings:
            endings = bar.endings
        bar.endings = endings
        if bar.ends or bar.double_end:
            endings = ()
    return bars


def _marks(bars: list[Bar]) -> list[BarMarks]:
    """What the bars say of the order of playing.

    A `:|` without `|:` goes back to the latest double bar line, end of a repeated section, or the beginning; one that
    ends what `|:` began goes back to that, whatever lines lie between (ABC 2.1, section 4.8). A `P:` behind a bar line
    counts as `|:` would: tune books write one behind an upbeat that is not repeated. `|::` and `::|` mean once more
    than `|:` and `:|`.
    """
    starts = {0: bars[0].starts}  # how many colons stand at the beginning of each section
    times: dict[int, int] = {}
    section, is_open = 0, False
    for number, bar in enumerate(bars):
        if bar.starts or (bar.part and not bar.is_cut):
            section, starts[number], is_open = number, bar.starts, bar.starts > 0
        elif bar.double_start and number and not (is_open or bar.endings or bars[number - 1].endings):
            section, starts[number] = number, 0
        if bar.ends:
            times[number] = max(bar.ends, starts[section]) + 1
            if not _volta_follows(bars, number) and number + 1 < len(bars):
                section, is_open = number + 1, False
                starts.setdefault(section, 0)
    marks = [
        BarMarks(number in starts and number > 0, times.get(number, 0), endings=bar.endings)
        for number, bar in enumerate(bars)
    ]
    _add_jumps(bars, marks)
    return marks


def _volta_follows(bars: list[Bar], number: int) -> bool:
    return bool(bars[number].endings) and number + 1 < len(bars) and bool(bars[number + 1].endings)


def _add_jumps(bars: list[Bar], marks: list[BarMarks]) -> None:
    """Add D.C., D.S., segno, coda and fine.

    D.C., D.S. and fine act at the end of their bar. Of two codas the first says where to jump from: from before its
    bar where it stands at the beginning of one, else from the end. Right before a bar line a segno, and the coda to
    jump to, mark the bar behind that.
    """
    signs = [(number, name, late) for number, bar in enumerate(bars) for name, late in bar.jumps]
    codas = sum(name == "coda" for _, name, _ in signs)
    leaves = any(name == "to_coda" for _, name, _ in signs)
    for number, name, late in signs:
        if name == "da_capo":
            marks[number] = replace(marks[number], da_capo=True)
        elif name == "fine":
            marks[number] = replace(marks[number], fine=True)
        elif name == "dal_segno":
            marks[number] = replace(marks[number], dal_segno=_SIGN)
        elif name == "segno":
            marks[number] = replace(marks[number], segno=_SIGN)
        elif name == "coda" and (leaves or codas == 1):
            place = min(number + late, len(bars) - 1)
            marks[place] = replace(marks[place], coda=_SIGN)
        else:
            leaves = True
            place = number if late else max(number - 1, 0)
            marks[place] = replace(marks[place], to_coda=_SIGN)


def _part_order(tune: Tune, bars: list[Bar], marks: list[BarMarks]) -> list[int] | None:
    """The bars as the header's `P:` has them played, each part with its own repeats; None without one.

    Bars before the first part are played first. Parts that the tune does not hold are passed over.
    """
    begins = [number for number, bar in enumerate(bars) if bar.part]
    if tune.part_order is None or not begins:
        return None
    orders: dict[str, list[int]] = {}
    for begin, end in zip(begins, [*begins[1:], len(bars)], strict=True):
        orders.setdefault(bars[begin].part, [begin + number for number in play_order(marks[begin:end])])
    order = play_order(marks[: begins[0]]) if begins[0] else []
    for part in tune.part_order:
        order = order + orders.get(part, [])
        if len(order) > MAX_PLAYED_BARS:
            detail = f"expected at most {MAX_PLAYED_BARS:,} bars with parts played out, found more"
            raise ScoreError(Refusal.TOO_LONG, None, detail)
    return order or None


def count_uneven_bars(bars: list[Bar]) -> int:
    """Bars that do not last as long as their meter; upbeats, last bars, and bars cut in two are as they should be."""
    uneven, number = 0, 0
    while number < len(bars):
        bar = bars[number]
        whole = 4 * bar.meter.length if bar.meter else bar.length
        cut = bar.length < whole and number + 1 < len(bars) and bar.length + bars[number + 1].length == whole
        last = number + 1 == len(bars) or bar.ends or bar.double_end or bar.double_start or bar.starts
        if bar.length != whole and not (bar.length < whole and (number == 0 or cut or last)):
            uneven += 1
        number += 2 if cut and number else 1
    return uneven


# What stands in bars


def _notes(voices: list[Voice], aligned: _Aligned) -> tuple[list[WrittenTrack], NoteTable]:
    tracks: dict[tuple[str, Instrument], int] = {}
    labels: list[WrittenTrack] = []
    rows: list[tuple[int, ...]] = []
    for part, voice in enumerate(voices):
        numbers = aligned.numbers[voice.name]
        for row in voice.rows:
            key = voice.name, row.instrument
            if key not in tracks:
                tracks[key] = len(labels)
                labels.append(WrittenTrack(voice.title, DRUMS if row.instrument.is_drum else row.instrument.program))
            rows.append(
                (
                    tracks[key], part, row.layer, numbers[row.bar], row.onset, row.duration, row.unit, row.pitch,
                    row.velocity, 0, row.tie_start, row.tie_stop,
                )
            )  # fmt: skip
    return labels, NoteTable(*np.array(rows, dtype=np.int64).reshape(-1, 12).T)


def _keys(tune: Tune, aligned: _Aligned, voices: list[Voice]) -> list[Placed[WrittenKey]]:
    """The keys of the first voice that changes its key; a voice that has one key throughout may be in its own."""
    keys = [] if tune.key is None else [Placed(0, Fraction(0), _midi_key(tune.key))]
    for voice in voices:
        changes = [change for change in tune.keys if change[0] is voice]
        if changes:
            return [*keys, *(placed._replace(value=_midi_key(placed.value)) for placed in _placed(changes, aligned))]
    return keys


def _midi_key(key: Key) -> WrittenKey:
    """MIDI has seven sharps and flats at most."""
    fifths = key.fifths if -7 <= key.fifths <= 7 else key.fifths - 12 * (1 if key.fifths > 0 else -1)
    return WrittenKey(fifths, key.minor)


def _chords(tune: Tune, aligned: _Aligned) -> list[Placed[str]]:
    return list(dict.fromkeys(_placed(tune.chords, aligned)))


def _placed(changes: list, aligned: _Aligned) -> list[Placed]:
    placed = []
    for voice, bar, onset, value in changes:
        numbers = aligned.numbers.get(voice.name, [])
        if bar < len(numbers):  # behind the last bar there is nothing to place it at
            placed.append(Placed(numbers[bar], onset, value))
    return sorted(placed, key=lambda each: (each.bar, each.onset))
