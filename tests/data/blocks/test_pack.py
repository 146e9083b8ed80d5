import logging

import numpy as np
import pytest
import torch
from datasets import Dataset, Features, List, NamedSplit, Value
from made_up_music import melody_score, random_melody

from symbolic_music.data.blocks import pack
from symbolic_music.data.blocks.augment import AugmentationError
from symbolic_music.data.blocks.collate import IGNORED_LABEL, BlockCollator
from symbolic_music.data.blocks.pack import PackError, pack_split
from symbolic_music.events.codec import EncodingError
from symbolic_music.events.voices.track_text import TrackTextCodec, TrackTextSettings
from symbolic_music.score.midi.io import midi_bytes, read_midi
from symbolic_music.tokenization.build import build_word_level_tokenizer

BLOCK = 64


def split_of(count, name="train", length=48):
    scores = [melody_score(random_melody(seed, length)) for seed in range(count)]
    return Dataset.from_dict({"midi": [midi_bytes(score) for score in scores]}, split=NamedSplit(name))


@pytest.fixture
def pack_here(processor, tmp_path):
    def call(split, block_size=BLOCK, transpositions=(0,), **options):
        return pack_split(split, processor, block_size, transpositions, cache_dir=tmp_path / "cache", **options)

    return call


def pieces_in(blocks, tokenizer):
    """The pieces of packed blocks as lists of ids from BOS to EOS, and how many pads follow the last one."""
    flat = np.concatenate([np.array(row) for row in blocks["input_ids"]])
    ends = np.flatnonzero(flat == tokenizer.eos_token_id) + 1
    return [part.tolist() for part in np.split(flat[: ends[-1]], ends[:-1])], flat[ends[-1] :]


def test_every_piece_is_there_whole_and_the_tail_is_padded(pack_here, processor):
    split = split_of(7)
    blocks = pack_here(split)
    assert blocks.features == Features(
        {"input_ids": List(Value("uint16"), length=BLOCK), "grammar_state": List(Value("int16"), length=6)}
    )
    pieces, tail = pieces_in(blocks, processor.tokenizer)
    expected = [processor.encode_score(melody_score(random_melody(seed))) for seed in range(7)]
    assert sorted(pieces) == sorted(expected)
    assert pieces != expected, "the pieces were not shuffled"
    assert len(tail) < BLOCK
    assert (tail == processor.tokenizer.pad_token_id).all()


def test_grammar_state_is_that_of_the_piece_up_to_the_block(pack_here, processor):
    blocks = pack_here(split_of(5, length=80))
    grammar = processor.grammar()
    states = grammar.initial_state[None]
    for row in blocks:
        ids = np.array(row["input_ids"])
        if ids[0] == processor.tokenizer.bos_token_id:
            states = grammar.initial_state[None]
        assert row["grammar_state"] == states[0].tolist()
        for token in ids:
            states = grammar.initial_state[None] if token == processor.tokenizer.bos_token_id else states
            states = grammar.advance(states, np.array([token]))


def test_the_result_depends_on_the_seed_and_on_nothing_else(pack_here, processor, tmp_path):
    split = split_of(6)
    first = pack_here(split)["input_ids"]
    other_cache = pack_split(split, processor, BLOCK, cache_dir=tmp_path / "elsewhere", num_proc=2)["input_ids"]
    assert list(first) == list(other_cache)
    assert list(first) != list(pack_here(split, seed=1)["input_ids"])


def test_small_batches_give_the_same_blocks(pack_here, monkeypatch, tmp_path):
    split = split_of(6, length=80)
    whole = pack_here(split)[:]
    for path in (tmp_path / "cache").glob("blocks-*.arrow"):
        path.unlink()
    monkeypatch.setattr(pack, "_TOKENS_AT_ONCE", 200)
    assert pack_here(split)[:] == whole


def test_a_second_run_encodes_nothing(pack_here, processor, monkeypatch):
    split = split_of(8)
    first = pack_here(split)[:]
    monkeypatch.setattr(pack, "_encode", lambda *_: pytest.fail("encoded again"))
    assert pack_here(split)[:] == first


def test_another_block_size_reuses_the_encoded_pieces(pack_here, tmp_path):
    pack_here(split_of(8))
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").glob("encoded-*")}
    assert len(pack_here(split_of(8), block_size=2 * BLOCK)) > 0
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").glob("encoded-*")} == before


def test_a_changed_codec_does_not_find_the_old_ids(pack_here, processor, monkeypatch):
    split = split_of(4)
    before = pack_here(split)
    encode = type(processor).encode_score
    monkeypatch.setattr(type(processor), "encode_score", lambda self, score: encode(self, score)[::-1])
    with pytest.raises(PackError, match="codec and grammar disagree"):
        pack_here(split)
    assert len(before)


def test_transpositions_multiply_the_training_pieces_only(pack_here, processor):
    pieces, _ = pieces_in(pack_here(split_of(3), transpositions=[-1, 0, 2]), processor.tokenizer)
    assert len(pieces) == 9
    assert len({tuple(piece) for piece in pieces}) == 9
    with pytest.raises(AugmentationError, match="only the split 'train'"):
        pack_here(split_of(3, "validation"), transpositions=[0, 1])


def test_what_cannot_be_encoded_is_counted_and_named(pack_here, processor, monkeypatch, caplog):
    encode = type(processor).encode_score

    def picky(self, score):
        if score.tracks[0].notes.numpy()["pitch"].tolist() == random_melody(0).tolist():
            raise EncodingError("bar 1: not to my taste")
        return encode(self, score)

    monkeypatch.setattr(type(processor), "encode_score", picky)
    with caplog.at_level(logging.WARNING):
        pieces, _ = pieces_in(pack_here(split_of(4)), processor.tokenizer)
    assert len(pieces) == 3
    assert "1 of 4 pieces cannot be encoded: bar 1: not to my taste (1)" in caplog.text
    with pytest.raises(PackError, match="1 of 1 pieces cannot be encoded"):
        pack_here(split_of(1))


def test_too_small_a_block_is_refused(pack_here):
    with pytest.raises(PackError, match="at least 2 ids, got 1"):
        pack_here(split_of(1), block_size=1)


def test_ids_of_a_large_vocabulary_take_four_bytes(pack_here, processor, monkeypatch):
    monkeypatch.setattr(pack, "_LARGEST_OF_TWO_BYTES", 100)
    blocks = pack_here(split_of(4))
    assert blocks.features["input_ids"].feature.dtype == "uint32"
    assert blocks[0]["input_ids"][0] == processor.tokenizer.bos_token_id


def test_an_interrupted_write_leaves_no_blocks(pack_here, monkeypatch, tmp_path):
    with monkeypatch.context() as patch:
        patch.setattr(pack, "_joined", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
        with pytest.raises(OSError, match="No space left"):
            pack_here(split_of(4))
    assert not [path for path in (tmp_path / "cache").iterdir() if path.name.startswith("blocks-")]
    assert len(pack_here(split_of(4)))


def test_collated_states_allow_every_token_of_the_block(pack_here, processor):
    blocks = pack_here(split_of(6))
    batch = BlockCollator(processor)([blocks[index] for index in range(len(blocks))])
    ids = batch["input_ids"].numpy()
    assert {name: (value.dtype, tuple(value.shape)) for name, value in batch.items()} == {
        "input_ids": (torch.int64, ids.shape),
        "labels": (torch.int64, ids.shape),
        "grammar_states": (torch.int16, (*ids.shape, 6)),
    }
    allowed = processor.grammar().allowed(batch["grammar_states"].numpy())
    assert np.take_along_axis(allowed, ids[..., None], axis=-1).all()
    padded = ids == processor.tokenizer.pad_token_id
    assert padded.any()
    assert (batch["labels"].numpy()[padded] == IGNORED_LABEL).all()
    assert (batch["labels"].numpy()[~padded] == ids[~padded]).all()


def test_collator_starts_anew_at_each_piece_inside_a_block(processor):
    ids = processor.encode_score(melody_score(random_melody(0)))
    grammar = processor.grammar()
    row = {"input_ids": ids + ids, "grammar_state": grammar.initial_state}
    states = BlockCollator(processor)([row])["grammar_states"].numpy()[0]
    np.testing.assert_array_equal(states[: len(ids)], states[len(ids) :])
    np.testing.assert_array_equal(states[: len(ids)], grammar.scan(np.array([ids]))[0])


def test_a_codec_of_windows_packs_every_window_of_a_piece(tmp_path):
    processor = build_word_level_tokenizer(TrackTextCodec(TrackTextSettings(max_bars=2, max_tracks=2)))
    split = split_of(3)
    blocks = pack_split(split, processor, 64, cache_dir=tmp_path)
    ids = np.concatenate([blocks[index]["input_ids"] for index in range(len(blocks))])
    windows = [window for midi in split["midi"] for window in processor.codec.windows(read_midi(midi))]
    assert len(windows) > len(split)
    assert (ids == processor.tokenizer.bos_token_id).sum() == len(windows)
    assert processor.count_events(ids)["notes"] == sum(window.note_num() for window in windows)
