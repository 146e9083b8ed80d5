"""Bars that the page writes anew are those that the package writes: the same window, grammar, tokens and notes."""

import hashlib
import json
from base64 import b64decode, b64encode
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from page_in_node import NODE, run_page, values
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


def notes_of(score):
    """By program, the notes in order, drums as -1."""
    found = {}
    for track in score.tracks:
        notes = [(note.time, note.duration, note.pitch, note.velocity) for note in track.notes]
        found.setdefault(-1 if track.is_drum else track.program, []).extend(notes)
    return {program: sorted(notes) for program, notes in found.items()}


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
    assert sum(counts) > 1_500


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
    for path, page, job in zip(paths, pages, jobs, strict=True):
        print(path, job["wishes"])
        counts.append(check(processor, page, filled_by_the_package(processor, 1024, job)))
    assert sum(count > 0 for count in counts) >= 50
    assert sum(counts) > 5_000
