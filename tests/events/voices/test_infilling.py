"""Windows with bars masked: what the context keeps, what a fill may say, and that the two make the window again."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_music import assert_way_to_end_is_open, event_tables, random_walks, scores
from score.scores import make_score
from symusic.core import NoteTick, TrackTick

from symbolic_music.events.codec import DecodingError, EncodingError
from symbolic_music.events.voices.infilling import Gap, fill_grammar, mask_window, read_fill
from symbolic_music.events.voices.track_text import TrackTextCodec, TrackTextSettings

SETTINGS = TrackTextSettings(lowest_pitch=55, highest_pitch=62, tempo_range=(100, 140), max_bars=4, max_masks=8)


@pytest.fixture(scope="module")
def codec():
    return TrackTextCodec(SETTINGS)


@pytest.fixture(scope="module")
def piece(codec):
    """Three bars of 4/4, piano and violin: in the first line a note is held from bar 1 into bar 2, and one from bar 2
    into bar 3."""
    score = make_score([(0, 960, 60), (960, 1440, 57), (2400, 1440, 62), (3840, 1920, 60)])
    score.tracks.append(TrackTick("", 40, False))
    score.tracks[1].notes.append(NoteTick(0, 5760, 59, 90))
    return codec.read_window(score)


def test_a_note_held_into_the_mask_stays_and_one_that_begins_there_ends_with_it(codec, piece):
    masked = mask_window(codec, piece, {(0, 1)})
    line = masked.context[masked.context.index("Track_1") : masked.context.index("Track_2")]
    assert line == (
        "Track_1 Instrument_0 Bar_None Note_C4:h Note_A3:h Bar_None Tie_q Mask_1 Bar_last Note_C4:w".split()  # noqa: SIM905
    )
    assert masked.fill == ["Mask_1", "Note_D4:h."]
    assert masked.gaps == (Gap(0, 96 + 24, 72, False),)
    assert [event for event, is_masked in zip(masked.whole, masked.masked, strict=True) if is_masked] == ["Note_D4:h."]


def test_turned_the_context_ends_with_what_stands_before_the_first_mask(codec, piece):
    masked = mask_window(codec, piece, {(0, 1), (1, 0)})
    start = masked.context.index("Tracks_None") + 1
    assert masked.turned == [
        *masked.context[:start],
        *"Mask_1 Bar_last Note_C4:w Track_2 Instrument_40 Bar_None Mask_2 Bar_None Rest_w Bar_last Rest_w".split(),  # noqa: SIM905
        *"Track_1 Instrument_0 Bar_None Note_C4:h Note_A3:h Bar_None Tie_q".split(),  # noqa: SIM905
    ]


def test_a_bar_that_a_held_note_fills_has_nothing_to_mask(codec, piece):
    with pytest.raises(EncodingError, match="nothing begins in the bars to fill"):
        mask_window(codec, piece, {(1, 1)})


def test_a_note_may_be_held_through_neighbouring_gaps(codec, piece):
    masked = mask_window(codec, piece, {(1, 0), (1, 1), (1, 2)})
    assert masked.fill == ["Mask_1", "Note_B3:w", "Mask_2", "Tie_w", "Mask_3", "Tie_w"]
    assert [gap.continues for gap in masked.gaps] == [False, True, True]
    (voice,) = read_fill(codec, masked.gaps, masked.fill)
    assert (voice.source, voice.chords) == (1, [(0, 288, [59])])


def test_a_fill_is_read_by_runs_of_gaps(codec, piece):
    masked = mask_window(codec, piece, {(0, 0), (0, 2), (1, 0)})
    voices = read_fill(codec, masked.gaps, "Mask_1 Rest_h Note_C4:h Mask_2 Rest_w Mask_3 Note_C4:w".split())  # noqa: SIM905
    assert [(voice.source, voice.chords) for voice in voices] == [
        (0, [(48, 96, [60])]),
        (0, []),
        (1, [(0, 96, [60])]),
    ]


@pytest.mark.parametrize(
    ("fill", "complaint"),
    [
        ("Mask_1 Note_C4:h", "event 2 is 'EOS_None', which may not follow here \\(room: 24 steps to fill"),
        ("Mask_1 Note_C4:w", "event 1 is 'Note_C4:w', which may not follow here \\(room: 72 steps to fill"),
        ("Mask_1 Tie_h.", "event 1 is 'Tie_h.', which may not follow here \\(tie: silent"),
        ("Note_C4:h.", "event 0 is 'Note_C4:h.', which may not follow here \\(order: 0 masks filled"),
        ("Mask_1 Note_C4:h. Mask_2", "event 2 is 'Mask_2'"),
        ("Mask_1 Note_C4:h. With_A3", "event 2 is 'With_A3', which may not follow here \\(pitch"),
    ],
)
def test_what_does_not_fit_the_gap_is_refused(codec, piece, fill, complaint):
    masked = mask_window(codec, piece, {(0, 1)})
    with pytest.raises(DecodingError, match=complaint):
        read_fill(codec, masked.gaps, fill.split())


def test_more_masks_than_the_vocabulary_has_are_refused(codec):
    notes = [(480 * beat, 480, 60) for beat in range(16)]
    score = make_score(notes)
    score.tracks.extend([score.tracks[0].copy(), score.tracks[0].copy()])
    piece = codec.read_window(score)
    with pytest.raises(EncodingError, match="12 bars of lines are to be filled; this vocabulary has masks for 8"):
        mask_window(codec, piece, {(line, bar) for line in range(3) for bar in range(4)})


@settings(max_examples=60, deadline=None)
@given(data=st.data(), score=scores())
def test_context_and_fill_make_the_window(codec, data, score):
    codec = TrackTextCodec(TrackTextSettings(max_bars=16, max_masks=256))
    for window in codec.windows(score):
        try:
            piece = codec.read_window(window)
        except EncodingError:
            continue
        places = [(line, bar) for line in range(len(piece.voices)) for bar in range(len(piece.bar_starts))]
        cells = set(data.draw(st.lists(st.sampled_from(places), min_size=1, max_size=12)))
        try:
            masked = mask_window(codec, piece, cells)
        except EncodingError:
            continue
        filled = dict(zip(_masks(masked.fill), _contents(masked.fill), strict=True))
        restored = [part for event in masked.context for part in filled.get(event, [event])]
        assert restored == masked.whole
        assert [event for event, hidden in zip(masked.whole, masked.masked, strict=True) if hidden] == [
            event for content in filled.values() for event in content
        ]
        ends = [*piece.bar_starts[1:], piece.end]
        begun = {
            (voice.source, onset, tuple(pitches))
            for voice in read_fill(codec, masked.gaps, masked.fill)
            for onset, _, pitches in voice.chords
        }
        assert begun == {
            (line, onset, tuple(pitches))
            for line, voice in enumerate(piece.voices)
            for onset, _, pitches in voice.chords
            if (line, int(np.searchsorted(ends, onset, side="right"))) in cells
        }


def _masks(fill):
    return [event for event in fill if event.startswith("Mask_")]


def _contents(fill):
    contents = []
    for event in fill:
        if event.startswith("Mask_"):
            contents.append([])
        else:
            contents[-1].append(event)
    return contents


GAPS = (Gap(0, 24, 72, False), Gap(0, 96, 96, True), Gap(1, 96, 96, False))


def test_whatever_the_grammar_accepts_is_read_and_fills_the_gaps(codec):
    tables = event_tables(fill_grammar(codec, GAPS))
    events = fill_grammar(codec, GAPS).events
    for walk in random_walks(tables, np.random.default_rng(0), 100, 400):
        fill = [events[column] for column in walk][1:-1]
        assert _masks(fill) == ["Mask_1", "Mask_2", "Mask_3"]
        for gap, content in zip(GAPS, _contents(fill), strict=True):
            assert sum(codec.event_steps.get(event, 0) for event in content) == gap.steps
        first, second = read_fill(codec, GAPS, fill)
        assert all(24 <= onset < end <= 192 for onset, end, _ in first.chords)
        assert all(96 <= onset < end <= 192 for onset, end, _ in second.chords)


def test_the_shortest_way_to_the_end_is_always_open(codec):
    tables = event_tables(fill_grammar(codec, GAPS))
    rng = np.random.default_rng(1)
    for walk in random_walks(tables, rng, 20, 400):
        assert_way_to_end_is_open(tables, np.array([walk]), rng)
