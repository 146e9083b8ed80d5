"""Note-level ABC: exact both ways, bars that sum by construction, and a text that other programs read."""

import re
from collections import Counter
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_music import (
    assert_way_to_end_is_open,
    event_tables,
    random_walks,
    round_trip_complaint,
    scores,
    walk_weights,
)
from symusic.core import KeySignatureTick, NoteTick, ScoreTick, TempoTick, TimeSignatureTick, TrackTick

from symbolic_music.events.codec import DecodingError, EncodingError
from symbolic_music.events.voices.abc_notes import AbcNotesCodec, AbcNotesSettings, pitch_name
from symbolic_music.events.voices.durations import split_length
from symbolic_music.score.abc.io import parse_abc_tune
from symbolic_music.score.files import read_scores

MEMBERS = {
    "default": {},
    "first edition": {
        "lowest_pitch": 21,
        "highest_pitch": 108,
        "tempo_range": (40, 240),
        "num_tempos": 41,
        "max_voices": 8,
        "meters": ("2/2", "3/4", "4/4", "6/8", "1/4"),
        "edition": 1,
    },
    "small": {
        "steps_per_quarter": 4,
        "durations": (1, 2, 4, 8),
        "meters": ("2/4", "4/4", "3/8"),
        "max_voices": 2,
        "num_tempos": 3,
        "lowest_pitch": 55,
        "highest_pitch": 84,
    },
}
KINDS = ["uniform", "by type", "long", "crowded onsets", "empty bars"]


@cache
def codec_named(name):
    return AbcNotesCodec(AbcNotesSettings(**MEMBERS[name]))


@cache
def tables_of(name):
    return event_tables(codec_named(name).grammar())


@pytest.fixture(params=MEMBERS)
def name(request):
    return request.param


def walks(name, seed, count, max_length, kind):
    """Random complete event sequences, without special tokens."""
    grammar = codec_named(name).grammar()
    weights = walk_weights(grammar.events)[kind]
    found = random_walks(tables_of(name), np.random.default_rng(seed), count, max_length, weights)
    return [[grammar.events[column] for column in walk[1:-1]] for walk in found]


def one_track(*notes, program=0, is_drum=False, ticks=480):
    """A Score of one track; notes are (onset, duration, pitch) in ticks."""
    score = ScoreTick(ticks)
    score.tracks.append(TrackTick("", program, is_drum))
    for onset, duration, pitch in notes:
        score.tracks[0].notes.append(NoteTick(onset, duration, pitch, 80))
    return score


def notes_of(score):
    """(program or -1, onset, duration, pitch) of every note in quarter notes, counted."""
    unit = score.ticks_per_quarter
    return Counter(
        (
            -1 if track.is_drum else track.program,
            round(note.time / unit, 4),
            round(note.duration / unit, 4),
            note.pitch,
        )
        for track in score.tracks
        for note in track.notes
    )


# Both ways


@settings(max_examples=30, deadline=None)
@given(score=scores(max_notes=6))
def test_random_scores_come_back_or_lie_outside_the_vocabulary(score):
    codec = codec_named("first edition")
    outside = any(not 21 <= note.pitch <= 108 for track in score.tracks for note in track.notes)
    try:
        complaint = round_trip_complaint(codec, score)
    except EncodingError as error:
        complaint = None if outside or "needs voice 9" in str(error) else str(error)
    assert complaint is None


@pytest.mark.parametrize("kind", KINDS)
def test_every_walk_through_the_grammar_is_what_its_score_encodes_to(name, kind):
    codec = codec_named(name)
    shortest = int(codec.grammar().distance_to_end()[0][0])
    for seed, max_length in enumerate((shortest, 14, 120)):
        for events in walks(name, seed, 4, max_length, kind):
            assert codec.encode(codec.decode(events)) == events


def test_walks_keep_their_bars_by_other_means_than_the_automata(name):
    codec = codec_named(name)
    unit = codec.settings.steps_per_quarter // 2
    for events in walks(name, 3, 30, 200, "long"):
        text = " ".join(events)
        length = 0
        for bar in re.split(r"Bar_None ?", text)[1:]:
            meter = re.search(r"Meter_(\d+)/(\d+)", bar)
            if meter:
                length = 4 * codec.settings.steps_per_quarter * int(meter[1]) // int(meter[2])
            for voice in re.split(r"(?:Voice|New)_\w+ ?", bar)[1:]:
                lengths = re.findall(r"(?:Rest_|Tie_|:)(\d+)(?:/(\d+))?", voice)
                assert sum(unit * int(n) // int(d or 1) for n, d in lengths) == length
                assert "Note_" in voice or "Tie_" in voice


def test_a_changed_sequence_is_refused_by_place_or_is_another_piece(name):
    codec, rng = codec_named(name), np.random.default_rng(5)
    refused, accepted = [], 0
    for events in [events for kind in KINDS for events in walks(name, 11, 6, 60, kind)]:
        place, other = (int(number) for number in rng.integers(len(events), size=2))
        for changed in (
            events[:place] + events[place + 1 :],
            [*events[: place + 1], *events[place:]],
            [*events[:place], events[other], *events[place + 1 :]],
        ):
            try:
                score = codec.decode(changed)
            except DecodingError as error:
                refused.append(str(error))
            else:
                accepted += 1
                assert codec.encode(score) == changed
    assert all(re.match(r"event \d+ is ['\"]|the sequence stops after \d+ events", why) for why in refused)
    assert len(refused) > 30
    assert accepted > 3


def test_from_every_joint_state_the_promised_way_to_the_end_is_open(name):
    """Taking any allowed event that comes nearer to the end, the end is reached after exactly the promised number."""
    tables, rng = tables_of(name), np.random.default_rng(0)
    weights = walk_weights(tables.grammar.events)["long"]
    ids = np.array([walk[:50] for walk in random_walks(tables, rng, 60, 120, weights) if len(walk) > 50])
    assert_way_to_end_is_open(tables, ids, rng)


def test_every_event_can_be_sampled():
    tables, events = tables_of("small"), codec_named("small").grammar().events
    weights = walk_weights(events)["long"]
    found = [
        walk for seed in range(30) for walk in random_walks(tables, np.random.default_rng(seed), 40, 200, weights)
    ]
    assert {events[column] for walk in found for column in walk} == set(events) - {"PAD_None"}


# What is written


def test_a_pickup_chords_ties_and_voices():
    score = one_track((960, 480, 62), (1440, 720, 67), (1440, 720, 71), (2160, 240, 66), program=40)
    score.tracks.append(TrackTick("", 0, True))
    score.tracks[1].notes.append(NoteTick(1440, 240, 36, 80))
    score.time_signatures.append(TimeSignatureTick(0, 3, 4))
    score.key_signatures.append(KeySignatureTick(0, 1, 0))
    assert " ".join(codec_named("default").encode(score)) == (
        "Bar_None Meter_3/4 Key_G Tempo_120 New_40 Rest_4 Note_D:2 "
        "Bar_None Voice_1 Note_G:3 With_B Note_^F:1 Rest_2 New_drums Note_C,,:1 Rest_4 Rest_1"
    )


def test_a_note_over_two_bar_lines_is_held_and_odd_lengths_are_tied():
    score = one_track((960, 480 * 7, 60), (480 * 9, 480 * 5 // 4, 62))
    assert " ".join(codec_named("default").encode(score)[3:]) == (
        "Tempo_120 New_0 Rest_4 Note_C:4 Bar_None Voice_1 Tie_8 "
        "Bar_None Voice_1 Tie_2 Note_D:2 Tie_1/2 Rest_3 Rest_1/2"
    )


def test_notes_that_overlap_become_voices():
    score = one_track((0, 1920, 48), (0, 480, 60), (480, 480, 62), (960, 960, 64))
    codec = codec_named("default")
    assert [len(track.notes) for track in codec.quantise(score).tracks] == [3, 1]
    assert round_trip_complaint(codec, score) is None


def test_meters_keys_and_tempos_move_to_the_next_bar_line():
    score = one_track((0, 480, 60), (480 * 8, 480, 60))
    for meter in ((0, 4, 4), (480, 3, 4), (960, 13, 16)):
        score.time_signatures.append(TimeSignatureTick(*meter))
    for key in ((0, 0, 0), (100, -3, 1)):
        score.key_signatures.append(KeySignatureTick(*key))
    for tempo in ((0, 91.0), (1900, 60.0)):
        score.tempos.append(TempoTick(*tempo))
    events = codec_named("default").encode(score)
    assert [event for event in events if event.startswith(("Bar", "Meter", "Key", "Tempo"))] == (
        ["Bar_None", "Meter_4/4", "Key_C", "Tempo_91", "Bar_None", "Meter_13/16", "Key_Cm", "Tempo_60", "Bar_None"]
    )


@pytest.mark.parametrize(
    ("score", "reason"),
    [
        (ScoreTick(480), "no notes"),
        (one_track((0, 10, 20)), "bar 1 holds pitch 20; expected 21 to 108"),
        (one_track((1920 * 4, 10, 109)), "bar 5 holds pitch 109; expected 21 to 108"),
        (one_track((-4, 10, 60)), "begins at tick -4"),
        (one_track(*((n, 1000, 30 + n) for n in range(0, 72, 8)), ticks=48), "bar 1 needs voice 9 of 9; expected"),
        (one_track((2**31 - 2000, 10, 60), ticks=1), "expected at most 100,000 bars"),
        (one_track((500_000, 10, 60), ticks=1), "expected at most 100,000 bars"),
    ],
)
def test_what_cannot_be_written_is_refused_by_bar(score, reason):
    with pytest.raises(EncodingError, match=re.escape(reason)):
        codec_named("first edition").encode(score)


def test_a_clock_that_does_not_run_is_refused():
    score = one_track((0, 1, 60))
    score.ticks_per_quarter = 0
    with pytest.raises(EncodingError, match="found 0"):
        codec_named("default").encode(score)


PIECE = ["Bar_None", "Meter_2/4", "Key_C", "Tempo_120", "New_0", "Note_C:4"]


@pytest.mark.parametrize(
    ("events", "place", "automaton"),
    [
        ([*PIECE[:5], "Note_C:6"], 5, "bar"),
        ([*PIECE[:5], "Note_C:2", "Bar_None"], 6, "bar"),
        ([*PIECE[:5], "Rest_4"], 5, "bar"),
        ([*PIECE, "Note_C:1"], 6, "bar"),
        ([*PIECE, "Bar_None", "Voice_2"], 7, "voices"),
        ([*PIECE, "Bar_None", "Voice_1", "Note_C:4", "Voice_1"], 9, "voices"),
        ([*PIECE[:5], "Note_C:1", "Tie_3"], 6, "lengths"),
        ([*PIECE[:5], "Note_C:1", "Rest_1", "Rest_1"], 7, "lengths"),
        ([*PIECE[:5], "Note_E:4", "With_C"], 6, "pitch"),
        ([*PIECE[:5], "Note_E:4", "With_E"], 6, "pitch"),
        ([*PIECE[:5], "Tie_4"], 5, "voice 1"),
        ([*PIECE[:5], "Note_C:3", "Rest_1", "Bar_None", "Voice_1", "Tie_4"], 9, "voice 1"),
        ([*PIECE, "Bar_None", "Bar_None", "Voice_1", "Tie_4"], 9, "voice 1"),
        ([*PIECE, "Bar_None", "Meter_2/4"], 7, "meter"),
        ([*PIECE, "Bar_None", "Key_C"], 7, "key"),
        ([*PIECE, "Bar_None", "Tempo_120"], 7, "tempo"),
    ],
)
def test_the_first_wrong_event_is_named_with_its_reason(events, place, automaton):
    with pytest.raises(
        DecodingError, match=rf"^event {place} is '{events[place]}', which may not follow here \({automaton}:"
    ):
        codec_named("default").decode(events)


def test_what_stops_early_is_said_to_stop():
    with pytest.raises(DecodingError, match="the sequence stops after 7 events, before its end"):
        codec_named("default").decode([*PIECE, "Bar_None"])


# Vocabulary and settings


def test_the_vocabulary_holds_every_event_once_and_an_equal_codec_can_be_built(name):
    codec = codec_named(name)
    assert len(set(codec.events)) == len(codec.events)
    assert codec.grammar().events[3:] == codec.events
    copy = AbcNotesCodec.from_dict(codec.to_dict())
    assert copy.to_dict() == codec.to_dict()
    assert copy.events == codec.events


@given(length=st.integers(1, 2000))
def test_any_length_is_a_sum_of_durations(length):
    durations = AbcNotesSettings().durations
    parts = split_length(length, durations)
    assert sum(parts) == length
    assert parts == sorted(parts, reverse=True)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"durations": (2, 4)}, "ascend from 1"),
        ({"durations": (1, 3, 4)}, "a detour for 6 steps"),
        ({"meters": ("3/4",)}, "expected 4/4"),
        ({"meters": ("4/4", "3/64")}, "a beat of 3/64"),
        ({"lowest_pitch": 90, "highest_pitch": 80}, "pitches within 0 to 127"),
        ({"max_voices": 0}, "at least one voice"),
    ],
)
def test_settings_that_do_not_fit_are_refused(change, reason):
    with pytest.raises(ValueError, match=reason):
        AbcNotesSettings(**change)


def test_pitch_names():
    assert [pitch_name(pitch) for pitch in (0, 60, 61, 71, 72, 84, 127)] == [
        "C,,,,,",
        "C",
        "^C",
        "B",
        "c",
        "c'",
        "g''''",
    ]


# The text


@pytest.mark.parametrize("kind", ["by type", "crowded onsets"])
def test_abc2midi_reads_the_text_of_a_walk_to_the_same_notes(kind):
    codec = codec_named("default")
    for events in walks("default", 1, 10, 80, kind):
        assert notes_of(parse_abc_tune(codec.abc_text(events))) == notes_of(codec.decode(events))


@pytest.mark.slow
def test_music21_reads_the_text_of_a_walk_to_the_same_pitches():
    music21 = pytest.importorskip("music21")
    codec = codec_named("first edition")  # it does not read the lowest octaves
    for events in walks("first edition", 2, 10, 60, "by type"):
        piece = music21.converter.parseData(codec.abc_text(events), format="abc")
        read = {pitch.midi for note in piece.recurse().notes for pitch in note.pitches}
        assert read == {note.pitch for track in codec.decode(events).tracks for note in track.notes}


def test_decoding_refuses_more_bars_than_encoding():
    with pytest.raises(DecodingError, match=r"has 100,002 bars; expected at most 100,000"):
        codec_named("default").decode([*PIECE, *["Bar_None"] * 100_000, "Bar_None", "Voice_1", "Note_C:4"])


def test_the_title_is_in_the_text():
    assert "\nT:A walk\n" in codec_named("default").abc_text(PIECE, title="A walk")


# Real music


@pytest.mark.parametrize("folder", ["midi_satb/js_fakes", "midi_song/openscore_lieder"])
def test_some_real_files_come_back(folder, shared_data):
    files = sorted(shared_data(folder).rglob("*.mid"), key=lambda path: (path.stat().st_size, path))
    for path in files[:: len(files) // 4][:4]:
        assert round_trip_complaint(codec_named("default"), read_scores(path)[0]) is None
