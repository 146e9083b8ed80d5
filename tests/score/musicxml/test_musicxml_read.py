import zipfile

import pytest

from symbolic_music.score.checks import Refusal, ScoreError
from symbolic_music.score.files import read_scores
from symbolic_music.score.musicxml.reading import container
from symbolic_music.score.transforms import bar_table

NOTE = "<note><pitch><step>{}</step><octave>{}</octave></pitch><duration>{}</duration></note>"
ATTRIBUTES = "<attributes><divisions>2</divisions><time><beats>3</beats><beat-type>4</beat-type></time></attributes>"


def document(upper: str, lower: str) -> str:
    parts = "".join(f'<score-part id="{part}"><part-name>{part}</part-name></score-part>' for part in ("P1", "P2"))
    bodies = "".join(
        f'<part id="{part}"><measure number="1">{ATTRIBUTES}{notes}</measure></part>'
        for part, notes in (("P1", upper), ("P2", lower))
    )
    return (
        f'<?xml version="1.0"?><score-partwise version="3.1"><part-list>{parts}</part-list>{bodies}</score-partwise>'
    )


DUET = document(NOTE.format("C", 5, 2) + NOTE.format("D", 5, 4), NOTE.format("C", 3, 6))


def check_duet(score):
    upper, lower = [track for track in score.tracks if len(track.notes)]
    quarter = score.ticks_per_quarter
    assert [(note.time, note.duration, note.pitch) for note in upper.notes] == [
        (0, quarter, 72),
        (quarter, 2 * quarter, 74),
    ]
    assert [(note.time, note.duration, note.pitch) for note in lower.notes] == [(0, 3 * quarter, 48)]
    assert bar_table(score).numerators.tolist() == [3]


@pytest.mark.parametrize(("suffix", "encoding"), [(".musicxml", "utf-8"), (".xml", "utf-8"), (".xml", "utf-16")])
def test_parts_are_tracks(tmp_path, suffix, encoding):
    (tmp_path / f"duet{suffix}").write_text(DUET, encoding=encoding)
    (score,) = read_scores(tmp_path / f"duet{suffix}")
    check_duet(score)


def test_zipped_scores_are_read(tmp_path):
    with zipfile.ZipFile(tmp_path / "duet.mxl", "w") as archive:
        archive.writestr("META-INF/container.xml", "<container/>")
        archive.writestr("duet.xml", DUET)
    (score,) = read_scores(tmp_path / "duet.mxl")
    check_duet(score)


def test_a_zip_bomb_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(container, "MAX_XML_BYTES", 1_000)
    with zipfile.ZipFile(tmp_path / "bomb.mxl", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb.xml", b"0" * 1_000_000)
    with pytest.raises(ScoreError) as caught:
        read_scores(tmp_path / "bomb.mxl")
    assert caught.value.refusal is Refusal.FILE_TOO_LARGE


@pytest.mark.parametrize(
    ("name", "data", "refusal"),
    [
        ("page.xml", b"<html></html>", Refusal.NOT_MUSIC),
        ("cut.musicxml", DUET[:300].encode(), Refusal.UNREADABLE),
        ("text.mxl", b"no zip archive", Refusal.UNREADABLE),
        ("laughs.xml", b"<!DOCTYPE a [<!ENTITY b 'c'>]><score-partwise>&b;</score-partwise>", Refusal.UNREADABLE),
        ("silent.xml", document("", "").encode(), Refusal.NO_NOTES),
    ],
)
def test_what_is_no_musicxml_is_refused_by_name(tmp_path, name, data, refusal):
    (tmp_path / name).write_bytes(data)
    with pytest.raises(ScoreError, match=name) as caught:
        read_scores(tmp_path / name)
    assert caught.value.refusal is refusal
