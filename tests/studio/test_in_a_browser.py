"""The page in a real browser: opened, played with by mouse and by keyboard, on a wide screen and on a phone."""

from base64 import b64decode
from pathlib import Path

import pytest
from visits import BROWSER, Visit

from symbolic_music.studio.site import SiteError, fetch_packages

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (pip extra 'test')")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None, reason="there is no Chromium on this machine"),
]


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as running:
        opened = running.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def studio(model_folders):
    from live_server import LiveServer

    from symbolic_music.studio import PAGE

    running = LiveServer(model_folders, page=PAGE)
    yield running
    running.close()


@pytest.fixture
def visit(browser, studio):
    seen = Visit(browser, studio.port)
    yield seen
    seen.leave(studio.port)


@pytest.fixture
def tune_file(tmp_path, tune) -> Path:
    path = tmp_path / "<img src=x onerror=alert(1)>.mid"
    path.write_bytes(tune)
    return path


def write_bar_two_anew(visit):
    page = visit.page
    page.select_option("#action", "infill")
    page.fill("#last-bar", "2")
    page.fill("#first-bar", "2")
    page.press("#first-bar", "Tab")
    page.click("#go")
    visit.until("document.querySelectorAll('#variants li').length === 3")


def ask_in_words(visit):
    visit.page.fill("#compose-ask", "2 bars in D minor, gladly")
    visit.page.click("#go")
    visit.until("!document.querySelector('#reading').hidden && !studio.state.asking")


def test_what_words_ask_for_is_told(visit):
    from symbolic_music.score.midi.io import read_midi

    ask_in_words(visit)
    visit.until("studio.session.now")
    lines = visit.page.locator("#reading li").all_inner_texts()
    assert lines == ["“2 bars”: 2 bars", "“in D minor”: key Dm", "Not understood: gladly"]
    notes = [note for track in read_midi(visit.piece()).tracks if not track.is_drum for note in track.notes]
    assert {note.pitch % 12 for note in notes} <= {2, 4, 5, 7, 9, 10, 11, 0, 1}
    visit.page.click("#reset")
    assert visit.page.input_value("#compose-ask") == ""
    assert visit.page.input_value("#compose-temperature") != ""


def test_the_form_has_all_that_can_be_asked(visit):
    """Each control of the model's description has a field that is labelled, and what is filled in is asked for."""
    page = visit.page
    properties = page.evaluate(
        "studio.state.source.models.find((m) => m.name === 'composer').actions.compose.properties"
    )
    shown = {name for name in properties if name != "max_length"}
    assert shown == {field.get_attribute("name") for field in page.locator("#form input, #form select").all()}
    assert {"ask", "tempo", "meter", "key", "instruments", "range", "density", "chords", "ending"} <= shown
    page.fill("#compose-num_bars", "2")
    page.fill("#compose-chords", "G | C")
    page.fill("#compose-tempo", "100-120")
    page.check("#compose-ending")
    page.select_option("#compose-key", "C")
    page.select_option("#compose-instruments", ["Violin", "Cello"])
    with page.expect_request("**/compose") as sent:
        page.click("#go")
    asked = sent.value.post_data_json
    expected = {"num_bars": 2, "chords": "G | C", "tempo": "100-120", "ending": True, "key": "C"}
    assert expected.items() <= asked.items()
    assert asked["instruments"] == ["Violin", "Cello"]
    visit.until("studio.session.now")
    assert visit.page.evaluate("studio.state.song.tracks.map((track) => track.program)") == [40, 42]


@pytest.fixture
def motif_file(tmp_path) -> Path:
    """Four notes of different lengths."""
    from made_up_music import melody_score

    from symbolic_music.score.midi.io import write_midi

    score = melody_score([60, 64, 67, 72])
    score.tracks[0].notes[3].duration = 960
    write_midi(score, tmp_path / "motif.mid")
    return tmp_path / "motif.mid"


def compose_with(visit, **files):
    """What is asked of the server with files in fields, and the notes of the piece that stands then."""
    from symbolic_music.score.midi.io import read_midi

    for name, path in files.items():
        visit.page.set_input_files(f"#compose-{name}", path)
    place = visit.page.evaluate("studio.session.place")
    with visit.page.expect_request("**/compose") as sent:
        visit.page.click("#go")  # at once: the file is read by then
    visit.until(f"studio.session.place > {place} && !studio.state.asking")
    score = read_midi(visit.piece())
    return sent.value.post_data_json, [note for track in score.tracks for note in track.notes], score.ticks_per_quarter


def test_notes_of_a_file_are_kept(visit, motif_file):
    asked, notes, unit = compose_with(visit, keep=motif_file)
    assert b64decode(asked["keep"]) == motif_file.read_bytes()
    given = {(0, 0.5, 60), (0.5, 0.5, 64), (1, 0.5, 67), (1.5, 2, 72)}
    assert given <= {(note.time / unit, note.duration / unit, note.pitch) for note in notes}


@pytest.mark.parametrize("clear", ["#compose-rhythm-clear", "#reset"])
def test_a_rhythm_and_pitches_are_taken_until_they_are_cleared(visit, motif_file, clear):
    asked, notes, unit = compose_with(visit, rhythm=motif_file)
    assert {"rhythm"} == {"keep", "rhythm", "pitches"} & asked.keys()
    assert sorted((note.time / unit, note.duration / unit) for note in notes) == [
        (0, 0.5),
        (0.5, 0.5),
        (1, 0.5),
        (1.5, 2),
    ]
    visit.page.click(clear)
    asked, notes, _ = compose_with(visit, pitches=motif_file)
    assert {"pitches"} == {"keep", "rhythm", "pitches"} & asked.keys()
    assert [note.pitch for note in sorted(notes, key=lambda note: note.time)] == [60, 64, 67, 72]


def test_a_file_that_cannot_be_read_is_one_line(visit, tmp_path):
    (tmp_path / "broken.mid").write_bytes(b"MThd" + bytes(60))
    visit.page.set_input_files("#compose-keep", tmp_path / "broken.mid")
    visit.page.click("#go")
    visit.until("document.querySelector('#status').className === 'error'")
    assert visit.status().startswith("keep.mid: corrupt_timing: expected")
    visit.complaints.clear()  # the browser says that the server refused


def test_what_has_no_room_for_all_bars_is_told(visit):
    visit.page.fill("#compose-num_bars", "500")
    visit.page.click("#go")
    visit.until("studio.session.now && !studio.state.asking", 60)
    said = "1 of 1 pieces ended before bar 500 for want of room: ask for fewer bars or instruments."
    assert visit.status().endswith(said)


def test_an_impossible_wish_is_told(visit):
    visit.page.fill("#compose-chords", "C | Xyz")
    visit.page.click("#go")
    visit.until("document.querySelector('#status').className === 'error'")
    assert visit.status().startswith("chords: 'Xyz' in bar 2 is no chord symbol; expected such as")
    visit.complaints.clear()  # the browser says that the server refused


def test_bars_are_written_anew_accepted_and_undone(visit, tune_file):
    from symbolic_music.score.midi.io import read_midi

    page = visit.page
    page.set_input_files("#file", tune_file)
    visit.until("studio.session.now")
    assert "4 bars, 32 notes" in page.inner_text("#piece-name")
    before = visit.piece()
    write_bar_two_anew(visit)
    assert "3 pieces" in visit.status()
    page.click("#variants li:nth-child(2) button:has-text('Accept')")
    after = visit.piece()
    assert after != before
    given, now = read_midi(before), read_midi(after)
    begin, end = 4 * given.ticks_per_quarter, 8 * given.ticks_per_quarter

    def outside(score):
        return [str(note) for note in score.tracks[0].notes if not begin <= note.time < end]

    assert outside(now) == outside(given)
    page.click("#undo")
    assert visit.piece() == before
    page.click("#redo")
    assert visit.piece() == after


def test_a_drag_over_the_roll_selects_bars(visit, tune_file):
    page = visit.page
    page.set_input_files("#file", tune_file)
    visit.until("studio.session.now")
    assert page.input_value("#action") == "compose"  # who drags wants bars written anew
    box = page.locator("#roll").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + 60)
    page.mouse.up()
    assert page.input_value("#action") == "infill"
    assert (page.input_value("#first-bar"), page.input_value("#last-bar")) == ("2", "3")


def test_what_is_composed_is_heard_and_survives_a_reload(visit):
    page = visit.page
    page.fill("#compose-num_bars", "4")
    page.click("#go")
    visit.until("studio.session.now")
    page.click("#play")
    visit.until("studio.player.level() > 0.01")
    first = page.evaluate("studio.player.seconds")
    visit.until(f"studio.player.seconds > {first} + 0.2")
    page.click("#play")
    assert not page.evaluate("studio.player.isPlaying")
    kept = visit.piece()
    page.reload()
    visit.until("studio.session.now")
    assert visit.piece() == kept


def test_a_browser_that_keeps_nothing_plays_too(browser, studio):
    """As one may inside another site's page, where a Space is shown."""
    denied = (
        "Object.defineProperty(window, 'localStorage', { get() { throw new DOMException('', 'SecurityError'); } })"
    )
    seen = Visit(browser, studio.port, before=denied)
    seen.page.fill("#compose-num_bars", "1")
    seen.page.click("#go")
    seen.until("studio.session.now")
    seen.leave(studio.port)


def test_the_soundfont_is_heard(visit, tune_file):
    pytest.importorskip("midirenderer", reason="midirenderer is not installed (pip extra 'audio')")
    page = visit.page
    page.set_input_files("#file", tune_file)
    visit.until("studio.session.now")
    page.select_option("#sound", "soundfont")
    page.click("#play")
    visit.until("studio.player.level() > 0.01")
    assert page.evaluate("studio.player.last") == pytest.approx(10, abs=1)  # four bars at 120, and what rings on


@pytest.fixture
def duet_file(tmp_path, tune) -> Path:
    """The tune, and the same far below on a cello, half as long."""
    from symbolic_music.score.midi.io import read_midi, write_midi

    score = read_midi(tune)
    score.tracks.append(score.tracks[0].copy())
    score.tracks[1].program = 42
    score.tracks[1].notes = [note for note in score.tracks[1].notes if note.time < score.end() // 2]
    score.tracks[1].shift_pitch(-24, inplace=True)
    write_midi(score, tmp_path / "duet.mid")
    return tmp_path / "duet.mid"


@pytest.mark.parametrize("sound", ["quick", "soundfont"])
def test_tracks_are_muted_and_played_alone(visit, duet_file, sound):
    """Loud, silent when both are muted, and loud again when one of them plays solo: all while it plays."""
    pytest.importorskip("midirenderer", reason="midirenderer is not installed (pip extra 'audio')")
    page = visit.page
    page.set_input_files("#file", duet_file)
    visit.until("studio.session.now")
    page.select_option("#sound", sound)
    page.click("#play")
    visit.until("studio.player.level() > 0.01")
    for track in ("1", "2"):
        page.check(f"[aria-label^='mute: track {track}']")
    visit.until("studio.player.level() < 0.0005")
    page.check("[aria-label^='solo: track 1']")
    visit.until("studio.player.level() > 0.01")
    assert page.evaluate("studio.player.isPlaying")


def test_a_muted_track_is_turned_down_and_no_other(visit, duet_file):
    pytest.importorskip("midirenderer", reason="midirenderer is not installed (pip extra 'audio')")
    page = visit.page
    page.set_input_files("#file", duet_file)
    visit.until("studio.session.now")
    page.select_option("#sound", "soundfont")
    page.click("#play")
    visit.until("studio.player.isPlaying")
    assert page.evaluate("studio.player.gains.length") == 2
    page.check("[aria-label^='mute: track 2']")
    visit.until("studio.player.gains[1].gain.value < 0.01")
    assert page.evaluate("studio.player.gains[0].gain.value") == 1
    visit.page.click("#play")
    assert page.evaluate("studio.player.gains.length") == 0


@pytest.mark.parametrize("suffix", ["mid", "abc", "musicxml"])
def test_what_is_taken_away_is_read_again(visit, tune_file, tmp_path, suffix):
    from symbolic_music.score.files import read_scores

    page = visit.page
    page.set_input_files("#file", tune_file)
    visit.until("studio.session.now")
    page.select_option("#format", suffix)
    with page.expect_download() as waiting:
        page.click("#download")
    path = tmp_path / f"taken.{suffix}"
    waiting.value.save_as(path)
    (score,) = read_scores(path)
    assert [note.pitch for note in score.tracks[0].notes] == [60 + step % 6 for step in range(32)]


def test_scores_are_engraved(visit, tune_file):
    pytest.importorskip("verovio", reason="verovio is not installed (pip extra 'engrave')")
    page = visit.page
    page.set_input_files("#file", tune_file)
    visit.until("studio.session.now")
    page.click("#engrave")
    visit.until("document.querySelector('#score img')?.naturalWidth > 100")
    assert page.evaluate("document.querySelectorAll('img').length") == 1  # a file's name is text


def test_a_broken_file_is_one_line(visit, tmp_path):
    (tmp_path / "broken.mid").write_bytes(b"MThd" + bytes(60))
    visit.page.set_input_files("#file", tmp_path / "broken.mid")
    visit.until("document.querySelector('#status').className === 'error'")
    assert visit.status().startswith("broken.mid: corrupt_timing: expected")
    visit.complaints.clear()  # the browser says that the server refused


def test_a_wish_out_of_range_is_one_line(visit):
    visit.page.fill("#compose-num_bars", "100000")
    visit.page.click("#go")
    visit.until("document.querySelector('#status').className === 'error'")
    assert "num_bars is 100000; expected 1 to" in visit.status()
    visit.complaints.clear()


USABLE = """[...document.querySelectorAll("button, input, select, [tabindex]")]
  .filter((element) => !element.disabled && element.offsetParent).map((element) => element.id)"""


def test_the_keyboard_is_enough(visit):
    """From the first Tab on, every control that can be used is reached; Enter on the button composes."""
    page = visit.page
    wanted = set(page.evaluate(USABLE))
    assert len(wanted) > 20
    reached = set()
    for _ in range(len(wanted) + 20):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.id"))
    assert wanted <= reached
    page.focus("#compose-num_bars")
    page.keyboard.press("Control+a")
    page.keyboard.type("2")
    page.focus("#go")
    page.keyboard.press("Enter")
    visit.until("studio.session.now")
    page.focus("#play")
    page.keyboard.press("Space")
    visit.until("studio.player.isPlaying")


def test_a_phone_is_wide_enough(browser, studio, tune_file):
    seen = Visit(browser, studio.port, width=360)
    seen.page.set_input_files("#file", tune_file)
    seen.until("studio.session.now")
    write_bar_two_anew(seen)
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= 360
    seen.leave(studio.port)


UNNAMED = """[...document.querySelectorAll("button, input, select, canvas")]
  .filter((element) => !element.labels?.length && !element.getAttribute("aria-label") && !element.textContent.trim())
  .map((element) => element.outerHTML)"""


def test_every_control_has_a_name(visit, tune_file):
    visit.page.set_input_files("#file", tune_file)
    visit.until("studio.session.now")
    write_bar_two_anew(visit)
    assert visit.page.evaluate(UNNAMED) == []


@pytest.fixture(scope="module")
def axe(tmp_path_factory):
    """The source of axe-core, which npm fetches as it fetches the page's own packages."""
    folder = tmp_path_factory.mktemp("axe")
    try:
        fetch_packages(folder, Path(__file__).with_name("axe.json"))
    except SiteError as error:
        if "is not what was pinned" in str(error):
            raise
        pytest.skip(str(error))
    return (folder / "axe.min.js").read_text()


@pytest.mark.parametrize("width", [1280, 360])
def test_axe_finds_nothing(browser, studio, tune_file, axe, width):
    """Neither in the form of each action, nor where words were read, nor beside variants."""
    seen = Visit(browser, studio.port, width)
    page = seen.page
    page.set_input_files("#file", tune_file)
    seen.until("studio.session.now")
    page.evaluate(axe)

    def violations():
        said = page.evaluate("axe.run()")["violations"]
        return [(row["impact"], row["id"], row["nodes"][0]["html"]) for row in said]

    write_bar_two_anew(seen)
    assert violations() == []
    for action in ("continue", "compose"):
        page.select_option("#action", action)
        assert violations() == []
    ask_in_words(seen)
    assert violations() == []
    seen.leave(studio.port)
