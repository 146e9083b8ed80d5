"""Configuration of the music LSTM. It knows sizes and ids, never what an id means."""

from transformers import PreTrainedConfig


class MusicLSTMConfig(PreTrainedConfig):
    r"""Configuration of a [`MusicLSTMForCausalLM`].

    Args:
        vocab_size: number of token ids.
        hidden_size: width of every layer's state.
        num_hidden_layers: number of layers.
        embedding_size: width of the token vectors, which the first layer reads and the head compares with; `None`
            means `hidden_size`. Where the two differ, a linear projection leads from the last layer to the head.
        max_position_embeddings: the length of the sequences trained on. It limits nothing, since a state has no
            positions: it is what generation and evaluation take for the length where none is given.
        dropout: dropout of the embeddings and of every layer's output, never of what a layer hands to its own next
            step (Zaremba et al. 2014).
        use_cache: whether `generate()` keeps the state.
        tie_word_embeddings: whether the head shares the token embeddings (Press & Wolf 2017).
        pad_token_id, bos_token_id, eos_token_id: ids of the special tokens; they must lie below `vocab_size`.

    Raises:
        ValueError: when a value is impossible or two contradict each other; the message holds them.

    Example:

    ```python
    >>> from symbolic_music import MusicLSTMConfig, MusicLSTMForCausalLM

    >>> config = MusicLSTMConfig(vocab_size=512, hidden_size=448, num_hidden_layers=2, embedding_size=192)
    >>> model = MusicLSTMForCausalLM(config)
    ```
    """

    model_type = "music_lstm"
    keys_to_ignore_at_inference = ["past_key_values"]  # noqa: RUF012  # annotated, it would become a dataclass field

    vocab_size: int = 512
    hidden_size: int = 512
    num_hidden_layers: int = 2
    embedding_size: int = None  # type: ignore[assignment]  # filled in below; never None after construction
    max_position_embeddings: int = 1024
    dropout: float = 0.1
    use_cache: bool = True
    tie_word_embeddings: bool = True
    pad_token_id: int | None = 0
    bos_token_id: int | None = 1
    eos_token_id: int | list[int] | None = 2

    def __post_init__(self, **kwargs):
        if self.embedding_size is None:
            self.embedding_size = self.hidden_size
        super().__post_init__(**kwargs)
        self._check_sizes()
        self._check_special_ids()

    def _check_sizes(self) -> None:
        names = ("vocab_size", "hidden_size", "num_hidden_layers", "embedding_size", "max_position_embeddings")
        for name in names:
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if not 0 <= self.dropout < 1:
            raise ValueError(f"dropout must lie in [0, 1), got {self.dropout}")

    def _check_special_ids(self) -> None:
        for name in ("pad_token_id", "bos_token_id", "eos_token_id"):
            value = getattr(self, name)
            for token_id in value if isinstance(value, list) else [value]:
                if token_id is not None and not 0 <= token_id < self.vocab_size:
                    raise ValueError(f"{name} ({token_id}) must lie below vocab_size ({self.vocab_size})")


__all__ = ["MusicLSTMConfig"]
