"""The folder of a Hub repository: loads with and without the package, and its card quotes the files beside it."""

import json
from dataclasses import replace

import pytest
import torch
from huggingface_hub import ModelCard
from made_up_results import FACTS, TEMPLATE, save_trained
from transformers import AutoModelForCausalLM, AutoProcessor
from without_package import run_without_package

import symbolic_music
from symbolic_music.hub.assembly.composer import TRAINING_FILE, assemble_model
from symbolic_music.hub.cards.composer import PLOTS_FOLDER, model_card
from symbolic_music.hub.cards.sections import PLOTS, REPORT_FILE
from symbolic_music.hub.errors import PublishError


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return save_trained(tmp_path_factory.mktemp("trained"))


@pytest.fixture(scope="module")
def published(trained, tmp_path_factory):
    folder = tmp_path_factory.mktemp("hub") / "model"
    assemble_model(trained, trained, folder, FACTS, TEMPLATE, dtype="float32")
    return folder


def test_the_folder_holds_all_a_repository_needs(published):
    names = {path.name for path in published.iterdir()}
    assert names == {
        "README.md",
        "config.json",
        "cache_music_transformer.py",
        "configuration_music_transformer.py",
        "generation_config.json",
        "layers_music_transformer.py",
        "miditok.json",
        "model.safetensors",
        "modeling_music_transformer.py",
        "plots",
        "processor_config.json",
        "report.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "training_summary.json",
    }
    assert sorted(path.name for path in (published / PLOTS_FOLDER).iterdir()) == sorted(PLOTS.values())


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
from transformers import AutoModelForCausalLM, AutoTokenizer
model = AutoModelForCausalLM.from_pretrained(sys.argv[1], trust_remote_code=True)
tokenizer = AutoTokenizer.from_pretrained(sys.argv[1], trust_remote_code=True)
start = tokenizer("BOS_None", return_tensors="pt").input_ids
print(model.generate(start, do_sample=False, max_length=20).tolist())
"""


@pytest.mark.slow
def test_it_loads_without_the_package_and_generates_the_same(published, tmp_path):
    home = {"HF_HOME": str(tmp_path)}
    told = run_without_package(STRANGER, published, folder=tmp_path, environment=home)
    model = AutoModelForCausalLM.from_pretrained(published)
    expected = model.generate(torch.tensor([[1]]), do_sample=False, max_length=20)
    assert told.strip() == str(expected.tolist())


def test_bfloat16_halves_the_weights(trained, tmp_path):
    assemble_model(trained, trained, tmp_path / "half", FACTS, TEMPLATE)
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "half", dtype="auto")
    assert model.dtype == torch.bfloat16


# --- The card -------------------------------------------------------------------------------------------------------


def test_the_cards_metadata_can_be_read(published):
    data = ModelCard.load(published / "README.md").data
    assert data.license == "apache-2.0"
    assert data.library_name == "transformers"
    assert {"music", "midi", "symbolic-music"} <= set(data.tags)
    results = {result.metric_type: result for result in data.eval_results}
    assert {result.dataset_split for result in results.values()} == {"test"}
    assert results["bits_per_note"].metric_value == 3.456
    assert results["decode_validity"].metric_value == 0.999
    assert results["mean_distance_to_human"].metric_value == 0.456
    assert results["mean_overlapping_area"].metric_value == 0.789


def test_every_figure_stands_on_the_card(published):
    card = (published / "README.md").read_text()
    shown = [
        "3.456", "[3.110, 3.970]", "27.89", "1.2345", "98.7650%", "321", "287", "98,765", "5.678", "4.321",
        "5p11th45h", "70k3n", "1,234 train", "56 validation", "7,654,321", "42 minutes", "2 cores of something",
        "0.125", "0.375", "seed 41", "0.95", "777", "999", "99.9%", "61.3%", "300 broken, 87 unfinished",
        "7.123 [6.873, 7.498]", "8.321 [8.071, 8.696]", "222", "-0.46 [-0.58, -0.39]", "0.79 [0.66, 0.85]",
        "1,357", "468", "555,555", "50.0% [45.0%, 55.0%]", "| bars | 48 | 47 | 89.0% to 99.6% |", "It only walks.",
        "The walks are free.", "No row for chord-tone share: 17 samples and 1 human", "24.6% (23.1% to 27.1%)",
        "| two instruments | 654 | 543 | 0.43 | 0.07 |", "| strolls | 88 | 87 | 0.32 | 0.14 |",
        "bars 17-32 are cheaper than bars 9-16 by 0.234 bits per note [0.123, 0.345]",
        "| strolls | 300 | 98,000 | 3.401 [3.100, 3.900] |", "| hikes | 21 | 765 | 4.567 (too few pieces",
        "Of 98 held-out pieces", "6 bars were given and 13 asked for; 96 came, 4 of them silent; none came of others: "
        "2 no complete piece. ", "| 0.765 [0.515, 1.140] | 0, being itself | 1.357 [1.107, 1.732] |",
        "86.4% [84.9%, 88.9%]",
        "of the same source, which lies at 1.246 [0.996, 1.621], in 75.3% [73.8%, 77.8%].",
    ]  # fmt: skip
    assert [text for text in shown if text not in card] == []
    assert "5-8" not in card  # no notes there, so no figure


FIGURES = [
    (REPORT_FILE, ["loss", "bits_per_note"]),
    (REPORT_FILE, ["loss", "bits_per_note_interval", "low"]),
    (REPORT_FILE, ["loss", "bits_per_bar"]),
    (REPORT_FILE, ["loss", "nats_per_token"]),
    (REPORT_FILE, ["loss", "allowed_mass"]),
    (REPORT_FILE, ["loss", "pieces"]),
    (REPORT_FILE, ["loss", "refused", "too many voices"]),
    (REPORT_FILE, ["loss", "bits_per_note_by_bar", "1-4", "bits_per_note"]),
    (REPORT_FILE, ["sampling", "with_grammar", "share"]),
    (REPORT_FILE, ["sampling", "without_grammar", "valid"]),
    (REPORT_FILE, ["sampling", "without_grammar", "interval", "high"]),
    (REPORT_FILE, ["sampling", "tokens_per_second"]),
    (REPORT_FILE, ["statistics", "notes per bar", "sampled", "mean"]),
    (REPORT_FILE, ["statistics", "notes per bar", "human", "low"]),
    (REPORT_FILE, ["statistics", "notes per bar", "distance", "value"]),
    (REPORT_FILE, ["statistics", "notes per bar", "overlapping_area", "high"]),
    (REPORT_FILE, ["memorisation", "samples", "covered", "mean"]),
    (REPORT_FILE, ["memorisation", "human", "longest_run", "max"]),
    (REPORT_FILE, ["memorisation", "training_notes"]),
    (REPORT_FILE, ["control", "bars", "kept"]),
    (REPORT_FILE, ["loss", "by_bar", "later_is_cheaper_by", "low"]),
    (REPORT_FILE, ["loss", "by_source", "hikes", "notes"]),
    (REPORT_FILE, ["instruments", "human", "with drums", "share"]),
    (REPORT_FILE, ["lineups", "two instruments", "floor"]),
    (REPORT_FILE, ["continuations", "another", "in_key", "mean"]),
    (REPORT_FILE, ["continuations", "truth", "same_key", "share"]),
    (REPORT_FILE, ["continuations", "another_of_source", "distance", "mean"]),
    (TRAINING_FILE, ["tokens_seen"]),
    (TRAINING_FILE, ["pieces", "train"]),
    (TRAINING_FILE, ["seed"]),
    (TRAINING_FILE, ["training_seconds"]),
]


def test_a_changed_figure_changes_the_card(published):
    processor = AutoProcessor.from_pretrained(published)
    model = AutoModelForCausalLM.from_pretrained(published)
    contents = {name: json.loads((published / name).read_text()) for name in (TRAINING_FILE, REPORT_FILE)}
    assert model_card(TEMPLATE, FACTS, model, processor, *contents.values()) == (published / "README.md").read_text()
    for name, path in FIGURES:
        changed = json.loads(json.dumps(contents))
        place = changed[name]
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] *= 2
        card = model_card(TEMPLATE, FACTS, model, processor, *changed.values())
        assert card != (published / "README.md").read_text(), (name, path)


def test_ablations_make_a_table(trained, tmp_path):
    rows = [{"run": "all", "bits": "3.4"}, {"run": "no merges", "bits": "3.9"}]
    assemble_model(
        trained, trained, tmp_path / "model", replace(FACTS, ablations=rows, ablation_note="Equal tokens."), TEMPLATE
    )
    card = (tmp_path / "model" / "README.md").read_text()
    assert "Equal tokens.\n\n| run | bits |\n|---|---|\n| all | 3.4 |\n| no merges | 3.9 |" in card


# --- What is refused ------------------------------------------------------------------------------------------------


def copy_of(folder, copy):
    copy.mkdir()
    for path in folder.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    return copy


@pytest.mark.parametrize("name", [TRAINING_FILE, REPORT_FILE])
def test_a_missing_file_is_named_and_nothing_is_written(trained, tmp_path, name):
    checkpoint = copy_of(trained, tmp_path / "checkpoint")
    (checkpoint / name).unlink()
    with pytest.raises(PublishError, match=rf"{name} is missing"):
        assemble_model(checkpoint, checkpoint, tmp_path / "model", FACTS, TEMPLATE)
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint"]


@pytest.mark.parametrize(
    ("name", "place", "key"), [(REPORT_FILE, "loss", "bits_per_bar"), (TRAINING_FILE, "", "pieces")]
)
def test_a_missing_figure_is_named_and_nothing_half_written_remains(trained, tmp_path, name, place, key):
    checkpoint = copy_of(trained, tmp_path / "checkpoint")
    content = json.loads((checkpoint / name).read_text())
    del (content[place] if place else content)[key]
    (checkpoint / name).write_text(json.dumps(content))
    with pytest.raises(PublishError, match=rf"the card needs the figure '{key}'"):
        assemble_model(checkpoint, checkpoint, tmp_path / "model", FACTS, TEMPLATE)
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint"]


def test_an_existing_output_and_broken_json_are_refused(trained, tmp_path):
    with pytest.raises(PublishError, match="exists; expected a folder to make"):
        assemble_model(trained, trained, tmp_path, FACTS, TEMPLATE)
    checkpoint = copy_of(trained, tmp_path / "checkpoint")
    (checkpoint / REPORT_FILE).write_text("{")
    with pytest.raises(PublishError, match=r"report\.json is not JSON"):
        assemble_model(checkpoint, checkpoint, tmp_path / "model", FACTS, TEMPLATE)


def test_samples_go_along_and_the_first_one_is_on_the_card(trained, tmp_path):
    folder = tmp_path / "scratch"
    folder.mkdir()
    pieces = [{"file": f"sample_{number:04d}.mid"} for number in range(7)]
    options = {"seed": 7, "temperature": 0.9, "top_p": 1.0, "num_bars": 16}
    (folder / "summary.json").write_text(json.dumps({"samples": pieces, "prompt": None, "options": options}))
    for number in range(7):
        (folder / f"sample_{number:04d}.mid").write_bytes(b"MThd")
        (folder / f"sample_{number:04d}.mp3").write_bytes(b"ID3")
        (folder / f"sample_{number:04d}.abc").write_text(f"X:1\nT:piece {number}\nK:C\n")
    assemble_model(trained, trained, tmp_path / "model", FACTS, TEMPLATE, samples=[folder])
    assert sorted(path.name for path in (tmp_path / "model" / "samples" / "scratch").iterdir()) == [
        f"sample_000{number}.{suffix}" for number in range(6) for suffix in ("abc", "mid", "mp3")
    ]
    card = (tmp_path / "model" / "README.md").read_text()
    assert "```abc\nX:1\nT:piece 0\n" in card
    assert "--num-samples 7 --seed 7 --temperature 0.9 --top-p 1 --bars 16`" in card
    assert "(samples/scratch/sample_0002.mid)" in card
    assert "sample_0003" not in card
    assert "3 more pieces in `samples/scratch`." in card
    base = "https://huggingface.co/someone/tiny-walker/resolve/main/samples/scratch"
    assert [f'<audio controls src="{base}/sample_000{number}.mp3"></audio>' in card for number in range(4)] == [
        True, True, True, False
    ]  # fmt: skip


def test_a_folder_without_samples_is_named(trained, tmp_path):
    with pytest.raises(PublishError, match="nothing holds no samples"):
        assemble_model(trained, trained, tmp_path / "model", FACTS, TEMPLATE, samples=[tmp_path / "nothing"])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{{ title }} by {{ nobody }}", r"mine\.md: 'nobody' is undefined"),
        ("{{ title }}\n{% if ablations %}", r"mine\.md, line 2: "),
    ],
)
def test_a_template_that_asks_too_much_is_named(trained, tmp_path, text, message):
    template = tmp_path / "mine.md"
    template.write_text(text)
    with pytest.raises(PublishError, match=message):
        assemble_model(trained, trained, tmp_path / "model", FACTS, template)
    with pytest.raises(PublishError, match="expected a template"):
        assemble_model(trained, trained, tmp_path / "model", FACTS, tmp_path)
    assert not (tmp_path / "model").exists()


def test_a_limit_that_yaml_reads_as_a_mapping_is_refused():
    with pytest.raises(ValueError, match=r"limits: .*slowly.* is not a text"):
        replace(FACTS, limits=["It only walks.", {"It walks": "slowly"}])
