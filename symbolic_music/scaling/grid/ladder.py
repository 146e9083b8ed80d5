"""The sizes of the scaling study: five Transformers, and an LSTM matched to each in parameters.

Counts parameters and FLOPs from configurations alone, in closed form; knows nothing of data, training or fits, and
builds no model.

Of our Transformer's options, learned positions, an untied head and a feed-forward layer of four times the width come
nearest to the ladder's published sizes, 3.4, 7.3, 22.7, 52.4 and 100.8 million at 1,734 ids and a context of 256:
they give 3.37, 7.25, 22.68, 52.27 and 100.74, each within 0.9 % (a tied head would give 3.04, 6.81, 22.02, 51.38 and
99.63).

Both families of a rung have the same token vectors and the same head, as large as the Transformer's width says; an
LSTM's wider state is projected down to them. So a vocabulary weighs on both alike, and what is matched is what
computes.
"""

import bisect
from collections.abc import Callable
from dataclasses import dataclass

from transformers import PreTrainedConfig

from symbolic_music.models.music_lstm.configuration_music_lstm import MusicLSTMConfig
from symbolic_music.models.music_transformer.configuration_music_transformer import MusicTransformerConfig

# How far an LSTM's parameters may be from its Transformer's.
TOLERANCE = 0.02
# A state's width is a multiple of the first of these that matches within the tolerance. Matrix units work on tiles of
# eight numbers; models much smaller than the ladder's cannot be matched in steps of eight.
_WIDTH_STEPS = (8, 4, 2, 1)
_MAX_LSTM_WIDTH = 1 << 20

# Training costs three times the forward pass, whose every multiplication comes with an addition (Kaplan et al. 2020,
# section 2.1): the backward pass computes a gradient for the inputs of each product and one for the weights.
_TRAINING_FLOPS_PER_WEIGHT = 6


class LadderError(ValueError):
    """No such rung, or none that can be matched; the message is one line that says which."""


@dataclass(frozen=True)
class Rung:
    """One size of Transformer, and the depth of the LSTM that goes with it.

    Args:
        name: what the size is called.
        layers: blocks of the Transformer.
        heads: attention heads.
        width: of the residual stream, a multiple of `heads`; also of both families' token vectors.
    """

    name: str
    layers: int
    heads: int
    width: int

    @property
    def lstm_layers(self) -> int:
        """Layers of the LSTM: 2, 2, 3, 3, 4 on the ladder.

        One for every six blocks and one more: tuned LSTM language models have one to four layers, wider rather than
        deeper as they grow (Melis et al. 2018, table 1; Jozefowicz et al. 2016, table 1).
        """
        return 1 + self.layers // 6


RUNGS: dict[str, Rung] = {
    rung.name: rung
    for rung in (
        Rung("tiny", layers=6, heads=6, width=192),
        Rung("small", layers=8, heads=8, width=256),
        Rung("medium", layers=12, heads=12, width=384),
        Rung("large", layers=16, heads=16, width=512),
        Rung("xl", layers=20, heads=20, width=640),
    )
}


@dataclass(frozen=True)
class ParameterCount:
    """A model's parameters by what they grow with.

    Args:
        body: layers, norms and projections, which depend neither on the vocabulary nor on the context.
        embeddings: token vectors, the head where it is not tied to them, and learned positions.
    """

    body: int
    embeddings: int

    @property
    def total(self) -> int:
        """All parameters; a tied head counts once."""
        return self.body + self.embeddings

    @property
    def without_embeddings(self) -> int:
        """N of Kaplan et al. (2020, section 2.1): neither token vectors nor positions, nor the head."""
        return self.body


def find_rung(name: str) -> Rung:
    """A rung of the ladder by its name.

    Raises:
        LadderError: when there is none.
    """
    if name not in RUNGS:
        raise LadderError(f"unknown rung {name!r}; the ladder has {', '.join(RUNGS)}")
    return RUNGS[name]


def transformer_config(
    rung: Rung, vocab_size: int, context: int, position_encoding: str = "learned"
) -> MusicTransformerConfig:
    """The rung's Transformer for a vocabulary and a context of so many tokens."""
    return MusicTransformerConfig(
        vocab_size=vocab_size,
        hidden_size=rung.width,
        num_hidden_layers=rung.layers,
        num_attention_heads=rung.heads,
        max_position_embeddings=context,
        position_encoding=position_encoding,
        tie_word_embeddings=False,
    )


def lstm_config(rung: Rung, vocab_size: int, context: int, position_encoding: str = "learned") -> MusicLSTMConfig:
    """The LSTM whose parameters, all told, come nearest to those of the rung's Transformer.

    The depth is the rung's; the width of the state is searched. `position_encoding` is that Transformer's.

    Raises:
        LadderError: when no width comes within the tolerance of 2 %.
    """
    target = parameter_count(transformer_config(rung, vocab_size, context, position_encoding)).total

    def parameters(width: int) -> int:
        return _lstm_count(vocab_size, rung.width, width, rung.lstm_layers, tied=False).total

    return MusicLSTMConfig(
        vocab_size=vocab_size,
        hidden_size=_matching_width(parameters, target, rung),
        num_hidden_layers=rung.lstm_layers,
        embedding_size=rung.width,
        max_position_embeddings=context,
        tie_word_embeddings=False,
    )


def _matching_width(parameters: Callable[[int], int], target: int, rung: Rung) -> int:
    """The width whose number of parameters is nearest to the target."""
    for step in _WIDTH_STEPS:
        widths = range(step, _MAX_LSTM_WIDTH, step)
        above = bisect.bisect_left(widths, target, key=parameters)
        nearest = min(widths[max(0, above - 1) : above + 1], key=lambda width: abs(parameters(width) - target))
        if abs(parameters(nearest) - target) <= TOLERANCE * target:
            return nearest
    raise LadderError(
        f"no LSTM of {rung.lstm_layers} layers comes within {TOLERANCE:.0%} of the {target} parameters of {rung.name}"
    )


def parameter_count(config: PreTrainedConfig) -> ParameterCount:
    """Parameters of the causal model that a configuration describes, without building it.

    Args:
        config: of one of the two families.

    Raises:
        LadderError: for another family.
    """
    if isinstance(config, MusicTransformerConfig):
        return _transformer_count(config)
    if isinstance(config, MusicLSTMConfig):
        return _lstm_count(
            config.vocab_size,
            config.embedding_size,
            config.hidden_size,
            config.num_hidden_layers,
            config.tie_word_embeddings,
        )
    raise LadderError(f"parameters of {config.model_type!r} cannot be counted; the ladder has Transformers and LSTMs")


def _transformer_count(config: MusicTransformerConfig) -> ParameterCount:
    width = config.hidden_size
    layer_norm = 2 * width
    body = config.num_hidden_layers * (_block_weights(config) + 2 * layer_norm) + layer_norm
    tables = (1 if config.tie_word_embeddings else 2) * config.vocab_size
    if config.position_encoding == "learned":
        tables += config.max_position_embeddings
    return ParameterCount(body=body, embeddings=tables * width)


def _lstm_count(vocab_size: int, embedding_size: int, width: int, layers: int, tied: bool) -> ParameterCount:
    biases = layers * 4 * 2 * width  # nn.LSTM has two for each of the four gates
    body = _lstm_weights(embedding_size, width, layers) + biases
    return ParameterCount(body=body, embeddings=(1 if tied else 2) * vocab_size * embedding_size)


def _block_weights(config: MusicTransformerConfig) -> int:
    """Weights of one block's matrices: queries, keys, values and their output; then the feed-forward layer."""
    return 4 * config.hidden_size**2 + 2 * config.hidden_size * config.intermediate_size


def _lstm_weights(embedding_size: int, width: int, layers: int) -> int:
    """Weights of all layers' matrices, each gate's input and recurrent one, and of the projection to the head."""
    inputs = embedding_size + (layers - 1) * width
    projection = width * embedding_size if width != embedding_size else 0
    return 4 * width * (inputs + layers * width) + projection


def training_flops_per_token(config: PreTrainedConfig, context: int) -> int:
    """Floating-point operations of training on one token, in sequences of `context` tokens.

    Six for every weight of a matrix that the token is multiplied with (Kaplan et al. 2020, section 2.1), the head
    included (as in Hoffmann et al. 2022, appendix F) and look-ups left out. An LSTM has nothing else: its recurrent
    matrices are weights like the others. A Transformer's attention adds, for every layer, the products of a query with
    its keys and of the weights with its values: 2 * 2 * width forward for every token that is attended to, which are
    (context + 1) / 2 on average since attention is causal; together 6 * width * (context + 1). That is Kaplan's
    count; Chowdhery et al. (2022, appendix B) count the masked half too, 12 * width * context. Norms, activations,
    softmax and the gates' element-wise products are left out, as is usual.

    Args:
        config: of one of the two families.
        context: tokens in a sequence.

    Raises:
        LadderError: for another family.
    """
    if isinstance(config, MusicTransformerConfig):
        weights = config.num_hidden_layers * _block_weights(config) + config.vocab_size * config.hidden_size
        attention = config.num_hidden_layers * 6 * config.hidden_size * (context + 1)
        return _TRAINING_FLOPS_PER_WEIGHT * weights + attention
    if isinstance(config, MusicLSTMConfig):
        weights = _lstm_weights(config.embedding_size, config.hidden_size, config.num_hidden_layers)
        return _TRAINING_FLOPS_PER_WEIGHT * (weights + config.vocab_size * config.embedding_size)
    raise LadderError(f"FLOPs of {config.model_type!r} cannot be counted; the ladder has Transformers and LSTMs")


def ladder_table(vocab_size: int, context: int) -> str:
    """Both families at every rung as a Markdown table: sizes, millions of parameters, FLOPs per token.

    Args:
        vocab_size: number of token ids.
        context: tokens in a training sequence.
    """
    lines = [
        "| rung | family | layers x width | parameters (M) | without embeddings (M) | to the Transformer's "
        "| training MFLOPs/token |",
        "|---|---|---|---:|---:|---:|---:|",
    ]
    for rung in RUNGS.values():
        transformer = transformer_config(rung, vocab_size, context)
        target = parameter_count(transformer).total
        for family, config in (("Transformer", transformer), ("LSTM", lstm_config(rung, vocab_size, context))):
            count = parameter_count(config)
            lines.append(
                f"| {rung.name} | {family} | {config.num_hidden_layers} x {config.hidden_size} "
                f"| {count.total / 1e6:.2f} | {count.without_embeddings / 1e6:.2f} | {count.total / target - 1:+.2%} "
                f"| {training_flops_per_token(config, context) / 1e6:.1f} |"
            )
    return "\n".join(lines)


__all__ = [
    "RUNGS",
    "TOLERANCE",
    "LadderError",
    "ParameterCount",
    "Rung",
    "find_rung",
    "ladder_table",
    "lstm_config",
    "parameter_count",
    "training_flops_per_token",
    "transformer_config",
]
