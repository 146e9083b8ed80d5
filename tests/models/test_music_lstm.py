"""What is particular to the music LSTM: its configuration, initialisation, padding and the state as a cache."""

import math

import pytest
import torch
from transformers import DynamicCache

from symbolic_music.models.music_lstm import modeling_music_lstm
from symbolic_music.models.music_lstm.cache_music_lstm import MusicLSTMCache, StateNotRecordedError
from symbolic_music.models.music_lstm.configuration_music_lstm import MusicLSTMConfig
from symbolic_music.models.music_lstm.modeling_music_lstm import MusicLSTMForCausalLM, MusicLSTMModel

TINY = {"vocab_size": 61, "hidden_size": 24, "num_hidden_layers": 2, "embedding_size": 16, "dropout": 0.0}


def tiny(model_class=MusicLSTMForCausalLM, **overrides):
    torch.manual_seed(0)
    return model_class(MusicLSTMConfig(**{**TINY, **overrides})).eval()


def random_ids(*shape, seed=1):
    return torch.randint(3, 61, shape, generator=torch.Generator().manual_seed(seed))


def states(cache):
    return [tensor for layer in cache.layers for tensor in (layer.keys, layer.values)]


# --- Configuration --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"hidden_size": 0}, "hidden_size must be at least 1, got 0"),
        ({"embedding_size": 0}, "embedding_size must be at least 1, got 0"),
        ({"num_hidden_layers": 0}, "num_hidden_layers must be at least 1, got 0"),
        ({"max_position_embeddings": 0}, "max_position_embeddings must be at least 1, got 0"),
        ({"dropout": 1.0}, r"dropout must lie in \[0, 1\), got 1.0"),
        ({"pad_token_id": 61}, r"pad_token_id \(61\) must lie below vocab_size \(61\)"),
        ({"eos_token_id": [2, -1]}, r"eos_token_id \(-1\) must lie below vocab_size \(61\)"),
    ],
)
def test_a_contradiction_is_refused_with_its_values(arguments, message):
    with pytest.raises(ValueError, match=message):
        MusicLSTMConfig(**{**TINY, **arguments})


def test_config_round_trip(tmp_path):
    config = MusicLSTMConfig(**TINY, eos_token_id=[2, 3])
    config.save_pretrained(tmp_path)
    assert MusicLSTMConfig.from_pretrained(tmp_path).to_diff_dict() == config.to_diff_dict()
    assert MusicLSTMConfig(vocab_size=61, hidden_size=24).embedding_size == 24


def test_a_projection_is_there_only_where_sizes_differ():
    assert tiny().head_projection.weight.shape == (16, 24)
    assert not list(tiny(embedding_size=24).head_projection.parameters())


# --- Initialisation -------------------------------------------------------------------------------------------------


def test_gates_start_apart_orthogonal_and_remembering():
    lstm = tiny().model.layers[1].lstm
    for gate in lstm.weight_hh_l0.detach().chunk(4):
        torch.testing.assert_close(gate @ gate.T, torch.eye(24), atol=1e-5, rtol=0)
    bound = (6 / (24 + 24)) ** 0.5  # Glorot & Bengio's, for one gate's matrix
    assert 0.95 * bound < lstm.weight_ih_l0.abs().max() <= bound
    assert (lstm.bias_ih_l0 + lstm.bias_hh_l0).tolist() == [0.0] * 24 + [1.0] * 24 + [0.0] * 48


@pytest.mark.parametrize("tied", [True, False], ids=["tied", "untied"])
def test_logits_start_with_the_same_small_spread_at_any_width(tied):
    ids = random_ids(8, 32)
    for sizes in ({"hidden_size": 64, "embedding_size": 32}, {"hidden_size": 512, "embedding_size": 256}):
        outputs = tiny(tie_word_embeddings=tied, **sizes)(ids, labels=ids)
        assert 0.3 < outputs.logits.std() < 1.5
        assert outputs.loss.item() == pytest.approx(math.log(61), abs=0.8)


def test_loading_keeps_biases_and_weights_in_one_storage_save_apart(tmp_path):
    model, ids = tiny(), random_ids(2, 9)
    expected = model(ids).logits
    for layer in model.model.layers:  # as cuDNN flattens them
        parameters = list(layer.lstm.parameters())
        flat = torch.cat([parameter.detach().flatten() for parameter in parameters])
        for parameter, part in zip(parameters, flat.split([p.numel() for p in parameters]), strict=True):
            parameter.data = part.view_as(parameter)
    model.save_pretrained(tmp_path)
    assert torch.equal(MusicLSTMForCausalLM.from_pretrained(tmp_path)(ids).logits, expected)


# --- Padding --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("recording", [False, True], ids=["at once", "step by step"])
def test_padding_anywhere_leaves_outputs_and_state_as_without_it(recording):
    model, rows = tiny(MusicLSTMModel), [random_ids(7), random_ids(4, seed=2), random_ids(1, seed=3)]
    places = [[0, 2, 3, 5, 6, 8, 9], [0, 1, 2, 3], [9]]  # scattered, padded right, padded left
    ids, mask = torch.zeros(3, 10, dtype=torch.long), torch.zeros(3, 10, dtype=torch.long)
    for row, (tokens, columns) in enumerate(zip(rows, places, strict=True)):
        ids[row, columns], mask[row, columns] = tokens, 1
    cache = MusicLSTMCache(model.config)
    if recording:
        cache.activate_past_recording()
    outputs = model(ids, attention_mask=mask, past_key_values=cache, use_cache=True)
    for row, (tokens, columns) in enumerate(zip(rows, places, strict=True)):
        alone = model(tokens[None], use_cache=True)
        torch.testing.assert_close(outputs.last_hidden_state[row, columns], alone.last_hidden_state[0])
        for state, expected in zip(states(cache), states(alone.past_key_values), strict=True):
            torch.testing.assert_close(state[row], expected[0])
    assert cache.get_seq_length() == 10


def test_a_row_of_padding_only_keeps_its_state():
    model = tiny(MusicLSTMModel)
    cache = model(random_ids(2, 5), use_cache=True).past_key_values
    before = [state.clone() for state in states(cache)]
    mask = torch.tensor([[1] * 5 + [0] * 3, [1] * 8])
    model(random_ids(2, 3, seed=2), attention_mask=mask, past_key_values=cache, use_cache=True)
    for state, old in zip(states(cache), before, strict=True):
        assert torch.equal(state[0], old[0])
        assert not torch.allclose(state[1], old[1])


def test_chunked_prefill_of_a_left_padded_batch_equals_one_prefill():
    model = tiny()
    ids, mask = random_ids(2, 11), torch.ones(2, 11, dtype=torch.long)
    ids[0, :7], mask[0, :7] = 0, 0  # the first chunk of row 0 is padding only
    options = {"attention_mask": mask, "do_sample": False, "max_new_tokens": 6, "eos_token_id": None}
    assert torch.equal(model.generate(ids, **options, prefill_chunk_size=4), model.generate(ids, **options))


@pytest.mark.parametrize("shape", [(2, 1, 5, 5), (2, 4)], ids=["four dimensions", "too short"])
def test_a_mask_that_cannot_be_applied_is_refused(shape):
    with pytest.raises(ValueError, match="attention_mask must be"):
        tiny()(random_ids(2, 5), attention_mask=torch.ones(shape))


# --- The cache ------------------------------------------------------------------------------------------------------


def test_the_cache_does_not_grow_with_the_sequence():
    model = tiny()
    sizes = []
    for length in (1, 50):
        cache = model(random_ids(1, length), use_cache=True).past_key_values
        sizes.append([tuple(state.shape) for state in states(cache)])
        assert cache.get_seq_length() == length
    assert sizes == [[(1, 24)] * 4] * 2


def test_crop_goes_back_to_a_recorded_state_and_forgets_older_ones():
    model, ids = tiny(), random_ids(1, 9)
    cache = MusicLSTMCache(model.config)
    cache.activate_past_recording()
    model(ids, past_key_values=cache, use_cache=True)
    cache.crop(-4)
    expected = model(ids[:, :5], use_cache=True).past_key_values
    for state, other in zip(states(cache), states(expected), strict=True):
        torch.testing.assert_close(state, other)
    assert cache.get_seq_length() == 5
    with pytest.raises(StateNotRecordedError, match="the state after 4 tokens, 1 ago, was not recorded"):
        cache.crop(-1)
    assert cache.get_seq_length() == 5, "a refused crop changes nothing"
    assert all(not layer.history for layer in cache.layers)


def test_crop_to_nothing_is_the_beginning():
    model, ids = tiny(), random_ids(1, 3)
    cache = MusicLSTMCache(model.config)
    cache.activate_past_recording()
    model(ids, past_key_values=cache, use_cache=True)
    cache.crop(-3)
    assert cache.get_seq_length() == 0
    torch.testing.assert_close(model(ids, past_key_values=cache).logits, model(ids).logits)


def test_crop_takes_a_negative_number():
    with pytest.raises(ValueError, match="got 2"):
        MusicLSTMCache(tiny().config).crop(2)


def test_what_changes_a_batch_changes_its_recorded_states_too():
    model, ids = tiny(), random_ids(2, 4)
    changes = {
        "reorder_cache": (torch.tensor([1, 1, 0]), [1, 1, 0]),
        "batch_select_indices": (torch.tensor([1]), [1]),
        "batch_repeat_interleave": (2, [0, 0, 1, 1]),
    }
    for name, (argument, rows) in changes.items():
        cache = MusicLSTMCache(model.config)
        getattr(cache, name)(argument)  # nothing to change yet
        cache.activate_past_recording()
        model(ids, past_key_values=cache, use_cache=True)
        getattr(cache, name)(argument)
        cache.crop(-1)
        expected = states(model(ids[:, :3], use_cache=True).past_key_values)
        assert cache.batch_size == len(rows)
        for state, other in zip(states(cache), expected, strict=True):
            torch.testing.assert_close(state, other[rows])


def test_a_reset_cache_is_a_fresh_one():
    model, ids = tiny(), random_ids(1, 5)
    cache = model(ids, use_cache=True).past_key_values
    cache.reset()
    assert cache.get_seq_length() == 0
    assert cache.batch_size == -1
    assert torch.equal(model(ids, past_key_values=cache).logits, model(ids).logits)


def test_a_cache_of_keys_and_values_is_refused():
    with pytest.raises(TypeError, match="must be a MusicLSTMCache, got DynamicCache"):
        tiny()(random_ids(1, 4), past_key_values=DynamicCache())
    with pytest.raises(ValueError, match="cache_implementation='static' is for keys and values"):
        tiny().generate(random_ids(1, 4), cache_implementation="static", max_new_tokens=2)


# --- Training -------------------------------------------------------------------------------------------------------


def test_dropout_spares_the_recurrent_connection():
    """With everything dropped that may be, a layer's state is still what its own steps make of a zero input."""
    model = tiny(MusicLSTMModel, num_hidden_layers=1, dropout=0.999999).train()
    cache = model(random_ids(1, 6), use_cache=True).past_key_values
    lstm = model.layers[0].lstm
    _, (hidden, cell) = lstm(torch.zeros(1, 6, 16))
    torch.testing.assert_close(states(cache), [hidden[0], cell[0]])


def test_hidden_states_are_those_of_every_layer():
    outputs = tiny()(random_ids(2, 5), output_hidden_states=True)
    assert [tuple(states.shape) for states in outputs.hidden_states] == [(2, 5, 16), (2, 5, 24), (2, 5, 24)]


def test_bf16_autocast_trains():
    model, ids = tiny().train(), random_ids(2, 9)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = model(ids, labels=ids, use_cache=False).loss
    loss.backward()
    assert loss.item() == pytest.approx(model(ids, labels=ids, use_cache=False).loss.item(), abs=0.05)
    assert all(parameter.grad.isfinite().all() for parameter in model.parameters())


@pytest.mark.parametrize("weights", [torch.float32, torch.bfloat16])
def test_without_a_kernel_in_onednn_the_results_are_the_same(weights, monkeypatch):
    """Where oneDNN has no LSTM at all (`ONEDNN_MAX_CPU_ISA` below what torch sees), torch's own one computes it."""
    model, ids = tiny().to(weights), random_ids(2, 9)
    expected = model(ids).logits
    monkeypatch.setattr(modeling_music_lstm, "has_cpu_kernel", lambda weights, autocast: False)
    enabled = []
    run_kernel = modeling_music_lstm.MusicLSTMLayer._run_kernel

    def record(layer, *arguments):
        enabled.append(torch._C._get_mkldnn_enabled())
        return run_kernel(layer, *arguments)

    monkeypatch.setattr(modeling_music_lstm.MusicLSTMLayer, "_run_kernel", record)
    # Kernels round within a sequence at other places: a few units in the last place of the largest logit.
    tolerance = 4 * torch.finfo(weights).eps * expected.abs().max().item()
    torch.testing.assert_close(model(ids).logits, expected, rtol=0, atol=tolerance)
    assert enabled == [False, False]
    assert torch._C._get_mkldnn_enabled()


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode, torch.enable_grad])
def test_a_kernel_is_found_in_whatever_mode_of_gradients(mode):
    modeling_music_lstm.has_cpu_kernel.cache_clear()
    with mode():
        assert modeling_music_lstm.has_cpu_kernel(torch.float32, None)


def test_a_kernel_tried_within_activation_checkpointing_leaves_no_trace():
    modeling_music_lstm.has_cpu_kernel.cache_clear()
    model, ids = tiny().train(), random_ids(2, 9)
    model.activation_checkpointing_enable()
    model(ids, labels=ids, use_cache=False).loss.backward()
    assert all(parameter.grad.isfinite().all() for parameter in model.parameters())


def test_trying_a_kernel_takes_no_random_number():
    modeling_music_lstm.has_cpu_kernel.cache_clear()
    torch.manual_seed(0)
    before = torch.get_rng_state()
    assert modeling_music_lstm.has_cpu_kernel(torch.float32, None)
    modeling_music_lstm.has_cpu_kernel(torch.float32, torch.bfloat16)
    assert torch.equal(torch.get_rng_state(), before)
