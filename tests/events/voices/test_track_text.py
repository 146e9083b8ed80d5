"""Track text: what a window reads like, how pieces are cut into windows, and what is refused."""

import numpy as np
import pytest
from random_music import assert_way_to_end_is_open, event_tables, random_walks
from score.scores import make_score
from symusic.core import KeySignatureTick, NoteTick, TempoTick, TimeSignatureTick, TrackTick

from symbolic_music.events.codec import DecodingError, EncodingError
from symbolic_music.events.voices.track_text import TrackTextCodec, TrackTextSettings, duration_name, note_name
from symbolic_music.score.transforms.edit import count_bars

SMALL = TrackTextSettings(lowest_pitch=55, highest_pitch=62, tempo_range=(100, 140), max_bars=3, max_tracks=3)
WINDOW = [
    *("Tempo_96", "Meter_3/4", "Key_G", "Bars_2", "Instrument_0", "Instrument_40", "Tracks_None"),
    *("Track_1", "Instrument_0", "Bar_None", "Note_C4:q", "With_E4", "Note_D4:h", "Bar_last", "Tie_q", "Rest_h"),
    *("Track_2", "Instrument_40", "Bar_None", "Rest_h.", "Bar_last", "Note_G5:h."),
]


@pytest.fixture(scope="module")
def codec():
    return TrackTextCodec()


@pytest.fixture(scope="module")
def small():
    return TrackTextCodec(SMALL)


@pytest.fixture
def window():
    """Two bars of piano and violin in 3/4, a note held over the bar line."""
    score = make_score([(0, 480, 60), (0, 480, 64), (480, 1440, 62)], meters=[(0, 3, 4)])
    score.tracks.append(TrackTick("", 40, False))
    score.tracks[1].notes.append(NoteTick(1440, 1440, 79, 90))
    score.tempos = [TempoTick(0, 96.2)]
    score.key_signatures = [KeySignatureTick(0, 1, 0)]
    return score


def test_a_window_reads_line_by_line(codec, window):
    assert codec.encode(window) == WINDOW


def test_the_text_of_a_window(codec):
    assert " ".join(map(codec.text, WINDOW)) == (
        "<BPM=96> <METER=3/4> <KEY=G> <BARS=2> <INST=Acoustic Grand Piano> <INST=Violin> <TRACKS> "
        "<TRACK=1> <INST=Acoustic Grand Piano> <BAR> C4_q .E4 D4_h <LASTBAR> TIE_q REST_h "
        "<TRACK=2> <INST=Violin> <BAR> REST_h. <LASTBAR> G5_h."
    )


def test_every_event_has_a_text_of_its_own(codec):
    texts = [codec.text(event) for event in codec.events]
    assert len(set(texts)) == len(texts)
    assert not any(" " in text and not text.startswith("<INST=") for text in texts)


@pytest.mark.parametrize(
    ("steps", "name"), [(96, "w"), (36, "q."), (24, "q"), (16, "q3"), (8, "e3"), (3, "t"), (1, "x3"), (5, "5/24")]
)
def test_durations_have_the_names_of_note_values(steps, name):
    assert duration_name(steps, 24) == name


def test_middle_c_is_c4():
    assert [note_name(pitch) for pitch in (21, 60, 61, 108)] == ["A0", "C4", "C#4", "C8"]


# --- What is not a window --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("notes", "meters", "complaint"),
    [
        (
            [(1920 * bar, 480, 60) for bar in range(17)],
            [],
            r"^bar 17 of 17 lies outside a window of 16; cut the piece",
        ),
        ([(0, 3840, 60)], [(0, 4, 4), (1920, 3, 4)], r"^bar 2 changes the meter from 4/4 to 3/4; cut the piece there"),
        ([(480 * place, 2400, 60 + place % 20) for place in range(40)], [], None),
    ],
)
def test_what_is_no_window_is_refused_by_its_bar(codec, notes, meters, complaint):
    score = make_score(notes, meters=meters)
    if complaint is None:
        assert codec.encode(score)
    else:
        with pytest.raises(EncodingError, match=complaint):
            codec.encode(score)


def test_a_window_cannot_be_continued_bar_by_bar(codec, window):
    with pytest.raises(EncodingError, match="cannot be continued bar by bar"):
        codec.encode_opening(window, 1)


# --- Pieces into windows ---------------------------------------------------------------------------------------------


def test_long_pieces_become_windows_of_equal_length(codec):
    score = make_score([(1920 * bar, 960, 60) for bar in range(35)])
    assert [count_bars(window) for window in codec.windows(score)] == [12, 11, 12]


def test_a_window_ends_where_the_meter_changes(codec):
    score = make_score([(480 * beat, 480, 60) for beat in range(30)])
    score.time_signatures = [TimeSignatureTick(0, 4, 4), TimeSignatureTick(8 * 480, 3, 4)]
    windows = codec.windows(score)
    assert [codec.encode(window)[1] for window in windows] == ["Meter_4/4", "Meter_3/4"]
    assert sum(window.note_num() for window in windows) == 30


def test_windows_that_are_silent_are_left_out(codec):
    score = make_score([(0, 480, 60), (1920 * 40, 480, 60)])
    assert [window.note_num() for window in codec.windows(score)] == [1, 1]


# --- The grammar -----------------------------------------------------------------------------------------------------


def walks(codec, seed, count, max_length=400):
    tables = event_tables(codec.grammar())
    events = codec.grammar().events
    weights = np.array([0.2 if event.startswith(("Tempo_", "Instrument_")) else 1.0 for event in events])
    return [
        [events[column] for column in walk]
        for walk in random_walks(tables, np.random.default_rng(seed), count, max_length, weights)
    ]


def test_every_instrument_of_the_header_has_a_line_of_the_asked_bars_and_sounds(small):
    for events in walks(small, 3, 60):
        header = events[: events.index("Tracks_None")]
        asked = [event for event in header if event.startswith("Instrument_")]
        num_bars = int(next(event for event in header if event.startswith("Bars_")).partition("_")[2])
        lines = " ".join(events[events.index("Tracks_None") :]).split("Track_")[1:]
        assert [line.split()[1] for line in lines] == asked
        assert [line.count("Bar_") for line in lines] == [num_bars] * len(asked)
        assert all("Note_" in line for line in lines)
        score = small.decode(events[1:-1])
        assert count_bars(score) == num_bars
        assert len(score.tracks) == len(asked)
        assert all(len(track.notes) for track in score.tracks)


def test_from_everywhere_the_end_is_as_near_as_promised(small):
    rng = np.random.default_rng(1)
    tables = event_tables(small.grammar())
    sequences = random_walks(tables, rng, 20, 120)
    ids = np.array([walk + [0] * (120 - len(walk)) for walk in sequences])
    assert_way_to_end_is_open(tables, ids, rng)


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("Track_2 Instrument_40", "Track_2 Instrument_41", r"track 2: Instrument_40 is due"),
        ("Rest_h. Bar_last", "Rest_h Bar_last", r"line: 48 of 72 steps"),
        ("Bar_last Tie_q", "Bar_None Tie_q", r"layout: 1 of 2 bars"),
        (" Note_G5:h.", " Rest_h.", r"presence: 0 of 72 steps of a silent line's last bar"),
        ("Bar_last Tie_q Rest_h", "Bar_last Rest_h.", None),
        ("Bar_None Rest_h.", "Bar_None Tie_h.", r"tie: silent"),
        ("Track_2", "Track_1", r"numbers: 1 lines begun"),
        ("Note_D4:h", "Note_D4:q Tie_q", r"lengths"),
    ],
)
def test_what_breaks_a_window_is_said_by_name(codec, old, new, complaint):
    text = " ".join(WINDOW)
    assert old in text
    events = text.replace(old, new).split()
    if complaint is None:
        assert codec.encode(codec.decode(events)) == events
    else:
        with pytest.raises(DecodingError, match=complaint):
            codec.decode(events)


def test_a_window_whose_last_bar_is_silent_is_refused(codec):
    events = (
        " ".join(WINDOW)
        .replace("Tie_q Rest_h", "Rest_h.")
        .replace("Rest_h. Bar_last Note_G5:h.", "Note_G5:h. Bar_last Rest_h.")
    )
    with pytest.raises(DecodingError, match="ending: 72 steps left of the last bar"):
        codec.decode(events.split())


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"tempo_range": (130, 200)}, "tempos around 120"),
        ({"max_bars": 0}, "at least one bar"),
        ({"durations": (2, 4)}, "ascend from 1"),
    ],
)
def test_settings_that_do_not_fit_together_are_refused(values, complaint):
    with pytest.raises(ValueError, match=complaint):
        TrackTextSettings(**values)
