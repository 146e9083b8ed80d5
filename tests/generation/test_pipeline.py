"""`pipeline("symbolic-music-generation")` works after `import symbolic_music`, whichever import came first."""

import os
import subprocess
import sys

import pytest
from made_up_music import melody_score, random_melody

from symbolic_music.score.midi.io import write_midi

PREAMBLES = {
    "package first": "import symbolic_music\nfrom transformers import pipeline",
    "transformers first": "from transformers import pipeline\nimport symbolic_music",
    "Auto classes, package, pipeline": (
        "from transformers import AutoModelForCausalLM, AutoProcessor\nimport symbolic_music\n"
        "from transformers import pipeline"
    ),
}


def run_python(code):
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=600, check=False, env=environment
    )
    assert result.returncode == 0, result.stderr
    return result.stdout.splitlines()


@pytest.mark.slow
@pytest.mark.parametrize("order", PREAMBLES)
def test_the_task_is_known_in_every_order_of_imports(order, checkpoint):
    printed = run_python(
        f"{PREAMBLES[order]}\nimport sys\n"
        f"composer = pipeline('symbolic-music-generation', model={str(checkpoint)!r})\n"
        "pieces = composer(num_samples=2, max_length=40, seed=1)\n"
        "print(type(composer).__name__, [piece['valid'] for piece in pieces], sorted(pieces[0]))\n"
        "print([finder for finder in sys.meta_path if 'Finder' in type(finder).__name__ and "
        "type(finder).__module__.startswith('symbolic_music')])"
    )
    keys = ["bars", "invalid_reason", "notes", "score", "tokens", "valid"]
    assert printed == [f"SymbolicMusicGenerationPipeline [True, True] {keys}", "[]"]


@pytest.fixture(scope="module")
def composer(checkpoint):
    from transformers import pipeline

    import symbolic_music  # noqa: F401

    return pipeline("symbolic-music-generation", model=str(checkpoint))


def test_it_continues_a_score_and_a_file_alike(composer, tmp_path):
    score = melody_score(random_melody(5, length=16))
    write_midi(score, tmp_path / "opening.mid")
    options = {"prompt_bars": 1, "num_bars": 3, "max_length": 120, "num_samples": 2, "seed": 4}
    from_score, from_file = composer(score, **options), composer(str(tmp_path / "opening.mid"), **options)
    assert [piece["bars"] for piece in from_score] == [3, 3]
    assert [(piece["notes"], piece["tokens"]) for piece in from_score] == [
        (piece["notes"], piece["tokens"]) for piece in from_file
    ]


def test_an_unknown_argument_is_named(composer):
    with pytest.raises(TypeError, match="unknown argument 'bars'; expected one of"):
        composer(bars=4)
