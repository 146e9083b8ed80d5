"""An archive of files and names that are made to harm: music is kept, everything else refused by name."""

import io
import json
import tarfile

import pytest
from datasets import load_dataset
from hostile_files import MIDI_BOMBS, MUSICXML_BOMBS, MXL_BOMBS, SMALL, hostile_name
from made_up_music import melody_score, random_melody

from symbolic_music.data.preparation.prepare import PrepareSettings, prepare_dataset
from symbolic_music.data.preparation.splits import SplitFractions
from symbolic_music.data.sources.archives import list_archive
from symbolic_music.score.errors import Refusal
from symbolic_music.score.midi.io import midi_bytes

MUSIC = 8
BOMBS = {
    **{("mid", name): make for name, make in MIDI_BOMBS.items()},
    **{("musicxml", name): make for name, make in MUSICXML_BOMBS.items()},
    **{("mxl", name): make for name, make in MXL_BOMBS.items()},
}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A function that prepares music among hostile files: the lines about what was skipped, and the rows."""

    def prepare(files, **settings):
        folder = tmp_path_factory.mktemp("made")
        music = {("mid", f"song{number}"): midi_bytes(melody_score(random_melody(number))) for number in range(MUSIC)}
        with tarfile.open(folder / "a.tar", "w", format=tarfile.GNU_FORMAT, errors="surrogateescape") as archive:
            for number, ((suffix, kind), content) in enumerate([*files.items(), *music.items()]):
                name = hostile_name(number) + f"/{number} {kind}.{suffix}".encode()
                member = tarfile.TarInfo(name.decode("utf-8", "surrogateescape"))
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
        chosen = PrepareSettings(fractions=SplitFractions(0, 0), **settings)
        prepare_dataset(list_archive(folder / "a.tar").units, folder / "out", chosen, num_workers=2, progress=False)
        skipped = [json.loads(line) for line in (folder / "out" / "skipped.jsonl").read_text().splitlines()]
        return skipped, load_dataset(str(folder / "out"), split="train", cache_dir=str(folder / "cache"))

    return prepare


def check_names_and_reasons(skipped, rows):
    assert sum(" song" in name.rpartition("/")[2] for name in rows["name"]) == MUSIC
    for line in skipped:
        assert line["refusal"] in {*Refusal, "duplicate"}
        assert 0 < len(line["detail"]) <= 500
        assert line["refusal"] != Refusal.CRASHED, line
    for name in [*rows["name"], *(line["name"] for line in skipped)]:
        assert name.isprintable()
        assert len(name) < 1_000
        assert ".." not in name.split("/")


def test_lies_are_refused_by_name(prepared):
    skipped, rows = prepared({key: make() for key, make in SMALL.items()})
    check_names_and_reasons(skipped, rows)
    assert not {Refusal.TIMED_OUT, Refusal.OUT_OF_MEMORY} & {line["refusal"] for line in skipped}


@pytest.mark.slow
def test_bombs_are_refused_by_name(prepared):
    skipped, rows = prepared({key: make() for key, make in BOMBS.items()})
    check_names_and_reasons(skipped, rows)
    assert not {Refusal.TIMED_OUT, Refusal.OUT_OF_MEMORY} & {line["refusal"] for line in skipped}


@pytest.mark.slow
def test_bombs_cost_themselves_alone_where_there_is_less_memory_than_they_take(prepared):
    large = {"a million tempos", "16 MB of text", "a million parts", "a zip bomb", "a zip bomb of notes"}
    skipped, rows = prepared({key: make() for key, make in BOMBS.items() if key[1] in large}, memory=24)
    check_names_and_reasons(skipped, rows)
    found = {line["name"].rpartition("/")[2].split(" ", 1)[1].partition(".")[0]: line["refusal"] for line in skipped}
    assert found == dict.fromkeys(large, "out_of_memory")
