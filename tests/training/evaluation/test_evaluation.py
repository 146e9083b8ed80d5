"""Whole pieces, each token once."""

import json
import math

import numpy as np
import pytest
import torch
from made_up_scores import scores
from transformers import AutoModelForCausalLM

from symbolic_music.models.music_transformer.configuration_music_transformer import MusicTransformerConfig
from symbolic_music.score.midi.io import read_midi
from symbolic_music.training.arguments import TrainingError
from symbolic_music.training.evaluation.bits_per_note import summarise_scores
from symbolic_music.training.evaluation.pieces import _windows, evaluate_split
from symbolic_music.training.preparation import load_splits


@pytest.fixture(scope="module")
def model(processor):
    torch.manual_seed(0)
    config = MusicTransformerConfig(
        vocab_size=len(processor.tokenizer),
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=512,
        position_encoding="rotary",
    )
    return AutoModelForCausalLM.from_config(config).eval()


@pytest.fixture(scope="module")
def pieces(tiny_folder):
    return load_splits(str(tiny_folder / "dataset"))["validation"]


def sequence_of(processor, piece):
    return processor.encode_score(read_midi(piece["midi"]))


@pytest.mark.parametrize("length", [2, 3, 9, 10, 11, 12, 29, 30])
@pytest.mark.parametrize("stride", [1, 4, 9])
def test_windows_score_every_id_but_the_first_once_within_the_context(length, stride):
    windows = list(_windows(0, length, context_length=9, stride=stride))
    scored = [place for window in windows for place in range(window.first, window.stop)]
    assert scored == list(range(1, length))
    for window in windows:
        assert window.stop - 1 - window.start <= 9, "ids read at once"
        assert window.start < window.first
        assert window.start == 0 or window.first - window.start > 9 - stride, "ids seen before the first scored"


def test_a_split_is_scored_piece_by_piece(model, processor, pieces):
    evaluation = evaluate_split(model, processor, pieces, batch_size=3)
    nats = tokens = notes = bars = mass = 0
    for piece in pieces:
        ids = sequence_of(processor, piece)
        with torch.no_grad():
            log_probabilities = model(input_ids=torch.tensor([ids])).logits[0].double().log_softmax(-1)
        states = processor.grammar().scan(np.array([ids]))[0]
        for place in range(1, len(ids)):
            nats -= log_probabilities[place - 1, ids[place]].item()
            allowed = torch.from_numpy(processor.grammar().allowed(states[place]))
            mass += log_probabilities[place - 1].exp()[allowed].sum().item()
        counts = processor.count_events(ids)
        tokens, notes, bars = tokens + len(ids) - 1, notes + counts["notes"], bars + counts["bars"]
    assert evaluation["pieces"] == len(pieces)
    assert (evaluation["tokens"], evaluation["notes"], evaluation["bars"]) == (tokens, notes, bars)
    assert (notes, bars) == (sum(pieces["notes"]), sum(pieces["bars"]))
    assert evaluation["nats_per_token"] == pytest.approx(nats / tokens, rel=1e-5)
    assert evaluation["perplexity_per_token"] == pytest.approx(math.exp(nats / tokens), rel=1e-4)
    assert evaluation["bits_per_note"] == pytest.approx(nats / math.log(2) / notes, rel=1e-5)
    assert evaluation["bits_per_bar"] == pytest.approx(nats / math.log(2) / bars, rel=1e-5)
    assert evaluation["allowed_mass"] == pytest.approx(mass / tokens, rel=1e-4)
    assert evaluation["groups"] == len(set(pieces["group"]))
    assert evaluation["refused"] == {}


def test_a_split_has_tables_by_bar_source_and_kind(model, processor, pieces):
    mixed = pieces.map(lambda row, index: row | {"source": f"book/{index % 2}"}, with_indices=True)
    evaluation = evaluate_split(model, processor, mixed, kinds={"book/": "walks"})
    by_source = evaluation["by_source"]
    assert list(by_source) == ["book/0", "book/1"]
    assert sum(row["notes"] for row in by_source.values()) == evaluation["notes"]
    assert evaluation["by_kind"]["walks"]["bits_per_note"] == pytest.approx(evaluation["bits_per_note"])
    by_bar = evaluation["by_bar"]["all"]["rows"]
    assert sum(row["notes"] for row in by_bar) == evaluation["notes"], "no piece is longer than the curve"
    assert [row["source"] for row in evaluation["per_piece"]] == mixed["source"]
    with pytest.raises(TrainingError, match="no kind is given for book/1"):
        evaluate_split(model, processor, mixed, kinds={"book/0": "walks"})


def test_a_piece_longer_than_the_context_slides(model, processor, pieces):
    one = pieces.select([0])
    ids = sequence_of(processor, one[0])
    assert len(ids) > 40
    evaluation = evaluate_split(model, processor, one, context_length=16, stride=1)
    nats = 0.0
    for place in range(1, len(ids)):
        read = torch.tensor([ids[max(0, place - 16) : place]])
        with torch.no_grad():
            nats -= model(input_ids=read).logits[0, -1].log_softmax(-1)[ids[place]].item()
    assert evaluation["nats"] == pytest.approx(nats, rel=1e-4)


def test_the_batch_size_changes_nothing(model, processor, pieces):
    figures = [evaluate_split(model, processor, pieces, context_length=32, batch_size=size)["nats"] for size in (1, 7)]
    assert figures[0] == pytest.approx(figures[1], rel=1e-5)


def test_pieces_that_cannot_be_read_are_counted_by_reason(model, processor, pieces):
    broken = pieces.map(lambda row, index: row | {"midi": b"no midi" if index else row["midi"]}, with_indices=True)
    evaluation = evaluate_split(model, processor, broken)
    assert evaluation["pieces"] == 1
    assert sum(evaluation["refused"].values()) == len(pieces) - 1
    with pytest.raises(TrainingError, match="no piece of the split can be scored"):
        evaluate_split(model, processor, broken.select(range(1, len(pieces))))


def test_a_summary_is_json():
    summary = summarise_scores([scores(0, [1.0, 2.0], [1, 0], [1, 0]), scores(1, [1.0], [1], [0])])
    assert json.loads(json.dumps(summary)) == summary
    assert summary["nats_per_token"] == pytest.approx(4 / 3)
