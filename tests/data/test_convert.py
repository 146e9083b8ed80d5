"""Files between formats: every file converted or skipped by name, none written twice."""

import json
import wave

import numpy as np
import pytest
from made_up_music import melody_score, random_melody
from score.scores import make_score

from symbolic_music.cli import main
from symbolic_music.data.convert import ConvertError, Job, convert_file, convert_files, folder_jobs
from symbolic_music.score.files import read_scores
from symbolic_music.score.midi.io import write_midi

BOOK = "X:1\nT:One\nL:1/4\nM:4/4\nK:C\nCDEF|GABc|\n\nX:2\nT:Two\nL:1/4\nM:4/4\nK:G\nGABc|\n"


@pytest.fixture
def folder(tmp_path):
    music = tmp_path / "music"
    (music / "deep").mkdir(parents=True)
    write_midi(melody_score(random_melody(1)), music / "a.mid")
    write_midi(melody_score(random_melody(2)), music / "deep" / "b.MID")
    (music / "book.abc").write_text(BOOK)
    (music / "broken.mid").write_bytes(b"MThd\0\0")
    (music / "notes.txt").write_text("no music")
    return music


def pitches(path):
    return [[note.pitch for track in score.tracks for note in track.notes] for score in read_scores(path)]


def test_one_file_there_and_back(folder, tmp_path):
    assert main(["convert", str(folder / "a.mid"), str(tmp_path / "a.abc")]) == 0
    assert main(["convert", str(tmp_path / "a.abc"), str(tmp_path / "again.mid")]) == 0
    assert pitches(tmp_path / "again.mid") == pitches(folder / "a.mid")


def test_a_tune_book_is_one_abc_file_or_several_midi_files(folder, tmp_path):
    assert convert_file(Job(folder / "book.abc", tmp_path / "book.abc")).refused is None
    assert (tmp_path / "book.abc").read_text().count("X:") == 2
    assert pitches(tmp_path / "book.abc") == pitches(folder / "book.abc")
    assert convert_file(Job(folder / "book.abc", tmp_path / "book.mid")).refused is None
    assert [pitches(tmp_path / name)[0] for name in ("book.mid", "book_2.mid")] == pitches(folder / "book.abc")


def test_a_folder_is_converted_with_its_skips_counted_and_listed(folder, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["convert", str(folder), str(out), "--to", "abc"]) == 0
    assert sorted(path.relative_to(out).as_posix() for path in out.rglob("*.abc")) == [
        "a.abc",
        "book.abc",
        "deep/b.abc",
    ]
    assert "3 files converted, 0 were there, 1 skipped\n  unreadable: 1\n" in capsys.readouterr().out
    (row,) = map(json.loads, (out / "skipped.jsonl").read_text().splitlines())
    assert row["file"].endswith("broken.mid")
    assert row["refusal"] == "unreadable"


def test_finished_outputs_are_left_alone(folder, tmp_path):
    jobs = folder_jobs(folder, tmp_path / "out", ".abc")
    assert convert_files(jobs, progress=False).converted == 3
    finished = tmp_path / "out" / "a.abc"
    finished.write_text("kept")
    (tmp_path / "out" / "deep" / "b.abc").unlink()
    summary = convert_files(jobs, progress=False)
    assert (summary.converted, summary.present, len(summary.skipped)) == (1, 2, 1)
    assert finished.read_text() == "kept"


def test_files_of_one_stem_do_not_meet(folder, tmp_path):
    (folder / "a.abc").write_text(BOOK)
    targets = [job.target.name for job in folder_jobs(folder, tmp_path / "out", ".mid")]
    assert len(set(targets)) == len(targets)
    assert {"a.mid.mid", "a.abc.mid"} <= set(targets)


def test_a_folder_without_music_is_said_to_be_one(tmp_path):
    with pytest.raises(ConvertError, match="expected music files"):
        folder_jobs(tmp_path, tmp_path / "out", ".abc")


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["{music}/a.mid", "{music}/a.ogg"], "cannot write .ogg; expected .mid, "),
        (["{music}", "{music}/out", "--to", "ogg"], "with --to mid, abc, musicxml, mxl, "),
        (["{music}/none.mid", "{music}/a.abc"], "missing_file"),
        (["{music}", "{music}/out"], "say what to write with --to"),
        (["{music}", "{music}/a.mid", "--to", "abc"], "is a file; expected a folder"),
        (["{music}", "{music}/out", "--to", "abc", "--workers", "0"], "--workers of 1 or more"),
    ],
)
def test_mistakes_are_one_line(arguments, reason, folder, capsys):
    assert main(["convert", *(argument.format(music=folder) for argument in arguments)]) == 2
    error = capsys.readouterr().err
    assert reason in error
    assert error.count("\n") == 1


@pytest.mark.slow
def test_a_folder_becomes_sound_in_two_processes(folder, tmp_path):
    out = tmp_path / "out"
    assert main(["convert", str(folder), str(out), "--to", "wav", "--workers", "2"]) == 0
    names = sorted(path.relative_to(out).as_posix() for path in out.rglob("*.wav"))
    assert names == ["a.wav", "book.wav", "book_2.wav", "deep/b.wav"]
    for name in names:
        with wave.open(str(out / name)) as sound:
            frames = np.frombuffer(sound.readframes(sound.getnframes()), dtype=np.int16)
        assert 0.05 < np.abs(frames).max() / 2**15 <= 1, name


def test_a_folder_becomes_musicxml(folder, tmp_path, capsys):
    assert main(["convert", str(folder), str(tmp_path / "out"), "--to", "musicxml"]) == 0
    assert "3 files converted, 0 were there, 1 skipped" in capsys.readouterr().out
    written = sorted(path.name for path in (tmp_path / "out").rglob("*.musicxml"))
    assert written == ["a.musicxml", "b.musicxml", "book.musicxml", "book_2.musicxml"]
    assert pitches(tmp_path / "out" / "a.musicxml") == pitches(folder / "a.mid")


def test_played_rhythm_can_be_made_readable(tmp_path):
    played = make_score([(0, 231, 60), (250, 220, 62), (471, 470, 64)])
    write_midi(played, tmp_path / "played.mid")
    assert main(["convert", str(tmp_path / "played.mid"), str(tmp_path / "read.mid"), "--readable"]) == 0
    (score,) = read_scores(tmp_path / "read.mid")
    assert [note.time / score.ticks_per_quarter for note in score.tracks[0].notes] == [0, 0.5, 1]
