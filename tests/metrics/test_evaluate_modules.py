"""The `evaluate` modules, loaded from their folders without a network."""

import json
import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from metrics.pieces import melody, piece

from symbolic_music.metrics.control import Controls, control_accuracy
from symbolic_music.metrics.loading import MODULES, load_metric, module_folder
from symbolic_music.metrics.statistics import compare_pieces, describe_pieces
from symbolic_music.score.midi.io import midi_bytes, write_midi

evaluate = pytest.importorskip("evaluate")

PIECES = [piece(melody(*range(60, 62 + count))) for count in range(4)]


def test_statistics_of_bytes_and_paths(tmp_path):
    write_midi(PIECES[1], tmp_path / "one.mid")
    module = evaluate.load(str(module_folder("music_statistics")), cache_dir=str(tmp_path))
    found = module.compute(predictions=[midi_bytes(PIECES[0]), str(tmp_path / "one.mid")])
    assert found == describe_pieces(PIECES[:2])


def test_statistics_beside_human_pieces(tmp_path):
    module = load_metric("music_statistics", cache_dir=str(tmp_path))
    for score in PIECES[:2]:
        module.add(predictions=midi_bytes(score))
    found = module.compute(human=[midi_bytes(score) for score in PIECES], seed=1)
    assert found == compare_pieces(PIECES[:2], PIECES, seed=1)


def test_control_accuracy(tmp_path):
    module = load_metric("control_accuracy", cache_dir=str(tmp_path))
    asked = [{"bars": 1, "tempo": 120}, {"bars": 1, "instruments": [0]}]
    found = module.compute(predictions=[midi_bytes(PIECES[0]), b""], references=[json.dumps(row) for row in asked])
    assert found == control_accuracy([PIECES[0], None], [Controls(bars=1, tempo=120), Controls((0,), bars=1)])


def test_bar_alignment_error(tmp_path):
    module = load_metric("bar_alignment_error", cache_dir=str(tmp_path))
    found = module.compute(predictions=["X:1\nL:1/4\nK:C\n[V:1]CDEF|G4|\n[V:2]C4|G3|\n"])
    assert (found["misaligned"], found["bars"], found["share"]) == (1, 2, 0.5)


def test_a_process_of_its_own_loads_every_module_offline(tmp_path):
    program = (
        "import evaluate, sys\n"
        "for folder in sys.argv[1:]:\n"
        "    module = evaluate.load(folder)\n"
        "    print(module.name, bool(module.description), bool(module.inputs_description))\n"
    )
    offline = {"HF_EVALUATE_OFFLINE": "1", "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "HF_HOME": str(tmp_path)}
    root = str(Path(__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-c", program, *(str(module_folder(name)) for name in MODULES)],
        env=os.environ | offline | {"PYTHONPATH": os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[:-1] == [f"{name} True True" for name in MODULES]


def test_other_names_are_refused():
    with pytest.raises(ValueError, match=r"expected one of music_statistics, .*, got 'accuracy'"):
        load_metric("accuracy")


@pytest.mark.parametrize("name", MODULES)
def test_a_folder_is_a_space(name, monkeypatch):
    folder = module_folder(name)
    _, header, text = (folder / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    settings = yaml.safe_load(header)
    assert settings["sdk"] == "gradio"
    assert {"evaluate", "metric"} <= set(settings["tags"])
    assert text.strip().startswith(f"# {settings['title']}")
    assert "symbolic-music-hf" in (folder / "requirements.txt").read_text()
    shown = []
    monkeypatch.setattr("evaluate.utils.launch_gradio_widget", shown.append)
    runpy.run_path(str(folder / settings["app_file"]))
    assert [module.name for module in shown] == [name]


@pytest.mark.slow
@pytest.mark.parametrize("name", MODULES)
def test_the_python_of_a_space_runs(name, tmp_path):
    """A folder of the module's name stands for the Hub."""
    [block] = re.findall(r"```python\n(.*?)```", (module_folder(name) / "README.md").read_text(), re.S)
    (tmp_path / name).symlink_to(module_folder(name))
    for number, file in enumerate(sorted(set(re.findall(r'"(\w+\.mid)"', block)))):
        write_midi(PIECES[number % len(PIECES)], tmp_path / file)
    offline = {"HF_EVALUATE_OFFLINE": "1", "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "home")}
    root = str(Path(__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-c", block],
        env=os.environ | offline | {"PYTHONPATH": os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])},
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
