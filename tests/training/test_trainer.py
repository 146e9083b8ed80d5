"""The Trainer: accumulation, evaluation from sums, weight decay, and resuming to the bit."""

import math

import pytest
import torch
import torch.nn.functional as F
from datasets import Dataset, DatasetDict
from recorded_runs import KillAt, Killed, RecordingCollator
from tiny_run import flags
from transformers import TrainerCallback

from symbolic_music.data.blocks.pack import pack_split
from symbolic_music.training.arguments import TrainingError
from symbolic_music.training.callbacks import LossPlotCallback, TimeBudgetCallback
from symbolic_music.training.checkpoints import MARKER
from symbolic_music.training.parsing import parse_arguments
from symbolic_music.training.preparation import build_model, checkpoint_to_resume, choose_split, load_splits
from symbolic_music.training.trainer import MusicTrainer


class SpoilAt(TrainerCallback):
    """Makes the model worse than it ever was."""

    def __init__(self, step):
        self.step = step

    def on_step_end(self, args, state, control, model, **kwargs):
        if state.global_step == self.step:
            with torch.no_grad():
                model.model.embed_tokens.weight.mul_(-30)


@pytest.fixture(scope="session")
def blocks(tiny_folder, processor):
    splits = load_splits(str(tiny_folder / "dataset"))
    return {name: pack_split(splits[name], processor, 64, cache_dir=tiny_folder) for name in ("train", "validation")}


@pytest.fixture
def make_trainer(tiny_folder, processor, blocks, tmp_path):
    def make(output="run", **changes):
        given = {"max_steps": 8, "eval_steps": 2, "save_steps": 2, "use_cpu": True} | changes
        model_args, data_args, args = parse_arguments(flags(tiny_folder, tmp_path / output, **given))
        torch.manual_seed(3)
        return MusicTrainer(
            model=build_model(model_args, processor, data_args.block_size),
            args=args,
            processing_class=processor,
            data_collator=RecordingCollator(processor),
            train_dataset=blocks["train"],
            eval_dataset=blocks["validation"],
        )

    return make


def weights(trainer):
    return {name: tensor.clone() for name, tensor in trainer.model.state_dict().items()}


def logged(trainer, name):
    return [entry[name] for entry in trainer.state.log_history if name in entry]


def test_gradient_accumulation_changes_nothing(make_trainer):
    settings = {
        "bf16": False,
        "max_steps": 3,
        "dropout": 0,
        "eval_strategy": "no",
        "save_strategy": "no",
        "load_best_model_at_end": False,
    }
    whole = make_trainer("whole", per_device_train_batch_size=4, **settings)
    parts = make_trainer("parts", per_device_train_batch_size=1, gradient_accumulation_steps=4, **settings)
    whole.train()
    parts.train()
    assert logged(parts, "loss") == pytest.approx(logged(whole, "loss"), rel=1e-5)
    assert logged(parts, "nats_per_token") == pytest.approx(logged(whole, "nats_per_token"), rel=1e-5)
    for name, tensor in weights(whole).items():
        torch.testing.assert_close(weights(parts)[name], tensor, atol=1e-5, rtol=1e-4)


def test_the_logged_loss_is_the_sum_of_its_parts(make_trainer):
    trainer = make_trainer(
        max_steps=2, label_smoothing=0, structural_loss_weight=0.5, eval_strategy="no", load_best_model_at_end=False
    )
    trainer.train()
    for loss, nats, structural in zip(
        logged(trainer, "loss"), logged(trainer, "nats_per_token"), logged(trainer, "structural_loss"), strict=True
    ):
        assert loss == pytest.approx(nats + 0.5 * structural, rel=1e-5)
        assert structural > 0


def test_evaluation_is_sums_over_the_split_and_plain_cross_entropy(make_trainer, blocks, processor):
    trainer = make_trainer(per_device_eval_batch_size=5, label_smoothing=0.3)
    assert len(blocks["validation"]) % 5, "the last batch must be a smaller one"
    metrics = trainer.evaluate()
    nats = tokens = notes = bars = 0
    for block in blocks["validation"]:
        ids = torch.tensor([block["input_ids"]])
        targets = ids[:, 1:].masked_fill(ids[:, 1:] == processor.tokenizer.pad_token_id, -100)
        logits = trainer.model(input_ids=ids).logits[:, :-1]
        nats += F.cross_entropy(logits[0], targets[0], reduction="sum").item()
        kept = targets[targets != -100].tolist()
        counts = processor.count_events(kept)
        tokens, notes, bars = tokens + len(kept), notes + counts["notes"], bars + counts["bars"]
    assert metrics["eval_tokens"] == tokens
    assert metrics["eval_loss"] == pytest.approx(nats / tokens, rel=1e-5)
    assert metrics["eval_bits_per_note"] == pytest.approx(nats / math.log(2) / notes, rel=1e-5)
    assert metrics["eval_bits_per_bar"] == pytest.approx(nats / math.log(2) / bars, rel=1e-5)


def test_the_structural_loss_teaches_the_grammar(make_trainer):
    settings = {"max_steps": 25, "eval_steps": 25, "save_steps": 25, "learning_rate": 1e-2, "label_smoothing": 0}
    masses = {}
    for weight in (0.0, 2.0):
        trainer = make_trainer(f"weight-{weight}", structural_loss_weight=weight, **settings)
        trainer.train()
        masses[weight] = math.exp(-logged(trainer, "eval_structural_loss")[-1])
    assert masses[2.0] > masses[0.0]


def test_weight_decay_spares_norms_biases_and_embeddings(make_trainer):
    trainer = make_trainer()
    decayed = trainer.get_decay_parameter_names(trainer.model)
    parameters = dict(trainer.model.named_parameters())
    assert "model.embed_tokens.weight" in parameters
    assert "model.embed_tokens.weight" not in decayed
    assert decayed
    assert all(parameters[name].dim() == 2 for name in decayed if name in parameters)
    assert {name for name in parameters if parameters[name].dim() == 2} - set(decayed) == {"model.embed_tokens.weight"}


def test_muon_trains_the_hidden_matrices_and_nothing_else(make_trainer):
    trainer = make_trainer()
    groups = trainer.create_optimizer().param_groups
    names = {id(parameter): name for name, parameter in trainer.model.named_parameters()}
    by_kind = {True: {}, False: {}}
    for group in groups:
        for parameter in group["params"]:
            by_kind[group["orthogonalise"]][names.pop(id(parameter))] = group
    assert not names, "every parameter is in one group"
    hidden = by_kind[True]
    assert hidden
    assert all(name.endswith("_proj.weight") for name in hidden)
    assert {hidden[name]["splits"] for name in hidden if "qkv_proj" in name} == {3}
    assert {hidden[name]["splits"] for name in hidden if "qkv_proj" not in name} == {1}
    assert not any(name.endswith("_proj.weight") for name in by_kind[False])
    assert {group["weight_decay"] for group in by_kind[False].values()} == {0.0}


def test_without_muon_the_trainer_chooses(make_trainer):
    assert type(make_trainer(muon=False).create_optimizer()) is torch.optim.AdamW


def test_an_untied_head_is_left_to_adamw(make_trainer):
    trainer = make_trainer()
    trainer.model.lm_head.weight = torch.nn.Parameter(trainer.model.lm_head.weight.detach().clone())
    for group in trainer.create_optimizer().param_groups:
        if any(parameter is trainer.model.lm_head.weight for parameter in group["params"]):
            assert not group["orthogonalise"]
            return
    pytest.fail("the head is in no group")


LSTM = {"model_type": "music_lstm", "num_attention_heads": None, "embedding_size": 16}


def test_muon_takes_an_lstms_gates_apart(make_trainer):
    trainer = make_trainer(**LSTM)
    names = {id(parameter): name for name, parameter in trainer.model.named_parameters()}
    groups = {}
    for group in trainer.create_optimizer().param_groups:
        key = (group["orthogonalise"], group.get("splits"), group["weight_decay"] > 0)
        groups[key] = {names[id(parameter)] for parameter in group["params"]}
    assert groups == {
        (True, 1, True): {"head_projection.weight"},
        (True, 4, True): {"model.layers.0.lstm.weight_ih_l0", "model.layers.0.lstm.weight_hh_l0"},
        (False, None, False): {
            "model.embed_tokens.weight",
            "model.layers.0.lstm.bias_ih_l0",
            "model.layers.0.lstm.bias_hh_l0",
        },
    }


@pytest.mark.parametrize("muon", [True, False], ids=["Muon", "AdamW"])
def test_an_lstm_learns(make_trainer, muon):
    trainer = make_trainer(
        max_steps=25, eval_steps=25, save_steps=25, learning_rate=1e-2, muon=muon, structural_loss_weight=0, **LSTM
    )
    before = trainer.evaluate()["eval_loss"]
    trainer.train()
    assert logged(trainer, "eval_loss")[-1] < 0.9 * before


@pytest.mark.parametrize(("killed_at", "resumed_from"), [(3, 2), (7, 6), (5, 4)])
def test_killed_and_resumed_equals_uninterrupted(make_trainer, tmp_path, killed_at, resumed_from):
    # An epoch is 4 steps: resumed in the first, in the second, and at the end of one; dropout is on.
    settings = {"dropout": 0.2, "per_device_train_batch_size": 8}
    whole = make_trainer("whole", **settings)
    whole.train()
    assert whole.state.epoch == 2
    killed = make_trainer("cut", **settings)
    killed.add_callback(KillAt(killed_at))
    with pytest.raises(Killed):
        killed.train()
    resumed = make_trainer("cut", resume=True, **settings)
    checkpoint = checkpoint_to_resume(resumed.args)
    assert checkpoint == str(tmp_path / "cut" / f"checkpoint-{resumed_from}")
    resumed.train(resume_from_checkpoint=checkpoint)
    for name, tensor in weights(whole).items():
        assert torch.equal(weights(resumed)[name], tensor), name
    assert logged(resumed, "eval_loss") == logged(whole, "eval_loss")
    assert resumed.state.num_input_tokens_seen == whole.state.num_input_tokens_seen
    expected = training_batches(whole)
    resumed_batches = training_batches(resumed)
    assert len(expected) == 8
    for batch, other in zip(expected[resumed_from:], resumed_batches[-(8 - resumed_from) :], strict=True):
        assert torch.equal(batch, other)


def training_batches(trainer):
    """The training batches that were collated, told from validation's by the blocks they hold."""
    validation = {tuple(block["input_ids"]) for block in trainer.eval_dataset}
    return [batch for batch in trainer.data_collator.seen if tuple(batch[0].tolist()) not in validation]


def test_an_incomplete_checkpoint_is_not_resumed_from(make_trainer, tmp_path):
    trainer = make_trainer("cut", max_steps=4)
    trainer.train()
    (tmp_path / "cut" / "checkpoint-4" / MARKER).unlink()
    args = make_trainer("cut", resume=True).args
    assert checkpoint_to_resume(args) == str(tmp_path / "cut" / "checkpoint-2")
    with pytest.raises(TrainingError, match="checkpoint-4: not a complete checkpoint"):
        make_trainer("cut").train(resume_from_checkpoint=str(tmp_path / "cut" / "checkpoint-4"))


def test_a_folder_with_a_run_is_not_overwritten_unasked(make_trainer, tmp_path):
    trainer = make_trainer("twice", max_steps=2)
    assert checkpoint_to_resume(trainer.args) is None
    trainer.train()
    with pytest.raises(TrainingError, match="add --resume or choose another --output"):
        checkpoint_to_resume(make_trainer("twice").args)


def test_the_best_and_the_last_checkpoint_are_kept_and_hold_no_pickled_arguments(make_trainer, tmp_path):
    trainer = make_trainer(max_steps=8, learning_rate=1e-4)
    trainer.add_callback(SpoilAt(step=3))
    trainer.train()
    evaluations = [entry for entry in trainer.state.log_history if "eval_loss" in entry]
    best = min(evaluations, key=lambda entry: entry["eval_loss"])
    assert best["step"] == 2
    assert {path.name for path in (tmp_path / "run").glob("checkpoint-*")} == {"checkpoint-2", "checkpoint-8"}
    assert trainer.evaluate()["eval_loss"] == pytest.approx(best["eval_loss"])
    assert not list((tmp_path / "run").rglob("training_args.bin"))


def test_the_time_budget_stops_with_a_validation_and_a_rate_near_zero(make_trainer, monkeypatch):
    trainer = make_trainer(max_steps=1000, eval_steps=500, save_steps=500, max_minutes=1)
    time = iter(range(100_000))
    trainer.budget.clock = lambda: next(time)
    trainer.add_callback(TimeBudgetCallback(trainer.budget))
    trainer.train()
    assert 5 < trainer.state.global_step < 60, "a step reads the clock three times, so 60 ticks are about 20 steps"
    assert logged(trainer, "eval_loss")
    rates = logged(trainer, "learning_rate")
    assert max(rates) > 9e-4
    assert rates[-1] < 0.05 * max(rates)


def test_a_plot_is_drawn(make_trainer, tmp_path):
    trainer = make_trainer(max_steps=4)
    trainer.add_callback(LossPlotCallback())
    trainer.train()
    assert (tmp_path / "run" / "loss.png").read_bytes().startswith(b"\x89PNG")


def test_an_empty_choice_of_split_is_said(tiny_folder):
    splits = load_splits(str(tiny_folder / "dataset"))
    with pytest.raises(TrainingError, match="no split 'dev'; it has test, train, validation"):
        choose_split(splits, "dev", "name")
    with pytest.raises(TrainingError, match="split 'train' holds no pieces"):
        choose_split(splits, "train", "name", max_pieces=0)
    with pytest.raises(TrainingError, match="has no column 'midi'"):
        choose_split(splits.remove_columns("midi"), "train", "name")


def test_some_pieces_are_evenly_spaced():
    split = Dataset.from_dict({"midi": [bytes([number]) for number in range(10)]})
    splits = DatasetDict(train=split)
    assert [midi[0] for midi in choose_split(splits, "train", "name", 4)["midi"]] == [0, 2, 5, 7]
    assert len(choose_split(splits, "train", "name", 99)) == 10
