"""The cards of a shipped model that was adapted with LoRA: of the adapter alone, and of the merged model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from huggingface_hub import ModelCardData
from transformers import PreTrainedModel

from symbolic_music.hub.cards.composer import ModelFacts, list_files
from symbolic_music.hub.cards.filler import INFILLING_FILE
from symbolic_music.hub.cards.model_index import measured
from symbolic_music.hub.cards.samples import ShownSamples
from symbolic_music.metrics.intervals import in_brackets

ADAPTATION_FILE = "adaptation.json"


@dataclass(frozen=True)
class AdaptedFacts(ModelFacts):
    """What the cards of an adapted model say and no result file knows: `repository` is that of the merged model.

    Attributes:
        base_repository: Hub id of the model that was adapted.
        adapter_repository: Hub id of the adapter alone.
    """

    base_repository: str = ""
    adapter_repository: str = ""


@dataclass(frozen=True)
class Adaptation:
    """One run that adapted a model, whichever script it was.

    Attributes:
        fills: whether the model fills masked bars, instead of composing.
        before: bits per note of held-out pieces, of the base.
        after: of the adapted model.
        cheaper_by: how much less the adapted model pays, with its interval; None with too few pieces.
        parameters: "trained" and "all".
        rank: of the adapters.
        examples: pieces or windows, by split.
        minutes: of training.
        about: "machine", "split_hash" and "seed".
    """

    fills: bool
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    cheaper_by: Mapping[str, float] | None
    parameters: Mapping[str, int]
    rank: int
    examples: Mapping[str, int]
    minutes: float
    about: Mapping[str, Any]

    @classmethod
    def read(cls, name: str, result: Mapping[str, Any]) -> "Adaptation":
        """From what a script wrote.

        Args:
            name: of the file, ADAPTATION_FILE or INFILLING_FILE.
            result: its content.

        Raises:
            KeyError: when a figure is missing.
        """
        fills = name == INFILLING_FILE
        return cls(
            fills=fills,
            before=result["before"],
            after=result["test" if fills else "after"],
            cheaper_by=result["cheaper_by"],
            parameters=result["parameters"],
            rank=result["arguments"]["rank"] if fills else result["rank"],
            examples=result["examples" if fills else "pieces"],
            minutes=result["training_minutes"],
            about={key: result[key] for key in ("machine", "split_hash", "seed")},
        )


def adapted_words(
    facts: AdaptedFacts,
    adaptation: Adaptation,
    model: PreTrainedModel,
    options: Mapping[str, Any],
    samples: Sequence[ShownSamples] = (),
    adapter: bool = False,
) -> dict[str, Any]:
    """What the template `model_cards/template_adapted.md` asks for.

    Args:
        facts: what the files do not know.
        adaptation: its figures.
        model: the merged one.
        options: `temperature` and `top_p` of the samples.
        samples: pieces to show, for the merged model.
        adapter: whether the card is that of the adapter alone.
    """
    after = adaptation.after
    held_out = f"{after['pieces']:,} pieces" if "pieces" in after else f"{after['examples']:,} windows"
    return {
        "card_data": _metadata(facts, adaptation, model, adapter).to_yaml(),
        "is_adapter": adapter,
        "fills": adaptation.fills,
        "model_class": type(model).__name__,
        "samples": [_shown(facts, shown) for shown in samples],
        "gain": _gain_table(adaptation),
        "held_out": held_out,
        **{name: f"{after[name]:,}" for name in ("notes", "groups")},
        "rank": str(adaptation.rank),
        "examples": ", ".join(f"{count:,} {name}" for name, count in adaptation.examples.items()),
        "training_minutes": f"{adaptation.minutes:.0f}",
        **{f"{name}_parameters": f"{adaptation.parameters[name]:,}" for name in ("trained", "all")},
        **{name: f"{options[name]:g}" for name in ("temperature", "top_p")},
        **{name: str(value) for name, value in adaptation.about.items()},
        **{name: getattr(facts, name) for name in ("base_repository", "adapter_repository")},
        **facts.words(),
    }


def _metadata(facts: AdaptedFacts, adaptation: Adaptation, model: PreTrainedModel, adapter: bool) -> ModelCardData:
    task = "text2text-generation" if model.config.is_encoder_decoder else "text-generation"
    pieces = "masked bars of held-out pieces" if adaptation.fills else "held-out pieces"
    return ModelCardData(
        license="apache-2.0",
        library_name="peft" if adapter else "transformers",
        pipeline_tag=task,
        base_model=facts.base_repository,
        tags=[
            "music",
            "midi",
            "symbolic-music",
            "music-infilling" if adaptation.fills else "music-generation",
            "lora",
        ],
        model_name=facts.title,
        eval_results=[measured("bits_per_note", adaptation.after["bits_per_note"], pieces, task=task)],
    )


def _gain_table(adaptation: Adaptation) -> str:
    lines = ["| | bits per note (95% interval) |", "|---|---:|"]
    for name, figures in (("the base", adaptation.before), ("adapted", adaptation.after)):
        lines.append(f"| {name} | {figures['bits_per_note']:.3f} {_between(figures['bits_per_note_interval'])} |")
    less = adaptation.cheaper_by
    if less:
        lines.append(f"| cheaper by | {less['bits_per_note']:.3f} {_between(less)} |")
    return "\n".join(lines)


def _between(interval: Mapping[str, float] | None) -> str:
    return in_brackets(interval) if interval else "(too few pieces for an interval)"


def _shown(facts: ModelFacts, shown: ShownSamples) -> dict[str, str]:
    told = shown.summary
    verb = f"infill {told['file']} --bars {told['bars']}" if "bars" in told else "generate"
    command = f"symbolic-music {verb} --model {facts.repository} {shown.sampling_flags}"
    bars = told["options"].get("num_bars")
    command += f" --bars {bars}" if bars else ""
    return {"command": command, "files": "\n".join(list_files(facts.repository, shown))}
