"""Importing the package is cheap, and transformers' Auto classes know it all the same, in either order of imports."""

import json
import subprocess
import sys

import pytest

import symbolic_music

SECONDS = 0.3
HEAVY = ("torch", "transformers", "numpy", "datasets", "tokenizers", "symusic", "miditok")


def run_python(code, *options):
    """Run code in a fresh interpreter and return what it printed and what it wrote to stderr."""
    result = subprocess.run(
        [sys.executable, *options, "-c", code], capture_output=True, text=True, timeout=300, check=False
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.strip(), result.stderr


@pytest.fixture(scope="module")
def saved_model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    config = symbolic_music.MusicTransformerConfig(
        vocab_size=20, hidden_size=8, num_hidden_layers=1, num_attention_heads=2
    )
    symbolic_music.MusicTransformerForCausalLM(config).save_pretrained(folder)
    return folder


def test_import_touches_nothing_heavy():
    _, trace = run_python("import symbolic_music", "-X", "importtime")
    imported = [line.rpartition("|")[2].strip() for line in trace.splitlines() if line.startswith("import time:")]
    assert "symbolic_music" in imported
    assert not [name for name in imported if name.partition(".")[0] in HEAVY]


def test_import_is_fast():
    code = "import time; s = time.perf_counter(); import symbolic_music; print(time.perf_counter() - s)"
    # The best of several: other work on the machine says nothing about the package.
    assert min(float(run_python(code)[0]) for _ in range(5)) < SECONDS


COMMANDS_WITHOUT_A_MODEL = """
import contextlib, io, sys
from symbolic_music.cli import main
for line in sys.argv[1:]:
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        with contextlib.suppress(SystemExit):
            main(line.split())
    print(*[name for name in ("torch", "transformers", "datasets", "miditok") if name in sys.modules])
"""


def test_commands_that_need_no_model_import_none(tmp_path):
    """Help, what files hold, and mistakes in arguments are told at once."""
    (tmp_path / "tune.abc").write_text("X:1\nL:1/4\nK:C\nCDEF|\n")
    generate = f"generate --output-dir {tmp_path}/out --model"
    lines = [
        "--help",
        "generate --help",
        f"info {tmp_path}/tune.abc",
        f"info {tmp_path}/none.abc",
        f"convert {tmp_path}/tune.abc {tmp_path}/tune.mid",
        f"{generate} no/such/model",
        f"{generate} user/model --num-samples 0",
        f"{generate} user/model --format ogg",
        f"infill {tmp_path}/tune.abc --bars 8-5 --output-dir {tmp_path}/out --model user/model",
    ]
    done = subprocess.run(
        [sys.executable, "-c", COMMANDS_WITHOUT_A_MODEL, *lines], capture_output=True, text=True, check=True
    )
    assert dict(zip(lines, done.stdout.splitlines(), strict=True)) == dict.fromkeys(lines, "")
    assert (tmp_path / "tune.mid").exists()


def test_dir_lists_every_public_name_before_any_is_used():
    listed, _ = run_python("import symbolic_music, json; print(json.dumps(dir(symbolic_music)))")
    assert set(symbolic_music.__all__) <= set(json.loads(listed))


@pytest.mark.parametrize("name", sorted(symbolic_music.__all__))
def test_every_public_name_resolves(name):
    assert getattr(symbolic_music, name) is not None


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'MusicTransformr'"):
        _ = symbolic_music.MusicTransformr


EVERY_ORDER = pytest.mark.parametrize("order", ["package first", "transformers first", "Auto classes first"])
PREAMBLES = {
    "package first": "import symbolic_music",
    "transformers first": "import transformers, symbolic_music",
    "Auto classes first": (
        "from transformers import AutoConfig, AutoModelForCausalLM, AutoProcessor; import symbolic_music"
    ),
}


@EVERY_ORDER
def test_auto_classes_know_the_package_step_by_step(order, saved_model):
    """A configuration without the models, then a model without code of its own, then a processor; the hook goes."""
    printed, _ = run_python(
        f"{PREAMBLES[order]}\n"
        "import sys\n"
        "from transformers import AutoConfig\n"
        f"print(type(AutoConfig.from_pretrained({str(saved_model)!r})).__name__)\n"
        "print([name for name in sys.modules if 'modeling_music_transformer' in name])\n"
        "from transformers import AutoModelForCausalLM\n"
        f"print(type(AutoModelForCausalLM.from_pretrained({str(saved_model)!r})).__module__)\n"
        "from transformers import AutoProcessor\n"
        "from transformers.models.auto.processing_auto import PROCESSOR_MAPPING\n"
        "print(PROCESSOR_MAPPING[symbolic_music.MusicTransformerConfig].__name__)\n"
        "print([finder for finder in sys.meta_path if 'AutoClassFinder' in repr(finder)])"
    )
    models = "symbolic_music.models.music_transformer.modeling_music_transformer"
    loaded = [models] if order == "Auto classes first" else []
    assert printed.splitlines() == ["MusicTransformerConfig", str(loaded), models, "MusicProcessor", "[]"]


# Each of these loads an Auto module while the module that asked for it is not complete yet.
@pytest.mark.slow
@pytest.mark.parametrize(
    "statement",
    [
        "from transformers import LlamaForCausalLM",
        "from transformers import Trainer",
        "from transformers import AutoTokenizer",
        "import transformers.modeling_utils",
        "from symbolic_music import MusicTransformerForCausalLM",
        "from symbolic_music import MusicProcessor",
    ],
)
def test_registration_waits_for_circular_imports(statement, saved_model):
    printed, _ = run_python(
        f"import symbolic_music\n{statement}\n"
        "from transformers import AutoModel, AutoModelForCausalLM\n"
        f"print(type(AutoModel.from_pretrained({str(saved_model)!r})).__name__)\n"
        f"print(type(AutoModelForCausalLM.from_pretrained({str(saved_model)!r})).__name__)"
    )
    assert printed.splitlines() == ["MusicTransformerModel", "MusicTransformerForCausalLM"]


def test_modules_keep_their_own_loaders():
    printed, _ = run_python(
        "import symbolic_music, transformers.modeling_utils as m\nprint(type(m.__loader__).__name__)\n"
        "print(type(m.__spec__.loader).__name__)"
    )
    assert printed.splitlines() == ["SourceFileLoader"] * 2


def test_an_import_error_in_a_watched_module_passes_through_and_leaves_the_count_at_rest():
    printed, _ = run_python(
        "import symbolic_music, sys\n"
        "try:\n    import transformers.no_such_module\n"
        "except ModuleNotFoundError as error:\n    print(error.name)\n"
        "finder = next(f for f in sys.meta_path if type(f).__name__ == 'AutoClassFinder')\n"
        "print(finder.nesting.depth)"
    )
    assert printed.splitlines() == ["transformers.no_such_module", "0"]
