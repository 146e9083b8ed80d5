"""Written scores, made in code with the notes they must give when played."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from symbolic_music.score.errors import Refusal, ScoreError
from symbolic_music.score.notation import clock
from symbolic_music.score.notation.assemble import MOVED_NOTES, assemble
from symbolic_music.score.notation.grace import HELD, WITHIN
from symbolic_music.score.notation.playback import BarMarks
from symbolic_music.score.notation.timeline import UNMETERED_BARS
from symbolic_music.score.notation.written import (
    NoteTable,
    Placed,
    WrittenBar,
    WrittenKey,
    WrittenScore,
    WrittenTrack,
)
from symbolic_music.score.programs import DRUMS
from symbolic_music.score.transforms.edit import bar_table

COLUMNS = ("track", "part", "voice", "bar", "onset", "duration", "unit", "pitch", "velocity", "grace")
DEFAULTS = {"track": 0, "part": 0, "voice": 1, "unit": 1, "velocity": 80, "grace": 0, "tie_start": 0, "tie_stop": 0}


def table(*notes: dict) -> NoteTable:
    names = [*COLUMNS, "tie_start", "tie_stop"]
    return NoteTable(**{name: [(DEFAULTS | note)[name] for note in notes] for name in names})


def note(bar, onset, duration, pitch, **other):
    return {"bar": bar, "onset": onset, "duration": duration, "pitch": pitch, **other}


def score_of(notes, bars, **other):
    bars = [WrittenBar(Fraction(length)) if not isinstance(length, WrittenBar) else length for length in bars]
    return WrittenScore([WrittenTrack("one"), WrittenTrack("two", DRUMS)], bars, table(*notes), **other)


def played(written):
    """(onset, duration, pitch) in quarters of all notes."""
    score = assemble(written).score
    found = [(note.time, note.duration, note.pitch) for track in score.tracks for note in track.notes]
    return sorted((Fraction(time, score.tpq), Fraction(duration, score.tpq), pitch) for time, duration, pitch in found)


def downbeats(written):
    score = assemble(written).score
    bars = bar_table(score)
    return [Fraction(int(start), score.tpq) for start in bars.starts]


def test_an_upbeat_ends_the_first_bar():
    written = score_of([note(0, 0, 1, 67), note(1, 0, 4, 72), note(2, 0, 3, 72)], [1, 4, 3])
    assert played(written) == [(3, 1, 67), (4, 4, 72), (8, 3, 72)]
    assert downbeats(written) == [0, 4, 8]


def test_a_bar_cut_by_a_repeat_is_one_bar():
    bars = [
        WrittenBar(Fraction(1)),
        WrittenBar(Fraction(4)),
        WrittenBar(Fraction(3), (4, 4), BarMarks(repeat_times=2)),
    ]
    bars += [WrittenBar(Fraction(1)), WrittenBar(Fraction(4))]
    notes = [note(bar, 0, int(bars[bar].length), 60 + bar) for bar in range(5)]
    written = score_of(notes, bars)
    assert [onset for onset, _, _ in played(written)] == [3, 4, 8, 11, 12, 16, 19, 20]
    assert downbeats(written) == [0, 4, 8, 12, 16, 20]
    assert len(assemble(written).score.time_signatures) == 1


def test_an_odd_bar_has_a_meter_of_its_own():
    written = score_of([note(bar, 0, 1, 60) for bar in range(4)], [4, Fraction(7, 2), 4, 4])
    assert downbeats(written) == [0, 4, Fraction(15, 2), Fraction(23, 2)]
    meters = [(meter.numerator, meter.denominator) for meter in assemble(written).score.time_signatures]
    assert meters == [(4, 4), (7, 8), (4, 4)]


def test_a_cadenza_is_cut_into_bars():
    written = score_of([note(0, 0, 65, 60), note(1, 0, 4, 60)], [65, 4])
    assert downbeats(written)[:2] == [0, 4]
    assert 65 in downbeats(written)


def test_a_bar_that_no_meter_can_write_is_counted():
    written = score_of([note(bar, 0, 1, 60) for bar in range(3)], [4, Fraction(10, 3), 4])
    assert assemble(written).left_out[UNMETERED_BARS] == 1


def test_free_time_gives_each_bar_its_meter():
    bars = [WrittenBar(Fraction(7), None), WrittenBar(Fraction(5), None)]
    assert downbeats(score_of([note(0, 0, 7, 60), note(1, 0, 5, 60)], bars)) == [0, 7]


@pytest.mark.parametrize(
    ("notes", "expected"),
    [
        ([note(0, 2, 2, 60, tie_start=1), note(1, 0, 2, 60, tie_stop=1)], [(2, 4, 60)]),
        # Three in a row.
        (
            [
                note(0, 0, 4, 60, tie_start=1),
                note(1, 0, 4, 60, tie_start=1, tie_stop=1),
                note(2, 0, 4, 60, tie_stop=1),
            ],
            [(0, 12, 60)],
        ),
        # Each voice its own, though both have one pitch.
        (
            [
                note(0, 0, 4, 60, tie_start=1),
                note(0, 0, 4, 60, tie_start=1, voice=2),
                note(1, 0, 4, 60, tie_stop=1),
                note(1, 0, 2, 60, tie_stop=1, voice=2),
            ],
            [(0, 6, 60), (0, 8, 60)],
        ),
        # Across voices only where nothing else matches.
        ([note(0, 0, 4, 60, tie_start=1), note(1, 0, 4, 60, tie_stop=1, voice=2)], [(0, 8, 60)]),
        # Not across parts, not to another pitch, not to a note that is not tied, not over a gap.
        ([note(0, 0, 4, 60, tie_start=1), note(1, 0, 4, 60, tie_stop=1, part=1)], [(0, 4, 60), (4, 4, 60)]),
        ([note(0, 0, 4, 60, tie_start=1), note(1, 0, 4, 62, tie_stop=1)], [(0, 4, 60), (4, 4, 62)]),
        ([note(0, 0, 4, 60, tie_start=1), note(1, 0, 4, 60)], [(0, 4, 60), (4, 4, 60)]),
        ([note(0, 0, 3, 60, tie_start=1), note(1, 0, 4, 60, tie_stop=1)], [(0, 3, 60), (4, 4, 60)]),
        # A length that a program rounded: 85/256 three times is not a quarter note.
        (
            [note(0, 3 * 256, 255, 60, unit=256, tie_start=1), note(1, 0, 256, 60, unit=256, tie_stop=1)],
            [(3, 2, 60)],
        ),
    ],
)
def test_ties_join_by_part_voice_and_pitch(notes, expected):
    assert played(score_of(notes, [4, 4, 4])) == expected


def test_a_tie_into_both_voltas():
    bars = [
        WrittenBar(Fraction(4), (4, 4), BarMarks(repeat_start=True)),
        WrittenBar(Fraction(4), (4, 4), BarMarks(endings=(1,), repeat_times=2)),
        WrittenBar(Fraction(4), (4, 4), BarMarks(endings=(2,))),
    ]
    notes = [note(0, 0, 4, 60, tie_start=1), note(1, 0, 4, 60, tie_stop=1), note(2, 0, 2, 60, tie_stop=1)]
    assert played(score_of(notes, bars)) == [(0, 8, 60), (8, 6, 60)]


def test_grace_notes_are_short_and_leave_their_main_note_alone():
    grace = [note(0, 2, 0, 71, grace=2), note(0, 2, 0, 74, grace=1)]
    main = [note(0, 0, 2, 60), note(0, 2, 2, 72)]
    eighth = Fraction(1, 8)
    assert played(score_of([*grace, *main], [4])) == [
        (0, 2, 60),
        (2 - 2 * eighth, eighth, 71),
        (2 - eighth, eighth, 74),
        (2, 2, 72),
    ]


def test_grace_notes_at_the_beginning_start_with_their_main_note():
    assert played(score_of([note(0, 0, 0, 71, grace=1), note(0, 0, 4, 72)], [4])) == [
        (0, Fraction(1, 8), 71),
        (0, 4, 72),
    ]


def test_many_grace_notes_share_an_eighth():
    grace = [note(1, 0, 0, 72 + number, grace=10 - number) for number in range(10)]
    found = played(score_of([*grace, note(1, 0, 4, 60)], [4, 4]))
    assert [onset for onset, _, _ in found] == sorted(4 - Fraction(number, 20) for number in range(11))


def test_grace_notes_that_cannot_sound_are_counted():
    tied = [note(1, 0, 0, 72, grace=1, tie_start=1), note(1, 0, 4, 72, tie_stop=1)]
    within = [note(0, 0, 4, 60), note(1, 0, 0, 60, grace=1), note(1, 0, 4, 60)]
    piece = assemble(score_of([*tied, *within], [4, 4]))
    assert piece.left_out == {HELD: 1, WITHIN: 1}
    assert piece.score.note_num() == 3


def test_grace_notes_without_room_before_their_main_note_follow_it():
    """A grace note would strike the note that sounds: both go over the main note, in their order."""
    grace = [note(0, 2, 0, 74, grace=2), note(0, 2, 0, 77, grace=1)]
    eighth = Fraction(1, 8)
    assert played(score_of([*grace, note(0, 0, 2, 74), note(0, 2, 2, 76)], [4])) == [
        (0, 2, 74),
        (2, eighth, 74),
        (2, 2, 76),
        (2 + eighth, eighth, 77),
    ]


def test_tempos_hold_through_a_repeat_and_keys_stand_where_they_are_written():
    bars = [WrittenBar(Fraction(4)) for _ in range(2)]
    written = score_of(
        [note(bar, 0, 4, 60) for bar in range(2)],
        bars,
        tempos=[Placed(0, Fraction(2), 90.0), Placed(1, Fraction(0), 60.0)],
        keys=[Placed(0, Fraction(0), WrittenKey(1)), Placed(1, Fraction(0), WrittenKey(-3, True))],
        chords=[Placed(1, Fraction(2), "Cm")],
        play_order=[0, 1, 0],
    )
    piece = assemble(written)
    quarter = piece.score.tpq
    assert [(tempo.time / quarter, round(tempo.qpm)) for tempo in piece.score.tempos] == [(2, 90), (4, 60), (10, 90)]
    keys = [(key.time / quarter, key.key, key.tonality) for key in piece.score.key_signatures]
    assert keys == [(0, 1, 0), (4, -3, 1), (8, 1, 0)]
    assert [(chord.onset, chord.text) for chord in piece.chords] == [(6, "Cm")]


def test_what_opens_an_upbeat_holds_from_tick_0():
    written = score_of(
        [note(0, 0, 1, 60)],
        [1, 4],
        tempos=[Placed(0, Fraction(0), 90.0)],
        keys=[Placed(0, Fraction(0), WrittenKey(2))],
        chords=[Placed(0, Fraction(0), "D")],
    )
    piece = assemble(written)
    assert piece.score.tempos[0].time == piece.score.key_signatures[0].time == piece.score.time_signatures[0].time == 0
    assert piece.chords[0].onset == 3


@pytest.mark.parametrize(("unit", "expected"), [(1, 480), (12, 480), (7, 483), (7 * 480, 3360), (10_080, 10_080)])
def test_ticks_are_the_fewest_that_are_exact(unit, expected):
    assert assemble(score_of([note(0, 1, 1, 60, unit=unit)], [4])).score.tpq == expected


def test_what_no_division_holds_is_moved_and_counted():
    piece = assemble(score_of([note(0, 1, 1, 60, unit=32_771), note(0, 2, 2, 60)], [4]))
    assert piece.score.tpq == clock.FINE_TICKS_PER_QUARTER
    assert piece.left_out[MOVED_NOTES] == 1


def test_tracks_keep_name_program_and_order():
    written = score_of([note(0, 0, 1, 40, track=1), note(0, 0, 1, 60, track=0)], [4])
    assert [(track.name, track.is_drum) for track in assemble(written).score.tracks] == [("one", False), ("two", True)]


@pytest.mark.parametrize(
    "notes",
    [
        [note(0, 0, 10**12, 60)],
        [note(0, 0, 1, 60, unit=10**12)],
        [note(0, 0, 1, 60, unit=0)],
        [note(0, -1, 1, 60)],
    ],
)
def test_absurd_times_are_refused_by_name(notes):
    with pytest.raises(ScoreError) as caught:
        assemble(score_of(notes, [4]))
    assert caught.value.refusal is Refusal.CORRUPT_TIMING


def test_a_piece_beyond_all_ticks_is_refused_by_name():
    with pytest.raises(ScoreError, match="ticks"):
        assemble(score_of([note(0, 0, 1, 60)], [10**8]))


def test_columns_must_be_of_one_length():
    columns = {name: [1] for name in [*COLUMNS, "tie_start", "tie_stop"]}
    with pytest.raises(ValueError, match="one length"):
        NoteTable(**columns | {"pitch": [1, 2]})


LENGTHS = st.sampled_from(
    [Fraction(1), Fraction(1, 2), Fraction(1, 3), Fraction(3, 4), Fraction(2, 5), Fraction(1, 7)]
)


@given(st.lists(st.lists(st.tuples(LENGTHS, st.integers(40, 80)), min_size=1, max_size=5), min_size=1, max_size=5))
def test_notes_are_where_they_are_written_and_bars_begin_where_the_last_ends(bars):
    notes, written, expected, start = [], [], [], Fraction(0)
    first = Fraction(0)
    for number, bar in enumerate(bars):
        onset = Fraction(0)
        for length, pitch in bar:
            unit = onset.denominator * length.denominator
            notes.append(note(number, int(onset * unit), int(length * unit), pitch, unit=unit))
            expected.append((start + onset, length, pitch))
            onset += length
        if not number:
            first = max(Fraction(0), 4 - onset)
        written.append(WrittenBar(onset))
        start += onset
    assert played(score_of(notes, written)) == sorted(
        (onset + first, length, pitch) for onset, length, pitch in expected
    )


@given(st.data())
def test_a_chain_of_ties_is_one_note(data):
    """A note cut anywhere into tied pieces, in any voices, sounds as the one note it is."""
    lengths = data.draw(st.lists(st.integers(1, 8), min_size=2, max_size=8))
    bars, notes = [], []
    for number, length in enumerate(lengths):
        ties = {"tie_start": number + 1 < len(lengths), "tie_stop": number > 0}
        notes.append(note(number, 0, length, 60, voice=data.draw(st.integers(1, 2)), **ties))
        bars.append(WrittenBar(Fraction(length), (length, 4)))
    assert played(score_of(notes, bars)) == [(0, sum(lengths), 60)]
