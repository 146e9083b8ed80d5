"""What every causal language model of the package promises: one body of tests, a table of members.

A new family joins by adding its rows to `MEMBERS`; nothing in the test bodies names a family.
"""

import copy
import shutil
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from torch.nn.functional import cross_entropy
from transformers import AutoConfig, AutoModelForCausalLM

import symbolic_music  # noqa: F401  # registers the Auto classes
from symbolic_music.models.music_lstm.configuration_music_lstm import MusicLSTMConfig
from symbolic_music.models.music_lstm.modeling_music_lstm import MusicLSTMForCausalLM
from symbolic_music.models.music_transformer.configuration_music_transformer import MusicTransformerConfig
from symbolic_music.models.music_transformer.modeling_music_transformer import MusicTransformerForCausalLM

VOCAB_SIZE, PAD = 61, 0
TINY_TRANSFORMER = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 128,
}
TINY_LSTM = {"hidden_size": 32, "num_hidden_layers": 2, "max_position_embeddings": 128}


@dataclass(frozen=True)
class Member:
    """One row of the table: a model class and a tiny configuration."""

    name: str
    model_class: Any
    config_class: Any
    arguments: dict[str, Any] = field(default_factory=dict)

    def config(self, **overrides):
        return self.config_class(**{"vocab_size": VOCAB_SIZE, "dropout": 0.0, **self.arguments, **overrides})

    def model(self, seed=0, **overrides):
        """A model whose weights are large enough that greedy decoding does not merely repeat one token."""
        torch.manual_seed(seed)
        model = self.model_class(self.config(**overrides)).eval()
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(torch.randn_like(parameter), alpha=0.3)
        return model


MEMBERS = [
    Member(
        f"transformer-{encoding}-{'tied' if tied else 'untied'}",
        MusicTransformerForCausalLM,
        MusicTransformerConfig,
        {**TINY_TRANSFORMER, "position_encoding": encoding, "tie_word_embeddings": tied},
    )
    for encoding in ("sinusoidal", "learned", "rotary")
    for tied in (True, False)
] + [
    Member(
        f"lstm-{'wide' if embedding_size is None else 'narrow'} embeddings-{'tied' if tied else 'untied'}",
        MusicLSTMForCausalLM,
        MusicLSTMConfig,
        {**TINY_LSTM, "embedding_size": embedding_size, "tie_word_embeddings": tied},
    )
    for embedding_size in (None, 20)
    for tied in (True, False)
]

pytestmark = pytest.mark.parametrize("member", MEMBERS, ids=lambda member: member.name)


def random_ids(*shape, seed=1):
    return torch.randint(3, VOCAB_SIZE, shape, generator=torch.Generator().manual_seed(seed))


def left_padded(sequences):
    """Ids and mask of sequences of different lengths, padded on the left."""
    width = max(len(sequence) for sequence in sequences)
    ids = torch.full((len(sequences), width), PAD)
    mask = torch.zeros_like(ids)
    for row, sequence in enumerate(sequences):
        ids[row, width - len(sequence) :] = sequence
        mask[row, width - len(sequence) :] = 1
    return ids, mask


def greedy(model, ids, new_tokens=16, **options):
    """Greedy decoding that cannot end early, nor settle on one token (which would hide an error in the positions).

    The pad token is kept out: `generate()` would take it for padding when it reads the result as a prompt.
    """
    fixed = {"do_sample": False, "max_new_tokens": new_tokens, "eos_token_id": None, "pad_token_id": PAD}
    return model.generate(ids, no_repeat_ngram_size=2, suppress_tokens=[PAD], **{**fixed, **options})


def gradients(model, **inputs):
    model.zero_grad()
    model(**inputs).loss.backward()
    return {name: parameter.grad.clone() for name, parameter in model.named_parameters()}


# --- Saving ---------------------------------------------------------------------------------------------------------


def test_save_and_reload_gives_equal_logits_and_config(member, tmp_path):
    model, ids = member.model(), random_ids(2, 20)
    model.save_pretrained(tmp_path)
    reloaded = member.model_class.from_pretrained(tmp_path)
    assert torch.equal(reloaded(ids).logits, model(ids).logits)
    assert reloaded.config.to_diff_dict() == {**model.config.to_diff_dict(), "dtype": "float32"}
    shared = reloaded.get_input_embeddings().weight is reloaded.get_output_embeddings().weight
    assert shared == model.config.tie_word_embeddings


def test_auto_classes_load_it_without_remote_code(member, tmp_path):
    model, ids = member.model(), random_ids(1, 9)
    model.save_pretrained(tmp_path)
    assert isinstance(AutoConfig.from_pretrained(tmp_path), member.config_class)
    reloaded = AutoModelForCausalLM.from_pretrained(tmp_path)
    assert type(reloaded) is member.model_class
    assert torch.equal(reloaded(ids).logits, model(ids).logits)


def test_new_tokens_can_be_added(member):
    model, ids = member.model(), random_ids(1, 9)
    before = model(ids).logits
    model.resize_token_embeddings(VOCAB_SIZE + 7, mean_resizing=False)
    after = model(ids).logits
    assert after.shape[-1] == VOCAB_SIZE + 7 == model.config.vocab_size
    torch.testing.assert_close(after[..., :VOCAB_SIZE], before)


# --- Generation -----------------------------------------------------------------------------------------------------


def test_greedy_decoding_is_varied_enough_to_test_with(member):
    assert len(greedy(member.model(), random_ids(1, 9))[0, 9:].unique()) > 4


def test_cached_equals_uncached_for_one_sequence(member):
    model, ids = member.model(), random_ids(1, 9)
    assert torch.equal(greedy(model, ids), greedy(model, ids, use_cache=False))


def test_cached_equals_uncached_for_a_left_padded_batch(member):
    model = member.model()
    ids, mask = left_padded([random_ids(5), random_ids(11), random_ids(8)])
    assert torch.equal(
        greedy(model, ids, attention_mask=mask), greedy(model, ids, attention_mask=mask, use_cache=False)
    )


def test_left_padded_batch_generates_what_single_sequences_do(member):
    model = member.model()
    sequences = [random_ids(5, seed=1), random_ids(11, seed=2), random_ids(8, seed=3)]
    ids, mask = left_padded(sequences)
    batch = greedy(model, ids, attention_mask=mask)
    for sequence, generated in zip(sequences, batch, strict=True):
        assert torch.equal(greedy(model, sequence[None])[0, len(sequence) :], generated[ids.shape[1] :])


def test_left_padding_does_not_change_the_logits(member):
    model, sequence = member.model(), random_ids(7)
    ids, mask = left_padded([sequence, random_ids(12, seed=2)])
    torch.testing.assert_close(model(ids, attention_mask=mask).logits[0, 5:], model(sequence[None]).logits[0])


def test_right_padding_and_the_pads_own_id_do_not_change_the_logits(member):
    model, ids = member.model(), random_ids(1, 12)
    mask = torch.ones_like(ids)
    mask[:, 8:] = 0
    torch.testing.assert_close(model(ids, attention_mask=mask).logits[:, :8], model(ids[:, :8]).logits)


def test_no_token_sees_a_later_one(member):
    model, ids = member.model(), random_ids(1, 12)
    changed = ids.clone()
    changed[:, 7:] = random_ids(1, 5, seed=9)
    torch.testing.assert_close(model(changed).logits[:, :7], model(ids).logits[:, :7])


def test_beams_are_the_same_with_and_without_a_cache(member):
    model = member.model()
    ids, mask = left_padded([random_ids(5), random_ids(9)])
    options = {"attention_mask": mask, "num_beams": 3}
    assert torch.equal(greedy(model, ids, **options), greedy(model, ids, use_cache=False, **options))


def test_sampling_with_a_seed_is_the_same_with_and_without_a_cache(member):
    model, ids = member.model(), random_ids(2, 9)
    samples = []
    for use_cache in (True, False):
        torch.manual_seed(3)
        samples.append(model.generate(ids, do_sample=True, max_new_tokens=16, eos_token_id=None, use_cache=use_cache))
    assert torch.equal(*samples)


def test_forward_resumes_from_a_returned_cache(member):
    model, ids = member.model(), random_ids(2, 20)
    whole = model(ids).logits
    cache, parts = None, []
    for part in ids.split([9, 1, 10], dim=1):
        outputs = model(part, past_key_values=cache, use_cache=True)
        cache = outputs.past_key_values
        parts.append(outputs.logits)
    torch.testing.assert_close(torch.cat(parts, dim=1), whole)


def test_generate_resumes_from_a_returned_cache(member):
    model, ids = member.model(), random_ids(1, 9)
    first = greedy(model, ids, new_tokens=8, return_dict_in_generate=True)
    resumed = greedy(model, first.sequences, new_tokens=8, past_key_values=first.past_key_values)
    assert torch.equal(resumed, greedy(model, ids, new_tokens=16))


def test_no_cache_is_returned_when_none_is_asked_for(member):
    assert member.model()(random_ids(1, 4), use_cache=False).past_key_values is None


def test_prompt_lookup_decoding_equals_greedy(member):
    model = member.model()
    ids = random_ids(1, 6).repeat(1, 3)
    assert torch.equal(greedy(model, ids, prompt_lookup_num_tokens=3), greedy(model, ids))


def test_assisted_decoding_equals_greedy(member):
    model, ids = member.model(), random_ids(1, 9)
    assert torch.equal(greedy(model, ids, assistant_model=member.model(seed=5)), greedy(model, ids))


def test_generation_stops_at_the_end_token(member):
    model, ids = member.model(), random_ids(1, 9)
    endless = greedy(model, ids)
    end = int(endless[0, 12])
    stopped = greedy(model, ids, eos_token_id=end)
    assert stopped[0, -1] == end
    assert torch.equal(stopped[0], endless[0, : stopped.shape[1]])
    assert stopped.shape[1] <= 13


# --- Logits and loss ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kept", [1, 3, torch.tensor([0, 4])], ids=["last", "last three", "indices"])
def test_logits_to_keep(member, kept):
    model, ids = member.model(), random_ids(2, 9)
    expected = model(ids).logits[:, kept if torch.is_tensor(kept) else slice(-kept, None)]
    torch.testing.assert_close(model(ids, logits_to_keep=kept).logits, expected)


def test_inputs_embeds_stand_for_ids(member):
    model, ids = member.model(), random_ids(2, 9)
    embeddings = model.get_input_embeddings()(ids)
    assert torch.equal(model(inputs_embeds=embeddings).logits, model(ids).logits)


@pytest.mark.parametrize("both", [True, False], ids=["both", "neither"])
def test_ids_and_embeddings_exclude_each_other(member, both):
    model, ids = member.model(), random_ids(2, 9)
    inputs = {"input_ids": ids, "inputs_embeds": model.get_input_embeddings()(ids)} if both else {}
    with pytest.raises(ValueError, match="exactly one of input_ids and inputs_embeds"):
        model(**inputs)


def test_loss_is_the_mean_cross_entropy_of_the_next_token(member):
    model, ids = member.model(), random_ids(2, 20)
    labels = ids.clone()
    labels[0, :6] = -100
    outputs = model(ids, labels=labels)
    expected = cross_entropy(outputs.logits[:, :-1].reshape(-1, VOCAB_SIZE), labels[:, 1:].reshape(-1))
    torch.testing.assert_close(outputs.loss, expected)


def test_num_items_in_batch_divides_the_summed_loss(member):
    model, ids = member.model(), random_ids(2, 20)
    mean = model(ids, labels=ids).loss
    torch.testing.assert_close(model(ids, labels=ids, num_items_in_batch=76).loss, mean * (2 * 19) / 76)


def test_gradient_accumulation_equals_one_large_batch(member):
    model, ids = member.model(), random_ids(4, 20)
    labels = ids.clone()
    labels[0, :15] = -100  # uneven parts, where averaging averages would be wrong
    count = int((labels[:, 1:] != -100).sum())
    whole = gradients(model, input_ids=ids, labels=labels)
    parts = [
        gradients(model, input_ids=ids[rows], labels=labels[rows], num_items_in_batch=count)
        for rows in (slice(0, 1), slice(1, 4))
    ]
    for name, gradient in whole.items():
        torch.testing.assert_close(parts[0][name] + parts[1][name], gradient, msg=name)


def test_every_parameter_gets_a_gradient(member):
    model, ids = member.model(), random_ids(2, 20)
    assert all(gradient.any() for gradient in gradients(model, input_ids=ids, labels=ids).values())


def test_gradient_checkpointing_gives_the_same_gradients(member):
    model, ids = member.model(dropout=0.1).train(), random_ids(2, 20)
    results = []
    for checkpointing in (False, True):
        if checkpointing:
            model.activation_checkpointing_enable()
        torch.manual_seed(7)
        results.append(gradients(model, input_ids=ids, labels=ids, use_cache=False))
    for name, gradient in results[0].items():
        torch.testing.assert_close(results[1][name], gradient, msg=name)


# --- Kernels and precision ------------------------------------------------------------------------------------------


def test_every_attention_kernel_agrees(member):
    if not member.model_class._supports_sdpa:
        pytest.skip("this family has no attention")
    model = member.model()
    ids, mask = left_padded([random_ids(9), random_ids(14)])
    logits = []
    for implementation in ("eager", "sdpa"):
        model.set_attn_implementation(implementation)
        logits.append(model(ids, attention_mask=mask).logits[mask.bool()])
    torch.testing.assert_close(*logits)


def test_bf16_is_finite_and_near_float32(member):
    model, ids = member.model(), random_ids(2, 9)
    expected = model(ids).logits.softmax(-1)
    half = copy.deepcopy(model).to(torch.bfloat16)
    logits = half(ids, labels=ids)
    assert logits.logits.dtype == torch.bfloat16
    assert logits.logits.isfinite().all()
    assert logits.loss.isfinite()
    assert (logits.logits.float().softmax(-1) - expected).abs().mean() < 0.01
    assert greedy(half, ids, new_tokens=4).shape == (2, 13)


@pytest.mark.slow
def test_compiled_forward_equals_eager_forward(member):
    if not member.model_class._can_compile_fullgraph:
        pytest.skip("torch.compile leaves this family's kernels as they are, so there is no one graph")
    model, ids = member.model(), random_ids(2, 24)
    # C++ is made for one member, half a minute of work; the others' graphs are run by PyTorch's own kernels.
    backend = "inductor" if member.name == "transformer-rotary-tied" else "aot_eager"
    if backend == "inductor" and shutil.which("g++") is None:
        pytest.skip("torch.compile needs a C++ compiler, and there is no g++")
    compiled = torch.compile(model, fullgraph=True, backend=backend)
    expected = gradients(model, input_ids=ids, labels=ids, use_cache=False)
    actual = gradients(compiled, input_ids=ids, labels=ids, use_cache=False)
    for name, gradient in expected.items():
        torch.testing.assert_close(actual[f"_orig_mod.{name}"], gradient, rtol=1e-3, atol=1e-5, msg=name)
