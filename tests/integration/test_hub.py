"""Published, and used from the Hub: end to end against a Hub on the loopback interface, in processes of their own.

Three processes publish what the others use: the command, `train/prepare_dataset.py`, `train/pretrain.py`. A stranger
has no package and runs the repositories' code; a friend has it, and runs none.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import made_up_results
import pytest
import tiny_run
import torch
from loopback_hub.server import OWNER_TOKEN
from made_up_music import melody_score, random_melody
from tiny_model import tiny_model, tiny_processor
from transformers import AutoModelForCausalLM

from symbolic_music.hub.assembly.composer import assemble_model
from symbolic_music.hub.cards.runs.adaptation import adaptation_card
from symbolic_music.metrics.loading import module_folder
from symbolic_music.score.midi.io import write_midi
from symbolic_music.training.adaptation.lora import ADAPTER_FOLDER, add_adapter, save_adapted

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow

SCRIPTS = ROOT / "tests" / "loopback_hub"
COMMANDS = (
    "import json, sys; from symbolic_music.cli import main; print([main(line) for line in json.loads(sys.argv[1])])"
)
METRIC = """
import datasets
import evaluate


class Steps(evaluate.Metric):
    def _info(self):
        integers = {name: datasets.Value("int64") for name in ("predictions", "references")}
        return evaluate.MetricInfo(
            description="Equal steps.", citation="", inputs_description="", features=datasets.Features(integers)
        )

    def _compute(self, predictions, references):
        return {"equal": sum(a == b for a, b in zip(predictions, references))}
"""
SPACE_CARD = "---\ntitle: Steps\nsdk: gradio\napp_file: app.py\ntags: [evaluate, metric]\n---\n\n# Steps\n"


def run(environment, *command, isolated=False):
    """A process with a cache of its own; where it is not isolated, with this checkout's package."""
    paths = {} if isolated else {"PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"}
    result = subprocess.run(
        [sys.executable, *(["-I"] if isolated else []), *map(str, command)],
        env=environment | paths, capture_output=True, text=True, timeout=900, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def greedy(model):
    with torch.no_grad():
        return model.eval().generate(input_ids=torch.tensor([[1]]), do_sample=False, max_length=20).tolist()


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Folders to publish, and what the models in them generate."""
    place = tmp_path_factory.mktemp("folders")
    trained = made_up_results.save_trained(place / "trained")
    assemble_model(trained, trained, place / "v1", made_up_results.FACTS, made_up_results.TEMPLATE, dtype="float32")
    shutil.copytree(place / "v1", place / "v2")
    newer = tiny_model(tiny_processor(), seed=1)
    newer.save_pretrained(place / "newer")
    shutil.copy(place / "newer" / "model.safetensors", place / "v2")
    expected = {name: greedy(AutoModelForCausalLM.from_pretrained(place / name)) for name in ("v1", "v2")}

    adapted = add_adapter(AutoModelForCausalLM.from_pretrained(place / "v2"), rank=2)
    for name, parameter in adapted.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.5)
    expected["adapter"] = greedy(save_adapted(adapted, tiny_processor(), place / "adapted", str(place / "v2")))
    card = adaptation_card(made_up_results.ADAPTATION | {"base": "walker"}, "peft")
    (place / "adapted" / ADAPTER_FOLDER / "README.md").write_text(card)

    (place / "steps").mkdir()
    contents = {"README.md": SPACE_CARD, "steps.py": METRIC, "app.py": "", "requirements.txt": "evaluate\n"}
    for name, content in contents.items():
        (place / "steps" / name).write_text(content)
    return place, expected


@pytest.fixture(scope="module")
def environment(loopback_hub, tmp_path_factory):
    return loopback_hub.environment(tmp_path_factory.mktemp("publisher"), OWNER_TOKEN)


@pytest.fixture(scope="module")
def published(folders, environment):
    """Everything on the Hub that the command publishes."""
    place, _ = folders
    lines = [
        ["publish", place / "v1", "user/walker", "--tag", "v1"],
        ["publish", place / "v2", "user/walker", "--tag", "v2"],
        ["publish", place / "v1", "user/secret", "--private"],
        ["publish", place / "adapted" / ADAPTER_FOLDER, "user/adapter", "--base-model", "user/walker"],
        ["publish", place / "steps", "user/steps"],
        ["publish", module_folder("music_statistics"), "user/music_statistics"],
    ]
    printed = run(environment, "-c", COMMANDS, json.dumps([list(map(str, line)) for line in lines]))
    assert printed.splitlines()[-1] == "[0, 0, 0, 0, 0, 0]", printed


@pytest.fixture(scope="module")
def pushed_dataset(environment, tmp_path_factory):
    """The folder of a dataset that was made and pushed by one command."""
    place = tmp_path_factory.mktemp("walks")
    (place / "midi").mkdir()
    for seed in range(24):
        write_midi(melody_score(random_melody(seed)), place / "midi" / f"{seed}.mid")
    script = ROOT / "train" / "prepare_dataset.py"
    fractions = ["--validation-fraction", 0.2, "--test-fraction", 0.2, "--num-workers", 1]
    flags = ["--midi-dir", place / "midi", "--output", place / "walks", "--push-to-hub", "user/walks", *fractions]
    printed = run(environment, script, *flags)
    assert printed.splitlines()[-1] == f"published: {environment['HF_ENDPOINT']}/datasets/user/walks"
    return place / "walks"


@pytest.fixture(scope="module")
def pushed_training(environment, tmp_path_factory):
    """The output folder of a run that pushed its model."""
    folder = tiny_run.build(tmp_path_factory.mktemp("training"))
    changes = {"max_steps": 2, "eval_steps": 1, "save_steps": 1, "push_to_hub": True, "hub_model_id": "user/trained"}
    run(environment, ROOT / "train" / "pretrain.py", *tiny_run.flags(folder, folder / "run", **changes))
    return folder / "run"


@pytest.fixture(scope="module")
def stranger(loopback_hub, published, pushed_dataset, pushed_training, tmp_path_factory):
    """What a process without the package reports."""
    place = tmp_path_factory.mktemp("stranger")
    first = loopback_hub.repository("user/walker").tags["v1"]
    environment = loopback_hub.environment(place, token=None)
    run(environment, SCRIPTS / "stranger.py", place / "report.json", OWNER_TOKEN, first, isolated=True)
    return json.loads((place / "report.json").read_text())


@pytest.fixture(scope="module")
def friend(loopback_hub, published, tmp_path_factory):
    """What a process with the package reports, and the requests that it made."""
    place = tmp_path_factory.mktemp("friend")
    environment = loopback_hub.environment(place, token=None)
    with loopback_hub.recorded() as requests:
        run(environment, SCRIPTS / "friend.py", place / "report.json", place / "pieces")
    return json.loads((place / "report.json").read_text()) | {"requests": requests}


# --- Without the package --------------------------------------------------------------------------------------------


def test_the_stranger_cannot_import_the_package(stranger):
    assert stranger["package"] == "symbolic_music"


def test_a_model_loads_by_its_own_code_and_generates_the_same(stranger, folders):
    assert stranger["model"] == ["transformers_modules", "TokenizersBackend", folders[1]["v2"]]


def test_a_tag_and_a_commit_give_the_old_weights(stranger, folders):
    old = ["transformers_modules", "TokenizersBackend", folders[1]["v1"]]
    assert folders[1]["v1"] != folders[1]["v2"]
    assert stranger["model_of_a_tag"] == old
    assert stranger["model_of_a_commit"] == old


def test_a_private_model_loads_with_a_token_and_is_refused_without(stranger, folders):
    assert stranger["private_with_token"][2] == folders[1]["v1"]
    status, kind, said = stranger["private_without_token"]
    assert (status, kind) == (401, "RepositoryNotFoundError")
    assert "user/secret" in said


def test_what_is_not_there_is_said(stranger):
    status, kind, said = stranger["missing"]
    assert (status, kind) == (404, "RepositoryNotFoundError")
    assert "user/nothing" in said
    status, kind, said = stranger["missing_revision"]
    assert (status, kind) == (404, "RevisionNotFoundError")
    assert "v9" in said


def test_the_hub_reads_the_cards_figures(stranger):
    assert stranger["cards"] == ["text-generation", made_up_results.REPORT["loss"]["bits_per_note"]]


def test_a_dataset_loads_plain_and_streaming(stranger, pushed_dataset):
    counts = json.loads((pushed_dataset / "prepare.json").read_text())["splits"]
    assert {split: rows for split, (rows, _) in stranger["dataset"].items()} == {
        split: count["pieces"] for split, count in counts.items()
    }
    assert stranger["dataset_streamed"] == stranger["dataset"]


def test_a_datasets_card_names_no_folder_of_this_machine(loopback_hub, pushed_dataset):
    card = loopback_hub.repository("user/walks", "dataset").files()["README.md"].decode()
    assert "--midi-dir midi --output walks --push-to-hub user/walks" in card
    assert str(pushed_dataset.parent) not in card


def test_a_metric_loads_and_computes(stranger):
    assert stranger["metric"] == {"equal": 2}


# --- With the package -----------------------------------------------------------------------------------------------


def test_the_packages_own_classes_are_used_and_no_code_is_fetched(friend, folders):
    assert friend["model"] == ["symbolic_music", folders[1]["v2"]]
    code = [path for _, path, status in friend["requests"] if path.endswith(".py") and status == 200]
    assert not [path for path in code if "spaces/" not in path]


def test_the_processor_loads(friend):
    size = len(tiny_processor().tokenizer)
    assert friend["processor"] == ["MusicProcessor", size, size]


def test_the_pipeline_composes(friend):
    assert friend["piped"] == [True, 2]


def test_the_command_composes_with_a_model_of_the_hub(friend):
    assert friend["composed"] == [0, [True, True]]


def test_this_packages_metrics_load_by_their_id(friend):
    assert friend["metric"] == [2, 0.0]


def test_an_adapter_loads_with_its_base_from_the_hub(friend, folders):
    assert friend["adapter"] == ["symbolic_music", folders[1]["adapter"]]
    assert friend["merged"] == ["MusicProcessor", folders[1]["adapter"]]


# --- Trainer(push_to_hub=True) --------------------------------------------------------------------------------------


def test_what_a_trainer_pushes_loads_without_the_package(stranger):
    assert stranger["trained"] == "transformers_modules"


def test_a_trainer_pushes_the_models_files_alone(loopback_hub, pushed_training):
    files = loopback_hub.repository("user/trained").files()
    assert set(files) == {
        "README.md",
        "cache_music_transformer.py",
        "config.json",
        "configuration_music_transformer.py",
        "generation_config.json",
        "layers_music_transformer.py",
        "loss.png",
        "miditok.json",
        "model.safetensors",
        "modeling_music_transformer.py",
        "processor_config.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "training_summary.json",
    }
    assert files["model.safetensors"] == (pushed_training / "model.safetensors").read_bytes()


def test_a_trainers_card_says_that_nothing_was_tested(loopback_hub, pushed_training):
    card = loopback_hub.repository("user/trained").files()["README.md"].decode()
    assert "**Not evaluated.**" in card
    assert "The run has ended; step 2 of 2" in card
    assert "model-index" not in card


def test_a_checkpoint_is_pushed_while_training_goes_on(loopback_hub, pushed_training):
    history = loopback_hub.repository("user/trained").history("main")
    [first] = [commit for commit in history if commit.title == "Training in progress, step 1"]
    assert b"The run goes on" in first.tree["README.md"].data
    assert {"model.safetensors", "modeling_music_transformer.py", "tokenizer.json"} <= set(first.tree)


def test_a_trained_model_is_not_taken_for_an_evaluated_one(pushed_training):
    from symbolic_music.hub.upload import plan_publication

    [problem, *_] = plan_publication(pushed_training, "user/trained").problems
    assert problem.startswith("README.md has no figures")
