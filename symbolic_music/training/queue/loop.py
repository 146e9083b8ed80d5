"""Trains one job for so many seconds: a loop in which nothing waits for a CPU, and which ends in time.

Plain cross-entropy: the structural loss needs the grammar, hence the libraries that read music, and (V,) masks for
every token; what is sampled is masked by the grammar anyway. Precision is bf16 where the device is fast at it, the
weights staying float32.

Knows jobs, packed data and devices, nothing of other jobs.
"""

import math
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import set_seed

from symbolic_music.models.device_precision import fast_bf16_available
from symbolic_music.training.optimization.losses import IGNORED_LABEL
from symbolic_music.training.optimization.schedule import cosine_factor
from symbolic_music.training.queue.data.batches import Batch, BatchSettings
from symbolic_music.training.queue.data.epochs import EpochMaker, EventTokenizer
from symbolic_music.training.queue.data.feed import Feed
from symbolic_music.training.queue.data.packed import PackedData, QueueError
from symbolic_music.training.queue.data.validation import validation_batches
from symbolic_music.training.queue.jobs import Job
from symbolic_music.training.queue.models import (
    blocks_of_model,
    build_model,
    build_optimizer,
    compile_blocks,
    logits_of,
    short_line,
    total_nats,
)
from symbolic_music.training.queue.planner import Deal
from symbolic_music.training.queue.progress import Progress
from symbolic_music.training.queue.shards import (
    MODEL_FOLDER,
    check_shards,
    checkpoint_facts,
    delete_checkpoints,
    load_weights,
    read_checkpoint,
    write_checkpoint,
    write_model,
)
from symbolic_music.training.queue.utilisation import TrainingFlops, peak_flops, utilisation

_LOG_SECONDS = 10.0
# Before they have been timed: seconds to validate, and to write weights and a checkpoint, which take 14 bytes a
# parameter with AdamW, to a slow disk.
_FIRST_RESERVE_SECONDS = 3.0
_SECONDS_PER_PARAMETER = 14 / 200e6
# Steps that the CPU may be ahead of the GPU.
_STEPS_AHEAD = 2
Report = Callable[[str], None]


class JobTraining:
    """A job in one session.

    Args:
        job: what is trained.
        data: its packed data.
        folder: the job's; checkpoints and the model go there.
        device: to train on.
        start: a folder of a model to start from where there is no checkpoint.
        begun: how far that model had come.
        report: is given a line now and then.
        clock: seconds that only grow.

    Raises:
        QueueError: when model and data do not fit each other.
    """

    def __init__(
        self,
        job: Job,
        data: PackedData,
        folder: Path,
        device: torch.device,
        start: Path | None = None,
        begun: Progress | None = None,
        report: Report = print,
        clock: Callable[[], float] = time.monotonic,
    ):
        self.job, self.data, self.folder, self.device = job, data, folder, device
        self.report, self.clock = report, clock
        self.started = clock()
        self.tokenizer = EventTokenizer(data)
        tables = data.tables if job.transposed else data.tables[:1]
        self.epochs = EpochMaker(data.splits["train"], tables, self.tokenizer, job.seed)
        first = (checkpoint_facts(folder) or {}).get("epoch", begun.epoch if begun else 0)
        self.feed = Feed(job, self.epochs, first, device)  # makes an epoch while the model is built and compiled
        set_seed(job.seed)
        self.model = build_model(job, self.tokenizer, bool(data.description["infill"]))
        check_shards(self.model, job.precision, job.name)
        if start is not None:
            load_weights(self.model, start, job.name)
        self.model.to(device)  # type: ignore[arg-type]
        self.optimizer = build_optimizer(self.model, job)
        self.flops = TrainingFlops(self.model)
        self.autocast = torch.autocast(device.type, torch.bfloat16, enabled=fast_bf16_available(device))
        self.nats: Callable[[Tensor, Tensor], Tensor] = total_nats
        self.progress = begun or Progress()
        self.progress.micro_tokens = min(job.micro_tokens or job.batch_tokens, job.batch_tokens)
        self.compiled = False
        if device.type == "cuda":
            torch.backends.cuda.matmul.allow_tf32 = True
            torch.cuda.reset_peak_memory_stats(device)
        self._validation: list[Batch] | None = None
        self._sums = torch.zeros(2, dtype=torch.float64, device=device)
        self.num_parameters = sum(parameter.numel() for parameter in self.model.parameters())
        writing = _FIRST_RESERVE_SECONDS + self.num_parameters * _SECONDS_PER_PARAMETER
        self._reserve = {"validate": _FIRST_RESERVE_SECONDS, "save": writing}
        self._trained_flops = self._trained_seconds = 0.0
        self._trained_tokens = 0
        self._pending: deque[torch.cuda.Event] = deque()

    # ---- the session ------------------------------------------------------------------------------------------------

    def run(self, deal: Deal, max_steps: int | None = None) -> dict[str, Any]:
        """Train until the job is complete or the seconds of the deal are up, then write the weights.

        Args:
            deal: how long; counted from when this object was made.
            max_steps: end after so many steps of this session at the latest, as if the time were up.

        Returns:
            What the log says of the session; "status" is "complete", "paused" or "failed".
        """
        try:
            return self._run(deal, max_steps)
        finally:
            self.feed.close()

    def _run(self, deal: Deal, max_steps: int | None) -> dict[str, Any]:
        self._warm_up()
        facts = read_checkpoint(self.folder, self.model, self.optimizer)
        if facts is not None:
            self.progress = Progress(**facts)
        self.had = self.progress.seconds
        first_step, first_tokens, began = self.progress.step, self.progress.tokens, self.clock()
        status = self._train(deal, max_steps)
        waits = self.clock()
        self._wait(0)
        self._trained_seconds += self.clock() - waits
        if status != "failed" and self._sums[1] and not self._log(1.0):
            status = "failed"
        if status != "failed":
            self.validate()
            self._save(last=status == "complete")
        seconds, peak = self._trained_seconds, self._peak()
        return {
            "status": status,
            "seconds": self.clock() - self.started,
            "start_seconds": began - self.started,
            "total_seconds": self.progress.seconds,
            "steps": self.progress.step - first_step,
            "total_steps": self.progress.step,
            "tokens": self.progress.tokens - first_tokens,
            "total_tokens": self.progress.tokens,
            "epochs": self.progress.epoch,
            "tokens_per_second": self._trained_tokens / seconds if seconds else None,
            "flops_per_second": self._trained_flops / seconds if seconds else None,
            "utilisation": utilisation(self._trained_flops, seconds, peak),
            "peak_memory_bytes": torch.cuda.max_memory_allocated(self.device) if self.device.type == "cuda" else None,
            "parameters": self.num_parameters,
            "validations": self.progress.validations,
            "curve": self.progress.curve,
            "train_seconds": seconds,
            "compiled": self.compiled,
            "bf16": fast_bf16_available(self.device),
            "micro_tokens": self.progress.micro_tokens,
        }

    def _peak(self) -> float | None:
        return peak_flops(torch.cuda.get_device_name(self.device)) if self.device.type == "cuda" else None

    def _elapsed(self) -> float:
        return self.clock() - self.started

    def _train(self, deal: Deal, max_steps: int | None) -> str:
        """Steps until something ends them; the status."""
        job, progress = self.job, self.progress
        last_log = last_save = last_validation = step_began = self.clock()
        step_seconds, first_step = 0.0, progress.step
        self.model.train()
        for batches in self._steps():
            share, taken = self._share(deal), progress.step - first_step
            # The last step's rate is small, but not nothing.
            if share >= 1.0:
                return "complete" if progress.step else "paused"
            if self._elapsed() + 2 * step_seconds + sum(self._reserve.values()) >= deal.seconds or taken == max_steps:
                return "complete" if self._ends(deal) and progress.step else "paused"
            self._step(batches, cosine_factor(progress.step, share, job.warmup))
            self._wait(_STEPS_AHEAD)
            now = self.clock()
            validates = now - last_validation >= 60 * job.validate_minutes
            saves = now - last_save >= 60 * job.save_minutes
            if validates or saves:
                self._wait(0)  # so that their time is not the steps', nor the other way round
                now = self.clock()
            step_seconds, step_began = now - step_began, now
            if taken:  # the first holds what was not warmed up
                self._trained_seconds += step_seconds
                self._trained_tokens += sum(batch.targets + batch.sources for batch in batches)
                self._trained_flops += sum(self._flops(batch) for batch in batches)
            if saves or now - last_log >= _LOG_SECONDS:
                last_log = now
                if not self._log(share):
                    return "failed"
            if validates:
                self.validate()
                last_validation = step_began = self.clock()
            if saves:
                self._save(last=False)
                last_save = step_began = self.clock()
        return "complete"

    def _share(self, deal: Deal) -> float:
        """Share of the whole training that is over: of its epochs or tokens where these end it, else of its time."""
        job, progress = self.job, self.progress
        if job.epochs is not None:
            return (progress.epoch + progress.position / self.feed.steps_of_epoch) / job.epochs
        if job.tokens is not None:
            return progress.tokens / job.tokens
        total = deal.total_seconds - sum(self._reserve.values())
        return (self.had + self._elapsed()) / total if total > 0 else 1.0

    def _ends(self, deal: Deal) -> bool:
        """Whether the learning rate has reached zero with the seconds of the deal."""
        by_time = self.job.epochs is None and self.job.tokens is None
        return by_time and self.had + deal.seconds >= deal.total_seconds - 1e-3

    # ---- steps ------------------------------------------------------------------------------------------------------

    def _batch_settings(self) -> BatchSettings:
        return BatchSettings(
            self.job.context, self.progress.micro_tokens, self.tokenizer.pad, self.job.seed, self.job.fraction
        )

    @property
    def _accumulated(self) -> int:
        """Forward passes a step."""
        return max(1, round(self.job.batch_tokens / self.progress.micro_tokens))

    def _steps(self) -> Iterator[list[Batch]]:
        return self.feed.steps(self.progress, self._accumulated, self._batch_settings())

    def _step(self, batches: list[Batch], factor: float) -> None:
        """One step of the optimizer at a share of the learning rate."""
        count = torch.stack([(batch.labels != IGNORED_LABEL).sum() for batch in batches]).sum()
        nats = torch.zeros((), device=self.device)
        for batch in batches:
            with self.autocast:
                loss = self.nats(logits_of(self.model, batch.inputs), batch.labels)
            (loss / count).backward()
            nats += loss.detach()
        nn.utils.clip_grad_norm_(self.model.parameters(), self.job.max_grad_norm)
        for group in self.optimizer.param_groups:
            group["lr"] = self.job.learning_rate * factor
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self._sums += torch.stack([nats.double(), count.double()])
        self.progress.step += 1
        self.progress.position += 1
        self.progress.tokens += sum(batch.targets + batch.sources for batch in batches)

    def _wait(self, ahead: int) -> None:
        """Let the CPU be so many steps ahead of the GPU, not more, or its clock would tell nothing."""
        if self.device.type != "cuda":
            return
        event = torch.cuda.Event()
        event.record()
        self._pending.append(event)
        while len(self._pending) > ahead:
            self._pending.popleft().synchronize()

    def _flops(self, batch: Batch) -> float:
        return self.flops.of(batch.targets, batch.sources, batch.labels.shape[1])

    def _warm_up(self) -> None:
        """Run a batch forward and backward: compiles, and halves the batch until it fits the memory."""
        if self.job.compile:
            self.compiled = compile_blocks(self.model)
            self.nats = torch.compile(total_nats)
        while True:
            try:
                self._try_batch()
                break
            except torch.OutOfMemoryError:
                if self.progress.micro_tokens < 2 * self.job.context:
                    raise QueueError(f"job {self.job.name}: not one sequence fits the memory") from None
                self.progress.micro_tokens //= 2
                torch.cuda.empty_cache()
            except Exception as error:  # whatever a compiler raises, the answer is to train without it
                if not self.compiled:
                    raise
                self.report(f"{self.job.name}: trained without torch.compile, which failed ({short_line(error)})")
                self.compiled, self.nats = False, total_nats
                for block in blocks_of_model(self.model):
                    block._compiled_call_impl = None
        self.optimizer.zero_grad(set_to_none=True)
        set_seed(self.job.seed)

    def _try_batch(self) -> None:
        rows, context = max(1, self.progress.micro_tokens // self.job.context), self.job.context
        rows = max(1, rows // 2) if self.model.config.is_encoder_decoder else rows
        ids = torch.randint(3, self.tokenizer.vocab_size, (rows, context), device=self.device)
        inputs = {"input_ids": ids}
        if self.model.config.is_encoder_decoder:
            inputs |= {"attention_mask": torch.ones_like(ids), "decoder_input_ids": ids}
        with self.autocast:
            loss = self.nats(logits_of(self.model, inputs), ids)
        loss.backward()
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    # ---- validating and saving --------------------------------------------------------------------------------------

    @torch.no_grad()
    def validate(self) -> dict[str, Any]:
        """Nats a token and bits a note of the validation split, untransposed, each block or example by itself."""
        began = self.clock()
        self.model.eval()
        notes_per_id = torch.from_numpy(self.tokenizer.notes_per_id).to(self.device)
        sums = torch.zeros(3, dtype=torch.float64, device=self.device)
        for batch in self._validation_batches():
            # What is compiled is for training; compiling it again for this would take longer than it saves.
            with self.autocast, torch.compiler.set_stance("force_eager"):
                nats = total_nats(logits_of(self.model, batch.inputs), batch.labels)
            kept = batch.labels != IGNORED_LABEL
            notes = (notes_per_id[batch.labels.clamp(min=0)] * kept).sum()
            sums += torch.stack([nats.double(), kept.sum().double(), notes.double()])
        self.model.train()
        nats, tokens, notes = sums.tolist()
        found = {
            "step": self.progress.step,
            "tokens": self.progress.tokens,
            "validation_tokens": int(tokens),
            "nats_per_token": _finite(nats / tokens),
            "bits_per_note": _finite(nats / math.log(2) / notes) if notes else None,
        }
        self.progress.validations.append(found)
        self._reserve["validate"] = self.clock() - began
        bits = found["bits_per_note"]
        self.report(
            f"{self.job.name}: step {found['step']}, {found['tokens']:,} tokens, validation "
            f"{nats / tokens:.4f} nats/token" + (f", {bits:.3f} bits/note" if bits is not None else "")
        )
        return found

    def _validation_batches(self) -> list[Batch]:
        if self._validation is None:
            epoch = EpochMaker(self.data.splits["validation"], self.data.tables[:1], self.tokenizer).make(0)
            most = self.job.validation_tokens
            self._validation = list(validation_batches(epoch, self._batch_settings(), most, self.device))
        return self._validation

    def _save(self, last: bool) -> None:
        """Write the weights, and unless the job is complete a checkpoint to go on from."""
        began = self.clock()
        # A start that left no time for a step is not counted, or a job could have had all its time in starts.
        self.progress.seconds = self.had + self._elapsed() if self.progress.step else 0.0
        write_model(self.model, self.folder / MODEL_FOLDER, self.job.precision)
        if last:
            delete_checkpoints(self.folder)
        else:
            write_checkpoint(self.folder, self.progress.step, self.model, self.optimizer, vars(self.progress))
        self._reserve["save"] = self.clock() - began

    def _log(self, share: float) -> bool:
        """A line on the training; whether its loss is a number."""
        nats, count = self._sums.tolist()
        self._sums.zero_()
        nats = nats / count if count else 0.0
        step, tokens = self.progress.step, self.progress.tokens
        self.progress.curve.append({"step": step, "tokens": tokens, "nats_per_token": _finite(nats)})
        speed = self._trained_tokens / self._trained_seconds if self._trained_seconds else 0.0
        used = utilisation(self._trained_flops, self._trained_seconds, self._peak())
        self.report(
            f"{self.job.name}: {share:.0%}, step {self.progress.step}, epoch {self.progress.epoch}, train {nats:.4f} "
            f"nats/token, {speed:,.0f} tokens/s" + (f", utilisation {used:.1%}" if used is not None else "")
        )
        return math.isfinite(nats)


def _finite(value: float) -> float | None:
    """JSON knows no NaN."""
    return value if math.isfinite(value) else None
