"""Each block exactly once: what counts it, what notices otherwise, and what a run says of itself."""

import gc
import json
import math

import numpy as np
import pytest

from symbolic_music.data.blocks.collate import BlockCollator
from symbolic_music.data.blocks.pack import pack_split
from symbolic_music.models.music_transformer.configuration_music_transformer import MusicTransformerConfig
from symbolic_music.training.arguments import TrainingError
from symbolic_music.training.one_epoch.counting import BLOCK_COLUMN, CountingCollator, check_one_epoch, count_tokens
from symbolic_music.training.one_epoch.memory import PeakMemory
from symbolic_music.training.one_epoch.run import one_epoch_arguments, train_one_epoch
from symbolic_music.training.preparation import load_splits

CONTEXT, BATCH = 64, 4
ONES = np.ones(8, dtype=np.int64)


def test_one_epoch_is_every_block_once():
    check_one_epoch(ONES, steps=2, blocks_per_step=4, tokens_seen=8 * CONTEXT, context=CONTEXT)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"counts": np.array([1, 1, 2, 1, 1, 1, 1, 1])}, "1 of 8 blocks were not seen once, block 2 2 times"),
        ({"counts": np.array([1, 1, 1, 1, 1, 1, 1, 0])}, "block 7 0 times"),
        ({"steps": 3}, "3 steps of 4 blocks are not 8 blocks"),
        ({"tokens_seen": 9 * CONTEXT}, "576 tokens seen, expected 8 blocks of 64"),
    ],
)
def test_any_other_epoch_is_noticed(changes, complaint):
    facts = {"counts": ONES, "steps": 2, "blocks_per_step": 4, "tokens_seen": 8 * CONTEXT, "context": CONTEXT}
    with pytest.raises(RuntimeError, match=complaint):
        check_one_epoch(**(facts | changes))


@pytest.fixture(scope="module")
def blocks(tiny_folder, processor, tmp_path_factory):
    splits, cache = load_splits(str(tiny_folder / "dataset")), tmp_path_factory.mktemp("cache")
    return {name: pack_split(splits[name], processor, CONTEXT, cache_dir=cache) for name in ("train", "validation")}


def test_the_collator_counts_training_blocks_and_their_order(blocks, processor):
    train = blocks["train"].select(range(4)).add_column(BLOCK_COLUMN, np.arange(4))
    first, second = (CountingCollator(BlockCollator(processor), 4) for _ in range(2))
    batch = first([train[2], train[0]])
    assert set(batch) == {"input_ids", "labels", "grammar_states"}
    assert first.counts.tolist() == [1, 0, 1, 0]
    second([train[0], train[2]])
    assert second.counts.tolist() == first.counts.tolist()
    assert second.order_hash() != first.order_hash()
    first([blocks["validation"][0]])
    assert first.counts.sum() == 2, "validation is not counted"


def test_padding_is_no_token(blocks, processor):
    pad = processor.tokenizer.pad_token_id
    ids = np.array(blocks["train"]["input_ids"])
    assert count_tokens(blocks["train"], pad) == (ids != pad).sum() < ids.size


def arguments(folder, num_blocks=8, **changes):
    named = {"learning_rate": 3e-3, "seed": 1, "data_seed": 1, "use_cpu": True, "structural_loss_weight": 0.0}
    return one_epoch_arguments(folder, num_blocks, BATCH, **(named | changes))


def test_a_step_is_dealt_in_equal_passes(tmp_path):
    made = arguments(tmp_path, micro_batch_size=2)
    assert (made.per_device_train_batch_size, made.gradient_accumulation_steps) == (2, 2)
    with pytest.raises(
        TrainingError, match="a batch of 4 blocks cannot be dealt evenly to 1 processes in passes of 3"
    ):
        arguments(tmp_path, micro_batch_size=3)
    with pytest.raises(TrainingError, match="9 blocks are no multiple of 4"):
        arguments(tmp_path, num_blocks=9)


def test_a_run_trains_on_each_block_once_and_describes_itself(blocks, processor, tmp_path):
    tokenizer = processor.tokenizer
    config = MusicTransformerConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=CONTEXT,
        dropout=0.0,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    train, seen = blocks["train"].select(range(8)), []

    def run(**changes):
        return train_one_epoch(
            config,
            train,
            blocks["validation"],
            processor,
            arguments(tmp_path, **changes),
            lambda *progress: seen.append(progress),
        )

    line = run()
    assert json.loads(json.dumps(line, allow_nan=False)) == line
    assert (line["steps"], line["batch_tokens"]) == (2, BATCH * CONTEXT)
    assert line["tokens"] == line["unique_tokens"] == 8 * CONTEXT
    assert [(point["step"], point["tokens"]) for point in line["curve"]] == [(1, 256), (2, 512)]
    assert [progress[:2] for progress in seen] == [(1, 2), (2, 2)]
    assert 0 < line["validation_nats_per_token"] < 2 * math.log(len(tokenizer))
    assert line["validation_bits_per_note"] > line["validation_nats_per_token"] / math.log(2)
    assert line["peak_memory_bytes"] >= line["memory_before_bytes"] > 2**20
    assert line["wall_seconds"] >= line["train_seconds"] > 0
    same = ("validation_nats_per_token", "order_hash", "curve")
    again, in_passes, other_seed = run(), run(micro_batch_size=2), run(seed=2, data_seed=2)
    assert all(again[name] == line[name] for name in same), "repeatable to the bit"
    assert in_passes["validation_nats_per_token"] == pytest.approx(line["validation_nats_per_token"], abs=1e-4)
    assert other_seed["order_hash"] != line["order_hash"]
    longer = train_one_epoch(
        config,
        blocks["train"].select(range(20)),
        blocks["validation"],
        processor,
        arguments(tmp_path, num_blocks=20, curve_points=2),
    )
    assert [point["step"] for point in longer["curve"]] == [2, 4, 5], "the last step is on the curve"


def test_peak_memory_is_no_less_than_what_was_there(monkeypatch):
    import torch

    marks = iter([300, 200, 400])
    monkeypatch.setattr(PeakMemory, "_resident_mark", lambda self: next(marks))
    memory = PeakMemory(torch.device("cpu"))
    assert [memory.before, memory.peak(), memory.peak()] == [300, 300, 400]


def test_peak_memory_rises_with_what_is_used_and_starts_anew():
    import torch

    gc.collect()  # what earlier tests left is not to be freed in between
    first = PeakMemory(torch.device("cpu"))
    held = np.ones(200 * 2**20 // 8)
    peak = first.peak()
    assert peak - first.before > 100 * 2**20
    del held
    if first.kind == "resident, during the run":
        assert PeakMemory(torch.device("cpu")).before < peak - 100 * 2**20
