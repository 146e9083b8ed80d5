"""`InfillTrainer`: `MusicTrainer` for examples that fill masked bars, and what a trained model pays for them."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from datasets import Dataset
from torch import Tensor, nn
from torch.utils.data import DataLoader, Sampler
from transformers import PreTrainedModel
from transformers.trainer_utils import EvalLoopOutput

from symbolic_music.training.evaluation.bits_per_note import PieceScores, summarise_scores
from symbolic_music.training.infilling.examples import InfillCollator
from symbolic_music.training.infilling.length_batches import LengthBatchSampler
from symbolic_music.training.optimization.losses import IGNORED_LABEL
from symbolic_music.training.trainer import MusicTrainer


def example_logits(model: nn.Module, inputs: dict[str, Tensor]) -> Tensor:
    """Logits (B, T - 1, V) of what follows each of the `input_ids` of a batch of `InfillCollator`."""
    read = inputs["input_ids"][:, :-1]
    if "source_ids" not in inputs:
        return model(input_ids=read, use_cache=False).logits
    return model(
        input_ids=inputs["source_ids"],
        attention_mask=inputs["source_mask"],
        decoder_input_ids=read,
        use_cache=False,
    ).logits


class InfillTrainer(MusicTrainer):
    """Trains by plain cross-entropy on all that is predicted, and validates on those that are scored.

    Its `eval_loss` and `eval_bits_per_note` are of the masked bars alone.
    """

    def _get_train_sampler(self, train_dataset: Dataset | None = None) -> Sampler | None:
        """By length, ours, whose batches follow at random."""
        dataset = self.train_dataset if train_dataset is None else train_dataset
        if dataset is None or self.args.train_sampling_strategy != "group_by_length":
            return super()._get_train_sampler(dataset)
        size = self.args.train_batch_size * self.args.gradient_accumulation_steps * self.args.world_size
        return LengthBatchSampler(dataset["length"], size, seed=self.args.data_seed or self.args.seed)

    def compute_loss(  # type: ignore[override]
        self,
        model: nn.Module,
        inputs: dict[str, Tensor],
        return_outputs: bool = False,
        num_items_in_batch: Tensor | int | None = None,
    ) -> Tensor:
        """Cross-entropy over the items of the whole accumulated batch of all processes."""
        labels = inputs["labels"][:, 1:]
        nats = F.cross_entropy(
            example_logits(model, inputs).flatten(0, 1).float(),
            labels.flatten(),
            ignore_index=IGNORED_LABEL,
            reduction="sum",
        )
        count = (labels != IGNORED_LABEL).sum()
        if self.model.training:
            self._sums_to_log += torch.stack([nats.detach(), torch.zeros_like(nats), count]).double()
        items = count if num_items_in_batch is None else num_items_in_batch
        return nats / items * self.accelerator.num_processes

    def _add_parts(self, logs: dict[str, float]) -> None:
        """The structural loss, which is not measured here, is left out."""
        super()._add_parts(logs)
        logs.pop("structural_loss", None)

    def evaluation_loop(self, dataloader: DataLoader, *args: Any, **kwargs: Any) -> EvalLoopOutput:
        """As in the base class, without the structural loss."""
        output = super().evaluation_loop(dataloader, *args, **kwargs)
        metrics = {name: value for name, value in (output.metrics or {}).items() if "structural" not in name}
        return output._replace(metrics=metrics)

    def _block_sums(self, model: nn.Module, inputs: dict[str, Tensor]) -> Tensor:
        """(B, 5) float64: nats, nothing, tokens, notes and no bars of each example's scored tokens."""
        scored = inputs["scored"][:, 1:]
        nats = token_nats(model, inputs)
        columns = torch.zeros(len(nats), 5, dtype=torch.float64, device=nats.device)
        columns[:, 0] = (nats * scored).double().sum(dim=1)
        columns[:, 2] = scored.sum(dim=1)
        columns[:, 3] = inputs["notes"]
        return columns


def token_nats(model: nn.Module, inputs: dict[str, Tensor]) -> Tensor:
    """-log probability (B, T - 1) of each of the `input_ids` but the first."""
    logits = example_logits(model, inputs)
    nats = F.cross_entropy(logits.flatten(0, 1).float(), inputs["input_ids"][:, 1:].flatten(), reduction="none")
    return nats.view(logits.shape[:2])


def summarise_examples(scores: Sequence[PieceScores], seed: int = 0) -> dict[str, Any]:
    """What a model pays for the masked bars of a split.

    Args:
        scores: of its examples, by `score_examples`.
        seed: of the bootstrap.

    Returns:
        "examples", "notes", "nats", "bits_per_note", and "bits_per_note_interval": 95%, bootstrap over near-duplicate
        groups.
    """
    summary = summarise_scores(scores, seed)
    kept = ("notes", "nats", "bits_per_note", "bits_per_note_interval", "groups")
    return {"examples": len(scores), **{name: summary[name] for name in kept}}


@torch.inference_mode()
def score_examples(
    model: PreTrainedModel, examples: Dataset, collator: InfillCollator, batch_size: int = 16
) -> list[PieceScores]:
    """What a model pays for the masked bars of each example, in the order of the examples."""
    model.eval()
    scores: dict[int, PieceScores] = {}
    order = sorted(range(len(examples)), key=lambda number: len(examples[number]["input_ids"]))
    for at in range(0, len(order), batch_size):
        numbers = order[at : at + batch_size]
        rows = [examples[number] for number in numbers]
        batch = {name: values.to(model.device) for name, values in collator(rows).items()}
        nats, scored = token_nats(model, batch), batch["scored"][:, 1:]
        for number, row, paid, kept in zip(numbers, rows, nats.double().cpu(), scored.cpu(), strict=True):
            scores[number] = _score(row, paid[kept])
    return [scores[number] for number in range(len(examples))]


def _score(row: dict[str, Any], nats: Tensor) -> PieceScores:
    notes = torch.zeros(len(nats), dtype=torch.long)
    notes[0] = row["notes"]
    ones = torch.ones(len(nats), dtype=torch.double).numpy()
    zeros = torch.zeros(len(nats), dtype=torch.long).numpy()
    return PieceScores(row["name"], row["group"], nats.numpy(), ones, notes.numpy(), zeros)
