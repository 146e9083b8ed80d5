"""Packing, transposing, encoding and batching."""

import numpy as np
import pytest
import torch
from queue_pieces import small_pieces

from symbolic_music.events.voices.abc_notes import AbcNotesCodec
from symbolic_music.events.voices.track_text import TrackTextCodec, TrackTextSettings
from symbolic_music.score.transforms.edit import transpose
from symbolic_music.tokenization.build import build_word_level_tokenizer
from symbolic_music.training.optimization.losses import IGNORED_LABEL
from symbolic_music.training.queue.data.batches import BatchSettings, BlockBatches, ExampleBatches, blocks_of
from symbolic_music.training.queue.data.epochs import EpochMaker, EventTokenizer
from symbolic_music.training.queue.data.packed import OUT_OF_RANGE, PackedSplit, QueueError, Ragged, read_packed
from symbolic_music.training.queue.data.packing import EventNumbers, PackSettings, pack_dataset


def test_a_packed_folder_gives_back_every_piece(packed, splits, remi_processor):
    numbers = EventNumbers(remi_processor)
    sequences = packed.splits["train"].events.split()
    assert len(sequences) == 8
    assert all(
        sequence.tolist() == sequences_of(numbers, piece)
        for sequence, piece in zip(sequences, small_pieces(8), strict=True)
    )
    assert packed.description["notes"] == {"train": 8 * 48, "validation": 2 * 48}


def sequences_of(numbers, piece):
    return numbers.of_piece(numbers.codec.encode(piece)).tolist()


@pytest.mark.parametrize("semitones", [-5, -1, 3, 6])
@pytest.mark.parametrize("codec", ["remi", "abc", "track_text"])
def test_moved_events_are_those_of_the_moved_piece(codec, semitones, remi_processor):
    processor = {
        "remi": lambda: remi_processor,
        "abc": lambda: build_word_level_tokenizer(AbcNotesCodec()),
        "track_text": lambda: build_word_level_tokenizer(TrackTextCodec(TrackTextSettings(max_bars=4))),
    }[codec]()
    numbers = EventNumbers(processor)
    table = numbers.moved(semitones)
    for piece in small_pieces(6)[2:]:
        moved = table[numbers.of_piece(numbers.codec.encode(piece))]
        there = numbers.codec.encode(transpose(piece, semitones))
        assert [numbers.names[number] for number in moved[1:-1]] == there


def test_a_sequence_is_given_each_transposition_it_has_room_for_in_turn(packed):
    maker = EpochMaker(packed.splits["train"], packed.tables, EventTokenizer(packed), seed=3)
    chosen = np.stack([maker.choose(epoch) for epoch in range(3)])
    for sequence, rows in zip(packed.splits["train"].events.split(), chosen.T, strict=True):
        room = [row for row, table in enumerate(packed.tables) if not (table[sequence] == OUT_OF_RANGE).any()]
        assert set(rows.tolist()) <= set(room)
        assert set(rows.tolist()) == set(room) or len(room) > 3


def test_a_piece_at_the_end_of_the_range_is_not_moved_beyond_it():
    split = PackedSplit(Ragged.of([np.array([1, 3, 2]), np.array([1, 4, 2])]))
    up = np.array([0, 1, 2, 4, OUT_OF_RANGE], np.uint16)
    maker = EpochMaker(split, np.stack([np.arange(5, dtype=np.uint16), up]), tokenizer=None)
    chosen = np.stack([maker.choose(epoch) for epoch in range(4)])
    assert set(chosen[:, 0]) == {0, 1}
    assert set(chosen[:, 1]) == {0}


def test_ids_are_those_of_the_processor(packed, remi_processor):
    tokenizer = EventTokenizer(packed)
    ids = EpochMaker(packed.splits["train"], packed.tables[:1], tokenizer).make(0).ids.split()
    for sequence, piece in zip(ids, small_pieces(8), strict=True):
        assert sequence.tolist() == remi_processor.encode_score(piece)
    assert tokenizer.notes_per_id.tolist() == remi_processor.grammar().notes_per_token.tolist()


def test_blocks_hold_the_stream_and_predict_all_but_their_first_token(packed):
    tokenizer = EventTokenizer(packed)
    epoch = EpochMaker(packed.splits["train"], packed.tables[:1], tokenizer).make(0)
    settings = BatchSettings(context=16, tokens=64, pad=tokenizer.pad)
    order = np.array([3, 0, 1, 2, 4, 5, 6, 7])
    blocks = blocks_of(epoch, settings, order, whole=False)
    stream = np.concatenate([epoch.ids.split()[number] for number in order])
    assert blocks.ravel()[: len(stream)].tolist() == stream.tolist()
    assert set(blocks.ravel()[len(stream) :].tolist()) <= {tokenizer.pad}
    batches = BlockBatches(blocks, settings, torch.device("cpu"))
    batch = next(iter(batches))
    assert batch.inputs["input_ids"].shape == (4, 16)
    assert batch.labels[:, :-1].tolist() == batch.inputs["input_ids"][:, 1:].tolist()
    assert batch.labels[:, -1].tolist() == [IGNORED_LABEL] * 4


def test_examples_to_fill_are_batched_whole(tmp_path, splits):
    processor = build_word_level_tokenizer(TrackTextCodec(TrackTextSettings(max_bars=4, max_masks=16)))
    pack_dataset(splits, processor, tmp_path, PackSettings(transpositions=(0, 1), infill=True, masks_per_window=2))
    packed = read_packed(tmp_path)
    tokenizer = EventTokenizer(packed)
    split = packed.splits["train"]
    epoch = EpochMaker(split, packed.tables, tokenizer, seed=1).make(0)
    # Drums stay, in the masked window and in the fill; the rest moves in both alike.
    num_events = packed.description["num_events"]
    drums = split.events.values >= num_events
    assert drums.any()
    assert (epoch.ids.values[drums] == split.events.values[drums] - num_events).all()
    settings = BatchSettings(context=512, tokens=1024, pad=tokenizer.pad)
    batches = ExampleBatches(epoch, settings, torch.device("cpu"), np.arange(len(split)))
    seen = []
    for batch in batches:
        for row, labels in zip(batch.inputs["decoder_input_ids"], batch.labels, strict=True):
            kept = labels != IGNORED_LABEL
            seen.append([int(row[0]), *labels[kept].tolist()])
    assert sorted(seen) == sorted(sequence.tolist() for sequence in epoch.ids.split())


def test_bpe_cannot_be_packed_to_be_filled(tmp_path, splits, remi_processor):
    with pytest.raises(QueueError, match="word-level"):
        pack_dataset(splits, remi_processor, tmp_path, PackSettings(infill=True))


def test_a_cut_file_is_named(tmp_path, packed_folder):
    for path in packed_folder.iterdir():
        if path.is_file():
            (tmp_path / path.name).write_bytes(path.read_bytes()[: 200 if path.name == "train.xz" else None])
    with pytest.raises(QueueError, match=r"train\.xz"):
        read_packed(tmp_path)
    with pytest.raises(QueueError, match="no packed dataset"):
        read_packed(tmp_path / "nothing")
