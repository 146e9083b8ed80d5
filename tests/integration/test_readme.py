"""The commands of the README and of train/README.md, and the code of the shipped cards, run word for word in an empty
folder as a reader has it; commands in blocks of text, which need what a reader may not have, are parsed.

`make test` is what runs this file, so it alone is left out. `make demo` is run with the environment variable
`DEMO_FLAGS`, which makes it smaller; the commands for a folder of the reader's own music find one with ten tunes.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from programs import run_script

from symbolic_music.cli import build_parser

ROOT = Path(__file__).parents[2]
MOST_CHARACTERS = 9_000
PAGES = ("README.md", "train/README.md", "train/studies/README.md", "tests/benchmarks/README.md")
BLOCKS = [
    block
    for page in PAGES
    for block in re.findall(r"```(\w+)\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.S)
]


def commands_in(*languages: str) -> list[str]:
    """The lines of blocks in some languages, those that end with a backslash joined."""
    blocks = [block.replace("\\\n", " ") for language, block in BLOCKS if language in languages]
    return [line.strip() for block in blocks for line in block.splitlines() if line.strip()]


COMMANDS = commands_in("bash")
SHOWN = [shlex.split(command) for command in commands_in("bash", "text")]
SCRIPTS = sorted({words[1] for words in SHOWN if words[0] == "python"})
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


def test_the_readme_is_short():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text) <= MOST_CHARACTERS, f"{len(text)} characters: what is not for every reader has pages of its own"


@pytest.mark.parametrize("page", PAGES)
def test_links_of_a_page_lead_somewhere(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)#\s]+)\)", text) if not link.startswith("http")]
    assert links
    missing = [link for link in links if not (ROOT / page).parent.joinpath(link).exists()]
    assert not missing


def test_every_command_that_is_shown_is_one():
    for words in SHOWN:
        if words[0] == "symbolic-music":
            build_parser().parse_args(words[1:])
        else:
            assert words[0] in {"make", "python"}


def commands_of_cards() -> list[str]:
    """What the shipped cards and their facts say is to be typed, for their figures to come again."""
    blocks = [
        block
        for page in (*CARDS, *(ROOT / "model_cards" / name for name in ("README.md", "LISTEN.md")))
        for language, block in re.findall(r"```(\w*)\n(.*?)```", page.read_text(encoding="utf-8"), re.S)
        if language == ""
    ]
    facts = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in (ROOT / "train" / "cards").glob("*.yaml")]
    told = [command for content in facts if "commands" in content for command in content["commands"]]
    lines = [line for block in blocks for line in block.splitlines()]
    return sorted({line for line in (*lines, *told) if line.startswith(("python ", "symbolic-music "))})


def test_every_command_of_a_card_is_one():
    commands = [shlex.split(command) for command in commands_of_cards()]
    assert len(commands) > 30
    for words in commands:
        if words[0] == "symbolic-music":
            build_parser().parse_args(words[1:])
        else:
            assert (ROOT / words[1]).is_file(), words[1]


@pytest.mark.parametrize("facts", sorted((ROOT / "train" / "cards").glob("*-*.yaml")), ids=lambda path: path.stem)
def test_a_card_has_the_commands_of_its_facts(facts):
    card = (ROOT / "model_cards" / facts.stem / "README.md").read_text(encoding="utf-8")
    commands = yaml.safe_load(facts.read_text(encoding="utf-8"))["commands"]
    assert [command for command in commands if command not in card] == []


@pytest.mark.slow
@pytest.mark.parametrize("script", SCRIPTS)
def test_every_script_that_is_shown_has_the_flags(script):
    told = run_script(Path(script).with_suffix("").relative_to("train"), "--help", expected=0).stdout.replace("-", "_")
    known = set(re.findall(r"__\w+", told))
    given = {word for words in SHOWN if words[:2] == ["python", script] for word in words if word.startswith("--")}
    assert {flag.replace("-", "_") for flag in given} <= known


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


@pytest.mark.slow
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
