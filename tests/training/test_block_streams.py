"""Training on a stream of blocks: what a resumed run reads and learns is what the whole one would have."""

import pytest
import torch
from recorded_runs import KillAt, Killed, RecordingCollator
from tiny_run import flags

from symbolic_music.data.blocks.block_files import PackSettings
from symbolic_music.data.cluster.pack import pack_blocks
from symbolic_music.training.arguments import DataArguments, TrainingError
from symbolic_music.training.blocks import streamed_blocks
from symbolic_music.training.parsing import parse_arguments
from symbolic_music.training.preparation import build_model, checkpoint_to_resume, load_splits
from symbolic_music.training.summary import describe_splits, tokenizer_hash
from symbolic_music.training.trainer import MusicTrainer


@pytest.fixture(scope="module")
def packed(tiny_folder, processor, tmp_path_factory):
    output = tmp_path_factory.mktemp("blocks") / "out"
    dataset = str(tiny_folder / "dataset")
    splits = load_splits(dataset)
    facts = describe_splits(splits) | {"tokenizer_hash": tokenizer_hash(processor)}
    pack_blocks(dataset, splits, processor, output, PackSettings(64, pieces_per_file=4), facts, progress=False)
    return output


@pytest.fixture
def make_trainer(tiny_folder, processor, packed, tmp_path):
    def make(output, **changes):
        given = {"eval_steps": 3, "save_steps": 3, "use_cpu": True, "streaming": True, "dataset": packed} | changes
        model_args, data_args, args = parse_arguments(flags(tiny_folder, tmp_path / output, **given))
        torch.manual_seed(3)
        blocks = streamed_blocks(data_args, processor, args.seed)
        return MusicTrainer(
            model=build_model(model_args, processor, data_args.block_size),
            args=args,
            processing_class=processor,
            data_collator=RecordingCollator(processor),
            train_dataset=blocks.train,
            eval_dataset=blocks.validation,
        )

    return make


@pytest.mark.slow
def test_an_epoch_is_known_and_a_run_cut_in_the_second_goes_on_exactly(make_trainer):
    whole = make_trainer("whole", num_train_epochs=3, dropout=0.2)
    blocks = len(whole.train_dataset)
    steps = -(-blocks // 4)
    whole.train()
    assert whole.state.global_step == 3 * steps
    assert whole.state.epoch == 3
    trained_on = [batch for batch in whole.data_collator.seen if len(batch)]

    cut = make_trainer("cut", num_train_epochs=3, dropout=0.2)
    cut.add_callback(KillAt(steps + 5))
    with pytest.raises(Killed):
        cut.train()
    resumed = make_trainer("cut", num_train_epochs=3, dropout=0.2, resume=True)
    checkpoint = checkpoint_to_resume(resumed.args)
    assert steps < int(checkpoint.rpartition("-")[2]) <= steps + 5
    resumed.train(resume_from_checkpoint=checkpoint)
    assert torch.equal(resumed.data_collator.seen[-1], trained_on[-1])
    for name, weight in whole.model.state_dict().items():
        assert torch.equal(resumed.model.state_dict()[name], weight), name


@pytest.mark.slow
def test_two_epochs_come_in_two_orders(make_trainer):
    trainer = make_trainer(
        "run", num_train_epochs=2, eval_strategy="no", save_strategy="no", load_best_model_at_end=False
    )
    trainer.train()
    seen = torch.cat(trainer.data_collator.seen).tolist()
    first, second = seen[: len(seen) // 2], seen[len(seen) // 2 :]
    assert sorted(first) == sorted(second)
    assert first != second


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"block_size": 32}, "--block_size is 32, but .* holds blocks of 64 tokens"),
        ({"block_size": 64, "transpositions": [0, 1]}, "--transpositions is of pieces, and --streaming reads blocks"),
        ({"block_size": 64, "max_train_pieces": 3}, "--max_train_pieces is of pieces"),
    ],
)
def test_what_blocks_cannot_give_is_refused(packed, processor, changes, complaint):
    with pytest.raises(TrainingError, match=complaint):
        streamed_blocks(DataArguments(str(packed), "any", **changes), processor, 0)


def test_blocks_of_another_tokenizer_are_refused(packed):
    from symbolic_music.events.voices.abc_notes import AbcNotesCodec
    from symbolic_music.tokenization.build import build_word_level_tokenizer

    other = build_word_level_tokenizer(AbcNotesCodec(), 64)
    with pytest.raises(TrainingError, match=r"--tokenizer any: .* was made with another tokenizer"):
        streamed_blocks(DataArguments(str(packed), "any", block_size=64), other, 0)
