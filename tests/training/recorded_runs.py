"""What tests of runs that end early look at: the batches, and the end of the process."""

from transformers import TrainerCallback

from symbolic_music.data.blocks.collate import BlockCollator


class RecordingCollator(BlockCollator):
    """Keeps the ids of every batch, so that the order of the data can be compared."""

    def __init__(self, processor):
        super().__init__(processor)
        self.seen = []

    def __call__(self, rows):
        batch = super().__call__(rows)
        self.seen.append(batch["input_ids"].clone())
        return batch


class Killed(BaseException):
    """Stands for the end of the process."""


class KillAt(TrainerCallback):
    def __init__(self, step):
        self.step = step

    def on_step_end(self, args, state, control, **kwargs):
        if state.global_step == self.step:
            raise Killed
