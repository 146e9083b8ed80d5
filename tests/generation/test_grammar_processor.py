"""Whatever the model, the decoding and the limit: what comes out under the grammar is a complete piece."""

import inspect

import numpy as np
import pytest
import torch
from random_music import random_walks
from tiny_model import tiny_model

from symbolic_music.generation import grammar_processor
from symbolic_music.generation.grammar_processor import GrammarError, GrammarLogitsProcessor

SHORTEST = 10  # BOS, bar, meter, position, tempo, program, pitch, velocity, duration, EOS


def generate(model, processor, ids=None, mask=None, max_length=60, num_bars=None, **options):
    ids = torch.tensor([[processor.tokenizer.bos_token_id]]) if ids is None else ids
    return model.generate(
        ids,
        attention_mask=torch.ones_like(ids) if mask is None else mask,
        max_length=max_length,
        logits_processor=[GrammarLogitsProcessor(processor.grammar(), max_length, num_bars)],
        pad_token_id=processor.tokenizer.pad_token_id,
        eos_token_id=processor.tokenizer.eos_token_id,
        **options,
    )


DECODINGS = {
    "greedy": {"do_sample": False},
    "sampling": {"do_sample": True, "top_k": 0, "num_return_sequences": 4},
    "nucleus": {"do_sample": True, "top_k": 0, "top_p": 0.8, "temperature": 1.5, "num_return_sequences": 4},
    "beams": {"num_beams": 3, "num_return_sequences": 3, "do_sample": False},
    "sampled beams": {"num_beams": 3, "num_return_sequences": 2, "do_sample": True},
}


@pytest.mark.parametrize("decoding", DECODINGS)
def test_every_output_is_a_piece(model, processor, decoding):
    torch.manual_seed(1)
    output = generate(model, processor, **DECODINGS[decoding])
    assert len(output) == DECODINGS[decoding].get("num_return_sequences", 1)
    for score in processor.batch_decode(output):
        assert score.note_num() > 0


def prompts(processor, lengths):
    """Beginnings of random pieces, padded on the left: ids and mask."""
    walks = random_walks(processor.grammar(), np.random.default_rng(0), 200, 80)
    longest, rows = max(lengths), []
    for length in lengths:
        walk = next(walk for walk in walks if len(walk) > length + 5)
        walks.remove(walk)
        rows.append([processor.tokenizer.pad_token_id] * (longest - length) + walk[:length])
    ids = torch.tensor(rows)
    return ids, (ids != processor.tokenizer.pad_token_id).long()


@pytest.mark.parametrize("decoding", DECODINGS)
def test_left_padded_prompts_are_continued_and_kept(model, processor, decoding):
    torch.manual_seed(2)
    ids, mask = prompts(processor, [4, 17, 9])
    output = generate(model, processor, ids, mask, **DECODINGS[decoding])
    per_prompt = len(output) // len(ids)
    assert torch.equal(output[:, : ids.shape[1]], ids.repeat_interleave(per_prompt, dim=0))
    processor.batch_decode(output)


def test_every_limit_from_the_shortest_on_gives_complete_pieces(model, processor):
    for max_length in range(SHORTEST, 61):
        torch.manual_seed(max_length)
        output = generate(model, processor, max_length=max_length, do_sample=True, num_return_sequences=3)
        assert output.shape[1] <= max_length
        processor.batch_decode(output)


@pytest.mark.parametrize("do_sample", [False, True])
def test_all_beams_are_pieces_at_tight_limits(model, processor, do_sample):
    for max_length in range(SHORTEST, SHORTEST + 8):
        torch.manual_seed(max_length)
        output = generate(
            model, processor, max_length=max_length, num_beams=3, num_return_sequences=3, do_sample=do_sample
        )
        assert len(processor.batch_decode(output)) == 3


def test_a_limit_below_the_shortest_piece_is_refused_with_both_numbers(model, processor):
    with pytest.raises(GrammarError, match=r"limit of 9 tokens leaves no room .* 1 tokens; at least 10 are needed"):
        generate(model, processor, max_length=SHORTEST - 1)


@pytest.mark.parametrize("num_bars", [1, 2, 5])
def test_a_piece_has_exactly_the_bars_asked_for(model, processor, num_bars):
    torch.manual_seed(3)
    output = generate(model, processor, max_length=2000, num_bars=num_bars, do_sample=True, num_return_sequences=6)
    assert [processor.count_events(ids)["bars"] for ids in output] == [num_bars] * 6
    processor.batch_decode(output)


def test_a_limit_in_tokens_comes_before_bars(model, processor):
    torch.manual_seed(4)
    output = generate(model, processor, max_length=24, num_bars=30, do_sample=True, num_return_sequences=4)
    assert output.shape[1] <= 24
    assert all(processor.count_events(ids)["bars"] <= 30 for ids in output)
    processor.batch_decode(output)


def test_a_prompt_with_more_bars_than_asked_for_is_refused(model, processor):
    start = processor.tokenizer("BOS_None Bar_None TimeSig_4/4 Position_0 Tempo_120.0 Bar_None TimeSig_4/4")
    ids = torch.tensor([start.input_ids])
    with pytest.raises(GrammarError, match="the prompt has 2 bars, more than the 1 asked for"):
        generate(model, processor, ids, num_bars=1)


def test_a_prompt_that_is_not_music_is_refused_by_row_and_event(model, processor):
    music, _ = prompts(processor, [6])
    broken = music.clone()
    broken[0, 3] = processor.tokenizer.convert_tokens_to_ids("BOS_None")
    with pytest.raises(GrammarError, match=r"^prompt 1 is not music: event \d+ is 'BOS_None', which may not follow"):
        generate(model, processor, torch.cat([music, broken]))


def test_ids_that_the_model_has_beyond_the_tokenizer_are_never_chosen(processor):
    torch.manual_seed(5)
    padded = tiny_model(processor, spare_ids=700)
    output = generate(padded, processor, do_sample=True, num_return_sequences=8)
    assert int(output.max()) < len(processor.tokenizer)
    processor.batch_decode(output)


def test_a_model_with_too_few_ids_is_refused(processor):
    grammar = GrammarLogitsProcessor(processor.grammar())
    with pytest.raises(GrammarError, match="the model has 100 tokens, the grammar 1440: they do not belong together"):
        grammar(torch.tensor([[processor.tokenizer.bos_token_id]]), torch.zeros(1, 100))


# --- Against the numpy grammar --------------------------------------------------------------------------------------


def open_ids(grammar, ids):
    """What may follow each row, by the numpy tables alone."""
    states = grammar.scan(np.concatenate([ids, ids[:, :1]], axis=1))[:, -1]
    return grammar.allowed(states)


def test_masks_equal_those_of_the_numpy_grammar_at_every_step(processor):
    grammar = processor.grammar()
    walks = random_walks(grammar, np.random.default_rng(6), 60, 70)
    ids = np.array([walk[:20] for walk in walks if len(walk) > 20])
    assert len(ids) >= 4
    masker = GrammarLogitsProcessor(grammar)
    for length in range(1, 21):
        masked = masker(torch.from_numpy(ids[:, :length]), torch.zeros(len(ids), grammar.vocab_size))
        assert np.array_equal(masked.numpy() == 0, open_ids(grammar, ids[:, :length]))


def test_masks_follow_beams_that_are_reordered_doubled_and_dropped(processor):
    grammar = processor.grammar()
    walks = random_walks(grammar, np.random.default_rng(7), 60, 70)
    ids = np.array([walk[:16] for walk in walks if len(walk) > 16])[:4]
    masker, rng = GrammarLogitsProcessor(grammar), np.random.default_rng(8)
    rows = np.arange(len(ids))
    for length in range(1, 17):
        masked = masker(torch.from_numpy(ids[rows, :length]), torch.zeros(len(rows), grammar.vocab_size))
        assert np.array_equal(masked.numpy() == 0, open_ids(grammar, ids[rows, :length]))
        rows = rng.choice(rows, len(ids))


def test_one_processor_serves_another_prompt(processor):
    grammar = processor.grammar()
    masker = GrammarLogitsProcessor(grammar)
    for length in (9, 4, 6):
        ids, _ = prompts(processor, [length])
        masked = masker(ids, torch.zeros(1, grammar.vocab_size))
        assert np.array_equal(masked.numpy() == 0, open_ids(grammar, ids.numpy()))


def test_scores_of_allowed_tokens_are_left_alone(processor):
    scores = torch.randn(1, processor.grammar().vocab_size)
    masked = GrammarLogitsProcessor(processor.grammar())(torch.tensor([[1]]), scores)
    kept = masked > -torch.inf
    assert 0 < int(kept.sum()) < kept.numel()
    assert torch.equal(masked[kept], scores[kept])


def test_a_step_neither_rescans_nor_loops(processor, monkeypatch):
    """Only a prompt is read token by token; a step is the same few tensor operations for any batch and vocabulary."""
    masker = GrammarLogitsProcessor(processor.grammar(), max_length=500, num_bars=4)
    ids, _ = prompts(processor, [12])
    ids = ids.repeat(64, 1)
    scores = torch.zeros(64, processor.grammar().vocab_size)
    masker(ids[:, :11], scores)
    monkeypatch.setattr(masker, "_scan", lambda _: pytest.fail("a step scanned the whole sequence"))
    masker(ids, scores)
    for function in (masker.__call__, masker._follow, masker._step, masker._forbid_outside_bars):
        source = inspect.getsource(function)
        assert "for " not in source.split('"""')[-1], function
        assert ".tolist()" not in source
    assert "for " not in inspect.getsource(grammar_processor._fit_vocabulary)
