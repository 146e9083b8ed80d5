"""Asked-for pieces are the same by the engine and by `generate()` with a plain list of logits processors."""

import numpy as np
import pytest
import tiny_model
import torch
from made_up_music import melody_score
from transformers import LogitsProcessorList

import symbolic_music
from symbolic_music.events.controls.asked import ControlError, Controls
from symbolic_music.events.controls.compiled import settle
from symbolic_music.events.controls.given import GivenNotes
from symbolic_music.generation.compose import SamplingOptions, compose
from symbolic_music.generation.engine.rows import RowGrammar, weigh
from symbolic_music.generation.grammar_processor import GrammarLogitsProcessor
from symbolic_music.generation.infill import infill
from symbolic_music.metrics.control import kept_controls
from symbolic_music.score.files import read_scores

ASKED = Controls(meter="3/4", key="C", density=(1, 4), bars=2, ending=True, instruments=(40, 42))


def test_transformers_own_loop_holds_to_what_is_asked(model, processor):
    grammar = processor.control(ASKED)
    masker = GrammarLogitsProcessor(grammar, max_length=tiny_model.CONTEXT, num_bars=2)
    # A processor that the engine does not know sends it to the list as it is.
    others = LogitsProcessorList([masker, lambda ids, scores: scores * 1.0])
    start = torch.full((4, 1), processor.tokenizer.bos_token_id)
    torch.manual_seed(0)
    output = model.generate(start, do_sample=True, top_k=0, max_length=tiny_model.CONTEXT, logits_processor=others)
    for ids in output:
        assert all(kept_controls(processor.decode(ids), ASKED).values())


def test_both_paths_write_the_same_pieces(model, processor):
    start = torch.full((3, 1), processor.tokenizer.bos_token_id)
    written = []
    for others in ([], [lambda ids, scores: scores]):
        masker = GrammarLogitsProcessor(processor.control(ASKED), max_length=tiny_model.CONTEXT, num_bars=2)
        torch.manual_seed(0)
        written.append(
            model.generate(
                start, do_sample=True, top_k=0, max_length=100, logits_processor=LogitsProcessorList([masker, *others])
            ).tolist()
        )
    assert written[0] == written[1]


def test_beams_hold_to_it_too(model, processor):
    masker = GrammarLogitsProcessor(processor.control(ASKED), max_length=tiny_model.CONTEXT, num_bars=2)
    start = torch.full((1, 1), processor.tokenizer.bos_token_id)
    ids = model.generate(start, num_beams=3, max_length=tiny_model.CONTEXT, logits_processor=[masker])[0]
    assert all(kept_controls(processor.decode(ids), ASKED).values())


def test_a_text_model_without_a_graph_composes_what_is_asked():
    model, processor = tiny_model.tiny_gpt2()
    asked = Controls(bars=2, instruments=(0, 40), density=(2, 8), tempo=120)
    pieces = compose(model.eval(), processor, 2, options=SamplingOptions(num_bars=2), controls=asked)
    assert all(all(kept_controls(piece.score, asked).values()) for piece in pieces)


def test_the_pipeline_takes_controls_and_words(checkpoint):
    from transformers import pipeline

    composer = pipeline("symbolic-music-generation", model=str(checkpoint))
    (piece,) = composer(controls=symbolic_music.Controls(meter="3/4", key="C"), num_bars=2)
    assert kept_controls(piece["score"], Controls(meter="3/4", key="C", bars=2)) == {
        "meter": True,
        "bars": True,
        "key": True,
    }
    (piece,) = composer(ask="a waltz for piano, 2 bars")
    assert kept_controls(piece["score"], Controls(meter="3/4", bars=2, instruments=(0,)))["instruments"]
    with pytest.raises(TypeError, match="controls and ask"):
        composer(ask="a waltz", controls=Controls(meter="3/4"))


def test_a_prompt_goes_on_to_what_is_asked_or_says_why_not(model, processor):
    asked = Controls(meter="4/4", bars=2, key="C")
    prompt = compose(model, processor, 1, options=SamplingOptions(num_bars=1), controls=Controls(meter="4/4", key="C"))
    options = SamplingOptions(num_bars=2)
    (piece,) = compose(model, processor, 1, prompt[0].score, 1, options, controls=asked)
    assert all(kept_controls(piece.score, asked).values())
    with pytest.raises(ValueError, match="asked meter"):
        compose(model, processor, 1, prompt[0].score, 1, options, controls=Controls(meter="3/4"))


def test_without_the_grammar_nothing_can_be_asked_for(model, processor):
    with pytest.raises(ControlError, match="without the grammar"):
        compose(model, processor, options=SamplingOptions(use_grammar=False), controls=ASKED)


def test_masked_bars_hold_to_key_and_range(tmp_path):
    model, processor = tiny_model.tiny_bart()
    path = tmp_path / "tune.abc"
    path.write_text("X:1\nM:4/4\nL:1/4\nK:C\nC D E F|C C C C|D D D D|\n", encoding="utf-8")
    (score,) = read_scores(path)
    asked = Controls(key="C", ranges=((0, 60, 65),))
    for piece in infill(model, processor, score, (1, 2), num_samples=4, controls=asked):
        pitches = {note.pitch for note in piece.score.tracks[0].notes if 4 <= note.time / score.ticks_per_quarter < 8}
        assert pitches <= {60, 62, 64, 65}
    with pytest.raises(ControlError, match="key and range alone, not for density"):
        infill(model, processor, score, (1, 2), controls=Controls(density=(1, 4)))


def test_both_paths_keep_the_same_notes_in_the_same_pieces(model, processor):
    """What would pass by a kept note gives its probability to it, in numpy as in torch."""
    given = GivenNotes.read(melody_score((60, 64, 67, 72), program=40, quarters=1.5), "melody.mid")
    asked = settle(processor.codec, Controls(keep=given, bars=2))
    options = SamplingOptions(max_length=tiny_model.CONTEXT, seed=3)
    pieces = compose(model, processor, 3, options=options, controls=asked)
    grammar = processor.control(asked)
    rows = RowGrammar(grammar, tiny_model.CONTEXT, 2)
    masker = GrammarLogitsProcessor(grammar, max_length=tiny_model.CONTEXT, num_bars=2)
    given_way = 0
    for piece in pieces:
        assert all(kept_controls(piece.score, asked).values())
        row = rows.begin(piece.ids[:1])
        for place, token in enumerate(piece.ids[1:-1], start=1):
            logits = torch.randn(1, grammar.vocab_size, generator=torch.Generator().manual_seed(place))
            found = rows.options(row)
            ids, scores = weigh(found, logits[0].numpy())
            said = masker(torch.tensor([piece.ids[:place]]), logits)[0]
            fits = ids[rows.fitting(row, ids)]
            expected = torch.log_softmax(said[fits], dim=0)
            mine = torch.log_softmax(torch.from_numpy(scores[np.isin(ids, fits)]), dim=0)
            assert torch.allclose(expected, mine, atol=1e-4)
            given_way += found.due is not None
            assert rows.advance(row, token)
    assert given_way > 20
