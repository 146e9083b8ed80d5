"""Configuration of the Music Transformer. It knows sizes and ids, never what an id means."""

from transformers import PreTrainedConfig

POSITION_ENCODINGS = ("sinusoidal", "learned", "rotary")


class MusicTransformerConfig(PreTrainedConfig):
    r"""Configuration of a [`MusicTransformerForCausalLM`].

    Args:
        vocab_size: number of token ids.
        hidden_size: width of the residual stream; a multiple of `num_attention_heads`.
        num_hidden_layers: number of blocks.
        num_attention_heads: number of attention heads.
        intermediate_size: width of the feed-forward layer; `None` means `4 * hidden_size`.
        hidden_act: activation of the feed-forward layer, a name that transformers knows.
        max_position_embeddings: the context length trained for. `learned` positions end there; `sinusoidal` and
            `rotary` positions are formulas and go on.
        position_encoding: `"sinusoidal"` (Vaswani et al. 2017, section 3.5), `"learned"` (GPT-2) or `"rotary"`
            (Su et al. 2021).
        position_base: the base of the wavelengths of sinusoidal and rotary positions (10,000 in both papers).
        dropout: dropout of the embeddings and of what each block adds to the residual stream.
        attention_dropout: dropout of the attention weights. Any value above 0 keeps SDPA from its flash kernel on CPU.
        layer_norm_eps: epsilon of every LayerNorm.
        initializer_range: standard deviation of the linear layers at the start (GPT-2); embeddings have
            their own, see `EMBEDDED_STD` in the model's file.
        use_cache: whether `generate()` keeps keys and values.
        tie_word_embeddings: whether the head shares the token embeddings (Press & Wolf 2017).
        pad_token_id, bos_token_id, eos_token_id: ids of the special tokens; they must lie below `vocab_size`.

    Raises:
        ValueError: when two values contradict each other; the message holds both.

    Example:

    ```python
    >>> from symbolic_music import MusicTransformerConfig, MusicTransformerForCausalLM

    >>> config = MusicTransformerConfig(vocab_size=512, hidden_size=192, num_hidden_layers=6, num_attention_heads=6)
    >>> model = MusicTransformerForCausalLM(config)
    ```
    """

    model_type = "music_transformer"
    keys_to_ignore_at_inference = ["past_key_values"]  # noqa: RUF012  # annotated, it would become a dataclass field

    vocab_size: int = 512
    hidden_size: int = 512
    num_hidden_layers: int = 8
    num_attention_heads: int = 8
    intermediate_size: int = None  # type: ignore[assignment]  # filled in below; never None after construction
    hidden_act: str = "gelu"
    max_position_embeddings: int = 1024
    position_encoding: str = "sinusoidal"
    position_base: float = 10000.0
    dropout: float = 0.1
    attention_dropout: float = 0.0
    layer_norm_eps: float = 1e-5
    initializer_range: float = 0.02
    use_cache: bool = True
    tie_word_embeddings: bool = True
    pad_token_id: int | None = 0
    bos_token_id: int | None = 1
    eos_token_id: int | list[int] | None = 2

    def __post_init__(self, **kwargs):
        if self.intermediate_size is None:
            self.intermediate_size = 4 * self.hidden_size
        super().__post_init__(**kwargs)
        self._check_sizes()
        self._check_positions()
        self._check_rates()
        self._check_special_ids()

    @property
    def head_dim(self) -> int:
        """Width of one attention head."""
        return self.hidden_size // self.num_attention_heads

    def _check_sizes(self) -> None:
        names = ("vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size")
        for name in (*names, "max_position_embeddings"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.hidden_size % self.num_attention_heads:
            raise ValueError(
                f"hidden_size ({self.hidden_size}) must be a multiple of "
                f"num_attention_heads ({self.num_attention_heads})"
            )

    def _check_positions(self) -> None:
        if self.position_encoding not in POSITION_ENCODINGS:
            raise ValueError(
                f"position_encoding must be one of {', '.join(POSITION_ENCODINGS)}, got {self.position_encoding!r}"
            )
        if self.position_base <= 1:
            raise ValueError(f"position_base must be above 1, got {self.position_base}")
        # Both formulas pair a sine with a cosine, so the width they work on must be even.
        if self.position_encoding == "sinusoidal" and self.hidden_size % 2:
            raise ValueError(f"position_encoding 'sinusoidal' needs an even hidden_size, got {self.hidden_size}")
        if self.position_encoding == "rotary" and self.head_dim % 2:
            raise ValueError(
                f"position_encoding 'rotary' needs an even head size, got hidden_size ({self.hidden_size}) / "
                f"num_attention_heads ({self.num_attention_heads}) = {self.head_dim}"
            )

    def _check_rates(self) -> None:
        for name in ("dropout", "attention_dropout"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name} must lie in [0, 1), got {getattr(self, name)}")

    def _check_special_ids(self) -> None:
        for name in ("pad_token_id", "bos_token_id", "eos_token_id"):
            value = getattr(self, name)
            for token_id in value if isinstance(value, list) else [value]:
                if token_id is not None and not 0 <= token_id < self.vocab_size:
                    raise ValueError(f"{name} ({token_id}) must lie below vocab_size ({self.vocab_size})")


__all__ = ["POSITION_ENCODINGS", "MusicTransformerConfig"]
