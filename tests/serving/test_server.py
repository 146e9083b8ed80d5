"""What a client sees: music asked for, told bar by bar, cancelled; a process that dies costs one request."""

import json
import os
import signal
import threading

import pytest
from live_server import LiveServer, base64, score_of, wait_until
from made_up_music import melody_score
from tiny_model import tiny_model, tiny_processor

from symbolic_music.events.controls.asked import Controls
from symbolic_music.events.controls.compiled import settle
from symbolic_music.events.controls.given import GivenNotes
from symbolic_music.generation.compose import SamplingOptions, compose
from symbolic_music.metrics.control import kept_controls
from symbolic_music.score.midi.io import midi_bytes, read_midi
from symbolic_music.serving import runner
from symbolic_music.serving.limits import ServerLimits


def test_a_seed_gives_what_the_package_gives(server):
    status, said = server.ask("/compose", num_bars=4, num_samples=2, seed=7, temperature=1.0, top_p=1.0)
    assert status == 200
    options = SamplingOptions(num_bars=4, seed=7, temperature=1.0, top_p=1.0)
    expected = compose(tiny_model(tiny_processor()), tiny_processor(), 2, options=options)
    assert [score_of(piece) for piece in said["pieces"]] == [read_midi(midi_bytes(piece.score)) for piece in expected]
    assert [piece["num_bars"] for piece in said["pieces"]] == [4, 4]


def test_bars_come_while_the_piece_is_written(server):
    events = list(server.listen("/compose", num_bars=4, seed=1))
    kinds = [kind for kind, _ in events]
    assert kinds[:2] == ["queued", "begun"]
    assert kinds[-1] == "end"
    bars = [data["num_bars"] for kind, data in events if kind == "bars"]
    assert bars == sorted(bars)
    assert kinds.index("bars") < kinds.index("piece")
    piece = next(data for kind, data in events if kind == "piece")
    last = [data for kind, data in events if kind == "bars"][-1]
    assert last["midi"] == piece["midi"]


def test_a_piece_goes_on_with_its_first_bars_kept(server, tune):
    status, said = server.ask("/continue", midi=base64(tune), prompt_bars=2, num_bars=4, seed=1)
    assert status == 200
    given, score = read_midi(tune), score_of(said["pieces"][0])
    begin = [note.pitch for note in given.tracks[0].notes if note.time < 8 * given.ticks_per_quarter]
    assert [note.pitch for note in score.tracks[0].notes][: len(begin)] == begin
    status, said = server.ask("/continue", midi=base64(tune), num_bars=4)
    assert (status, said["error"]) == (422, "num_bars is 4; expected more than the 4 bars that are given")


def test_infilling_leaves_all_else_as_it_is(server, tune):
    status, said = server.ask("/infill", midi=base64(tune), first_bar=2, last_bar=2, seed=2, num_samples=2)
    assert status == 200, said
    given = read_midi(tune)
    begin, end = 4 * given.ticks_per_quarter, 8 * given.ticks_per_quarter

    def outside(score):
        return [vars_of(note) for note in score.tracks[0].notes if not begin <= note.time < end]

    for piece in said["pieces"]:
        assert outside(score_of(piece)) == outside(given)


def test_what_has_no_room_for_all_bars_is_told(server):
    """In the words of the command line, in one answer and at the end of a stream."""
    wishes = {"num_bars": 16, "num_samples": 2, "max_length": 60, "seed": 1}
    status, said = server.ask("/compose", **wishes)
    assert status == 200, said
    assert all(piece["valid"] and piece["num_bars"] < 16 for piece in said["pieces"])
    notice = "2 of 2 pieces ended before bar 16 for want of room: ask for fewer bars or instruments"
    assert said["notice"] == notice
    assert list(server.listen("/compose", **wishes))[-1][1]["notice"] == notice
    status, said = server.ask("/compose", num_bars=2)
    assert "notice" not in said


def vars_of(note):
    return note.time, note.duration, note.pitch, note.velocity


def test_pieces_are_what_is_asked_for(server):
    wishes = {"num_bars": 3, "key": "Eb", "density": "2-6", "range": "C3-C6", "tempo": 90, "seed": 5}
    status, said = server.ask("/compose", **wishes)
    assert status == 200, said
    score = score_of(said["pieces"][0])
    pitches = [note.pitch for track in score.tracks for note in track.notes if not track.is_drum]
    assert {pitch % 12 for pitch in pitches} <= {3, 5, 7, 8, 10, 0, 2}
    assert all(48 <= pitch <= 84 for pitch in pitches)
    assert 6 <= score.note_num() <= 18
    assert [round(tempo.qpm) for tempo in score.tempos] == [90]


def test_words_are_read_and_the_reading_is_told(server):
    status, said = server.ask("/compose", ask="2 bars in G", num_bars=3)
    assert (status, said["error"]) == (422, "the words and another wish clash: both say the bars")
    ask = "2 bars in G, sparse, cheerfully"
    status, said = server.ask("/compose", ask=ask, seed=2)
    assert status == 200, said
    meanings = {row["words"]: row["meaning"] for row in said["understood"]}
    assert meanings == {"2 bars": "2 bars", "in G": "key G", "sparse": "1 to 8 notes in each bar"}
    assert said["not_understood"] == ["cheerfully"]
    assert said["pieces"][0]["num_bars"] == 2
    events = list(server.listen("/compose", ask=ask, seed=2))
    assert [kind for kind, _ in events][:3] == ["queued", "begun", "understood"]
    piece = next(data for kind, data in events if kind == "piece")
    assert piece == said["pieces"][0]


def test_a_progression_says_how_many_bars(server):
    status, said = server.ask("/compose", chords="C | G", max_length=160)
    assert status == 200, said
    assert said["pieces"][0]["num_bars"] == 2


def test_what_goes_on_and_what_fills_in_is_what_is_asked_for(server, tune):
    wishes = {"midi": base64(tune), "num_bars": 4, "prompt_bars": 1, "max_length": 160}
    status, said = server.ask("/continue", **wishes, density="1-8")
    assert status == 200, said
    status, said = server.ask("/continue", **wishes, key="B")
    assert status == 422
    assert said["error"].startswith("prompt 0 is not what is asked for: event ")
    status, said = server.ask("/infill", midi=base64(tune), first_bar=2, last_bar=2, key="F", range="62-65")
    assert status == 200, said
    score = score_of(said["pieces"][0])
    begin, end = 4 * score.ticks_per_quarter, 8 * score.ticks_per_quarter
    new = {note.pitch for track in score.tracks for note in track.notes if begin <= note.time < end}
    assert new <= {62, 64, 65}


@pytest.mark.parametrize("name", ["keep", "rhythm", "pitches"])
def test_what_a_file_gives_is_in_every_piece(server, name):
    """Bars, meter and tempo are the file's, too, where the request says none."""
    short = midi_bytes(melody_score((60, 62, 64, 65), quarters=1))
    status, said = server.ask("/compose", **{name: base64(short)}, num_samples=2, max_length=160)
    assert status == 200, said
    asked = settle(tiny_processor().codec, Controls(**{name: GivenNotes.read(read_midi(short), "the file")}))
    for piece in said["pieces"]:
        assert all(kept_controls(score_of(piece), asked).values())
    status, said = server.ask("/compose", **{name: base64(short)}, instruments=["Violin", "Cello"])
    assert status == 422
    assert "of the file and instruments Violin, Cello clash" in said["error"]


# Wishes that cannot be had, and what is said of them: at once, or by the model's process.
IMPOSSIBLE = {
    "a key and chords outside of it": ({"key": "C", "chords": "F#"}, 422, "clash: no note of F# belongs to C"),
    "a file that is none": ({"keep": "TVRo"}, 400, "keep is 'TVRo'; expected a MIDI file in base64"),
    "a broken file": ({"keep": "TVRoZAAA"}, 422, "keep.mid"),
    "no chord": ({"chords": "C | Xyz"}, 400, "chords: 'Xyz' in bar 2 is no chord symbol"),
    "an ending without a key": ({"ending": True}, 422, "key"),
    "no instrument of that name": ({"instruments": ["Kazoo"]}, 400, "instruments is 'Kazoo'; expected one of"),
    "an instrument twice": ({"instruments": ["Violin", "Violin"]}, 422, "Violin is asked for twice"),
    "a tempo beyond the vocabulary": ({"tempo": 100_000}, 400, "tempo is 100000; expected"),
    "a range of tempos beyond it": ({"tempo": "2000-3000"}, 422, "the tempo is 2000-3000; this model has"),
    "a range upside down": ({"range": "C6-C3"}, 422, "expected the lower pitch first"),
    "a range of nothing": ({"range": "up"}, 400, "range: the range is 'up'; expected such as"),
    "very many notes": ({"density": "0-100000"}, 400, "expected at most 256 notes in a bar"),
    "words that contradict themselves": ({"ask": "in C, in D"}, 400, "ask: 'in C' and 'in D' clash"),
    "a very long text": ({"ask": "slow " * 100}, 400, "expected text of at most 300 characters"),
    "words that are no text": ({"ask": 7}, 400, "ask is 7; expected text"),
    "more bars than the chords have": ({"num_bars": 1, "chords": "C | F | G"}, 422, "the progression has 3 bars"),
}


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_an_impossible_wish_is_one_line(server, name):
    wishes, expected, says = IMPOSSIBLE[name]
    status, said = server.ask("/compose", **wishes)
    assert status == expected, said
    assert says in said["error"]
    assert "\n" not in said["error"]
    assert len(said["error"]) < 500


def test_forms_are_taken_too(server, tune):
    parts = [
        ('name="wishes"', b'{"first_bar": 1, "last_bar": 1}'),
        ('name="file"; filename="C:\\\\music\\\\a.mid"', tune),
    ]
    body = b"".join(
        b"--x\r\ncontent-disposition: form-data; %s\r\n\r\n%s\r\n" % (head.encode(), data) for head, data in parts
    )
    kind = {"content-type": "multipart/form-data; boundary=x"}
    status, text = server.send("POST", "/infill", body + b"--x--\r\n", kind)
    assert status == 200, text
    assert json.loads(text)["pieces"][0]["valid"]


def test_the_server_describes_itself(server):
    described = {entry["name"]: entry for entry in json.loads(server.send("GET", "/models")[1])["models"]}
    assert set(described) == {"composer", "filler"}
    properties = described["composer"]["actions"]["compose"]["properties"]
    assert properties["top_p"]["maximum"] == 1
    said = json.loads(server.send("GET", "/openapi.json")[1])
    schema = said["paths"]["/compose"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert properties.items() <= schema["properties"].items()
    status, page = server.send("GET", "/docs")
    assert status == 200
    assert "POST /infill" in page
    assert "http://" not in page
    assert "https://" not in page


def test_files_become_others(server, tune):
    status, said = server.ask("/convert", midi=base64(tune), to="abc", title="<script>alert(1)</script>")
    assert status == 200
    assert len(said["pages"]) == 1
    status, said = server.ask("/convert", midi=base64(tune), to="exe")
    assert (status, said["error"][:20]) == (400, "to is not a format t")


def test_tracks_are_made_sound_apart(server, tune):
    pytest.importorskip("midirenderer", reason="midirenderer is not installed (pip extra 'audio')")
    score = read_midi(tune)
    score.tracks.append(score.tracks[0].copy())
    score.tracks[1].program = 42
    status, said = server.ask("/convert", midi=base64(midi_bytes(score)), to="mp3", apart=True)
    assert status == 200, said
    assert len(said["pages"]) == 2
    assert said["pages"][0] != said["pages"][1]
    far = score.copy()
    far.tracks[0].notes[-1].time = 1_000 * far.ticks_per_quarter  # 500 s: one file of sound may be that long, two not
    status, said = server.ask("/convert", midi=base64(midi_bytes(far)), to="mp3", apart=True)
    assert status == 422
    assert said["error"] == "expected at most 900 s of music, all tracks counted apart, to be made sound"
    for wrong in ({"to": "wav", "apart": True}, {"to": "mp3", "apart": "yes"}):
        status, said = server.ask("/convert", midi=base64(tune), **wrong)
        assert (status, said["error"][:6]) == (400, "apart:")


def test_a_running_job_can_be_cancelled(server):
    """The process stands still meanwhile, so that the job cannot be over before."""
    process = server.models[0].process_id
    os.kill(process, signal.SIGSTOP)
    try:
        events = server.listen("/compose", num_bars=4)
        job = next(events)[1]["job"]
        wait_until(lambda: len(server.models[0].queue) == 0)
        assert server.send("DELETE", f"/jobs/{job}")[0] == 200
        wait_until(lambda: server.models[0]._cancelled.value > 0)
    finally:
        os.kill(process, signal.SIGCONT)
    assert [kind for kind, _ in events][-1] == "cancelled"
    assert server.send("DELETE", f"/jobs/{job}")[0] == 404
    assert server.ask("/compose", num_bars=1)[0] == 200


def test_a_killed_process_costs_one_request(server):
    before, process = server.models[0].restarts, server.models[0].process_id
    os.kill(process, signal.SIGSTOP)
    answers = []
    threads = [
        threading.Thread(target=lambda: answers.append(server.ask("/compose", num_bars=1)[0])) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    wait_until(lambda: len(server.models[0].queue) == 3)
    os.kill(process, signal.SIGKILL)
    for thread in threads:
        thread.join(60)
    assert sorted(answers) == [200, 200, 200, 500]
    assert server.models[0].restarts == before + 1


def test_what_takes_too_long_is_ended(model_folders, monkeypatch):
    monkeypatch.setattr(runner, "_GRACE_SECONDS", 0.3)
    running = LiveServer(model_folders[:1], ServerLimits(job_seconds=1.0))
    try:
        os.kill(running.models[0].process_id, signal.SIGSTOP)
        status, said = running.ask("/compose", num_bars=1)
        assert (status, said["error"]) == (504, "this takes more than 1 s")
        assert running.ask("/compose", num_bars=1)[0] == 200
        # And where there is no model to start again, who waits is told.
        running.models[0]._name = str(model_folders[0] / "gone")
        os.kill(running.models[0].process_id, signal.SIGKILL)
        status, said = running.ask("/compose", num_bars=1)
        assert status == 500
        assert "start" in said["error"]
    finally:
        running.close()
