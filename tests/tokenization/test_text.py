"""Music tokens in text tokenizers: each one id, words left as they are, and the way back."""

import json

import numpy as np
import pytest
from random_music import contents, random_walks
from score.scores import make_score
from text_tokenizers import TOKENIZERS

from symbolic_music.events.voices.abc_notes import AbcNotesCodec
from symbolic_music.events.voices.track_text import TrackTextCodec, TrackTextSettings
from symbolic_music.tokenization.processing_music import MusicProcessor
from symbolic_music.tokenization.text import add_music_tokens, encode_words

SETTINGS = TrackTextSettings(max_bars=4, max_tracks=3)


@pytest.fixture(params=TOKENIZERS)
def plain(request):
    return TOKENIZERS[request.param]()


@pytest.fixture
def processor(plain):
    return add_music_tokens(plain, TrackTextCodec(SETTINGS))


@pytest.fixture
def score():
    return make_score([(0, 480, 60), (480, 480, 64), (480, 480, 67), (960, 960, 62), (2400, 240, 61)])


def test_every_music_token_is_one_id(processor):
    tokenizer = processor.tokenizer
    texts = [processor.codec.text(event) for event in processor.codec.events]
    assert all(len(tokenizer(text, add_special_tokens=False)["input_ids"]) == 1 for text in texts)
    ids = tokenizer(" ".join(texts), add_special_tokens=False)["input_ids"]
    assert ids == processor.encode_events(processor.codec.events, add_bos=False, add_eos=False)


def test_words_keep_their_ids(plain):
    words = "a thin tune in an old hall"
    before = plain(words, add_special_tokens=False)["input_ids"]
    processor = add_music_tokens(plain, TrackTextCodec(SETTINGS))
    assert plain(words, add_special_tokens=False)["input_ids"] == before
    assert encode_words(processor, words) == before


def test_words_that_look_like_music_stay_words(processor):
    music = set(processor.encode_events(processor.codec.events))
    assert not music & set(encode_words(processor, "op. 3 c4_q .E4 C4_q <TRACKS> <|startofpiece|>"))


def test_a_piece_comes_back_with_words_before_it_and_padding_around(processor, score):
    ids = processor.encode_score(score)
    pad = processor.tokenizer.pad_token_id
    expected = contents(processor.codec.quantise(score))
    assert contents(processor.decode([pad, pad, *encode_words(processor, "a tune"), *ids, pad])) == expected
    assert processor.count_events(ids) == {"notes": 5, "bars": 2}


def test_a_saved_processor_is_the_same(processor, score, tmp_path):
    processor.save_pretrained(tmp_path)
    loaded = MusicProcessor.from_pretrained(tmp_path)
    assert loaded.encode_score(score) == processor.encode_score(score)
    assert np.array_equal(loaded.grammar().kinds, processor.grammar().kinds)
    assert json.loads((tmp_path / "processor_config.json").read_text())["codec"]["max_bars"] == 4


def test_the_grammar_allows_words_before_a_piece_and_nowhere_in_it(processor):
    grammar = processor.grammar()
    words = encode_words(processor, "in an")
    walk = random_walks(grammar, np.random.default_rng(0), 1, 60, pad=processor.tokenizer.pad_token_id)[0]
    start = walk.index(processor.tokenizer.bos_token_id)
    piece = walk[start:]
    assert grammar.explain([*words, *piece]) is None
    for place in (1, 4, len(piece) // 2, len(piece) - 1):
        assert grammar.explain([*piece[:place], *words, *piece[place:]]) is not None


def test_tokens_that_are_there_already_are_refused(plain):
    plain.add_tokens(["C4_q"])
    with pytest.raises(ValueError, match="holds 'C4_q' already"):
        add_music_tokens(plain, TrackTextCodec(SETTINGS))


def test_a_tokenizer_without_the_codecs_tokens_is_refused(processor, plain):
    with pytest.raises(ValueError, match=r"lacks \d+ of the codec's tokens"):
        MusicProcessor(plain, TrackTextCodec(TrackTextSettings(max_bars=5, max_tracks=3)))


def test_only_track_text_has_a_text(plain):
    assert not hasattr(AbcNotesCodec(), "text")
