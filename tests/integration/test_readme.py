"""The README's commands and the code of the shipped cards, run word for word in an empty folder as a reader has it.

`make test` is what runs this file, so it alone is left out. `make demo` is run with the environment variable
`DEMO_FLAGS`, which makes it smaller; the commands for a folder of the reader's own music find one with ten tunes.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.S)
COMMANDS = [
    line.strip()
    for language, block in BLOCKS
    if language == "bash"
    for line in block.replace("\\\n", " ").splitlines()
    if line.strip() and not line.startswith("#")
]
CARDS = sorted((ROOT / "model_cards").glob("*/README.md"))
PYTHON = [block for language, block in BLOCKS if language == "python"]
LINKED = (
    *("model_cards", "tokenizer_assets", "train", "symbolic_music"),
    *("pyproject.toml", "constraints.txt", "Makefile"),
)


@pytest.fixture(scope="module")
def clone(tmp_path_factory, ten_tunes) -> Path:
    """A folder that looks like a fresh clone with the environment installed, and a folder of music in it."""
    folder = tmp_path_factory.mktemp("clone")
    for name in LINKED:
        (folder / name).symlink_to(ROOT / name)
    environment = folder / ".venv" / "bin"
    environment.mkdir(parents=True)
    # A link would be taken for the base interpreter, which lacks the packages.
    (environment / "python").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    (environment / "python").chmod(0o755)
    (folder / ".venv" / ".demo").touch()
    shutil.copytree(ten_tunes, folder / "my_music")
    return folder


def run(command: str, folder: Path, **environment: str) -> subprocess.CompletedProcess:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env=os.environ | {"PATH": path, "HF_HUB_OFFLINE": "1"} | environment,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )


def test_the_readme_has_what_this_file_runs():
    assert {"make demo", "make test"} <= set(COMMANDS)
    assert any(command.startswith("symbolic-music generate") for command in COMMANDS)
    assert len(PYTHON) >= 1


@pytest.mark.slow
def test_commands_run_in_order(clone):
    ran = 0
    for command in COMMANDS:
        if command in {"make demo", "make test"} or command.startswith(("git ", "pip ")):
            continue
        done = run(command, clone)
        assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
        ran += 1
    assert ran >= 6


@pytest.mark.slow
def test_python_block_writes_midi(clone):
    for number, block in enumerate(PYTHON):
        script = clone / f"block_{number}.py"
        script.write_text(block)
        done = run(f"python {script.name}", clone)
        assert done.returncode == 0, f"{block}\n{done.stderr[-2000:]}"
    assert list(clone.glob("*.mid"))


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.parent.name)
def test_python_of_a_card_writes_midi(card, ten_tunes, tmp_path):
    """A folder of the repository's name stands for the Hub: it is what `from_pretrained` looks for first."""
    text = card.read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.S)
    assert blocks
    repositories = set(re.findall(r'(?:from_pretrained|load_model)\("([^"]+)"', text))
    assert len(repositories) == 1
    assert repositories.pop().endswith(f"/{card.parent.name}")
    owner = tmp_path / "symbolic-music"
    owner.mkdir()
    for other in CARDS:  # an adapter takes its base from beside it
        (owner / other.parent.name).symlink_to(other.parent)
    shutil.copy(ten_tunes / "tune_0.mid", tmp_path / "tune.mid")
    for number, block in enumerate(blocks):
        (tmp_path / f"block_{number}.py").write_text(block)
        done = run(f"python block_{number}.py", tmp_path)
        assert done.returncode == 0, f"{block}\n{done.stderr[-2000:]}"
    assert (tmp_path / "piece.mid").stat().st_size > 0


@pytest.mark.slow
def test_make_demo(clone):
    # What the demo writes must be found in the folder it was started in, not in the linked one.
    done = run("make demo", clone, DEMO_FLAGS="--train-minutes 0.3 --limit 150")
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    assert len(list((clone / "demo_output" / "shipped_pieces").glob("sample_*.wav"))) == 4
    assert len(list((clone / "demo_output" / "own_pieces").glob("sample_*.mid"))) == 4
    assert "bits per note on" in done.stdout
