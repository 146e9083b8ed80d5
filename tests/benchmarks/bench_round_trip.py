"""Every usable file of the shared MIDI folders through the codec and back, and its ids against MidiTok's own.

    python tests/benchmarks/bench_round_trip.py

A file counts as exact when decode(encode(s)) equals quantise(s) note for note, with tempos and meters, and
encode(decode(e)) equals e. Its ids count as equal when the fast tokenizer, reading event names as text, gives the ids
that MidiTok gives for the same Score. Also prints how fast each way is.
"""

import argparse
import os
import time
from multiprocessing import Pool
from pathlib import Path

import miditok
from _report import report
from transformers import AutoTokenizer

from symbolic_music.score.checks import ScoreError
from symbolic_music.score.midi.io import read_midi
from symbolic_music.tokenization.processing_music import MIDITOK_FILE, MusicProcessor

FOLDERS = ("midi_multi", "midi_piano", "midi_satb", "midi_song")
TOKENIZER = Path("tokenizer_assets/remi-folk")
_STATE: dict = {}


def prepare(tokenizer: Path) -> None:
    _STATE["processor"] = MusicProcessor.from_pretrained(tokenizer)
    _STATE["fast"] = AutoTokenizer.from_pretrained(tokenizer)
    _STATE["miditok"] = miditok.REMI(params=tokenizer / MIDITOK_FILE)


def contents(score) -> tuple:
    """All that a quantised Score says."""
    notes = [
        (track.program, track.is_drum, note.time, note.duration, note.pitch, note.velocity)
        for track in score.tracks
        for note in track.notes
    ]
    meters = [(meter.time, meter.numerator, meter.denominator) for meter in score.time_signatures]
    return notes, meters, [(tempo.time, round(tempo.qpm, 2)) for tempo in score.tempos]


def check(path: Path) -> dict:
    """One file: whether it is usable, exact and has equal ids; events, notes, seconds."""
    codec, tokenizer = _STATE["processor"].codec, _STATE["miditok"]
    try:
        score = read_midi(path)
    except ScoreError:
        return {"usable": False}
    if score.note_num() == 0:
        return {"usable": False}
    started = time.perf_counter()
    quantised = codec.quantise(score)
    events = codec.encode_quantised(quantised)
    encoded = time.perf_counter()
    decoded = codec.decode(events)
    finished = time.perf_counter()
    own = _STATE["processor"].encode_events(events, add_bos=False, add_eos=False)
    return {
        "usable": True,
        "exact": contents(decoded) == contents(quantised) and codec.encode(decoded) == events,
        "equal ids": _STATE["fast"](" ".join(events))["input_ids"] == own
        and tokenizer.encode(quantised, no_preprocess_score=True).ids == own,
        "notes": quantised.note_num(),
        "events": len(events),
        "encode s": encoded - started,
        "decode s": finished - encoded,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--music", type=Path, default=os.environ.get("SYMBOLIC_MUSIC_SHARED_DATA", "../shared/data"))
    parser.add_argument("--tokenizer", type=Path, default=TOKENIZER)
    arguments = parser.parse_args()
    rows = []
    with Pool(initializer=prepare, initargs=(arguments.tokenizer,)) as pool:
        for folder in FOLDERS:
            paths = sorted((Path(arguments.music) / folder).rglob("*.mid"))
            results = [result for result in pool.imap(check, paths, chunksize=8) if result["usable"]]
            rows.append(
                {
                    "folder": folder,
                    "files": len(paths),
                    "usable": len(results),
                    "exact": sum(result["exact"] for result in results),
                    "equal ids": sum(result["equal ids"] for result in results),
                    "notes": sum(result["notes"] for result in results),
                    "events/note": sum(r["events"] for r in results) / max(sum(r["notes"] for r in results), 1),
                    "encode files/s/core": len(results) / max(sum(r["encode s"] for r in results), 1e-9),
                    "decode files/s/core": len(results) / max(sum(r["decode s"] for r in results), 1e-9),
                }
            )
    report("bench_round_trip", rows, goal="exact and equal ids for every usable file")


if __name__ == "__main__":
    main()
