"""A server of tiny models on the loopback interface, and a client of it."""

import http.client
import json
import socket
import threading
import time
from base64 import b64decode, b64encode

import uvicorn

from symbolic_music.score.midi.io import read_midi
from symbolic_music.serving.app import MusicServer
from symbolic_music.serving.guard import LOOPBACK_HOSTS
from symbolic_music.serving.limits import ServerLimits
from symbolic_music.serving.start import start_runners


class LiveServer:
    """Served by a thread of this process; the models have processes of their own."""

    def __init__(self, folders, limits=None, page=None):
        limits = limits or ServerLimits()
        self.models, self.files = start_runners([str(folder) for folder in folders], limits)
        app = MusicServer(self.models, self.files, limits, LOOPBACK_HOSTS, page).app
        listener = socket.create_server(("127.0.0.1", 0))
        self.port = listener.getsockname()[1]
        self._server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
        self._thread = threading.Thread(target=self._server.run, args=([listener],), daemon=True)
        self._thread.start()

    def close(self):
        self._server.should_exit = True
        self._thread.join(20)

    def send(self, method, path, body=None, headers=()):
        """Status and text of an answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request(method, path, body, dict(headers))
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, text

    def ask(self, path, headers=(), **wishes):
        """Status and JSON of what is asked in JSON."""
        kind = {"content-type": "application/json"}
        status, text = self.send("POST", path, json.dumps(wishes), kind | dict(headers))
        return status, json.loads(text)

    def listen(self, path, **wishes):
        """Server-sent events as (kind, data), as they come."""
        headers = {"content-type": "application/json", "accept": "text/event-stream"}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("POST", path, json.dumps(wishes), headers)
        kind = ""
        for line in connection.getresponse():
            name, _, value = line.decode().rstrip("\n").partition(": ")
            if name == "event":
                kind = value
            elif name == "data":
                yield kind, json.loads(value)
        connection.close()


def base64(data):
    return b64encode(data).decode()


def score_of(piece):
    return read_midi(b64decode(piece["midi"]))


def wait_until(holds, seconds=20.0):
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, "it did not come to that in time"
        time.sleep(0.02)
