"""MIDI -> MusicXML -> MIDI: notes kept, as our reader, partitura and music21 read the file, and notes a second.

    python tests/benchmarks/bench_musicxml_export.py [--data ../shared/data] [--every 1] [--others-every 25]

A note is on the grid when its onset and duration are whole 480ths of a quarter note, as in `bench_abc_export`; it is
kept when pitch, onset, duration and program (drums by themselves) come back, "with velocity" when that does, too. Of
`openewld` and `lieder` (MusicXML -> Piece -> MusicXML) every fifth file is read, and chord symbols are counted, too.
partitura and music21 read every `--others-every`th file, with pitch, onset and duration alone. Files that are done are
kept beside the output, one JSON object a line, so an interrupted run goes on where it stopped.
"""

import argparse
import json
import tempfile
import time
import warnings
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from _report import RESULTS, report

from symbolic_music.score.errors import ScoreError
from symbolic_music.score.files import read_bytes
from symbolic_music.score.musicxml.write import musicxml_text
from symbolic_music.score.piece import Piece

FOLDERS = ("midi_multi", "midi_song")
ARCHIVES = {"openewld": "corpora/openewld.zip", "lieder": "corpora/openscore-lieder.zip"}
CLOCK = 480


def sources(data: Path, every: int) -> Iterator[tuple[str, str, bytes]]:
    """Collection, name and bytes of every file to measure."""
    for collection in FOLDERS:
        paths = sorted(path for path in (data / collection).rglob("*") if path.suffix.lower() in (".mid", ".midi"))
        for path in paths[::every]:
            yield collection, str(path.relative_to(data)), path.read_bytes()
    for collection, archive_name in ARCHIVES.items():
        if not (data / archive_name).exists():
            continue
        with zipfile.ZipFile(data / archive_name) as archive:
            names = sorted(name for name in archive.namelist() if name.endswith((".mxl", ".musicxml", ".xml")))
            for name in names[:: 5 * every]:
                yield collection, name, archive.read(name)


def notes_of(score, with_velocity: bool = False, only_on_grid: bool = True) -> Counter:
    """(program, onset, duration, pitch) of the notes, in quarter notes."""
    notes: Counter = Counter()
    for track in score.tracks:
        program = -1 if track.is_drum else track.program
        for note in track.notes:
            onset, length = (Fraction(value, score.ticks_per_quarter) for value in (note.time, note.duration))
            if length and not (only_on_grid and (onset * CLOCK % 1 or length * CLOCK % 1)):
                notes[(program, onset, length, note.pitch, *([note.velocity] if with_velocity else []))] += 1
    return notes


def measure(name: str, data: bytes, with_others: bool) -> dict:
    """What comes back of one file."""
    piece = read_bytes(data, Path(name)).pieces[0]
    started = time.perf_counter()
    text = musicxml_text(piece)
    seconds = time.perf_counter() - started
    back = read_bytes(text.encode(), Path("back.musicxml")).pieces[0]
    only_on_grid = Path(name).suffix.lower() in (".mid", ".midi")
    wanted = notes_of(piece.score, only_on_grid=only_on_grid)
    loud = notes_of(piece.score, True, only_on_grid)
    row = {
        "notes": wanted.total(),
        "kept": (wanted & notes_of(back.score)).total() if only_on_grid else kept_all(wanted, back),
        "kept_with_velocity": (loud & notes_of(back.score, True, only_on_grid)).total(),
        "extra": (notes_of(back.score, only_on_grid=False) - notes_of(piece.score, only_on_grid=False)).total(),
        "chords": len(piece.chords),
        "chords_kept": (Counter(piece.chords) & Counter(back.chords)).total(),
        "bytes": len(text),
        "seconds": seconds,
    }
    return row | (others(piece, text) if with_others else {})


def kept_all(wanted: Counter, back: Piece) -> int:
    """Notes kept wherever they stand."""
    return (wanted & notes_of(back.score, only_on_grid=False)).total()


def others(piece: Piece, text: str) -> dict:
    """Notes that partitura and music21 find where they were, in 96ths of a quarter; drums are left out.

    partitura ends in an AttributeError where two drums sound at once, so both read the piece without its drums.
    """
    if any(track.is_drum for track in piece.score.tracks):
        score = piece.score.copy()
        score.tracks = [track for track in score.tracks if not track.is_drum]
        if not score.note_num():
            return {}
        piece = replace(piece, score=score)
        text = musicxml_text(piece)
    wanted: Counter = Counter()
    for track in piece.score.tracks:
        wanted.update(
            (step(note.time, piece.score), step(max(note.duration, 1), piece.score), note.pitch)
            for note in track.notes
        )
    row: dict = {"compared": wanted.total()}
    for name, reader in (("partitura", partitura_notes), ("music21", music21_notes)):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found = aligned(reader(text), wanted)
            row[name] = (wanted & found).total()
        except Exception as error:  # what another program stumbles over is its answer
            row[f"{name}_error"] = f"{type(error).__name__}: {error}"[:120]
    return row


def step(ticks: int, score) -> int:
    """Ticks in 96ths of a quarter note, rounded."""
    return round(ticks * 96 / score.ticks_per_quarter)


def aligned(found: Counter, wanted: Counter) -> Counter:
    """Notes moved so that the first begins where it should: others count from the first bar line, upbeat or not."""
    if not found or not wanted:
        return found
    shift = min(wanted)[0] - min(found)[0]
    return Counter({(onset + shift, length, pitch): count for (onset, length, pitch), count in found.items()})


def partitura_notes(text: str) -> Counter:
    """Notes as partitura reads them, ties joined."""
    import partitura

    found: Counter = Counter()
    with tempfile.NamedTemporaryFile(suffix=".musicxml") as file:
        file.write(text.encode())
        file.flush()
        for part in partitura.load_musicxml(file.name).parts:
            for note in part.note_array():
                row = (round(float(note["onset_quarter"]) * 96), round(float(note["duration_quarter"]) * 96))
                found[(*row, int(note["pitch"]))] += 1
    return found


def music21_notes(text: str) -> Counter:
    """Notes as music21 reads them, ties joined."""
    from music21 import converter

    found: Counter = Counter()
    for part in converter.parseData(text, format="musicxml").stripTies().parts:
        for element in part.flatten().notes:
            if (
                "Unpitched" in element.classes
                or "ChordSymbol" in element.classes
                or "PercussionChord" in element.classes
            ):
                continue
            for pitch in element.pitches:
                row = (round(float(element.offset) * 96), round(float(element.quarterLength) * 96))
                found[(*row, pitch.midi)] += 1
    return found


def main() -> None:
    """Measure every file that is not measured yet; print and keep the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[3] / "shared" / "data")
    parser.add_argument("--every", type=int, default=1, help="only every so many files")
    parser.add_argument("--others-every", type=int, default=25, help="files that partitura and music21 read")
    parser.add_argument("--progress", type=Path, default=RESULTS / "musicxml_export.jsonl")
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    done = {}
    if options.progress.exists():
        done = {row["name"]: row for row in map(json.loads, options.progress.read_text().splitlines())}
    with options.progress.open("a") as progress:
        for number, (collection, name, data) in enumerate(sources(options.data, options.every)):
            if name in done:
                continue
            try:
                row = measure(name, data, number % options.others_every == 0)
            except ScoreError as error:
                row = {"refused": str(error.refusal)}
            done[name] = {"name": name, "collection": collection, **row}
            progress.write(json.dumps(done[name]) + "\n")
            progress.flush()
    report("musicxml_export", summary(list(done.values())), options.output)
    options.progress.unlink()


def summary(rows: list[dict]) -> list[dict]:
    """One line for each collection."""
    table = []
    for collection in (*FOLDERS, *ARCHIVES):
        mine = [row for row in rows if row["collection"] == collection]
        written = [row for row in mine if "notes" in row]
        if not written:
            continue
        total = Counter()
        for row in written:
            total.update({key: value for key, value in row.items() if isinstance(value, (int, float))})
        for name in ("partitura", "music21"):
            total[f"{name}_of"] = sum(row["compared"] for row in written if name in row)
        table.append(
            {
                "collection": collection,
                "files": len(mine),
                "refused": len(mine) - len(written),
                "notes": total["notes"],
                "kept_%": percent(total["kept"], total["notes"]),
                "with_velocity_%": percent(total["kept_with_velocity"], total["notes"]),
                "extra": total["extra"],
                "worst_file_%": min(percent(row["kept"], row["notes"]) for row in written if row["notes"]),
                "chords": total["chords"],
                "chords_kept_%": percent(total["chords_kept"], total["chords"]),
                "partitura_%": percent(total["partitura"], total["partitura_of"]),
                "partitura_errors": sum("partitura_error" in row for row in written),
                "music21_%": percent(total["music21"], total["music21_of"]),
                "music21_errors": sum("music21_error" in row for row in written),
                "notes_per_s": round(total["notes"] / total["seconds"]),
            }
        )
    return table


def percent(part: float, whole: float) -> float:
    """In hundredths of a per cent; 0 of 0 is none missing."""
    return round(100 * part / whole, 3) if whole else 100.0


if __name__ == "__main__":
    main()
