"""Engraved notation: pages in three formats, the same bytes each time, and verovio's end is not ours."""

import os
import signal
import sys
import xml.etree.ElementTree as ElementTree

import pytest
from score.scores import make_score, scale

from symbolic_music.cli import main
from symbolic_music.score.errors import Refusal, ScoreError
from symbolic_music.score.midi.io import write_midi
from symbolic_music.score.piece import Piece
from symbolic_music.score.render import engraving
from symbolic_music.score.render.engraving import engrave_pages, write_engraving

LONG = make_score([(240 * place, 240, 60 + 7 * place % 24) for place in range(8 * 200)])


def test_a_page_shows_every_note_and_the_title():
    (page,) = engrave_pages(Piece(scale(), title="A Scale"))
    root = ElementTree.fromstring(page)
    shown = [element.get("class") for element in root.iter()]
    assert shown.count("note") == 16
    assert "A Scale" in "".join(root.itertext())


def test_further_pages_of_svg_have_numbers(tmp_path):
    paths = write_engraving(LONG, tmp_path / "long.svg")
    assert [path.name for path in paths] == ["long.svg", *(f"long-{n}.svg" for n in range(2, len(paths) + 1))]
    assert len(paths) > 1
    assert sorted(tmp_path.iterdir()) == sorted(paths)


def test_a_pdf_holds_all_pages_in_the_same_bytes(tmp_path):
    for name in ("a.pdf", "b.pdf"):
        assert write_engraving(LONG, tmp_path / name) == [tmp_path / name]
    data = (tmp_path / "a.pdf").read_bytes()
    assert data.startswith(b"%PDF")
    assert f"/Count {len(engrave_pages(LONG))}".encode() in data
    assert data == (tmp_path / "b.pdf").read_bytes()


def test_a_png_is_a_page_of_notation(tmp_path):
    image = pytest.importorskip("PIL.Image")
    (path,) = write_engraving(scale(bars=16), tmp_path / "a.png", "Title")
    picture = image.open(path).convert("L")
    assert picture.size == (1240, 1754)
    # The title stands in the middle of the page's top, and the staff below runs to both margins.
    dark = picture.point(lambda value: 255 * (value < 128)).getbbox()
    assert dark[0] < 160
    assert dark[2] > 1240 - 160


def test_the_engraver_may_crash(monkeypatch, tmp_path):
    killer = tmp_path / "killer.py"
    killer.write_text(f"import os\nos.kill(os.getpid(), {int(signal.SIGSEGV)})\n")
    monkeypatch.setattr(engraving, "_CHILD", killer)
    with pytest.raises(ScoreError, match="verovio ended by SIGSEGV") as error:
        engrave_pages(scale())
    assert error.value.refusal == Refusal.CRASHED


def test_the_engraver_may_hang(monkeypatch, tmp_path):
    sleeper = tmp_path / "sleeper.py"
    sleeper.write_text("import time\ntime.sleep(60)\n")
    monkeypatch.setattr(engraving, "_CHILD", sleeper)
    with pytest.raises(ScoreError) as error:
        engrave_pages(scale(), timeout=0.5)
    assert error.value.refusal == Refusal.TIMED_OUT


def test_the_command_line(tmp_path, capsys):
    write_midi(scale(), tmp_path / "a.mid")
    render = ["render", str(tmp_path / "a.mid"), "--output"]
    assert main([*render, str(tmp_path / "a.svg")]) == 0
    assert main([*render, str(tmp_path / "notation.png"), "--as", "score"]) == 0
    assert capsys.readouterr().out.split() == [
        "written",
        str(tmp_path / "a.svg"),
        "written",
        str(tmp_path / "notation.png"),
    ]
    assert sorted(os.listdir(tmp_path)) == ["a.mid", "a.svg", "notation.png"]
    for arguments, reason in (
        ([str(tmp_path / "a.svg"), "--as", "roll"], "cannot write a piano roll as .svg; expected .png"),
        ([str(tmp_path / "a.wav"), "--as", "score"], "expected --as with a picture"),
        ([str(tmp_path / "a.ogg")], "cannot write .ogg"),
    ):
        assert main([*render, *arguments]) == 2
        error = capsys.readouterr().err
        assert reason in error
        assert error.count("\n") == 1


def test_what_is_missing_is_said_before_the_work(monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(sys.modules, "verovio", None)
    arguments = ["generate", "--model", "nowhere", "--output-dir", str(tmp_path), "--format", "mid,pdf"]
    assert main(arguments) == 2
    assert "verovio is not installed; run: pip install 'symbolic-music-hf[engrave]'" in capsys.readouterr().err
