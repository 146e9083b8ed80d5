"""A model that was adapted with LoRA, to two folders: of the merged model, and of the adapter alone."""

import json
import shutil
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from symbolic_music.generation.loading import load_whole
from symbolic_music.hub.assembly.parts import (
    ATTRIBUTION_FILE,
    WEIGHT_DTYPES,
    folder_to_make,
    read_json,
    write_folder,
    write_results,
)
from symbolic_music.hub.cards.adapted import ADAPTATION_FILE, Adaptation, AdaptedFacts, adapted_words
from symbolic_music.hub.cards.filler import INFILLING_FILE
from symbolic_music.hub.cards.samples import read_samples
from symbolic_music.hub.cards.template import render_card
from symbolic_music.hub.contents import ADAPTER_CONFIG, ADAPTER_FOLDER, CARD_FILE
from symbolic_music.hub.errors import PublishError
from symbolic_music.tokenization.processing_music import MusicProcessor

_ADAPTER_WEIGHTS = "adapter_model.safetensors"


def assemble_adapted(
    checkpoint: Path,
    output: Path,
    adapter_output: Path,
    facts: AdaptedFacts,
    template: Path,
    dtype: str = "bfloat16",
    samples: Sequence[Path] = (),
) -> None:
    """Write the folders of two Hub repositories.

    Args:
        checkpoint: a folder that `train/finetune_lora.py`, or `train/train_infill.py` with an adapter, wrote.
        output: the folder of the merged model to write; must not exist.
        adapter_output: the folder of the adapter alone; must not exist.
        facts: what the cards say and no file knows.
        template: of both cards.
        dtype: of the merged weights, "bfloat16" or "float32"; those of the adapter stay as they were trained.
        samples: folders that `symbolic-music generate` or `infill` wrote.

    Raises:
        PublishError: when the checkpoint lacks a file or a figure, or an output exists.
    """
    for folder in (output, adapter_output):
        if folder.exists():
            raise PublishError(f"{folder} exists; expected a folder to make")
    results = _results_file(checkpoint)
    result = read_json(checkpoint / results)
    shown = [read_samples(folder) for folder in samples]
    options = shown[0].summary["options"] if shown else {"temperature": 1.0, "top_p": 1.0}
    model = load_whole(str(checkpoint), WEIGHT_DTYPES[dtype])
    try:
        adaptation = Adaptation.read(results, result)
        words = adapted_words(facts, adaptation, model, options, shown)
        words_of_adapter = adapted_words(facts, adaptation, model, options, adapter=True)
    except KeyError as error:
        raise PublishError(f"{checkpoint}: the card needs the figure {error}, which {results} lacks") from error
    with ExitStack() as stack:
        merged, adapter = (stack.enter_context(folder_to_make(folder)) for folder in (output, adapter_output))
        processor = MusicProcessor.from_pretrained(checkpoint)
        write_folder(checkpoint, merged, model, processor, render_card(template, **words), facts, options)
        write_results(merged, {results: result})
        for sample in shown:
            sample.copy_to(merged)
        _write_adapter(checkpoint / ADAPTER_FOLDER, adapter, facts, render_card(template, **words_of_adapter))


def _results_file(checkpoint: Path) -> str:
    found = [name for name in (ADAPTATION_FILE, INFILLING_FILE) if (checkpoint / name).exists()]
    if not found or not (checkpoint / ADAPTER_FOLDER / ADAPTER_CONFIG).exists():
        raise PublishError(
            f"{checkpoint}: expected a model with its adapter, as train/finetune_lora.py or train/train_infill.py "
            f"writes it: {ADAPTATION_FILE} or {INFILLING_FILE}, and {ADAPTER_FOLDER}/{ADAPTER_CONFIG}"
        )
    return found[0]


def _write_adapter(trained: Path, folder: Path, facts: AdaptedFacts, card: str) -> None:
    folder.mkdir(exist_ok=True)
    MusicProcessor.from_pretrained(trained).save_pretrained(folder)
    shutil.copy(trained / _ADAPTER_WEIGHTS, folder)
    config: dict[str, Any] = read_json(trained / ADAPTER_CONFIG)
    config["base_model_name_or_path"] = facts.base_repository
    (folder / ADAPTER_CONFIG).write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    if facts.attribution:
        (folder / ATTRIBUTION_FILE).write_text(facts.attribution, encoding="utf-8")
    (folder / CARD_FILE).write_text(card, encoding="utf-8")
