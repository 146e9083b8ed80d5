"""Runs that share a trunk end with what runs of their own would, cut short or not, and see each block once."""

import json

import numpy as np
import pytest
from transformers import AutoModelForCausalLM, set_seed

from symbolic_music.data.blocks.collate import BlockCollator
from symbolic_music.data.blocks.pack import pack_split
from symbolic_music.models.music_transformer.configuration_music_transformer import MusicTransformerConfig
from symbolic_music.training.arguments import TrainingError
from symbolic_music.training.one_epoch import horizons
from symbolic_music.training.one_epoch.counting import CountingCollator
from symbolic_music.training.one_epoch.horizons import Trajectory, branch_step, train_to_horizon
from symbolic_music.training.one_epoch.run import study_arguments
from symbolic_music.training.preparation import load_splits
from symbolic_music.training.trainer import MusicTrainer

CONTEXT, BATCH = 64, 2
FIGURES = ("validation_nats_per_token", "order_hash", "steps", "tokens")
ARGUMENTS = {"learning_rate": 3e-3, "seed": 1, "data_seed": 1, "use_cpu": True, "structural_loss_weight": 0.0}


@pytest.fixture(scope="module")
def blocks(tiny_folder, processor, tmp_path_factory):
    splits, cache = load_splits(str(tiny_folder / "dataset")), tmp_path_factory.mktemp("cache")
    return {name: pack_split(splits[name], processor, CONTEXT, cache_dir=cache) for name in ("train", "validation")}


@pytest.fixture
def trajectory(blocks, processor, tmp_path):
    def build(name="own", **changes):
        tokens = processor.tokenizer
        sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "dropout": 0.0}
        ids = {"pad_token_id": tokens.pad_token_id, "bos_token_id": tokens.bos_token_id}
        config = MusicTransformerConfig(vocab_size=len(tokens), max_position_embeddings=CONTEXT, **sizes, **ids)
        return Trajectory(
            config, blocks["train"], blocks["validation"], processor, tmp_path / name, BATCH, None, 10,
            ARGUMENTS | changes,
        )  # fmt: skip

    return build


def of(line):
    return {name: line[name] for name in FIGURES}


def plain_run(trajectory, steps):
    """A stock run of the schedule, without trunk or checkpoints."""
    args = study_arguments(
        trajectory.folder,
        steps,
        BATCH,
        None,
        10,
        max_steps=steps,
        warmup_steps=0,
        lr_scheduler_type="warmup_stable_decay",
        **ARGUMENTS,
    )
    set_seed(args.seed)
    trainer = MusicTrainer(
        model=AutoModelForCausalLM.from_config(trajectory.config),
        args=args,
        processing_class=trajectory.processor,
        data_collator=BlockCollator(trajectory.processor),
        train_dataset=trajectory.train,
        eval_dataset=trajectory.validation,
    )
    trainer.train()
    return trainer.evaluate()["eval_loss"]


def test_a_branch_ends_with_what_a_run_of_its_own_would(trajectory):
    shared = trajectory("shared")
    short, long = train_to_horizon(shared, 5), train_to_horizon(shared, 10)
    assert json.loads(json.dumps(long, allow_nan=False)) == long
    assert (short["steps"], short["steps_trained"]) == (5, 5)
    assert (long["steps"], long["steps_trained"]) == (10, 6), "the trunk goes on from the short run's fourth step"
    assert short["tokens"] == 5 * BATCH * CONTEXT
    assert [point["step"] for point in long["curve"]] == list(range(1, 11))
    assert long["train_seconds"] > 0
    assert of(long) == of(train_to_horizon(trajectory("alone"), 10)), "to the bit"
    assert long["validation_nats_per_token"] == pytest.approx(plain_run(trajectory("plain"), 10), rel=1e-6)
    # A shorter run than the trunk has come starts it again.
    assert of(train_to_horizon(shared, 5)) == of(short)


class KilledError(Exception):
    pass


@pytest.mark.parametrize("at", [3, 7, 9])
def test_a_run_that_is_cut_short_goes_on_to_the_same_end(trajectory, monkeypatch, at):
    monkeypatch.setattr(horizons, "_SECONDS_BETWEEN_CHECKPOINTS", 0.0)

    def kill(step, steps, nats):
        assert steps == 10
        if step == at:
            raise KilledError

    cut = trajectory("cut")
    with pytest.raises(KilledError):
        train_to_horizon(cut, 10, kill)
    seen = []
    line = train_to_horizon(cut, 10, lambda step, steps, nats: seen.append(step))
    assert seen[0] >= at - 1, "little is done again"
    assert of(line) == of(train_to_horizon(trajectory("whole"), 10))
    assert line["steps_trained"] == 10, "those of both sessions"
    assert {path.name for path in cut.folder.iterdir()} == {"trunk"}, "the branch has served"


def test_a_block_that_was_seen_twice_is_noticed(trajectory, monkeypatch):
    first = CountingCollator.resume
    monkeypatch.setattr(
        CountingCollator, "resume", lambda self, order: first(self, np.concatenate([order[:1], order[:-1]]))
    )
    with pytest.raises(RuntimeError, match=r"seen once|are not \d+ blocks"):
        train_to_horizon(trajectory(), 10)


def test_what_cannot_be_run_is_said(trajectory):
    assert [branch_step(steps) for steps in (1, 2, 5, 10, 100)] == [0, 1, 4, 8, 80]
    with pytest.raises(TrainingError, match="1 steps of 2 blocks: expected 2"):
        train_to_horizon(trajectory(), 1)
    with pytest.raises(TrainingError, match="what the data hold"):
        train_to_horizon(trajectory(), 10_000)
    with pytest.raises(TrainingError, match=r"warmup_steps is 0\.05; expected a number of steps"):
        trajectory(warmup_steps=0.05)
