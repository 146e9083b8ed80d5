"""Dissonance on strong beats, by hand, and beside the chorales that the rules were drawn from."""

import math

import numpy as np
import pytest
from chorales import chorales, with_pitches_shuffled
from hypothesis import given, settings
from hypothesis import strategies as st
from metrics.pieces import EMPTY, NOTES, ONLY_DRUMS, QUARTER, SINGLE_NOTE, in_quarters, melody, piece

from symbolic_music.metrics.features.notes import NoteTable
from symbolic_music.metrics.harmony.beats import beat_edges, beats_per_bar, strong_beats
from symbolic_music.metrics.harmony.intervals import strong_beat_dissonance
from symbolic_music.score.bars import bar_table


def chord(*pitches, at=0, lasting=1):
    return [(at, lasting, pitch) for pitch in pitches]


@pytest.mark.parametrize(
    ("pitches", "share"),
    [
        ((60, 64, 67), 0),  # C major: third, fifth, and a third between
        ((64, 67, 72), 0),  # first inversion: the fourth G-C lies above the bass
        ((67, 72, 76), 1 / 3),  # second inversion: the fourth stands on the bass
        ((67, 84, 76), 1 / 3),  # an octave further up it still does
        ((60, 64, 67, 70), 2 / 6),  # a dominant seventh: C-Bb and the tritone E-Bb
        ((60, 61), 1),
        ((60, 62), 1),
        ((60, 66), 1),
        ((60, 70), 1),
        ((60, 71), 1),
        ((60, 73), 1),
        ((60, 65), 1),
        ((60, 72), 0),
        ((60, 63), 0),
        ((60, 67), 0),
        ((60, 68), 0),
        ((60, 69), 0),
    ],
)
def test_a_chord_on_the_downbeat(pitches, share):
    assert strong_beat_dissonance(piece(chord(*pitches))) == pytest.approx(share)


def test_intervals_of_all_strong_beats_are_one_total():
    # A triad (three consonances) on the first beat, a second on the third: 1 of 4.
    assert strong_beat_dissonance(piece(chord(60, 64, 67) + chord(60, 62, at=2))) == pytest.approx(1 / 4)


@pytest.mark.parametrize(
    ("meter", "at", "heard"),
    [
        ((4, 4), 1, False),
        ((4, 4), 2, True),
        ((4, 4), 3, False),
        ((4, 4), 4, True),
        ((2, 2), 2, False),
        ((3, 4), 1, False),
        ((3, 4), 3, True),
        ((6, 8), 1.5, False),
        ((12, 8), 3, True),
        ((12, 8), 1.5, False),
        ((5, 4), 2.5, False),
    ],
)
def test_only_strong_beats_are_heard(meter, at, heard):
    score = piece(chord(60, 64) + chord(60, 62, at=at), meters=[(0, *meter)])
    assert strong_beat_dissonance(score) == (0.5 if heard else 0)


def test_held_notes_sound_and_ended_ones_do_not():
    # A suspension: C is held over the bar line against D, which comes in there; then B on a weak beat.
    assert strong_beat_dissonance(piece([(2, 3, 60), (4, 2, 50)])) == 1
    assert math.isnan(strong_beat_dissonance(piece([(2, 2, 60), (4, 2, 50)])))


def test_a_pitch_counts_once_however_many_play_it():
    alone = piece(chord(60, 64, 67, 70))
    doubled = piece(chord(60, 64, 67, 70) + chord(70, 70))
    assert strong_beat_dissonance(doubled) == strong_beat_dissonance(alone)


@pytest.mark.parametrize("score", [EMPTY, ONLY_DRUMS, SINGLE_NOTE, piece(melody(60, 62, 64, 65, 67))])
def test_a_single_line_has_no_harmony(score):
    assert math.isnan(strong_beat_dissonance(score))


def test_drums_are_left_out():
    chord_and_drums = piece(chord(60, 64), drums=chord(61, 62, 63))
    assert strong_beat_dissonance(chord_and_drums) == 0


def test_a_bar_cut_short_has_no_middle_beyond_its_end():
    # 4/4 gives way to 3/4 after one beat: bars begin at 0 and 1, and beat 2 is a weak one of the second.
    score = piece(melody(*range(60, 68)), meters=[(0, 4, 4), (1, 3, 4)])
    assert (strong_beats(bar_table(score), QUARTER) / QUARTER).tolist() == [0, 1, 4, 7]
    assert (beat_edges(bar_table(score), QUARTER) / QUARTER).tolist() == [*range(11)]


def test_compound_meters_have_dotted_beats():
    meters = [(0, 6, 8), (3, 3, 8), (4.5, 12, 8), (10.5, 7, 8)]
    score = piece([(0, 14, 60)], meters=meters)
    assert beats_per_bar(bar_table(score)).tolist() == [2, 3, 4, 7]
    edges = [0, 1.5, 3, 3.5, 4, 4.5, 6, 7.5, 9, 10.5, 11, 11.5, 12, 12.5, 13, 13.5, 14]
    assert (beat_edges(bar_table(score), QUARTER) / QUARTER).tolist() == edges
    assert beat_edges(bar_table(EMPTY), QUARTER).tolist() == []


def by_hand(notes):
    """The definition once more, in loops: strong beats of 4/4 are half notes."""
    dissonant = total = 0
    end = max(onset + duration for onset, duration, _ in notes)
    for beat in np.arange(0, end + 4, 2):
        sounding = sorted({pitch for onset, duration, pitch in notes if onset <= beat < onset + duration})
        for number, low in enumerate(sounding):
            for high in sounding[number + 1 :]:
                total += 1
                kind = (high - low) % 12
                dissonant += kind in {1, 2, 6, 10, 11} or (kind == 5 and number == 0)
    return dissonant / total if total else math.nan


@settings(max_examples=60, deadline=None)
@given(notes=NOTES)
def test_any_notes_as_in_loops(notes):
    quarters = in_quarters(notes)
    assert strong_beat_dissonance(piece(quarters)) == pytest.approx(by_hand(quarters), nan_ok=True)


@settings(max_examples=30, deadline=None)
@given(notes=NOTES, seed=st.integers(0, 99))
def test_pitches_that_sound_at_a_tick(notes, seed):
    table = NoteTable(piece(in_quarters(notes)))
    ticks = np.unique(np.random.default_rng(seed).integers(0, table.end + 10, 20))
    for tick, row in zip(ticks, table.sounding_at(ticks), strict=True):
        inside = (table.pitched.onsets <= tick) & (tick < table.pitched.ends)
        assert np.flatnonzero(row).tolist() == sorted(set(table.pitched.pitches[inside].tolist()))


def test_chorales_are_consonant_and_their_shuffled_pitches_are_not():
    human = np.array([strong_beat_dissonance(score) for score in chorales()])
    shuffled = np.array([strong_beat_dissonance(with_pitches_shuffled(score)) for score in chorales()])
    assert 0.02 < human.mean() < 0.1
    assert 0.3 < shuffled.mean() < 0.45
    assert (human < shuffled).all()
