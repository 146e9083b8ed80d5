"""Train a symbolic music model from scratch on a dataset folder or Hub dataset.

    python train/pretrain.py --config train/configs/tiny.yaml --dataset DIR --tokenizer DIR --output DIR
    accelerate launch train/pretrain.py --config train/configs/remi-folk.yaml --dataset DIR --tokenizer DIR \
        --output DIR --max-minutes 60

`--streaming true` reads blocks that train/pack_blocks.py has written, from a folder, a bucket or the Hub, as they are
wanted: this machine's disk need not hold them.

A YAML file's keys are the flags' names; flags win over it. `--help` lists them. Ends with the best model by validation
loss, its processor, `training_summary.json` and `loss.png` in the output folder.

On a CPU whose cores other processes use too, set `GOMP_SPINCOUNT=0`: threads that wait spinning slowed a step from 0.2
to 2.4 s on two busy cores.
"""

import shutil
import time
from functools import partial
from pathlib import Path

from transformers import set_seed

from symbolic_music.data.blocks.collate import BlockCollator
from symbolic_music.tokenization.processing_music import MIDITOK_FILE
from symbolic_music.training.arguments import one_line_errors
from symbolic_music.training.blocks import packed_blocks, streamed_blocks
from symbolic_music.training.callbacks import (
    LiveSamplesCallback,
    show_progress,
)
from symbolic_music.training.parsing import parse_arguments
from symbolic_music.training.preparation import (
    build_model,
    checkpoint_to_resume,
    load_processor,
)
from symbolic_music.training.samples import write_sample
from symbolic_music.training.summary import git_commit, training_summary, write_summary
from symbolic_music.training.trainer import MusicTrainer


def add_callbacks(trainer: MusicTrainer) -> None:
    """The callbacks that a run's arguments ask for."""
    args, output_dir = trainer.args, Path(trainer.args.output_dir)
    show_progress(trainer, trainer.budget)
    if args.sample_every:
        sample = partial(write_sample, trainer.processing_class, args.sample_bars)
        trainer.add_callback(LiveSamplesCallback(sample, output_dir, args.sample_every, args.seed))


def main() -> None:
    """Parse, load, build the Trainer, train, save."""
    started, commit = time.monotonic(), git_commit()
    model_args, data_args, training_args = parse_arguments()
    checkpoint = checkpoint_to_resume(training_args)
    set_seed(training_args.seed)

    processor = load_processor(data_args.tokenizer)
    if data_args.streaming:
        blocks = streamed_blocks(data_args, processor, training_args.data_seed or training_args.seed)
    else:
        with training_args.main_process_first(desc="packing"):
            blocks = packed_blocks(data_args, processor)

    trainer = MusicTrainer(
        model=build_model(model_args, processor, data_args.context_length or data_args.block_size),
        args=training_args,
        processing_class=processor,
        data_collator=BlockCollator(processor),
        train_dataset=blocks.train,
        eval_dataset=blocks.validation,
    )
    add_callbacks(trainer)
    trainer.train(resume_from_checkpoint=checkpoint)
    trainer.save_model()
    trainer.save_state()
    if trainer.is_world_process_zero():
        summary = training_summary(trainer, blocks.describe(), time.monotonic() - started, commit)
        write_summary(summary, Path(training_args.output_dir))
        miditok_file = Path(data_args.tokenizer) / MIDITOK_FILE
        if miditok_file.exists():  # the same tokenizer for MidiTok's users
            shutil.copy(miditok_file, training_args.output_dir)
    if training_args.push_to_hub:
        trainer.push_to_hub()  # with the summary
    trainer.end()


if __name__ == "__main__":
    with one_line_errors():
        main()
