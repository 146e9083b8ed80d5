"""`**kern` scores read by us, by partitura, music21 and verovio: the same notes? And how fast we read a whole corpus.

    python tests/benchmarks/bench_kern_readers.py [--corpus shared/data/corpora/polish-scores.tar.xz] [--files 200]

Notes are compared as written, repeats not played out, ties joined, grace notes left out: onset and length in quarter
notes (to a 500th: partitura and verovio round) and MIDI pitch; a pitch that several voices begin at once and hold
equally long counts once. The agreement of two readers on a file is the number of notes that both have over the number
of the one that has more; they agree on a file where it is at least 0.999. verovio's time map does not add up all ties:
with it onsets and pitches are compared. The other readers are slow, partitura with about 50 KB a second and music21
with a quarter of that: `--files` files are compared, those whose name has the least SHA-256 among those of at most
`--most-bytes`. Each is read in a process of its own, with a time limit. What was compared is kept after every file: a
run that is broken off goes on where it was.

Where the others agree and we do not, they drop ties (looked up in the files): of one note among chords, `8e [8g 8cc`
to `8d 8g] 8b`, and into or out of a spine that is split. The table counts them against us.

The speed is that of `read_humdrum_pieces`, bytes to played Scores, on every file of the corpus, one after the other,
in the time of the processor; unpacking the archive is not counted.
"""

import argparse
import contextlib
import hashlib
import json
import multiprocessing
import os
import sys
import tarfile
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path, PurePosixPath

from _report import report

from symbolic_music.score.errors import ScoreError
from symbolic_music.score.humdrum.read import read_humdrum_pieces, read_written
from symbolic_music.score.notation.assemble import assemble

CORPUS = Path(__file__).parents[2] / "shared" / "data" / "corpora" / "polish-scores.tar.xz"
AGREED = 0.999
SECONDS = 240
Note = tuple[int, int, int]


def members(corpus: Path) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of every score of the archive, as it is stored."""
    with tarfile.open(corpus, "r|*") as archive:
        for member in archive:
            if member.isfile() and member.name.endswith(".krn"):
                file = archive.extractfile(member)
                assert file is not None
                yield member.name, file.read()


def note_of(onset: float | Fraction, length: float | Fraction, pitch: int) -> Note:
    return round(500 * float(onset)), round(500 * float(length)), int(pitch)


def our_notes(path: Path) -> set[Note]:
    """As written: bars once each, without grace notes and without the delay of an upbeat."""
    notes = set()
    for written in read_written(path.read_bytes(), path):
        written = replace(
            written, notes=written.notes.take(written.notes.grace == 0), play_order=list(range(len(written.bars)))
        )
        score = assemble(written).score
        first = written.bars[0]
        whole = Fraction(4 * first.meter[0], first.meter[1]) if first.meter else first.length
        delay = max(Fraction(0), whole - first.length)
        for track in score.tracks:
            columns = track.notes.numpy()
            for onset, length, pitch in zip(
                *(columns[name].tolist() for name in ("time", "duration", "pitch")), strict=True
            ):
                start = Fraction(onset, score.ticks_per_quarter) - delay
                notes.add(note_of(start, Fraction(length, score.ticks_per_quarter), pitch))
    return notes


def partitura_notes(path: Path) -> set[Note]:
    import partitura

    notes = set()
    for part in partitura.load_kern(str(path)).parts:
        for note in part.notes_tied:
            if type(note).__name__ == "GraceNote":
                continue
            divisions = part._quarter_durations[0]
            start, length = Fraction(int(note.start.t), divisions), Fraction(int(note.duration_tied), divisions)
            notes.add(note_of(start, length, note.midi_pitch))
    return notes


def music21_notes(path: Path) -> set[Note]:
    import music21

    notes = set()
    for part in music21.converter.parse(path, format="humdrum", forceSource=True).parts:
        for note in part.stripTies(matchByPitch=True).flatten().notes:
            if note.duration.isGrace or not note.duration.quarterLength or "ChordSymbol" in note.classes:
                continue
            for pitch in note.pitches:
                notes.add(note_of(note.offset, note.duration.quarterLength, pitch.midi))
    return notes


def verovio_notes(path: Path) -> set[Note]:
    import verovio

    verovio.enableLog(verovio.LOG_OFF)
    toolkit = verovio.toolkit()
    toolkit.setOptions({"inputFrom": "humdrum", "breaks": "none", "expandNever": True})
    if not toolkit.loadData(path.read_text(errors="replace")):
        raise ValueError("verovio cannot load it")
    begun: dict[str, float] = {}
    notes = set()
    for entry in toolkit.renderToTimemap({}):
        for name in entry.get("off", ()):
            if name in begun:
                onset = begun.pop(name)
                notes.add(note_of(onset, entry["qstamp"] - onset, toolkit.getMIDIValuesForElement(name)["pitch"]))
        begun.update(dict.fromkeys(entry.get("on", ()), entry["qstamp"]))
    return notes


READERS = {"ours": our_notes, "partitura": partitura_notes, "music21": music21_notes, "verovio": verovio_notes}
PAIRS = [(one, other) for one in READERS for other in READERS if one < other]


def read_into(reader: str, path: Path, found: multiprocessing.Queue) -> None:
    """The notes that a reader finds, or what it raised."""
    warnings.simplefilter("ignore")
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        try:
            found.put(sorted(READERS[reader](path)))
        except Exception as error:
            found.put(f"{type(error).__name__}: {error}"[:200])


def preload() -> None:
    """Import the other readers once, not in each child."""
    import music21  # noqa: F401
    import partitura  # noqa: F401


def read_apart(reader: str, path: Path) -> list[Note] | str:
    """The notes that a reader finds within the time limit, in a process of its own."""
    context = multiprocessing.get_context("fork")
    found: multiprocessing.Queue = context.Queue()
    process = context.Process(target=read_into, args=(reader, path, found), daemon=True)
    process.start()
    try:
        return found.get(timeout=SECONDS)
    except Exception:
        return f"no answer in {SECONDS} seconds"
    finally:
        process.kill()
        process.join()


def agreement(notes: dict[str, list[Note] | str], one: str, other: str) -> float | None:
    """Shared notes over those of the reader that has more; None where one cannot read the file."""
    found = [notes[one], notes[other]]
    if any(isinstance(each, str) for each in found):
        return None
    if "verovio" in (one, other):
        left, right = ({(onset, pitch) for onset, _, pitch in each} for each in found)
    else:
        left, right = map(set, found)
    return len(left & right) / max(len(left), len(right), 1)


def compare(name: str, data: bytes) -> dict:
    """One file by all readers."""
    with tempfile.TemporaryDirectory(prefix="kern-") as folder:
        path = Path(folder, "score.krn")
        path.write_bytes(data)
        notes = {reader: read_apart(reader, path) for reader in READERS}
    return {
        "file": PurePosixPath(name).name,
        "bytes": len(data),
        "notes": {reader: found if isinstance(found, str) else len(found) for reader, found in notes.items()},
        "agreement": {f"{one}-{other}": agreement(notes, one, other) for one, other in PAIRS},
    }


def rank(name: str) -> str:
    return hashlib.sha256(PurePosixPath(name).name.encode()).hexdigest()


def compared(corpus: Path, count: int, most_bytes: int, kept: Path) -> list[dict]:
    """The comparison of the chosen files; what `kept` holds is not done again."""
    preload()
    done = json.loads(kept.read_text()) if kept.exists() else {}
    small = {name: data for name, data in members(corpus) if len(data) <= most_bytes}
    chosen = sorted(small, key=rank)[:count]
    for number, name in enumerate(chosen, 1):
        if name not in done:
            done[name] = compare(name, small[name])
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.write_text(json.dumps(done))
            print(number, done[name], flush=True)
    return [done[name] for name in chosen]


def agrees(row: dict, *readers: str) -> bool:
    """Whether all of these readers have the same notes of a file."""
    pairs = ["-".join(sorted((one, other))) for one in readers for other in readers if one < other]
    return all((row["agreement"][pair] or 0) >= AGREED for pair in pairs)


def summary(rows: list[dict]) -> list[dict]:
    """For each two other readers: the files on which they agree, and on how many of those we agree with them."""
    others = [reader for reader in READERS if reader != "ours"]
    table = []
    for one, other in [pair for pair in PAIRS if "ours" not in pair]:
        both = [row for row in rows if agrees(row, one, other)]
        notes = sum(row["notes"][one] for row in both)
        shared = sum(row["notes"][one] * row["agreement"]["-".join(sorted(("ours", one)))] for row in both)
        table.append(
            {
                "readers": f"{one}, {other}",
                "files compared": len(rows),
                "both read": sum(not isinstance(row["notes"][each], str) for row in rows for each in (one, other))
                // 2,
                "agree": len(both),
                "we too": sum(agrees(row, "ours", one, other) for row in both),
                "notes": notes,
                "our share": round(shared / max(notes, 1), 6),
            }
        )
    alone = [row["file"] for row in rows if not any(agrees(row, "ours", other) for other in others)]
    print("files on which we agree with nobody:", *alone, sep="\n  ")
    return table


def speed(corpus: Path) -> dict:
    """Bytes a second of every file of a corpus, notes, refusals by name and what is left out by kind."""
    seconds, total, files, notes, slowest = 0.0, 0, 0, 0, ("", 0.0)
    refused: Counter[str] = Counter()
    left_out: Counter[str] = Counter()
    for name, data in members(corpus):
        began = time.process_time()
        try:
            pieces = read_humdrum_pieces(data, Path(name)).pieces
        except ScoreError as error:
            refused[str(error.refusal)] += 1
            print(error)
            pieces = []
        took = time.process_time() - began
        seconds, total, files = seconds + took, total + len(data), files + 1
        slowest = max(slowest, (PurePosixPath(name).name, took), key=lambda each: each[1])
        for piece in pieces:
            notes += piece.score.note_num()
            left_out += piece.left_out
    return {
        "files": files,
        "megabytes": round(total / 1e6, 1),
        "seconds": round(seconds, 1),
        "megabytes_a_second": round(total / 1e6 / seconds, 2),
        "notes_played": notes,
        "refused": dict(refused.most_common()),
        "slowest": [slowest[0], round(slowest[1], 2)],
        "left_out": dict(left_out.most_common()),
    }


def kept_speed(corpus: Path, kept: Path) -> dict:
    """The speed as it was measured before the run was broken off, or measured now."""
    path = kept.with_suffix(".speed.json")
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(speed(corpus)))
    return json.loads(path.read_text())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corpus", type=Path, default=CORPUS)
    parser.add_argument("--files", type=int, default=200, help="how many to compare")
    parser.add_argument("--most-bytes", type=int, default=16_000, help="of a file that is compared")
    parser.add_argument("--kept", type=Path, default=Path("runs/kern_readers.json"), help="comparisons done so far")
    parser.add_argument("--skip-speed", action="store_true")
    arguments = parser.parse_args()
    if not arguments.corpus.is_file():
        sys.exit(f"{arguments.corpus}: expected the archive of scores, found none")
    facts = {} if arguments.skip_speed else {"speed": kept_speed(arguments.corpus, arguments.kept)}
    rows = compared(arguments.corpus, arguments.files, arguments.most_bytes, arguments.kept)
    table = summary(rows)
    differing = [row for row in rows if agrees(row, "music21", "partitura") and not agrees(row, "ours", "music21")]
    report("bench_kern_readers", table, differing=differing, **facts)


if __name__ == "__main__":
    main()
