"""MusicXML files as they come: zipped, in old encodings, broken, or made to do harm."""

import io
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
from score.musicxml.documents import attributes, document, note, notes, read

from symbolic_music.score.checks import Refusal, ScoreError
from symbolic_music.score.files import read_bytes

SCORE = document([attributes() + note("C5", 8)])
OTHER = document([attributes() + note("G5", 8)])
CONTAINER = '<container><rootfiles><rootfile full-path="{}"/></rootfiles></container>'


def archive(*members):
    """A zip archive of (name, text or bytes) members."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members:
            file.writestr(name, content)
    return data.getvalue()


CONTAINED = ("META-INF/container.xml", CONTAINER.format("score/right.xml"))


@pytest.mark.parametrize(
    "members",
    [
        [("a.xml", OTHER), CONTAINED, ("score/right.xml", SCORE)],
        # Letter case, and a path of another system.
        [("a.xml", OTHER), ("meta-inf/Container.XML", CONTAINED[1]), ("SCORE/Right.xml", SCORE)],
        [
            ("a.xml", OTHER),
            ("META-INF/container.xml", CONTAINER.format("score\\right.xml")),
            ("score/right.xml", SCORE),
        ],
        [("a.xml", OTHER), ("META-INF/container.xml", CONTAINER.format("my%20score.xml")), ("my score.xml", SCORE)],
        # A rendition as PDF stands first.
        [
            ("right.pdf", b"%PDF"),
            ("META-INF/container.xml", CONTAINER.format("right.pdf") + "\n"),
            ("right.xml", SCORE),
        ],
        # No container, or one that is broken or names nothing that is there; resource forks of macOS.
        [("__MACOSX/._right.xml", b"\0\5\x16\7"), ("._right.xml", b"\0"), ("right.musicxml", SCORE)],
        [("META-INF/container.xml", "<container"), ("right.xml", SCORE)],
        [("META-INF/container.xml", CONTAINER.format("gone.xml")), ("right.xml", SCORE)],
    ],
)
def test_the_score_in_an_archive_is_found(members):
    assert notes(read(archive(*members), "score.mxl"))[0][2] == 72


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (SCORE.encode("utf-16"), "score.xml"),
        (SCORE.replace("UTF-8", "UTF-16").encode("utf-16"), "score.xml"),
        (b"\xef\xbb\xbf" + SCORE.encode(), "score.musicxml"),
        (b"\n  " + SCORE.encode(), "score.musicxml"),
        # Says UTF-8 and is not, plain XML under the name of an archive, and an archive under that of XML.
        (SCORE.replace("<part-name>P1", "<part-name>Fl\u00f6te").encode("latin-1"), "score.xml"),
        (SCORE.encode(), "score.mxl"),
        (archive(("a.xml", SCORE)), "score.musicxml"),
        (SCORE.replace("<score-partwise", '<score-partwise xmlns="http://www.musicxml.org"').encode(), "score.xml"),
        (
            SCORE.replace(
                "<score-partwise",
                '<!DOCTYPE score-partwise PUBLIC "-//Recordare//DTD MusicXML 4.0 Partwise//EN" '
                '"http://www.musicxml.org/dtds/partwise.dtd"><score-partwise',
            ).encode(),
            "score.xml",
        ),
    ],
)
def test_old_and_odd_encodings_are_read(data, name):
    assert notes(read(data, name)) == [(0, 4, 72)]


def bomb(size):
    return archive(("bomb.xml", b" " * size))


def encrypted():
    """An archive that says of its member that it is encrypted."""
    data = bytearray(archive(("a.xml", SCORE)))
    for header in (b"PK\1\2", b"PK\3\4"):
        place = data.index(header) + (8 if header == b"PK\1\2" else 6)
        data[place] |= 1
    return bytes(data)


ENTITIES = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
LAUGHS = f'<!DOCTYPE a [<!ENTITY l0 "ha">{ENTITIES}]><score-partwise>&l9;</score-partwise>'
EXTERNAL = (
    '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><score-partwise><part id="P1">&x;</part></score-partwise>'
)
LINE = note("C5", 2)
HOSTILE = {
    "billion laughs": (LAUGHS.encode(), "x.xml", Refusal.UNREADABLE),
    "billion laughs in UTF-16": (LAUGHS.encode("utf-16"), "x.xml", Refusal.UNREADABLE),
    "billion laughs in UTF-7": (
        b'<?xml version="1.0" encoding="UTF-7"?>' + LAUGHS.encode("utf-7"),
        "x.xml",
        Refusal.UNREADABLE,
    ),
    "external entity": (EXTERNAL.encode(), "x.xml", Refusal.UNREADABLE),
    "parameter entity": (
        b'<!DOCTYPE a [<!ENTITY % x SYSTEM "http://127.0.0.1/x.dtd"> %x;]><score-partwise/>',
        "x.xml",
        Refusal.UNREADABLE,
    ),
    "truncated archive": (archive(("a.xml", SCORE))[:-30], "x.mxl", Refusal.UNREADABLE),
    "archive cut in its data": (archive(("a.xml", SCORE * 9))[:60], "x.mxl", Refusal.UNREADABLE),
    "encrypted archive": (encrypted(), "x.mxl", Refusal.UNREADABLE),
    "empty archive": (archive(), "x.mxl", Refusal.UNREADABLE),
    "archive without a score": (archive(("a.txt", "x")), "x.mxl", Refusal.NOT_MUSIC),
    "zip bomb": (bomb(200 * 2**20), "x.mxl", Refusal.FILE_TOO_LARGE),
    "deep nesting": (b"<score-partwise>" + b"<a>" * 500_000, "x.xml", Refusal.UNREADABLE),
    "more elements than any score": (
        b"<score-partwise>" + b"<a/>" * 3_900_000 + b"</score-partwise>",
        "x.xml",
        Refusal.FILE_TOO_LARGE,
    ),
    "as many elements as are read": (
        b"<score-partwise>" + b"<a b=''/>" * 790_000 + b"</score-partwise>",
        "x.xml",
        Refusal.NO_NOTES,
    ),
    "10 MB of an attribute": (SCORE.replace('id="P1"', f'id="{"x" * 10**7}"').encode(), "x.xml", Refusal.UNREADABLE),
    "absurd duration": (
        SCORE.replace("<duration>8", f"<duration>{'9' * 40}").encode(),
        "x.xml",
        Refusal.CORRUPT_TIMING,
    ),
    "long duration": (SCORE.replace("<duration>8", "<duration>999999999").encode(), "x.xml", Refusal.CORRUPT_TIMING),
    "absurd divisions": (
        SCORE.replace("<divisions>2", "<divisions>999999999999").encode(),
        "x.xml",
        Refusal.CORRUPT_TIMING,
    ),
    "many divisions": (
        document(
            [f"<attributes><divisions>{n}</divisions></attributes>" + LINE for n in (101, 103, 107, 109, 113)]
        ).encode(),
        "x.xml",
        Refusal.CORRUPT_TIMING,
    ),
    "a measure for every bar of an opera": (document([LINE] * 30_000).encode(), "x.xml", Refusal.TOO_LONG),
    "absurd times": (
        document([LINE + f'<barline><repeat direction="backward" times="{10**9}"/></barline>'] + [LINE] * 10).encode(),
        "x.xml",
        Refusal.TOO_LONG,
    ),
    "a page of the web": (b"<!DOCTYPE html><html><body><br></body></html>", "x.xml", Refusal.NOT_MUSIC),
    "an opus": (b"<opus><title>x</title></opus>", "x.xml", Refusal.NOT_MUSIC),
    "cut off": (SCORE[:300].encode(), "x.musicxml", Refusal.UNREADABLE),
    "NUL bytes": (bytes(1_000), "x.musicxml", Refusal.NOT_MUSIC),
    "no parts": (b"<score-partwise/>", "x.musicxml", Refusal.NO_NOTES),
    "parts without measures": (b'<score-partwise><part id="a"/></score-partwise>', "x.xml", Refusal.NO_NOTES),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_refused_by_name_in_time(name):
    data, path, refusal = HOSTILE[name]
    began = time.process_time()
    with pytest.raises(ScoreError, match=path) as caught:
        read_bytes(data, Path(path))
    assert caught.value.refusal is refusal
    assert "\n" not in str(caught.value)
    assert time.process_time() - began < 5


@pytest.mark.skipif(sys.platform != "linux", reason="the peak of a process is read from /proc")
def test_hostile_files_take_little_memory(tmp_path):
    """The largest that is parsed, in a process of its own: 500 MB with all that the package imports."""
    path = tmp_path / "x.xml"
    path.write_bytes(HOSTILE["as many elements as are read"][0])
    code = (
        "import re\nfrom pathlib import Path\n"
        "from symbolic_music.score.musicxml.read import read_musicxml_pieces\n"
        f"path = Path({str(path)!r})\n"
        "try:\n    read_musicxml_pieces(path.read_bytes(), path)\nexcept ValueError as error:\n    print(error)\n"
        # Of this program alone: what getrusage says begins with what the process that started it had.
        "print(re.search(r'VmHWM:\\s+(\\d+)', Path('/proc/self/status').read_text())[1])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    reason, peak = done.stdout.splitlines()
    assert "no_notes" in reason
    assert 0 < int(peak) * 1024 < 500e6


def test_a_line_of_10_mb_is_read():
    """No line breaks, as most programs' archives are."""
    padding = f"<!-- {'x' * 500_000} -->"
    text = document([attributes() + LINE * 4 + padding] * 20)
    assert len(text) > 1e7
    assert "\n" not in text.partition("\n")[2]
    assert len(notes(read(text))) == 80


@pytest.mark.parametrize("place", ["<part-name>", "<words>", "<voice>", "<duration>2", "<step>C"])
def test_9_mb_of_text_are_read_in_time(place):
    words = "<direction><direction-type><words>x</words></direction-type></direction>"
    text = document([attributes() + words + LINE + LINE]).replace(place, f"{place}{' Allegro' * 1_200_000}", 1)
    began = time.process_time()
    piece = read(text)
    assert max(len(track.name) for track in piece.score.tracks) <= 1_000
    assert time.process_time() - began < 5


def test_no_other_file_is_opened(tmp_path):
    """A document type that lies on disk is not read, nor what a processing instruction or an include names."""
    (tmp_path / "score.dtd").write_text('<!ENTITY secret "F">')
    text = SCORE.replace(
        "<score-partwise", f'<!DOCTYPE score-partwise SYSTEM "{tmp_path}/score.dtd"><score-partwise', 1
    )
    include = '<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="/etc/passwd" parse="text"/>'
    assert notes(read(text.replace("<part-name>P1", f"<part-name>{include}&secret;"))) == [(0, 4, 72)]
