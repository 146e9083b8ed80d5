"""The folders of an adapted model: the adapter and the merged model write the same, with and without the package."""

import json

import pytest
import torch
from huggingface_hub import ModelCard
from made_up_results import ADAPTATION, FACTS, REPORT, TEMPLATE_ADAPTED
from transformers import BartConfig, BartForConditionalGeneration, GPT2Config, GPT2LMHeadModel
from without_package import run_without_package

import symbolic_music
from symbolic_music.events.voices.track_text import TrackTextCodec, TrackTextSettings
from symbolic_music.generation.compose import SamplingOptions
from symbolic_music.generation.loading import load_model
from symbolic_music.hub.assembly.adapted import assemble_adapted
from symbolic_music.hub.cards.adapted import ADAPTATION_FILE, AdaptedFacts
from symbolic_music.hub.cards.filler import INFILLING_FILE
from symbolic_music.hub.contents import ADAPTER_CONFIG, ADAPTER_FOLDER
from symbolic_music.hub.errors import PublishError
from symbolic_music.hub.upload import plan_publication
from symbolic_music.report.comparison import comparison_text, read_adaptations, read_reports
from symbolic_music.tokenization.build import build_word_level_tokenizer
from symbolic_music.training.adaptation.lora import add_adapter, save_adapted

BASE, MERGED, ADAPTER = "someone/walker", "someone/runner", "someone/runner-lora"
CHEAPER = {"bits_per_note": 1.234, "low": 1.111, "high": 1.357}
INFILLING = {
    "arguments": {"rank": 3},
    "before": {"examples": 44, "notes": 555, "groups": 33, "bits_per_note": 4.567, "bits_per_note_interval": None},
    "test": {"examples": 44, "notes": 555, "groups": 33, "bits_per_note": 3.333, "bits_per_note_interval": None},
    "examples": {"train": 777},
    "parameters": {"trained": 10, "all": 1000},
    "training_minutes": 21.0,
    **{name: ADAPTATION[name] for name in ("machine", "split_hash", "seed")},
}
FACTS = AdaptedFacts(
    **{name: getattr(FACTS, name) for name in ("title", "description", "data", "data_licence", "limits", "commands")},
    repository=MERGED,
    base_repository=BASE,
    adapter_repository=ADAPTER,
    attribution="# Attribution\n\n## The walks\n\n- by: a walker, CC BY 4.0\n",
)
OPTIONS = SamplingOptions(temperature=1.0, top_p=1.0, max_length=100)


def gpt2(processor):
    sizes = {"n_embd": 16, "n_layer": 1, "n_head": 2, "n_positions": 128}
    tokens = processor.tokenizer
    ids = {
        "bos_token_id": tokens.bos_token_id,
        "eos_token_id": tokens.eos_token_id,
        "pad_token_id": tokens.pad_token_id,
    }
    return GPT2LMHeadModel(GPT2Config(vocab_size=len(tokens), **sizes, **ids))


def bart(processor):
    tokens = processor.tokenizer
    layers = {f"{side}_{name}": 1 for side in ("encoder", "decoder") for name in ("layers", "attention_heads")}
    layers |= {"encoder_ffn_dim": 16, "decoder_ffn_dim": 16, "decoder_start_token_id": tokens.bos_token_id}
    ids = {
        "bos_token_id": tokens.bos_token_id,
        "eos_token_id": tokens.eos_token_id,
        "pad_token_id": tokens.pad_token_id,
    }
    return BartForConditionalGeneration(
        BartConfig(vocab_size=len(tokens), d_model=16, max_position_embeddings=256, **layers, **ids)
    )


@pytest.fixture(scope="module", params=[(gpt2, ADAPTATION_FILE), (bart, INFILLING_FILE)], ids=["composes", "fills"])
def made(request, tmp_path_factory):
    """A Hub that is a folder: base, merged model and adapter by their names; and what they were made of."""
    build, results = request.param
    place = tmp_path_factory.mktemp("hub")
    trained, base = place / "runs", place / BASE
    torch.manual_seed(0)
    codec = TrackTextCodec(TrackTextSettings(max_bars=4, max_tracks=3, max_masks=0 if build is gpt2 else 8))
    processor = build_word_level_tokenizer(codec, 256)
    build(processor).save_pretrained(base)
    processor.save_pretrained(base)
    adapted = add_adapter(load_model(str(base), "cpu")[0], rank=2, trained_rows=[5, 6])
    with torch.no_grad():
        for weight in adapted.parameters():
            if weight.requires_grad:
                weight.add_(torch.randn_like(weight))
    save_adapted(adapted, processor, trained, str(base))
    result = INFILLING if results == INFILLING_FILE else ADAPTATION | {"after": REPORT["loss"]}
    (trained / results).write_text(json.dumps(result | {"cheaper_by": CHEAPER}))
    (trained / "loss.png").write_bytes(b"PNG")
    assemble_adapted(trained, place / MERGED, place / ADAPTER, FACTS, TEMPLATE_ADAPTED, dtype="float32")
    return place


def test_both_folders_are_fit_to_be_published_and_name_each_other(made):
    for name, library in ((MERGED, "transformers"), (ADAPTER, "peft")):
        assert plan_publication(made / name, name).problems == []
        text = (made / name / "README.md").read_text()
        data = ModelCard(text).data
        assert (data.library_name, data.base_model) == (library, BASE)
        shown = [MERGED, ADAPTER, "1.234", "[1.111, 1.357]", "10 of\n1,000 parameters", "### The walks", "5p11th45h"]
        assert [figure for figure in shown if figure not in text] == []
        assert (made / name / "ATTRIBUTION.md").read_text() == FACTS.attribution
    assert json.loads((made / ADAPTER / ADAPTER_CONFIG).read_text())["base_model_name_or_path"] == BASE


def test_adapter_and_merged_model_write_the_same(made, ten_tunes, monkeypatch):
    monkeypatch.chdir(made)  # names of the Hub are folders here
    (tune,) = symbolic_music.read_scores(ten_tunes / "tune_0.mid")
    written, logits = [], []
    for name in (BASE, MERGED, ADAPTER):
        model, processor = load_model(name, "cpu")
        ids = torch.arange(5, 25)[None]
        more = {"decoder_input_ids": ids} if model.config.is_encoder_decoder else {}
        logits.append(model(input_ids=ids, **more).logits)
        if model.config.is_encoder_decoder:
            (piece,) = symbolic_music.infill(model, processor, tune, bars=(1, 2), options=OPTIONS)
        else:
            (piece,) = symbolic_music.compose(model, processor, options=OPTIONS)
        written.append(piece.ids)
    _, merged, adapter = written
    assert merged == adapter
    torch.testing.assert_close(logits[1], logits[2])
    assert float((logits[1] - logits[0]).abs().max()) > 0.01, "the adapter changes something"


STRANGER = """
import sys
import torch
from peft import PeftModel
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSeq2SeqLM, AutoTokenizer
base, merged, adapter = sys.argv[1:]
kind = AutoModelForSeq2SeqLM if AutoConfig.from_pretrained(base).is_encoder_decoder else AutoModelForCausalLM
ids = AutoTokenizer.from_pretrained(adapter)("BOS_None", return_tensors="pt").input_ids
more = {"decoder_input_ids": ids} if kind is AutoModelForSeq2SeqLM else {}
whole = kind.from_pretrained(merged).eval()(input_ids=ids, **more).logits
beside = PeftModel.from_pretrained(kind.from_pretrained(base), adapter).eval()(input_ids=ids, **more).logits
print(float((whole - beside).abs().max()), type(whole).__module__)
"""


@pytest.mark.slow
def test_both_load_with_transformers_and_peft_alone(made, tmp_path):
    home = {"HF_HOME": str(tmp_path)}
    told = run_without_package(STRANGER, BASE, MERGED, ADAPTER, folder=made, environment=home)
    assert float(told.split()[0]) < 1e-4


def test_the_table_of_models_has_a_row_for_the_merged_one(made):
    folders = [made / ADAPTER, made / MERGED]
    adapted = read_adaptations(folders)
    assert (read_reports(folders), list(adapted)) == ({}, ["runner"])
    (row,) = (
        line
        for line in comparison_text({"walker": REPORT}, {}, "", adapted).splitlines()
        if line.startswith("| [runner](runner)")
    )
    assert row.endswith("| 1.234 [1.111, 1.357] |")


def test_what_is_missing_is_named_and_nothing_is_written(made, tmp_path):
    trained, outputs = made / "runs", (tmp_path / "merged", tmp_path / "adapter")
    with pytest.raises(PublishError, match="exists; expected a folder to make"):
        assemble_adapted(trained, tmp_path / "merged", tmp_path, FACTS, TEMPLATE_ADAPTED)
    with pytest.raises(PublishError, match="expected a model with its adapter"):
        assemble_adapted(made / BASE, *outputs, FACTS, TEMPLATE_ADAPTED)
    with pytest.raises(PublishError, match="expected a model with its adapter"):
        assemble_adapted(trained / ADAPTER_FOLDER, *outputs, FACTS, TEMPLATE_ADAPTED)
    assert list(tmp_path.iterdir()) == []
