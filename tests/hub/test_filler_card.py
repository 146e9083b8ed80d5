"""The folder and card of a model that fills masked bars: every figure of its files, and it fills as it did before."""

import json
import shutil

import pytest
from huggingface_hub import ModelCard
from made_up_results import FACTS, REPORT, TEMPLATE_INFILL
from transformers import GenerationConfig

import symbolic_music
from symbolic_music.events.voices.track_text import TrackTextCodec, TrackTextSettings
from symbolic_music.generation.compose import SamplingOptions
from symbolic_music.generation.loading import load_model
from symbolic_music.hub.assembly.filler import assemble_filler
from symbolic_music.hub.cards.filler import INFILLING_FILE
from symbolic_music.hub.errors import PublishError
from symbolic_music.hub.upload import plan_publication
from symbolic_music.report.comparison import comparison_text, read_reports
from symbolic_music.tokenization.build import build_word_level_tokenizer

TEST = {
    "examples": 1_234,
    "notes": 56_789,
    "groups": 321,
    "bits_per_note": 2.3456,
    "bits_per_note_interval": {"low": 2.111, "high": 2.555},
}
RESULT = {
    "arguments": {"style": "causal", "window_bars": 6},
    "test": TEST,
    "parameters": {"all": 4_777_888, "trained": 4_777_888},
    "steps": 1_555,
    "training_minutes": 33.3,
    "machine": "2 cores of something",
    "examples": {"train": 45_678, "validation": 871, "test": 1_234},
    "split_hash": "5p11th45h",
    "seed": 9,
}
FILLING = {
    "with_grammar": {"samples": 200, "valid": 199, "share": 0.995, "interval": {"low": 0.972, "high": 0.999},
                     "untouched": 198, "notes_per_second": 76.5, "tokens_per_second": 98.7},
    "without_grammar": {"samples": 200, "valid": 87, "share": 0.435, "interval": {"low": 0.368, "high": 0.504},
                        "untouched": 86, "notes_per_second": 87.6},
    "settings": {"split": "test", "temperature": 0.9, "top_p": 0.875},
    "statistics": REPORT["statistics"], "memorisation": REPORT["memorisation"],
}  # fmt: skip

OPTIONS = SamplingOptions(temperature=1.0, top_p=1.0)
BESIDE = {
    "models": [
        {**TEST, "style": "causal", "parameters": 4_777_888, "steps": 1_555, "training_minutes": 33.3,
         "first_is_cheaper_by": {"bits_per_note": 0.0, "low": 0.0, "high": 0.0}},
        {**TEST, "style": "left-to-right", "parameters": 4_666_555, "steps": 1_444, "training_minutes": 22.2,
         "bits_per_note": 2.7891, "first_is_cheaper_by": {"bits_per_note": 0.4435, "low": 0.3331, "high": 0.5552}},
    ]
}  # fmt: skip


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("filler")
    codec = TrackTextCodec(TrackTextSettings(max_bars=6, max_tracks=3, max_masks=8))
    processor = build_word_level_tokenizer(codec, 256)
    config = symbolic_music.MusicTransformerConfig(
        vocab_size=len(processor.tokenizer), hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
        max_position_embeddings=256, pad_token_id=processor.tokenizer.pad_token_id,
        bos_token_id=processor.tokenizer.bos_token_id, eos_token_id=processor.tokenizer.eos_token_id,
    )  # fmt: skip
    symbolic_music.MusicTransformerForCausalLM(config).save_pretrained(folder)
    processor.save_pretrained(folder)
    write(folder / INFILLING_FILE, RESULT)
    write(folder / "fills.json", FILLING)
    write(folder / "compared.json", BESIDE)
    (folder / "loss.png").write_bytes(b"\x89PNG")
    return folder


def write(path, content):
    path.write_text(json.dumps(content))


def test_card_and_folder(trained, ten_tunes, tmp_path):
    output = tmp_path / "model"
    assemble_filler(
        trained, trained / "fills.json", output, FACTS, trained / "compared.json", TEMPLATE_INFILL, dtype="float32"
    )
    text = (output / "README.md").read_text()
    compared = ("2.346 [2.111, 2.555]", "0.444 [0.333, 0.555]", "4,666,555", "4,777,888", "1,555")
    figures = ("199 of 200 (97.2% to 99.9%)", "198 of 199")
    others = ("2.789", "1,444", "87 of 200", "5p11th45h", "45,678 train", "33 minutes", "seed 9", FACTS.repository)
    beside_human = (
        "temperature 0.9 and top-p 0.875",
        "76 notes a second",
        "| notes per bar | 7.123 [6.873, 7.498] |",
        "1,234 training pieces",
    )
    assert [figure for figure in (*compared, *figures, *others, *beside_human) if figure not in text] == []
    results = {found.metric_type: found.metric_value for found in ModelCard(text).data.eval_results}
    likeness = {"mean_distance_to_human": 0.456, "mean_overlapping_area": 0.789}
    copies = {"covered_by_copies": 0.5, "covered_by_copies_in_human_pieces": 0.375}
    assert results == {"bits_per_note": 2.3456, "fill_validity": 0.995} | likeness | copies
    (row,) = (line for line in comparison_text(read_reports([output]), {}, "").splitlines() if "](model)" in line)
    assert "fills bars | 4.78M | 1,234 windows, split `5p11th45` | 2.346 [2.111, 2.555] | 199 of 200 | 87 of" in row
    assert "0.46 | 0.79 | 50.0% (37.5%)" in row
    assert row.endswith("| 76 | 99 |")
    assert plan_publication(output, FACTS.repository).problems == []
    assert {"infilling.json", "filling.json", "beside.json", "loss.png", "modeling_music_transformer.py"} <= {
        path.name for path in output.iterdir()
    }
    own = GenerationConfig.from_pretrained(output)
    assert (own.do_sample, own.temperature, own.top_p, own.top_k) == (True, 0.9, 0.875, 0)
    (tune,) = symbolic_music.read_scores(ten_tunes / "tune_0.mid")
    before, after = (
        symbolic_music.infill(*load_model(str(folder), "cpu"), tune, bars=(2, 4), options=OPTIONS)[0].ids
        for folder in (trained, output)
    )
    assert before == after


def test_what_is_missing_or_does_not_belong_is_named(trained, tmp_path):
    output = tmp_path / "model"
    compared = trained / "compared.json"
    other = tmp_path / "other.json"
    write(other, {"models": BESIDE["models"][::-1]})
    with pytest.raises(PublishError, match=r"other\.json: its first model is not"):
        assemble_filler(trained, trained / "fills.json", output, FACTS, other, TEMPLATE_INFILL)
    with pytest.raises(PublishError, match=r"nothing\.json is missing"):
        assemble_filler(trained, trained / "nothing.json", output, FACTS, compared, TEMPLATE_INFILL)
    copy = tmp_path / "copy"
    shutil.copytree(trained, copy)
    write(copy / INFILLING_FILE, {name: value for name, value in RESULT.items() if name != "seed"})
    with pytest.raises(PublishError, match="the card needs the figure 'seed'"):
        assemble_filler(copy, trained / "fills.json", output, FACTS, compared, TEMPLATE_INFILL)
    with pytest.raises(PublishError, match="exists; expected a folder to make"):
        assemble_filler(trained, trained / "fills.json", tmp_path, FACTS, compared, TEMPLATE_INFILL)
    assert not output.exists()
