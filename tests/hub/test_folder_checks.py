"""What may be published and what may not: one fault at a time in folders that are fine without it. No network."""

import json
from pathlib import Path

import pytest
import small_folders

from symbolic_music.hub.contents import Kind, find_kind
from symbolic_music.hub.errors import PublishError
from symbolic_music.hub.upload import plan_publication

ROOT = Path(__file__).parents[2]
INDEX = {"weight_map": {"head": "model-00001-of-00002.safetensors", "body": "model-00002-of-00002.safetensors"}}


def problems(folder, repo_id="user/steps"):
    return plan_publication(folder, repo_id).problems


@pytest.mark.parametrize("kind", ["model", "adapter", "dataset", "space"])
def test_a_complete_folder_has_no_problems(tmp_path, kind):
    folder = getattr(small_folders, kind)(tmp_path / kind)
    assert problems(folder) == []
    assert find_kind(folder) == {"space": Kind.SPACE}.get(kind, kind)


@pytest.mark.parametrize(
    "folder", sorted(path for path in (ROOT / "model_cards").iterdir() if path.is_dir()), ids=lambda path: path.name
)
def test_the_shipped_models_are_fit_to_be_published(folder):
    assert problems(folder) == []


CARD = small_folders.CARD
FAULTS = {
    "no card": ("README.md", None, "README.md is missing"),
    "no metadata": ("README.md", "# Walker\n", "README.md has no metadata"),
    "metadata that is a list": ("README.md", "---\n- a\n---\n", "README.md has no metadata"),
    "no model-index": ("README.md", "---\nlicense: mit\n---\n", "metadata lacks model-index"),
    "a model-index without metrics": ("README.md", "---\nmodel-index:\n- results: []\n---\n", "holds no metric"),
    "a model-index of words": ("README.md", "---\nmodel-index: good\n---\n", "model-index cannot be read"),
    "a figure that is nan": ("README.md", CARD.replace("value: 3.5", "value: .nan"), "bits_per_note is nan"),
    "a figure that is missing": ("README.md", CARD.replace("value: 3.5", "value: null"), "bits_per_note is None"),
    "a figure in words": ("README.md", CARD.replace("value: 3.5", "value: good"), "bits_per_note is 'good'"),
    "nan in the text": ("README.md", CARD + "\nIt costs nan bits.\n", "line 23 has 'nan'"),
    "nan in a table": ("README.md", CARD.replace("| 3.5", "| **nan** [nan, nan]"), "line 20 has 'nan'"),
    "an empty cell": ("README.md", CARD.replace("| 3.5", "|"), "line 20: the table lacks a figure"),
    "None in a table": ("README.md", CARD.replace("| 3.5", "| None"), "line 20: the table lacks a figure"),
    "to be done": ("README.md", CARD + "\nTODO: figures\n", "'TODO'"),
    "a template": ("README.md", CARD + "\n[More Information Needed]\n", "'[More Information Needed]'"),
    "pickled weights": ("pytorch_model.bin", b"\x80", "pytorch_model.bin is pickled"),
    "pickled arguments": ("training_args.bin", b"\x80", "training_args.bin is pickled"),
    "a pickle in a folder": ("more/weights.pt", b"\x80", "more/weights.pt is pickled"),
    "no weights": ("model.safetensors", None, "model.safetensors is missing"),
    "text for weights": ("model.safetensors", b"not tensors at all", "has no header that can be read"),
    "cut weights": ("model.safetensors", small_folders.safetensors_bytes("a", "b")[:-1], "it is cut or damaged"),
    "no tensors": ("model.safetensors", small_folders.safetensors_bytes(), "holds no tensor"),
    "no tokenizer": ("tokenizer.json", None, "tokenizer.json is missing"),
    "no processor": ("processor_config.json", None, "processor_config.json is missing"),
    "no generation config": ("generation_config.json", None, "generation_config.json is missing"),
    "no code": ("modeling_walker.py", None, "modeling_walker.py is missing, which auto_map names"),
    "no class": ("modeling_walker.py", "x = 1\n", "modeling_walker.py has no WalkerForCausalLM"),
    "no imported code": ("modeling_walker.py", "from .cache_walker import Cache\n", "cache_walker.py is missing"),
    "our family without its code": ("config.json", '{"model_type": "music_lstm"}', "config.json has no auto_map"),
    "a broken configuration": ("config.json", "{", "config.json cannot be read"),
    "a secret's name": (".env", "x", ".env looks like a secret"),
    "a token's name": ("hf_token.txt", "x", "hf_token.txt looks like a secret"),
    "a private key": ("id_rsa", "x", "id_rsa looks like a secret"),
    "a token": ("notes.txt", "a\nhf_" + "a1B2" * 9, "notes.txt line 2 holds what looks like a token"),
    "a machine's path": ("summary.json", '{"command": "--output /home/me/x"}', "this machine: /home/me/x"),
    "a path after an equals sign": ("summary.json", '{"command": "--output=/tmp/x"}', "this machine: /tmp/x"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_in_a_model_is_found_and_named(tmp_path, fault):
    name, content, complaint = FAULTS[fault]
    folder = small_folders.model(tmp_path / "model")
    if content is None:
        (folder / name).unlink()
    else:
        small_folders.write(folder, {name: content})
    found = problems(folder)
    assert [problem for problem in found if complaint in problem], found
    assert all("\n" not in problem for problem in found)


@pytest.mark.parametrize(
    "text",
    [
        "see https://example.org/home/me and ./tmp/x, data/train, ~/work, a/home/b",
        "The banana is in finance; info and nano: inferior.",
        "```\nTODO nan /\n```",
        "| | a |\n|---|---|\n| x | none |",
    ],
)
def test_honest_words_are_no_fault(tmp_path, text):
    folder = small_folders.model(tmp_path / "model")
    small_folders.write(folder, {"README.md": f"{CARD}\n{text}\n"})
    assert problems(folder) == []


def test_every_shard_must_be_there_with_its_tensors(tmp_path):
    folder = small_folders.model(tmp_path / "model")
    (folder / "model.safetensors").unlink()
    small_folders.write(folder, {"model.safetensors.index.json": json.dumps(INDEX)})
    small_folders.write(folder, {"model-00001-of-00002.safetensors": small_folders.safetensors_bytes("head")})
    [problem] = problems(folder)
    assert problem == "model-00002-of-00002.safetensors is missing, which model.safetensors.index.json names"
    small_folders.write(folder, {"model-00002-of-00002.safetensors": small_folders.safetensors_bytes("other")})
    [problem] = problems(folder)
    assert "model-00002-of-00002.safetensors lacks 1 tensors" in problem
    small_folders.write(folder, {"model-00002-of-00002.safetensors": small_folders.safetensors_bytes("body")})
    assert problems(folder) == []


def test_what_training_left_behind_stays_here(tmp_path):
    folder = small_folders.model(tmp_path / "model")
    left = {"checkpoint-5/optimizer.pt": b"", "runs/events.host": b"", "dataset/data/x.parquet": b"", ".cache/x": b""}
    small_folders.write(folder, {**left, "samples/a.mid": b"MThd"})
    publication = plan_publication(folder, "user/walker")
    assert publication.problems == []
    assert publication.left_out == [".cache/", "checkpoint-5/", "dataset/", "runs/"]
    assert "samples/a.mid" in publication.files


def test_an_adapters_base_must_be_on_the_hub_and_can_be_told(tmp_path):
    folder = small_folders.adapter(tmp_path / "adapter", base=str(tmp_path))
    card = folder / "README.md"
    card.write_text(card.read_text().replace("user/walker", str(tmp_path)))
    assert "say its Hub id with --base-model" in problems(folder)[0]
    publication = plan_publication(folder, "user/adapter", base_model="user/walker")
    assert json.loads(publication.files["adapter_config.json"])["base_model_name_or_path"] == "user/walker"
    assert b"\nbase_model: user/walker\n" in publication.files["README.md"]


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("data/train-00000-of-00001.parquet", b"PAR1", "cannot be read as Parquet"),
        ("prepare.json", '{"splits": {"train": {"pieces": 3}}}', "split train has 2 rows; prepare.json counted 3"),
        ("README.md", "---\nlicense: other\n---\n", "names no splits"),
        ("README.md", small_folders.DATASET_CARD.replace("split: train", "split: test"), "split test of README.md"),
    ],
)
def test_a_fault_in_a_dataset_is_found(tmp_path, name, content, complaint):
    folder = small_folders.dataset(tmp_path / "dataset")
    small_folders.write(folder, {name: content})
    assert complaint in " ".join(problems(folder))


def test_a_metric_must_bear_its_repositorys_name(tmp_path):
    folder = small_folders.space(tmp_path / "space")
    assert problems(folder, "user/strides") == [
        "strides.py is missing: evaluate.load looks for a script with the repository's name"
    ]


def test_folders_and_ids_that_are_none(tmp_path):
    small_folders.write(tmp_path / "other", {"a.txt": "a"})
    for folder, complaint in ((tmp_path / "other", "is no model"), (tmp_path / "nowhere", "does not exist")):
        with pytest.raises(PublishError, match=complaint):
            plan_publication(folder, "user/walker")
    for name in ("walker", "user/walker/x", "user/wal ker", "/walker", "user/..", "user/walker.git"):
        with pytest.raises(PublishError, match="is no Hub id"):
            plan_publication(small_folders.model(tmp_path / "model"), name)
