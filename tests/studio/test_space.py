"""The Space that runs Python: its folder is fit for the Hub, and what it starts composes and shows the page."""

import http.client
import json
import os
import subprocess
import sys
import zipfile

import pytest

from symbolic_music.cli import main
from symbolic_music.hub.contents import Kind, find_kind
from symbolic_music.hub.upload import plan_publication
from symbolic_music.studio.site import SiteError
from symbolic_music.studio.space import build_space
from symbolic_music.studio.wheel import write_wheel

# What the Space's requirements leave out, made impossible to import.
WITHOUT = """
import sys


class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "transformers", "datasets", "huggingface_hub", "miditok", "music21"):
            raise ImportError(f"{name} is not in the Space's requirements")


sys.meta_path.insert(0, Absent())
"""
SPACE_HOST = "user-studio.hf.space"


@pytest.fixture(scope="module")
def folder(model_folders, tmp_path_factory):
    place = tmp_path_factory.mktemp("space") / "made"
    build_space(place, [str(path) for path in model_folders])
    return place


@pytest.fixture(scope="module")
def connect(folder, tmp_path_factory):
    """The folder's app in a process that has the folder's wheel and nothing that its requirements leave out."""
    site = tmp_path_factory.mktemp("site")
    (wheel,) = folder.glob("*.whl")
    install = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "-q",
        "--no-deps",
        "--no-index",
        "--target",
        str(site),
        str(wheel),
    ]
    subprocess.run(install, check=True, capture_output=True, timeout=120)
    (site / "sitecustomize.py").write_text(WITHOUT)
    environment = os.environ | {"PYTHONPATH": str(site), "HOST": "127.0.0.1", "PORT": "0", "SPACE_HOST": SPACE_HOST}
    app = subprocess.Popen([sys.executable, "app.py"], cwd=folder, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        address = app.stdout.readline().strip()
        assert address.startswith("http://127.0.0.1:"), address
        host = address.removeprefix("http://").rstrip("/")
        yield lambda: http.client.HTTPConnection(host, timeout=60)
    finally:
        app.terminate()
        app.wait(30)


def ask(connect, path, wishes, **headers):
    connection = connect()
    connection.request("POST", path, json.dumps(wishes), {"content-type": "application/json"} | headers)
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())


def test_it_composes_and_converts(connect):
    status, said = ask(connect, "/compose", {"ask": "2 bars in G", "seed": 1})
    assert status == 200, said
    assert said["pieces"][0]["valid"]
    assert [row["meaning"] for row in said["understood"]] == ["2 bars", "key G"]
    status, found = ask(connect, "/convert", {"midi": said["pieces"][0]["midi"], "to": "musicxml"})
    assert status == 200, found


def test_it_shows_the_page(connect):
    connection = connect()
    connection.request("GET", "/")
    assert b"symbolic_music studio" in connection.getresponse().read()
    connection.request("GET", "/models")
    described = json.loads(connection.getresponse().read())["models"]
    assert [entry["name"] for entry in described] == ["composer", "filler"]


@pytest.mark.parametrize(
    ("origin", "expected"),
    [(f"https://{SPACE_HOST}", 200), ("https://example.org", 403), ("null", 403)],
)
def test_only_its_own_page_may_ask(connect, origin, expected):
    assert ask(connect, "/compose", {"num_bars": 1}, origin=origin)[0] == expected


def test_the_folder_is_fit_for_the_hub(folder):
    assert find_kind(folder) is Kind.APP
    publication = plan_publication(folder, "user/studio")
    assert publication.problems == []
    assert publication.left_out == []
    assert {"Dockerfile", "README.md", "app.py", "requirements.txt"} <= set(publication.files)
    (folder / "app.py").rename(folder / "other.py")
    try:
        assert plan_publication(folder, "user/studio").problems == ["app.py is missing: what it runs"]
    finally:
        (folder / "other.py").rename(folder / "app.py")


def test_a_wheel_is_the_same_twice_and_whole(tmp_path):
    wheels = []
    for name in "ab":
        (tmp_path / name).mkdir()
        wheels.append(write_wheel(tmp_path / name))
    assert wheels[0].read_bytes() == wheels[1].read_bytes()
    with zipfile.ZipFile(wheels[0]) as archive:
        names = set(archive.namelist())
    assert {"symbolic_music/studio/static/local/infill/window.js", "symbolic_music/serving/app.py"} <= names
    assert not any("__pycache__" in name for name in names)


def test_what_no_space_can_be_made_of_is_said(folder, model_folders, tmp_path, capsys):
    composer = str(model_folders[0])
    with pytest.raises(SiteError, match="is not empty; name a new folder"):
        build_space(folder, [composer])
    with pytest.raises(SiteError, match="two models are called composer"):
        build_space(tmp_path / "twice", [composer, composer])
    with pytest.raises(SiteError, match="user/model is no folder; a Space holds its models"):
        build_space(tmp_path / "hub", ["user/model"])
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "config.json").write_text('{"architectures": ["OddModel"]}')
    with pytest.raises(
        SiteError, match="cannot be read without torch, which a Space does not have: there is no graph"
    ):
        build_space(tmp_path / "made", [str(tmp_path / "odd")])
    assert main(["publish", str(tmp_path), "a/b", "--sdk", "docker"]) == 2
    assert "expected --space with it" in capsys.readouterr().err


def test_the_command_makes_it(model_folders, tmp_path, capsys):
    place = tmp_path / "space"
    flags = ["--space", "--sdk", "docker", "--model", str(model_folders[0]), "--dry-run"]
    assert main(["publish", str(place), "user/studio", *flags]) == 0
    said = capsys.readouterr().out
    assert "app Space user/studio: " in said
    assert "nothing was uploaded" in said
    assert 'MODELS = ["composer"]' in (place / "app.py").read_text()
