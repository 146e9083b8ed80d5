"""What is asked of a header is what the piece has: bars, tempo, meter, key and instruments, exactly."""

import pytest
import torch
from symusic.core import ScoreTick

from symbolic_music.events.voices.track_text import HeaderFields, TrackTextCodec, TrackTextSettings, find_instrument
from symbolic_music.generation.compose import SamplingOptions, compose
from symbolic_music.generation.grammar_processor import GrammarError
from symbolic_music.models.music_transformer.configuration_music_transformer import MusicTransformerConfig
from symbolic_music.models.music_transformer.modeling_music_transformer import MusicTransformerForCausalLM
from symbolic_music.score.transforms.edit import count_bars
from symbolic_music.tokenization.build import build_word_level_tokenizer

OPTIONS = SamplingOptions(max_length=240, batch_size=3, seed=1)


@pytest.fixture(scope="module")
def windows():
    return build_word_level_tokenizer(TrackTextCodec(TrackTextSettings(max_bars=4, max_tracks=3)))


@pytest.fixture(scope="module")
def random_model(windows):
    torch.manual_seed(0)
    config = MusicTransformerConfig(
        vocab_size=len(windows.tokenizer),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=256,
    )
    return MusicTransformerForCausalLM(config).eval()


def programs(score: ScoreTick):
    return [-1 if track.is_drum else track.program for track in score.tracks]


def test_a_piece_has_what_was_asked_for(random_model, windows):
    fields = HeaderFields(tempo=93, meter="3/4", key="F#m", instruments=("violin", "Drums", "0"))
    pieces = compose(
        random_model, windows, 6, options=SamplingOptions(**{**vars(OPTIONS), "num_bars": 2}), fields=fields
    )
    assert [piece.invalid_reason for piece in pieces] == [None] * 6
    for piece in pieces:
        assert programs(piece.score) == [40, -1, 0]
        assert all(len(track.notes) for track in piece.score.tracks)
        assert count_bars(piece.score) == piece.num_bars == 2
        assert [round(tempo.qpm) for tempo in piece.score.tempos] == [93]
        assert [(meter.numerator, meter.denominator) for meter in piece.score.time_signatures] == [(3, 4)]
        assert [(key.key, key.tonality) for key in piece.score.key_signatures] == [(3, 1)]


def test_what_is_not_asked_for_is_left_to_the_model(random_model, windows):
    pieces = compose(random_model, windows, 6, options=OPTIONS, fields=HeaderFields(meter="2/4"))
    assert {piece.score.time_signatures[0].numerator for piece in pieces} == {2}
    assert len({round(piece.score.tempos[0].qpm) for piece in pieces}) > 1
    assert all(piece.valid for piece in compose(random_model, windows, 3, options=OPTIONS))


def test_without_the_grammar_the_header_is_still_what_was_asked_for(random_model, windows):
    options = SamplingOptions(max_length=30, use_grammar=False)
    [piece] = compose(random_model, windows, 1, options=options, fields=HeaderFields(instruments=("Cello",)))
    assert windows.ids_to_events(piece.ids)[5:7] == ["Instrument_42", "Tracks_None"]


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        (HeaderFields(tempo=7), "the tempo is 7; expected 16 to 600"),
        (HeaderFields(num_bars=5), "the number of bars is 5; expected 1 to 4"),
        (HeaderFields(meter="5/32"), "the meter is 5/32; expected 2/2, 3/2"),
        (HeaderFields(key="H"), "the key is H; expected Cb, Gb"),
        (HeaderFields(instruments=("Vioin",)), r"unknown instrument 'Vioin'.*did you mean 'violin'"),
        (
            HeaderFields(instruments=("128",)),
            "unknown instrument '128'; expected a General MIDI name, 0 to 127 or Drums",
        ),
        (HeaderFields(instruments=("0",) * 4), "4 instruments; expected at most 3"),
    ],
)
def test_what_there_is_not_is_named_with_what_there_is(random_model, windows, fields, complaint):
    with pytest.raises(ValueError, match=complaint):
        compose(random_model, windows, 1, options=OPTIONS, fields=fields)


def test_more_than_the_context_holds_is_refused_before_it_begins(random_model, windows):
    fields = HeaderFields(num_bars=4, instruments=("0", "1", "2"))
    with pytest.raises(GrammarError, match=r"takes \d+ tokens or more; the limit is 30: ask for fewer bars"):
        compose(random_model, windows, 1, options=SamplingOptions(max_length=30), fields=fields)


def test_a_model_without_headers_says_so(model, processor):
    with pytest.raises(ValueError, match="can be asked of track text, not of remi"):
        compose(model, processor, 1, options=SamplingOptions(max_length=50), fields=HeaderFields(tempo=100))
    with pytest.raises(ValueError, match="reads no words"):
        compose(model, processor, 1, options=SamplingOptions(max_length=50), words="A reel")


@pytest.mark.parametrize(
    ("name", "value"), [("Violin", "40"), ("violin ", "40"), ("40", "40"), ("drums", "drums"), ("Piano", "0")]
)
def test_instruments_have_names_and_numbers(name, value):
    assert find_instrument(name) == value
