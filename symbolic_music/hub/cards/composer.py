"""Model cards, generated from the files that training and `symbolic-music evaluate` wrote: no figure is typed."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from huggingface_hub import ModelCardData
from transformers import PreTrainedModel

from symbolic_music.hub.cards.model_index import eval_results
from symbolic_music.hub.cards.samples import ShownSamples
from symbolic_music.hub.cards.sections import measured_sections
from symbolic_music.hub.cards.template import render_card
from symbolic_music.models.hub_code import is_own
from symbolic_music.tokenization.processing_music import MusicProcessor

PLOTS_FOLDER = "plots"
_CODEC_TITLES = {"remi": "REMI", "abc_notes": "note-level ABC", "track_text": "track text"}
_CODEC_TAGS = {"remi": "midi", "abc_notes": "abc-notation", "track_text": "midi"}


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
        attribution: Markdown that names who made the music, as `train/prepare_dataset.py` writes it; may be empty.

    Raises:
        ValueError: when a limit or a command is not a text, as YAML makes of a sentence with a colon.
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
    attribution: str = ""

    def __post_init__(self) -> None:
        for name in ("limits", "commands"):
            for line in getattr(self, name):
                if not isinstance(line, str):
                    raise ValueError(f"{name}: {line!r} is not a text; put a sentence with a colon in quotes")

    def words(self) -> dict[str, Any]:
        """What a template says of them as it stands."""
        names = ("title", "repository", "description", "data", "data_licence", "limits")
        words = {name: getattr(self, name) for name in names}
        return words | {"commands": "\n".join(self.commands), "attribution": _below_a_heading(self.attribution)}


def _below_a_heading(markdown: str) -> str:
    """A page as a section: without its title, its headings a level deeper."""
    lines = [line for line in markdown.splitlines() if not line.startswith("# ")]
    return "\n".join(f"#{line}" if line.startswith("##") else line for line in lines).strip()


def model_card(
    template: Path,
    facts: ModelFacts,
    model: PreTrainedModel,
    processor: MusicProcessor,
    training: dict[str, Any],
    report: dict[str, Any],
    samples: Sequence[ShownSamples] = (),
) -> str:
    """The text of a card.

    Args:
        template: what it says around the figures, such as `model_cards/template.md`.
        facts: what the files do not know.
        model: how large it is, and whether its code goes with it.
        processor: of the model.
        training: `training_summary.json`.
        report: `report.json`.
        samples: pieces to show.

    Raises:
        PublishError: when the template cannot be read or asks for a value that nobody knows.
    """
    sections = measured_sections(report, f"{PLOTS_FOLDER}/", facts.baseline)
    return render_card(
        template,
        card_data=_metadata(facts, report, processor).to_yaml(),
        samples=[_shown(facts, shown) for shown in samples],
        measured=[section for section in sections if section],
        ablations=_table(facts.ablations),
        ablation_note=facts.ablation_note,
        **{name: f"{report['sampling']['options'][name]:g}" for name in ("temperature", "top_p")},
        **facts.words(),
        **_language(processor),
        is_stock=not is_own(model),
        model_class=type(model).__name__,
        **_trained(model.num_parameters(), training),
    )


def _metadata(facts: ModelFacts, report: dict[str, Any], processor: MusicProcessor) -> ModelCardData:
    return ModelCardData(
        license="apache-2.0",
        library_name="transformers",
        pipeline_tag="text-generation",
        tags=["music", _CODEC_TAGS[processor.codec.codec_type], "symbolic-music", "music-generation"],
        model_name=facts.title,
        eval_results=eval_results(report),
    )


def _shown(facts: ModelFacts, shown: ShownSamples) -> dict[str, str]:
    options, prompt = shown.summary["options"], shown.summary["prompt"]
    command = f"symbolic-music generate --model {facts.repository} {shown.sampling_flags}"
    command += f" --bars {options['num_bars']}" if options["num_bars"] else ""
    command += f" --prompt {Path(prompt).name}" if prompt else ""
    return {"command": command, "prompt": prompt or "", "files": "\n".join(list_files(facts.repository, shown))}


def list_files(repository: str, shown: ShownSamples) -> list[str]:
    """Lines of a card that show pieces: each as picture and sound, the first as ABC too, then their files."""
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
    files = [name for name in shown.files if Path(name).stem in shown.stems]
    return [*lines, "", "Files: " + ", ".join(f"[{name}]({shown.place}/{name})" for name in files) + _more(shown)]


def _more(shown: ShownSamples) -> str:
    """The end of a sentence: how many pieces the folder holds besides."""
    more = len({Path(name).stem for name in shown.files}) - len(shown.stems)
    return f"; {more} more pieces in `{shown.place}`." if more else "."


def _table(rows: Sequence[dict[str, str]]) -> str:
    if not rows:
        return ""
    names = list(rows[0])
    lines = [f"| {' | '.join(names)} |", "|---" * len(names) + "|"]
    return "\n".join([*lines, *(f"| {' | '.join(row[name] for name in names)} |" for row in rows)])


def _language(processor: MusicProcessor) -> dict[str, Any]:
    return {
        "codec": processor.codec.codec_type,
        "codec_title": _CODEC_TITLES[processor.codec.codec_type],
        "is_word_level": processor.is_word_level,
        "num_ids": f"{len(processor.tokenizer):,}",
        "num_events": f"{len(processor.codec.events):,}",
    }


def _trained(num_parameters: int, training: dict[str, Any]) -> dict[str, str]:
    return {
        "num_parameters": f"{num_parameters:,}",
        "tokens_seen": f"{training['tokens_seen']:,}",
        "training_minutes": f"{training['training_seconds'] / 60:.0f}",
        "machine": training["machine"],
        "log_flops": f"{math.log10(6 * num_parameters * training['tokens_seen']):.1f}",
        "label_smoothing": f"{training['label_smoothing']:g}",
        "structural_loss_weight": f"{training['structural_loss_weight']:g}",
        "seed": str(training["seed"]),
        "split_hash": training["split_hash"],
        "pieces": ", ".join(f"{count:,} {name}" for name, count in training["pieces"].items()),
    }
