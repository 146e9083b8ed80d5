import os

import pytest
from score.scores import END, HOSTILE_MIDI, NOTE, make_score, midi_file, scale

from symbolic_music.score.checks import Refusal, ScoreError
from symbolic_music.score.midi.io import midi_bytes, read_midi, write_midi


def test_a_score_survives_the_way_to_a_file_and_back(tmp_path):
    score = scale(meters=[(0, 4, 4)], tempos=[(0, 100.0)], program=40)
    write_midi(score, tmp_path / "scale.mid")
    again = read_midi(tmp_path / "scale.mid")
    assert again.tracks[0].notes == score.tracks[0].notes
    assert again.tracks[0].program == 40
    assert again.tempos == score.tempos
    assert again.time_signatures == score.time_signatures


def test_bytes_are_the_file_and_are_the_same_twice(tmp_path):
    write_midi(scale(), tmp_path / "scale.mid")
    assert (tmp_path / "scale.mid").read_bytes() == midi_bytes(scale()) == midi_bytes(scale())


def test_writing_leaves_no_temporary_file_and_ordinary_permissions(tmp_path):
    write_midi(scale(), tmp_path / "scale.mid")
    (tmp_path / "plain").touch()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["plain", "scale.mid"]
    assert os.stat(tmp_path / "scale.mid").st_mode == os.stat(tmp_path / "plain").st_mode


def test_a_failed_write_keeps_the_old_file(tmp_path, monkeypatch):
    (tmp_path / "scale.mid").write_bytes(b"old")
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(OSError, match="disk full"):
        write_midi(scale(), tmp_path / "scale.mid")
    assert [path.name for path in tmp_path.iterdir()] == ["scale.mid"]
    assert (tmp_path / "scale.mid").read_bytes() == b"old"


@pytest.mark.parametrize(
    ("data", "refusal"),
    [
        (b"", Refusal.EMPTY_FILE),
        (b"RIFF....", Refusal.NOT_MUSIC),
        (HOSTILE_MIDI["truncated header"], Refusal.UNREADABLE),
        (HOSTILE_MIDI["2 GB header"], Refusal.UNREADABLE),
        (HOSTILE_MIDI["2 GB track"], Refusal.UNREADABLE),
        (HOSTILE_MIDI["cut within an event"], Refusal.UNREADABLE),
        (HOSTILE_MIDI["running status without status"], Refusal.UNREADABLE),
        (HOSTILE_MIDI["zero division"], Refusal.CORRUPT_TIMING),
        (HOSTILE_MIDI["SMPTE division"], Refusal.UNSUPPORTED_FORMAT),
        (HOSTILE_MIDI["NUL bytes"], Refusal.NOT_MUSIC),
    ],
)
def test_broken_bytes_are_refused_by_name(data, refusal):
    with pytest.raises(ScoreError) as caught:
        read_midi(data)
    assert caught.value.refusal is refusal
    assert "\n" not in str(caught.value)


def test_a_file_without_notes_is_an_empty_score():
    assert read_midi(midi_file(END)).note_num() == 0


def test_the_refusal_names_the_file(tmp_path):
    (tmp_path / "text.mid").write_bytes(HOSTILE_MIDI["text"])
    with pytest.raises(ScoreError, match=r"text\.mid: not_music: expected .*MThd.*found b'Not '"):
        read_midi(tmp_path / "text.mid")


def test_notes_are_read_in_ticks():
    notes = read_midi(midi_file(NOTE + END)).tracks[0].notes
    assert [(note.time, note.duration, note.pitch, note.velocity) for note in notes] == [(0, 96, 60, 64)]


def test_drums_come_back_as_drums():
    score = make_score([(0, 480, 36)], is_drum=True)
    assert read_midi(midi_bytes(score)).tracks[0].is_drum
