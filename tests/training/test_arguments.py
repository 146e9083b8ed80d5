"""YAML and flags through one parser; whatever a user gets wrong is one line."""

import logging

import pytest
import torch
from tiny_run import flags
from transformers import AutoConfig
from transformers.integrations.deepspeed import is_deepspeed_zero3_enabled

from symbolic_music.models.device_precision import fast_bf16_available
from symbolic_music.score.errors import Refusal, ScoreError
from symbolic_music.training.arguments import TrainingError, one_line_errors
from symbolic_music.training.parsing import parse_arguments

NAMES = ["--dataset=d", "--tokenizer=t", "--report_to=none"]


def parse(tmp_path, text, *more):
    config = tmp_path / "run.yaml"
    config.write_text(text)
    return parse_arguments([*NAMES, f"--output={tmp_path}", "--config", str(config), *more])


def test_flags_win_over_the_file_and_the_file_over_the_defaults(tmp_path):
    model, data, training = parse(
        tmp_path,
        "hidden_size: 48\nlearning_rate: 3e-3\ntranspositions: [-1, 0, 1]\nsample_bars: 3\n",
        "--hidden-size=64",
    )
    assert model.hidden_size == 64
    assert training.learning_rate == 0.003, "YAML reads 3e-3 as text"
    assert data.transpositions == [-1, 0, 1]
    assert training.sample_bars == 3
    assert training.weight_decay == 0.1


def test_each_family_is_given_its_own_sizes(tmp_path):
    model, _, _ = parse(tmp_path, "hidden_size: 48\n")
    assert model.config_kwargs() == {
        "hidden_size": 48,
        "num_hidden_layers": 6,
        "num_attention_heads": 6,
        "position_encoding": "rotary",
        "dropout": 0.1,
    }
    model, _, _ = parse(tmp_path, "model_type: music_lstm\nnum_hidden_layers: 2\nembedding_size: 64\n")
    assert model.config_kwargs() == {
        "hidden_size": 192,
        "num_hidden_layers": 2,
        "embedding_size": 64,
        "dropout": 0.1,
    }
    model, _, _ = parse(tmp_path, "model_type: gpt2\nhidden_size: 96\ndropout: 0.0\n")
    config = AutoConfig.for_model("gpt2", **model.config_kwargs())
    assert (config.n_embd, config.n_layer, config.n_head) == (96, 6, 6)
    assert (config.resid_pdrop, config.embd_pdrop, config.attn_pdrop) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("model_type: music_lstm\nnum_attention_heads: 4\n", "num_attention_heads"),
        ("model_type: music_lstm\nposition_encoding: rotary\n", "position_encoding"),
        ("model_type: gpt2\nposition_encoding: rotary\n", "position_encoding"),
        ("embedding_size: 64\n", "embedding_size"),
    ],
)
def test_a_size_of_another_family_is_refused(tmp_path, text, size):
    model, _, _ = parse(tmp_path, text)
    with pytest.raises(TrainingError, match=f"--{size} is no size of this family: leave it out"):
        model.config_kwargs()


def test_bf16_is_taken_exactly_where_it_is_fast(tmp_path):
    _, _, training = parse(tmp_path, "use_cpu: true\n")
    assert training.bf16 == fast_bf16_available(torch.device("cpu"))


def test_the_processor_is_told_which_file_key_is_unknown(tmp_path):
    with pytest.raises(TrainingError, match=r"run\.yaml: unknown key 'lerning_rate', did you mean 'learning_rate'"):
        parse(tmp_path, "lerning_rate: 1.0\n")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("- a\n", "expected one mapping"),
        ("a: [\n", "cannot be read as YAML"),
        ("hidden_size: wide\n", "hidden.size: invalid int value: 'wide'"),
        ("label_smoothing: 1.5\n", "label_smoothing must be in .0, 1.: 1.5"),
        ("structural_loss_weight: -1\n", "must not be negative: -1.0"),
        ("max_minutes: 0\n", "max_minutes must be positive: 0.0"),
        (
            "max_minutes: 1\nlr_scheduler_type: linear\n",
            "--max_minutes with --lr_scheduler_type linear: expected cosine or warmup_stable_decay",
        ),
        ("label_smoothing_factor: 0.1\n", "use --label_smoothing"),
        ("block_size: 1\n", "block_size must be at least 2"),
        ("eval_steps: 10\nsave_steps: 15\n", "multiple"),
        ("per_device_eval_batch_size: 0\n", "--per_device_eval_batch_size is 0; expected 1 or more"),
        ("gradient_accumulation_steps: -1\n", "--gradient_accumulation_steps is -1; expected 1 or more"),
        ("max_train_pieces: -3\n", "--max_train_pieces is -3; expected 1 or more"),
        ("learning_rate: .nan\n", "--learning_rate is nan; expected 0 or more"),
        ("warmup_steps: .inf\n", "--warmup_steps is inf; expected 0 or more"),
        ("logging_steps: 0\n", "--logging_steps is 0.0; expected more than 0"),
        ("adam_beta2: 1\n", "--adam_beta2 is 1.0; expected 0 or more and less than 1"),
        ("seed: -1\n", "--seed is -1; expected 0 to 4294967295"),
        ("dataloader_num_workers: -1\n", "--dataloader_num_workers is -1; expected 0 or more"),
        ("sample_bars: 0\n", "--sample_bars is 0; expected 1 or more"),
        ("context_length: 100\n", "--context_length is 100; expected the block size or more"),
        ("optim: nonsense\n", "nonsense"),
        ("metric_for_best_model: nonsense\n", "is nonsense: expected one of loss, structural_loss, bits_per_note"),
        ("deepspeed: x.json\n", "deepspeed"),
    ],
)
def test_a_wrong_value_is_one_line(tmp_path, text, complaint):
    with pytest.raises(TrainingError, match=complaint) as caught:
        parse(tmp_path, text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["loss", "bits_per_note", "eval_bits_per_bar"])
def test_the_least_is_the_best(tmp_path, name):
    _, _, training = parse(tmp_path, f"metric_for_best_model: {name}\n")
    assert training.greater_is_better is False


def test_a_refused_deepspeed_file_leaves_no_trace_in_the_process(tmp_path):
    with pytest.raises(TrainingError) as caught:
        parse(tmp_path, "deepspeed: x.json\n")
    assert caught.value.__traceback__ is not None  # the refused configuration is still alive
    assert not is_deepspeed_zero3_enabled()


@pytest.mark.parametrize("missing", ["dataset", "tokenizer", "output"])
def test_a_missing_name_is_said(tmp_path, missing):
    given = [flag for flag in flags(tmp_path, tmp_path / "out") if not flag.startswith(f"--{missing}=")]
    with pytest.raises(TrainingError, match=f"--{missing} is missing"):
        parse_arguments(given)


@pytest.mark.skipif(torch.accelerator.is_available(), reason="there is a GPU, so asking for one is no mistake")
def test_asking_for_a_gpu_where_none_is_found_is_said(tmp_path):
    with pytest.raises(TrainingError, match="--use_cpu is false, but no GPU is found here: leave it out"):
        parse(tmp_path, "use_cpu: false\n")


def test_an_unknown_flag_is_said():
    with pytest.raises(TrainingError, match=r"^unknown flags: --widht=3"):
        parse_arguments([*NAMES, "--output=o", "--widht=3"])


def test_user_errors_end_with_code_2_and_bugs_do_not(capsys):
    with pytest.raises(SystemExit) as end, one_line_errors():
        raise TrainingError("the reason")
    assert end.value.code == 2
    assert capsys.readouterr().err == "error: the reason\n"
    with pytest.raises(ZeroDivisionError), one_line_errors():
        _ = 1 / 0


@pytest.mark.parametrize(
    "error", [NotADirectoryError(20, "Not a directory", "a/b"), ScoreError(Refusal.NOT_MUSIC, "row", "no notes")]
)
def test_a_folder_or_a_row_that_cannot_be_used_is_one_line(error, capsys):
    with pytest.raises(SystemExit) as end, one_line_errors():
        raise error
    assert end.value.code == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize("flag", ["compile: true", "torch_compile: true", "torch_compile_mode: default"])
def test_compiling_is_left_out_with_a_warning_where_no_compiler_is(flag, tmp_path, monkeypatch, caplog):
    def compile_nothing(function, backend):
        def fail(*arguments):
            raise RuntimeError("InvalidCxxCompiler: No working C++ compiler found")

        return fail

    monkeypatch.setattr(torch, "compile", compile_nothing)
    monkeypatch.setattr(logging.getLogger("symbolic_music"), "propagate", True)
    _, _, training = parse(tmp_path, f"{flag}\nuse_cpu: true\n")
    assert training.torch_compile is False
    assert "No working C++ compiler found" in caplog.text
