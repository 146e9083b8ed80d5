"""`symbolic-music evaluate` on a tiny model: what it writes, that it goes on where it stopped, and what it refuses."""

import json
import re

import pytest
import tiny_run
import torch
from programs import run_command, run_script
from tiny_model import save_checkpoint, tiny_model, tiny_processor
from transformers import AutoModelForCausalLM

from symbolic_music.cli import main
from symbolic_music.events.voices.abc_notes import AbcNotesCodec, AbcNotesSettings
from symbolic_music.events.voices.track_text import TrackTextCodec, TrackTextSettings
from symbolic_music.metrics.statistics import STATISTICS
from symbolic_music.models.music_lstm.configuration_music_lstm import MusicLSTMConfig
from symbolic_music.models.music_lstm.modeling_music_lstm import MusicLSTMForCausalLM
from symbolic_music.report.comparison import comparison_text, read_losses, read_reports
from symbolic_music.tokenization.build import build_word_level_tokenizer
from symbolic_music.training.adaptation.lora import ADAPTER_FOLDER, add_adapter, save_adapted

FEW = ["--num-samples", "7", "--num-free-samples", "3", "--batch-size", "1", "--max-tokens", "120"]
SPLIT = "validation"  # three near-duplicate groups: as many as continuations need at least
CONTINUED = ["--continuations", "3", "--prompt-bars", "2", "--continued-bars", "2"]

pytest.importorskip("pydivsufsort", reason="pydivsufsort is not installed (pip extra 'metrics')")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tiny_run.build(tmp_path_factory.mktemp("place"))
    save_checkpoint(folder / "model")
    return folder


def command(place, output, *more):
    about = ["--model", str(place / "model"), "--dataset", str(place / "dataset"), "--split", SPLIT]
    return ["evaluate", *about, "--output", str(output), *FEW, *more]


@pytest.fixture(scope="module")
def report(place):
    assert main(command(place, place / "report", *CONTINUED)) == 0
    return place / "report"


def figures(folder):
    return json.loads((folder / "report.json").read_text())


def test_a_report_is_figures_text_pictures_and_pieces(report):
    found = figures(report)
    assert found["sampling"]["with_grammar"]["valid"] == found["sampling"]["with_grammar"]["pieces"] == 7
    assert found["sampling"]["without_grammar"]["pieces"] == 3
    assert found["pieces"] == {"sampled": 7, "human": tiny_run.SPLIT_SIZES[SPLIT], "refused": {}}
    assert list(found["loss"]["by_source"]) == ["walk"]
    assert found["loss"]["by_bar"]["all"]["pieces"] == tiny_run.SPLIT_SIZES[SPLIT]
    assert found["continuations"]["asked"] == 3
    assert found["loss"]["pieces"] == tiny_run.SPLIT_SIZES[SPLIT]
    assert found["memorisation"]["training_pieces"] == tiny_run.SPLIT_SIZES["train"]
    assert found["memorisation"]["samples"]["pieces"] == 7
    # Random weights spend their tokens early: of sixteen bars the last may be silent, which no file can hold.
    assert found["control"]["bars"]["asked"] == 48
    assert found["control"]["bars"]["kept"] >= 24
    assert len(list((report / "samples").glob("*.mid"))) == 7
    names = {path.name for path in report.iterdir() if path.is_file()}
    pictures = {"typical.png", "best.png", "worst.png", "distributions.png", "loss_by_bar.png"}
    assert names == {"report.json", "report.md", "losses.csv", "model_index.yaml"} | pictures
    for name in pictures:
        assert (report / name).read_bytes()[:4] == b"\x89PNG"


def test_the_text_quotes_the_figures(report):
    text, found = (report / "report.md").read_text(), figures(report)
    assert f"**{found['loss']['bits_per_note']:.3f}**" in text
    assert "| with the grammar | 7 | 7 | 100.0% |" in text
    for name in found["statistics"]:
        assert f"\n| {name} | " in text
    for name in found["statistics_left_out"]:
        assert f"\n\nNo row for {name}: " in text
    assert found["statistics_left_out"].keys() | found["statistics"].keys() == STATISTICS.keys()
    assert not re.search(r"\bnan\b", text)
    assert "Of 3 held-out pieces, no two of one near-duplicate group, 2 bars were given and 2 asked for" in text
    kept = found["continuations"]["continuation"]["instruments_kept"]
    assert f"| the prompt's instruments that play on | {kept['mean']:.1%} [" in text
    many = found["instruments"]["sampled"]["keyboard alone"]
    assert f"| keyboard alone | {many['share']:.1%} (" in text
    assert f"value: {found['loss']['bits_per_note']:.4f}".rstrip("0") in (report / "model_index.yaml").read_text()


def test_a_report_that_was_cut_short_goes_on_and_ends_the_same(place, report, tmp_path):
    whole = (report / "report.json").read_text()
    parts = {path.name: path.read_bytes() for path in (report / "parts").iterdir()}
    samples = parts["samples-with-grammar.jsonl"].splitlines(keepends=True)
    (tmp_path / "parts").mkdir()
    kept = parts["samples-without-grammar.jsonl"]
    (tmp_path / "parts" / "samples-without-grammar.jsonl").write_bytes(kept)
    (tmp_path / "parts" / "samples-with-grammar.jsonl").write_bytes(b"".join(samples[:2]) + samples[2][:40])
    assert main(command(place, tmp_path)) == 0
    again = [json.loads(line) for line in (tmp_path / "parts" / "samples-with-grammar.jsonl").open()]
    assert [line.get("ids") for line in again] == [json.loads(line).get("ids") for line in samples]
    ours, theirs = figures(tmp_path), json.loads(whole)
    for name in ("loss", "statistics", "memorisation", "control", "pieces", "shown"):
        assert ours[name] == theirs[name], name
    assert main(command(place, report)) == 0
    assert figures(report)["sampling"] == theirs["sampling"]


def test_parts_are_measured_alone(place, report, tmp_path, capsys):
    whole = figures(report)
    assert main(command(place, tmp_path, "--only", "loss")) == 0
    assert f"{whole['loss']['bits_per_note']:.3f} bits/note" in capsys.readouterr().out
    alone = figures(tmp_path)
    assert alone["loss"] == whole["loss"]
    assert not {"sampling", "memorisation", "control"} & alone.keys()
    assert {path.name for path in tmp_path.iterdir()} == {
        *("report.json", "report.md", "losses.csv", "loss_by_bar.png", "parts"),
    }
    assert main(command(place, tmp_path, "--only", "copies,control", "--index", str(tmp_path / "index"))) == 0
    assert "| samples | human |" in capsys.readouterr().out
    alone = figures(tmp_path)
    assert {name: alone[name] for name in ("memorisation", "control")} == {
        name: whole[name] for name in ("memorisation", "control")
    }
    assert (tmp_path / "index").exists()
    assert main(command(place, tmp_path / "short", "--only", "loss", "--context-length", "16")) == 0
    short = figures(tmp_path / "short")["loss"]
    assert short["context_length"] == 16
    assert short["nats"] != whole["loss"]["nats"]
    assert short["notes"] == whole["loss"]["notes"]


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--seed", "1"], "was measured for"),
        (["--seed", "1", "--only", "samples"], "holds samples of other options"),
        (["--split", "test"], "was measured for"),
        (["--split", "nothing"], "nothing"),
        (["--continuations", "2"], "--continuations is 2; expected 3 or more"),
        (["--continuations", "3", "--prompt-bars", "0"], "--prompt-bars is 0; expected 1 or more"),
        (["--continuations", "3"], "0 held-out pieces have 24 bars"),
        (["--kinds", "no/such/kinds.yaml"], "no/such/kinds.yaml: no such file; expected a YAML file"),
        (["--num-samples", "0"], "--num-samples is 0; expected 1 or more"),
        (["--batch-size", "0"], "--batch-size is 0; expected 1 or more"),
        (["--cover-notes", "0"], "cover_notes is 0 and alarm_notes 16; expected 4 or more"),
        (
            ["--only", "loss,speed"],
            "--only is 'loss,speed'; expected some of loss,samples,copies,control,continuations",
        ),
        (["--only", "loss", "--continuations", "3"], "--continuations is given, and --only leaves them out"),
        (["--beside", "another"], "--beside is of models that fill bars"),
        (["--samples", "here"], "--num-samples says nothing to pieces that are there: leave it out"),
        (["--top-p", "2"], "top_p is 2.0; expected more than 0 and at most 1"),
        (["--model", "nowhere/to-be-found"], "nowhere/to-be-found"),
    ],
)
def test_mistakes_are_one_line(place, report, capsys, flags, said):
    assert main(command(place, report, *flags)) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("symbolic-music: ")
    assert said in error


def test_models_stand_side_by_side_in_one_table(report, tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        for file in ("report.json", "losses.csv"):
            (tmp_path / name / file).write_bytes((report / file).read_bytes())
    reports, output = ["--reports", tmp_path / "two", tmp_path / "one"], tmp_path / "table.md"
    run_command("compare", *reports, "--output", output, expected=0, fresh=True)
    text = output.read_text()
    assert text.index("| [one](one) |") < text.index("| [two](two) |")
    assert f"{figures(report)['loss']['bits_per_note']:.3f} [" in text
    folders = [tmp_path / "one", tmp_path / "two"]
    assert text == comparison_text(read_reports(folders), read_losses(folders), text.split("```")[1].strip())
    assert f"{tiny_run.SPLIT_SIZES[SPLIT]} pieces in 3 groups" in text
    assert "0.000 [0.000, 0.000]" in text  # the same model twice: no difference
    missing = run_command("compare", *reports, tmp_path, "--output", output, expected=2)
    assert "expected the figures that `symbolic-music evaluate` writes" in missing.stderr


def test_the_top_p_nearest_to_human_pieces_is_named(place, tmp_path):
    about = ["--model", place / "model", "--dataset", place / "dataset", "--output", tmp_path / "tuning.json"]
    few = ["--top-p", "0.2", "1.0", "--num-samples", "6", "--batch-size", "3", "--max-tokens", "120"]
    done = run_script("tune_sampling", *about, *few, expected=0, fresh=True)
    result = json.loads((tmp_path / "tuning.json").read_text())
    assert result["human_pieces"] == tiny_run.SPLIT_SIZES["validation"]
    by_distance = sorted(result["rows"], key=lambda row: row["mean_distance"])
    assert by_distance[0]["mean_distance"] < by_distance[1]["mean_distance"]
    assert result["nearest"] == by_distance[0]["top_p"]
    assert f"nearest to human pieces: top-p {result['nearest']:g}" in done.stdout


# --- Every kind of model --------------------------------------------------------------------------------------------


def save_lstm(folder, place):
    processor = build_word_level_tokenizer(AbcNotesCodec(AbcNotesSettings(max_voices=4)), 160)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "max_position_embeddings": 160}
    MusicLSTMForCausalLM(MusicLSTMConfig(vocab_size=len(processor.tokenizer), **sizes)).save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def save_track_text(folder, place):
    processor = build_word_level_tokenizer(TrackTextCodec(TrackTextSettings(max_bars=4, max_tracks=4)), 160)
    tiny_model(processor).save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def save_adapter(folder, place):
    adapted = add_adapter(AutoModelForCausalLM.from_pretrained(place / "model"), rank=2)
    save_adapted(adapted, tiny_processor(), folder, str(place / "model"))
    return folder / ADAPTER_FOLDER


@pytest.mark.slow
@pytest.mark.parametrize(
    ("save", "codec"), [(save_lstm, "abc_notes"), (save_track_text, "track_text"), (save_adapter, "remi")]
)
def test_every_kind_of_model_has_the_same_report(place, report, tmp_path, save, codec):
    torch.manual_seed(0)
    model, output = save(tmp_path / "other", place), tmp_path / "report of another"
    about = ["--model", str(model), "--dataset", str(place / "dataset"), "--output", str(output)]
    assert main(["evaluate", *about, *FEW]) == 0
    found = figures(output)
    assert found["codec"] == codec
    assert found["sampling"]["with_grammar"]["valid"] == 7
    assert found.keys() == figures(report).keys()
    assert found["statistics"].keys() == figures(report)["statistics"].keys()
    table = comparison_text(read_reports([report, output]), {}, "")
    rows = [line.split("|") for line in table.splitlines() if line.startswith(("| model |", "| [report"))]
    assert len(rows) == 3
    assert len(set(map(len, rows))) == 1
    assert not re.search(r"\bnan\b", (output / "report.md").read_text())
