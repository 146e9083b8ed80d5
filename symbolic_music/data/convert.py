"""Music files from one format to another, single or by the folder, in worker processes.

A finished output is never half a file and never written twice, so an interrupted run goes on where it stopped. What
cannot be converted is listed with its reason. Knows nothing of datasets.
"""

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

from tqdm import tqdm

from symbolic_music.data.preparation.workers import Failure, map_in_order
from symbolic_music.score.abc.write import abc_text
from symbolic_music.score.errors import ScoreError
from symbolic_music.score.files import MUSIC_SUFFIXES, read_pieces
from symbolic_music.score.layout.readable import readable_rhythm
from symbolic_music.score.output import write_piece
from symbolic_music.score.piece import Piece
from symbolic_music.score.storage import write_atomically
from symbolic_music.score.transforms.pedal import piece_with_pedal

SKIPPED_FILE = "skipped.jsonl"


@dataclass(frozen=True)
class Job:
    """One file to read and the name to write it under; a book's second tune goes to `NAME_2.mid`, and so on.

    Args:
        source: the file to read.
        target: the file to write.
        readable: whether played rhythm is moved to note values (`score.layout.readable`).
        pedal: what is done with sustain pedals, one of `score.midi.pedal.PEDAL_MODES`.
    """

    source: Path
    target: Path
    readable: bool = False
    pedal: str = "auto"


@dataclass
class ConvertSummary:
    """What became of the files of a run.

    Args:
        converted: files converted now.
        present: files whose output was there already.
        skipped: source and reason of each file that could not be converted.
        pieces_skipped: source and reason of each piece, such as a tune of a book, of a file that was.
        left_out: what the converted files say besides what is written, and what was changed, by kind.
    """

    converted: int = 0
    present: int = 0
    skipped: list[tuple[Path, str, str]] = field(default_factory=list)
    pieces_skipped: list[tuple[Path, str, str]] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)

    def reasons(self) -> Counter[str]:
        """Skipped files by reason."""
        return Counter(refusal for _, refusal, _ in self.skipped)


@dataclass(frozen=True)
class Conversion:
    """What became of one file.

    Args:
        refused: the reason and its detail where it could not be converted.
        skipped: why pieces of it could not be used, each named.
        left_out: what it says besides what is written, and what was changed, by kind.
    """

    refused: tuple[str, str] | None = None
    skipped: list[ScoreError] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)


class ConvertError(ValueError):
    """A conversion that cannot be done as asked; the message is one line for the user."""


def folder_jobs(folder: Path, output: Path, suffix: str, readable: bool = False, pedal: str = "auto") -> list[Job]:
    """A job for each music file below a folder, in order; the output keeps the subfolders.

    Files that differ in nothing but their suffix ("a.mid", "a.abc") keep it in their new name, so that none is lost.

    Raises:
        ConvertError: when there is no music file.
    """
    sources = sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in MUSIC_SUFFIXES and path.is_file() and output.resolve() not in path.resolve().parents
    )
    if not sources:
        raise ConvertError(f"{folder}: expected music files ({' '.join(MUSIC_SUFFIXES)}), found none")
    named = Counter(path.with_suffix("") for path in sources)
    jobs = []
    for source in sources:
        name = source.stem if named[source.with_suffix("")] == 1 else source.name
        jobs.append(Job(source, output / source.relative_to(folder).parent / f"{name}{suffix}", readable, pedal))
    return jobs


def convert_files(
    jobs: list[Job], num_workers: int = 1, timeout: float = 60.0, progress: bool = True
) -> ConvertSummary:
    """Convert every file whose output is not there yet.

    Args:
        jobs: what to read and where to write it.
        num_workers: worker processes.
        timeout: seconds for one file.
        progress: whether to show a progress bar on stderr.
    """
    summary = ConvertSummary()
    waiting = [job for job in jobs if not job.target.exists()]
    summary.present = len(jobs) - len(waiting)
    for folder in sorted({job.target.parent for job in waiting}):
        folder.mkdir(parents=True, exist_ok=True)
    modules = ("symbolic_music.score.musicxml.read",)
    with (
        closing(map_in_order(convert_file, waiting, num_workers, timeout, modules)) as outcomes,
        tqdm(total=len(jobs), initial=summary.present, unit="file", desc="convert", disable=not progress) as bar,
    ):
        for job, outcome in zip(waiting, outcomes, strict=True):
            if isinstance(outcome, Failure):
                outcome = Conversion((str(outcome.refusal), outcome.detail))
            if outcome.refused:
                summary.skipped.append((job.source, *outcome.refused))
            else:
                summary.converted += 1
                summary.left_out += outcome.left_out
                summary.pieces_skipped += [(job.source, str(error.refusal), error.detail) for error in outcome.skipped]
            bar.update()
    return summary


def convert_file(job: Job) -> Conversion:
    """Convert one file."""
    try:
        reading = read_pieces(job.source)
        pieces = [piece_with_pedal(piece, job.pedal) for piece in reading.pieces]
        if job.readable:
            pieces = [replace(piece, score=readable_rhythm(piece.score)) for piece in pieces]
        # The file that marks the job as done is written last.
        for target, written in reversed(list(_targets(job.target, pieces))):
            _write(written, target, job.source.stem)
    except ScoreError as error:
        return Conversion((str(error.refusal), " ".join(error.detail.split())))
    left_out = sum((piece.left_out for piece in pieces), start=Counter[str]())
    return Conversion(skipped=reading.skipped, left_out=left_out)


def _targets(target: Path, pieces: list[Piece]) -> Iterator[tuple[Path, list[Piece]]]:
    """What goes into which file: tunes of one book share an ABC file, and no other."""
    if target.suffix.lower() == ".abc":
        yield target, pieces
        return
    for number, piece in enumerate(pieces, start=1):
        yield target if number == 1 else target.with_stem(f"{target.stem}_{number}"), [piece]


def _write(pieces: list[Piece], target: Path, title: str) -> None:
    if target.suffix.lower() == ".abc":
        tunes = [
            abc_text(piece.score, title).replace("X:1\n", f"X:{n}\n", 1) for n, piece in enumerate(pieces, start=1)
        ]
        write_atomically(target, "\n".join(tunes).encode())
    else:
        write_piece(pieces[0], target, pieces[0].title or title)


def write_skipped(summary: ConvertSummary, path: Path) -> None:
    """List the skipped files and pieces with their reasons, one JSON object a line."""
    rows = [
        json.dumps({"file": str(source), "refusal": refusal, "detail": detail}, ensure_ascii=False) + "\n"
        for source, refusal, detail in summary.skipped + summary.pieces_skipped
    ]
    write_atomically(path, "".join(rows).encode("utf-8", "surrogateescape"))
