"""A model's step, its tokenizer and its grammar as one folder, for runtimes without torch and without this package."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file
from transformers import PreTrainedModel

from symbolic_music.export.int8 import to_int8
from symbolic_music.generation.engine.graphs.builder import StepGraph
from symbolic_music.generation.engine.graphs.families import step_graph
from symbolic_music.tokenization.build import save_processor
from symbolic_music.tokenization.processing_music import MusicProcessor
from symbolic_music.tokenization.token_grammar import TokenGrammar

GRAPH_FILE, GRAMMAR_FILE, STEP_FILE, ENCODER_FILE = "step.onnx", "grammar.safetensors", "step.json", "encoder.onnx"

# How to sample, for whoever reads the JSON and nothing else.
_STEPS = (
    "Begin with zeros for each state, and with grammar.initial_state; read [bos_token_id] or a prompt that begins so.",
    "A run reads input_ids (batch, length) behind what was read before, and gives logits (batch, vocab_size) of what "
    "comes next. `before` is, for each sequence, the tokens in front of the last of input_ids; `total` the tokens of "
    "the longest sequence with input_ids; `positions` the place of each of input_ids, from 0.",
    "A state that grows is (batch, heads, capacity, head size), with room for `total` tokens or more. Its output may "
    "be bound to the memory of its input. The others are (batch, size), and go back in as they come out.",
    "A token may follow when next_state[row, kinds[token]] is not forbidden for each of the grammar's rows; these "
    "values are the rows behind it. All others get no probability.",
    "Of those that may follow, ids in adds_pitch keep the probability that the softmax over all logits gives, and "
    "the others share the rest in proportion; where nothing else may follow, they have all of it.",
    "Divide by the temperature, keep the smallest set of tokens with top_p of the probability, draw one, go on until "
    "eos_token_id. tokens_to_end of the rows add up to how many tokens are enough to end the piece from there.",
    "An id says the events whose places in `events` stand in token_events, event_counts of them for each id in turn. "
    "To stop after so many bars, give in the last one the probability of an id that begins a bar to before_bar[id].",
)
_ENCODES = (
    "The encoder reads input_ids (1, length) of a source once. What it gives (`heard`) goes into every run as it is, "
    "for however many sequences."
)


def export_model(
    model: PreTrainedModel, processor: MusicProcessor, folder: Path, int8: bool = False
) -> dict[str, Any]:
    """Write a model for other runtimes.

    Args:
        model: one with a graph, in float32.
        processor: of the model.
        folder: made where it is missing.
        int8: weights of matrix products as 8-bit integers, and the products in them.

    Returns:
        What `step.json` says.

    Raises:
        UnsupportedModelError: for a family without a graph.
        MissingExtraError: when onnx is not installed.
    """
    graph = step_graph(model, model.config.max_position_embeddings, portable=True)
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in ((GRAPH_FILE, graph.model), (ENCODER_FILE, graph.encoder)):
        if content is not None:
            (folder / name).write_bytes(to_int8(content) if int8 else content)
    save_processor(processor, folder)
    grammar = processor.grammar()
    save_file(grammar_tables(grammar), folder / GRAMMAR_FILE)
    description = describe(model, processor, graph, int8)
    (folder / STEP_FILE).write_text(json.dumps(description, indent=2) + "\n", encoding="utf-8")
    return description


def grammar_tables(grammar: TokenGrammar) -> dict[str, np.ndarray]:
    """What a runtime needs to sample under a grammar; see `TokenGrammar` for shapes and meaning.

    Id after id, `token_events` has places in `step.json`'s events, `event_counts` of them each.
    """
    return {
        "next_state": grammar.next_state,
        "kinds": grammar.kinds.astype(np.int32),
        "initial_state": grammar.initial_state,
        "tokens_to_end": grammar.tokens_to_end.astype(np.int32),
        "bars_per_token": grammar.bars_per_token.astype(np.int32),
        "notes_per_token": grammar.notes_per_token.astype(np.int32),
        "ends_piece": grammar.ends_piece.astype(np.uint8),
        "adds_pitch": grammar.adds_pitch.astype(np.uint8),
        "before_bar": grammar.before_bar.astype(np.int32),
        "event_counts": np.array([len(events) for events in grammar.token_events], np.int32),
        "token_events": np.array([event for events in grammar.token_events for event in events], np.int32),
    }


def describe(model: PreTrainedModel, processor: MusicProcessor, graph: StepGraph, int8: bool) -> dict[str, Any]:
    """Shapes, names and numbers of a step."""
    tokenizer, sampling, grammar = processor.tokenizer, model.generation_config, processor.grammar()
    encodes = {} if graph.encoder is None else {"encoder": ENCODER_FILE}
    return {
        "files": {"graph": GRAPH_FILE, "grammar": GRAMMAR_FILE, "tokenizer": "tokenizer.json"} | encodes,
        "model_type": model.config.model_type,
        "codec": processor.codec.to_dict(),
        "weights": "int8" if int8 else "float32",
        "vocab_size": graph.vocab_size,
        "max_length": graph.max_length,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
        "sampling": {"temperature": sampling.temperature or 1.0, "top_p": sampling.top_p or 1.0},
        "inputs": {"input_ids": "int64"} | {name: _KINDS[name] for name in graph.inputs},
        "states": [{"name": state.name, "shape": list(state.shape), "grows": state.grows} for state in graph.states],
        "heard": list(graph.heard),
        "forbidden": -1,
        "grammar": {"closing_room": grammar.closing_room, "longest_way": grammar.longest_way},
        "events": list(grammar.grammar.events),
        "how": [*_STEPS, _ENCODES] if encodes else list(_STEPS),
    }


_KINDS = {"before": "int32", "total": "int32", "positions": "int64"}
