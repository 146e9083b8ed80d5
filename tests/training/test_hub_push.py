"""What a Trainer would push and what it refuses to; that it arrives is tested in integration/test_hub.py."""

import pytest
import torch
from huggingface_hub import HfApi, constants
from loopback_hub.server import OWNER_TOKEN, READER_TOKEN
from transformers import TrainingArguments

from symbolic_music.models.music_transformer.configuration_music_transformer import MusicTransformerConfig
from symbolic_music.models.music_transformer.modeling_music_transformer import MusicTransformerForCausalLM
from symbolic_music.training.arguments import TrainingError
from symbolic_music.training.hub_push import check_push, push_files, push_in_background, pushed_files


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


@pytest.fixture
def repo(loopback_hub, monkeypatch):
    monkeypatch.setattr(constants, "ENDPOINT", loopback_hub.endpoint)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    return HfApi(token=OWNER_TOKEN).create_repo("user/pushed", exist_ok=True).repo_id


def test_a_push_that_the_hub_refuses_is_one_line(loopback_hub, repo, tmp_path):
    (tmp_path / "config.json").write_text("{}")
    for name, token, complaint in (
        ("user/nowhere", OWNER_TOKEN, r"user/nowhere is not on the Hub, or the token may not see it \(404\)"),
        (repo, READER_TOKEN, r"the token may not write to user/pushed \(403\)"),
    ):
        with pytest.raises(TrainingError, match=complaint):
            push_files(tmp_path, name, token, "Model save", None)
    assert loopback_hub.repository(repo).files() == {}


def test_a_push_beside_the_training_fails_without_ending_it(loopback_hub, repo, tmp_path):
    (tmp_path / "config.json").write_text("{}")
    failed = push_in_background(tmp_path, repo, READER_TOKEN, "step 1", None)
    assert isinstance(failed.exception(60), TrainingError)
    push_in_background(tmp_path, repo, OWNER_TOKEN, "step 2", None).result(60)
    assert loopback_hub.repository(repo).files() == {"config.json": b"{}"}
