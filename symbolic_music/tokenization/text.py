"""Music in a pretrained text tokenizer: the tokens of track text added behind its own. Knows nothing of models."""

from tokenizers import AddedToken
from transformers import PreTrainedTokenizerBase

from symbolic_music.events.voices.track_text import TrackTextCodec
from symbolic_music.tokenization.event_tokenizer import EventTokenizer
from symbolic_music.tokenization.processing_music import MusicProcessor

MUSIC_SPECIAL_TOKENS = {
    "bos_token": "<|startofpiece|>",
    "eos_token": "<|endofpiece|>",
    "pad_token": "<|pad|>",
}
"""What begins, ends and fills up a piece; a text model's own tokens for these mean text."""
_LENGTHS = dict(
    zip("whqestx", ("whole", "half", "quarter", "eighth", "sixteenth", "thirty-second", "64th"), strict=True)
)
_SIGNS = {"": "", ".": " dotted", "3": " triplet"}


def add_music_tokens(tokenizer: PreTrainedTokenizerBase, codec: TrackTextCodec) -> MusicProcessor:
    """A processor over a text tokenizer to which every event of a codec is added as one token.

    The ids of words stay what they are, so that a model keeps what it knows of them.

    Args:
        tokenizer: a fast tokenizer, such as GPT-2's, BART's or Llama's; it is changed.
        codec: whose events are added, in its order.

    Raises:
        ValueError: when the tokenizer is slow, or some of the tokens are in it already.
    """
    if not tokenizer.is_fast:
        raise ValueError(f"{type(tokenizer).__name__} is not a fast tokenizer")
    texts = [codec.text(event) for event in codec.events]
    vocabulary = tokenizer.get_vocab()
    taken = [text for text in [*MUSIC_SPECIAL_TOKENS.values(), *texts] if text in vocabulary]
    if taken:
        raise ValueError(f"the tokenizer holds {taken[0]!r} already, so it cannot stand for music")
    tokenizer.add_special_tokens({name: AddedToken(text, special=True) for name, text in MUSIC_SPECIAL_TOKENS.items()})
    # Typed music has spaces between its tokens, which are no words.
    tokenizer.add_tokens([AddedToken(text, normalized=False, lstrip=True) for text in texts])
    tokenizer.padding_side = "left"
    return MusicProcessor(tokenizer, codec)


def encode_words(processor: MusicProcessor | EventTokenizer, words: str) -> list[int]:
    """Ids of words that stand before a piece; whatever in them looks like music is read as words too.

    Args:
        processor: of `add_music_tokens`.
        words: such as a title.

    Raises:
        ValueError: when the processor knows music alone.
    """
    tokenizer = processor.tokenizer.backend_tokenizer
    if processor.tokenizer.bos_token not in MUSIC_SPECIAL_TOKENS.values():
        raise ValueError("this model reads no words; leave them out")
    text = tokenizer.normalizer.normalize_str(words) if tokenizer.normalizer is not None else words
    pieces = tokenizer.pre_tokenizer.pre_tokenize_str(text) if tokenizer.pre_tokenizer is not None else [(text, None)]
    return [token.id for piece, _ in pieces for token in tokenizer.model.tokenize(piece)]


def describe_event(codec: TrackTextCodec, event: str) -> str:
    """An event in plain words, for a language model that has to guess what it means."""
    kind, _, value = event.partition("_")
    if kind == "Note":
        pitch, _, length = value.rpartition(":")
        return f" note {pitch} {_spell_length(length)}"
    if kind == "With":
        return f" chord note {value}"
    if kind in ("Rest", "Tie"):
        return f" {kind.lower()} {_spell_length(value)}"
    if kind == "Instrument":
        return f" instrument {codec.text(event)[len('<INST=') : -1]}"
    return f" {kind.lower()} {value if value != 'None' else ''}".rstrip()


def _spell_length(name: str) -> str:
    letter, sign = name[:1], name[1:]
    return f"{_LENGTHS[letter]}{_SIGNS[sign]}" if letter in _LENGTHS and sign in _SIGNS else f"{name} of a quarter"
