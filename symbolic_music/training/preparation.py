"""From arguments to what a Trainer needs: processor, pieces, model, and the checkpoint to go on from.

Knows where things are loaded from and turns what a user can get wrong into one line; knows nothing of training steps.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset, DatasetDict, load_dataset
from datasets.exceptions import DatasetsError
from torch import nn
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    AutoTokenizer,
    GenerationConfig,
    GPT2LMHeadModel,
    MBartConfig,
    MBartForConditionalGeneration,
    PreTrainedModel,
)
from transformers.utils import logging

from symbolic_music.events.voices.track_text import TrackTextCodec, TrackTextSettings
from symbolic_music.models import auto
from symbolic_music.models.hub_code import is_own
from symbolic_music.tokenization.processing_music import MusicProcessor
from symbolic_music.tokenization.text import add_music_tokens
from symbolic_music.training.adaptation.vocabulary import grow_vocabulary
from symbolic_music.training.arguments import ModelArguments, MusicTrainingArguments, TrainingError
from symbolic_music.training.checkpoints import find_checkpoints
from symbolic_music.training.infilling.warm_start import bart_from, causal_from

logger = logging.get_logger(__name__)

# Of a small BART, where --num_attention_heads is left out.
_BART_HEADS = 4

auto.register_configs()
auto.register_models()


def load_processor(name: str) -> MusicProcessor:
    """A processor from a folder or the Hub."""
    try:
        return MusicProcessor.from_pretrained(name)
    except Exception as error:  # what a broken file raises is up to its reader: tokenizers raises a bare Exception
        raise TrainingError(f"{name}: no music processor could be loaded ({_one_line(error)})") from error


def load_splits(name: str, sources: Sequence[str] = ()) -> DatasetDict:
    """The splits of a dataset folder or Hub dataset, with the columns of CONTRIBUTING.md.

    Args:
        name: of the dataset.
        sources: keep the pieces of these alone, in each split; all when empty.

    Raises:
        TrainingError: when it cannot be loaded, or has no piece of a source.
    """
    if not name.strip():
        raise TrainingError("no dataset is named: give a folder or a Hub id")
    try:
        splits = load_dataset(name)
    except (OSError, DatasetsError, ValueError, LookupError) as error:
        raise TrainingError(f"{name}: no dataset could be loaded ({_one_line(error)})") from error
    return _of_sources(splits, name, set(sources)) if sources else splits


def _of_sources(splits: DatasetDict, name: str, wanted: set[str]) -> DatasetDict:
    """Each split's pieces of some sources."""
    known = {source for split in splits.values() for source in split.unique("source")}
    if unknown := sorted(wanted - known):
        raise TrainingError(f"{name}: no piece of {', '.join(unknown)}; its sources are {', '.join(sorted(known))}")
    return splits.filter(lambda source: source in wanted, input_columns="source")


def choose_split(splits: DatasetDict, split: str, name: str, max_pieces: int | None = None) -> Dataset:
    """One split, or so many of its pieces, evenly spaced: datasets list one corpus after the other.

    Raises:
        TrainingError: when the split is missing, empty or holds no `midi` column.
    """
    if split not in splits:
        raise TrainingError(f"{name}: no split {split!r}; it has {', '.join(sorted(splits))}")
    pieces = splits[split]
    if "midi" not in pieces.column_names:
        raise TrainingError(f"{name}: split {split!r} has no column 'midi'; it has {', '.join(pieces.column_names)}")
    if max_pieces is not None:
        pieces = evenly_spaced(pieces, max_pieces)
    if not len(pieces):
        raise TrainingError(f"{name}: split {split!r} holds no pieces")
    return pieces


def evenly_spaced(pieces: Dataset, number: int) -> Dataset:
    """So many pieces, or all: datasets list one corpus after the other."""
    chosen = min(number, len(pieces))
    return pieces.select([index * len(pieces) // chosen for index in range(chosen)])


def build_model(arguments: ModelArguments, processor: MusicProcessor, context_length: int) -> PreTrainedModel:
    """A model for a processor's vocabulary, with fresh weights or those of a trained model.

    Raises:
        TrainingError: when the sizes contradict each other, the family is unknown, or the trained model has another
            vocabulary or a shorter context.
    """
    if arguments.start_from is not None:
        return _trained_model(arguments.start_from, processor, context_length)
    tokenizer = processor.tokenizer
    try:
        config = AutoConfig.for_model(
            arguments.model_type,
            vocab_size=len(tokenizer),
            max_position_embeddings=context_length,
            pad_token_id=tokenizer.pad_token_id,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            **arguments.config_kwargs(),
        )
        return AutoModelForCausalLM.from_config(config)
    except ValueError as error:
        raise TrainingError(f"--model_type {arguments.model_type}: {_one_line(error)}") from error


def _trained_model(name: str, processor: MusicProcessor, context_length: int) -> PreTrainedModel:
    """A trained model, in float32, that was trained on the same ids."""
    vocabulary = load_processor(name).tokenizer.get_vocab()
    if vocabulary != processor.tokenizer.get_vocab():
        raise TrainingError(f"--start_from {name}: expected a model of this tokenizer; its ids mean other events")
    model = _load_causal(name)
    _hold_context(model, name, context_length)
    return model


def _load_causal(name: str) -> PreTrainedModel:
    try:
        return AutoModelForCausalLM.from_pretrained(name, dtype=torch.float32)
    except (OSError, ValueError, RuntimeError) as error:
        raise TrainingError(f"--start_from {name}: no model could be loaded ({_one_line(error)})") from error


def _hold_context(model: PreTrainedModel, name: str, context_length: int) -> None:
    """Let a model hold so many tokens, or refuse one that cannot."""
    config = model.config
    if config.max_position_embeddings < context_length:
        # An LSTM and rotary positions have no table that ends.
        if config.model_type != "music_lstm" and getattr(config, "position_encoding", None) != "rotary":
            held = f"it holds {config.max_position_embeddings:,} tokens"
            raise TrainingError(f"--start_from {name}: {held}; expected {context_length:,} or more")
        config.max_position_embeddings = context_length


def build_infill_model(
    arguments: ModelArguments,
    processor: MusicProcessor,
    context_length: int,
    encoder_decoder: bool,
    encoder_layers: int | None = None,
) -> PreTrainedModel:
    """A model with fresh weights that is to fill masked bars: a BART of these sizes, or a causal one.

    The BART has its layer norms before the sublayers, as mBART (Liu et al. 2020) has: at a small model's learning rate
    it learns faster so, and its gradients stay small. Its sublayers add nothing at first (Zhang et al. 2019, "Fixup
    initialization", arXiv:1901.09321), so that tokens and positions reach the decoder as they are: from random
    sublayers, whose noise outweighs them, it takes longer to learn what in the source to look at.

    Args:
        arguments: the sizes; the number of layers is that of a BART's decoder.
        processor: of track text with masks.
        context_length: tokens that it reads or writes at most.
        encoder_decoder: whether it is a BART.
        encoder_layers: of a BART's encoder; as many as its decoder's when None.

    Raises:
        TrainingError: when the sizes contradict each other, or `--start_from` names no model that reads track text.
    """
    if arguments.start_from is not None:
        return _filler_from(arguments.start_from, processor, context_length, encoder_decoder, encoder_layers)
    if not encoder_decoder:
        return build_model(arguments, processor, context_length)
    if arguments.position_encoding is not None or arguments.embedding_size is not None:
        raise TrainingError("--position_encoding and --embedding_size are no sizes of a BART: leave them out")
    heads = arguments.num_attention_heads or _BART_HEADS
    if arguments.hidden_size % heads:
        raise TrainingError(f"--hidden_size {arguments.hidden_size} is no multiple of {heads} heads")
    layers, width = arguments.num_hidden_layers, arguments.intermediate_size or 4 * arguments.hidden_size
    sides: dict[str, Any] = {"encoder_layers": encoder_layers or layers, "decoder_layers": layers}
    sides |= {f"{side}_attention_heads": heads for side in ("encoder", "decoder")}
    sides |= {f"{side}_ffn_dim": width for side in ("encoder", "decoder")}
    config = MBartConfig(
        vocab_size=len(processor.tokenizer),
        max_position_embeddings=context_length,
        d_model=arguments.hidden_size,
        dropout=arguments.dropout,
        # Tokens and positions of unit size, as in Vaswani et al. 2017: of BART's own 0.02, which suits a width of
        # 1024, the first steps at a small model's rate leave nothing.
        init_std=arguments.hidden_size**-0.5,
        scale_embedding=True,
        **_special_ids(processor),
        **sides,
    )
    model = MBartForConditionalGeneration(config)
    for side in (model.model.encoder, model.model.decoder):
        _begin_with_sinusoids(side.embed_positions.weight)
    for name, weight in model.named_parameters():
        if name.endswith(("out_proj.weight", "fc2.weight")):
            nn.init.zeros_(weight)
    return model


def _filler_from(
    name: str, processor: MusicProcessor, context_length: int, encoder_decoder: bool, encoder_layers: int | None
) -> PreTrainedModel:
    """A model that is to fill masked bars, with the weights of one that reads track text."""
    read = load_processor(name)
    if not isinstance(read.codec, TrackTextCodec):
        raise TrainingError(f"--start_from {name}: it reads {read.codec.codec_type}; expected a model of track text")
    if read.codec.settings.max_masks:
        raise TrainingError(f"--start_from {name}: it fills masked bars already; name it by --model")
    reader = _load_causal(name)
    _hold_context(reader, name, context_length)
    if not encoder_decoder:
        return causal_from(reader, read, processor)
    if not isinstance(reader, GPT2LMHeadModel):
        raise TrainingError(
            f"--start_from {name}: it is a {type(reader).__name__}; expected a GPT2LMHeadModel for a BART"
        )
    return bart_from(reader, read, processor, _special_ids(processor), encoder_layers)


@torch.no_grad()
def _begin_with_sinusoids(positions: torch.Tensor) -> None:
    """Set learned positions (N, D) to sinusoids (Vaswani et al. 2017, section 3.5).

    From random ones a small model takes hundreds of steps to find out which token is the one before; of these, what
    lies a given distance away is a fixed rotation. The slowest turns once in some 600 tokens: slower ones, of up to
    60,000 in that paper, hardly tell the positions of a window apart.
    """
    count, width = positions.shape
    rates = 100 ** (-torch.arange(0, width, 2) / width)
    angles = torch.arange(count)[:, None] * rates
    waves = torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)[:, :width]
    positions.copy_(waves)


def _special_ids(processor: MusicProcessor) -> dict[str, Any]:
    """What an encoder-decoder is told of begins and ends."""
    tokenizer = processor.tokenizer
    return {
        "pad_token_id": tokenizer.pad_token_id,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "decoder_start_token_id": tokenizer.bos_token_id,
        "forced_eos_token_id": None,
    }


def load_text_model(
    name: str, settings: TrackTextSettings, gguf_file: str | None = None, encoder_decoder: bool = False
) -> tuple[PreTrainedModel, MusicProcessor, list[int]]:
    """A pretrained text model that is given rows for track text, its processor, and the ids of the new rows.

    Args:
        name: folder or Hub id of any language model with a fast tokenizer.
        settings: of the track text, such as the bars of its windows.
        gguf_file: within the folder, where the weights are quantised ones in that format.
        encoder_decoder: whether it is one with an encoder, such as BART, rather than a causal one.

    Raises:
        TrainingError: when model or tokenizer cannot be loaded, or do not belong together.
    """
    kind = AutoModelForSeq2SeqLM if encoder_decoder else AutoModelForCausalLM
    try:
        tokenizer = AutoTokenizer.from_pretrained(name, gguf_file=gguf_file)
        model = kind.from_pretrained(name, gguf_file=gguf_file, dtype=torch.float32)
        if is_own(model):
            raise ValueError("it is a model of music already")
        processor = add_music_tokens(tokenizer, TrackTextCodec(settings))
    except Exception as error:  # as in load_processor
        raise TrainingError(f"{name}: no text model could be loaded ({_one_line(error)})") from error
    rows = grow_vocabulary(model, processor)
    if encoder_decoder:
        # What ends and begins a text in the model's own way would end and begin its music so, too.
        model.config.update(_special_ids(processor))
        model.generation_config = GenerationConfig(**_special_ids(processor))
    return model, processor, rows


def checkpoint_to_resume(args: MusicTrainingArguments) -> str | None:
    """The checkpoint to go on from, or None for a fresh start.

    Raises:
        TrainingError: when the output folder holds a run already and `--resume` was not given.
    """
    if args.resume_from_checkpoint is not None:
        return args.resume_from_checkpoint
    complete, incomplete = find_checkpoints(Path(str(args.output_dir)))
    for path in incomplete:
        logger.warning(f"{path} is incomplete (its run was stopped while writing it) and is not used")
    if not complete:
        return None
    if not args.resume:
        raise TrainingError(f"{args.output_dir} holds checkpoints of a run; add --resume or choose another --output")
    return str(complete[-1])


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
