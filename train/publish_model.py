"""Make the folder of a model's Hub repository: weights in bf16, code, tokenizer, results and a generated card.

python train/publish_model.py --checkpoint runs/remi-folk --report runs/remi-folk/report \
    --facts train/cards/remi-transformer-folk.yaml --output model_cards/remi-transformer-folk
python train/publish_model.py --checkpoint runs/gpt2-lieder --facts train/cards/gpt2-lieder.yaml \
    --adapter-output model_cards/gpt2-lora-lieder --output model_cards/gpt2-lieder

A model that composes or fills masked bars has a report; one that was adapted with LoRA has its figures beside it and
becomes two folders. What a card says around its figures stands in a template.
"""

import argparse
import json
from pathlib import Path
from typing import TypeVar

from symbolic_music._command import end_in_one_line
from symbolic_music._yaml import read_mapping
from symbolic_music.hub.assembly.adapted import assemble_adapted
from symbolic_music.hub.assembly.composer import assemble_model
from symbolic_music.hub.assembly.filler import assemble_filler
from symbolic_music.hub.assembly.parts import WEIGHT_DTYPES
from symbolic_music.hub.cards.adapted import AdaptedFacts
from symbolic_music.hub.cards.composer import ModelFacts
from symbolic_music.hub.cards.filler import COMPARISON_FILE, FILLING_FILE
from symbolic_music.hub.errors import PublishError

Facts = TypeVar("Facts", bound=ModelFacts)
TEMPLATES = Path(__file__).resolve().parents[1] / "model_cards"


def parse_arguments() -> argparse.Namespace:
    """What the user typed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--checkpoint", type=Path, required=True, help="a trained model")
    evaluated = parser.add_mutually_exclusive_group(required=True)
    evaluated.add_argument("--report", type=Path, help="folder that `symbolic-music evaluate` wrote")
    evaluated.add_argument(
        "--adapter-output", type=Path, help="of a model adapted with LoRA: the adapter's own folder; must not exist"
    )
    parser.add_argument("--facts", type=Path, required=True, help="YAML with what the card says and no file knows")
    parser.add_argument(
        "--template",
        type=Path,
        help="Jinja; default: `template.md`, `template_infill.md` or `template_adapted.md` of `model_cards/`",
    )
    parser.add_argument(
        "--samples",
        type=Path,
        action="append",
        default=[],
        help="folder that `symbolic-music generate` or `infill` wrote",
    )
    parser.add_argument("--dtype", choices=sorted(WEIGHT_DTYPES), default="bfloat16")
    parser.add_argument("--output", type=Path, required=True, help="the folder to make; must not exist")
    return parser.parse_args()


def read_facts(path: Path, kind: type[Facts]) -> Facts:
    """The facts of a YAML file; `ablations` names a file of `ablation_study.py`, `attribution` one of a dataset."""
    facts = read_mapping(path, "facts of a model by name", PublishError)
    try:
        if "ablations" in facts:
            facts["ablations"] = json.loads(Path(facts["ablations"]).read_text(encoding="utf-8"))["table"]
        if "attribution" in facts:
            facts["attribution"] = Path(facts["attribution"]).read_text(encoding="utf-8")
        return kind(**facts)
    except (OSError, TypeError, KeyError, ValueError) as error:
        raise PublishError(f"{path}: {error}") from error


def main() -> None:
    """Read the facts, assemble, report the size."""
    arguments = parse_arguments()
    facts = read_facts(arguments.facts, AdaptedFacts if arguments.adapter_output else ModelFacts)
    dtype, samples, output = arguments.dtype, arguments.samples, arguments.output
    checkpoint, report = arguments.checkpoint, arguments.report
    fills = report is not None and (report / FILLING_FILE).exists()
    kind = "template_infill.md" if fills else "template_adapted.md" if arguments.adapter_output else "template.md"
    template = arguments.template or TEMPLATES / kind
    if isinstance(facts, AdaptedFacts):
        assemble_adapted(checkpoint, output, arguments.adapter_output, facts, template, dtype, samples)
    elif fills:
        beside = report / COMPARISON_FILE
        assemble_filler(checkpoint, report / FILLING_FILE, output, facts, beside, template, dtype, samples)
    else:
        assemble_model(checkpoint, report, output, facts, template, dtype, samples)
    size = sum(path.stat().st_size for path in arguments.output.rglob("*") if path.is_file())
    print(f"{arguments.output}: {size / 1e6:.1f} MB")


if __name__ == "__main__":
    with end_in_one_line((OSError, PublishError), "publish_model"):
        main()
