"""`symbolic-music serve` as it is typed: where it listens, how it ends, and mistakes in one line."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys

import psutil
import pytest
from programs import PROGRAM_ENVIRONMENT, ROOT

from symbolic_music.cli import main


@pytest.mark.slow
def test_it_serves_until_it_is_told_to_end(model_folders):
    command = [sys.executable, "-m", "symbolic_music", "serve", "--model", str(model_folders[0]), "--port", "0"]
    environment = os.environ | PROGRAM_ENVIRONMENT
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment)
    try:
        address = server.stdout.readline().split()[0]
        assert address.startswith("http://127.0.0.1:")
        connection = http.client.HTTPConnection(address.removeprefix("http://").rstrip("/"), timeout=60)
        connection.request("POST", "/compose", '{"num_bars": 1}', {"content-type": "application/json"})
        assert json.loads(connection.getresponse().read())["pieces"][0]["valid"]
        below = psutil.Process(server.pid).children(recursive=True)
        assert below
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(30)
    assert psutil.wait_procs(below, timeout=10)[1] == []


def mistakes(taken):
    return {
        "no such model": (["--model", "no/such/model/anywhere"], "no/such/model/anywhere does not exist"),
        "a port that is none": (["--port", "70000"], "--port is 70000; expected 0 to 65535"),
        "a port that is taken": (["--port", str(taken)], f"port {taken}: Address already in use"),
        "a host that is none": (["--host", "300.1.1.1", "--port", "0"], "nothing can be served at 300.1.1.1"),
        "no time": (["--max-seconds", "0"], "job_seconds is 0.0; expected more than 0"),
        "no queue": (["--max-waiting", "-1"], "waiting is -1; expected more than 0"),
    }


@pytest.mark.parametrize("name", mistakes(0))
def test_mistakes_are_one_line(name, model_folders, capsys):
    with socket.create_server(("127.0.0.1", 0)) as other:
        flags, says = mistakes(other.getsockname()[1])[name]
        model = [] if "--model" in flags else ["--model", str(model_folders[0])]
        assert main(["serve", *model, *flags]) == 2
    said = capsys.readouterr().err
    assert says in said
    assert said.strip().splitlines()[-1].startswith("symbolic-music: ")


@pytest.mark.slow
def test_a_broken_model_is_one_line(model_folders, tmp_path, capsys):
    (tmp_path / "config.json").write_text("{}")
    assert main(["serve", "--model", str(tmp_path), "--port", "0"]) == 2
    assert capsys.readouterr().err.startswith("symbolic-music: cannot load a model from")
    twice = ["--model", str(model_folders[0])] * 2
    assert main(["serve", *twice, "--port", "0"]) == 2
    assert capsys.readouterr().err == "symbolic-music: two models are called composer; give one folder another name\n"
