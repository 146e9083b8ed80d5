"""Composing and continuing: reproducible, batched, and the prompt stays as it was."""

import copy
import math
from dataclasses import replace

import pytest
from made_up_music import melody_score
from symusic.core import NoteTick, TrackTick

from symbolic_music.events.codec import EncodingError
from symbolic_music.generation.compose import SamplingOptions, compose, encode_prompt
from symbolic_music.generation.engine.graphs.nodes import UnsupportedModelError
from symbolic_music.generation.grammar_processor import GrammarError
from symbolic_music.generation.writing import sequences
from symbolic_music.score.transforms.edit import count_bars

SHORT = SamplingOptions(max_length=50, batch_size=2, seed=3)


def ids_of(pieces):
    return [piece.ids for piece in pieces]


def opening_of_two_tracks():
    """Four bars of 4/4: a melody, and drums on the first beats."""
    score = melody_score([60, 62, 64, 65, 67, 69, 71, 72] * 2, quarters=1.0)
    score.tracks.append(TrackTick("", 0, True))
    for bar in range(4):
        score.tracks[1].notes.append(NoteTick(bar * 1920, 240, 36, 100))
    return score


def notes_before(score, tick):
    return [
        (track.program, track.is_drum, note.time, note.duration, note.pitch, note.velocity)
        for track in score.tracks
        for note in track.notes
        if note.time < tick
    ]


def test_the_same_seed_gives_the_same_pieces_and_another_seed_others(model, processor):
    first = ids_of(compose(model, processor, 4, options=SHORT))
    assert ids_of(compose(model, processor, 4, options=SHORT)) == first
    assert ids_of(compose(model, processor, 4, options=SamplingOptions(max_length=50, batch_size=2, seed=9))) != first


def test_pieces_differ_and_each_is_told(model, processor):
    done = []
    pieces = compose(model, processor, 5, options=SHORT, on_batch=done.append)
    assert sum(done) == 5
    assert len({tuple(ids) for ids in ids_of(pieces)}) == 5
    assert all(piece.valid and piece.invalid_reason is None for piece in pieces)


@pytest.mark.parametrize("batch_size", [1, 3, 7, 32])
def test_a_piece_is_the_same_whatever_is_written_beside_it(model, processor, batch_size):
    options = replace(SHORT, batch_size=batch_size)
    pieces = ids_of(compose(model, processor, 7, options=SHORT))
    assert ids_of(compose(model, processor, 7, options=options)) == pieces
    assert ids_of(compose(model, processor, 3, options=options, first=4)) == pieces[4:]


@pytest.mark.parametrize("asked", [{}, {"temperature": 0.0}, {"temperature": 1.3, "top_p": 0.8}, {"num_bars": 3}])
@pytest.mark.parametrize("use_grammar", [True, False])
def test_generate_writes_the_same_pieces_where_there_is_no_engine(model, processor, monkeypatch, asked, use_grammar):
    options = replace(SHORT, max_length=120, use_grammar=use_grammar, **asked)
    pieces = ids_of(compose(model, processor, 5, options=options))

    def refuse(*_):
        raise UnsupportedModelError("not today")

    monkeypatch.setattr(sequences, "decoder_of", refuse)
    monkeypatch.setattr(type(model), "decode_with", None)
    assert ids_of(compose(model, processor, 5, options=options)) == pieces


def test_temperature_zero_takes_the_likeliest(model, processor):
    options = SamplingOptions(max_length=40, temperature=0.0)
    one, two = compose(model, processor, 2, options=options)
    assert one.ids == two.ids


def test_what_is_not_asked_for_the_models_own_config_says(model, processor):
    alone = ids_of(compose(model, processor, 2, options=SHORT))
    asked = ids_of(compose(model, processor, 2, options=replace(SHORT, top_p=0.3, temperature=0.5)))
    config = model.generation_config
    model.generation_config = copy.deepcopy(config)
    model.generation_config.update(do_sample=True, top_p=0.3, temperature=0.5)
    try:
        assert ids_of(compose(model, processor, 2, options=SHORT)) == asked != alone
        assert ids_of(compose(model, processor, 2, options=replace(SHORT, top_p=1.0, temperature=1.0))) == alone
        greedy = compose(model, processor, 2, options=replace(SHORT, temperature=0.0))
        assert greedy[0].ids == greedy[1].ids
    finally:
        model.generation_config = config


def test_counts_are_those_of_the_score(model, processor):
    for piece in compose(model, processor, 6, options=SHORT):
        assert piece.num_notes == piece.score.note_num()
        assert piece.num_bars >= 1
        assert piece.num_prompt_tokens == 1


def test_without_the_grammar_invalid_pieces_say_why(model, processor):
    options = SamplingOptions(max_length=30, use_grammar=False)
    pieces = compose(model, processor, 4, options=options)
    assert not any(piece.valid for piece in pieces)  # random weights never spell a piece
    assert all(piece.score is None and piece.invalid_reason for piece in pieces)


@pytest.mark.parametrize("prompt_bars", [1, 2, 4, None])
def test_the_notes_of_a_prompt_stay_as_they_are(model, processor, prompt_bars):
    prompt = opening_of_two_tracks()
    options = SamplingOptions(num_bars=6, max_length=2000, seed=1)
    prompt.tracks[0].notes[1].time += 7  # off the grid
    end = (prompt_bars or 4) * 1920
    for piece in compose(model, processor, 3, prompt, prompt_bars, options):
        assert piece.valid, piece.invalid_reason
        assert piece.score.ticks_per_quarter == prompt.ticks_per_quarter
        assert notes_before(piece.score, end) == notes_before(prompt, end)
        assert piece.num_bars == 6
        assert piece.ids[: piece.num_prompt_tokens] == encode_prompt(processor, prompt, prompt_bars)


def test_a_prompt_ends_with_the_opening_of_the_bar_to_continue(processor):
    events = processor.ids_to_events(encode_prompt(processor, opening_of_two_tracks(), 2))
    assert events[0] == "BOS_None"
    assert events[-2:] == ["Bar_None", "TimeSig_4/4"]
    assert events.count("Bar_None") == 3


def test_silent_bars_at_the_end_of_a_prompt_are_kept(processor):
    score = melody_score([60, 62], quarters=1.0)
    score.tracks[0].notes.append(NoteTick(5 * 1920, 480, 64, 80))
    assert count_bars(score) == 6
    assert processor.ids_to_events(encode_prompt(processor, score, 3)).count("Bar_None") == 4


def test_prompts_that_cannot_be_continued_are_refused(model, processor):
    prompt = opening_of_two_tracks()
    with pytest.raises(GrammarError, match=r"the prompt has \d+ tokens; the limit is 20, so nothing can follow"):
        compose(model, processor, prompt=prompt, options=SamplingOptions(max_length=20))
    with pytest.raises(GrammarError, match="the prompt has 5 bars, more than the 4 asked for"):
        compose(model, processor, prompt=prompt, options=SamplingOptions(num_bars=4))
    with pytest.raises(EncodingError, match="no notes"):
        compose(model, processor, prompt=melody_score([]))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("temperature", -1.0),
        ("temperature", math.nan),
        ("temperature", math.inf),
        ("top_p", 0.0),
        ("top_p", 1.5),
        ("top_p", math.nan),
        ("batch_size", 0),
        ("num_bars", 0),
        ("max_length", 0),
        ("seed", -1),
        ("seed", 2**64),
    ],
)
def test_options_out_of_range_are_named(name, value):
    with pytest.raises(ValueError, match=rf"^{name} is .*; expected"):
        SamplingOptions(**{name: value})
