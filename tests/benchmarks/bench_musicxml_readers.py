"""MusicXML: our notes against those of partitura, music21 and verovio, file by file; and how fast we read.

    python tests/benchmarks/bench_musicxml_readers.py --cache FOLDER --skip-speed [--corpora FOLDER] [--minutes 60]
    python tests/benchmarks/bench_musicxml_readers.py --speed-only [--corpora FOLDER] [--minutes-music21 10]

What is compared are the notes before repeats are played out, at sounding pitch, as (onset, duration, pitch) in quarter
notes from the first bar line of the file: first as written, each note head for itself, then with ties joined. Grace
notes and notes without pitch are left out on all sides: readers give them no length, or none that is written. music21
is asked for its object tree at sounding pitch (`toSoundingPitch`), never for MIDI, and for ties for `stripTies`;
partitura for its parts' notes, with the transposition that it read; verovio, which never transposes what is not asked
for and crashes on some files, in a process of its own, for MIDI without repeats. Times match within 1/40 quarter note.
The results that are kept were made without verovio (`--readers partitura music21`).

Every other reader's answer is kept in the cache folder, so an interrupted run goes on where it stopped; a file that
takes a reader longer than `--seconds` counts as not read by it. The smallest files are read first, and after
`--minutes` no more are begun.

Each of the two commands keeps what the other wrote to the results.

Speed: the string quartets, all of them, one by one, as played notes, in CPU time of the process. music21 reads some of
them in the same run: the smallest and those at the 10th, 25th and 50th percentile by size, in this order, as far as it
gets in `--minutes-music21` of its CPU time. It is timed twice over: for its object tree alone (`converter.parseData`),
and for played notes (that, and `midi.translate.streamToMidiFile`). A file that takes it longer than 200 s, or
than what is left of its time, is given up and counts as that long; what is then given as "times" is the least that it
can be.
"""

import argparse
import base64
import io
import json
import re
import signal
import sys
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
from _report import RESULTS, commit, machine_class, report

from symbolic_music.data.preparation.processes import Processes
from symbolic_music.data.sources.named.packaged import music21_corpus_folder
from symbolic_music.score.errors import ScoreError
from symbolic_music.score.musicxml.read import read_musicxml_pieces, read_written
from symbolic_music.score.notation.assemble import assemble
from symbolic_music.score.notation.timeline import timeline

LIEDER = 300
GRID = 0.0231
"""Times are counted in these steps, twice, shifted by half a step; no usual note value lies at a border of both."""
AGREE = 0.999
PERCENTILES = (0, 10, 25, 50)
MUSIC21_LIMIT = 200.0
Notes = np.ndarray
Answer = dict[str, Notes]
File = tuple[str, bytes]


def zipped(path: Path) -> Iterator[File]:
    with zipfile.ZipFile(path) as archive:
        for name in sorted(archive.namelist()):
            if name.lower().endswith((".mxl", ".xml", ".musicxml")):
                yield name, archive.read(name)


def music21_files() -> Iterator[File]:
    folder = music21_corpus_folder()
    for path in sorted(folder.rglob("*")):
        if path.suffix in (".mxl", ".xml", ".musicxml"):
            yield path.relative_to(folder).as_posix(), path.read_bytes()


def corpora(folder: Path) -> dict[str, list[File]]:
    lieder = list(zipped(folder / "openscore-lieder.zip"))
    every = len(lieder) / LIEDER
    return {
        "music21": list(music21_files()),
        "OpenEWLD": list(zipped(folder / "openewld.zip")),
        "Lieder": [lieder[int(number * every)] for number in range(LIEDER)],
    }


# The readers; each gives an array of (onset, duration, pitch) rows, "heads" as written and "joined" with ties.


def table(rows: list[tuple[float, float, float]]) -> Notes:
    return np.array(rows, np.float64).reshape(-1, 3)


def ours(name: str, data: bytes) -> Answer:
    score = read_written(data, Path(name)).score
    order = list(range(len(score.bars)))
    line = timeline(score.bars, order)
    starts = (np.array(line.positions[:-1], float) - line.positions[0]) / line.unit
    notes = score.notes
    programs = np.array([track.program for track in score.tracks], np.int64)
    plain = (notes.grace == 0) & (programs[notes.track] >= 0) if len(notes) else np.zeros(0, bool)
    cues = np.array(score.left_out["cue notes"])
    if not plain.any():
        return {"heads": table([]), "joined": table([]), "apart": table([]), "cue notes": cues}
    alone = part_starts(unzipped(name, data))
    starts_apart = [alone[part][bar] for part, bar in zip(notes.part.tolist(), notes.bar.tolist(), strict=True)]
    heads, apart = (
        np.column_stack([begins + notes.onset / notes.unit, notes.duration / notes.unit, notes.pitch.astype(float)])
        for begins in (starts[notes.bar], np.array(starts_apart))
    )
    played = assemble(replace(score, notes=notes.take(plain), play_order=order)).score
    delay = float(line.start(0))
    joined = [
        (note.time / played.tpq - delay, note.duration / played.tpq, note.pitch)
        for track in played.tracks
        for note in track.notes
    ]
    return {"heads": heads[plain], "joined": table(joined), "apart": apart[plain], "cue notes": cues}


def part_starts(text: str) -> list[list[float]]:
    """Where each measure of each part begins, in quarter notes, when a part goes on where its last measure ended.

    That is how partitura lays measures out, and music21 mostly; a second reading of the file, without our reader.
    """
    parts = []
    for part in ElementTree.fromstring(text).iter("part"):
        divisions, starts = 1.0, [0.0]
        for measure in part.iter("measure"):
            now = end = 0.0
            for element in measure:
                divisions = float(element.findtext("divisions") or divisions)
                length = float(element.findtext("duration") or 0) / divisions
                counts = element.find("chord") is None and element.find("grace") is None
                if element.tag in ("note", "forward", "backup") and counts:
                    now += -length if element.tag == "backup" else length
                end = max(end, now)
            starts.append(starts[-1] + end)
        parts.append(starts)
    return parts


def by_partitura(name: str, data: bytes) -> Answer:
    import partitura
    from partitura.score import GraceNote, Note, Transposition

    heads, joined = [], []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "score.musicxml"
        path.write_text(unzipped(name, data), "utf-8")
        score = partitura.load_musicxml(path, quiet=True)
    for part in score.parts:
        quarter, first = part.quarter_map, float(part.quarter_map(0))
        shifts = [(each.start.t, each.chromatic or 0) for each in part.iter_all(Transposition)]
        for note in part.iter_all(Note, include_subclasses=False):
            if isinstance(note, GraceNote):
                continue
            shift = next((chromatic for start, chromatic in reversed(shifts) if start <= note.start.t), 0)
            onset, end = float(quarter(note.start.t)) - first, float(quarter(note.end.t)) - first
            heads.append((onset, end - onset, note.midi_pitch + shift))
            if note.tie_prev is None:
                until = float(quarter(note.end_tied.t)) - first
                joined.append((onset, until - onset, note.midi_pitch + shift))
    return {"heads": table(heads), "joined": table(joined)}


def by_music21(name: str, data: bytes) -> Answer:
    import warnings

    from music21 import chord, converter, harmony, note

    warnings.simplefilter("ignore")
    text = unzipped(name, data)
    score = converter.parseData(text, format="musicxml")
    score.toSoundingPitch(inPlace=True)

    def rows(parts: Any) -> Notes:
        found = []
        for part in parts:
            for each in part.recurse().notes:
                if isinstance(each, harmony.ChordSymbol) or each.duration.isGrace:
                    continue
                if not isinstance(each, note.Note | chord.Chord):
                    continue
                onset = float(each.getOffsetInHierarchy(part))
                found += [(onset, float(each.quarterLength), pitch.midi) for pitch in each.pitches]
        return table(found)

    heads = rows(score.parts)
    return {"heads": heads, "joined": rows([part.stripTies() for part in score.parts])}


def by_verovio(name: str, data: bytes) -> Answer:
    import verovio
    from symusic import Score

    verovio.enableLog(verovio.LOG_OFF)
    toolkit = verovio.toolkit()
    toolkit.setInputFrom("musicxml")
    toolkit.setOptions({"expandNever": True, "midiNoCue": True})
    if not toolkit.loadData(unzipped(name, data)):
        raise ValueError("not loaded")
    score = Score.from_midi(base64.b64decode(toolkit.renderToMIDI()))
    rows = [
        (note.time / score.tpq, note.duration / score.tpq, note.pitch)
        for track in score.tracks
        if not track.is_drum
        for note in track.notes
    ]
    return {"heads": table([]), "joined": table(rows)}


def unzipped(name: str, data: bytes) -> str:
    """The XML as text, for readers that take no zip archive from memory."""
    if data[:2] == b"PK":
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            scores = [each for each in archive.namelist() if each.endswith((".xml", ".musicxml"))]
            data = archive.read(next(each for each in scores if not each.startswith("META-INF")))
    text = data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig", "replace")
    return re.sub(r"^<\?xml.*?\?>", "", text)


READERS: dict[str, Callable[[str, bytes], Answer]] = {
    "partitura": by_partitura,
    "music21": by_music21,
    "verovio": by_verovio,
}


class Cache:
    """Answers of other readers, one file for each; a failure is kept too, with its reason."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, reader: str, corpus: str, name: str) -> Path:
        return self.folder / reader / corpus / f"{name.replace('/', '~')[-150:]}.npz"

    def load(self, reader: str, corpus: str, name: str) -> Answer | None:
        path = self.path(reader, corpus, name)
        if not path.exists():
            return None
        with np.load(path) as stored:
            return None if "failed" in stored else dict(stored)

    def known(self, reader: str, corpus: str, name: str) -> bool:
        return self.path(reader, corpus, name).exists()

    def save(self, reader: str, corpus: str, name: str, **arrays: Any) -> None:
        path = self.path(reader, corpus, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.with_suffix(".part").open("wb") as file:
            np.savez_compressed(file, **arrays)
        path.with_suffix(".part").rename(path)


def ask(item: tuple[Any, ...]) -> Any:
    """In a process: what a function makes of its arguments."""
    function, *arguments = item
    return function(*arguments)


def ask_others(files: dict[str, list[File]], cache: Cache, readers: list[str], seconds: float, until: float) -> None:
    """Let every other reader read what it has not read yet, the smallest files first."""
    waiting = [
        (len(data), reader, corpus, name, data)
        for corpus, found in files.items()
        for name, data in found
        for reader in readers
        if not cache.known(reader, corpus, name)
    ]
    with Processes(ask, 1) as processes:
        for _, reader, corpus, name, data in sorted(waiting, key=lambda each: each[:4]):
            if time.monotonic() > until:
                break
            try:
                cache.save(reader, corpus, name, **processes.submit((READERS[reader], name, data), seconds).result())
            except Exception as error:
                cache.save(reader, corpus, name, failed=np.array(f"{type(error).__name__}: {error}"[:200]))


def keys(notes: Notes, shift: float) -> list[tuple[int, int, int]]:
    times = np.floor(notes[:, :2] / GRID + shift).astype(int)
    return list(map(tuple, np.column_stack([times, notes[:, 2].astype(int)]).tolist()))


def common(one: Notes, other: Notes) -> tuple[np.ndarray, np.ndarray]:
    """Masks of the notes that both have."""
    masks = np.zeros(len(one), bool), np.zeros(len(other), bool)
    for shift in (0.0, 0.5):
        left = [np.flatnonzero(~mask) for mask in masks]
        waiting: dict[tuple[int, int, int], list[int]] = {}
        for index, key in zip(left[0].tolist(), keys(one[left[0]], shift), strict=True):
            waiting.setdefault(key, []).append(index)
        for index, key in zip(left[1].tolist(), keys(other[left[1]], shift), strict=True):
            if waiting.get(key):
                masks[0][waiting[key].pop()] = masks[1][index] = True
    return masks


def agreement(one: Notes, other: Notes) -> float:
    """Notes that both have, of the notes that either has on average."""
    if not len(one) and not len(other):
        return 1.0
    return 2 * int(common(one, other)[0].sum()) / (len(one) + len(other))


EXPLAINED = {
    "parts apart": "in some measures one part writes less or more than the others: with partitura and music21 it runs "
    "ahead or behind from there, with us all parts begin each bar together; laid out their way, our notes are theirs",
    "music21's bars": "music21 has the same notes of the same lengths, but begins some bars earlier or later than "
    "partitura and we do",
    "octave changes": "partitura takes no octave from <octave-change>; music21 and we do",
    "short measures": "a part writes less than the bar lasts: with the others it runs ahead from there; and music21 "
    "makes one bar longer, in which a second voice begins late",
    "measure rests": "music21 lets a whole measure's rest last as long as the meter in shorter bars: a part is late",
    "cue notes": "are silent with us, as for players; the others give them as notes",
    "stripTies": "music21's stripTies leaves tied notes of chords and of second voices apart, or joins others; "
    "the note heads are the same, and partitura joins as we do",
    "unisons": "partitura joins one of two tied notes that two voices have at one pitch",
    "voltas": "partitura ties a second volta to the bar before the first, though another bar is written between",
    "tied grace notes": "a main note that is tied to its grace note counts as part of that with partitura",
    "unexplained": "not looked into",
}
OF_TIES = ("stripTies", "unisons", "voltas", "tied grace notes")
LOOKED_INTO = {
    "haydn/opus1no1/movement4.mxl": ("short measures",),
    "schumann_robert/opus48no2.mxl": ("cue notes", "unisons"),
    "lc5115311.mxl": ("measure rests",),
    "lc6666995.mxl": ("measure rests",),
    "lc6451818.mxl": ("voltas",),
    "lc6753345.mxl": ("cue notes", "tied grace notes"),
}
"""Files of which no rule can tell the cause, looked into one by one."""


def only_cues(mine: Notes, other: Notes, cues: int) -> bool:
    """Whether the other has all our notes, and beyond them no more than there are cue notes."""
    ours_too, theirs_too = common(mine, other)
    return bool(cues) and bool(ours_too.all()) and int((~theirs_too).sum()) <= cues


def alike(mine: Notes, other: Notes, cues: int) -> bool:
    """Whether both have the same notes, but for cue notes that the other plays."""
    return agreement(mine, other) >= AGREE or only_cues(mine, other, cues)


def without_onsets(notes: Notes) -> Notes:
    return notes * (0.0, 1.0, 1.0)


def in_one_octave(notes: Notes) -> Notes:
    return np.column_stack([notes[:, :2], notes[:, 2] % 12])


def cause_of_partitura(level: str, mine: Answer, first: Answer, cues: int) -> str:
    """Why partitura differs from us on a file, by a rule that the notes themselves prove."""
    if only_cues(mine[level], first[level], cues):
        return "cue notes"
    if alike(mine["apart"], first["heads"], cues):
        return "parts apart"
    if agreement(in_one_octave(mine["heads"]), in_one_octave(first["heads"])) >= AGREE:
        return "octave changes"
    return "unexplained"


def causes(name: str, level: str, mine: Answer, first: Answer, second: Answer) -> list[str]:
    """Why partitura (first) or music21 (second) differ from us on a file."""
    cues = int(mine["cue notes"])
    found = [cause for end, known in LOOKED_INTO.items() if name.endswith(end) for cause in known]
    found = [cause for cause in found if level == "joined" or cause not in OF_TIES]
    if not found and agreement(mine[level], first[level]) < AGREE:
        found.append(cause_of_partitura(level, mine, first, cues))
    if not alike(mine[level], second[level], cues) and "unexplained" not in found:
        if alike(mine["apart"], second["heads"], cues):
            found.append("parts apart")
        elif alike(mine["heads"], second["heads"], cues):
            found.append("stripTies")
        elif agreement(without_onsets(mine["heads"]), without_onsets(second["heads"])) >= AGREE:
            found.append("music21's bars")
        elif not found:
            found.append("unexplained")
    return sorted(set(found))


@dataclass
class Comparison:
    """What comes of one corpus, for note heads or for notes with ties joined."""

    counts: Counter[str] = field(default_factory=Counter)
    differing: list[dict[str, Any]] = field(default_factory=list)

    def add(self, name: str, mine: Notes, first: Notes, second: Notes, third: Notes | None) -> bool:
        """Take one file, as we, partitura, music21 and verovio read it; whether we differ from either of the first."""
        agreed = first[common(first, second)[0]]
        found, both = int(common(agreed, mine)[0].sum()), agreement(first, second)
        with_first, with_second = agreement(mine, first), agreement(mine, second)
        alike = min(with_first, with_second) >= AGREE
        agree = both >= AGREE
        self.counts.update({"notes both have": len(agreed), "of these ours": found})
        self.counts.update({"files both agree on": agree, "of these we agree": agree and alike})
        self.counts.update({"we agree with partitura": with_first >= AGREE, "with music21": with_second >= AGREE})
        if not alike:
            shares = {"partitura and music21": both, "ours and partitura": with_first, "ours and music21": with_second}
            if third is not None:
                shares["ours and verovio"] = agreement(mine, third)
            rounded = {key: round(share, 4) for key, share in shares.items()}
            self.differing.append({"file": name, **rounded})
        return not alike


def compare(corpus: str, files: list[File], cache: Cache) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The rows of the table for one corpus, and the files on which we differ from either of the others."""
    found = {"heads": Comparison(), "joined": Comparison()}
    read, refused = Counter[str](), []
    for name, data in files:
        first, second = cache.load("partitura", corpus, name), cache.load("music21", corpus, name)
        if first is None or second is None:
            continue
        read["by both"] += 1
        try:
            mine = ours(name, data)
        except ScoreError as error:
            refused.append({"corpus": corpus, "file": name, "refused": str(error)})
            continue
        read["by all"] += 1
        third = cache.load("verovio", corpus, name)
        for level, comparison in found.items():
            drawn = third["joined"] if third is not None and level == "joined" else None
            if comparison.add(name, mine[level], first[level], second[level], drawn):
                comparison.differing[-1]["causes"] = causes(name, level, mine, first, second)
    rows = []
    for level, comparison in found.items():
        names = ("notes both have", "of these ours", "files both agree on", "of these we agree")
        names += ("we agree with partitura", "with music21")
        counts = {label: comparison.counts[label] for label in names}
        begun = {"corpus": corpus, "notes": level, "files": len(files)}
        rows.append({**begun, "both others read": read["by both"], "we read": read["by all"], **counts})
    differing = [
        {"corpus": corpus, "notes": level, **each}
        for level, comparison in found.items()
        for each in comparison.differing
    ]
    return rows, [*refused, *differing]


def quartets(folder: Path) -> list[File]:
    """The string quartets, the smallest first."""
    return sorted(zipped(folder / "openscore-quartets.zip"), key=lambda each: (len(each[1]), each[0]))


def our_seconds(name: str, data: bytes) -> float:
    began = time.process_time()
    read_musicxml_pieces(data, Path(name))
    return time.process_time() - began


class OutOfTime(BaseException):
    """Not an Exception, which music21 could catch."""


def music21_seconds(name: str, data: bytes, limit: float) -> dict[str, float]:
    """CPU seconds that music21 takes for its object tree, and for that and a MIDI file; the limit where it was cut."""
    import warnings

    from music21 import converter
    from music21.midi.translate import streamToMidiFile

    def stop(*_: Any) -> None:
        raise OutOfTime

    warnings.simplefilter("ignore")
    found = {"object tree": limit, "played": limit, "cut": 1.0}
    signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, limit)
    began = time.process_time()
    try:
        score = converter.parseData(unzipped(name, data), format="musicxml")
        found["object tree"] = time.process_time() - began
        streamToMidiFile(score)
        found.update({"played": time.process_time() - began, "cut": 0.0})
    except OutOfTime:
        pass
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
    return found


def speed_rows(files: list[File], minutes: float) -> Iterator[dict[str, Any]]:
    """Both readers on the files of the sample that music21 gets to in its time."""
    left = 60 * minutes
    our_seconds("warm.musicxml", WARM)
    with Processes(ask, 1) as processes:
        processes.submit((music21_seconds, "warm.musicxml", WARM, MUSIC21_LIMIT)).result()
        for percent in PERCENTILES:
            if left <= 0:
                break
            name, data = files[round(percent / 100 * (len(files) - 1))]
            mine = sorted(our_seconds(name, data) for _ in range(3))[1]
            theirs = processes.submit((music21_seconds, name, data, min(left, MUSIC21_LIMIT))).result()
            left -= theirs["played"]
            row = {"percentile": percent, "file": Path(name).parent.name, "ours s": mine}
            row |= {f"music21 {level} s": theirs[level] for level in ("object tree", "played")}
            yield {**row, "cut": bool(theirs["cut"])}


def speed(folder: Path, minutes: float) -> Iterator[dict[str, Any]]:
    """What all quartets take us; then, file by file, that and what both readers take for the same ones."""
    files = quartets(folder)
    our_seconds("warm.musicxml", WARM)
    taken = [our_seconds(name, data) for name, data in files]
    facts = {
        "command": " ".join([Path(sys.executable).name, *sys.argv]),
        "commit": commit(),
        "machine": machine_class(),
        "quartets read": len(taken),
        "our longest CPU s": max(taken),
        "our files per CPU s": len(taken) / sum(taken),
    }
    yield facts
    rows = []
    for row in speed_rows(files, minutes):
        rows.append(row)
        yield facts | {"same files": rows} | ratios(rows)


def ratios(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Files a second of CPU time of both readers on the same files."""
    totals = {column: sum(row[column] for row in rows) for column in rows[0] if column.endswith(" s")}
    per_second = {column.removesuffix(" s"): len(rows) / seconds for column, seconds in totals.items()}
    return {
        "same files per CPU s": per_second,
        "times music21's object tree": per_second["ours"] / per_second["music21 object tree"],
        "times music21's played notes": per_second["ours"] / per_second["music21 played"],
        "at least": any(row["cut"] for row in rows),
    }


WARM = (
    b'<score-partwise version="3.1"><part-list><score-part id="P1"><part-name>P</part-name></score-part></part-list>'
    b'<part id="P1"><measure number="1"><attributes><divisions>1</divisions></attributes><note><pitch><step>C</step>'
    b"<octave>4</octave></pitch><duration>4</duration></note></measure></part></score-partwise>"
)


def compare_all(arguments: argparse.Namespace) -> dict[str, Any]:
    """Let the others read what they can in the time, and write the table; the document that was written."""
    files, cache = corpora(arguments.corpora), Cache(arguments.cache)
    ask_others(files, cache, arguments.readers, arguments.seconds, time.monotonic() + 60 * arguments.minutes)
    rows, differing = [], []
    for corpus, found in files.items():
        some, others = compare(corpus, found, cache)
        rows += some
        differing += others
    document: dict[str, Any] = json.loads(report("musicxml_readers", rows, arguments.output).read_text())
    for each in differing[:40]:
        print(each)
    return document | {"differing": differing, "explained": EXPLAINED}


def write(document: dict[str, Any], path: Path) -> None:
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, help="folder of the other readers' answers")
    parser.add_argument("--corpora", type=Path, default=Path("shared/data/corpora"))
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--readers", nargs="*", default=list(READERS))
    parser.add_argument("--minutes-music21", type=float, default=10.0)
    only = parser.add_mutually_exclusive_group()
    only.add_argument("--skip-speed", action="store_true")
    only.add_argument("--speed-only", action="store_true")
    parser.add_argument("--output", type=Path, default=RESULTS / "musicxml_readers.json")
    arguments = parser.parse_args()
    if arguments.cache is None and not arguments.speed_only:
        parser.error("--cache is needed, unless --speed-only is given")
    document = json.loads(arguments.output.read_text()) if arguments.output.exists() else {}
    known = document.get("speed")
    if not arguments.speed_only:
        document = compare_all(arguments)
        write(document | ({"speed": known} if known else {}), arguments.output)
    if not arguments.skip_speed:
        # Written after each file: an interrupted run keeps what it has measured.
        for found in speed(arguments.corpora, arguments.minutes_music21):
            write(document | {"speed": found}, arguments.output)
            print(json.dumps(found, indent=1), flush=True)


if __name__ == "__main__":
    main()
