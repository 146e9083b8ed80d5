"""`train/train_infill.py` as its user runs it: from scratch in each style, adapted, and used by the command line."""

import json
import shutil

import pytest
import tiny_run
import torch
from programs import run_command, run_script
from text_tokenizers import TOKENIZERS
from tiny_model import save_checkpoint
from transformers import AutoModelForSeq2SeqLM, BartConfig, BartForConditionalGeneration

from symbolic_music.score.midi.io import read_midi, write_midi

TINY = (  # noqa: SIM905
    "--hidden_size 16 --num_hidden_layers 1 --num_attention_heads 2 --context_length 128 --window_bars 4 "
    "--masks_per_window 1 --max_steps 4 --eval_steps 2 --save_steps 2 --logging_steps 1 --report_to none"
).split()

pytestmark = pytest.mark.slow


def train(*flags, expected=0, **options):
    return run_script("train_infill", *flags, expected=expected, **options)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """`dataset/`, `seq2seq/` trained four steps, and `tune.mid` of twelve bars."""
    folder = tiny_run.build(tmp_path_factory.mktemp("infill"))
    train("--dataset", folder / "dataset", "--output", folder / "seq2seq", *TINY, fresh=True)
    write_midi(tiny_run.tune(100), folder / "tune.mid")
    return folder


@pytest.mark.parametrize("style", ["causal", "left-to-right"])
def test_every_style_trains_on_the_same_bars(folder, tmp_path, style):
    train("--style", style, "--dataset", folder / "dataset", "--output", tmp_path / "out", *TINY)
    own, other = (json.loads((path / "infilling.json").read_text()) for path in (tmp_path / "out", folder / "seq2seq"))
    assert own["test"]["notes"] == other["test"]["notes"] > 0
    assert own["examples"] == other["examples"]
    assert own["steps"] == 4
    assert own["test"]["bits_per_note_interval"]["low"] < own["test"]["bits_per_note"]
    card = (tmp_path / "out" / "README.md").read_text()
    assert f"| test | {own['test']['bits_per_note']:.3f} |" in card
    assert f"({style})" in card
    compare(folder, tmp_path, own, other)


def compare(folder, tmp_path, own, other):
    """`symbolic-music evaluate` finds what training found, and the difference."""
    models = ["--model", tmp_path / "out", "--beside", folder / "seq2seq", "--only", "loss"]
    given = [*models, "--dataset", folder / "dataset", "--output", tmp_path / "report"]
    done = run_command("evaluate", *given, expected=0, fresh=True)
    rows = json.loads((tmp_path / "report" / "beside.json").read_text())["models"]
    bits = [found["test"]["bits_per_note"] for found in (own, other)]
    assert [row["bits_per_note"] for row in rows] == pytest.approx(bits, rel=1e-4)
    difference = rows[1]["first_is_cheaper_by"]
    assert difference["bits_per_note"] == pytest.approx(bits[1] - bits[0], abs=1e-3)
    assert difference["low"] <= difference["bits_per_note"] <= difference["high"]
    assert "the first is cheaper by" in done.stdout
    if own["arguments"]["style"] == "left-to-right":
        given = [*models[:2], "--only", "samples", *given[-4:]]
        refused = run_command("evaluate", *given, expected=2).stderr.splitlines()[-1]
        assert "reads from left to right and fills nothing: expected --only loss" in refused


def test_a_shallow_encoder_and_few_pieces_are_compared_on_the_windows_that_all_can_hold(folder, tmp_path):
    sizes = ["--num_hidden_layers", "2", "--encoder_layers", "1", "--max_train_pieces", "5", "--max_test_pieces", "2"]
    train("--dataset", folder / "dataset", "--output", tmp_path / "out", *TINY, *sizes, "--context_length", "32")
    config = json.loads((tmp_path / "out" / "config.json").read_text())
    assert (config["encoder_layers"], config["decoder_layers"]) == (1, 2)
    own, other = (json.loads((path / "infilling.json").read_text()) for path in (tmp_path / "out", folder / "seq2seq"))
    assert own["examples"]["train"] < other["examples"]["train"]
    assert own["test"]["examples"] < other["test"]["examples"]
    models = ["--model", folder / "seq2seq", "--beside", tmp_path / "out", "--only", "loss"]
    output = ["--dataset", folder / "dataset", "--loss-pieces", "2", "--output", tmp_path / "report"]
    run_command("evaluate", *models, *output, expected=0)
    rows = json.loads((tmp_path / "report" / "beside.json").read_text())["models"]
    assert rows[0]["notes"] == rows[1]["notes"] == own["test"]["notes"]
    assert rows[0]["others_cannot_hold"] > rows[1]["others_cannot_hold"] == 0


def test_only_what_was_trained_to_fill_is_compared(folder, tmp_path):
    other, composer = tmp_path / "other", save_checkpoint(tmp_path / "composer")
    shutil.copytree(folder / "seq2seq", other)
    (other / "infilling.json").write_text("{}")
    for name, complaint in (
        (other, "infilling.json: expected what `train_infill.py` writes"),
        (composer, "composer fills no bars"),
        (tmp_path / "nothing", "nothing does not exist"),
    ):
        given = ["--model", folder / "seq2seq", "--beside", name, "--dataset", folder / "dataset", "--only", "loss"]
        done = run_command("evaluate", *given, "--output", tmp_path / "report", expected=2)
        assert complaint in done.stderr.splitlines()[-1]
    done = run_command(
        "evaluate", *given[:2], *given[4:6], "--read-as-abc", "--output", tmp_path / "report", expected=2
    )
    assert "--read-as-abc says nothing to a model that fills bars" in done.stderr


def test_a_trained_model_fills_bars_of_a_file(folder, tmp_path):
    flags = ["--model", folder / "seq2seq", "--bars", "3-4", "--num-samples", "2", "--format", "mid,abc"]
    done = run_command("infill", folder / "tune.mid", *flags, "--output-dir", tmp_path / "filled", expected=0)
    assert "2 of 2 pieces are valid" in done.stdout
    before = read_midi(folder / "tune.mid")
    for path in sorted((tmp_path / "filled").glob("*.mid")):
        after = read_midi(path)
        unit = after.ticks_per_quarter
        kept = [
            [
                (note.time, note.duration, note.pitch)
                for note in score.tracks[0].notes
                if not 8 <= note.time / unit < 16
            ]
            for score in (before, after)
        ]
        assert kept[0] == kept[1]
    summary = json.loads((tmp_path / "filled" / "summary.json").read_text())
    assert summary["bars"] == "3-4"


def test_fills_of_held_out_pieces_are_counted_and_set_beside_what_people_wrote(folder, tmp_path):
    pytest.importorskip("pydivsufsort", reason="pydivsufsort is not installed (pip extra 'metrics')")
    given = ["--model", folder / "seq2seq", "--dataset", folder / "dataset", "--num-samples", "3"]
    done = run_command("evaluate", *given, "--output", tmp_path / "report", expected=0, fresh=True)
    result = json.loads((tmp_path / "report" / "filling.json").read_text())
    assert (result["with_grammar"]["valid"], result["with_grammar"]["untouched"]) == (3, 3)
    assert result["without_grammar"]["samples"] == 3
    assert "3 of 3 fills are as long as their bars" in done.stdout
    assert result["memorisation"]["samples"]["pieces"] == result["memorisation"]["human"]["pieces"] == 3
    assert result["memorisation"]["training_pieces"] > 0
    assert 0 <= result["statistics"]["notes per bar"]["overlapping_area"]["value"] <= 1
    (row,) = json.loads((tmp_path / "report" / "beside.json").read_text())["models"]
    assert f"| **this model** | {row['parameters']:,} |" in (tmp_path / "report" / "report.md").read_text()


def test_a_trained_model_is_adapted_and_both_of_what_is_saved_load(folder, tmp_path):
    from peft import AutoPeftModelForSeq2SeqLM

    output = tmp_path / "adapted"
    train("--model", folder / "seq2seq", "--dataset", folder / "dataset", "--output", output, *TINY)
    result = json.loads((output / "infilling.json").read_text())
    assert result["test"]["bits_per_note"] < result["before"]["bits_per_note"]
    assert result["parameters"]["trained"] < result["parameters"]["all"]
    assert f"| before | {result['before']['bits_per_note']:.3f} |" in (output / "README.md").read_text()
    assert "library_name: peft" in (output / "adapter" / "README.md").read_text()
    merged = AutoModelForSeq2SeqLM.from_pretrained(output)
    adapter = AutoPeftModelForSeq2SeqLM.from_pretrained(output / "adapter").merge_and_unload()
    for name, weights in merged.state_dict().items():
        assert (weights - adapter.state_dict()[name]).abs().max() < 1e-5, name
    music = tmp_path / "music"
    run_command("infill", folder / "tune.mid", "--model", output, "--bars", "1", "--output-dir", music, expected=0)
    given = ["--model", output / "adapter", "--beside", output, "--only", "loss", "--dataset", folder / "dataset"]
    run_command("evaluate", *given, "--output", tmp_path / "report", expected=0)
    alone, whole = json.loads((tmp_path / "report" / "beside.json").read_text())["models"]
    assert (alone["steps"], whole["steps"]) == (None, 4)
    assert alone["bits_per_note"] == pytest.approx(whole["bits_per_note"], rel=1e-5)
    assert whole["bits_per_note"] == pytest.approx(result["test"]["bits_per_note"], rel=1e-4)


def test_a_text_model_learns_to_fill(folder, tmp_path):
    from peft import AutoPeftModelForSeq2SeqLM

    torch.manual_seed(0)
    tokenizer = TOKENIZERS["byte level"]()
    tokenizer.save_pretrained(tmp_path / "text")
    sides = {f"{side}_{name}": 2 for side in ("encoder", "decoder") for name in ("layers", "attention_heads")}
    config = BartConfig(vocab_size=len(tokenizer), d_model=16, max_position_embeddings=160, **sides)
    BartForConditionalGeneration(config).save_pretrained(tmp_path / "text")
    output, music = tmp_path / "out", tmp_path / "music"
    given = ["--base_model", tmp_path / "text", "--dataset", folder / "dataset", "--output", output]
    train(*given, *TINY)
    merged = AutoModelForSeq2SeqLM.from_pretrained(output).eval()
    adapter = AutoPeftModelForSeq2SeqLM.from_pretrained(output / "adapter").eval()
    ids = torch.arange(5, 25)[None]
    with torch.inference_mode():
        logits = [model(input_ids=ids, decoder_input_ids=ids).logits for model in (merged, adapter)]
    assert (logits[0] - logits[1]).abs().max() < 1e-5
    done = run_command(
        "infill", folder / "tune.mid", "--model", output, "--bars", "2", "--output-dir", music, expected=0
    )
    assert "4 of 4 pieces are valid" in done.stdout


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        (["--bars", "5-99"], "bars 5-99 are not there; expected bars within 1-12"),
        (["--bars", "8-5"], "--bars is '8-5'"),
        (["--bars", "some"], "--bars is 'some'"),
        (["--bars", "1-8"], "bars 1-8 are 8; this model's windows hold 4"),
        (["--bars", "5", "--tracks", "Tuba"], "no track 'Tuba'; there are 1 Acoustic Grand Piano"),
    ],
)
def test_mistakes_of_infill_are_one_line(folder, tmp_path, flags, complaint):
    given = [folder / "tune.mid", "--model", folder / "seq2seq", *flags, "--output-dir", tmp_path]
    done = run_command("infill", *given, expected=2)
    assert complaint in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        ([], "--dataset is missing"),
        (["--dataset", "DATASET", "--style", "sideways"], "--style is 'sideways'; expected one of seq2seq, causal"),
        (["--dataset", "DATASET", "--preset", "songs"], "--preset is 'songs'; expected one of bars, lines"),
        (["--dataset", "DATASET", "--model", "a", "--base_model", "b"], "not both"),
        (["--dataset", "DATASET", "--model", "MODEL", "--style", "causal"], "--style causal does not fit a mbart"),
        (["--dataset", "DATASET", "--num_attention_heads", "5"], "--hidden_size 192 is no multiple of 5 heads"),
        (["--dataset", "DATASET", "--max_masks", "0"], "--max_masks is 0; expected 1 or more"),
        (["--dataset", "DATASET", "--max_test_pieces", "0"], "--max_test_pieces is 0; expected 1 or more"),
        (["--dataset", "DATASET", "--start_from", "MODEL"], "it fills masked bars already; name it by --model"),
        (["--dataset", "DATASET", "--style", "causal", "--encoder_layers", "2"], "--encoder_layers is of a BART"),
    ],
)
def test_mistakes_of_training_are_one_line(folder, tmp_path, flags, complaint):
    names = {"DATASET": folder / "dataset", "MODEL": folder / "seq2seq"}
    done = train(*(names.get(flag, flag) for flag in flags), "--output", tmp_path / "out", expected=2)
    assert complaint in done.stderr
    assert done.stderr.strip().splitlines()[-1].startswith("error: ")
