"""Pieces by random logits, which go wherever the automata let them, of every representation."""

from functools import cache

import numpy as np
import tiny_model

from symbolic_music.events.acceptance import Acceptance
from symbolic_music.events.controls.compiled import control_automata
from symbolic_music.events.controls.dialect import dialect_of
from symbolic_music.events.voices.abc_notes import AbcNotesCodec, AbcNotesSettings
from symbolic_music.events.voices.track_text import TrackTextCodec, TrackTextSettings
from symbolic_music.generation.engine.draw import Draw
from symbolic_music.generation.engine.pieces import Piece, Rule
from symbolic_music.generation.engine.rows import RowGrammar
from symbolic_music.tokenization.build import build_word_level_tokenizer

FEW = {"lowest_pitch": 48, "highest_pitch": 76, "meters": ("2/4", "3/4", "4/4", "6/8"), "steps_per_quarter": 4}
FEW |= {"durations": (1, 2, 3, 4, 6, 8, 16), "tempo_range": (80, 140)}


@cache
def member(name):
    if name == "remi":
        return tiny_model.tiny_processor()
    if name == "abc_notes":
        return build_word_level_tokenizer(AbcNotesCodec(AbcNotesSettings(**FEW, max_voices=3)))
    return build_word_level_tokenizer(TrackTextCodec(TrackTextSettings(**FEW, max_bars=8, max_tracks=3)))


MEMBERS = ("remi", "abc_notes", "track_text")


def random_piece(processor, grammar, num_bars, max_length, seed):
    """A piece by random logits, and its Score."""
    tokenizer, rng = processor.tokenizer, np.random.default_rng(seed)
    rule = Rule(Draw(), RowGrammar(grammar, max_length, num_bars))
    piece = Piece(rule, [tokenizer.bos_token_id])
    size = grammar.vocab_size
    while piece.ids[-1] != tokenizer.eos_token_id:
        assert len(piece.ids) < max_length
        piece.take(rng.normal(0, 2, size).astype(np.float32), rng.exponential(size=size))
    return piece.ids, processor.decode(piece.ids)


@cache
def automata_of(name, asked):
    dialect = dialect_of(member(name).codec)
    return [Acceptance(each.transitions, each.initial) for each in control_automata(dialect, asked)]


def accepts(name, asked, events):
    """Whether the automata of what is asked for let all events of a whole piece pass."""
    known = member(name).codec.grammar().events
    columns = np.array([known.index(event) for event in events])
    return all(each.last_state(columns) is not None for each in automata_of(name, asked))
