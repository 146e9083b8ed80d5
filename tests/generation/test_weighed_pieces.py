"""`compose` with several particles: whole pieces that are what was asked for, by every kind of model, or one line."""

import pytest
import tiny_model
import torch
from random_pieces import member

from symbolic_music.events.controls.asked import Controls
from symbolic_music.generation.compose import SamplingOptions, compose, encode_prompt
from symbolic_music.generation.likelihood import log_likelihoods
from symbolic_music.generation.writing.sequences import write_sequences
from symbolic_music.metrics.control import kept_controls
from symbolic_music.models.music_lstm.configuration_music_lstm import MusicLSTMConfig
from symbolic_music.models.music_lstm.modeling_music_lstm import MusicLSTMForCausalLM

pytest.importorskip("onnxruntime", reason="onnxruntime is not installed (pip extra 'fast')")

ASKED = Controls(meter="3/4", key="C", density=(1, 4), ending=True, bars=2)
OPTIONS = SamplingOptions(num_bars=2, seed=4)


def lstm_of_abc():
    processor = member("abc_notes")
    torch.manual_seed(0)
    sizes = {"hidden_size": 24, "num_hidden_layers": 1, "max_position_embeddings": 200}
    return MusicLSTMForCausalLM(MusicLSTMConfig(vocab_size=len(processor.tokenizer), **sizes)).eval(), processor


def transformer_of_abc():
    processor = member("abc_notes")
    return tiny_model.tiny_model(processor), processor


def gpt2_of_track_text():
    model, processor = tiny_model.tiny_gpt2()
    return model.eval(), processor


MODELS = {
    "REMI": lambda: (tiny_model.tiny_model(tiny_model.tiny_processor()), tiny_model.tiny_processor()),
    "ABC": transformer_of_abc,
    "ABC LSTM": lstm_of_abc,
    "track text": gpt2_of_track_text,
}


@pytest.mark.parametrize("name", MODELS)
def test_pieces_are_what_was_asked_for(name):
    model, processor = MODELS[name]()
    asked = Controls(bars=2, instruments=(0, 40), density=(2, 8)) if name == "track text" else ASKED
    for piece in compose(model, processor, 3, options=OPTIONS, controls=asked, particles=3):
        assert piece.valid, piece.invalid_reason
        assert all(kept_controls(piece.score, asked).values())


def test_pieces_are_likelier_than_by_the_mask_alone(model, processor):
    def log_likelihood(particles):
        pieces = compose(model, processor, 24, options=OPTIONS, controls=ASKED, particles=particles)
        return sum(log_likelihoods(model, [piece.ids for piece in pieces], 1)) / len(pieces)

    assert log_likelihood(8) > log_likelihood(1) + 2


def test_a_seed_and_a_number_say_what_a_piece_is(model, processor):
    def written(options=OPTIONS, count=5, **changes):
        pieces = compose(model, processor, count, options=options, controls=ASKED, particles=3, **changes)
        return [piece.ids for piece in pieces]

    expected = written()
    assert written(SamplingOptions(num_bars=2, seed=4, batch_size=1)) == expected
    assert written(SamplingOptions(num_bars=2, seed=4, batch_size=7)) == expected
    assert written(count=2, first=3) == expected[3:]
    assert written(SamplingOptions(num_bars=2, seed=5)) != expected


def test_one_particle_is_the_piece_as_it_ever_was(model, processor, monkeypatch):
    plain = compose(model, processor, 3, options=OPTIONS, controls=ASKED)
    asked = []

    def write(model, request, *others):
        asked.append(request.particles)
        return write_sequences(model, request, *others)

    monkeypatch.setattr("symbolic_music.generation.compose.write_sequences", write)
    assert compose(model, processor, 3, options=OPTIONS, controls=ASKED, particles=1) == plain
    assert asked == [1]


def test_a_prompt_is_gone_on_from(model, processor):
    asked = Controls(meter="4/4", bars=2, key="C")
    (opening,) = compose(model, processor, 1, options=SamplingOptions(num_bars=1), controls=asked)
    pieces = compose(model, processor, 2, opening.score, 1, OPTIONS, controls=asked, particles=3)
    begun = encode_prompt(processor, opening.score, 1)
    assert all(piece.ids[: len(begun)] == begun for piece in pieces)
    assert all(all(kept_controls(piece.score, asked).values()) for piece in pieces)


def test_the_likeliest_of_several_weighed_pieces_is_taken(model, processor):
    several = compose(model, processor, 4, options=OPTIONS, controls=ASKED, particles=2)
    best = compose(model, processor, 2, options=OPTIONS, controls=ASKED, particles=2, best_of=2)
    assert all(piece.ids in [one.ids for one in several] for piece in best)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"particles": 0}, "particles is 0; expected 1 or more"),
        ({"particles": -2}, "particles is -2; expected 1 or more"),
        ({"on_bar": print}, "1 where pieces are heard as they are written"),
        ({"on_token": print}, "1 where pieces are heard as they are written"),
        ({"options": SamplingOptions(temperature=0)}, "expected 1 at temperature 0"),
        ({"options": SamplingOptions(use_grammar=False)}, "expected 1 without the grammar"),
    ],
)
def test_what_cannot_be_is_one_line(model, processor, changes, said):
    with pytest.raises(ValueError, match=said):
        compose(model, processor, 1, **({"particles": 2} | changes))


def test_a_model_that_transformers_must_step_is_one_line(processor):
    model = tiny_model.tiny_model(processor).bfloat16()
    with pytest.raises(ValueError, match="several particles are written by ONNX Runtime alone: the weights are not"):
        compose(model, processor, 1, options=OPTIONS, particles=2)
    assert compose(model, processor, 1, options=OPTIONS)
