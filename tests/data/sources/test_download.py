"""A file over a bad line: a server that stalls, cuts, lies about lengths, changes the file and sends wrong bytes."""

import hashlib
import random
import subprocess
import sys
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from symbolic_music.data.sources.named import download
from symbolic_music.data.sources.named.download import MOST_FAILURES, Wanted, check_file, fetch
from symbolic_music.data.sources.units import CorpusError

CONTENT = random.Random(0).randbytes(700_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
_PIECE = 20_000


class Server:
    """Serves CONTENT; `behave`, called with the handler and where it begins, may do otherwise and return True."""

    def __init__(self):
        self.behave = lambda handler, start: False
        self.etag = '"one"'
        self.content = CONTENT
        self.asked: list[tuple[str | None, str | None]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                told = self.headers.get("Range"), self.headers.get("If-Range")
                outer.asked.append(told)
                fits = told[0] is not None and outer.etag and told[1] == outer.etag
                start = int(told[0].removeprefix("bytes=").rstrip("-")) if fits else 0
                if outer.behave(self, start):
                    return
                outer.send(self, start, is_part=fits)

            def log_message(self, *args):
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        threading.Thread(target=self.http.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.http.server_port}/corpus.zip"

    def send(self, handler, start=0, stop=None, length=None, is_part=False, seconds_between=0):
        """The content from `start` on; `stop` cuts it short of the length it announces."""
        if start > len(self.content):
            handler.send_response(416)
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return
        rest = self.content[start:]
        handler.send_response(206 if is_part else 200)
        if self.etag:
            handler.send_header("ETag", self.etag)
        if is_part:
            handler.send_header("Content-Range", f"bytes {start}-{len(self.content) - 1}/{len(self.content)}")
        handler.send_header("Content-Length", str(len(rest) if length is None else length))
        handler.end_headers()
        rest = rest if stop is None else rest[: stop - start]
        with suppress(ConnectionError):  # whoever asked may be gone
            for place in range(0, len(rest), _PIECE):
                handler.wfile.write(rest[place : place + _PIECE])
                time.sleep(seconds_between)
            handler.wfile.flush()
        if stop is not None:
            handler.close_connection = True
            handler.connection.close()


@pytest.fixture
def server():
    found = Server()
    yield found
    found.http.shutdown()


@pytest.fixture
def get(server, tmp_path):
    def run(sha256=SHA256, size=None, **changes):
        waits = []
        options = {"wait": waits.append, "stall_seconds": 1.0} | changes
        path = fetch(Wanted(server.url, size, sha256), tmp_path / "cache" / "corpus.zip", **options)
        return path, waits

    return run


def left(tmp_path):
    return sorted(path.name for path in (tmp_path / "cache").iterdir() if not path.name.endswith(".lock"))


def test_a_file_is_fetched_once(server, get, tmp_path):
    seen = []
    path, waits = get(on_progress=lambda here, total: seen.append((here, total)))
    assert path.read_bytes() == CONTENT
    assert (seen[0], seen[-1]) == ((0, len(CONTENT)), (len(CONTENT), len(CONTENT)))
    assert waits == []
    get()
    assert len(server.asked) == 1, "the second call takes what lies there"
    assert left(tmp_path) == ["corpus.zip", "corpus.zip.json"]


def test_a_file_that_is_cut_at_ten_places_is_resumed_there(server, get):
    cuts = [1, 1000, 65_536, 100_000, 262_144, 262_145, 400_000, 524_288, 600_001, len(CONTENT) - 1]

    def behave(handler, start):
        stop = next((cut for cut in cuts if cut > start), None)
        if stop is None:
            return False
        server.send(handler, start, stop, is_part=start > 0)
        return True

    server.behave = behave
    path, waits = get()
    assert path.read_bytes() == CONTENT
    assert len(waits) == len(cuts)
    assert [told for told, _ in server.asked] == [None, *(f"bytes={cut}-" for cut in cuts)]


def test_a_process_that_ends_goes_on_with_the_next(server, get, tmp_path):
    def stop(here, total):
        if here > 300_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        get(on_progress=stop)
    assert "corpus.zip" not in left(tmp_path)
    path, _ = get()
    assert path.read_bytes() == CONTENT
    assert server.asked[-1][0] not in (None, "bytes=0-"), "not from the start"


KILLED = """
import sys
from pathlib import Path
from symbolic_music.data.sources.named.download import Wanted, fetch
fetch(Wanted(sys.argv[1], sha256=sys.argv[3]), Path(sys.argv[2]), lambda here, total: print(here, flush=True))
"""


@pytest.mark.slow
def test_a_process_that_is_killed_goes_on_with_the_next(server, get, tmp_path):
    def behave(handler, start):
        server.send(handler, start, len(CONTENT), is_part=start > 0, seconds_between=0.05)
        return True

    server.behave = behave
    words = [sys.executable, "-c", KILLED, server.url, str(tmp_path / "cache" / "corpus.zip"), SHA256]
    for _ in range(3):
        process = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        before = int(process.stdout.readline())
        while int(process.stdout.readline()) < before + 100_000:
            pass
        process.kill()
        process.wait()
        assert "corpus.zip" not in left(tmp_path)
    server.behave = lambda handler, start: False
    path, _ = get()
    assert path.read_bytes() == CONTENT
    starts = [int((told or "bytes=0-")[6:-1]) for told, _ in server.asked]
    assert starts == sorted(starts)
    assert starts[-1] >= 200_000


def test_a_process_that_ended_before_it_gave_the_file_its_name(server, get, tmp_path, monkeypatch):
    def killed(transfer):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(download._Transfer, "finish", killed)
        with pytest.raises(KeyboardInterrupt):
            get()
    assert "corpus.zip" not in left(tmp_path)
    path, _ = get()
    assert path.read_bytes() == CONTENT
    assert len(server.asked) == 1, "all of it lay there"


def test_a_server_that_stalls_is_left_and_asked_again(server, get):
    calls = []

    def behave(handler, start):
        calls.append(start)
        if len(calls) > 2:
            return False
        handler.send_response(206 if start else 200)
        handler.send_header("ETag", server.etag)
        if start:
            handler.send_header("Content-Range", f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}")
        handler.send_header("Content-Length", str(len(CONTENT) - start))
        handler.end_headers()
        handler.wfile.write(CONTENT[start : start + 300_000])
        handler.wfile.flush()
        time.sleep(2)
        return True

    server.behave = behave
    path, _ = get(stall_seconds=0.3)
    assert path.read_bytes() == CONTENT
    assert calls[0] == 0
    assert calls[1] >= 262_144, "what came before the silence is kept"


def test_a_dead_line_is_one_line_and_what_came_is_kept(server, get, tmp_path):
    def behave(handler, start):
        if start == 0:
            server.send(handler, 0, 300_000)
        else:
            handler.connection.close()
        return True

    server.behave = behave
    with pytest.raises(CorpusError, match=rf"the line .*, {MOST_FAILURES} times in a row; 300,000 bytes are kept"):
        get()
    assert "corpus.zip" not in left(tmp_path)
    server.behave = lambda handler, start: False
    path, _ = get()
    assert path.read_bytes() == CONTENT
    assert server.asked[-1][0] == "bytes=300000-"


def test_a_file_that_changed_on_the_way_is_fetched_anew(server, get):
    other = bytes(reversed(CONTENT))

    def behave(handler, start):
        if start == 0 and server.content is CONTENT:
            server.send(handler, 0, 300_000)
            server.content, server.etag = other, '"two"'
            return True
        return False

    server.behave = behave
    path, _ = get(sha256=hashlib.sha256(other).hexdigest())
    assert path.read_bytes() == other, "no byte of the first file in the second"


@pytest.mark.parametrize("etag", ["", 'W/"weak"'])
def test_without_a_strong_etag_it_begins_again(server, get, etag):
    server.etag = etag
    server.behave = lambda handler, start: len(server.asked) == 1 and not server.send(handler, 0, 300_000)
    path, _ = get()
    assert path.read_bytes() == CONTENT
    assert [told for told, _ in server.asked] == [None, None]


def test_a_file_that_became_shorter_is_fetched_anew(server, get, tmp_path):
    short = CONTENT[:1000]

    def behave(handler, start):
        if start == 0 and server.content is CONTENT:
            server.send(handler, 0, 300_000)
            server.content = short
            return True
        return False

    server.behave = behave
    path, _ = get(sha256=hashlib.sha256(short).hexdigest())
    assert path.read_bytes() == short


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"sha256": "0" * 64}, rf"its SHA-256 is {SHA256}, expected 0000.*, and deleted"),
        ({"size": len(CONTENT) + 1}, r"700,000 bytes; expected 700,001: another file"),
    ],
)
def test_another_file_is_refused_and_nothing_of_it_stays(get, tmp_path, changes, said):
    with pytest.raises(CorpusError, match=said):
        get(**changes)
    assert left(tmp_path) == []


def test_a_length_that_is_a_lie_is_noticed(server, get, tmp_path):
    """More announced than sent: the rest is asked for, and the server has no more."""
    server.behave = lambda handler, start: (
        not server.send(handler, start, len(CONTENT), length=len(CONTENT) - start + 50, is_part=start > 0)
    )
    with pytest.raises(CorpusError, match=r"times in a row; 700,000 bytes are kept"):
        get()


def test_a_length_that_is_too_short_is_another_file(server, get, tmp_path):
    """Less announced than there is: HTTP ends there."""
    server.behave = lambda handler, start: not server.send(handler, start, length=300_000)
    with pytest.raises(CorpusError, match=r"its SHA-256 is .*and deleted"):
        get()
    assert left(tmp_path) == []
    with pytest.raises(CorpusError, match=r"300,000 bytes; expected 700,000: another file"):
        get(size=len(CONTENT))
    assert left(tmp_path) == []


def test_wrong_bytes_after_a_cut_are_refused_and_nothing_of_them_stays(server, get, tmp_path):
    def behave(handler, start):
        if start == 0:
            server.send(handler, 0, 300_000)
            server.content = bytes(len(CONTENT))
            return True
        return False

    server.behave = behave
    with pytest.raises(CorpusError, match=r"its SHA-256 is .*and deleted"):
        get()
    assert left(tmp_path) == []
    server.content = CONTENT
    server.behave = lambda handler, start: False
    assert get()[0].read_bytes() == CONTENT


def test_another_part_than_was_asked_for_is_not_put_in_its_place(server, get):
    """Without a published hash nothing else would notice."""

    def behave(handler, start):
        if start == 0 and len(server.asked) == 1:
            server.send(handler, 0, 300_000)
            return True
        if start:
            server.send(handler, 100_000, is_part=True)
            return True
        return False

    server.behave = behave
    path, _ = get(sha256=None)
    assert path.read_bytes() == CONTENT
    assert [told for told, _ in server.asked] == [None, "bytes=300000-", None]


def test_what_the_server_refuses_is_said_at_once(server, get):
    def behave(handler, start):
        handler.send_error(404)
        return True

    server.behave = behave
    with pytest.raises(CorpusError, match="the server answers 404 Not Found"):
        get()
    assert len(server.asked) == 1


def test_a_server_that_is_busy_is_asked_again(server, get):
    def behave(handler, start):
        if len(server.asked) < 4:
            handler.send_error(503)
            return True
        return False

    server.behave = behave
    path, waits = get()
    assert path.read_bytes() == CONTENT
    assert waits == [2.0, 4.0, 8.0], "longer each time"


def test_a_place_that_cannot_be_written_is_named(server, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises((CorpusError, OSError), match="file"):
        fetch(Wanted(server.url), tmp_path / "file" / "corpus.zip")


def test_an_archive_of_the_users_own_is_checked(tmp_path):
    path = tmp_path / "own.zip"
    path.write_bytes(CONTENT)
    check_file(path, SHA256)
    check_file(path, None)
    with pytest.raises(CorpusError, match=r"own\.zip: its SHA-256 is .*give it to --archive"):
        check_file(path, "0" * 64)
    with pytest.raises(CorpusError, match="expected an archive, found nothing"):
        check_file(tmp_path / "none.zip", None)
