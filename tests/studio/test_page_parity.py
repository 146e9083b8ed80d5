"""What the page does in JavaScript is what the package does: the same tokens, the same states, the same notes."""

import re
from base64 import b64encode
from pathlib import Path

import numpy as np
import pytest
from made_up_music import melody_score, random_melody
from page_in_node import NODE, notes_of, run_page, values
from symusic.core import NoteTick, NoteTickList, ScoreTick, TempoTick, TimeSignatureTick
from tiny_model import tiny_model, tiny_processor

from symbolic_music.generation.engine.draw import Draw
from symbolic_music.generation.engine.pieces import Piece, Rule
from symbolic_music.generation.engine.rows import RowGrammar
from symbolic_music.score.bars import bar_table
from symbolic_music.score.checks import play_seconds
from symbolic_music.score.midi.io import midi_bytes, read_midi
from symbolic_music.score.programs import PROGRAM_NAMES
from symbolic_music.serving.worker import _MOST_SECONDS_OF_SOUND
from symbolic_music.studio import PAGE

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(NODE is None, reason="node is not installed")
PIECES = 120


def written_by_the_package(processor, job):
    """Ids of a piece, and the rows behind each of them."""
    size, bos, eos = len(processor.tokenizer), processor.tokenizer.bos_token_id, processor.tokenizer.eos_token_id
    grammar = RowGrammar(processor.grammar(), job["max_length"], job["num_bars"])
    is_random = job["temperature"] > 0
    piece = Piece(Rule(Draw(is_random, job["temperature"] or 1.0, job["top_p"]), grammar), [bos])
    while len(piece.ids) < job["max_length"] and piece.ids[-1] != eos:
        place = 2 * len(piece.ids)
        logits = values(job["seed"], place, size) * np.float32(8) - np.float32(4)
        piece.take(logits, values(job["seed"], place + 1, size))
    row, rows = grammar.begin([]), []
    for token in piece.ids:
        grammar.advance(row, token)
        rows.append(row.states.tolist())
    return piece.ids, rows


def notes_of_page(song):
    found = {}
    for track in song["tracks"]:
        notes = [tuple(note[name] for name in ("time", "duration", "pitch", "velocity")) for note in track["notes"]]
        found.setdefault(-1 if track["isDrum"] else track["program"], []).extend(notes)
    return {program: sorted(notes) for program, notes in found.items()}


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """Pieces with and without limits by both, from the same numbers instead of a model's."""
    pytest.importorskip("onnx", reason="onnx is not installed (pip extra 'fast')")
    from symbolic_music.export.folder import export_model

    folder, processor = tmp_path_factory.mktemp("parity"), tiny_processor()
    export_model(tiny_model(processor), processor, folder / "model")
    jobs = [
        {
            "seed": seed,
            "max_length": (60, 150, 300)[seed % 3],
            "num_bars": (None, 2, 4, 30)[seed % 4],
            "temperature": (1.0, 0.7, 1.5, 0)[seed % 4],
            "top_p": (1.0, 0.9)[seed % 2],
        }
        for seed in range(PIECES)
    ]
    pieces = run_page(folder, folder=str(folder / "model"), pieces=jobs)["pieces"]
    return processor, [written_by_the_package(processor, job) for job in jobs], pieces


def test_the_same_tokens_are_drawn(both):
    _, ours, pages = both
    for (ids, _), page in zip(ours, pages, strict=True):
        assert page["ids"] == ids


def test_the_grammar_is_in_the_same_states(both):
    _, ours, pages = both
    assert sum(len(rows) for _, rows in ours) > 10_000
    for (_, rows), page in zip(ours, pages, strict=True):
        assert page["rows"] == rows


def test_tokens_are_the_same_notes(both):
    processor, ours, pages = both
    for (ids, _), page in zip(ours, pages, strict=True):
        score = processor.decode(ids)
        assert notes_of_page(page["song"]) == notes_of(score)
        assert page["song"]["ticksPerQuarter"] == score.ticks_per_quarter
        tempos = [(tempo["time"], tempo["microseconds"]) for tempo in page["song"]["tempos"]]
        assert tempos == [(tempo.time, tempo.mspq) for tempo in score.tempos]
        meters = [(meter["time"], meter["beats"], meter["unit"]) for meter in page["song"]["meters"]]
        assert meters == [(meter.time, meter.numerator, meter.denominator) for meter in score.time_signatures]


def rough(seed):
    """Chords off the grid, of several programs, with odd lengths; tempos and meters that no grid has."""
    random = np.random.default_rng(seed)
    score = ensemble() if seed % 2 else melody_score([60])
    for track in score.tracks:
        for _ in range(60):
            time, length, pitch, loud = (
                int(random.integers(*span)) for span in ((0, 9000), (1, 4000), (30, 90), (1, 127))
            )
            track.notes.append(NoteTick(time, length, pitch, loud))
    score.tempos.append(TempoTick(int(random.integers(0, 9000)), float(random.uniform(30, 260))))
    # What reads a file takes two notes of one pitch that overlap apart in ways of its own; here there are none.
    for track in score.tracks:
        kept, ends = [], {}
        for note in sorted(track.notes, key=lambda note: (note.time, note.pitch)):
            if note.time >= ends.get(note.pitch, 0):
                kept.append(note)
                ends[note.pitch] = note.end
        track.notes = NoteTickList(kept)
    return score


def test_openings_are_written_as_the_package_writes_them(tmp_path):
    """By the shipped model that the page has."""
    pytest.importorskip("onnx", reason="onnx is not installed (pip extra 'fast')")
    from transformers import AutoProcessor

    import symbolic_music  # noqa: F401  registers the Auto classes
    from symbolic_music.export.folder import export_model
    from symbolic_music.generation.compose import encode_prompt

    processor = AutoProcessor.from_pretrained(ROOT / "model_cards" / "remi-transformer-folk")
    export_model(tiny_model(processor), processor, tmp_path / "model")
    silent = melody_score([60, 62])  # in bars 2 to 5
    silent.tracks[0].notes.append(NoteTick(5 * 1920, 480, 64, 80))
    scores = [melody_score(random_melody(1)), silent, ensemble(), *(rough(seed) for seed in range(12))]
    files = [midi_bytes(score) for score in scores]
    jobs = [{"midi": b64encode(data).decode(), "bars": bars} for data in files for bars in (1, 3)]
    found = run_page(tmp_path, folder=str(tmp_path / "model"), openings=jobs)["openings"]
    expected = [encode_prompt(processor, read_midi(data), bars) for data in files for bars in (1, 3)]
    for page, ids in zip(found, expected, strict=True):
        assert page["events"] == processor.ids_to_events(ids)[1:]
        assert page["ids"] == ids


def ensemble():
    """Several programs and drums, a change of meter and of tempo."""
    score = ScoreTick(480)
    for number, (program, is_drum) in enumerate([(0, False), (40, False), (0, True), (73, False)]):
        score.tracks.append(melody_score(random_melody(number), program, is_drum).tracks[0])
    other = melody_score([60], tempo=97.0)
    score.tempos.extend([other.tempos[0].copy(), melody_score([60], tempo=150.0).tempos[0].shift_time(4800)])
    score.time_signatures.extend([TimeSignatureTick(0, 3, 4), TimeSignatureTick(4320, 6, 8)])
    return score


def test_midi_files_are_read_as_the_package_reads_them(tmp_path):
    scores = [melody_score(random_melody(1)), melody_score(random_melody(2), 25, quarters=0.25), ensemble()]
    files = [midi_bytes(score) for score in scores]
    found = run_page(tmp_path, files=[b64encode(data).decode() for data in files])["files"]
    for data, page in zip(files, found, strict=True):
        score, table = read_midi(data), bar_table(read_midi(data))
        assert notes_of_page(page["song"]) == notes_of(score)
        assert notes_of_page(page["again"]) == notes_of(score)
        assert [track["program"] for track in page["song"]["tracks"]] == [track.program for track in score.tracks]
        starts = [*table.starts.tolist(), int(table.starts[-1] + table.lengths[-1])]
        assert page["bars"][: len(starts)] == starts
        assert page["seconds"] == pytest.approx(play_seconds(score), abs=1e-3)


@pytest.mark.parametrize(
    "data",
    [b"", b"MThd", b"RIFF" + bytes(40), midi_bytes(melody_score([60] * 8))[:-7], midi_bytes(ScoreTick(480))],
    ids=["nothing", "a beginning", "another format", "cut short", "no notes"],
)
def test_broken_files_are_refused_in_a_line(tmp_path, data):
    (found,) = run_page(tmp_path, files=[b64encode(data).decode()])["files"]
    assert "MIDI file" in found["error"]


def test_programs_are_called_as_the_package_calls_them(tmp_path):
    assert run_page(tmp_path)["programs"] == list(PROGRAM_NAMES)


def test_the_page_asks_for_no_more_sound_than_the_server_makes():
    said = re.search(r"MOST_SECONDS_APART = (\d+);", (PAGE / "main.js").read_text())
    assert float(said[1]) == _MOST_SECONDS_OF_SOUND
