import fcntl
import json
import os
import time
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import pytest
from datasets import load_dataset
from made_up_music import melody_score, random_melody
from prepared_folders import bytes_of, prepared
from symusic.core import PedalTick, ScoreTick

from symbolic_music.data.preparation import assemble, prepare
from symbolic_music.data.preparation.duplicates import shingles
from symbolic_music.data.preparation.pieces import PieceSettings, content_digest, key_name
from symbolic_music.data.preparation.prepare import PrepareError, PrepareSettings, prepare_dataset
from symbolic_music.data.preparation.shards import COLUMNS
from symbolic_music.data.preparation.splits import SplitBy, SplitError, SplitFractions
from symbolic_music.data.sources.folders import list_directory
from symbolic_music.data.sources.rows import RowUnit, list_dataset
from symbolic_music.data.sources.units import WorkUnit
from symbolic_music.score.chords import ChordSymbol
from symbolic_music.score.errors import Refusal, ScoreError
from symbolic_music.score.midi.io import midi_bytes, read_midi, write_midi
from symbolic_music.score.piece import Piece, Reading


@dataclass(frozen=True)
class HostileUnit(WorkUnit):
    """A file whose parser hangs, dies, raises what nobody expects, or fills the memory."""

    def read(self):
        if self.name == "hang":
            time.sleep(600)
        if self.name == "die":
            os._exit(11)
        if self.name == "fill":
            return len(bytearray(2**30))
        raise RuntimeError("a parser's surprise")

    def stamp(self):
        return self.name


def test_a_prepared_folder_loads_and_holds_what_the_card_says(midi_folder, tmp_path):
    summary = prepared(midi_folder(30), tmp_path / "out")
    dataset = load_dataset(str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"))
    assert set(dataset) == {"train", "validation", "test"}
    assert dataset["train"].features == COLUMNS
    assert {split: len(rows) for split, rows in dataset.items()} == {
        split: count["pieces"] for split, count in summary["splits"].items()
    }
    assert sum(map(len, dataset.values())) == 30
    row = dataset["train"][0]
    assert read_midi(row["midi"]).note_num() == row["notes"] == 48
    assert (row["bars"], row["seconds"], row["programs"], row["meter"], row["key"]) == (6, 12.0, [0], "4/4", "")
    assert (row["source"], row["license"]) == ("music", "made up")
    card = (tmp_path / "out" / "README.md").read_text()
    assert summary["split_hash"] in card
    assert "made up" in card
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "README.md",
        "data",
        "prepare.json",
        "skipped.jsonl",
    ]


def test_bytes_do_not_depend_on_the_number_of_workers(midi_folder, tmp_path):
    folder = midi_folder(40)
    prepared(folder, tmp_path / "one", num_workers=1)
    prepared(folder, tmp_path / "three", num_workers=3)
    assert bytes_of(tmp_path / "one") == bytes_of(tmp_path / "three")


def test_many_files_and_row_groups_keep_every_row_in_order(midi_folder, tmp_path, monkeypatch):
    folder = midi_folder(30)
    for module, name, value in (
        (prepare, "UNITS_PER_SHARD", 7),
        (assemble, "ROWS_PER_FILE", 10),
        (assemble, "ROWS_PER_GROUP", 4),
    ):
        monkeypatch.setattr(module, name, value)
    summary = prepared(folder, tmp_path / "out")
    files = sorted(path.name for path in (tmp_path / "out" / "data").glob("train-*"))
    number = -(-summary["splits"]["train"]["pieces"] // 10)
    assert files == [f"train-{i:05d}-of-{number:05d}.parquet" for i in range(number)]
    names = load_dataset(str(tmp_path / "out"), split="train", cache_dir=str(tmp_path / "cache"))["name"]
    assert list(names) == sorted(names)
    assert len(names) == summary["splits"]["train"]["pieces"]


def test_every_skipped_file_is_counted_and_named_by_its_reason(midi_folder, tmp_path):
    folder = midi_folder(6)
    (folder / "empty.mid").write_bytes(b"")
    (folder / "text.mid").write_text("this is no MIDI file")
    write_midi(melody_score([60, 62]), folder / "two_notes.mid")
    renamed = melody_score(random_melody(0))
    renamed.tracks[0].name = "the same notes under another name"
    write_midi(renamed, folder / "zz_copy.mid")
    summary = prepared(folder, tmp_path / "out")
    assert summary["skipped"] == {"duplicate": 1, "empty_file": 1, "not_music": 1, "too_few_notes": 1}
    lines = [json.loads(line) for line in (tmp_path / "out" / "skipped.jsonl").read_text().splitlines()]
    assert {(line["name"], line["refusal"]) for line in lines} == {
        ("empty.mid", "empty_file"),
        ("text.mid", "not_music"),
        ("two_notes.mid", "too_few_notes"),
        ("zz_copy.mid", "duplicate"),
    }
    assert lines[-1]["detail"] == "same music as music/piece0000.mid"


def test_hanging_dying_and_greedy_parsers_cost_one_file_each(midi_folder, tmp_path):
    hostile = [HostileUnit("made up", name, "none") for name in ("hang", "die", "raise", "fill")]
    units = [*hostile, *list_directory(midi_folder(6))]
    summary = prepare_dataset(units, tmp_path / "out", PrepareSettings(timeout=5), num_workers=2, progress=False)
    assert summary["skipped"] == {"crashed": 2, "out_of_memory": 1, "timed_out": 1}
    lines = [json.loads(line) for line in (tmp_path / "out" / "skipped.jsonl").read_text().splitlines()]
    assert [line["detail"] for line in lines] == [
        "not read within 5 s",
        "the reader's process died with exit code 11",
        "RuntimeError: a parser's surprise",
        "reading it takes more memory than allowed",
    ]
    assert sum(count["pieces"] for count in summary["splits"].values()) == 6


def test_transposed_copies_share_a_group_and_a_split(tmp_path):
    folder = tmp_path / "music"
    folder.mkdir()
    for seed in range(12):
        for shift in (0, 2, 7):
            write_midi(melody_score(random_melody(seed) + shift), folder / f"tune{seed:02d}+{shift}.mid")
    summary = prepared(folder, tmp_path / "out", fractions=SplitFractions(0.3, 0.3))
    assert summary["groups"]["sizes"] == {"3": 12}
    dataset = load_dataset(str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"))
    for rows in dataset.values():
        tunes = [name.partition("+")[0] for name in rows["name"]]
        assert all(tunes.count(tune) == 3 for tune in tunes)
        assert len({(group, tune) for group, tune in zip(rows["group"], tunes, strict=True)}) == len(set(tunes))


def test_a_random_split_leaks_and_says_so(tmp_path):
    folder = tmp_path / "music"
    folder.mkdir()
    for seed in range(20):
        for shift in (0, 5):
            write_midi(melody_score(random_melody(seed) + shift), folder / f"{seed}+{shift}.mid")
    prepared(folder, tmp_path / "out", split_by=SplitBy.RANDOM, fractions=SplitFractions(0.2, 0.2))
    dataset = load_dataset(str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"))
    assert set(dataset["train"]["group"]) & set(dataset["test"]["group"])
    card = (tmp_path / "out" / "README.md").read_text()
    assert "split by: `random`" in card
    assert "flattered by leakage" in card


def test_a_finished_dataset_is_left_alone_and_another_plan_refused(midi_folder, tmp_path):
    folder, output = midi_folder(8), tmp_path / "out"
    first = prepared(folder, output)
    changed = (output / "README.md").stat().st_mtime_ns
    assert prepared(folder, output) == first
    assert (output / "README.md").stat().st_mtime_ns == changed
    with pytest.raises(PrepareError, match=r"settings\.seed: 0 there, 1 now"):
        prepared(folder, output, seed=1)
    midi_folder(1, first_seed=50)
    with pytest.raises(PrepareError, match="units: 8 there, 9 now"):
        prepared(folder, output)
    summary = prepare_dataset(list_directory(folder), output, PrepareSettings(seed=1), overwrite=True, progress=False)
    assert sum(count["pieces"] for count in summary["splits"].values()) == 9


def test_foreign_folders_are_not_touched(midi_folder, tmp_path):
    folder = midi_folder(4)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    for overwrite in (False, True):
        with pytest.raises(PrepareError, match=r"expected a new or empty folder, found thesis\.txt"):
            prepare_dataset(
                list_directory(folder), tmp_path / "mine", PrepareSettings(), overwrite=overwrite, progress=False
            )
    with pytest.raises(PrepareError, match="expected a folder, found a file"):
        prepared(folder, tmp_path / "mine" / "thesis.txt")


def test_two_runs_do_not_write_to_one_folder(midi_folder, tmp_path):
    work = tmp_path / "out" / ".work"
    work.mkdir(parents=True)
    with (work / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(PrepareError, match="another run is writing there"):
            prepared(midi_folder(4), tmp_path / "out")


def test_a_full_disk_leaves_no_dataset_and_the_next_run_goes_on(midi_folder, tmp_path, monkeypatch):
    folder, output = midi_folder(8), tmp_path / "out"

    def full(*_):
        raise OSError(28, "No space left on device")

    def read_nothing(*_):
        yield from ()

    with monkeypatch.context() as patch:
        patch.setattr(assemble, "write_skipped", full)
        with pytest.raises(OSError, match="No space left"):
            prepared(folder, output)
    assert [path.name for path in output.iterdir()] == [".work"]
    with monkeypatch.context() as patch:
        patch.setattr(prepare, "map_in_order", read_nothing)
        prepared(folder, output)
    assert len(load_dataset(str(output), cache_dir=str(tmp_path / "cache"))) == 3


def test_nothing_usable_says_why(tmp_path):
    (tmp_path / "music").mkdir()
    (tmp_path / "music" / "a.mid").write_bytes(b"")
    with pytest.raises(SplitError, match=r"not one usable piece; 1 skipped: empty_file \(1\)"):
        prepared(tmp_path / "music", tmp_path / "out")
    assert json.loads((tmp_path / "out" / "skipped.jsonl").read_text())["refusal"] == "empty_file"
    with pytest.raises(PrepareError, match="nothing to read"):
        prepare_dataset([], tmp_path / "out", PrepareSettings())


def test_a_run_that_cannot_deal_its_splits_lists_what_it_skipped(midi_folder, tmp_path):
    folder = midi_folder(2)
    for number in range(38):
        (folder / f"z{number}.mid").write_text("no MIDI")
    with pytest.raises(
        SplitError, match=r"2 near-duplicate groups cannot fill 3 splits.*; 38 skipped: not_music \(38\)"
    ):
        prepared(folder, tmp_path / "out")
    lines = [json.loads(line) for line in (tmp_path / "out" / "skipped.jsonl").read_text().splitlines()]
    assert [line["name"] for line in lines] == sorted(f"z{number}.mid" for number in range(38))
    # The same run once more says the same; with other fractions and --overwrite it ends well.
    with pytest.raises(SplitError, match="38 skipped"):
        prepared(folder, tmp_path / "out")
    settings = PrepareSettings(fractions=SplitFractions(0, 0))
    summary = prepare_dataset(list_directory(folder), tmp_path / "out", settings, overwrite=True, progress=False)
    assert summary["skipped"] == {"not_music": 38}


def test_too_little_music_for_the_splits_is_one_clear_line(midi_folder, tmp_path):
    with pytest.raises(SplitError, match="2 near-duplicate groups cannot fill 3 splits"):
        prepared(midi_folder(2), tmp_path / "out")


def test_a_prepared_dataset_can_be_prepared_again(midi_folder, tmp_path):
    prepared(midi_folder(8), tmp_path / "first")
    units = list_dataset(str(tmp_path / "first"))
    assert all(isinstance(unit, RowUnit) for unit in units)
    assert {unit.license for unit in units} == {"made up"}
    summary = prepare_dataset(units, tmp_path / "second", PrepareSettings(), progress=False)
    assert sum(count["pieces"] for count in summary["splits"].values()) == 8


@pytest.mark.parametrize("settings", [{"timeout": 0}, {"threshold": 1.5}])
def test_settings_are_checked(settings):
    with pytest.raises(PrepareError, match="expected a"):
        PrepareSettings(**settings)


def test_digest_knows_music_and_not_names():
    score = melody_score(random_melody(0))
    named = score.copy()
    named.tracks[0].name = "Title"
    faster = melody_score(random_melody(0), tempo=130)
    other = melody_score(random_melody(0), program=40)
    assert content_digest(score) == content_digest(named)
    assert len({content_digest(piece) for piece in (score, faster, other)}) == 3
    assert shingles(score).tolist() == shingles(faster).tolist()


@pytest.mark.parametrize(
    ("fifths", "minor", "name"),
    [(0, 0, "C"), (0, 1, "Am"), (-7, 0, "Cb"), (7, 0, "C#"), (-7, 1, "Abm"), (7, 1, "A#m"), (1, 1, "Em"), (9, 0, "")],
)
def test_keys_have_names(fifths, minor, name):
    from symusic.core import KeySignatureTick

    score = ScoreTick(480)
    assert key_name(score) == ""
    score.key_signatures.append(KeySignatureTick(0, fifths, minor))
    assert key_name(score) == name


def test_output_may_be_a_relative_path(midi_folder, tmp_path, monkeypatch):
    folder = midi_folder(6)
    monkeypatch.chdir(tmp_path)
    prepared(folder, Path("out"))
    assert (tmp_path / "out" / "README.md").exists()


def test_long_pieces_are_cut_at_bar_lines_and_their_parts_stay_in_one_split(midi_folder, tmp_path):
    whole = prepared(midi_folder(30), tmp_path / "whole")
    parts = prepared(midi_folder(30), tmp_path / "parts", pieces=PieceSettings(max_bars=4))
    for total in ("notes", "bars"):
        assert sum(count[total] for count in parts["splits"].values()) == sum(
            count[total] for count in whole["splits"].values()
        )
    assert parts["groups"]["count"] == whole["groups"]["count"]
    dataset = load_dataset(str(tmp_path / "parts"), cache_dir=str(tmp_path / "cache"))
    homes = [{name.split(", ")[0] for name in split["name"]} for split in dataset.values()]
    assert not homes[0] & homes[1] | homes[0] & homes[2] | homes[1] & homes[2]
    assert [(row["bars"], row["name"].split(", ")[1]) for row in dataset["train"].select(range(2))] == [
        (3, "bars 1 to 3"),
        (3, "bars 4 to 6"),
    ]


def test_parts_dealt_at_random_leave_their_piece(midi_folder, tmp_path):
    prepared(midi_folder(30), tmp_path / "out", pieces=PieceSettings(max_bars=2), split_by=SplitBy.RANDOM)
    dataset = load_dataset(str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"))
    held_out = {name.split(", ")[0] for name in dataset["validation"]["name"]}
    assert held_out & {name.split(", ")[0] for name in dataset["train"]["name"]}


def test_what_tunes_say_besides_their_notes_is_counted_in_summary_and_card(tmp_path):
    tune = "X:{0}\nT:t\nM:4/4\nL:1/4\nK:C\nCDEF|~G{1}Bc{0}|\nw: la la\nA/B/c/d/e f g|g f e d|]\n"
    folder = tmp_path / "books"
    folder.mkdir()
    (folder / "book.abc").write_text("\n".join(tune.format(number, "ABcdefg"[number]) for number in range(1, 5)))
    summary = prepared(folder, tmp_path / "out", fractions=SplitFractions(0, 0))
    assert summary["left_out"]["lyrics"] == summary["left_out"]["decorations"] == {"count": 4, "units": 4}
    assert summary["left_out"]["uneven bars"]["units"] == 4
    assert "| lyrics | 4 | 4 |" in (tmp_path / "out" / "README.md").read_text()


@dataclass(frozen=True)
class StatedUnit(WorkUnit):
    """A file that states everything a file can state."""

    seed: int

    def read(self):
        chords = tuple(ChordSymbol(Fraction(onset, 3), text) for onset, text in ((0, "C"), (25, "G7/B"), (48, "N")))
        piece = Piece(melody_score(random_melody(self.seed)), chords, "A Title", "Anon, A.", "CC0", "Ador")
        piece.left_out["lyrics"] = 2
        return Reading([piece], [ScoreError(Refusal.UNREADABLE, "book.x", "tune 2 is broken")])

    def stamp(self):
        return self.name


def stated(output, **settings):
    units = [StatedUnit("made up", f"{seed}.x", "not asked for", seed) for seed in range(4)]
    pieces = PieceSettings(**settings)
    chosen = PrepareSettings(pieces=pieces, fractions=SplitFractions(0, 0))
    summary = prepare_dataset(units, output, chosen, progress=False)
    return summary, load_dataset(str(output), split="train", cache_dir=str(output.parent / "cache"))


def test_what_a_file_states_becomes_columns_and_counts(tmp_path):
    summary, rows = stated(tmp_path / "out")
    assert rows.features == COLUMNS
    row = rows[0]
    assert (row["title"], row["composer"], row["license"], row["key"]) == ("A Title", "Anon, A.", "CC0", "Ador")
    assert row["name"] == "0.x#1 A Title", "the file holds another piece, which was skipped"
    assert row["chords"] == [
        {"onset": 0.0, "symbol": "C"},
        {"onset": 25 / 3, "symbol": "G7/B"},
        {"onset": 16.0, "symbol": "N"},
    ]
    assert row["notes"] == 48
    assert summary["skipped"] == {"unreadable": 4}
    assert summary["composers"] == {"Anon, A.": 4}
    assert summary["chords"] == {"pieces": 4, "symbols": 12}
    assert summary["left_out"] == {"lyrics": {"count": 8, "units": 4}}
    card = (tmp_path / "out" / "README.md").read_text()
    assert "4 pieces have 12 chord symbols" in card
    assert "| Anon, A. | 4 |" in card
    assert "They are not among the notes" in card


def test_chord_symbols_may_be_played(tmp_path):
    _, kept = stated(tmp_path / "kept")
    summary, played = stated(tmp_path / "played", sound_chords=True)
    assert played["chords"] == kept["chords"]
    # C is struck in three bars, G7/B at its symbol and one bar line; "no chord" is silent.
    assert played[0]["notes"] == 48 + 3 * 4 + 2 * 5
    assert "They are also played" in (tmp_path / "played" / "README.md").read_text()
    assert summary["plan"]["settings"]["pieces"]["sound_chords"]


def test_parts_carry_the_chords_that_hold_in_them(tmp_path):
    _, rows = stated(tmp_path / "out", max_bars=2)
    assert [(row["name"].rpartition(", ")[2], row["chords"]) for row in rows.select(range(3))] == [
        ("bars 1 to 2", [{"onset": 0.0, "symbol": "C"}]),
        ("bars 3 to 4", [{"onset": 0.0, "symbol": "C"}, {"onset": pytest.approx(1 / 3), "symbol": "G7/B"}]),
        ("bars 5 to 6", [{"onset": 0.0, "symbol": "N"}]),
    ]


def test_a_dataset_keeps_its_columns_when_prepared_again(tmp_path):
    _, before = stated(tmp_path / "first")
    units = list_dataset(str(tmp_path / "first"))
    prepare_dataset(units, tmp_path / "second", PrepareSettings(fractions=SplitFractions(0, 0)), progress=False)
    after = load_dataset(str(tmp_path / "second"), split="train", cache_dir=str(tmp_path / "cache"))
    for column in ("title", "composer", "license", "key", "chords", "midi", "name"):
        assert after[column] == before[column]


def test_a_dataset_of_before_these_columns_can_be_prepared_again(tmp_path):
    from datasets import Dataset

    midi = [midi_bytes(melody_score(random_melody(seed))) for seed in range(3)]
    (tmp_path / "old" / "data").mkdir(parents=True)
    columns = {"midi": midi, "source": ["a"] * 3, "name": list("xyz"), "license": ["l"] * 3, "key": ["", "Em", ""]}
    Dataset.from_dict(columns).to_parquet(tmp_path / "old" / "data" / "train-00000-of-00001.parquet")
    units = list_dataset(str(tmp_path / "old"))
    prepare_dataset(units, tmp_path / "new", PrepareSettings(fractions=SplitFractions(0, 0)), progress=False)
    rows = load_dataset(str(tmp_path / "new"), split="train", cache_dir=str(tmp_path / "cache"))
    assert [(row["title"], row["composer"], row["chords"], row["key"]) for row in rows] == [
        ("", "", [], ""),
        ("", "", [], "Em"),
        ("", "", [], ""),
    ]


@dataclass(frozen=True)
class PedalUnit(WorkUnit):
    """A melody played off the grid of notation, under one pedal from its beginning to its end."""

    seed: int

    def read(self):
        score = melody_score(random_melody(self.seed), quarters=226 / 480)
        score.tracks[0].pedals.append(PedalTick(0, 48 * 226))
        return Reading([Piece(score)])

    def stamp(self):
        return self.name


@pytest.mark.parametrize(
    ("mode", "words"), [("auto", "look performed"), ("extend", "Notes last"), ("keep", "are kept")]
)
def test_the_card_says_what_was_done_with_pedals(tmp_path, mode, words):
    units = [PedalUnit("made up", f"{seed}.x", "none", seed) for seed in range(3)]
    settings = PrepareSettings(pieces=PieceSettings(pedal=mode), fractions=SplitFractions(0, 0))
    summary = prepare_dataset(units, tmp_path / "out", settings, progress=False)
    assert ("pedalled notes" in summary["left_out"]) == (mode != "keep")
    assert words in (tmp_path / "out" / "README.md").read_text()
