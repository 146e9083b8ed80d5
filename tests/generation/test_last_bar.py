"""Where a number of bars is asked for, the wish for another bar counts as the wish to end."""

import numpy as np
import torch

from symbolic_music.generation.grammar_processor import GrammarLogitsProcessor


def ids_of(processor, *events: str) -> list[int]:
    return processor.encode_events(list(events), add_eos=False)


OPENING = ["Bar_None", "TimeSig_4/4", "Position_0", "Tempo_120.0", "Program_0", "Pitch_60"]
NOTE_END = ["Velocity_95", "Duration_1.0.24"]


def test_the_probability_of_another_bar_goes_to_the_end(processor):
    grammar = processor.grammar()
    base = {name: processor.tokenizer.convert_tokens_to_ids(name) for name in ("EOS_None",)}
    prompt = torch.tensor([ids_of(processor, *OPENING, *NOTE_END)])
    bar = ids_of(processor, "Bar_None")[-1]
    scores = torch.full((1, grammar.vocab_size), -20.0)
    scores[0, bar] = 5.0
    masked = GrammarLogitsProcessor(grammar, num_bars=1)(prompt, scores)
    assert masked.softmax(dim=1)[0, base["EOS_None"]] > 0.99
    assert masked[0, bar] == -torch.inf
    open_ended = GrammarLogitsProcessor(grammar, num_bars=2)(prompt, scores)
    assert open_ended.argmax() == bar


def test_probabilities_are_moved_not_made(processor):
    grammar = processor.grammar()
    torch.manual_seed(0)
    scores = torch.randn(1, grammar.vocab_size)
    prompt = torch.tensor([ids_of(processor, *OPENING, *NOTE_END)])
    states = grammar.advance(grammar.scan(prompt.numpy())[:, -1], prompt.numpy()[:, -1])
    allowed = torch.from_numpy(grammar.allowed(states))
    before = scores.masked_fill(~allowed, -torch.inf).softmax(dim=1)
    after = GrammarLogitsProcessor(grammar, num_bars=1)(prompt, scores).softmax(dim=1)
    no_bar = torch.from_numpy(grammar.bars_per_token == 0)
    eos = processor.tokenizer.eos_token_id
    elsewhere = no_bar.clone()
    elsewhere[eos] = False
    torch.testing.assert_close(after[0, elsewhere], before[0, elsewhere])
    torch.testing.assert_close(after[0, eos], before[0, eos] + before[0, ~no_bar].sum())


def test_stop_before_is_a_beginning(processor):
    grammar = processor.grammar()
    eos = processor.tokenizer.eos_token_id
    stops = grammar.stop_before("Bar", stop=eos)
    bars = grammar.bars_per_token
    assert (stops[bars == 0] == np.arange(grammar.vocab_size)[bars == 0]).all()
    for token in np.flatnonzero(bars):
        events, kept = grammar.token_events[token], grammar.token_events[stops[token]]
        assert stops[token] == eos or events[: len(kept)] == kept
        assert bars[stops[token]] == 0
