"""What every model's folder is made of: weights with their code, tokenizer, generation settings, figures, card.

The folder of one of our own families loads two ways: with `symbolic_music` imported, through the registered classes;
without the package, with `trust_remote_code=True`, through the copied model code.
"""

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from transformers import GenerationConfig, PreTrainedModel

from symbolic_music.generation.compose import SamplingOptions
from symbolic_music.hub.cards.composer import ModelFacts
from symbolic_music.hub.contents import CARD_FILE
from symbolic_music.hub.errors import PublishError
from symbolic_music.models.hub_code import saving_code
from symbolic_music.tokenization.processing_music import MIDITOK_FILE, MusicProcessor

WEIGHT_DTYPES = {"bfloat16": torch.bfloat16, "float32": torch.float32}
ATTRIBUTION_FILE = "ATTRIBUTION.md"
LOSS_PLOT = "loss.png"


@contextmanager
def folder_to_make(output: Path) -> Iterator[Path]:
    """A folder beside the one to make, which takes its place when all went well and is gone otherwise."""
    partial = output.with_name(f".{output.name}.incomplete")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        yield partial
        partial.rename(output)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def write_results(folder: Path, results: dict[str, dict[str, Any]]) -> None:
    """Write figures as JSON, by the names of their files."""
    for name, content in results.items():
        (folder / name).write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def write_folder(
    checkpoint: Path,
    folder: Path,
    model: PreTrainedModel,
    processor: MusicProcessor,
    card: str,
    facts: ModelFacts,
    measured_with: Mapping[str, Any],
) -> None:
    """Write what loads and says what it is.

    Args:
        checkpoint: a folder that training wrote; what lies there beside the weights goes along.
        folder: where to.
        model: its weights are written in the type they have.
        processor: of the model.
        card: the text of the card.
        facts: of the model; whom the music is due to goes along as a file of its own.
        measured_with: `temperature` and `top_p` of the figures, which the model samples with if nothing else is said.
    """
    with saving_code(model):
        model.save_pretrained(folder)
    processor.save_pretrained(folder)
    as_measured = SamplingOptions(temperature=measured_with["temperature"], top_p=measured_with["top_p"])
    GenerationConfig(
        bos_token_id=processor.tokenizer.bos_token_id,
        eos_token_id=processor.tokenizer.eos_token_id,
        pad_token_id=processor.tokenizer.pad_token_id,
        **as_measured.generate_arguments(),
        max_length=model.config.max_position_embeddings,
    ).save_pretrained(folder)
    for name in (MIDITOK_FILE, LOSS_PLOT):
        if (checkpoint / name).exists():
            shutil.copy(checkpoint / name, folder)
    if facts.attribution:
        (folder / ATTRIBUTION_FILE).write_text(facts.attribution, encoding="utf-8")
    (folder / CARD_FILE).write_text(card, encoding="utf-8")


def read_json(path: Path) -> dict[str, Any]:
    """Figures that a script wrote.

    Raises:
        PublishError: names the file that is missing or no JSON.
    """
    if not path.exists():
        raise PublishError(f"{path} is missing; it holds figures that the card quotes")
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise PublishError(f"{path} is not JSON: {error}") from error
