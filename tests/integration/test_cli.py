"""The `symbolic-music` command as a user runs it: what it writes, and one line for every mistake."""

import json
import os
import struct
import subprocess
import sys
import wave
from pathlib import Path

import pytest
from made_up_music import melody_score, random_melody
from programs import PROGRAM_ENVIRONMENT, run_command
from symusic import Pedal, TimeSignature

from symbolic_music.cli import shared
from symbolic_music.cli.shared import DEFAULT_COMPOSER, DEFAULT_FILLER
from symbolic_music.score.files import read_scores
from symbolic_music.score.midi.io import write_midi

PROGRAM = Path(sys.executable).with_name("symbolic-music")
SAMPLE_KEYS = {"file", "valid", "notes", "bars", "seconds", "tokens", "invalid_reason"}
TUNE = "X:1\nT:Walk\nM:4/4\nL:1/8\nK:C\nCDEF GABc|cBAG FEDC|C2E2 G2c2|c4 C4|\n"


def succeed(*arguments, **options):
    return run_command(*arguments, expected=0, **options).stdout


def complain(*arguments, **options):
    """The one line on stderr of a command that must fail with exit code 2."""
    result = run_command(*arguments, expected=2, **options)
    lines = result.stderr.splitlines()
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("symbolic-music: ")
    return lines[0]


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory):
    from tiny_model import save_checkpoint

    return save_checkpoint(tmp_path_factory.mktemp("checkpoint"))


@pytest.fixture(scope="module")
def music(tmp_path_factory):
    """A folder of small files, good and bad."""
    folder = tmp_path_factory.mktemp("music")
    write_midi(melody_score(random_melody(1)), folder / "walk.mid")
    (folder / "tune.abc").write_text(TUNE)
    (folder / "book.abc").write_text(TUNE + "\n" + TUNE.replace("X:1", "X:2"))
    (folder / "broken.mid").write_bytes(b"MThd\x00\x00")
    (folder / "text.txt").write_text("not music")
    (folder / "empty").mkdir()
    return folder


def read_summary(folder):
    return json.loads((folder / "summary.json").read_text())


# --- generate -------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_generate_writes_every_format_and_a_summary(checkpoint, tmp_path):
    out = tmp_path / "deep" / "out"
    printed = succeed(
        "generate", "--model", checkpoint, "--num-samples", 3, "--bars", 2, "--seed", 5, "--max-tokens", 60,
        "--format", "mid,abc,wav,png", "--output-dir", out,
    )  # fmt: skip
    summary = read_summary(out)
    assert len(summary["samples"]) == 3
    assert {path.name for path in out.iterdir()} == {"summary.json"} | {
        f"sample_000{number}.{suffix}" for number in range(3) for suffix in ("mid", "abc", "wav", "png")
    }
    for number, sample in enumerate(summary["samples"]):
        assert set(sample) == SAMPLE_KEYS
        assert sample["file"] == f"sample_000{number}.mid"
        assert sample["valid"] is True
        assert sample["invalid_reason"] is None
        assert 0 < sample["tokens"] <= 60
        [score] = read_scores(out / sample["file"])
        assert score.note_num() == sample["notes"] > 0
        [tune] = read_scores((out / sample["file"]).with_suffix(".abc"))
        assert tune.note_num() == sample["notes"]
        assert sample["seconds"] > 0
        with wave.open(str(out / f"sample_000{number}.wav")) as sound:
            assert sound.getnframes() > 0
        assert (out / f"sample_000{number}.png").read_bytes()[:4] == b"\x89PNG"
    assert summary["tokens_per_second"] > 0
    assert summary["model"] == str(checkpoint)
    assert summary["prompt"] is None
    assert (summary["options"]["seed"], summary["options"]["num_bars"]) == (5, 2)
    assert "3 of 3 pieces are valid" in printed


def test_pieces_without_room_for_all_bars_are_counted(checkpoint, tmp_path):
    asked = ["--num-samples", 2, "--bars", 16, "--max-tokens", 30, "--output-dir", tmp_path]
    printed = succeed("generate", "--model", checkpoint, *asked)
    assert all(sample["bars"] < 16 for sample in read_summary(tmp_path)["samples"])
    assert "2 of 2 pieces ended before bar 16 for want of room: ask for fewer bars or instruments" in printed


@pytest.mark.slow
def test_the_program_and_the_module_write_the_same_music_for_one_seed(checkpoint, tmp_path):
    options = ["generate", "--model", checkpoint, "--num-samples", 1, "--max-tokens", 40, "--output-dir"]
    succeed(*options, tmp_path / "module", fresh=True)
    command = [str(word) for word in (PROGRAM, *options, tmp_path / "program")]
    subprocess.run(command, env=os.environ | PROGRAM_ENVIRONMENT, capture_output=True, timeout=600, check=True)
    names = ["module", "program"]
    first, second = [(tmp_path / name / "sample_0000.mid").read_bytes() for name in names]
    assert first == second


@pytest.mark.slow
@pytest.mark.parametrize("name", ["walk.mid", "tune.abc"])
def test_generate_continues_midi_and_abc(checkpoint, music, tmp_path, name):
    succeed(
        "generate", "--model", checkpoint, "--prompt", music / name, "--prompt-bars", 2, "--bars", 4,
        "--num-samples", 1, "--max-tokens", 150, "--output-dir", tmp_path,
    )  # fmt: skip
    [sample] = read_summary(tmp_path)["samples"]
    assert (sample["valid"], sample["bars"]) == (True, 4)
    assert read_summary(tmp_path)["prompt"] == str(music / name)
    [prompt], [piece] = read_scores(music / name), read_scores(tmp_path / sample["file"])

    def onsets(score):
        """(bar, sixteenth, pitch) of the first two bars."""
        notes = [(note.time * 4 / score.ticks_per_quarter, note.pitch) for t in score.tracks for note in t.notes]
        return {note for note in notes if note[0] < 32}

    assert onsets(prompt) <= onsets(piece)


@pytest.mark.slow
def test_without_the_grammar_invalid_pieces_are_listed_without_a_file(checkpoint, tmp_path):
    printed = succeed(
        "generate", "--model", checkpoint, "--no-grammar", "--num-samples", 2, "--max-tokens", 20,
        "--output-dir", tmp_path,
    )  # fmt: skip
    assert "0 of 2 pieces are valid" in printed
    assert [path.name for path in tmp_path.iterdir()] == ["summary.json"]
    for sample in read_summary(tmp_path)["samples"]:
        assert set(sample) == SAMPLE_KEYS
        assert (sample["file"], sample["valid"], sample["seconds"]) == (None, False, 0.0)
        assert sample["invalid_reason"]


# --- render and info ------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_render_writes_sound_pictures_and_midi(music, tmp_path):
    for name in ("out.wav", "out.mp3", "out.png", "out.mid"):
        assert f"written {tmp_path / name}" in succeed("render", music / "book.abc", "--output", tmp_path / name)
    assert (tmp_path / "out.wav").read_bytes()[:4] == b"RIFF"
    width, height = struct.unpack(">II", (tmp_path / "out.png").read_bytes()[16:24])
    assert min(width, height) > 100
    assert read_scores(tmp_path / "out.mid")[0].note_num() == 22


def test_info_of_files(music):
    printed = succeed("info", music / "walk.mid")
    assert "48 notes, 6 bars, 12.0 s, meter 4/4" in printed
    assert "pieces  2" in succeed("info", music / "book.abc")


def test_info_says_what_a_codec_loses(music):
    assert "as remi  nothing lost, +0.00 s at the end" in succeed("info", music / "walk.mid", "--codec", "remi")
    failed = complain("info", music / "walk.mid", "--codec", "hummed")
    assert "--codec hummed: expected abc_notes, remi, track_text or a tokenizer's folder" in failed


def test_a_cadenza_and_a_pedal_are_told_of_wherever_they_are_met(tmp_path, capsys):
    """A bar of 65/4 refuses no piece, and the pedal of a performance becomes durations: `info`, `convert` say so."""
    from symbolic_music.cli import main

    performance = melody_score(random_melody(1))
    performance.time_signatures = [TimeSignature(0, 65, 4)]
    for note in performance.tracks[0].notes:
        note.time += 7 + note.pitch % 5
        note.duration = 100
    performance.tracks[0].pedals = [Pedal(0, 9600)]
    write_midi(performance, tmp_path / "in.mid")

    def printed(*arguments):
        assert main(list(map(str, arguments))) == 0
        return capsys.readouterr().out

    told = printed("info", tmp_path / "in.mid")
    assert "besides the notes  meters cut: 1" in told
    assert "looks performed: --pedal auto makes it durations" in told
    for pedal, expected in (("auto", True), ("extend", True), ("keep", False)):
        told = printed("convert", tmp_path / "in.mid", tmp_path / f"{pedal}.mid", "--pedal", pedal)
        assert "besides the notes, meters cut: 1" in told
        assert ("besides the notes, pedalled notes:" in told) == expected
        [score] = read_scores(tmp_path / f"{pedal}.mid")
        assert (max(note.duration for note in score.tracks[0].notes) > 100) == expected


@pytest.mark.slow
def test_info_of_a_model(checkpoint):
    printed = succeed("info", checkpoint)
    for row in ("music_transformer", "1 layers of width 16", "160 tokens", "1440 tokens over 1386 events", "remi"):
        assert row in printed


def test_compare_prints_and_writes_every_statistic(music, tmp_path):
    printed = succeed("compare", music / "walk.mid", music, "--output", tmp_path / "table.json")
    assert "1 pieces beside 4 human ones" in printed
    table = json.loads((tmp_path / "table.json").read_text())
    assert all(f"{name}: {row['sampled']['mean']:.3f} [" in printed for name, row in table.items())
    assert set(table["polyphony"]) == {"sampled", "human", "distance", "overlapping_area", "kl_divergence"}


# --- One line and exit code 2 ---------------------------------------------------------------------------------------


GENERATE = ["generate", "--output-dir", "out", "--model", "no/such/model"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["compose"], "invalid choice: 'compose'"),
        (["generate"], "the following arguments are required: --output-dir"),
        ([*GENERATE, "--num-samples", "many"], "invalid int value: 'many'"),
        ([*GENERATE, "--num-samples", "0"], "--num-samples is 0; expected 1 or more"),
        (
            [*GENERATE, "--format", "mid,ogg"],
            "--format is 'mid,ogg'; expected a comma-separated list of mid, abc, musicxml, mxl, wav, mp3, png, svg",
        ),
        ([*GENERATE, "--format", ","], "--format is ','; expected"),
        (["render", "{music}/walk.mid", "--output", "{music}/walk.ogg"], "cannot write .ogg; expected"),
        (["render", "{music}/missing.mid", "--output", "{music}/x.wav"], "missing.mid: missing_file"),
        (["render", "{music}/broken.mid", "--output", "{music}/x.wav"], "broken.mid: unreadable"),
        (
            ["render", "{music}/book.abc", "--tune", "3", "--output", "{music}/x.mid"],
            "no usable tune X:3; its tunes are 1 to 2",
        ),
        (["render", "{music}/walk.mid", "--tune", "2", "--output", "{music}/x.mid"], "holds 1 pieces; there is no"),
        (["render", "{music}/walk.mid", "--output", "{music}/no/such/x.mid"], "no/such"),
        (["info", "{music}/broken.mid"], "broken.mid: unreadable"),
        (["info", "{music}/text.txt"], "text.txt: unsupported_format"),
        (["compare", "{music}/walk.mid", "{music}/empty"], "empty: expected music files"),
        (
            ["compare", "{music}/walk.mid", "{music}/walk.mid"],
            "expected 3 human pieces and 1 sampled one, got 1 and 1",
        ),
    ],
    ids=lambda value: " ".join(value)[-40:] if isinstance(value, list) else "",
)
def test_mistakes_in_arguments_and_files(arguments, message, music):
    assert message in complain(*[argument.replace("{music}", str(music)) for argument in arguments])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["info", "{music}/nothing/here"], "nothing/here does not exist"),
        (["info", "missing.mid"], "missing.mid does not exist"),
        (["info", "{music}/empty"], "is not a model folder: it holds no config.json"),
        (["info", "nobody/nothing"], "no such file or folder here, and as a Hub id: "),
        (["generate", "--model", "{music}/walk.mid"], "is a file; expected a model folder or Hub id"),
        (["generate", "--model", "./nothing"], "./nothing does not exist"),
        (["generate", "--model", "{model}", "--prompt", "{music}/broken.mid"], "broken.mid: unreadable"),
        (["generate", "--model", "{model}", "--prompt", "{music}/missing.mid"], "missing.mid: missing_file"),
        (["generate", "--model", "{model}", "--device", "abacus"], "--device is 'abacus', which cannot be used"),
        (["generate", "--model", "{model}", "--device", "cuda:99"], "--device is 'cuda:99', which cannot be used"),
        (["generate", "--model", "{model}", "--temperature", "nan"], "temperature is nan; expected"),
        (["generate", "--model", "{model}", "--top-p", "2"], "top_p is 2.0; expected"),
        (["generate", "--model", "{model}", "--bars", "0"], "num_bars is 0; expected 1 or more"),
        (["generate", "--model", "{model}", "--seed", "-1"], "seed is -1; expected"),
        (["generate", "--model", "{model}", "--max-tokens", "5"], "leaves no room to finish a piece"),
        (["generate", "--model", "{model}", "--max-tokens", "0"], "max_length is 0; expected 1 or more"),
        (
            ["generate", "--model", "{model}", "--prompt", "{music}/walk.mid", "--max-tokens", "20"],
            "so nothing can follow",
        ),
        (
            ["generate", "--model", "{model}", "--prompt", "{music}/walk.mid", "--bars", "4"],
            "--prompt-bars is 4; expected fewer than --bars 4",
        ),
        (["generate", "--model", "{model}", "--output-dir", "{music}/text.txt"], "text.txt"),
    ],
    ids=lambda value: " ".join(value)[-40:] if isinstance(value, list) else "",
)
def test_mistakes_that_need_the_model_layer(arguments, message, music, checkpoint, tmp_path):
    filled = [text.replace("{music}", str(music)).replace("{model}", str(checkpoint)) for text in arguments]
    if filled[0] == "generate" and "--output-dir" not in filled:
        filled += ["--output-dir", str(tmp_path)]
    assert message in complain(*filled)


def test_a_mistake_is_one_line_in_a_new_interpreter_too(tmp_path):
    """What libraries say while they are imported is not among it."""
    message = complain("generate", "--model", tmp_path / "nothing", "--output-dir", tmp_path, fresh=True)
    assert "nothing does not exist" in message


def test_help_is_not_a_mistake():
    assert "COMMAND" in succeed("--help", fresh=True)
    assert "--prompt-bars" in succeed("generate", "--help")


def test_without_a_model_the_shipped_ones_compose_and_fill(tmp_path):
    composed, filled = tmp_path / "composed", tmp_path / "filled"
    succeed("generate", "--num-samples", 1, "--bars", 4, "--output-dir", composed)
    assert Path(read_summary(composed)["model"]).parts[-2:] == ("model_cards", DEFAULT_COMPOSER)
    piece = composed / "sample_0000.mid"
    given = ["--prompt", piece, "--prompt-bars", 3, "--bars", 4, "--num-samples", 1]
    succeed("generate", *given, "--output-dir", tmp_path / "continued")
    assert Path(read_summary(tmp_path / "continued")["model"]).parts[-2:] == ("model_cards", DEFAULT_COMPOSER)
    succeed("infill", piece, "--bars", "2", "--num-samples", 1, "--output-dir", filled)
    assert Path(read_summary(filled)["model"]).parts[-2:] == ("model_cards", DEFAULT_FILLER)
    assert (filled / "sample_0000.mid").exists()


def test_an_installed_package_without_models_asks_for_one(tmp_path, monkeypatch):
    monkeypatch.setattr(shared, "__file__", str(tmp_path / "site-packages" / "symbolic_music" / "cli" / "shared.py"))
    with pytest.raises(shared.UserError, match="--model is missing: give a folder or a Hub id"):
        shared.shipped_model(DEFAULT_COMPOSER)
