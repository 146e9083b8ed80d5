"""What every codec promises: one body of tests, a table of members.

- `decode(encode(score))` equals `quantise(score)`, note for note, tempo for tempo, meter for meter;
- `encode(decode(events)) == events` for every sequence the grammar accepts;
- `quantise` is idempotent and the vocabulary deterministic.

Random walks through the grammar are the proof of the second: they go wherever the grammar lets them. A new codec joins
by adding a row to `MEMBERS`; nothing in the test bodies names one.
"""

import contextlib
import json
import multiprocessing
import re
import subprocess
import sys
from functools import cache

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from random_music import contents, event_tables, random_walks, round_trip_complaint, scores, walk_weights
from symusic.core import NoteTick, ScoreTick, TempoTick, TimeSignatureTick, TrackTick

from symbolic_music.events.codec import DecodingError, EncodingError
from symbolic_music.events.remi.codec import RemiCodec, RemiSettings
from symbolic_music.events.voices.abc_notes import AbcNotesCodec, AbcNotesSettings
from symbolic_music.events.voices.track_text import TrackTextCodec, TrackTextSettings
from symbolic_music.score.files import read_scores
from symbolic_music.score.transforms.edit import count_bars, cut_bars

SMALL = {"lowest_pitch": 36, "highest_pitch": 62, "tempo_range": (100, 140)}
FEW_METERS = {"meters": ("2/4", "3/4", "4/4", "6/8", "3/2")}
MEMBERS = {
    "remi": (RemiCodec, RemiSettings, {}),
    # As files say that do not name an edition.
    "remi-first-edition": (
        RemiCodec,
        RemiSettings,
        {"long_meters": (), "tempo_range": (40, 240), "num_tempos": 41, "edition": 1},
    ),
    # Coarse, and without the finest grid at the start of the list of resolutions.
    "remi-coarse": (
        RemiCodec,
        RemiSettings,
        {"beat_resolution": ((0, 2, 8), (2, 8, 2)), "beat_units": (4, 8), "num_velocities": 4}
        | {"tempo_range": (100, 160), "long_meters": ("13/8", "15/8")},
    ),
    "abc-notes": (AbcNotesCodec, AbcNotesSettings, {}),
    "track-text": (TrackTextCodec, TrackTextSettings, {}),
    # Few pitches and voices, so that walks come to every one of them.
    "track-text-small": (
        TrackTextCodec,
        TrackTextSettings,
        SMALL | {"lowest_pitch": 50, "max_bars": 4, "max_tracks": 3},
    ),
    "track-text-first-edition": (
        TrackTextCodec,
        TrackTextSettings,
        SMALL | FEW_METERS | {"lowest_pitch": 50, "max_bars": 4, "max_tracks": 3, "edition": 1},
    ),
    "abc-notes-small": (AbcNotesCodec, AbcNotesSettings, SMALL | {"max_voices": 3}),
    "abc-notes-first-edition": (
        AbcNotesCodec,
        AbcNotesSettings,
        SMALL | FEW_METERS | {"max_voices": 3, "num_tempos": 5, "edition": 1},
    ),
}
# Some of many events are too rare to come up in any number of walks worth waiting for.
SAMPLED = [name for name in MEMBERS if name not in ("remi", "abc-notes", "track-text")]
# What the others say of whole pieces does not hold for windows of them.
WHOLE = [name for name in MEMBERS if not name.startswith("track-text")]
# A Score that a codec has no room for is refused by its bar.
REFUSED_BY_BAR = re.compile(
    r"bar \d+ (?:needs voice|holds pitch|of \d+ lies outside a window) |no note lies within pitches"
)
FOLDERS = {
    "midi_multi/freedoom": 112,
    "midi_multi/simutrans": 53,
    "midi_piano/pop909_cl": 909,
    "midi_satb/js_fakes": 1200,
    "midi_song/openscore_lieder": 247,
}
SAMPLE = 3


@cache
def codec_named(name):
    codec_class, settings_class, values = MEMBERS[name]
    return codec_class(settings_class(**values))


@pytest.fixture(params=MEMBERS, scope="module")
def codec(request):
    return codec_named(request.param)


def complaint_about(codec, score):
    """What the codec breaks for this Score, or None."""
    for window in codec.windows(score):
        try:
            codec.quantise(window)
        except EncodingError as error:
            if not REFUSED_BY_BAR.match(str(error)):
                return str(error)
        else:
            complaint = round_trip_complaint(codec, window)
            if complaint is not None:
                return complaint
    return None


def complaint_about_file(job):
    """The same for every piece of a file; runs in worker processes."""
    name, path = job
    for score in read_scores(path):
        try:
            complaint = complaint_about(codec_named(name), score)
        except (DecodingError, EncodingError) as error:
            complaint = str(error)
        if complaint is not None:
            return f"{path.name}: {complaint}"
    return None


# --- Scores ---------------------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(score=scores())
def test_random_scores_come_back(codec, score):
    assert complaint_about(codec, score) is None


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(score=scores())
def test_a_score_is_left_as_it_was(codec, score):
    before = contents(score)
    with contextlib.suppress(EncodingError):
        codec.encode(score)
    assert contents(score) == before


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(score=scores(), data=st.data())
def test_an_opening_is_a_beginning_that_ends_where_a_bar_begins(codec, score, data):
    with contextlib.suppress(EncodingError):
        num_bars = data.draw(st.integers(1, count_bars(score)))
        opening = codec.encode_opening(score, num_bars)
        kept = codec.encode(cut_bars(score, 0, num_bars))
        assert opening[: len(kept)] == kept
        assert opening.count("Bar_None") > num_bars  # a note may move over the bar line, and begin a bar more
        wrong = codec.grammar().explain(["BOS_None", *opening])
        assert wrong.startswith(f"the sequence stops after {len(opening) + 1} events")


@pytest.mark.parametrize("folder", FOLDERS)
def test_some_real_files_come_back(codec, folder, shared_data):
    files = sorted(shared_data(folder).rglob("*.mid"), key=lambda path: (path.stat().st_size, path))
    chosen = files[:: max(len(files) // SAMPLE, 1)][:SAMPLE]
    assert chosen
    assert [complaint_about_file((codec_name(codec), path)) for path in chosen] == [None] * len(chosen)


@pytest.mark.slow
@pytest.mark.parametrize("folder", FOLDERS)
def test_every_real_file_comes_back(folder, shared_data):
    """All 2,521 files through the first codec of the table, about four minutes of one core."""
    files = sorted(shared_data(folder).rglob("*.mid"))
    assert len(files) == FOLDERS[folder]
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        complaints = pool.map(complaint_about_file, [(next(iter(MEMBERS)), path) for path in files], chunksize=8)
    assert [complaint for complaint in complaints if complaint] == []


def codec_name(codec):
    return next(name for name in MEMBERS if codec_named(name) is codec)


@pytest.mark.parametrize("ticks", [1, 480])
def test_a_score_without_notes_is_an_encoding_error(codec, ticks):
    with pytest.raises(EncodingError, match="no notes"):
        codec.encode(ScoreTick(ticks))


# --- Walks through the grammar --------------------------------------------------------------------------------------


def walk_events(codec, seed, count, max_length, kind):
    """Random complete event sequences, without special tokens."""
    grammar = codec.grammar()
    walks = random_walks(
        event_tables_of(codec), np.random.default_rng(seed), count, max_length, walk_weights(grammar.events)[kind]
    )
    return [[grammar.events[column] for column in walk[1:-1]] for walk in walks]


@cache
def event_tables_of(codec):
    return event_tables(codec.grammar())


def shortest_piece(codec):
    """Events that are enough for a piece, special tokens included."""
    tables = event_tables_of(codec)
    return int(tables.to_end(tables.initial_state))


KIND_NAMES = ["uniform", "by type", "long", "crowded onsets", "empty bars"]
KINDS = pytest.mark.parametrize("kind", KIND_NAMES)


@KINDS
def test_every_walk_through_the_grammar_is_what_its_score_encodes_to(codec, kind):
    shortest = shortest_piece(codec)
    for seed, max_length in enumerate((shortest, shortest + 4, 60, 300)):
        for events in walk_events(codec, seed, 6, max_length, kind):
            assert codec.encode(codec.decode(events)) == events


@pytest.mark.slow
@KINDS
def test_hundreds_of_walks_through_the_grammar(codec, kind):
    """Thousands, where few events make up the vocabulary: those walks come to every corner, and cost little."""
    rng, shortest = np.random.default_rng(7), shortest_piece(codec)
    for seed in range(16 if codec_name(codec) in SAMPLED else 5):
        for events in walk_events(codec, 100 + seed, 20, int(rng.integers(shortest, 400)), kind):
            assert codec.encode(codec.decode(events)) == events


def mutations(events, rng):
    """The sequence with one event dropped, doubled, swapped with its neighbour, or replaced."""
    place, other = (int(number) for number in rng.integers(len(events), size=2))
    yield "dropped", events[:place] + events[place + 1 :]
    yield "doubled", [*events[: place + 1], *events[place:]]
    yield "swapped", [*events[:place], *reversed(events[place : place + 2]), *events[place + 2 :]]
    yield "replaced", [*events[:place], events[other], *events[place + 1 :]]


def test_a_changed_sequence_is_refused_by_place_or_is_another_piece(codec):
    rng = np.random.default_rng(5)
    refused, accepted = [], 0
    for events in [events for kind in KIND_NAMES for events in walk_events(codec, 11, 12, 120, kind)]:
        for what, changed in mutations(events, rng):
            try:
                score = codec.decode(changed)
            except DecodingError as error:
                refused.append(str(error))
            else:
                accepted += 1
                assert codec.encode(score) == changed, what
    assert len(refused) > 50
    assert all(
        re.match(r"event \d+ is ['\"]|the sequence stops after \d+ events, before its end", why) for why in refused
    )
    assert accepted > 10


def test_decoding_says_which_event_is_wrong(codec):
    events = walk_events(codec, 3, 1, 60, "by type")[0]
    place = 2
    with pytest.raises(DecodingError, match=rf"^event {place} is 'Nonsense_1', which is not in the vocabulary"):
        codec.decode([*events[:place], "Nonsense_1", *events[place + 1 :]])
    order = codec.grammar().automata[0].name
    with pytest.raises(
        DecodingError, match=rf"^event 0 is '{events[place]}', which may not follow here \({order}: BOS\)"
    ):
        codec.decode(events[place:])
    with pytest.raises(DecodingError, match=rf"^the sequence stops after {len(events) - 1} events, before its end"):
        codec.decode(events[:-1])


@pytest.mark.parametrize("events", [[], ["Bar_None"], ["BOS_None"], ["EOS_None"], ["PAD_None"]])
def test_fragments_and_special_tokens_are_refused(codec, events):
    with pytest.raises(DecodingError):
        codec.decode(events)


# --- Vocabulary and settings ----------------------------------------------------------------------------------------


def test_an_equal_codec_can_be_built_from_its_settings(codec):
    copy = type(codec).from_dict(codec.to_dict())
    assert copy.to_dict() == codec.to_dict()
    assert copy.events == codec.events
    assert copy.ticks_per_quarter == codec.ticks_per_quarter


def test_the_vocabulary_holds_every_event_once(codec):
    assert len(set(codec.events)) == len(codec.events)
    assert codec.grammar().events[3:] == codec.events


@cache
def vocabularies_elsewhere(hash_seed):
    """The events of every member, as a process with another order of sets has them."""
    makes = [
        (codec.__module__, codec.__name__, settings.__name__, values) for codec, settings, values in MEMBERS.values()
    ]
    code = (
        "import json\nfrom importlib import import_module\n"
        f"for module, codec, settings, values in {makes!r}:\n"
        "    module = import_module(module)\n"
        "    print(json.dumps(getattr(module, codec)(getattr(module, settings)(**values)).events))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": hash_seed}
    )
    return dict(zip(MEMBERS, map(json.loads, result.stdout.splitlines()), strict=True))


@pytest.mark.parametrize("name", MEMBERS)
def test_the_vocabulary_is_the_same_in_every_process(name):
    for hash_seed in ("0", "1"):
        assert vocabularies_elsewhere(hash_seed)[name] == codec_named(name).events


@pytest.mark.parametrize("codec", SAMPLED, indirect=True)
def test_every_event_can_be_sampled(codec):
    tables, events = event_tables_of(codec), codec.grammar().events
    weights = walk_weights(events)["long"]
    walks = [
        walk for seed in range(12) for walk in random_walks(tables, np.random.default_rng(seed), 40, 200, weights)
    ]
    assert {events[column] for walk in walks for column in walk} == set(events) - {"PAD_None"}


# --- What no ordinary file holds ------------------------------------------------------------------------------------


def test_a_late_note_is_refused_instead_of_filling_the_memory(codec):
    score = ScoreTick(1)
    score.tracks.append(TrackTick("", 0, False))
    score.tracks[0].notes.append(NoteTick(400_000, 1, 60, 80))
    with pytest.raises(EncodingError, match=r"100,00[01].*; expected at most 100,000 bars"):
        codec.encode(score)
    score.tracks[0].notes[0].time = 2**31 - 2
    with pytest.raises(EncodingError, match=r"begins at tick|expected at most 100,000 bars"):
        codec.encode(score)


@pytest.mark.parametrize("codec", ["remi", "remi-coarse"], indirect=True)
def test_decoding_refuses_more_bars_than_encoding(codec):
    events = walk_events(codec, 3, 1, 10, "by type")[0]
    meter = events[1]
    with pytest.raises(DecodingError, match=r"has 100,001 bars; expected at most 100,000"):
        codec.decode(events[:4] + ["Bar_None", meter] * 100_000 + [events[2], *events[4:]])


@pytest.mark.parametrize("codec", WHOLE, indirect=True)
def test_unsorted_notes_and_changes_are_put_in_order(codec):
    score = ScoreTick(480)
    score.tracks.append(TrackTick("", 0, False))
    for time, pitch in ((2000, 60), (0, 62), (960, 61), (0, 50)):
        score.tracks[0].notes.append(NoteTick(time, 240, pitch, 80))
    for time, tempo in ((960, 60), (0, 90)):
        score.tempos.append(TempoTick(time, tempo))
    for time, beats in ((1920, 2), (0, 4)):
        score.time_signatures.append(TimeSignatureTick(time, beats, 4))
    shuffled = contents(codec.quantise(score))
    for changes in (score.tracks[0].notes, score.tempos, score.time_signatures):
        changes.sort(key=lambda change: change.time)
    assert shuffled == contents(codec.quantise(score))
    assert [time for time, *_ in shuffled["meters"]] == [0, 4 * codec.ticks_per_quarter]
    assert [pitch for *_, pitch, _ in shuffled["tracks"][0][2]] == [50, 62, 61, 60]


@pytest.mark.parametrize("codec", WHOLE, indirect=True)
def test_meters_move_to_the_next_bar_line_and_those_outside_the_vocabulary_are_passed_over(codec):
    score = ScoreTick(480)
    score.tracks.append(TrackTick("", 0, True))
    score.tracks[0].notes.append(NoteTick(20 * 480, 240, 36, 80))
    for change in ((0, 3, 4), (2 * 480, 13, 64), (4 * 480, 6, 8), (5 * 480, 4, 4), (7 * 480, 4, 4), (19 * 480, 5, 4)):
        score.time_signatures.append(TimeSignatureTick(*change))
    quarter = codec.ticks_per_quarter
    assert contents(codec.quantise(score))["meters"] == [(0, 3, 4), (6 * quarter, 4, 4)]


def test_a_score_whose_clock_does_not_run_is_an_encoding_error(codec):
    score = ScoreTick(480)
    score.tracks.append(TrackTick("", 0, False))
    score.tracks[0].notes.append(NoteTick(0, 1, 60, 80))
    score.ticks_per_quarter = 0
    with pytest.raises(EncodingError, match="ticks per quarter note above 0, found 0"):
        codec.encode(score)
