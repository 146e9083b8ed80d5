"""`compare_recipes.py` on a text model of no size: recipes learn, sample and are judged; nothing runs twice."""

import json

import pytest
import tiny_run
import torch
from programs import run_script
from text_tokenizers import TOKENIZERS
from transformers import AutoModelForCausalLM, GPT2Config

from symbolic_music.events.voices.track_text import TrackTextCodec
from symbolic_music.training.adaptation.recipe_report import count_instruments, judge_windows
from symbolic_music.training.adaptation.recipes import OTHER, RecipeSettings, Spelling

OPTIONS = {"window-bars": 2, "steps": 3, "batch-size": 2, "num-samples": 3, "num-free": 3, "sampling-batch-size": 2}
FLAGS = [word for name, value in OPTIONS.items() for word in (f"--{name}", str(value))]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """`dataset/`, and `text/`: a GPT-2 with random weights and a byte-level tokenizer."""
    folder = tiny_run.build(tmp_path_factory.mktemp("recipes"))
    torch.manual_seed(0)
    tokenizer = TOKENIZERS["byte level"]()
    tokenizer.save_pretrained(folder / "text")
    config = GPT2Config(vocab_size=len(tokenizer), n_embd=16, n_layer=1, n_head=2, n_positions=512)
    AutoModelForCausalLM.from_config(config).save_pretrained(folder / "text")
    return folder


def run(folder, output, *flags, expected=0, **options):
    given = ["--base-model", folder / "text", "--dataset", folder / "dataset", "--output", output, *FLAGS, *flags]
    return run_script("studies/compare_recipes", *given, expected=expected, **options)


@pytest.mark.slow
def test_recipes_are_compared_on_the_same_windows(folder, tmp_path):
    done = run(folder, tmp_path, "--recipe", "atoms", "--recipe", "spelled", fresh=True)
    results = {name: json.loads((tmp_path / f"{name}.json").read_text()) for name in ("atoms", "spelled")}
    assert results["atoms"]["held_out"]["rests"] == results["spelled"]["held_out"]["rests"]
    assert results["atoms"]["train_windows"] == results["spelled"]["train_windows"]
    assert results["spelled"]["training"]["tokens"] > 3 * results["atoms"]["training"]["tokens"]
    assert results["atoms"]["sampled"]["with the grammar"]["decoded"] == 3
    assert results["spelled"]["sampled"]["without"]["decoded"] == 0
    table = (tmp_path / "report.md").read_text()
    assert table.strip() in done.stdout
    assert "| atoms | with the grammar |" in table
    assert "3 of 3" in table

    written = (tmp_path / "atoms.json").stat().st_mtime_ns
    again = run(folder, tmp_path, "--recipe", "atoms")
    assert "atoms.json is there" in again.stdout
    assert (tmp_path / "atoms.json").stat().st_mtime_ns == written

    (tmp_path / "atoms.json").unlink()
    run(folder, tmp_path, "--recipe", "atoms")
    resumed = json.loads((tmp_path / "atoms.json").read_text())
    same = ("training", "held_out", "sampled")
    assert {name: resumed[name] for name in same} == {name: results["atoms"][name] for name in same}

    (tmp_path / "atoms.json").unlink()
    done = run(folder, tmp_path, "--recipe", "atoms", "--learning-rate", "0.5", expected=2)
    assert "atoms holds an adapter that was trained with" in done.stderr


def test_windows_that_are_too_long_for_all_are_an_error(folder, tmp_path):
    done = run(folder, tmp_path, "--max-tokens", "10", expected=2)
    assert "no window has at most --max-tokens 10 tokens when it is spelled" in done.stderr


def test_spelling_is_read_back(folder):
    spelling = Spelling(RecipeSettings(str(folder / "text"), window_bars=2))
    windows = [spelling.codec.encode(window) for window in spelling.codec.windows(tiny_run.tune(1))]
    for window in windows:
        ids = spelling.encode(window)
        assert spelling.events(ids[len(spelling.opening) :]) == window
    broken = spelling.events(spelling.ids(" C4_q nonsense <BAR> .E4x"))
    assert broken == ["Note_C4:q", OTHER, "Bar_None", OTHER]


def test_instruments_and_their_lines_are_counted():
    window = [
        *("Tempo_120", "Meter_4/4", "Key_C", "Bars_1", "Instrument_0", "Instrument_40", "Tracks_None"),
        *("Track_1", "Instrument_0", "Bar_last", "Note_C4:w"),
        *("Track_2", "Instrument_40", "Bar_last", "Note_C4:w"),
    ]
    assert count_instruments(window) == (2, 2)
    found = judge_windows([window, [OTHER, "Rest_q"]], TrackTextCodec())
    assert (found["decoded"], found["several_instruments"], found["all_instruments"]) == (1, 1, 1)
    assert found["music_words"] == pytest.approx(16 / 17)
    assert judge_windows([[OTHER]], TrackTextCodec())["rests"] is None
