"""Codec and corpus to a `tokenizer.json` that stock `AutoTokenizer` loads. Knows nothing of models.

The text a BPE tokenizer reads is event names, with or without spaces between them. A normalizer maps each name to one
private-use character, the BPE model runs on those characters, and a decoder maps them back. A word-level tokenizer
reads names with spaces between them, an id for each.
"""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import miditok
from symusic.core import ScoreTick
from tokenizers import Regex, Tokenizer, decoders, normalizers
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from transformers import PreTrainedTokenizerFast

from symbolic_music.events.codec import ScoreCodec
from symbolic_music.events.remi.codec import RemiCodec, RemiSettings
from symbolic_music.score.checks import ScoreError
from symbolic_music.score.transforms.edit import transpose
from symbolic_music.tokenization.event_tokenizer import FIRST_EVENT_CHARACTER, SPECIAL_TOKENS
from symbolic_music.tokenization.processing_music import MIDITOK_FILE, MusicProcessor

# MidiTok's BPE works on these characters: chr(33 + id) for a base token.
MIDITOK_FIRST_CHARACTER = 33


def build_remi_tokenizer(
    scores: Iterable[ScoreTick],
    vocab_size: int,
    spread_keys: bool = True,
    model_max_length: int = 1_000_000,
    settings: RemiSettings | None = None,
) -> MusicProcessor:
    """Train REMI + BPE on Scores and wrap it.

    Args:
        scores: the training split, and nothing but the training split.
        vocab_size: ids in all, the base events included.
        spread_keys: whether to transpose the pieces, each by another interval of -5 to 6 semitones, so that merges
            learn rhythms and intervals rather than the keys a corpus happens to be written in.
        model_max_length: longest sequence the tokenizer accepts without a warning.
        settings: the vocabulary of events; by default that of `RemiSettings`.

    Returns:
        A processor whose `midi_tokenizer` is the trained MidiTok tokenizer; `save_processor` writes both.
    """
    codec = RemiCodec(settings)
    base = codec.midi_tokenizer._vocab_base
    if vocab_size <= len(base):
        raise ValueError(f"vocab_size is {vocab_size}; it must exceed the {len(base)} base tokens")
    pieces = _spread_over_keys(scores) if spread_keys else scores
    texts = ["".join(chr(MIDITOK_FIRST_CHARACTER + base[event]) for event in codec.encode(piece)) for piece in pieces]
    if not texts:
        raise ValueError("no Scores to train the tokenizer on")
    codec.midi_tokenizer.train(vocab_size=vocab_size, model="BPE", iterator=texts)
    return MusicProcessor(fast_tokenizer(codec.midi_tokenizer, model_max_length=model_max_length), codec)


def build_word_level_tokenizer(codec: ScoreCodec, model_max_length: int = 1_000_000) -> MusicProcessor:
    """One id for each event of a codec, the special tokens first, in the codec's order; there is nothing to train.

    Args:
        codec: any codec.
        model_max_length: longest sequence the tokenizer accepts without a warning.
    """
    vocabulary = {name: index for index, name in enumerate([*SPECIAL_TOKENS.values(), *codec.events])}
    tokenizer = Tokenizer(WordLevel(vocabulary))
    tokenizer.pre_tokenizer = WhitespaceSplit()
    return MusicProcessor(_stock_tokenizer(tokenizer, model_max_length=model_max_length), codec)


def save_processor(processor: MusicProcessor, folder: str | Path) -> None:
    """Write a processor and, beside BPE over REMI, MidiTok's own file, so that its users can load the same."""
    processor.save_pretrained(folder)
    if isinstance(processor.codec, RemiCodec) and processor.codec.midi_tokenizer.is_trained:
        processor.codec.midi_tokenizer.save(Path(folder) / MIDITOK_FILE)


def fast_tokenizer(midi_tokenizer: miditok.REMI, **kwargs) -> PreTrainedTokenizerFast:
    """A trained MidiTok tokenizer as a stock fast tokenizer over event names, with the same ids."""
    if midi_tokenizer.config.encode_ids_split != "no":
        raise ValueError(
            f"encode_ids_split is {midi_tokenizer.config.encode_ids_split!r}; only 'no' can be told in text"
        )
    base = midi_tokenizer._vocab_base
    characters = {
        chr(MIDITOK_FIRST_CHARACTER + index): name if name in SPECIAL_TOKENS.values() else _event_character(index)
        for name, index in base.items()
    }
    state = json.loads(midi_tokenizer._model.to_str())
    model = state["model"]

    def rename(text: str) -> str:
        return "".join(characters[character] for character in text)

    model["vocab"] = {rename(token): index for token, index in model["vocab"].items()}
    model["merges"] = [[rename(part) for part in merge] for merge in model["merges"]]
    state["added_tokens"] = []
    tokenizer = Tokenizer.from_str(json.dumps(state))

    # Longest first, so that Pitch_60 is not read as Pitch_6 and a 0.
    names = sorted(set(base) - set(SPECIAL_TOKENS.values()), key=lambda name: (-len(name), name))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Replace(name, _event_character(base[name])) for name in names]
        + [normalizers.Replace(Regex(r"\s+"), "")]
    )
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace(_event_character(base[name]), f"{name} ") for name in names]
        + [decoders.Replace(name, f"{name} ") for name in SPECIAL_TOKENS.values()]
        + [decoders.Fuse(), decoders.Strip(" ", 0, 1)]
    )
    return _stock_tokenizer(tokenizer, **kwargs)


def _stock_tokenizer(tokenizer: Tokenizer, **kwargs) -> PreTrainedTokenizerFast:
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        clean_up_tokenization_spaces=False,
        padding_side="left",
        model_input_names=["input_ids", "attention_mask"],
        **SPECIAL_TOKENS,
        **kwargs,
    )


def _spread_over_keys(scores: Iterable[ScoreTick]) -> Iterator[ScoreTick]:
    for number, score in enumerate(scores):
        try:
            yield transpose(score, number % 12 - 5)
        except ScoreError:  # the piece reaches to the end of the keyboard
            yield score


def _event_character(index: int) -> str:
    return chr(FIRST_EVENT_CHARACTER + index)
