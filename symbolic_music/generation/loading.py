"""A trained model and its processor from a folder or the Hub, or one line that says why not."""

from pathlib import Path

import torch
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    AutoProcessor,
    GenerationConfig,
    PreTrainedModel,
)
from transformers.utils.logging import disable_progress_bar
from transformers.utils.peft_utils import find_adapter_config_file

from symbolic_music._extras import require
from symbolic_music.generation.engine.sample import register_models
from symbolic_music.generation.names import LoadError, check_model_name
from symbolic_music.models import auto
from symbolic_music.tokenization.processing_music import MusicProcessor

_BYTES = 256

auto.register_configs()
register_models()


def load_model(name: str, device: str | None = None) -> tuple[PreTrainedModel, MusicProcessor]:
    """A model for inference, in float32 whatever its weights are stored as, and its processor.

    A causal model composes; one with encoder and decoder fills in. An adapter is merged into its base.

    Args:
        name: a folder or a Hub id, of a model or of an adapter with its processor.
        device: cpu, cuda, cuda:1, mps …; a GPU where there is one when left out.

    Raises:
        LoadError: when there is none, or the device does not exist.
    """
    check_model_name(name)
    chosen = _find_device(device)
    disable_progress_bar()  # "Loading weights" would stand between the user and the one line of an error
    try:
        processor = AutoProcessor.from_pretrained(name)
        is_adapter = find_adapter_config_file(name) is not None
        model = _load_adapted(name, len(processor.tokenizer)) if is_adapter else load_whole(name)
    except LoadError:
        raise
    except Exception as error:  # what a broken file raises is up to its reader: tokenizers raises a bare Exception
        where = "" if Path(name).exists() else "no such file or folder here, and as a Hub id: "
        raise LoadError(f"cannot load a model from {name}: {where}{_first_line(error)}") from error
    if not isinstance(processor, MusicProcessor):
        raise LoadError(
            f"cannot load a model from {name}: expected a MusicProcessor, found {type(processor).__name__}"
        )
    return model.eval().to(chosen), processor


def load_whole(name: str, dtype: torch.dtype = torch.float32) -> PreTrainedModel:
    """A model that is no adapter, in the class of its kind: causal, or with encoder and decoder."""
    fills = AutoConfig.from_pretrained(name).is_encoder_decoder
    kind = AutoModelForSeq2SeqLM if fills else AutoModelForCausalLM
    return kind.from_pretrained(name, dtype=dtype)


def _load_adapted(name: str, vocabulary: int) -> PreTrainedModel:
    """The base of an adapter, with rows for the adapter's tokens, and the adapter merged into it."""
    peft = require("peft")
    config = peft.PeftConfig.from_pretrained(name)
    base = load_whole(_find_base(name, config.base_model_name_or_path))
    rows = len(base.get_input_embeddings().weight)  # type: ignore[arg-type]
    trained = config.trainable_token_indices
    if isinstance(trained, dict):
        trained = next(iter(trained.values()))
    # A model of text has rows for its own words, at least one for each byte, and gets those of the music behind them;
    # a model of music has them all.
    has_grown = bool(trained) and min(trained) >= _BYTES and sorted(trained) == list(range(min(trained), vocabulary))
    expected = min(trained) if has_grown else vocabulary
    if rows < expected or (not has_grown and rows != expected):
        raise LoadError(
            f"{name} is an adapter for a model of {expected:,} tokens; its base {config.base_model_name_or_path} has "
            f"{rows:,}"
        )
    base.resize_token_embeddings(max(rows, vocabulary), mean_resizing=False)
    if has_grown:
        base.generation_config = GenerationConfig()  # the base's own is for its text
    return peft.PeftModel.from_pretrained(base, name).merge_and_unload()


def _find_base(name: str, base: str) -> str:
    """An adapter's base: the folder of its name beside the adapter's where there is one, else its name."""
    beside = Path(name).parent / base.rpartition("/")[2]
    return str(beside) if Path(name).is_dir() and (beside / "config.json").exists() else base


def _find_device(name: str | None) -> torch.device:
    if name is None:
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).item()  # a name may be well formed and the device not there
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise LoadError(f"--device is {name!r}, which cannot be used: {_first_line(error)}") from error
    return device


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
