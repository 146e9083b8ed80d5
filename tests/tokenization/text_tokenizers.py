"""Text tokenizers in small, of the two kinds that language models have."""

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers
from transformers import PreTrainedTokenizerFast


def byte_level_tokenizer():
    """As GPT-2's, BART's and Llama 3's: a token for each byte, and some merges."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    words = ["th", "in", "an", "al"]
    vocabulary = {token: index for index, token in enumerate([*alphabet, *words])}
    tokenizer = Tokenizer(models.BPE(vocabulary, [(word[0], word[1]) for word in words]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="Z", bos_token="Z")


def metaspace_tokenizer():
    """As Llama 2's: spaces are a sign, and words are lower case here, so that the normalizer is seen to work."""
    letters = ["<unk>", "▁", *"abcdefghijklmnopqrstuvwxyz_.0123456789<>=|"]
    tokenizer = Tokenizer(models.BPE({token: index for index, token in enumerate(letters)}, [], unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="<unk>")


TOKENIZERS = {"byte level": byte_level_tokenizer, "metaspace": metaspace_tokenizer}
