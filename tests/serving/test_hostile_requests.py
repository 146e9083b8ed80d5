"""What strangers send is refused in one line, or shown as what it is; the server goes on.

One body, a table of requests: whatever once broke the server joins as a row.
"""

import io
import json
import socket
import zipfile

import pytest
from live_server import base64
from made_up_music import melody_score

from symbolic_music.score.midi.io import midi_bytes
from symbolic_music.serving.bodies import plain_name

JSON = {"content-type": "application/json"}


def zip_bomb():
    """A compressed MusicXML file of 25 MB of nothing, a member of which says it is a score; 25 KB."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(
            "META-INF/container.xml", "<container><rootfiles><rootfile full-path='a.xml'/></rootfiles></container>"
        )
        archive.writestr("a.xml", b"<score-partwise>" + b" " * 60 * 2**20)
    return made.getvalue()


def many_bars():
    score = melody_score([60] * 16)
    far = score.tracks[0].notes[-1].copy()
    far.time = 10_000 * 4 * score.ticks_per_quarter
    score.tracks[0].notes.append(far)
    return midi_bytes(score)


def entities():
    inner = "".join(f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(9))
    return f'<!DOCTYPE s [<!ENTITY a "ha">{inner}]><score-partwise>&j;</score-partwise>'.encode()


FILES = {
    "no music": ("a.mid", b"MThd" + bytes(200), "not_music|corrupt|unreadable"),
    "half a file": ("a.mid", midi_bytes(melody_score([60] * 16))[:-9], "the file is cut short"),
    "a header that lies": (
        "a.mid",
        b"MThd\0\0\0\6\0\1\xff\xff\0\x60" + b"MTrk\xff\xff\xff\xff",
        "the file is cut short",
    ),
    "ten thousand bars": ("a.mid", many_bars(), "expected at most 2,000 bars"),
    "a zip bomb": ("a.mxl", zip_bomb(), "expected at most|not_music|file_too_large"),
    "entities": ("a.musicxml", entities(), "without entity declarations"),
    "nothing": ("a.mid", b"", "not_music|empty"),
    "a path": ("../../../etc/passwd", b"root", "passwd: unsupported_format"),
    "an ending that is none": ("a.exe", b"MZ", "unsupported_format"),
    "a script in a name": ("<script>alert(1)</script>.mid", b"MThd", "script.mid: unreadable"),
    "too many ABC tunes": ("a.abc", b"X:1\n" * 5_000, "unreadable"),
}


@pytest.mark.parametrize("name", FILES)
def test_files(server, name):
    file_name, data, says = FILES[name]
    status, said = server.ask("/convert", file=base64(data), file_name=file_name)
    assert status == 422, said
    assert any(part in said["error"] for part in says.split("|")), said["error"]
    assert "<" not in said["error"]
    assert "\n" not in said["error"]


BODIES = {
    "no JSON": (b"{", JSON, 400),
    "a list": (b"[]", JSON, 400),
    "nested to the bottom": (b"[" * 100_000, JSON, 400),
    "a number for a name": (b'{"model": 7}', JSON, 400),
    "no such model": (b'{"model": "../../composer"}', JSON, 404),
    "a file to compose": (b'{"midi": "TVRo"}', JSON, 400),
    "no base64": (b'{"midi": "%%%"}', JSON, 400),
    "text": (b"hello", {"content-type": "text/plain"}, 415),
    "no kind": (b"hello", {}, 415),
    "a form without a boundary": (b"hello", {"content-type": "multipart/form-data"}, 400),
    "a form of junk": (b"hello", {"content-type": "multipart/form-data; boundary=x"}, 400),
    "another site's page": (b"{}", JSON | {"origin": "https://example.org"}, 403),
    "another name for this machine": (b"{}", JSON | {"host": "example.org"}, 421),
    "infinity": (b'{"temperature": Infinity}', JSON, 400),
    "a very large number": (b'{"seed": 1' + b"0" * 4000 + b"}", JSON, 400),
}


@pytest.mark.parametrize("name", BODIES)
def test_bodies(server, name):
    body, headers, expected = BODIES[name]
    status, text = server.send("POST", "/compose", body, headers)
    assert status == expected, text
    assert json.loads(text)["error"]


def test_a_hundred_megabytes_are_not_read(server):
    """The answer comes while the body is still on its way, and the body is said to be long or is not."""
    for head in (b"content-length: 104857600", b"transfer-encoding: chunked"):
        with socket.create_connection(("127.0.0.1", server.port), timeout=20) as sock:
            sock.sendall(
                b"POST /compose HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n%s\r\n\r\n" % head
            )
            chunk = b"100000\r\n" + b" " * 2**20 + b"\r\n"
            sent = 0
            try:
                while sent < 100:
                    sock.sendall(chunk)
                    sent += 1
            except OSError:  # it closed the connection, as it should
                pass
            assert sent < 100


def test_bodies_that_never_come_are_given_up(server):
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as sock:
        sock.sendall(
            b"POST /compose HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
            b"content-length: 10\r\n\r\n{"
        )
        assert sock.recv(1000).startswith(b"HTTP/1.1 408")


@pytest.mark.parametrize(
    "path", ["/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/jobs/../models", "/static/../app.py"]
)
def test_paths_lead_nowhere(server, path):
    assert server.send("GET", path)[0] in (404, 405)


def test_titles_stay_text(server, tune):
    pytest.importorskip("verovio", reason="verovio is not installed (pip extra 'engrave')")
    from base64 import b64decode

    status, said = server.ask("/convert", midi=base64(tune), to="svg", title="<script>alert(1)</script>")
    assert status == 200, said
    assert all(b"<script" not in b64decode(page) for page in said["pages"])


@pytest.mark.parametrize(
    ("given", "plain"),
    [
        ("../../a.mid", "a.mid"),
        ("C:\\x\\a.mid", "a.mid"),
        ("a\0\n\x1b[31m.mid", "a[31m.mid"),
        ("", "unnamed"),
        ("..", ".."),
        ("x" * 500 + ".mid", "x" * 76 + ".mid"),
    ],
)
def test_names_are_only_names(given, plain):
    assert plain_name(given) == plain
