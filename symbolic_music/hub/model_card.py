"""Model cards, generated from the files that training and evaluation wrote, so that no figure is typed by hand."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from huggingface_hub import EvalResult, ModelCardData

from symbolic_music.hub.samples import ShownSamples
from symbolic_music.tokenization.processing_music import MusicProcessor

CARD_FILE = "README.md"
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
    evaluation: dict[str, Any],
    sampling: dict[str, Any],
    samples: Sequence[ShownSamples] = (),
) -> str:
    """The text of a card.

    Args:
        facts: what the files do not know.
        num_parameters: of the model.
        processor: of the model.
        training: `training_summary.json`.
        evaluation: `evaluation.json`.
        sampling: `sampling.json`.
        samples: pieces to show.
    """
    sections = [
        f"---\n{_metadata(facts, evaluation, processor).to_yaml()}\n---",
        f"# {facts.title}",
        facts.description,
        _use_section(facts, processor),
        *(_samples_section(facts, shown) for shown in samples),
        _evaluation_section(facts, evaluation),
        _validity_section(sampling),
        _statistics_section(sampling),
        _ablation_section(facts),
        _data_section(facts, training, processor),
        _training_section(facts, num_parameters, training),
        "## Limits\n\n" + "\n".join(f"- {limit}" for limit in facts.limits),
        f"## Licences\n\nCode and weights: Apache-2.0. {facts.data_licence}",
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def _metadata(facts: ModelFacts, evaluation: dict[str, Any], processor: MusicProcessor) -> ModelCardData:
    result = EvalResult(
        task_type="text-generation",
        dataset_type="symbolic-music",
        dataset_name="held-out pieces by near-duplicate group",
        dataset_split=evaluation["split"],
        metric_type="bits_per_note",
        metric_value=round(evaluation["bits_per_note"], 4),
    )
    return ModelCardData(
        license="apache-2.0",
        library_name="transformers",
        pipeline_tag="text-generation",
        tags=["music", _CODEC_TAGS[processor.codec.codec_type], "symbolic-music", "music-generation"],
        model_name=facts.title,
        eval_results=[result],
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
    first = shown.files[0].partition(".")[0]
    lines = [
        "## Samples, going on from a tune" if prompt else "## Samples",
        "",
        f"The first of `{command}`, not chosen:",
        "",
    ]
    if f"{first}.png" in shown.files:
        lines += [f"![The first sample as a piano roll]({shown.place}/{first}.png)", ""]
    if f"{first}.abc" in shown.files:
        lines += ["```abc", (shown.folder / f"{first}.abc").read_text(encoding="utf-8").strip(), "```", ""]
    lines.append("Files: " + ", ".join(f"[{name}]({shown.place}/{name})" for name in shown.files) + ".")
    return "\n".join(lines)


def _evaluation_section(facts: ModelFacts, evaluation: dict[str, Any]) -> str:
    interval = evaluation["bits_per_note_interval"]
    lines = [
        "## Evaluation",
        "",
        f"On {evaluation['pieces']:,} held-out pieces ({evaluation['groups']:,} near-duplicate groups, "
        f"{evaluation['notes']:,} notes) of the `{evaluation['split']}` split, each scored whole, every token once; "
        f"the interval is a 95% bootstrap over groups.",
        "",
        "| measure | value |",
        "|---|---:|",
        f"| **bits per note** | **{evaluation['bits_per_note']:.3f}** "
        f"[{interval['low']:.3f}, {interval['high']:.3f}] |",
        f"| bits per bar | {evaluation['bits_per_bar']:.2f} |",
        f"| nats per token | {evaluation['nats_per_token']:.4f} |",
        f"| perplexity per token | {evaluation['perplexity_per_token']:.3f} |",
        f"| probability on tokens the grammar allows, before masking | {evaluation['allowed_mass']:.4%} |",
    ]
    lines += [
        f"| {name}, bits per note | {bits:.3f} (this model is {1 - evaluation['bits_per_note'] / bits:.1%} lower) |"
        for name, bits in facts.baseline.items()
    ]
    lines += [
        "",
        "Bits per note by place in the piece (a model that copies repeats has cheaper later bars):",
        "",
        "| bars | bits per note |",
    ]
    lines.append("|---|---:|")
    by_bar = evaluation["bits_per_note_by_bar"]
    for bars, row in sorted(by_bar.items(), key=lambda item: int(item[0].split("-")[0].rstrip("+"))):
        if row["notes"]:
            lines.append(f"| {bars} | {row['bits_per_note']:.3f} |")
    lines += ["", f"Split hash `{evaluation['split_hash']}`, tokenizer hash `{evaluation['tokenizer_hash']}`."]
    return "\n".join(lines)


def _validity_section(sampling: dict[str, Any]) -> str:
    rows = [
        "## Validity",
        "",
        f"Samples at temperature {sampling['temperature']:g} of at most {sampling['max_length']} tokens. Valid means: "
        "the ids decode to a complete Score with no token dropped or repaired, and encoding that Score gives the same "
        "events again. The interval is Wilson's, at 95%.",
        "",
        "| | samples | valid | share | interval | otherwise |",
        "|---|---:|---:|---:|---|---|",
    ]
    for name in ("with_grammar", "without_grammar"):
        row = sampling[name]
        reasons = ", ".join(f"{count} {reason}" for reason, count in row["reasons"].items()) or "none"
        rows.append(
            f"| {name.replace('_', ' the ', 1)} | {row['pieces']:,} | {row['valid']:,} | {row['share']:.1%} "
            f"| {row['interval']['low']:.1%} to {row['interval']['high']:.1%} | {reasons} |"
        )
    rows += ["", "*unfinished*: cut by the length limit; *broken*: a token that may not stand where it does."]
    return "\n".join(rows + _readers_table(sampling))


def _readers_table(sampling: dict[str, Any]) -> list[str]:
    """What other programs read of the same pieces, where that was measured."""
    if "as_abc" not in sampling["with_grammar"]:
        return []
    rows = [
        "",
        "The same pieces written as ABC and read by other programs. A bar is uneven when abc2midi's checker or "
        "music21 says that it does not last as long as its meter.",
        "",
        "| | pieces | read by abc2midi without a warning | read by music21, all of its sound | uneven bars |",
        "|---|---:|---:|---:|---:|",
    ]
    for name in ("with_grammar", "without_grammar"):
        row = sampling[name]["as_abc"]
        rows.append(
            f"| {name.replace('_', ' the ', 1)} | {row['pieces']:,} | {row['abc2midi']:,} | {row['music21']:,} "
            f"| {row['uneven_bars']:,} |"
        )
    return rows


def _statistics_section(sampling: dict[str, Any]) -> str:
    sampled, human = sampling["statistics"]["sampled"], sampling["statistics"]["human"]
    rows = [
        "## Beside human pieces",
        "",
        f"Means over {sampling['with_grammar']['valid']:,} samples and {sampling['human_pieces']:,} held-out human "
        "pieces, with 95% bootstrap intervals. No value is better by itself; what counts is the distance.",
        "",
        "| statistic | sampled | human |",
        "|---|---|---|",
    ]
    rows += [f"| {name} | {_interval(sampled[name])} | {_interval(human[name])} |" for name in sampled]
    return "\n".join(rows)


def _interval(row: dict[str, float]) -> str:
    return f"{row['mean']:.3f} [{row['low']:.3f}, {row['high']:.3f}]"


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
