"""The card of a model that was adapted to someone's own files. Knows the figures of one run, and no model."""

from typing import Any

from huggingface_hub import ModelCardData

from symbolic_music.hub.cards.model_index import measured


def adaptation_card(adaptation: dict[str, Any], library: str = "transformers") -> str:
    """A README for what `train/finetune_lora.py` writes, front matter included.

    Args:
        adaptation: what that script writes as `adaptation.json`.
        library: that loads the folder: transformers for the merged model, peft for the adapter.
    """
    before, after, curve = adaptation["before"], adaptation["after"], adaptation["validation"]
    name = f"{adaptation['base'].rstrip('/').rpartition('/')[2]}, adapted"
    data = ModelCardData(
        library_name=library,
        pipeline_tag="text-generation",
        tags=["music", "midi", "symbolic-music", "music-generation", "lora"],
        base_model=adaptation["base"],
        model_name=name,
        eval_results=[measured("bits_per_note", after["bits_per_note"], "held-out files")],
    )
    return f"""---
{data.to_yaml()}
---

# {name}

A symbolic music model adapted with LoRA of rank {adaptation["rank"]} to {adaptation["pieces"]["train"]:,} pieces:
{adaptation["parameters"]["trained"]:,} of {adaptation["parameters"]["all"]:,} parameters were trained.
{_use(library)}

## How well it predicts the held-out files

| | bits per note | 95% interval | bits per bar |
|---|---:|---:|---:|
{_figures("before", before)}
{_figures("after", after)}

On {after["pieces"]:,} test pieces ({after["notes"]:,} notes), none a near duplicate of a training piece. Training took
{adaptation["training_minutes"]:.1f} minutes on {adaptation["machine"]}.

## Where over-fitting sets in

{_overfitting(curve, adaptation["best"])}

| step | epoch | validation bits per note |
|---:|---:|---:|
{_rows(curve)}

{"![Training and validation loss](loss.png)" if library == "transformers" else ""}

## Data and limits

Pieces: {", ".join(f"{count:,} {name}" for name, count in adaptation["pieces"].items())}; split hash
`{adaptation["split_hash"]}`; licence of the files: {adaptation["license"]}. Figures are of one run with seed
{adaptation["seed"]}. The files were not compared with what the base model was trained on. Nothing was done against
memorisation beyond keeping the best adapter by validation loss.

    {adaptation["command"]}
"""


def _use(library: str) -> str:
    if library == "peft":
        return """This is the adapter alone; the merged model is the folder above.

    from peft import AutoPeftModelForCausalLM
    import symbolic_music

    model = AutoPeftModelForCausalLM.from_pretrained(".")
"""
    return """This is the merged model; `adapter/` holds the adapter alone.

    symbolic-music generate --model . --bars 16 --format mid,wav,png --output-dir out
"""


def _figures(name: str, evaluation: dict[str, Any]) -> str:
    interval = evaluation["bits_per_note_interval"]
    between = f"{interval['low']:.3f} to {interval['high']:.3f}" if interval else "too few pieces"
    return f"| {name} | {evaluation['bits_per_note']:.3f} | {between} | {evaluation['bits_per_bar']:.2f} |"


def _overfitting(curve: list[dict[str, float]], best: dict[str, float]) -> str:
    if best["step"] == curve[-1]["step"]:
        return f"Not within these {curve[-1]['step']} steps: validation loss still fell at the end."
    rise = curve[-1]["bits_per_note"] - best["bits_per_note"]
    return (
        f"After step {best['step']}: validation rose by {rise:.3f} bits per note until step {curve[-1]['step']}. "
        "The model of the best step was kept."
    )


def _rows(curve: list[dict[str, float]]) -> str:
    return "\n".join(f"| {point['step']} | {point['epoch']:.2f} | {point['bits_per_note']:.3f} |" for point in curve)
