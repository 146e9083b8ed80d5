"""`MusicProcessor`: Scores and files to ids and back, saved and loaded; stock AutoTokenizer reads the same ids."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from made_up_music import melody_score, random_melody
from miditok import REMI
from miditok.classes import TokSequence
from random_music import contents, scores
from transformers import AutoProcessor
from without_package import run_without_package

import symbolic_music
from symbolic_music.events.codec import DecodingError, EncodingError
from symbolic_music.events.remi.codec import RemiCodec
from symbolic_music.events.voices.abc_notes import AbcNotesCodec
from symbolic_music.score.checks import ScoreError
from symbolic_music.score.files import read_scores
from symbolic_music.score.midi.io import write_midi
from symbolic_music.tokenization.build import (
    build_remi_tokenizer,
    build_word_level_tokenizer,
    fast_tokenizer,
    save_processor,
)
from symbolic_music.tokenization.processing_music import MIDITOK_FILE, MusicProcessor

SHIPPED = Path(__file__).parents[2] / "tokenizer_assets" / "remi-folk"
STOCK = """
import json, sys
from transformers import AutoTokenizer
tokenizer = AutoTokenizer.from_pretrained(sys.argv[1])
for line in sys.stdin:
    print(json.dumps(tokenizer(line.strip()).input_ids))
"""


@pytest.fixture(scope="module")
def saved(processor, tmp_path_factory):
    folder = tmp_path_factory.mktemp("processor")
    save_processor(processor, folder)
    return folder


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(score=scores())
def test_ids_of_any_score_decode_to_its_quantised_self(processor, score):
    ids = processor.encode_score(score)
    assert contents(processor.decode(ids)) == contents(processor.codec.quantise(score))
    assert processor.tokenizer(" ".join(processor.ids_to_events(ids))).input_ids == ids


def test_merges_shorten_a_piece(processor):
    score = melody_score(random_melody(1))
    ids = processor.encode_score(score)
    assert len(ids) < len(processor.ids_to_events(ids)) == len(processor.codec.encode(score)) + 2


def test_scores_paths_and_lists_give_the_same_ids(processor, tmp_path):
    short, long = melody_score(random_melody(1, 8)), melody_score(random_melody(2, 30))
    write_midi(short, tmp_path / "short.mid")
    batch = processor([tmp_path / "short.mid", long])
    assert batch["input_ids"][1].tolist() == processor.encode_score(long)
    for single in (short, tmp_path / "short.mid", str(tmp_path / "short.mid")):
        assert processor(single)["input_ids"][0].tolist() == processor.encode_score(short)


def test_padding_is_on_the_left_and_masked(processor):
    batch = processor([melody_score(random_melody(1, 8)), melody_score(random_melody(2, 30))])
    ids, mask = batch["input_ids"], batch["attention_mask"]
    pads = int((mask[0] == 0).sum())
    assert pads > 0
    assert ids.shape == mask.shape
    assert (ids[0, :pads] == processor.tokenizer.pad_token_id).all()
    assert ids[0, pads] == processor.tokenizer.bos_token_id
    assert mask[1].all()
    decoded = processor.batch_decode(ids)
    assert [score.note_num() for score in decoded] == [8, 30]


def test_bos_and_eos_can_be_left_out(processor):
    score = melody_score(random_melody(1, 8))
    whole = processor.encode_score(score)
    assert processor(score, add_eos=False)["input_ids"][0].tolist() == whole[:-1]
    assert processor(score, add_bos=False)["input_ids"][0].tolist() == whole[1:]
    assert processor.encode_score(score, add_bos=False, add_eos=False) == whole[1:-1]
    assert processor.encode_events([], add_bos=False, add_eos=False) == []


def test_ids_may_be_lists_arrays_or_tensors(processor):
    score = melody_score(random_melody(1, 8))
    ids = processor.encode_score(score)
    for form in (ids, np.array(ids), torch.tensor(ids)):
        assert contents(processor.decode(form)) == contents(processor.codec.quantise(score))
        assert processor.count_events(form) == {"notes": 8, "bars": 1}


def test_padding_on_either_side_is_skipped_even_where_it_is_eos(processor):
    """Beam search pads with EOS where the pad id is 0."""
    score = melody_score(random_melody(1, 8))
    ids, pad, eos = processor.encode_score(score), processor.tokenizer.pad_token_id, processor.tokenizer.eos_token_id
    for padded in ([pad, pad, *ids, pad], [*ids, eos, eos]):
        assert processor.decode(padded).note_num() == 8
    with pytest.raises(DecodingError, match=r"is 'Bar_None', which may not follow here \(order: ended\)"):
        processor.decode([*ids, *processor.encode_events(["Bar_None"], add_bos=False)])


def test_what_is_no_piece_is_refused_with_its_place(processor):
    ids = processor.encode_score(melody_score(random_melody(1, 8)))
    with pytest.raises(DecodingError, match=r"^the sequence stops after \d+ events, before its end"):
        processor.decode(ids[:-1])
    with pytest.raises(DecodingError, match=r"^event 0 is 'Bar_None', which may not follow here \(order: start\)"):
        processor.decode(ids[1:])
    with pytest.raises(DecodingError, match="id 5000 is outside the vocabulary of 1440"):
        processor.decode([ids[0], 5000])
    with pytest.raises(DecodingError, match="stops after 0 events"):
        processor.decode([])


def test_files_that_cannot_be_used_are_named(processor, tmp_path):
    (tmp_path / "book.abc").write_text("".join(f"X:{n}\nL:1/8\nK:C\nCDEF GABc|\n\n" for n in (1, 2)))
    (tmp_path / "broken.mid").write_bytes(b"not music")
    with pytest.raises(ScoreError, match=r"broken\.mid"):
        processor(tmp_path / "broken.mid")
    with pytest.raises(ScoreError, match=r"missing\.mid.*missing_file"):
        processor(tmp_path / "missing.mid")
    with pytest.raises(ValueError, match=r"book\.abc holds 2 pieces"):
        processor(tmp_path / "book.abc")
    with pytest.raises(EncodingError, match="no notes"):
        processor(melody_score([]))


# --- Saving and loading ---------------------------------------------------------------------------------------------


def folder_bytes(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_saving_is_stable_and_loading_gives_an_equal_processor(processor, saved, tmp_path):
    loaded = MusicProcessor.from_pretrained(saved)
    loaded.save_pretrained(tmp_path / "again")
    first = folder_bytes(saved)
    assert {"processor_config.json", "tokenizer.json", "tokenizer_config.json", MIDITOK_FILE} == set(first)
    assert folder_bytes(tmp_path / "again") == {name: first[name] for name in set(first) - {MIDITOK_FILE}}
    assert loaded.codec.to_dict() == processor.codec.to_dict()
    assert np.array_equal(loaded.grammar().next_state, processor.grammar().next_state)


def test_auto_processor_loads_it_once_the_package_is_imported(saved):
    assert type(AutoProcessor.from_pretrained(saved)) is symbolic_music.MusicProcessor


def test_an_unknown_codec_is_named(saved, tmp_path):
    for path in saved.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    settings_file = tmp_path / "processor_config.json"
    content = json.loads(settings_file.read_text())
    content["codec"]["codec_type"] = "hummed"
    settings_file.write_text(json.dumps(content))
    with pytest.raises(
        ValueError, match=r"codec_type is 'hummed'; expected one of \['abc_notes', 'remi', 'track_text'\]"
    ):
        MusicProcessor.from_pretrained(tmp_path)


# --- The same ids by other means ------------------------------------------------------------------------------------


def stock_ids(folder, texts):
    """Ids of texts of event names by AutoTokenizer, in a process that cannot import this package."""
    given = "\n".join(texts) + "\n"
    told = run_without_package(STOCK, folder, folder=folder, given=given)
    return [json.loads(line) for line in told.splitlines()]


def miditok_ids(midi_tokenizer, events):
    """MidiTok's own ids, its BPE included."""
    tokens = TokSequence(tokens=list(events))
    midi_tokenizer.complete_sequence(tokens)
    midi_tokenizer.encode_token_ids(tokens)
    return tokens.ids


def assert_same_ids(folder, pieces):
    processor = MusicProcessor.from_pretrained(folder)
    midi_tokenizer = REMI(params=Path(folder) / MIDITOK_FILE)
    events = [processor.codec.encode(piece) for piece in pieces]
    ours = [processor.encode_events(names, add_bos=False, add_eos=False) for names in events]
    assert [miditok_ids(midi_tokenizer, names) for names in events] == ours
    assert stock_ids(folder, [" ".join(names) for names in events]) == ours
    assert stock_ids(folder, ["".join(events[0])]) == ours[:1]


def test_stock_auto_tokenizer_and_miditok_give_the_same_ids(saved):
    assert_same_ids(saved, [melody_score(random_melody(seed)) for seed in range(20, 24)])


@pytest.mark.skipif(not SHIPPED.exists(), reason="tokenizer_assets/remi-folk is not built")
def test_the_shipped_tokenizer_gives_the_same_ids(shared_data):
    files = sorted(shared_data("midi_satb/js_fakes").rglob("*.mid"))[:3]
    assert_same_ids(SHIPPED, [score for path in files for score in read_scores(path)])


@pytest.mark.slow
@pytest.mark.skipif(not SHIPPED.exists(), reason="tokenizer_assets/remi-folk is not built")
def test_the_shipped_tokenizer_gives_the_same_ids_over_hundreds_of_files(shared_data):
    """From all over each corpus; `tests/benchmarks/bench_round_trip.py` looks at every file."""
    steps = {"midi_satb/js_fakes": 8, "midi_piano/pop909_cl": 9, "midi_song/openscore_lieder": 5}
    files = [path for name, step in steps.items() for path in sorted(shared_data(name).rglob("*.mid"))[::step]]
    assert len(files) == 301
    assert_same_ids(SHIPPED, [score for path in files for score in read_scores(path)])


# --- Building -------------------------------------------------------------------------------------------------------


def test_building_twice_gives_the_same_file(processor):
    again = build_remi_tokenizer([melody_score(random_melody(seed)) for seed in range(3)], vocab_size=1440)
    assert again.tokenizer.backend_tokenizer.to_str() == processor.tokenizer.backend_tokenizer.to_str()


def test_keys_are_spread_only_when_asked_for(processor):
    pieces = [melody_score(random_melody(seed)) for seed in range(3)]
    as_written = build_remi_tokenizer(pieces, vocab_size=1440, spread_keys=False)
    assert as_written.tokenizer.get_vocab() != processor.tokenizer.get_vocab()


def test_a_piece_at_the_end_of_the_keyboard_is_not_transposed_but_kept():
    processor = build_remi_tokenizer([melody_score([0, 127] * 12)] * 2, vocab_size=1395)
    assert len(processor.tokenizer) == 1395


def test_building_needs_scores_and_room_for_merges():
    with pytest.raises(ValueError, match="no Scores to train the tokenizer on"):
        build_remi_tokenizer([], vocab_size=1500)
    with pytest.raises(ValueError, match=r"vocab_size is 1389; it must exceed the 1389 base tokens"):
        build_remi_tokenizer([melody_score([60])], vocab_size=1389)


def test_a_split_that_text_cannot_tell_is_refused():
    midi_tokenizer = RemiCodec().midi_tokenizer
    midi_tokenizer.config.encode_ids_split = "bar"
    with pytest.raises(ValueError, match="encode_ids_split is 'bar'; only 'no'"):
        fast_tokenizer(midi_tokenizer)


@pytest.fixture(scope="module")
def word_level():
    return build_word_level_tokenizer(RemiCodec())


def test_word_level_ids_are_the_codecs_events(word_level):
    assert len(word_level.tokenizer) == len(word_level.codec.events) + 3
    score = melody_score(random_melody(5))
    events = word_level.codec.encode(score)
    ids = word_level.encode_score(score)
    assert len(ids) == len(events) + 2
    assert word_level.ids_to_events(ids)[1:-1] == events
    assert word_level.tokenizer(" ".join(word_level.ids_to_events(ids))).input_ids == ids
    assert word_level.tokenizer.decode(ids[1:-1]) == " ".join(events)
    assert contents(word_level.decode(ids)) == contents(word_level.codec.quantise(score))
    assert word_level.count_events(ids)["notes"] == score.note_num()


def test_a_word_level_processor_is_saved_and_loaded(word_level, tmp_path):
    save_processor(word_level, tmp_path)
    assert not (tmp_path / MIDITOK_FILE).exists(), "MidiTok has no tokenizer without BPE to load here"
    loaded = AutoProcessor.from_pretrained(tmp_path)
    score = melody_score(random_melody(6))
    assert loaded.encode_score(score) == word_level.encode_score(score)
    text = " ".join(word_level.codec.encode(score))
    (stock,) = stock_ids(tmp_path, [text])
    assert stock == word_level.encode_score(score, add_bos=False, add_eos=False)


def test_a_word_that_is_no_event_is_no_id(word_level):
    with pytest.raises(Exception, match="Missing"):
        word_level.tokenizer("Pitch_60 Pitch_999")


def test_the_shipped_abc_tokenizer_is_the_codecs(tmp_path):
    """Built again from its settings, byte for byte."""
    shipped = SHIPPED.parent / "abc-notes"
    settings = json.loads((shipped / "processor_config.json").read_text())["codec"]
    save_processor(build_word_level_tokenizer(AbcNotesCodec.from_dict(settings)), tmp_path)
    assert sorted(path.name for path in shipped.iterdir()) == sorted(path.name for path in tmp_path.iterdir())
    for path in tmp_path.iterdir():
        assert (shipped / path.name).read_bytes() == path.read_bytes(), path.name
