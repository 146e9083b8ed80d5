"""The folder of a Hub repository: loads with and without the package, and its card quotes the files beside it."""

import json
import os
import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from huggingface_hub import ModelCard
from made_up_results import FACTS, save_trained
from transformers import AutoModelForCausalLM, AutoProcessor

import symbolic_music
from symbolic_music.hub.errors import PublishError
from symbolic_music.hub.publish import FACT_FILES, assemble_model


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return save_trained(tmp_path_factory.mktemp("trained"))


@pytest.fixture(scope="module")
def published(trained, tmp_path_factory):
    folder = tmp_path_factory.mktemp("hub") / "model"
    assemble_model(trained, folder, FACTS, dtype="float32")
    return folder


def test_the_folder_holds_all_a_repository_needs(published):
    names = {path.name for path in published.iterdir()}
    assert names == {
        "README.md",
        "config.json",
        "cache_music_transformer.py",
        "configuration_music_transformer.py",
        "evaluation.json",
        "generation_config.json",
        "miditok.json",
        "model.safetensors",
        "modeling_music_transformer.py",
        "processor_config.json",
        "sampling.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "training_summary.json",
    }
    assert "per_piece" not in json.loads((published / "evaluation.json").read_text())


def test_it_loads_with_the_package_as_the_packages_own_classes(published, trained):
    model = AutoModelForCausalLM.from_pretrained(published)
    assert type(model) is symbolic_music.MusicTransformerForCausalLM
    assert type(AutoProcessor.from_pretrained(published)) is symbolic_music.MusicProcessor
    original = AutoModelForCausalLM.from_pretrained(trained)
    for name, weight in original.state_dict().items():
        assert torch.equal(model.state_dict()[name], weight), name
    assert model.generation_config.max_length == model.config.max_position_embeddings


STRANGER = """
import sys
from importlib.abc import MetaPathFinder
class Blocker(MetaPathFinder):
    def find_spec(self, fullname, path, target=None):
        if fullname.partition(".")[0] == "symbolic_music":
            raise ModuleNotFoundError(fullname, name=fullname)
sys.meta_path.insert(0, Blocker())
from transformers import AutoModelForCausalLM, AutoTokenizer
model = AutoModelForCausalLM.from_pretrained(sys.argv[1], trust_remote_code=True)
tokenizer = AutoTokenizer.from_pretrained(sys.argv[1], trust_remote_code=True)
start = tokenizer("BOS_None", return_tensors="pt").input_ids
print(model.generate(start, do_sample=False, max_length=20).tolist())
"""


@pytest.mark.slow
def test_it_loads_without_the_package_and_generates_the_same(published, tmp_path):
    environment = {**os.environ, "HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    result = subprocess.run(
        [sys.executable, "-I", "-c", STRANGER, str(published)],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        cwd=tmp_path,
        env=environment,
    )
    assert result.returncode == 0, result.stderr
    model = AutoModelForCausalLM.from_pretrained(published)
    expected = model.generate(torch.tensor([[1]]), do_sample=False, max_length=20)
    assert result.stdout.strip() == str(expected.tolist())


def test_bfloat16_halves_the_weights(trained, tmp_path):
    assemble_model(trained, tmp_path / "half", FACTS)
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "half", dtype="auto")
    assert model.dtype == torch.bfloat16


# --- The card -------------------------------------------------------------------------------------------------------


def test_the_cards_metadata_can_be_read(published):
    data = ModelCard.load(published / "README.md").data
    assert data.license == "apache-2.0"
    assert data.library_name == "transformers"
    assert {"music", "midi", "symbolic-music"} <= set(data.tags)
    [result] = data.eval_results
    assert (result.metric_type, result.metric_value, result.dataset_split) == ("bits_per_note", 3.456, "test")


def test_every_figure_stands_on_the_card(published):
    card = (published / "README.md").read_text()
    shown = [
        "3.456", "[3.110, 3.970]", "27.89", "1.2345", "98.7650%", "321", "287", "98,765", "5.678", "4.321",
        "5p11th45h", "70k3n", "1,234 train", "56 validation", "7,654,321", "42 minutes", "2 cores of something",
        "0.125", "0.375", "seed\n41", "0.95", "777", "999", "99.9%", "61.3%", "300 broken, 87 unfinished",
        "7.123 [6.891, 7.456]", "8.321 [8.012, 8.654]", "222", "It only walks.", "The walks are free.",
    ]  # fmt: skip
    assert [text for text in shown if text not in card] == []
    assert "5-8" not in card  # no notes there, so no figure


FIGURES = [
    ("evaluation.json", ["bits_per_note"]),
    ("evaluation.json", ["bits_per_note_interval", "low"]),
    ("evaluation.json", ["bits_per_bar"]),
    ("evaluation.json", ["nats_per_token"]),
    ("evaluation.json", ["allowed_mass"]),
    ("evaluation.json", ["pieces"]),
    ("evaluation.json", ["bits_per_note_by_bar", "1-4", "bits_per_note"]),
    ("sampling.json", ["with_grammar", "share"]),
    ("sampling.json", ["without_grammar", "valid"]),
    ("sampling.json", ["without_grammar", "interval", "high"]),
    ("sampling.json", ["statistics", "sampled", "notes per bar", "mean"]),
    ("sampling.json", ["statistics", "human", "notes per bar", "low"]),
    ("training_summary.json", ["tokens_seen"]),
    ("training_summary.json", ["pieces", "train"]),
    ("training_summary.json", ["seed"]),
    ("training_summary.json", ["training_seconds"]),
]


def test_a_changed_figure_changes_the_card(trained, published, tmp_path):
    from symbolic_music.hub.model_card import model_card

    processor = AutoProcessor.from_pretrained(published)
    num_parameters = AutoModelForCausalLM.from_pretrained(published).num_parameters()
    contents = {name: json.loads((published / name).read_text()) for name in FACT_FILES}
    assert model_card(FACTS, num_parameters, processor, *contents.values()) == (published / "README.md").read_text()
    for name, path in FIGURES:
        changed = json.loads(json.dumps(contents))
        place = changed[name]
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] *= 2
        card = model_card(FACTS, num_parameters, processor, *changed.values())
        assert card != (published / "README.md").read_text(), (name, path)


def test_ablations_make_a_table(trained, tmp_path):
    rows = [{"run": "all", "bits": "3.4"}, {"run": "no merges", "bits": "3.9"}]
    assemble_model(trained, tmp_path / "model", replace(FACTS, ablations=rows, ablation_note="Equal tokens."))
    card = (tmp_path / "model" / "README.md").read_text()
    assert "Equal tokens.\n\n| run | bits |\n|---|---|\n| all | 3.4 |\n| no merges | 3.9 |" in card


# --- What is refused ------------------------------------------------------------------------------------------------


def copy_of(folder, copy):
    copy.mkdir()
    for path in folder.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    return copy


@pytest.mark.parametrize("name", FACT_FILES)
def test_a_missing_file_is_named_and_nothing_is_written(trained, tmp_path, name):
    checkpoint = copy_of(trained, tmp_path / "checkpoint")
    (checkpoint / name).unlink()
    with pytest.raises(PublishError, match=rf"{name} is missing"):
        assemble_model(checkpoint, tmp_path / "model", FACTS)
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint"]


@pytest.mark.parametrize(("name", "key"), [("evaluation.json", "bits_per_bar"), ("training_summary.json", "pieces")])
def test_a_missing_figure_is_named_and_nothing_half_written_remains(trained, tmp_path, name, key):
    checkpoint = copy_of(trained, tmp_path / "checkpoint")
    content = json.loads((checkpoint / name).read_text())
    del content[key]
    (checkpoint / name).write_text(json.dumps(content))
    with pytest.raises(PublishError, match=rf"the card needs the figure '{key}'"):
        assemble_model(checkpoint, tmp_path / "model", FACTS)
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint"]


def test_an_existing_output_and_broken_json_are_refused(trained, tmp_path):
    with pytest.raises(PublishError, match="exists; expected a folder to make"):
        assemble_model(trained, tmp_path, FACTS)
    checkpoint = copy_of(trained, tmp_path / "checkpoint")
    (checkpoint / "sampling.json").write_text("{")
    with pytest.raises(PublishError, match=r"sampling\.json is not JSON"):
        assemble_model(checkpoint, tmp_path / "model", FACTS)


def test_samples_go_along_and_the_first_one_is_on_the_card(trained, tmp_path):
    folder = tmp_path / "scratch"
    folder.mkdir()
    pieces = [{"file": f"sample_{number:04d}.mid"} for number in range(5)]
    options = {"seed": 7, "temperature": 0.9, "top_p": 1.0, "num_bars": 16}
    (folder / "summary.json").write_text(json.dumps({"samples": pieces, "prompt": None, "options": options}))
    for number in range(5):
        (folder / f"sample_{number:04d}.mid").write_bytes(b"MThd")
        (folder / f"sample_{number:04d}.abc").write_text(f"X:1\nT:piece {number}\nK:C\n")
    assemble_model(trained, tmp_path / "model", FACTS, samples=[folder])
    assert sorted(path.name for path in (tmp_path / "model" / "samples" / "scratch").iterdir()) == [
        f"sample_000{number}.{suffix}" for number in range(3) for suffix in ("abc", "mid")
    ]
    card = (tmp_path / "model" / "README.md").read_text()
    assert "```abc\nX:1\nT:piece 0\n" in card
    assert "--num-samples 5 --seed 7 --temperature 0.9 --top-p 1 --bars 16`" in card
    assert "(samples/scratch/sample_0002.mid)" in card


def test_a_folder_without_samples_is_named(trained, tmp_path):
    with pytest.raises(PublishError, match="nothing holds no samples"):
        assemble_model(trained, tmp_path / "model", FACTS, samples=[tmp_path / "nothing"])
