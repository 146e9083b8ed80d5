"""Pieces so short that all of them can be listed with their probabilities, and small models of every family."""

from dataclasses import dataclass
from itertools import chain, product

import numpy as np
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from symbolic_music.events.completion import Completion
from symbolic_music.events.grammar import AutomatonBuilder, EventGrammar
from symbolic_music.generation.engine.decoders import decoder_of
from symbolic_music.generation.engine.draw import Draw
from symbolic_music.generation.engine.particles import Particle, Population, write_populations
from symbolic_music.generation.engine.pieces import Noise, Rule
from symbolic_music.generation.engine.rows import RowGrammar
from symbolic_music.models.music_lstm.configuration_music_lstm import MusicLSTMConfig
from symbolic_music.models.music_lstm.modeling_music_lstm import MusicLSTMForCausalLM
from symbolic_music.models.music_transformer.configuration_music_transformer import MusicTransformerConfig
from symbolic_music.models.music_transformer.modeling_music_transformer import MusicTransformerForCausalLM
from symbolic_music.tokenization.token_grammar import TokenGrammar

NOTES = ("Note_a", "Note_b")
EVENTS = ("PAD_None", "BOS_None", "EOS_None", "Bar_None", *NOTES)
BOS, EOS, BAR = 1, 2, 3
SIZE, CONTEXT = len(EVENTS), 16
_SIZES = {"hidden_size": 16, "num_hidden_layers": 2, "max_position_embeddings": CONTEXT, "vocab_size": SIZE}
FAMILIES = {
    "transformer": lambda: MusicTransformerForCausalLM(
        MusicTransformerConfig(num_attention_heads=2, dropout=0.0, **_SIZES)
    ),
    "lstm": lambda: MusicLSTMForCausalLM(MusicLSTMConfig(embedding_size=8, **_SIZES)),
    "gpt2": lambda: GPT2LMHeadModel(
        GPT2Config(
            n_embd=16, n_layer=2, n_head=2, n_positions=CONTEXT, vocab_size=SIZE, bos_token_id=1, eos_token_id=2
        )
    ),
}


def family(name):
    """A model whose choices differ from step to step."""
    torch.manual_seed(1)
    model = FAMILIES[name]().eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.1)
    return model


def _order():
    """One to three bars, each of one or two notes."""
    states = ["start", "open", *(f"bar {bar}, {notes}" for bar in (1, 2, 3) for notes in (0, 1, 2)), "ended"]
    builder = AutomatonBuilder("order", EVENTS, states)
    builder.add("start", ["BOS_None"], "open")
    builder.add("open", ["Bar_None"], "bar 1, 0")
    for bar in (1, 2, 3):
        builder.add(f"bar {bar}, 0", NOTES, f"bar {bar}, 1")
        builder.add(f"bar {bar}, 1", NOTES, f"bar {bar}, 2")
        for notes in (1, 2):
            builder.add(f"bar {bar}, {notes}", ["EOS_None"], "ended")
    for bar, notes in product((1, 2), (1, 2)):
        builder.add(f"bar {bar}, {notes}", ["Bar_None"], f"bar {bar + 1}, 0")
    builder.add("ended", ["PAD_None"], "ended")
    return builder.build()


def _two_a():
    builder = AutomatonBuilder("two a", EVENTS, [f"{count} a" for count in range(3)])
    builder.stay_on(event for event in EVENTS if event != "Note_a")
    for count in range(3):
        builder.add(f"{count} a", ["Note_a"], f"{min(count + 1, 2)} a")
    for count in range(2):
        builder.forbid(f"{count} a", ["EOS_None"])
    return builder.build()


def _ends_on_b():
    builder = AutomatonBuilder("ends on b", EVENTS, ["not b", "b"])
    builder.stay_on(event for event in EVENTS if event not in NOTES)
    for state in ("not b", "b"):
        builder.add(state, ["Note_a"], "not b")
        builder.add(state, ["Note_b"], "b")
    builder.forbid("not b", ["EOS_None"])
    return builder.build()


_ENDED = 11
_TOKENS = [(column,) for column in range(SIZE)]
_FREE = EventGrammar(EVENTS, [_order()], _ENDED)
FREE = TokenGrammar(_FREE, _TOKENS, ("Note",))
# Each allows what is too late for the other; together they then allow no end.
_ASKED = EventGrammar(EVENTS, [_order(), _two_a(), _ends_on_b()], _ENDED, {0: FREE.tokens_to_end})
ASKED = TokenGrammar(
    _ASKED, _TOKENS, ("Note",), Completion(_ASKED, np.array([EOS, BAR, *range(4, SIZE)]), SIZE - 2), FREE
)


def one_automaton():
    """A grammar whose automata know all ends by themselves: two notes in each bar."""
    builder = AutomatonBuilder("two notes", EVENTS, ["even", "odd"])
    builder.stay_on(event for event in EVENTS if event not in NOTES)
    builder.add("even", NOTES, "odd")
    builder.add("odd", NOTES, "even")
    builder.forbid("odd", ["EOS_None", "Bar_None"])
    asked = EventGrammar(EVENTS, [_order(), builder.build()], _ENDED, {0: FREE.tokens_to_end})
    return TokenGrammar(asked, _TOKENS, ("Note",), base=FREE)


@dataclass
class Exact:
    """All pieces that are what is asked for.

    Attributes:
        shares: by their ids, the model's probability of each, among them.
        evidence: the model's probability of all of them together.
    """

    shares: dict
    evidence: float


def exact(model, temperature=1.0):
    """What sampling should come to, by looking at every piece."""
    bars = [(BAR, *bar) for count in (1, 2) for bar in product(range(4, SIZE), repeat=count)]
    pieces = [(BOS, *chain.from_iterable(some), EOS) for count in (1, 2, 3) for some in product(bars, repeat=count)]
    free: dict = {}
    for length in sorted({len(ids) for ids in pieces}):
        alike = [ids for ids in pieces if len(ids) == length]
        free |= dict(zip(alike, np.exp(log_probabilities(model, alike, temperature)).tolist(), strict=True))
    assert abs(sum(free.values()) - 1) < 1e-3
    asked = {ids: share for ids, share in free.items() if ASKED.accepts(ids)}
    evidence = sum(asked.values())
    return Exact({ids: share / evidence for ids, share in asked.items()}, evidence)


def log_probabilities(model, pieces, temperature=1.0, grammar=FREE):
    """Of pieces of one length under the model and a grammar, (pieces,)."""
    ids = np.array(pieces)
    with torch.no_grad():
        logits = model(torch.from_numpy(ids)).logits.double().numpy() / temperature
    open_ = grammar.allowed(grammar.scan(ids))
    said = np.where(open_, np.roll(logits, 1, axis=1), -np.inf)
    said -= np.logaddexp.reduce(said, axis=2, keepdims=True)
    return np.take_along_axis(said, ids[..., None], axis=2)[:, 1:, 0].sum(axis=1)


def populations(model, count, size, asked=ASKED, temperature=1.0, seed=0, at_once=32, length_reward=0.0):
    """Populations that were written, in order."""
    rule = Rule(Draw(temperature=temperature), RowGrammar(asked, CONTEXT))
    free = RowGrammar(FREE)

    def begin(number):
        noises = [Noise(seed, number * size + place, SIZE) for place in range(size)]
        particles = [Particle(rule, [BOS], noise, free) for noise in noises]
        return Population(particles, np.random.default_rng([seed, number, 1]), length_reward)

    begins_bar = np.arange(SIZE) == BAR
    found = dict(
        write_populations(
            decoder_of(model, CONTEXT), map(begin, range(count)), at_once, size, begins_bar, CONTEXT, EOS
        )
    )
    return [found[number] for number in range(count)]
