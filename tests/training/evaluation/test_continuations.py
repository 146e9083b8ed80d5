"""Held-out pieces continued: which are chosen, what a model makes of them, and figures of continuations by hand."""

from types import SimpleNamespace

import pytest
import tiny_run
from metrics.pieces import EMPTY, band, melody, piece
from tiny_model import tiny_model, tiny_processor

from symbolic_music.events.voices.track_text import TrackTextCodec, TrackTextSettings
from symbolic_music.generation.compose import SamplingOptions
from symbolic_music.generation.kept_batches import KeptBatchesError
from symbolic_music.score.bars import count_bars
from symbolic_music.score.transforms.edit import cut_bars, transpose
from symbolic_music.training.arguments import TrainingError
from symbolic_music.training.evaluation.continuation_figures import judge_continuations
from symbolic_music.training.evaluation.continuations import (
    Continuation,
    ContinuationSettings,
    choose_prompts,
    continue_pieces,
)

SCALE = (60, 62, 64, 65, 67, 69, 71, 72)


def bars_of_notes(count, silent=()):
    return piece([note for bar in range(count) if bar not in silent for note in melody(*SCALE[:4], start=4 * bar)])


# --- Choosing -------------------------------------------------------------------------------------------------------


def test_sources_take_turns_and_no_group_comes_twice():
    scores = [bars_of_notes(6)] * 12
    sources = ["choirs"] * 2 + ["songs"] * 10
    groups = [0, 1, *range(2, 9), 2, 3, 4]
    settings = ContinuationSettings(num_pieces=6, prompt_bars=2, continued_bars=4)
    chosen = choose_prompts(scores, groups, sources, settings)
    assert sorted(sources[number] for number in chosen) == ["choirs"] * 2 + ["songs"] * 4
    assert len({groups[number] for number in chosen}) == 6
    assert chosen == choose_prompts(scores, groups, sources, settings)
    assert chosen != choose_prompts(scores, groups, sources, settings, seed=1)


def test_pieces_must_have_their_bars_and_notes_on_both_sides():
    settings = ContinuationSettings(num_pieces=9, prompt_bars=2, continued_bars=4)
    good = [bars_of_notes(6), bars_of_notes(8), bars_of_notes(6, silent=(0, 2, 3, 4))]
    bad = [EMPTY, bars_of_notes(5), bars_of_notes(6, silent=(0, 1)), bars_of_notes(8, silent=(2, 3, 4, 5))]
    scores = [*bad, *good]
    assert sorted(choose_prompts(scores, range(7), ["a"] * 7, settings)) == [4, 5, 6]
    with pytest.raises(TrainingError, match="2 held-out pieces have 6 bars"):
        choose_prompts(scores[:-1], range(6), ["a"] * 6, settings)


@pytest.mark.parametrize("values", [(2, 8, 16), (3, 0, 16), (3, 8, 0)])
def test_too_little_is_refused(values):
    with pytest.raises(TrainingError, match="expected"):
        ContinuationSettings(*values)


# --- Sampling -------------------------------------------------------------------------------------------------------

SETTINGS = ContinuationSettings(num_pieces=3, prompt_bars=2, continued_bars=3)
CHOSEN = [2, 0, 1]


@pytest.fixture(scope="module")
def tunes():
    return [tiny_processor().codec.quantise(tiny_run.tune(seed, num_bars=6)) for seed in range(3)]


@pytest.fixture
def model():
    return tiny_model(tiny_processor())


def go_on(model, tunes, path, on_piece=None, **options):
    sampling = SamplingOptions(**options)
    about = {"model": "tiny"}
    return continue_pieces(model, tiny_processor(), tunes, CHOSEN, SETTINGS, sampling, path, about, on_piece)


def test_the_bars_behind_the_prompt_are_the_models(model, tunes, tmp_path):
    done = []
    continued, refused = go_on(model, tunes, tmp_path / "kept.jsonl", done.append)
    assert done == [1, 1, 1]
    assert not refused
    assert [found.number for found in continued] == CHOSEN
    for found in continued:
        assert found.prompt == cut_bars(tunes[found.number], 0, 2)
        assert found.truth == cut_bars(tunes[found.number], 2, 3)
        assert found.sampled != found.truth
        assert count_bars(found.sampled) <= 3


def test_samples_are_kept_and_read_again(model, tunes, tmp_path):
    first, _ = go_on(model, tunes, tmp_path / "kept.jsonl")
    lines = (tmp_path / "kept.jsonl").read_text().splitlines(keepends=True)
    assert len(lines) == 4
    (tmp_path / "cut.jsonl").write_text("".join(lines[:2]) + lines[2][:30])
    again, _ = go_on(model, tunes, tmp_path / "cut.jsonl")
    assert [found.sampled for found in again] == [found.sampled for found in first]
    assert (tmp_path / "cut.jsonl").read_text() == "".join(lines)
    with pytest.raises(KeptBatchesError, match="holds samples of other options"):
        go_on(model, tunes, tmp_path / "kept.jsonl", seed=1)


def test_prompts_without_room_are_counted(model, tunes, tmp_path):
    model.config.max_position_embeddings = 20
    continued, refused = go_on(model, tunes, tmp_path / "kept.jsonl")
    assert not continued
    assert refused == {"no room in the model's context": 3}


def test_music_written_line_by_line_cannot_be_continued(model, tunes, tmp_path):
    processor = SimpleNamespace(codec=TrackTextCodec(TrackTextSettings(max_bars=4)))
    with pytest.raises(TrainingError, match="cannot be continued bar by bar"):
        continue_pieces(model, processor, tunes, [0], SETTINGS, SamplingOptions(), tmp_path / "kept.jsonl")


# --- Judging --------------------------------------------------------------------------------------------------------

CADENCE = (*SCALE, 67, 64, 60)


def duo(*pitches):
    """A piano and a violin in octaves."""
    return band([(0, False, melody(*pitches)), (40, False, melody(*(pitch + 12 for pitch in pitches)))])


def test_continuations_that_are_the_truth():
    prompts = [transpose(duo(*CADENCE), key) for key in (0, 3, 7, 5)]
    truths = [transpose(duo(*CADENCE[number:]), key) for number, key in enumerate((0, 3, 7, 5))]
    pairs = enumerate(zip(prompts, truths, strict=True))
    pieces = [Continuation(number, prompt, truth, truth) for number, (prompt, truth) in pairs]
    found = judge_continuations(pieces, {"source": ["a", "a", "a", "b"]})
    row = found["continuation"]
    assert row | {"distance": None} == found["truth"]
    assert row["distance"]["mean"] == row["new_instruments"]["mean"] == 0
    assert row["instruments_kept"]["mean"] == row["same_instruments"]["share"] == row["in_key"]["mean"] == 1
    assert found["another"]["in_key"]["mean"] < 1
    assert found["another"]["distance"]["mean"] > 0
    assert found["another_of_source"]["distance"]["pieces"] == 3, "one source has a single piece"
    assert found["nearer_than_another"]["share"] == 1
    assert (found["judged"], found["silent"]) == (4, 0)
    assert found["by_source"]["a"]["distance"] == 0
    assert found["by_source"]["b"]["distance"] is None


def test_instruments_that_fall_silent_and_come_in():
    sampled = band([(0, False, melody(60, 62, 64)), (73, False, melody(60))])  # the violin stops, a flute comes in
    pieces = [Continuation(number, duo(*SCALE), duo(*SCALE[number:]), sampled) for number in range(3)]
    row = judge_continuations(pieces, {"source": ["a"] * 3})["continuation"]
    assert row["instruments_kept"]["mean"] == 0.5
    assert row["same_instruments"]["share"] == 0
    assert row["new_instruments"]["mean"] == 1 / 4


def test_another_key_and_silence():
    in_another_key = piece(melody(*(pitch + 1 for pitch in CADENCE)))
    pieces = [
        Continuation(number, piece(melody(*CADENCE)), piece(melody(*SCALE[number:])), sampled)
        for number, sampled in enumerate([in_another_key, EMPTY, EMPTY])
    ]
    found = judge_continuations(pieces, {"source": ["a"] * 3})
    row = found["continuation"]
    assert found["silent"] == 2
    assert (row["same_key"]["share"], row["same_key"]["pieces"]) == (0, 1)
    # Of eleven notes in C sharp major, its E sharp comes twice and its B sharp once; both are in C major.
    assert (row["in_key"]["mean"], row["in_key"]["pieces"]) == (pytest.approx(3 / 11), 1)
    assert row["instruments_kept"]["mean"] == pytest.approx(1 / 3)
    with pytest.raises(ValueError, match="2 continuations can be judged"):
        judge_continuations(pieces[:2], {"source": ["a"] * 2})
