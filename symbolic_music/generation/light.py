"""A folder of a model, read for composing on a CPU without torch and transformers, whose import takes seconds.

What is not covered (adapters, Hub ids, classes without a graph) is left to `loading.load_model`; `open_model` chooses.
"""

import json
import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from symbolic_music._extras import MissingExtraError, require
from symbolic_music.generation.engine.decoder import Decoder
from symbolic_music.generation.engine.graphs.families import FAMILIES
from symbolic_music.generation.engine.graphs.nodes import Source, UnsupportedModelError
from symbolic_music.generation.names import check_model_name
from symbolic_music.tokenization.event_tokenizer import EventTokenizer

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from symbolic_music.tokenization.processing_music import MusicProcessor

WEIGHTS_FILE, CONFIG_FILE, SAMPLING_FILE = "model.safetensors", "config.json", "generation_config.json"


@dataclass
class LightModel:
    """A model that steps in ONNX Runtime and does nothing else.

    Attributes:
        architecture: the name of its class.
        config: what `config.json` says, and what transformers makes of it.
        generation_config: temperature and top-p, each None where the model says nothing.
        weights: by name, float32.
    """

    architecture: str
    config: SimpleNamespace
    generation_config: SimpleNamespace
    weights: dict[str, np.ndarray]
    _decoder: Decoder | None = field(default=None, repr=False)

    def decoder(self, max_length: int) -> Decoder:
        """Its step, made once.

        Args:
            max_length: longest sequence in tokens.

        Raises:
            UnsupportedModelError: for settings that no graph has.
        """
        most = max(max_length, self.config.max_position_embeddings)
        if self._decoder is None or self._decoder.graph.max_length < most:
            graph = FAMILIES[self.architecture](Source(self.config, self.weights), most)
            self._decoder = Decoder(graph, _num_threads())
        return self._decoder


def load_light(folder: Path) -> tuple[LightModel, EventTokenizer]:
    """A composer from a folder.

    Raises:
        UnsupportedModelError: when it is none that can be read so; the message says why.
        OSError, ValueError: when a file is missing or not what it should be.
    """
    said = json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8"))
    architecture = next(iter(said.get("architectures") or [""]))
    if architecture not in FAMILIES:
        raise UnsupportedModelError(f"there is no graph of a {architecture or 'model without a class'}")
    model = LightModel(architecture, _config(said), _sampling(folder), _weights(folder / WEIGHTS_FILE))
    model.decoder(model.config.max_position_embeddings)
    return model, EventTokenizer.from_folder(folder)


def open_model(
    name: str, device: str | None = None
) -> "tuple[PreTrainedModel | LightModel, MusicProcessor | EventTokenizer]":
    """A model and its processor for composing: without torch, where the folder and this machine allow it.

    A folder that cannot be read so is read the other way, which says what is wrong with it, if anything is.

    Args:
        name: a folder or a Hub id.
        device: as `loading.load_model` takes it.

    Raises:
        LoadError: when there is no model of this name, or no such device.
    """
    check_model_name(name)
    if Path(name).is_dir() and (device == "cpu" or (device is None and not _has_gpu())):
        try:
            return load_light(Path(name))
        except (UnsupportedModelError, MissingExtraError, OSError, ValueError, AttributeError, KeyError):
            pass
    from symbolic_music.generation.loading import load_model  # imports torch

    return load_model(name, device)


def _has_gpu() -> bool:
    """Whether torch may find one; it is not asked, for its import takes seconds."""
    return Path("/dev/nvidiactl").exists() or Path("/dev/kfd").exists() or sys.platform != "linux"


def _config(said: dict[str, Any]) -> SimpleNamespace:
    config = SimpleNamespace(**{"is_encoder_decoder": "encoder_layers" in said, **said})
    if "n_positions" in said:  # a GPT-2
        config.max_position_embeddings = said["n_positions"]
    if "num_attention_heads" in said:
        config.head_dim = said["hidden_size"] // said["num_attention_heads"]
    return config


def _sampling(folder: Path) -> SimpleNamespace:
    path = folder / SAMPLING_FILE
    said = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return SimpleNamespace(temperature=said.get("temperature"), top_p=said.get("top_p"))


def _weights(path: Path) -> dict[str, np.ndarray]:
    if not path.exists():
        raise UnsupportedModelError("its weights are not in one file")
    require("ml_dtypes")  # numpy has no bf16 of its own
    from safetensors.numpy import load_file

    return {name: weight.astype(np.float32) for name, weight in load_file(path).items()}


def _num_threads() -> int:
    """As torch has it: what the environment says, or one for each processor."""
    said = os.environ.get("OMP_NUM_THREADS", "")
    return int(said) if said.isdecimal() and int(said) else len(os.sched_getaffinity(0))
