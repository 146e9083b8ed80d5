"""The card of a shipped model that fills masked bars, generated from what training and evaluation wrote."""

from collections.abc import Sequence
from typing import Any

from huggingface_hub import ModelCardData

from symbolic_music.hub.model_card import ModelFacts, list_files
from symbolic_music.hub.model_index import measured
from symbolic_music.hub.samples import ShownSamples

_STYLES = {
    "seq2seq": "a BART, which reads the masked window in its encoder",
    "causal": "another that reads the masked window, then goes on with what the masks stand for",
    "left-to-right": "one that reads from left to right, and knows nothing of what comes behind a note",
}


def filler_card(
    facts: ModelFacts,
    training: dict[str, Any],
    filling: dict[str, Any],
    beside: dict[str, Any],
    samples: Sequence[ShownSamples] = (),
) -> str:
    """The text of a card.

    Args:
        facts: what the files do not know.
        training: `infilling.json`, which `train/train_infill.py` wrote.
        filling: what `train/evaluate_infill.py` wrote.
        beside: what `train/compare_infill.py` wrote, this model first.
        samples: what `symbolic-music infill` wrote.
    """
    sections = [
        f"---\n{_metadata(facts, training, filling).to_yaml()}\n---",
        f"# {facts.title}",
        facts.description,
        _use(facts),
        *(_samples(facts, shown) for shown in samples),
        _loss(beside["models"]),
        _fills(filling),
        _made(facts, training),
        "## Limits\n\n" + "\n".join(f"- {limit}" for limit in facts.limits),
        f"## Licences\n\nCode and weights: Apache-2.0. {facts.data_licence}",
    ]
    return "\n\n".join(sections) + "\n"


def _metadata(facts: ModelFacts, training: dict[str, Any], filling: dict[str, Any]) -> ModelCardData:
    results = {
        "bits_per_note": training["test"]["bits_per_note"],
        "fill_validity": filling["with_grammar"]["share"],
    }
    return ModelCardData(
        license="apache-2.0",
        library_name="transformers",
        pipeline_tag="text-generation",
        tags=["music", "midi", "symbolic-music", "music-infilling"],
        model_name=facts.title,
        eval_results=[measured(name, value, "masked bars of held-out pieces") for name, value in results.items()],
    )


def _use(facts: ModelFacts) -> str:
    return f"""## Use

```python
import symbolic_music  # pip install symbolic-music-hf

model, processor = symbolic_music.load_model("{facts.repository}")
(tune,) = symbolic_music.read_scores("tune.mid")
(piece,) = symbolic_music.infill(model, processor, tune, bars=(2, 4))  # the third bar and the fourth
symbolic_music.write_midi(piece.score, "piece.mid")
```

On the command line, which counts bars from 1:
`symbolic-music infill tune.mid --model {facts.repository} --bars 3-4 --format mid,png --output-dir out`.

Notes that begin in these bars are replaced, nothing else is touched; what is written lasts exactly as long as the
bars."""


def _samples(facts: ModelFacts, shown: ShownSamples) -> str:
    told, options = shown.summary, shown.summary["options"]
    command = f"symbolic-music infill {told['file']} --bars {told['bars']} --model {facts.repository}"
    command += f" --num-samples {len(told['samples'])} --seed {options['seed']}"
    command += f" --temperature {options['temperature']:g} --top-p {options['top_p']:g}"
    lines = ["## Samples", "", f"Of `{command}`, not chosen:", *list_files(facts.repository, shown)]
    return "\n".join(lines)


def _loss(models: Sequence[dict[str, Any]]) -> str:
    test = models[0]
    rows = "\n".join(_row(row, is_first=row is test) for row in models)
    return f"""## What masked bars cost

Bits per note of {test["notes"]:,} notes in masked bars of {test["examples"]:,} held-out windows
({test["groups"]:,} near-duplicate groups): up to half of the bars, neighbouring ones, of all lines or some. All models
pay for the same notes. Intervals are 95% bootstraps over groups, that of the difference a paired one.

| model | parameters | steps | minutes | bits per note | this one is cheaper by |
|---|---:|---:|---:|---:|---:|
{rows}

![Training and validation loss](loss.png)"""


def _row(row: dict[str, Any], is_first: bool) -> str:
    name = "**this model**" if is_first else _STYLES[row["style"]]
    cost = f"{row['bits_per_note']:.3f}{_between(row['bits_per_note_interval'])}"
    less = row["first_is_cheaper_by"]
    cheaper = "itself" if is_first else "too few pieces"
    if less is not None and not is_first:
        cheaper = f"{less['bits_per_note']:.3f}{_between(less)}"
    return (
        f"| {name} | {row['parameters']:,} | {row['steps']:,} | {row['training_minutes']:.0f} | {cost} | {cheaper} |"
    )


def _between(interval: dict[str, float] | None) -> str:
    return f" [{interval['low']:.3f}, {interval['high']:.3f}]" if interval else ""


def _fills(filling: dict[str, Any]) -> str:
    rows = []
    for name, title in (("with_grammar", "with the grammar"), ("without_grammar", "without")):
        found = filling[name]
        low, high = found["interval"]["low"], found["interval"]["high"]
        rows.append(
            f"| {title} | {found['valid']} of {found['samples']} ({low:.1%} to {high:.1%}) "
            f"| {found['untouched']} of {found['valid']} |"
        )
    return "\n".join(
        [
            "## Fills of held-out pieces",
            "",
            "One to four bars of held-out pieces, of all tracks or some, written anew:",
            "",
            "| sampled | as long as their bars (95% interval) | all else untouched |",
            "|---|---|---|",
            *rows,
        ]
    )


def _made(facts: ModelFacts, training: dict[str, Any]) -> str:
    counts = ", ".join(f"{count:,} {name}" for name, count in training["examples"].items())
    commands = "\n".join(facts.commands)
    return f"""## Data and training

{facts.data}

Masked windows of at most {training["arguments"]["window_bars"]} bars: {counts}. Splits are by near-duplicate group
(transposition-invariant); split hash `{training["split_hash"]}`. {training["training_minutes"]:.0f} minutes on
{training["machine"]}, seed {training["seed"]}. `infilling.json` and `filling.json` have the rest.

```
{commands}
```"""
