"""Bars written anew by small random models of both kinds: all else untouched, and what cannot be asked."""

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from random_music import contents, scores
from score.scores import make_score
from symusic.core import NoteTick, TempoTick, TimeSignatureTick, TrackTick
from transformers import AutoModelForCausalLM, BartConfig, BartForConditionalGeneration

from symbolic_music.events.codec import EncodingError
from symbolic_music.events.voices.track_text import TrackTextCodec, TrackTextSettings
from symbolic_music.generation.compose import SamplingOptions, compose
from symbolic_music.generation.engine.graphs.nodes import UnsupportedModelError
from symbolic_music.generation.infill import find_tracks, infill
from symbolic_music.generation.writing import sequences
from symbolic_music.models import auto
from symbolic_music.models.music_transformer.configuration_music_transformer import MusicTransformerConfig
from symbolic_music.score.bars import bar_table
from symbolic_music.tokenization.build import build_word_level_tokenizer

auto.register_configs()
auto.register_models()
KINDS = ("causal", "encoder and decoder")
CONTEXT = 320
PLACES = ((1, 3), (6, 7))


@pytest.fixture(scope="module")
def processor():
    return build_word_level_tokenizer(TrackTextCodec(TrackTextSettings(max_bars=8, max_tracks=4, max_masks=32)))


@pytest.fixture(scope="module")
def models(processor):
    torch.manual_seed(0)
    ids = {f"{name}_token_id": getattr(processor.tokenizer, f"{name}_token_id") for name in ("pad", "bos", "eos")}
    size = {"vocab_size": len(processor.tokenizer), "max_position_embeddings": CONTEXT, **ids}
    layers = {f"{side}_{name}": 1 for side in ("encoder", "decoder") for name in ("layers", "attention_heads")}
    width = {"d_model": 16, "encoder_ffn_dim": 16, "decoder_ffn_dim": 16}
    bart = BartConfig(**size, **layers, **width, decoder_start_token_id=ids["bos_token_id"])
    causal = MusicTransformerConfig(**size, hidden_size=16, num_hidden_layers=1, num_attention_heads=1)
    models = (AutoModelForCausalLM.from_config(causal), BartForConditionalGeneration(bart))
    return dict(zip(KINDS, (model.eval() for model in models), strict=True))


@pytest.fixture
def duet():
    """Twelve bars of 4/4 off the grid: a piano with chords, a violin that rests from bar 5 on."""
    rng = np.random.default_rng(0)
    score = make_score([])
    score.tempos = [TempoTick(0, 97)]
    for program, bars in ((0, 12), (40, 4)):
        track = TrackTick("Left" if program else "", program, False)
        for beat in range(4 * bars):
            begin, length = 480 * beat + int(rng.integers(0, 9)), int(rng.integers(100, 900))
            length = min(length, 1920 * bars - begin)
            track.notes.append(NoteTick(begin, length, int(rng.integers(50, 80)), int(rng.integers(30, 90))))
        score.tracks.append(track)
    score.tracks = score.tracks[-2:]
    return score


def span_of(score, bars, codec):
    """First step of bars, and the one behind the last."""
    table = bar_table(codec.move_to_grid(score))
    return int(table.starts[bars[0]]), int(table.starts[bars[1] - 1] + table.lengths[bars[1] - 1])


def outside(score, span, tracks, codec):
    """All notes, by time, but those that begin, to the nearest step, within the span in these tracks."""
    begin, end = span
    unit = codec.settings.steps_per_quarter
    step = [
        [(2 * note.time * unit + score.ticks_per_quarter) // (2 * score.ticks_per_quarter) for note in track.notes]
        for track in score.tracks
    ]
    return [
        sorted(
            (note.time, note.duration, note.pitch, note.velocity)
            for note, at in zip(track.notes, steps, strict=True)
            if number not in tracks or not begin <= at < end
        )
        for number, (track, steps) in enumerate(zip(score.tracks, step, strict=True))
    ]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("bars", "tracks"), [((4, 6), None), ((0, 1), [1]), ((9, 12), [0]), ((2, 6), [0, 1])])
def test_what_is_not_masked_stays_as_it_is(models, processor, duet, kind, bars, tracks):
    before = contents(duet)
    options = SamplingOptions(seed=3, batch_size=1)
    filled = infill(models[kind], processor, duet, bars, tracks, 2, options)
    assert contents(duet) == before
    chosen = tracks if tracks is not None else [0, 1]
    for piece in filled:
        assert piece.valid
        assert piece.num_bars == bars[1] - bars[0]
        span = span_of(duet, bars, processor.codec)
        kept = outside(duet, span, chosen, processor.codec)
        assert outside(piece.score, span, chosen, processor.codec) == kept
        new = {(track, note.time) for track in chosen for note in piece.score.tracks[track].notes} - {
            (track, note.time) for track in chosen for note in duet.tracks[track].notes
        }
        assert all(1920 * bars[0] <= time < 1920 * bars[1] for _, time in new)
        assert piece.num_notes == sum(len(track.notes) for track in piece.score.tracks) - sum(map(len, kept))
        assert contents(piece.score) | {"tracks": 0} == before | {"tracks": 0}
    assert filled[0].ids != filled[1].ids
    again = infill(models[kind], processor, duet, bars, tracks, 1, options)
    assert again[0].ids == filled[0].ids


@settings(
    max_examples=25, deadline=None, phases=(Phase.explicit, Phase.generate), suppress_health_check=list(HealthCheck)
)
@given(score=scores(max_notes=12), data=st.data())
def test_whatever_the_score_context_stays(models, processor, score, data):
    table = bar_table(processor.codec.move_to_grid(score))
    first = data.draw(st.integers(0, len(table) - 1))
    bars = (first, data.draw(st.integers(first + 1, min(first + 3, len(table)))))
    kind = data.draw(st.sampled_from(KINDS))
    try:
        (piece,) = infill(models[kind], processor, score, bars, None, 1, SamplingOptions(seed=1))
    except ValueError:
        return
    assert piece.valid
    playing = [
        number
        for number, (old, new) in enumerate(zip(score.tracks, piece.score.tracks, strict=True))
        if contents_of(old) != contents_of(new)
    ]
    span = span_of(score, bars, processor.codec)
    assert outside(piece.score, span, playing, processor.codec) == outside(score, span, playing, processor.codec)


@pytest.mark.parametrize("kind", KINDS)
def test_generate_writes_the_same_fills_where_there_is_no_engine(models, processor, duet, kind, monkeypatch):
    """Two places of a piece, one after the other: each has a source of its own."""
    options = SamplingOptions(seed=2, batch_size=2, top_p=0.95)

    def fills():
        asked = [
            (bars, infill(models[kind], processor, duet, bars, num_samples=3, options=options)) for bars in PLACES
        ]
        return [(bars, [fill.ids for fill in found]) for bars, found in asked]

    by_engine = fills()

    def refuse(*_):
        raise UnsupportedModelError("not today")

    monkeypatch.setattr(sequences, "decoder_of", refuse)
    assert fills() == by_engine


def contents_of(track):
    return [(note.time, note.duration, note.pitch, note.velocity) for note in track.notes]


def test_new_notes_are_as_loud_as_their_track(models, processor, duet):
    for note in duet.tracks[0].notes:
        note.velocity = 33
    (piece,) = infill(models["causal"], processor, duet, (4, 6), [0])
    assert {note.velocity for note in piece.score.tracks[0].notes} == {33}


def test_without_the_grammar_a_random_model_fills_nothing(models, processor, duet):
    for kind in KINDS:
        options = SamplingOptions(use_grammar=False)
        (piece,) = infill(models[kind], processor, duet, (4, 5), [0], 1, options)
        assert not piece.valid
        assert "may not follow here" in piece.invalid_reason or "has no end" in piece.invalid_reason


# --- What cannot be asked --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bars", "tracks", "complaint"),
    [
        ((12, 14), None, r"bars 13-14 are not there; expected bars within 1-12"),
        ((0, 9), None, r"bars 1-9 are 9; this model's windows hold 8"),
        ((9, 12), [1], r"track 2 \(Left \(Violin\)\) is silent in bars 5-12"),
        ((0, 1), [5], r"track 6 \(none\) is silent"),
    ],
)
def test_bars_and_tracks_that_are_not_there(models, processor, duet, bars, tracks, complaint):
    with pytest.raises(ValueError, match=complaint):
        infill(models["causal"], processor, duet, bars, tracks)


def test_a_change_of_meter_within_the_bars(models, processor, duet):
    duet.time_signatures = [TimeSignatureTick(0, 4, 4), TimeSignatureTick(3 * 1920, 3, 4)]
    with pytest.raises(ValueError, match="bars 3-5 hold a change of meter: fill 3-3 and 4-5 apart"):
        infill(models["causal"], processor, duet, (2, 5))
    assert infill(models["causal"], processor, duet, (3, 5))[0].valid


def test_a_meter_outside_the_vocabulary(models, processor, duet):
    duet.time_signatures = [TimeSignatureTick(0, 5, 32)]
    with pytest.raises(ValueError, match="bar 2 has meter 5/32; expected one of 2/2, 3/2"):
        infill(models["causal"], processor, duet, (1, 2))


def test_a_window_that_does_not_fit_the_model(models, processor, duet):
    with pytest.raises(ValueError, match=r"the bars to fill take \d+ tokens, the model holds 20"):
        infill(models["causal"], processor, duet, (1, 2), options=SamplingOptions(max_length=20))


def test_a_model_that_has_no_masks(models, duet):
    other = build_word_level_tokenizer(TrackTextCodec(TrackTextSettings(max_tracks=2)))
    with pytest.raises(ValueError, match="has not learnt to fill masked bars"):
        infill(models["causal"], other, duet, (1, 2))


def test_a_model_that_fills_does_not_compose(models, processor):
    with pytest.raises(ValueError, match="fills in masked bars and composes nothing"):
        compose(models["encoder and decoder"], processor)


def test_more_masks_than_there_are(models, duet):
    few = build_word_level_tokenizer(TrackTextCodec(TrackTextSettings(max_masks=2)))
    with pytest.raises(EncodingError, match="masks for 2"):
        infill(models["causal"], few, duet, (1, 4))


# --- Names of tracks -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "found"), [(["piano"], [0]), (["2"], [1]), (["Left", "1"], [0, 1]), (["violin", "left"], [1])]
)
def test_tracks_are_found_by_name_instrument_or_number(duet, names, found):
    assert find_tracks(duet, names) == found


@pytest.mark.parametrize("name", ["Flute", "3", "0", ""])
def test_a_track_that_is_not_there(duet, name):
    with pytest.raises(ValueError, match=r"no track '.*'; there are 1 Acoustic Grand Piano, 2 Left \(Violin\)"):
        find_tracks(duet, [name])
