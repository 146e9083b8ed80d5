"""The card of a model that fills masked bars. Knows the figures of one run, and no model."""

from typing import Any

from huggingface_hub import ModelCardData

from symbolic_music.hub.cards.model_index import measured
from symbolic_music.metrics.intervals import from_to

_MASKED = "a window of bars, with a mask for each bar of each line that is to be written,"
_READS = {
    "seq2seq": f"reads {_MASKED} in its encoder, and writes what the masks stand for in its decoder",
    "causal": f"reads {_MASKED} and goes on with what the masks stand for",
    "left-to-right": "writes windows from left to right: it fills nothing, and is compared with models that do",
}
_PIPELINES = {"seq2seq": "text2text-generation"}


def infilling_card(result: dict[str, Any], library: str = "transformers") -> str:
    """A README for what `train/train_infill.py` writes, front matter included.

    Args:
        result: what that script writes as `infilling.json`.
        library: that loads the folder: transformers for the model, peft for an adapter alone.
    """
    told = result["arguments"]
    base = told["model"] or told["base_model"] or None
    name = f"Masked bars, filled in ({told['style']})"
    task, bits = _PIPELINES.get(told["style"], "text-generation"), result["test"]["bits_per_note"]
    data = ModelCardData(
        library_name=library,
        pipeline_tag=task,
        tags=["music", "midi", "symbolic-music", "music-infilling", *(["lora"] if base and told["rank"] else [])],
        base_model=base,
        model_name=name,
        eval_results=[measured("bits_per_note", bits, "masked bars of held-out pieces", task=task)],
    )
    how = f"adapted with LoRA of rank {told['rank']}" if told["rank"] else "trained further"
    made = f"{how} from {base}" if base else "trained from scratch"
    return f"""---
{data.to_yaml()}
---

# {name}

A symbolic music model, {made}, that {_READS[told["style"]]}. Windows hold {told["window_bars"]} bars at the most;
{result["parameters"]["trained"]:,} of {result["parameters"]["all"]:,} parameters were trained.

{_use(told["style"], library)}

## How well it predicts masked bars

| | bits per note | 95% interval |
|---|---:|---:|
{_rows(result)}

{_evidence(result)}

{"![Training and validation loss](loss.png)" if library == "transformers" else ""}

## Data and limits

Examples: {", ".join(f"{count:,} {name}" for name, count in result["examples"].items())}; split hash
`{result["split_hash"]}`. Notes lose their loudness in its language, and get that of their track back. Figures are of
one run with seed {result["seed"]}. Nothing was done against memorisation beyond keeping the best model by validation
loss.

    {result["command"]}
"""


def _evidence(result: dict[str, Any]) -> str:
    test = result["test"]
    return f"""On {test["examples"]:,} windows of the test split ({test["notes"]:,} notes in masked bars,
{test["groups"]:,} near-duplicate groups), blocks of neighbouring bars of all lines or some being masked. The interval
is a bootstrap over groups. Training took {result["training_minutes"]:.1f} minutes and {result["steps"]:,} steps on
{result["machine"]}."""


def _use(style: str, library: str) -> str:
    if library == "peft":
        return "This is the adapter alone; the merged model is the folder above."
    if style == "left-to-right":
        return ""
    return "    symbolic-music infill song.mid --model . --bars 5-8 --num-samples 4 --output-dir variants"


def _rows(result: dict[str, Any]) -> str:
    rows = {"before": result["before"], "after": result["test"]} if result["before"] else {"test": result["test"]}
    return "\n".join(f"| {name} | {found['bits_per_note']:.3f} | {_between(found)} |" for name, found in rows.items())


def _between(found: dict[str, Any]) -> str:
    interval = found["bits_per_note_interval"]
    return from_to(interval, "{:.3f}") if interval else "too few pieces"
