"""What a Trainer would push and what it refuses to; that it arrives is tested in integration/test_hub.py."""

import pytest
import torch
from transformers import TrainingArguments

from symbolic_music.models.music_transformer.configuration_music_transformer import MusicTransformerConfig
from symbolic_music.models.music_transformer.modeling_music_transformer import MusicTransformerForCausalLM
from symbolic_music.training.arguments import TrainingError
from symbolic_music.training.hub_push import check_push, pushed_files


def test_only_the_models_files_of_a_folder_are_pushed(tmp_path):
    kept = ["README.md", "config.json", "loss.png", "model.safetensors", "modeling_x.py", "tokenizer.json"]
    others = ["optimizer.pt", "training_args.bin", "trainer_state.json", "complete.json", "events.out", "song.mid"]
    for name in [*kept, *others]:
        (tmp_path / name).touch()
    (tmp_path / "runs.json").mkdir()
    assert [path.name for path in pushed_files(tmp_path)] == kept


@pytest.mark.parametrize(("strategy", "refused"), [("end", False), ("every_save", False), ("checkpoint", True)])
def test_strategies_that_push_pickles_are_refused(tmp_path, strategy, refused):
    model = MusicTransformerForCausalLM(
        MusicTransformerConfig(vocab_size=8, hidden_size=8, num_hidden_layers=1, num_attention_heads=2)
    )
    args = TrainingArguments(tmp_path, push_to_hub=True, hub_strategy=strategy, report_to="none")
    if not refused:
        check_push(args, model)
        return
    with pytest.raises(TrainingError, match="--hub_strategy checkpoint would publish pickled optimiser states"):
        check_push(args, model)


def test_a_wrapped_model_is_refused(tmp_path):
    args = TrainingArguments(tmp_path, push_to_hub=True, report_to="none")
    with pytest.raises(TrainingError, match="symbolic-music publish"):
        check_push(args, torch.nn.Linear(1, 1))
