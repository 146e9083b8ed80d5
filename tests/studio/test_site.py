"""The page without a server of ours: what the command writes, shown by Python's own server of files, in a browser."""

import json
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from visits import BROWSER, Visit

from symbolic_music.cli import main
from symbolic_music.cli.serve import PAGE_MODEL
from symbolic_music.score.midi.io import read_midi
from symbolic_music.studio import site
from symbolic_music.studio.site import SiteError, build_site, fetch_packages

pytest.importorskip("onnx", reason="onnx is not installed (pip extra 'fast')")


ROOT = Path(__file__).parents[2]


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def folder(model_folders, tmp_path_factory):
    place = tmp_path_factory.mktemp("site") / "page"
    try:
        build_site(place, [str(model_folders[0])])
    except SiteError as error:
        if "npm" in str(error) or "cannot be fetched" in str(error):
            pytest.skip(str(error))
        raise
    return place


@pytest.fixture(scope="module")
def port(folder):
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()


@pytest.fixture
def visit(port):
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (pip extra 'test')")
    if BROWSER is None:
        pytest.skip("there is no Chromium on this machine")
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        seen = Visit(browser, port)
        yield seen
        seen.leave(port)
        browser.close()


@pytest.mark.slow
def test_a_model_in_the_page_composes_and_goes_on(visit):
    page = visit.page
    page.fill("#compose-num_bars", "2")
    page.click("#go")
    visit.until("studio.session.now")
    first = read_midi(visit.piece())
    page.select_option("#action", "continue")
    page.fill("#continue-num_bars", "4")
    page.fill("#continue-num_samples", "1")
    page.click("#go")
    visit.until("document.querySelectorAll('#variants li').length === 1")
    page.click("#variants li button:has-text('Accept')")
    second = read_midi(visit.piece())
    assert second.note_num() > first.note_num()
    notes = [(note.time, note.pitch) for track in second.tracks for note in track.notes]
    assert {(note.time, note.pitch) for track in first.tracks for note in track.notes} <= set(notes)


@pytest.mark.slow
@pytest.mark.parametrize("sound", ["quick", "soundfont"])
def test_what_is_composed_is_heard_and_muted(visit, sound):
    """By oscillators, and by a synthesizer with a soundfont: both of the page's own."""
    page = visit.page
    page.fill("#compose-num_bars", "4")
    page.click("#go")
    visit.until("studio.session.now")
    page.select_option("#sound", sound)
    page.click("#play")
    visit.until("studio.player.level() > 0.01")
    for box in page.locator("[aria-label^='mute']").all():
        box.check()
    visit.until("studio.player.level() < 0.0005")
    page.click("#play")
    for box in page.locator("[aria-label^='mute']").all():
        box.uncheck()
    page.click("#play")
    visit.until("studio.player.level() > 0.01")
    first = page.evaluate("studio.player.seconds")
    visit.until(f"studio.player.seconds > {first} + 0.2")


@pytest.mark.slow
def test_nothing_is_larger_than_it_need_be(folder):
    """With a model of the shipped ones' size, the page is what may be asked of one: at most 15 MB."""
    sizes = {path.relative_to(folder): path.stat().st_size for path in folder.rglob("*") if path.is_file()}
    assert not [path for path in sizes if path.suffix == ".wasm"]
    model = ROOT / "model_cards" / PAGE_MODEL / "model.safetensors"
    own = sum(size for path, size in sizes.items() if path.parts[0] != "models")
    # Weights are published in 16 bits, and are 8 bits here; the grammar's tables and the tokenizer are packed.
    assert own + model.stat().st_size / 2 + 0.5e6 < 15e6


@pytest.mark.slow
def test_newer_rules_of_rounding_are_left_to_the_server(visit, tune, tmp_path):
    (tmp_path / "tune.mid").write_bytes(tune)
    visit.page.set_input_files("#file", tmp_path / "tune.mid")
    visit.until("studio.session.now")
    visit.page.select_option("#action", "continue")
    visit.page.click("#go")
    visit.until("document.querySelector('#status').className === 'error'")
    assert visit.status() == "In this page composer goes on with its own pieces only."


@pytest.mark.slow
def test_a_step_in_the_page_is_the_step_here(visit, folder):
    """In float32: matrix products of 8 bits saturate on processors with AVX2 alone, and in no browser."""
    from export.other_runtime import OtherRuntime
    from tiny_model import tiny_model, tiny_processor

    from symbolic_music.export.folder import export_model

    export_model(tiny_model(tiny_processor()), tiny_processor(), folder / "models" / "whole")
    ids = [1, *range(20, 60)]
    # More than the first room for a state, so that it has grown.
    ids = (ids * 4)[:150]
    given = visit.page.evaluate(
        """async (ids) => {
          const { LocalModels } = await import("/local/models.js");
          const { Stepper } = await import("/local/step.js");
          const model = await new LocalModels([], () => {}).load("whole");
          const stepper = new Stepper(model.ort, model.session, model.how);
          const rows = [[...await stepper.read(ids.slice(0, 30))]];
          for (const token of ids.slice(30)) rows.push([...await stepper.read([token])]);
          return rows;
        }""",
        ids,
    )
    runtime = OtherRuntime(folder / "models" / "whole")
    expected = [runtime.read(ids[:30]), *(runtime.read([token]) for token in ids[30:])]
    np.testing.assert_allclose(np.array(given), np.array(expected), atol=1e-3)


@pytest.mark.slow
def test_the_folder_is_fit_for_the_hub(folder):
    from symbolic_music.hub.contents import Kind, find_kind
    from symbolic_music.hub.upload import plan_publication

    assert find_kind(folder) is Kind.PAGE
    assert plan_publication(folder, "user/studio").problems == []
    (folder / "index.html").rename(folder / "other.html")
    try:
        assert plan_publication(folder, "user/studio").problems == ["index.html is missing: the page"]
    finally:
        (folder / "other.html").rename(folder / "index.html")


@pytest.fixture
def no_packages(monkeypatch):
    monkeypatch.setattr(site, "fetch_packages", lambda folder: None)


def test_what_a_page_cannot_run_is_said(no_packages, model_folders, tmp_path, capsys):
    assert main(["studio", "--static", str(tmp_path / "page"), "--model", str(model_folders[1])]) == 2
    said = capsys.readouterr().err
    assert said.endswith("writes track_text; a page without a server reads remi alone\n")
    assert main(["studio", "--static", str(tmp_path / "page")]) == 2
    assert "is not empty; name a new folder" in capsys.readouterr().err
    assert main(["publish", str(tmp_path), "a/b", "--model", "x"]) == 2
    assert "expected --space with it" in capsys.readouterr().err


def test_a_package_that_is_another_is_refused(monkeypatch, tmp_path):
    def pack(command, cwd, **_):
        Path(cwd, "other.tgz").write_bytes(b"other")
        return SimpleNamespace(returncode=0, stderr="")

    monkeypatch.setattr(site.subprocess, "run", pack)
    monkeypatch.setattr(site.shutil, "which", lambda name: name)
    with pytest.raises(SiteError, match="is not what was pinned: its hash is sha512-"):
        fetch_packages(tmp_path)


def test_packages_are_pinned():
    for package in json.loads(site.PACKAGES.read_text()):
        assert package["integrity"].startswith("sha512-")
        assert package["version"][0].isdigit()
        assert package["license"]
