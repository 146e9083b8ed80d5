"""The page without a server of ours: what the command writes, shown by Python's own server of files, in a browser."""

import json
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from symusic.core import ControlChangeTick, KeySignatureTick, TextMetaTick
from tiny_model import tiny_filler, tiny_model, tiny_processor
from visits import BROWSER, Visit

from symbolic_music.cli import main
from symbolic_music.cli.serve import PAGE_FILLER, PAGE_MODEL
from symbolic_music.score.midi.io import midi_bytes, read_midi
from symbolic_music.studio import site
from symbolic_music.studio.site import SiteError, build_site, fetch_packages

pytest.importorskip("onnx", reason="onnx is not installed (pip extra 'fast')")


ROOT = Path(__file__).parents[2]


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def filler_folder(tmp_path_factory):
    """A tiny causal model that fills in."""
    from symbolic_music.tokenization.build import save_processor

    place = tmp_path_factory.mktemp("models") / "writer"
    model, processor = tiny_filler()
    model.save_pretrained(place)
    save_processor(processor, place)
    return place


@pytest.fixture(scope="module")
def folder(model_folders, filler_folder, tmp_path_factory):
    place = tmp_path_factory.mktemp("site") / "page"
    try:
        build_site(place, [str(model_folders[0]), str(filler_folder)])
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
    if page.evaluate("studio.player.isPlaying"):  # on a slow machine the piece may be over
        page.click("#play")
    for box in page.locator("[aria-label^='mute']").all():
        box.uncheck()
    page.click("#play")
    visit.until("studio.player.level() > 0.01")
    first = page.evaluate("studio.player.seconds")
    visit.until(f"studio.player.seconds > {first} + 0.2")


@pytest.mark.slow
def test_nothing_is_larger_than_it_need_be(folder):
    """With the shipped models, the page is what may be asked of one: at most 15 MB."""
    sizes = {path.relative_to(folder): path.stat().st_size for path in folder.rglob("*") if path.is_file()}
    assert not [path for path in sizes if path.suffix == ".wasm"]
    assert not [path for path in sizes if path.suffix in (".onnx", ".sf2")]
    models = [ROOT / "model_cards" / name / "model.safetensors" for name in (PAGE_MODEL, PAGE_FILLER)]
    own = sum(size for path, size in sizes.items() if path.parts[0] != "models")
    # Weights are published in 16 bits, and are 8 bits here; output and input embeddings are two matrices here.
    assert own + sum(model.stat().st_size for model in models) * 0.55 + 0.5e6 < 15e6


@pytest.fixture
def duet(tune):
    """The tune with a key, words and a controller, and a second track beside it."""
    score = read_midi(tune)
    score.key_signatures.append(KeySignatureTick(0, -2, 1))
    score.tracks[0].controls.append(ControlChangeTick(30, 7, 90))
    score.tracks[0].lyrics.append(TextMetaTick(960, "la"))
    score.tracks.append(score.tracks[0].copy())
    score.tracks[1].program = 42
    score.tracks[1].shift_pitch(-12, inplace=True)
    return midi_bytes(score)


def notes_of(track):
    return [(note.time, note.duration, note.pitch, note.velocity) for note in track.notes]


@pytest.mark.slow
def test_bars_are_written_anew_accepted_undone_and_taken_away(visit, duet, tmp_path):
    """Dragged over, in one of two tracks: all other notes, and all that is no note, are as they were."""
    page = visit.page
    (tmp_path / "duet.mid").write_bytes(duet)
    page.set_input_files("#file", tmp_path / "duet.mid")
    visit.until("studio.session.now")
    before = visit.piece()
    assert before == duet
    box = page.locator("#roll").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + 60)
    page.mouse.up()
    assert page.input_value("#action") == "infill"  # which a drag asks for
    assert (page.input_value("#first-bar"), page.input_value("#last-bar")) == ("2", "3")
    page.uncheck("[aria-label^='write anew: track 2']")
    page.click("#go")
    visit.until("document.querySelectorAll('#variants li').length === 3")
    assert "3 pieces" in visit.status()
    page.click("#variants li:nth-child(2) button:has-text('Accept')")
    after = visit.piece()
    assert page.inner_text("#piece-name").startswith("Bars 2-3 anew, seed 0, B: 4 bars")
    page.click("#undo")
    assert visit.piece() == before
    page.click("#redo")
    assert visit.piece() == after
    with page.expect_download() as waiting:
        page.click("#download")
    waiting.value.save_as(tmp_path / "taken.mid")
    given, now = read_midi(duet), read_midi(tmp_path / "taken.mid")
    begin, end = 4 * given.ticks_per_quarter, 12 * given.ticks_per_quarter
    outside = [[note for note in notes_of(score.tracks[0]) if not begin <= note[0] < end] for score in (given, now)]
    assert outside[0] == outside[1]
    assert notes_of(given.tracks[0]) != notes_of(now.tracks[0])
    assert now.tracks[1] == given.tracks[1]
    assert [now.tracks[0].controls, now.tracks[0].lyrics] == [given.tracks[0].controls, given.tracks[0].lyrics]
    assert [now.key_signatures, now.tempos] == [given.key_signatures, given.tempos]


@pytest.mark.slow
def test_who_asks_the_same_again_gets_something_else(visit, duet, tmp_path):
    """For the same seed would give the same again."""
    page = visit.page
    (tmp_path / "duet.mid").write_bytes(duet)
    page.set_input_files("#file", tmp_path / "duet.mid")
    visit.until("studio.session.now")
    page.select_option("#action", "infill")
    for seed in ("0", "1"):
        page.click("#go")
        visit.until(
            f"!studio.state.asking && document.querySelector('#variants').innerText.includes('seed {seed}, C')"
        )
        assert page.input_value("#infill-seed") == seed


@pytest.mark.slow
def test_bars_that_no_model_can_write_are_one_line(visit, tune, tmp_path):
    score = read_midi(tune)
    score.shift_pitch(40, inplace=True)
    (tmp_path / "high.mid").write_bytes(midi_bytes(score))
    visit.page.set_input_files("#file", tmp_path / "high.mid")
    visit.until("studio.session.now")
    visit.page.select_option("#action", "infill")
    visit.page.click("#go")
    visit.until("document.querySelector('#status').className === 'error'")
    assert visit.status() == "Bars 1-4 hold more voices or other pitches than this model has."


@pytest.mark.slow
def test_what_has_no_room_for_all_bars_is_told(visit):
    visit.page.fill("#compose-num_bars", "400")
    visit.page.click("#go")
    visit.until("studio.session.now && !studio.state.asking", 120)
    said = "1 of 1 pieces ended before bar 400 for want of room: ask for fewer bars or instruments."
    assert visit.status().endswith(said)


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
@pytest.mark.parametrize("kind", ["composer", "filler"])
def test_a_step_in_the_page_is_the_step_here(visit, folder, kind):
    """In float32: matrix products of 8 bits saturate on processors with AVX2 alone, and in no browser."""
    from export.other_runtime import OtherRuntime

    from symbolic_music.export.folder import export_model

    model, processor = (tiny_model(tiny_processor()), tiny_processor()) if kind == "composer" else tiny_filler()
    export_model(model, processor, folder / "models" / f"whole_{kind}")
    ids = [1, *range(20, 60)]
    # More than the first room for a state, so that it has grown.
    ids = (ids * 4)[:150]
    given = visit.page.evaluate(
        """async ([ids, kind]) => {
          const { LocalModels } = await import("/local/models.js");
          const { Stepper } = await import("/local/step.js");
          const model = await new LocalModels([], () => {}).load(kind);
          const stepper = new Stepper(model.ort, model.session, model.how);
          const rows = [[...await stepper.read(ids.slice(0, 30))]];
          const other = stepper.copy(); // which is not moved by what the first one reads
          for (const token of ids.slice(30)) rows.push([...await stepper.read([token])]);
          rows.push([...await other.read([ids[30]])]);
          return rows;
        }""",
        [ids, f"whole_{kind}"],
    )
    runtime = OtherRuntime(folder / "models" / f"whole_{kind}")
    expected = [runtime.read(ids[:30]), *(runtime.read([token]) for token in ids[30:])]
    expected.append(expected[1])
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
    assert said.endswith("has an encoder; a page without a server fills in with causal models alone\n")
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
