"""Bars that the page writes anew are those that the package writes: the same window, grammar, tokens and notes."""

import hashlib
import json
from base64 import b64decode, b64encode
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from page_in_node import NODE, notes_of, run_page, values
from symusic.core import (
    ControlChangeTick,
    KeySignatureTick,
    NoteTick,
    ScoreTick,
    TempoTick,
    TextMetaTick,
    TimeSignatureTick,
    TrackTick,
)

from symbolic_music.events.voices.track_text import TrackTextCodec, TrackTextSettings
from symbolic_music.export.folder import STEP_FILE, describe
from symbolic_music.generation import infill as infilling
from symbolic_music.generation.compose import SamplingOptions
from symbolic_music.generation.engine.pieces import Piece, Rule
from symbolic_music.generation.engine.rows import RowGrammar
from symbolic_music.score.bars import count_bars
from symbolic_music.score.midi.io import midi_bytes, read_midi
from symbolic_music.tokenization.build import build_word_level_tokenizer

ROOT = Path(__file__).parents[2]
PIECES, CONTEXT = 150, 700
pytestmark = pytest.mark.skipif(NODE is None, reason="node is not installed")


def model_like(context):
    """What infilling asks a model for besides its logits."""
    config = SimpleNamespace(max_position_embeddings=context, is_encoder_decoder=False, model_type="gpt2")
    return SimpleNamespace(config=config, generation_config=SimpleNamespace(temperature=1.0, top_p=1.0))


def write_step(folder, processor, context):
    """What a page reads of a filler, but for its graph."""
    size = len(processor.tokenizer)
    graph = SimpleNamespace(vocab_size=size, max_length=context, inputs=[], states=[], heard=[], encoder=None)
    (folder / STEP_FILE).write_text(json.dumps(describe(model_like(context), processor, graph, int8=True)))


def filled_by_the_package(processor, context, job):
    """The request, ids, rows and Score of one fill, or why there is none."""
    wishes, score = job["wishes"], read_midi(b64decode(job["midi"]))
    model = model_like(context)
    options = SamplingOptions(temperature=job["temperature"], top_p=job["topP"]).for_model(model)
    tracks = None if wishes.get("tracks") is None else [number - 1 for number in wishes["tracks"]]
    bars = wishes["first_bar"] - 1, wishes["last_bar"]
    try:
        request = infilling._request(model, processor, score, bars, tracks, options)
    except ValueError as error:
        return SimpleNamespace(error=str(error))
    asked = infilling._what_to_write(model, processor, request, options, None)
    grammar = RowGrammar(asked.grammar, asked.max_length - asked.start)
    piece = Piece(Rule(options.draw(), grammar, start=asked.start), asked.prompt)
    row = grammar.begin(asked.prompt[asked.start :])
    rows, size = [row.states.tolist()], len(processor.tokenizer)
    while len(piece.ids) < asked.max_length and piece.ids[-1] != asked.eos:
        place = 2 * len(piece.ids)
        logits = values(job["seed"], place, size) * np.float32(8) - np.float32(4)
        token = piece.take(logits, values(job["seed"], place + 1, size))
        grammar.advance(row, token)
        rows.append(row.states.tolist())
    composition = infilling._filled(processor, request, piece.ids[asked.start :])
    return SimpleNamespace(
        error=None, given=score, request=request, asked=asked, ids=piece.ids, rows=rows, score=composition.score
    )


def check(processor, page, ours):
    """That both did the same; returns how many states were compared."""
    assert (page.get("error") is None) == (ours.error is None), (page.get("error"), ours.error)
    if ours.error is not None:
        return 0
    assert page["prompt"] == ours.asked.prompt, processor.ids_to_events(ours.asked.prompt)
    gaps = [(gap["line"], gap["begin"], gap["steps"], gap["continues"]) for gap in page["gaps"]]
    assert gaps == [(gap.line, gap.begin, gap.steps, gap.continues) for gap in ours.request.masked.gaps]
    grammar = ours.asked.grammar
    assert page["tables"] == hashlib.sha256(grammar.next_state.astype("<i2").tobytes()).hexdigest()
    assert page["toEnd"] == grammar.tokens_to_end.tolist()
    assert page["ids"] == ours.ids
    assert page["rows"] == ours.rows
    again = read_midi(b64decode(page["midi"]))
    assert notes_of(again) == notes_of(ours.score)
    untouched(ours.given, again, ours.request)
    return len(ours.rows)


def untouched(given, now, request):
    """All notes outside the bars and tracks to fill are there as they were."""
    kept = {}
    for number, track in enumerate(given.tracks):
        notes = infilling._notes_outside(request, number) if number in request.tracks else track.notes
        found = [(note.time, note.duration, note.pitch, note.velocity) for note in notes]
        kept.setdefault(-1 if track.is_drum else track.program, []).extend(found)
    there = notes_of(now)
    for program, notes in kept.items():
        left = list(there.get(program, []))
        for note in notes:
            left.remove(note)  # raises where it is not there


@pytest.fixture(scope="module")
def processor():
    settings = TrackTextSettings(lowest_pitch=40, highest_pitch=90, max_bars=6, max_tracks=12, max_masks=48)
    return build_word_level_tokenizer(TrackTextCodec(settings))


def random_score(seed):
    """Tracks off the grid with chords, notes that overlap and bars of rest; changes of key, tempo and meter."""
    rng = np.random.default_rng(seed)
    ticks = int(rng.choice([96, 100, 384, 480]))
    score = ScoreTick(ticks)
    meters = [(4, 4), (3, 4), (6, 8), (7, 8), (2, 2)]
    length = 12 * ticks
    for _ in range(int(rng.integers(1, 4))):
        track = TrackTick(str(rng.choice(["", "Left"])), int(rng.integers(0, 128)), bool(rng.random() < 0.2))
        grid = int(rng.choice([1, ticks // 4, ticks // 2]))
        for _ in range(int(rng.integers(4, 24))):
            time = int(rng.integers(0, length)) // grid * grid
            duration = max(int(rng.integers(1, 3 * ticks)) // grid * grid, 1)
            pitch = int(rng.integers(40, 91)) if rng.random() < 0.7 else 60
            for other in range(int(rng.integers(1, 3))):
                track.notes.append(NoteTick(time, duration, min(pitch + 4 * other, 90), int(rng.integers(1, 128))))
        score.tracks.append(track)
    for _ in range(int(rng.integers(0, 3))):
        score.tempos.append(TempoTick(int(rng.integers(0, length)), float(rng.uniform(30, 260))))
    score.time_signatures.append(TimeSignatureTick(0, *meters[int(rng.integers(0, len(meters)))]))
    if rng.random() < 0.4:
        at, meter = int(rng.integers(1, length)), meters[int(rng.integers(0, len(meters)))]
        score.time_signatures.append(TimeSignatureTick(at, *meter))
    for _ in range(int(rng.integers(0, 3))):
        fifths, minor = int(rng.integers(-7, 8)), int(rng.integers(0, 2))
        score.key_signatures.append(KeySignatureTick(int(rng.integers(0, length)), fifths, minor))
    return score


def random_job(seed, data):
    """Some bars and tracks of a file to write anew."""
    rng, score = np.random.default_rng(seed), read_midi(data)
    bars, tracks = count_bars(score), len(score.tracks)
    first = int(rng.integers(1, bars + 1))
    last = min(first + int(rng.integers(0, 3)), bars)
    wishes = {"first_bar": first, "last_bar": last}
    if rng.random() < 0.5:
        wishes["tracks"] = sorted(rng.choice(tracks, int(rng.integers(1, tracks + 1)), replace=False) + 1)
        wishes["tracks"] = [int(number) for number in wishes["tracks"]]
    how = {"temperature": (1.0, 0.7, 1.5, 0)[seed % 4], "topP": (1.0, 0.9)[seed % 2]}
    return {"seed": seed, "midi": b64encode(data).decode(), "wishes": wishes, **how}


def test_fills_are_the_same(processor, tmp_path):
    """Windows, grammars, tokens and notes, of random pieces; what one refuses, the other does too."""
    write_step(tmp_path, processor, CONTEXT)
    jobs = [random_job(seed, midi_bytes(random_score(seed))) for seed in range(PIECES)]
    pages = run_page(tmp_path, folder=str(tmp_path), fills=jobs)["fills"]
    counts = [
        check(processor, page, filled_by_the_package(processor, CONTEXT, job))
        for page, job in zip(pages, jobs, strict=True)
    ]
    assert sum(count > 0 for count in counts) > PIECES / 2
    assert sum(counts) > 10_000


def fill_all(processor, tmp_path, data, last_bar=1, tracks=None):
    """Jobs of several seeds that write the first bars of a file anew, with what both make of them."""
    write_step(tmp_path, processor, CONTEXT)
    wishes = {"first_bar": 1, "last_bar": last_bar} | ({} if tracks is None else {"tracks": tracks})
    drawn = {"temperature": 1.0, "topP": 1.0, "wishes": wishes, "midi": b64encode(data).decode()}
    jobs = [{"seed": seed, **drawn} for seed in range(12)]
    pages = run_page(tmp_path, folder=str(tmp_path), fills=jobs)["fills"]
    for page, job in zip(pages, jobs, strict=True):
        assert check(processor, page, filled_by_the_package(processor, CONTEXT, job))
    return [b64decode(page["midi"]) for page in pages]


def two_voices(program=0):
    """Two tracks of a long note each, and quick ones beside it."""
    score = ScoreTick(480)
    for number in range(2):
        track = TrackTick("", program + 8 * number, False)
        track.notes.append(NoteTick(0, 8 * 480, 60, 70))
        for beat in range(16):
            track.notes.append(NoteTick(480 * beat, 240, 64 + beat % 5, 50 + beat))
        score.tracks.append(track)
    return score


def test_what_is_no_note_stays_byte_for_byte(processor, tmp_path):
    """Controllers, words, names, markers, keys and tempos; and the whole track that is not written anew."""
    score = two_voices()
    score.tracks[0].name = "Right"
    score.tracks[0].controls.extend([ControlChangeTick(0, 7, 100), ControlChangeTick(700, 64, 127)])
    score.tracks[0].lyrics.append(TextMetaTick(480, "la"))
    score.markers.append(TextMetaTick(960, "A"))
    score.key_signatures.append(KeySignatureTick(0, 3, 0))
    score.tempos.append(TempoTick(960, 90.0))
    data = midi_bytes(score)
    last_track = data[data.rindex(b"MTrk") :]
    for filled in fill_all(processor, tmp_path, data, last_bar=2, tracks=[1]):
        now = read_midi(filled)
        assert last_track in filled
        first = next(track for track in now.tracks if track.name == "Right")
        assert (first.controls, first.lyrics) == (score.tracks[0].controls, score.tracks[0].lyrics)
        assert (now.markers, now.key_signatures, now.tempos) == (
            read_midi(data).markers,
            score.key_signatures,
            score.tempos,
        )


def messages(*events):
    """The bytes of a track of a MIDI file, its end included."""
    body = b"".join(bytes(event) for event in [*events, (0, 0xFF, 0x2F, 0)])
    return b"MTrk" + len(body).to_bytes(4, "big") + body


def file_of(format_, *tracks):
    return b"MThd" + (6).to_bytes(4, "big") + bytes([0, format_, 0, len(tracks), 0, 96]) + b"".join(tracks)


QUARTERS = [
    (0, 0x90, 60, 80),
    (96, 60, 0),
    (0, 64, 80),
    (96, 64, 0),
    (0, 67, 80),
    (96, 67, 0),
    (0, 72, 70),
    (96, 72, 0),
]
"""A bar with a running status, notes ended by note-ons without velocity."""
HELD = [(0, 0x90, 60, 90), (0, 0x90, 67, 80), (96, 0x80, 67, 0), (0x83, 0x00, 0x80, 60, 0)]
"""A note that is held for a bar, and one that another voice plays meanwhile."""
FILES = {
    "one track, a running status": file_of(0, messages((0, 0xC0, 9), *QUARTERS, *QUARTERS)),
    "two programs on one channel": file_of(
        0, messages((0, 0xC0, 9), *QUARTERS, (0, 0xC0, 40), *QUARTERS, (0, 0xC0, 9), *QUARTERS)
    ),
    "two tracks on one channel, a program each": file_of(
        1, messages((0, 0xC0, 9), *QUARTERS, *QUARTERS), messages((0, 0xC0, 40), *QUARTERS, *QUARTERS)
    ),
    "a program said in another track": file_of(1, messages((0, 0xC0, 41)), messages(*QUARTERS, *QUARTERS)),
    "a note that nothing ends": file_of(1, messages((0, 0x90, 62, 80), *QUARTERS, *QUARTERS)),
    "notes that a controller ends": file_of(1, messages(*QUARTERS, (0, 0x90, 62, 80), (96, 0xB0, 123, 0), *QUARTERS)),
    "voices that cross": file_of(1, messages(*HELD, *HELD, *QUARTERS)),
    "drums": file_of(
        1, messages(*[(event[0], 0x99, *event[2:]) if event[1] == 0x90 else event for event in QUARTERS])
    ),
    "a track that ends early": file_of(1, messages(*QUARTERS[:4]), messages(*QUARTERS, *QUARTERS)),
}


@pytest.mark.parametrize("data", FILES.values(), ids=FILES.keys())
def test_files_of_all_kinds_keep_their_other_notes(processor, tmp_path, data):
    """However a file says its notes, programs and channels; `check` compares them one by one."""
    fill_all(processor, tmp_path, data)


@pytest.mark.slow
def test_fills_of_real_pieces_are_the_same(shared_data, tmp_path):
    """By the vocabulary of the shipped model: chorales, songs and folk tunes."""
    from symbolic_music.tokenization.processing_music import MusicProcessor

    processor = MusicProcessor.from_pretrained(ROOT / "model_cards" / "gpt2-music-infill")
    write_step(tmp_path, processor, 1024)
    folders = ("midi_satb/js_fakes", "midi_song/openscore_lieder", "midi_multi")
    paths = [path for name in folders for path in sorted(shared_data(name).rglob("*.mid"))[:20]]
    jobs = [random_job(seed, path.read_bytes()) for seed, path in enumerate(paths)]
    pages = run_page(tmp_path, folder=str(tmp_path), fills=jobs)["fills"]
    counts = []
    for page, job in zip(pages, jobs, strict=True):
        counts.append(check(processor, page, filled_by_the_package(processor, 1024, job)))
    assert sum(count > 0 for count in counts) >= 50
    assert sum(counts) > 4_000
