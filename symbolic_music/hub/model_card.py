"""Model cards, generated from the files that training and `symbolic-music evaluate` wrote: no figure is typed."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from huggingface_hub import ModelCardData

from symbolic_music.hub.model_index import eval_results
from symbolic_music.hub.samples import ShownSamples
from symbolic_music.hub.sections import measured_sections
from symbolic_music.tokenization.processing_music import MusicProcessor

PLOTS_FOLDER = "plots"
_CODEC_TITLES = {"remi": "REMI", "abc_notes": "note-level ABC"}
_CODEC_TAGS = {"remi": "midi", "abc_notes": "abc-notation"}


@dataclass(frozen=True)
class ModelFacts:
    """What a card says and no result file knows.

    Attributes:
        title: the card's heading.
        repository: Hub id of the model, for the examples.
        description: a paragraph on what the model is.
        data: a paragraph on what it learned from.
        data_licence: a paragraph on the licence of the data.
        limits: what the model cannot do, one sentence each.
        commands: the commands that made it, in order.
        ablations: rows of a table, each a dict with the same keys; may be empty.
        ablation_note: what the ablation table holds equal.
        baseline: bits per note of an n-gram model on the same ids, by name; may be empty.
    """

    title: str
    repository: str
    description: str
    data: str
    data_licence: str
    limits: list[str]
    commands: list[str]
    ablations: list[dict[str, str]] = field(default_factory=list)
    ablation_note: str = ""
    baseline: dict[str, float] = field(default_factory=dict)


def model_card(
    facts: ModelFacts,
    num_parameters: int,
    processor: MusicProcessor,
    training: dict[str, Any],
    report: dict[str, Any],
    samples: Sequence[ShownSamples] = (),
) -> str:
    """The text of a card.

    Args:
        facts: what the files do not know.
        num_parameters: of the model.
        processor: of the model.
        training: `training_summary.json`.
        report: `report.json`.
        samples: pieces to show.
    """
    sections = [
        f"---\n{_metadata(facts, report, processor).to_yaml()}\n---",
        f"# {facts.title}",
        facts.description,
        _use_section(facts, processor),
        *(_samples_section(facts, shown) for shown in samples),
        *measured_sections(report, f"{PLOTS_FOLDER}/", facts.baseline),
        _ablation_section(facts),
        _data_section(facts, training, processor),
        _training_section(facts, num_parameters, training),
        "## Limits\n\n" + "\n".join(f"- {limit}" for limit in facts.limits),
        f"## Licences\n\nCode and weights: Apache-2.0. {facts.data_licence}",
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def _metadata(facts: ModelFacts, report: dict[str, Any], processor: MusicProcessor) -> ModelCardData:
    return ModelCardData(
        license="apache-2.0",
        library_name="transformers",
        pipeline_tag="text-generation",
        tags=["music", _CODEC_TAGS[processor.codec.codec_type], "symbolic-music", "music-generation"],
        model_name=facts.title,
        eval_results=eval_results(report),
    )


def _use_section(facts: ModelFacts, processor: MusicProcessor) -> str:
    alone = "the grammar and the way back to music need the package"
    if processor.codec.codec_type == "remi":
        alone = "the grammar and the way back to MIDI need the package (or MidiTok, which reads `miditok.json`)"
    return f"""## Use

```python
import symbolic_music  # makes the Auto classes know the model; pip install symbolic-music-hf
from transformers import AutoModelForCausalLM, AutoProcessor

model = AutoModelForCausalLM.from_pretrained("{facts.repository}")
processor = AutoProcessor.from_pretrained("{facts.repository}")
grammar = symbolic_music.GrammarLogitsProcessor(processor.grammar(), max_length=512, num_bars=16)
start = processor.tokenizer("BOS_None", return_tensors="pt").input_ids
ids = model.generate(start, do_sample=True, top_k=0, max_length=512, logits_processor=[grammar])
symbolic_music.write_midi(processor.decode(ids[0]), "piece.mid")
```

On the command line:
`symbolic-music generate --model {facts.repository} --bars 16 --format mid,abc,wav,png --output-dir out`,
and to go on from a file of yours: `--prompt tune.abc --prompt-bars 4`.

Without the package the weights load with `AutoModelForCausalLM.from_pretrained("{facts.repository}",
trust_remote_code=True)` and the tokenizer with `AutoTokenizer`; {alone}."""


def _samples_section(facts: ModelFacts, shown: ShownSamples) -> str:
    options, prompt = shown.summary["options"], shown.summary["prompt"]
    command = f"symbolic-music generate --model {facts.repository} --num-samples {len(shown.summary['samples'])}"
    command += f" --seed {options['seed']} --temperature {options['temperature']:g} --top-p {options['top_p']:g}"
    command += f" --bars {options['num_bars']}" if options["num_bars"] else ""
    command += f" --prompt {Path(prompt).name}" if prompt else ""
    lines = [
        "## Samples, going on from a tune" if prompt else "## Samples",
        "",
        f"The first of `{command}`, not chosen:",
    ]
    return "\n".join([*lines, *list_files(facts.repository, shown)])


def list_files(repository: str, shown: ShownSamples) -> list[str]:
    """Lines of a card that show pieces: each as picture and sound, the first as ABC too, then all their files."""
    lines = []
    for number, stem in enumerate(shown.stems):
        if f"{stem}.mp3" in shown.files:
            # The page's own address is not that of its files, so a player needs the whole of theirs.
            address = f"https://huggingface.co/{repository}/resolve/main/{shown.place}/{stem}.mp3"
            lines += ["", f'<audio controls src="{address}"></audio>']
        if f"{stem}.png" in shown.files:
            lines += ["", f"![Piano roll of sample {number}]({shown.place}/{stem}.png)"]
        if f"{stem}.abc" in shown.files and number == 0:
            lines += ["", "```abc", (shown.folder / f"{stem}.abc").read_text(encoding="utf-8").strip(), "```"]
    return [*lines, "", "Files: " + ", ".join(f"[{name}]({shown.place}/{name})" for name in shown.files) + "."]


def _ablation_section(facts: ModelFacts) -> str:
    if not facts.ablations:
        return ""
    names = list(facts.ablations[0])
    rows = ["## Ablations", "", facts.ablation_note, "", f"| {' | '.join(names)} |", "|---" * len(names) + "|"]
    rows += [f"| {' | '.join(row[name] for name in names)} |" for row in facts.ablations]
    return "\n".join(rows)


def _data_section(facts: ModelFacts, training: dict[str, Any], processor: MusicProcessor) -> str:
    pieces = ", ".join(f"{count:,} {name}" for name, count in training["pieces"].items())
    size, events = len(processor.tokenizer), len(processor.codec.events)
    name = _CODEC_TITLES[processor.codec.codec_type]
    vocabulary = (
        f"The tokenizer has one id for each of {events:,} {name} events, and the special tokens."
        if processor.is_word_level
        else f"The tokenizer ({size:,} ids over {events:,} {name} events) was trained on the training split only."
    )
    return f"""## Data

{facts.data}

Pieces: {pieces}. Splits are by near-duplicate group (transposition-invariant), so that no setting of a held-out tune
was trained on; split hash `{training["split_hash"]}`. {vocabulary}"""


def _training_section(facts: ModelFacts, num_parameters: int, training: dict[str, Any]) -> str:
    commands = "\n".join(facts.commands)
    flops = 6 * num_parameters * training["tokens_seen"]
    return f"""## Training

{num_parameters:,} parameters; {training["tokens_seen"]:,} tokens seen
in {training["training_seconds"] / 60:.0f} minutes on {training["machine"]}:
about 10^{math.log10(flops):.1f} floating-point operations (6 parameters tokens).
Label smoothing {training["label_smoothing"]:g}, structural loss weight {training["structural_loss_weight"]:g}, seed
{training["seed"]}. `training_summary.json` has the rest.

```
{commands}
```"""
