"""`MusicTrainer`: transformers' Trainer with the composite loss, music's units and checkpoints that can be trusted.

Knows blocks of ids with their grammar states, the loss and the tables that count notes and bars per id; knows nothing
of files, Scores or what an id means.
"""

import math
import shutil
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
from huggingface_hub import CommitInfo
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import DataLoader, IterableDataset
from transformers import PreTrainedModel, Trainer
from transformers.trainer import SCHEDULER_NAME, TRAINING_ARGS_NAME
from transformers.trainer_utils import EvalLoopOutput, HubStrategy, SchedulerType, rotate_checkpoints
from transformers.utils.hub import PushInProgress

from symbolic_music.hub.cards.runs.run import RunFacts, run_card
from symbolic_music.hub.contents import CARD_FILE, read_metadata
from symbolic_music.hub.upload import hub_errors
from symbolic_music.models.hub_code import saving_code
from symbolic_music.tokenization.processing_music import MusicProcessor
from symbolic_music.training.arguments import MusicTrainingArguments, TrainingError
from symbolic_music.training.checkpoints import mark_complete, read_marker, unmark
from symbolic_music.training.hub_push import check_push, push_files, push_in_background, pushed_files
from symbolic_music.training.optimization.losses import (
    IGNORED_LABEL,
    AllowedTokens,
    LossParts,
    composite_loss,
    repeated_rest_loss,
)
from symbolic_music.training.optimization.muon import MuonAdamW, decayed_parameters, muon_groups
from symbolic_music.training.optimization.schedule import TimeBudget, cosine_factor, stable_decay_factor
from symbolic_music.training.parallel.ending import end_processes
from symbolic_music.training.parallel.shards import check_saved_whole, load_optimizer, load_weights, written_in_shards


class MusicTrainer(Trainer):
    """Trains a causal model on blocks that carry the grammar's states.

    Batches hold `input_ids` (B, T), `labels` (B, T) and `grammar_states` (B, T, A): the states *before* each token, so
    that `grammar_states[:, t]` says what may stand at t, which the logits at t - 1 predict.

    Logged besides the Trainer's `loss` (what is minimised): `nats_per_token` (plain cross-entropy) and
    `structural_loss`, each a mean over all tokens since the last log and over all processes. Evaluation logs
    `eval_loss` (plain cross-entropy in nats per token), `eval_structural_loss`, `eval_bits_per_note` and
    `eval_bits_per_bar`, from sums over the whole split and all processes.

    Args:
        model: a causal model that takes `input_ids` and returns `.logits`.
        args: see `MusicTrainingArguments`.
        processing_class: the processor whose grammar the blocks' states belong to; saved with each checkpoint.
        kwargs: as for `transformers.Trainer`.
    """

    args: MusicTrainingArguments  # type: ignore[assignment]
    model: PreTrainedModel  # type: ignore[assignment]

    # compute_loss divides by the number of items of the whole accumulated batch.
    loss_is_scaled_for_ga = True

    def __init__(
        self,
        model: PreTrainedModel,
        args: MusicTrainingArguments,
        processing_class: MusicProcessor,
        **kwargs: Any,
    ):
        check_push(args, model)
        if isinstance(kwargs.get("train_dataset"), IterableDataset):
            # Each process reads the stream and takes its part: the states, of 16 bits, cannot be sent from one to all.
            args.accelerator_config.dispatch_batches = False  # type: ignore[union-attr]
        try:
            super().__init__(model=model, args=args, processing_class=processing_class, **kwargs)
        except (ValueError, ImportError) as error:  # arguments that contradict each other, trackers that are not there
            raise TrainingError(" ".join(str(error).split())) from error
        check_saved_whole(self.accelerator)
        # The batch's number of predicted tokens is always wanted, whatever the model's forward accepts, and position 0
        # of a block is never predicted.
        self.model_accepts_loss_kwargs = True
        self._loss_shifts_labels = True
        grammar = processing_class.grammar()
        self.allowed_tokens = AllowedTokens(grammar.allowed_rows, args.device, grammar.kinds)
        self.notes_per_token = torch.from_numpy(grammar.notes_per_token).to(args.device)
        self.bars_per_token = torch.from_numpy(grammar.bars_per_token).to(args.device)
        self.is_rest = torch.from_numpy(grammar.count_per_token("Rest") > 0).to(args.device)
        if args.rest_loss_weight and not bool(self.is_rest.any()):
            codec = processing_class.codec.codec_type
            raise TrainingError(
                f"--rest_loss_weight is {args.rest_loss_weight}, but {codec} has no rests: leave it out"
            )
        self.budget = TimeBudget(args.max_minutes * 60) if args.max_minutes is not None else None
        # Sums since the last log: nats, structural loss, tokens. On the device, so that no step waits for them.
        self._sums_to_log = torch.zeros(3, dtype=torch.float64, device=args.device)

    # ---- loss -------------------------------------------------------------------------------------------------------

    def loss_parts(self, logits: Tensor, inputs: dict[str, Tensor], num_items: Tensor | int) -> LossParts:
        """The composite loss of a batch.

        Args:
            logits: (B, T, V).
            inputs: the batch.
            num_items: see `composite_loss`.
        """
        labels = inputs["labels"][:, 1:]
        parts = composite_loss(
            logits[:, :-1],
            labels,
            self.allowed_tokens(inputs["grammar_states"][:, 1:]),
            self.args.label_smoothing,
            self.args.structural_loss_weight,
            num_items,
        )
        if not self.args.rest_loss_weight:
            return parts
        rests = repeated_rest_loss(logits[:, :-1], inputs["input_ids"][:, :-1], labels, self.is_rest)
        return parts._replace(total=parts.total + self.args.rest_loss_weight * rests / num_items)

    def compute_loss(  # type: ignore[override]
        self,
        model: nn.Module,
        inputs: dict[str, Tensor],
        return_outputs: bool = False,
        num_items_in_batch: Tensor | int | None = None,
    ) -> Tensor | tuple[Tensor, Any]:
        """The composite loss over the items of the whole accumulated batch of all processes (see the base class)."""
        outputs = model(input_ids=inputs["input_ids"], use_cache=False)
        if num_items_in_batch is None:
            num_items_in_batch = (inputs["labels"][:, 1:] != IGNORED_LABEL).sum()
        parts = self.loss_parts(outputs.logits, inputs, num_items_in_batch)
        if self.model.training:
            count = torch.tensor(float(len(parts.nats)), device=parts.nats.device)
            self._sums_to_log += torch.stack([parts.nats.sum(), parts.structural.sum(), count]).double()
        # Data parallelism averages the gradients of the processes; each has its share of a sum over all of them.
        loss = parts.total * self.accelerator.num_processes
        return (loss, outputs) if return_outputs else loss

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Add the plain loss and its structural part to each log of the training loss."""
        if "loss" in logs:
            self._add_parts(logs)
        super().log(logs, start_time)

    def _add_parts(self, logs: dict[str, float]) -> None:
        """The means over the tokens since the last log."""
        nats, structural, tokens = self.accelerator.reduce(self._sums_to_log, reduction="sum").tolist()
        self._sums_to_log = torch.zeros_like(self._sums_to_log)
        if tokens:
            logs["nats_per_token"] = nats / tokens
            logs["structural_loss"] = structural / tokens

    # ---- evaluation -------------------------------------------------------------------------------------------------

    def evaluation_loop(
        self,
        dataloader: DataLoader,
        description: str,
        prediction_loss_only: bool | None = None,
        ignore_keys: list[str] | None = None,
        metric_key_prefix: str = "eval",
    ) -> EvalLoopOutput:
        """Sums over the whole split, gathered block by block, so that no mean of batch means enters.

        Every block's tokens are scored given that block only: figures for choosing between models during training.
        `training.evaluation.evaluate_split` scores whole pieces.
        """
        model: nn.Module = self.model
        if not self.accelerator._models:
            model = self.accelerator.prepare_model(model, evaluation_mode=True)
        model.eval()
        self.callback_handler.eval_dataloader = dataloader
        sums = np.zeros(5)
        num_blocks = 0
        for inputs in dataloader:
            inputs = self._prepare_inputs(inputs)
            with torch.no_grad():
                rows = self._block_sums(model, inputs)
            # Blocks that a process got a second time to fill up its last batch are dropped here.
            rows = self.accelerator.gather_for_metrics(rows)
            sums += rows.double().sum(dim=0).cpu().numpy()
            num_blocks += len(rows)
            self.control = self.callback_handler.on_prediction_step(self.args, self.state, self.control)
        if not sums[2]:
            raise TrainingError("nothing to evaluate: the validation split gives no block with a token to predict")
        metrics = {f"{metric_key_prefix}_{name}": value for name, value in _metrics_of_sums(*sums).items()}
        return EvalLoopOutput(predictions=None, label_ids=None, metrics=metrics, num_samples=num_blocks)  # type: ignore[arg-type]

    def _block_sums(self, model: nn.Module, inputs: dict[str, Tensor]) -> Tensor:
        """(B, 5) float64: nats, structural loss, tokens, notes and bars of each block's predicted tokens."""
        targets = inputs["labels"][:, 1:]
        kept = targets != IGNORED_LABEL
        parts = self.loss_parts(model(input_ids=inputs["input_ids"], use_cache=False).logits, inputs, 1)
        ids = targets.masked_fill(~kept, 0)
        columns = torch.zeros(*targets.shape, 5, dtype=torch.float64, device=targets.device)
        columns[..., 0][kept] = parts.nats.double()
        columns[..., 1][kept] = parts.structural.double()
        columns[..., 2] = kept.double()
        columns[..., 3] = (self.notes_per_token[ids] * kept).double()
        columns[..., 4] = (self.bars_per_token[ids] * kept).double()
        return columns.sum(dim=1)

    # ---- optimisation -----------------------------------------------------------------------------------------------

    def get_decay_parameter_names(self, model: nn.Module) -> list[str]:
        """Weights of linear layers: not norms, biases or embeddings (a tied head is an embedding)."""
        return decayed_parameters(model)

    def create_optimizer(self, model: nn.Module | None = None) -> torch.optim.Optimizer:
        """Muon for the hidden matrices and AdamW for the rest, or, with `muon` off, the Trainer's own choice."""
        if not self.args.muon or self.optimizer is not None:
            return super().create_optimizer(model)
        if self.is_deepspeed_enabled or (self.is_fsdp_enabled and not self.accelerator.is_fsdp2):
            raise TrainingError("Muon can gather matrices of FSDP2 alone, not of FSDP1 or DeepSpeed: add --muon false")
        groups = muon_groups(self.model, model or self.model, self.args.weight_decay)
        betas = (self.args.adam_beta1, self.args.adam_beta2)
        self.optimizer = MuonAdamW(
            groups, lr=self.args.learning_rate, betas=betas, eps=self.args.adam_epsilon, in_bf16=bool(self.args.bf16)
        )
        return self.optimizer

    def create_scheduler(self, num_training_steps: int, optimizer: torch.optim.Optimizer | None = None):
        """The Trainer's schedule, or, with a time budget or a stable rate that decays, our own over what is spent."""
        is_stable = self.args.lr_scheduler_type == SchedulerType.WARMUP_STABLE_DECAY
        if self.budget is None and not is_stable:
            return super().create_scheduler(num_training_steps, optimizer)
        budget, warmup_steps = self.budget, self.args.warmup_steps
        shape = stable_decay_factor if is_stable else cosine_factor

        def factor(step: int) -> float:
            spent = 0.0 if budget is None else budget.progress()
            return shape(step, max(step / num_training_steps, spent), warmup_steps)

        if self.lr_scheduler is None:
            self.lr_scheduler = LambdaLR(optimizer or self.optimizer, factor)  # type: ignore[arg-type]
            self._created_lr_scheduler = True
        return self.lr_scheduler

    # ---- checkpoints ------------------------------------------------------------------------------------------------

    def _save_checkpoint(self, model: nn.Module, trial: Any) -> None:
        """Save, then mark as complete, and only then delete older checkpoints: there is always a complete one."""
        run_dir = self._get_output_dir(trial)
        checkpoint = Path(run_dir) / f"checkpoint-{self.state.global_step}"
        if self.args.should_save:
            unmark(checkpoint)
        limit, self.args.save_total_limit = self.args.save_total_limit, None
        try:
            super()._save_checkpoint(model, trial)
        finally:
            self.args.save_total_limit = limit
        self.accelerator.wait_for_everyone()  # every process writes its own random state
        if self.args.should_save:
            mark_complete(checkpoint, elapsed_seconds=self.budget.elapsed() if self.budget else None)
            rotate_checkpoints(
                output_dir=run_dir,
                save_total_limit=limit,
                best_model_checkpoint=self.state.best_model_checkpoint,
                use_mtime=True,
            )

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: nn.Module | None = None) -> None:
        """Load a checkpoint that is complete; go on with the seconds its run had spent."""
        marker = read_marker(Path(resume_from_checkpoint))
        if marker is None:
            raise TrainingError(f"{resume_from_checkpoint}: not a complete checkpoint")
        if self.budget is not None:
            self.budget.start(marker["elapsed_seconds"] or 0.0)
        if self.is_fsdp_enabled or written_in_shards(Path(resume_from_checkpoint)):
            self._issue_warnings_after_load(load_weights(model or self.model, Path(resume_from_checkpoint)))
        else:
            super()._load_from_checkpoint(resume_from_checkpoint, model)

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        """As the base class, which reads no checkpoint in shards into a run without them, nor the other way round."""
        if checkpoint is None or written_in_shards(Path(checkpoint)) == self.is_fsdp_enabled:
            return super()._load_optimizer_and_scheduler(checkpoint)
        load_optimizer(self.model, self.optimizer, Path(checkpoint))  # type: ignore[arg-type]
        schedule = torch.load(Path(checkpoint, SCHEDULER_NAME), weights_only=True)
        self.lr_scheduler.load_state_dict(schedule)  # type: ignore[union-attr]

    def _load_best_model(self) -> None:
        """The best model, which a run without shards may have written before this one with shards went on."""
        if self.is_fsdp_enabled:
            self._issue_warnings_after_load(load_weights(self.model, Path(str(self.state.best_model_checkpoint))))
        else:
            super()._load_best_model()

    def _issue_warnings_after_load(self, load_result: Any) -> None:
        """Warn of missing weights, but not of those that are tied to weights that are there."""
        tied = self.model.all_tied_weights_keys
        load_result.missing_keys[:] = [name for name in load_result.missing_keys if name not in tied]
        super()._issue_warnings_after_load(load_result)

    def _save(self, output_dir: str | None = None, state_dict: dict | None = None) -> None:
        """Save model and processor, without the pickled arguments: a published folder should hold no pickle."""
        if state_dict is not None:  # put together from shards, where tied weights are no longer one tensor
            tied = self.model.all_tied_weights_keys
            state_dict = {name: weights for name, weights in state_dict.items() if name not in tied}
        # What is pushed must load where the package is not installed.
        with saving_code(self.model) if self.hub_model_id is not None else nullcontext():
            super()._save(output_dir, state_dict)
        if self.args.should_save:
            (Path(output_dir or str(self.args.output_dir)) / TRAINING_ARGS_NAME).unlink(missing_ok=True)

    def end(self) -> None:
        """Leave the other processes, for good: as the base class, once nothing holds on to what wrapped the model."""
        self.accelerator.free_memory()
        self.model_wrapped = self.callback_handler.model = self.model
        end_processes()

    # ---- the Hub ----------------------------------------------------------------------------------------------------

    def init_hf_repo(self, token: str | None = None, private: bool | None = None) -> None:
        """Find or make the repository; what the Hub refuses is one line."""
        with hub_errors(self.args.hub_model_id or Path(str(self.args.output_dir)).name, TrainingError):
            super().init_hf_repo(token, private)

    def create_model_card(self, model_name: str | None = None) -> None:  # type: ignore[override]
        """A card that says what validation said, and that nothing was tested; not where an evaluated model's lies."""
        card = Path(str(self.args.output_dir)) / CARD_FILE
        if not self.is_world_process_zero() or "model-index" in (read_metadata(card) or {}):
            return
        facts = RunFacts(
            title=model_name or str(self.hub_model_id).rpartition("/")[2],
            parameters=sum(parameter.numel() for parameter in self.model.parameters()),
            step=self.state.global_step,
            max_steps=self.state.max_steps,
            finished=not self.is_in_train,
            log_history=self.state.log_history,
            seed=self.args.seed,
        )
        card.write_text(run_card(facts), encoding="utf-8")

    def push_to_hub(  # type: ignore[override]
        self, commit_message: str = "End of training", model_name: str | None = None, revision: str | None = None
    ) -> CommitInfo | None:
        """Save, write the card, and commit the model's files; see `training.hub_push`.

        Args:
            commit_message: of the one commit.
            model_name: the card's heading; the repository's name when left out.
            revision: a branch; that of the training arguments when left out.

        Raises:
            TrainingError: what the Hub refused.
        """
        if self.hub_model_id is None:
            self.init_hf_repo()
        self.save_model(_internal_call=True)
        if not self.is_world_process_zero():
            return None
        self.create_model_card(model_name)
        self._finish_current_push()
        folder, token = Path(str(self.args.output_dir)), self.args.hub_token
        return push_files(folder, str(self.hub_model_id), token, commit_message, revision or self.args.hub_revision)

    def _push_from_checkpoint(self, checkpoint_folder: str) -> None:
        """Commit a checkpoint's model in the background, unless the one before it is still on its way."""
        if not self.is_world_process_zero() or self.args.hub_strategy == HubStrategy.END:
            return
        if self.push_in_progress is not None and not self.push_in_progress.is_done() and not self.args.hub_always_push:
            return
        self._finish_current_push()
        # A checkpoint may be deleted before its files have left.
        folder, token = Path(str(self.args.output_dir)), self.args.hub_token
        for path in pushed_files(Path(checkpoint_folder)):
            shutil.copy(path, folder)
        self.create_model_card()
        message = f"Training in progress, step {self.state.global_step}"
        job = push_in_background(folder, str(self.hub_model_id), token, message, self.args.hub_revision)
        self.push_in_progress = PushInProgress([job])  # type: ignore[arg-type, assignment]


def _metrics_of_sums(nats: float, structural: float, tokens: float, notes: float, bars: float) -> dict[str, float]:
    """Means from sums; a split without notes or bars has no figure per note or bar."""
    metrics = {"loss": nats / tokens, "structural_loss": structural / tokens, "tokens": tokens}
    if notes:
        metrics["bits_per_note"] = nats / math.log(2) / notes
    if bars:
        metrics["bits_per_bar"] = nats / math.log(2) / bars
    return metrics
