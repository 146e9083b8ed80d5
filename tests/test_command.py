"""The command line that cards show: enough to repeat a run, and nothing that is nobody's business."""

from pathlib import Path

import pytest

from symbolic_music._command import shown_command


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (["train/x.py", "--output", "runs/a"], "python train/x.py --output runs/a"),
        (["/home/me/x.py", "--output=/home/me/runs", "/srv/midi"], "python x.py --output=runs midi"),
        (["x.py", "--hub_token", "hf_secret", "--seed", "1"], "python x.py --hub_token ... --seed 1"),
        (["x.py", "--hub_token=hf_secret"], "python x.py --hub_token=..."),
        (["x.py", "--title", "two words"], "python x.py --title 'two words'"),
        ([str(Path.cwd() / "train" / "x.py")], "python train/x.py"),
    ],
)
def test_it_shows_neither_tokens_nor_folders_of_this_machine(arguments, shown):
    assert shown_command(arguments) == shown


@pytest.mark.parametrize("script", ["/usr/bin/symbolic-music", "/somewhere/symbolic_music/__main__.py"])
def test_the_program_is_called_by_its_name(script):
    assert shown_command([script, "evaluate", "--model", "runs/a"]) == "symbolic-music evaluate --model runs/a"
