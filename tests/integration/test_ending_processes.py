"""Training scripts on two processes end even while the threads of their process group are still busy."""

from pathlib import Path

import pytest
import tiny_run
import yaml
from programs import TRAIN, launch, run_script

BUSY = Path(__file__).with_name("busy_at_the_end.py")
STEPS = {"max_steps": 2, "eval_steps": 2, "save_steps": 2}
STUDY = {
    "families": ["transformer"],
    "sizes": [{"name": "nano", "layers": 1, "heads": 2, "width": 32}],
    "fractions": [1.0],
    "seeds": [0],
    "context": 64,
    "batch_size": 4,
    "learning_rate": 3e-3,
    "training": {"use_cpu": True},
}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """`dataset/`, `tokenizer/`, a trained model in `model/`, and a study."""
    folder = tiny_run.build(tmp_path_factory.mktemp("ending"))
    run_script("pretrain", *tiny_run.flags(folder, folder / "model", **STEPS), expected=0)
    (folder / "study.yaml").write_text(yaml.safe_dump(STUDY))
    return folder


def flags_of(script, folder, output):
    """Few steps, on the CPU."""
    if script == "pretrain":
        return tiny_run.flags(folder, output, **STEPS, use_cpu=True)
    data = [f"--dataset={folder / 'dataset'}", f"--output={output}"]
    if script == "studies/scaling_study":
        return [*data, f"--config={folder / 'study.yaml'}", f"--tokenizer={folder / 'tokenizer'}"]
    steps = [f"--{name}={value}" for name, value in STEPS.items()]
    if script == "finetune_lora":
        return [*data, *steps, f"--model={folder / 'model'}", "--rank=2", "--transpositions=0", "--use_cpu=true"]
    size = ["--hidden_size=16", "--num_hidden_layers=1", "--num_attention_heads=2", "--context_length=128"]
    return [*data, *steps, *size, "--window_bars=4", "--masks_per_window=1", "--use_cpu=true"]


LAST_FILES = {
    "pretrain": "training_summary.json",
    "train_infill": "README.md",
    "finetune_lora": "adapter/README.md",
    "studies/scaling_study": "report.md",
}


@pytest.mark.parametrize("script", LAST_FILES)
def test_a_script_ends_while_its_process_group_is_busy(folder, tmp_path, script):
    program = [BUSY, TRAIN / f"{script}.py", *flags_of(script, folder, tmp_path / "run")]
    # Forked processes do not end as Python's own do; of both ways to call the group's end, one script does.
    done = launch("cpu_two_processes.yaml", *program, fresh=script in ("pretrain", "studies/scaling_study"))
    assert done.returncode == 0, done.stderr
    assert "the group is destroyed while it is busy" in done.stdout
    assert (tmp_path / "run" / LAST_FILES[script]).is_file()
