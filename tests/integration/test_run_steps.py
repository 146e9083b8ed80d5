"""`train/run_steps.py`: from an archive of five hundred files to a study's report in one command; and mistakes."""

import io
import json
import tarfile

import pytest
import tiny_run
import yaml
from programs import TRAIN, run_script

from symbolic_music.score.midi.io import midi_bytes

LAKH = TRAIN / "configs" / "lakh-abc.yaml"
STUDY = {
    "families": ["transformer", "lstm"],
    "sizes": [{"name": "nano", "layers": 1, "heads": 2, "width": 32}],
    "fractions": [1.0],
    "seeds": [0],
    "context": 64,
    "batch_size": 16,
    "train_tokens": 4096,
    "max_validation_pieces": 4,
    "learning_rate": 3e-3,
    "training": {"use_cpu": True},
}


@pytest.fixture(scope="module")
def lakh(tmp_path_factory):
    """An archive laid out as LMD-full is: folders by the first digit of the files' hashes."""
    path = tmp_path_factory.mktemp("lakh") / "lmd_full.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for number in range(500):
            content = midi_bytes(tiny_run.tune(number, num_bars=6))
            member = tarfile.TarInfo(f"lmd_full/{number % 16:x}/{number:032x}.mid")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def changes(archive, folder):
    config = folder / "study.yaml"
    config.write_text(yaml.safe_dump(STUDY))
    told = ["prepare_dataset.corpus=", f"prepare_dataset.archive={archive}", f"scaling_study.config={config}"]
    return [word for text in told for word in ("--set", text)]


@pytest.mark.slow
def test_from_the_archive_to_the_report_in_one_command(lakh, tmp_path):
    output = tmp_path / "study of lakh"
    flags = ["--config", LAKH, "--output", output, *changes(lakh, tmp_path)]
    done = run_script("run_steps", *flags, expected=0, fresh=True)
    assert "[1/3] python train/prepare_dataset.py" in done.stdout
    assert "split hash" in done.stdout
    report = (output / "study" / "report.md").read_text()
    assert "| transformer-nano-f1-s0 |" in report
    assert len((output / "study" / "runs.jsonl").read_text().splitlines()) == 2
    again = run_script("run_steps", *flags, expected=0)
    assert [line.rpartition(": ")[2] for line in again.stdout.splitlines()] == ["done before"] * 3


def test_the_commands_can_be_looked_at_first(tmp_path):
    done = run_script("run_steps", "--config", LAKH, "--output", tmp_path, "--dry-run", expected=0)
    first, second, third = done.stdout.splitlines()
    assert first.startswith("python train/prepare_dataset.py --corpus=lakh --max-bars=128")
    assert f"--output={tmp_path}/tokenizer" in second
    assert third.startswith("python train/studies/scaling_study.py --config=")
    assert "scaling-gpu.yaml" in third
    assert list(tmp_path.iterdir()) == []


def test_a_command_is_a_step_too(tmp_path):
    config = tmp_path / "steps.yaml"
    config.write_text("evaluate: {model: x, only: loss}")
    done = run_script("run_steps", "--config", config, "--output", tmp_path / "out", "--dry-run", expected=0)
    assert done.stdout == "symbolic-music evaluate --model=x --only=loss\n"
    failed = run_script("run_steps", "--config", config, "--output", tmp_path / "out", expected=2)
    assert "evaluate ended with exit code 2" in failed.stderr


def test_a_step_that_fails_stops_the_rest(tmp_path):
    output = tmp_path / "out"
    flags = ["--config", LAKH, "--output", output, *changes(tmp_path / "none.tar.gz", tmp_path)]
    failed = run_script("run_steps", *flags, expected=2)
    assert "prepare_dataset ended with exit code 2" in failed.stderr
    assert not (output / "steps.json").exists()


@pytest.mark.parametrize(
    ("text", "change", "said"),
    [
        ("nothing: {}", None, "there is no script 'nothing' in train/"),
        ("pretrain: 3", None, "pretrain: expected flags with their values, found int"),
        ("pretrain: {}", "pretrain=3", "expected SCRIPT.FLAG=VALUE, SCRIPT being one of pretrain"),
        ("pretrain: {}", "evaluate.model=x", "expected SCRIPT.FLAG=VALUE"),
        ("- pretrain", None, "expected flags by script, found list"),
    ],
)
def test_mistakes_are_one_line(tmp_path, text, change, said):
    config = tmp_path / "steps.yaml"
    config.write_text(text)
    more = ["--set", change] if change else []
    done = run_script("run_steps", "--config", config, "--output", tmp_path / "out", *more, expected=2)
    assert said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_what_was_made_anew_is_followed_by_the_steps_behind_it(tmp_path):
    """A record of flags: other flags of a step make it and the later ones run again."""
    config = tmp_path / "steps.yaml"
    steps = {"build_tokenizer": {"codec": "abc_notes", "output": "{output}/one"}, "listening_page": {"help": True}}
    config.write_text(yaml.safe_dump(steps, sort_keys=False))
    flags = ["--config", config, "--output", tmp_path / "out"]
    run_script("run_steps", *flags, expected=0)
    changed = run_script("run_steps", *flags, "--set", "build_tokenizer.codec=remi", expected=0)
    assert "done before" not in changed.stdout
    record = json.loads((tmp_path / "out" / "steps.json").read_text())
    assert record["build_tokenizer"][0] == "--codec=remi"
