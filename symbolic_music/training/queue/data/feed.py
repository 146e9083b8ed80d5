"""The batches of a job, step after step; a thread makes the next epoch meanwhile, so that the GPU does not wait."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import torch

from symbolic_music.training.queue.data.batches import (
    Batch,
    BatchSettings,
    BlockBatches,
    ExampleBatches,
    blocks_of,
    epoch_order,
)
from symbolic_music.training.queue.data.epochs import EpochMaker
from symbolic_music.training.queue.jobs import Job
from symbolic_music.training.queue.progress import Progress


class Feed:
    """The batches of a job.

    Args:
        job: what is trained.
        epochs: makes its epochs.
        first: the number of the epoch that is wanted first; it is begun at once.
        device: that batches are moved to.

    Attributes:
        steps_of_epoch: of the epoch that is being trained on.
    """

    def __init__(self, job: Job, epochs: EpochMaker, first: int, device: torch.device):
        self.job, self.epochs, self.device = job, epochs, device
        self.steps_of_epoch = 1
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=f"data of {job.name}")
        self._first_epoch = (first, self._thread.submit(epochs.make, first))
        self._ahead: dict[int, Future[BlockBatches | ExampleBatches]] = {}

    def close(self) -> None:
        """Make nothing more."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def steps(self, progress: Progress, accumulated: int, settings: BatchSettings) -> Iterator[list[Batch]]:
        """The batches of step after step, from where the progress stands, over as many epochs as there are.

        Args:
            progress: moved on by who trains; its epochs are counted here.
            accumulated: batches of a step.
            settings: of the batches.
        """
        while self.job.epochs is None or progress.epoch < self.job.epochs:
            batches = self._batches(progress.epoch, settings)
            self.steps_of_epoch = max(1, len(batches) // accumulated)
            held: list[Batch] = []
            for number, batch in enumerate(batches):
                if number < progress.position * accumulated:
                    continue
                held.append(batch)
                # What fills no step is left out, unless it is all there is.
                if len(held) == min(accumulated, len(batches)):
                    yield held
                    held = []
            progress.epoch, progress.position = progress.epoch + 1, 0

    def _batches(self, epoch: int, settings: BatchSettings) -> BlockBatches | ExampleBatches:
        """Those of an epoch; the next is begun."""
        for number in (epoch, epoch + 1):
            if number not in self._ahead and (self.job.epochs is None or number < self.job.epochs):
                self._ahead[number] = self._thread.submit(self._make, number, settings)
        return self._ahead.pop(epoch).result()

    def _make(self, epoch: int, settings: BatchSettings) -> BlockBatches | ExampleBatches:
        first, begun = self._first_epoch
        made = begun.result() if epoch == first else self.epochs.make(epoch)
        # A fraction is the beginning of one order, whatever the epoch.
        order = epoch_order(len(made.ids), self.job.seed, epoch if self.job.fraction == 1.0 else 0)
        if made.sources is not None:
            return ExampleBatches(made, settings, self.device, order)
        return BlockBatches(blocks_of(made, settings, order, whole=True), settings, self.device)
