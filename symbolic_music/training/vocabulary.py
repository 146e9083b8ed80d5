"""A text model's vocabulary grown by music: new rows that begin near the words for what they mean.

Knows models by their embeddings and head; knows nothing of adapters or data.
"""

from typing import Any

import torch
from transformers import GenerationConfig, PreTrainedModel

from symbolic_music.events.voices.track_text import TrackTextCodec
from symbolic_music.tokenization.event_tokenizer import SPECIAL_TOKENS
from symbolic_music.tokenization.processing_music import MusicProcessor
from symbolic_music.tokenization.text import describe_event, encode_words
from symbolic_music.training.arguments import TrainingError

# Of the spread of the old rows, so that events with the same words begin apart.
_NOISE = 0.1
_DESCRIPTIONS = {
    "BOS_None": " start of a piece of music",
    "EOS_None": " end of the piece of music",
    "PAD_None": " nothing",
}


@torch.no_grad()
def grow_vocabulary(model: PreTrainedModel, processor: MusicProcessor, seed: int = 0) -> list[int]:
    """Give a text model rows for every music token of a processor; its own rows stay as they are.

    A new row is the mean of the rows of the words that describe the event (Hewitt 2021, "Initializing New Word
    Embeddings for Pretrained Language Models", takes the mean of all rows), plus a little noise; the same is done to
    the head where it is not tied to the embeddings.

    Args:
        model: a pretrained text model, whose configuration gets the processor's special ids.
        processor: of `add_music_tokens` over the model's own tokenizer.
        seed: of the noise.

    Returns:
        The ids of the new rows, ascending.

    Raises:
        TrainingError: when the model has not a row for each of its tokenizer's words.
    """
    codec, tokenizer = processor.codec, processor.tokenizer
    assert isinstance(codec, TrackTextCodec)
    music = sorted(processor.encode_events([*SPECIAL_TOKENS.values(), *codec.events], False, False))
    rows = len(embedding_tables(model)[0])
    if rows < music[0]:
        raise TrainingError(
            f"the model has {rows:,} rows and its tokenizer {music[0]:,} words: they do not belong together"
        )
    # A model may have more rows than words, to fill a multiple of 64; those behind the words are overwritten.
    model.resize_token_embeddings(max(rows, len(tokenizer)), mean_resizing=False)
    described = dict(_DESCRIPTIONS) | {event: describe_event(codec, event) for event in codec.events}
    words = [encode_words(processor, text) for text in described.values()]
    ids = processor.encode_events(list(described), False, False)
    generator = torch.Generator().manual_seed(seed)
    for table in embedding_tables(model):
        old = table[: music[0]].float().cpu()
        means = torch.stack([old[pieces].mean(dim=0) for pieces in words])
        noise = torch.randn(means.shape, generator=generator) * _NOISE * old.std(dim=0)
        table[ids] = (means + noise).to(table)
    special = {name: getattr(tokenizer, name) for name in ("pad_token_id", "bos_token_id", "eos_token_id")}
    model.config.update(special)
    # How its text was to be sampled, such as a penalty on repetition, is nothing for music.
    model.generation_config = GenerationConfig(**special)
    return music


def embedding_tables(model: PreTrainedModel) -> list[torch.Tensor]:
    """The embeddings, and the head where it is not tied to them."""
    embeddings: Any = model.get_input_embeddings()
    head: Any = model.get_output_embeddings()
    return [embeddings.weight] if head.weight is embeddings.weight else [embeddings.weight, head.weight]
