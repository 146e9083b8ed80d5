"""What somebody with this package does with the Hub's repositories, running none of their code; reports as JSON.

python friend.py REPORT OUTPUT_DIR
"""

import json
import sys
from pathlib import Path

import evaluate
import torch
from loopback_hub.report import run_checks
from peft import AutoPeftModelForCausalLM
from transformers import AutoModelForCausalLM, AutoProcessor, AutoTokenizer, pipeline

import symbolic_music  # noqa: F401  (makes the Auto classes know the models)
from symbolic_music.cli import main
from symbolic_music.generation.loading import load_model

REPORT, OUTPUT = sys.argv[1:]


def greedy(model):
    return model.generate(input_ids=torch.tensor([[1]]), do_sample=False, max_length=20).tolist()


def model():
    found = AutoModelForCausalLM.from_pretrained("user/walker")
    return [type(found).__module__.partition(".")[0], greedy(found)]


def processor():
    found = AutoProcessor.from_pretrained("user/walker")
    return [type(found).__name__, len(found.tokenizer), len(AutoTokenizer.from_pretrained("user/walker"))]


def piped():
    [piece] = pipeline("symbolic-music-generation", model="user/walker")(num_bars=2, max_length=80)
    return [piece["valid"], piece["bars"]]


def adapter():
    found = AutoPeftModelForCausalLM.from_pretrained("user/adapter")
    return [type(found.get_base_model()).__module__.partition(".")[0], greedy(found)]


def merged():
    found, its_processor = load_model("user/adapter", "cpu")
    return [type(its_processor).__name__, greedy(found)]


def composed():
    flags = ["--num-samples", "2", "--bars", "2", "--max-tokens", "80", "--device", "cpu", "--output-dir"]
    code = main(["generate", "--model", "user/walker", *flags, OUTPUT])
    pieces = json.loads((Path(OUTPUT) / "summary.json").read_text())["samples"]
    return [code, [piece["valid"] for piece in pieces]]


def metric():
    pieces = sorted(str(path) for path in Path(OUTPUT).glob("*.mid"))
    table = evaluate.load("user/music_statistics").compute(predictions=pieces * 2, human=pieces * 2)
    return [len(pieces), table["polyphony"]["distance"]["value"]]


run_checks([model, processor, piped, adapter, merged, composed, metric], REPORT)
