"""The page to listen to models by: what is in their folders, in order, and what a listener says of it."""

import pytest
from programs import run_script
from symusic import Note, Score, Track

from symbolic_music.hub.cards.listening import Judgement, listening_page, read_judgements
from symbolic_music.hub.errors import PublishError
from symbolic_music.score.midi.io import write_midi

SUFFIXES = (".mid", ".mp3", ".png", ".svg")


@pytest.fixture
def models(tmp_path):
    """`walker`, with seven composed samples of a piano and drums, one without its page; `filler`, with one fill."""
    for model, kind, count in (("walker", "composed", 7), ("filler", "filled", 1)):
        folder = tmp_path / model / "samples" / kind
        folder.mkdir(parents=True)
        (tmp_path / model / "README.md").write_text(
            f"# {model}\n\nThe first of `symbolic-music generate --model {model} --num-samples 7`:\n"
        )
        for number in range(count):
            for suffix in SUFFIXES:
                (folder / f"sample_{number:04d}{suffix}").write_bytes(b"picture or sound")
            score = Score(480)
            score.tracks = [Track(program=0), Track(is_drum=True)]
            score.tracks[0].notes = [Note(480 * place, 480, 60, 80) for place in range(5 + number)]
            score.tracks[1].notes = [Note(0, 480, 38, 80)]
            write_midi(score, folder / f"sample_{number:04d}.mid")
    (tmp_path / "walker" / "samples" / "composed" / "sample_0005.svg").unlink()
    return [tmp_path / "walker", tmp_path / "filler"]


def test_the_first_six_samples_are_rows_and_their_links_lead_somewhere(models, tmp_path):
    page = listening_page(models, [], "command")
    rows = [line for line in page.splitlines() if line.startswith(("| 0", "| 1", "| 2", "| 3", "| 4", "| 5", "| 6"))]
    assert [row[2] for row in rows] == ["0", "1", "2", "3", "4", "5", "0"]
    assert "6 notes, 2 bars: Acoustic Grand Piano, drums" in rows[0]
    assert "`symbolic-music generate --model walker --num-samples 7`" in page
    assert "`symbolic-music generate --model filler --num-samples 7`" in page
    assert rows[5].endswith("| none |")
    links = [part.split(")")[0] for row in rows for part in row.split("](")[1:]]
    links += [part.split('"')[0] for row in rows for part in row.split('src="')[1:]]
    assert len(links) == 7 * 4 - 1
    assert all((tmp_path / link).is_file() for link in links)


def test_judgements_follow(models, tmp_path):
    path = tmp_path / "judgements.yaml"
    path.write_text("pieces:\n  - {model: filler, sample: 0, words: It ends nowhere.}\n")
    page = listening_page(models, read_judgements(path), "command")
    assert "- **[filler, sample 0](filler/samples/filled/sample_0000.mp3)**: It ends nowhere." in page


@pytest.mark.parametrize("judgement", [Judgement("walker", 6, "no"), Judgement("nobody", 0, "no")])
def test_a_judgement_of_what_is_not_there_is_refused(models, judgement):
    with pytest.raises(PublishError, match="is judged, but it is not on the page"):
        listening_page(models, [judgement], "command")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("pieces: 3", "expected a list named `pieces`"),
        ("- model: a", "expected a mapping with a list named `pieces`"),
        ("pieces: [{model: a, sample: 0, word: b}]", "piece 1: expected model, sample and words"),
    ],
)
def test_a_file_of_judgements_that_is_none_is_named(tmp_path, text, complaint):
    path = tmp_path / "judgements.yaml"
    path.write_text(text)
    with pytest.raises(PublishError, match=complaint):
        read_judgements(path)


def test_a_folder_without_samples_is_named(tmp_path):
    with pytest.raises(PublishError, match="has no samples"):
        listening_page([tmp_path], [], "command")


def test_the_script_writes_the_page_and_says_what_is_wrong(models, tmp_path):
    given = ["--models", *models, tmp_path / "page.md", "--output", tmp_path / "LISTEN.md"]
    done = run_script("listening_page", *given, expected=0)
    assert "2 models" in done.stdout
    assert (tmp_path / "LISTEN.md").read_text().count("<img ") == 13
    done = run_script("listening_page", "--models", tmp_path / "none", "--output", tmp_path / "x.md", expected=2)
    assert done.stderr == "listening_page: --models: expected folders of shipped models, found no folder\n"
