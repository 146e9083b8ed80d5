"""A filler that begins with the weights of a model without masks says at first what that model says."""

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM

from symbolic_music.events.remi.codec import RemiCodec
from symbolic_music.events.voices.track_text import TrackTextCodec, TrackTextSettings
from symbolic_music.tokenization.build import build_word_level_tokenizer
from symbolic_music.training.arguments import ModelArguments, TrainingError
from symbolic_music.training.preparation import build_infill_model, build_model

SIZES = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
CONTEXT = 32


def processor_of(**settings):
    return build_word_level_tokenizer(TrackTextCodec(TrackTextSettings(max_tracks=2, **settings)), CONTEXT)


@pytest.fixture(scope="module")
def reads():
    return processor_of(max_bars=8)


@pytest.fixture(scope="module")
def fills():
    return processor_of(max_bars=4, max_masks=6)


def save_reader(folder, processor, **sizes):
    torch.manual_seed(1)
    model = build_model(ModelArguments(**SIZES, **sizes), processor, CONTEXT)
    with torch.no_grad():  # fresh biases and norms are zeros and ones, which could be mixed up unseen
        for weight in model.parameters():
            weight.add_(torch.randn_like(weight) * 0.1)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return model.eval()


def sentences(reads, fills):
    """The same events as ids of both, and the ids of all that both know."""
    shared = sorted(reads.tokenizer.get_vocab().keys() & fills.tokenizer.get_vocab().keys())
    rng = torch.Generator().manual_seed(2)
    chosen = [shared[number] for number in torch.randint(len(shared), (20,), generator=rng)]
    ids = [torch.tensor([[p.tokenizer.get_vocab()[name] for name in chosen]]) for p in (reads, fills)]
    return *ids, *([p.tokenizer.get_vocab()[name] for name in shared] for p in (reads, fills))


@pytest.mark.parametrize("sizes", [{"model_type": "gpt2"}, {"position_encoding": "rotary"}], ids=["gpt2", "own"])
def test_a_causal_one_says_the_same_of_what_both_know(reads, fills, tmp_path, sizes):
    reader = save_reader(tmp_path, reads, **sizes)
    model = build_infill_model(ModelArguments(start_from=str(tmp_path)), fills, CONTEXT, False).eval()
    assert type(model) is type(reader)
    assert model.config.vocab_size == len(fills.tokenizer)
    assert model.get_input_embeddings().weight is model.get_output_embeddings().weight
    old, new, known, known_too = sentences(reads, fills)
    with torch.no_grad():
        torch.testing.assert_close(model(new).logits[..., known_too], reader(old).logits[..., known])
    model.save_pretrained(tmp_path / "saved")
    assert torch.equal(AutoModelForCausalLM.from_pretrained(tmp_path / "saved")(new).logits, model(new).logits)


def test_a_bart_decodes_as_the_gpt2_whatever_it_has_read(reads, fills, tmp_path):
    reader = save_reader(tmp_path, reads, model_type="gpt2")
    with torch.no_grad():  # a BART normalises them, and only what is normalised already stays as it is
        reader.transformer.wpe.weight.zero_()
        rows = reader.transformer.wte.weight
        rows.copy_(torch.nn.functional.layer_norm(rows, rows.shape[1:], eps=0) * 0.3)
    reader.save_pretrained(tmp_path)
    model = build_infill_model(ModelArguments(start_from=str(tmp_path)), fills, CONTEXT, True, encoder_layers=1).eval()
    old, new, known, known_too = sentences(reads, fills)
    # A new row is near the mean of all, which is small, and would move the common size.
    for half in (model.model.encoder, model.model.decoder):
        torch.nn.init.constant_(half.layernorm_embedding.weight, 0.3)
    with torch.no_grad():
        for source in (new, new.flip(1)):
            said = model(input_ids=source, decoder_input_ids=new).logits[..., known_too]
            torch.testing.assert_close(said, reader(old).logits[..., known], atol=2e-3, rtol=0)


def test_a_barts_embeddings_have_the_size_of_the_gpt2s(reads, fills, tmp_path):
    reader = save_reader(tmp_path, reads, model_type="gpt2")
    model = build_infill_model(ModelArguments(start_from=str(tmp_path)), fills, CONTEXT, True)
    summed = reader.transformer.wte.weight[:, None] + reader.transformer.wpe.weight
    size = summed.std(dim=-1, correction=0).mean().item()
    for half in (model.model.encoder, model.model.decoder):
        assert half.layernorm_embedding.weight.mean().item() == pytest.approx(size, rel=0.1)
    model.save_pretrained(tmp_path / "saved")
    loaded = AutoModelForSeq2SeqLM.from_pretrained(tmp_path / "saved")
    assert all(torch.equal(weight, loaded.state_dict()[name]) for name, weight in model.state_dict().items())


def test_what_cannot_become_a_filler_is_one_line(reads, fills, tmp_path):
    own, longer, filler, remi = (tmp_path / name for name in ("own", "longer", "filler", "remi"))
    save_reader(own, reads, position_encoding="rotary")
    save_reader(longer, reads, model_type="gpt2")
    save_reader(filler, fills, model_type="gpt2")
    save_reader(remi, build_word_level_tokenizer(RemiCodec(), CONTEXT))
    for folder, context, is_bart, complaint in (
        (own, CONTEXT, True, "it is a MusicTransformerForCausalLM; expected a GPT2LMHeadModel for a BART"),
        (longer, 2 * CONTEXT, False, "it holds 32 tokens; expected 64 or more"),
        (filler, CONTEXT, False, "it fills masked bars already; name it by --model"),
        (remi, CONTEXT, False, "it reads remi; expected a model of track text"),
        (tmp_path / "none", CONTEXT, False, "no music processor could be loaded"),
    ):
        with pytest.raises(TrainingError, match=complaint):
            build_infill_model(ModelArguments(start_from=str(folder)), fills, context, is_bart)
