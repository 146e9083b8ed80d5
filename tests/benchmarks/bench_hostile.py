"""Archives of files that are made to harm, music among them: is all music kept, is everything else refused by name?

    python tests/benchmarks/bench_hostile.py --files 100000

Of the files, made up here, a fifth is music. A few in a thousand are bombs, files that would take time or memory
without end; the others lie about what they hold, or are cut short. Their names are as bad: paths to elsewhere, control
characters, bytes of no encoding. `symbolic-music prepare` reads them with two workers. Memory is the sum of the
proportional set sizes of all its processes, looked at four times a second.
"""

import argparse
import io
import json
import random
import sys
import tarfile
import tempfile
from collections import Counter
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from _report import report
from bench_archives import run
from tqdm import tqdm

from symbolic_music.data.sources.archive.members import MAX_MEMBERS
from symbolic_music.score.midi.io import midi_bytes

TESTS = Path(__file__).parents[1]
sys.path[:0] = [str(TESTS), str(TESTS / "data")]
hostile_files, made_up_music = import_module("hostile_files"), import_module("made_up_music")

SCRIPT = TESTS.parent / "train" / "prepare_dataset.py"
MUSIC = "music-"
"""In the names of what is to be kept."""


def files(count: int, music: float, bombs: float) -> Iterator[tuple[bytes, bytes, str]]:
    """Names, contents and what each is."""
    held = {key: make() for key, make in hostile_files.SMALL.items()}
    kinds, worst = sorted(held), sorted(hostile_files.BOMBS)
    for number in range(count):
        draw = random.Random(number)
        chance, name = draw.random(), hostile_files.hostile_name(number)
        if chance < music:
            content = midi_bytes(made_up_music.melody_score(made_up_music.random_melody(number)))
            yield name + f"/{MUSIC}{number}.mid".encode(), content, "music"
            continue
        is_bomb = chance > 1 - bombs
        suffix, kind = draw.choice(worst if is_bomb else kinds)
        content = hostile_files.BOMBS[suffix, kind]() if is_bomb else held[suffix, kind]
        yield name + f"/{number}.{suffix}".encode(), content, "bomb" if is_bomb else "lie"


def write_archives(options: argparse.Namespace, folder: Path) -> tuple[list[Path], Counter[str]]:
    """As many as are needed, and how many files there are of what kind."""
    made: Counter[str] = Counter()
    paths: list[Path] = []
    everything = files(options.files, options.music, options.bombs)
    for first in range(0, options.files, MAX_MEMBERS):
        paths.append(folder / f"hostile{first}.tar")
        with tarfile.open(paths[-1], "w", format=tarfile.GNU_FORMAT, errors="surrogateescape") as archive:
            for _ in tqdm(range(min(MAX_MEMBERS, options.files - first)), desc="make", unit="file"):
                name, content, kind = next(everything)
                member = tarfile.TarInfo(name.decode("utf-8", "surrogateescape"))
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
                made[kind] += 1
    return paths, made


def judged(output: Path) -> dict[str, Any]:
    """What was kept and what was refused, and how many names are no plain text in one line."""
    tables = [pq.read_table(path, columns=["name"]) for path in (output / "data").glob("*.parquet")]
    kept = [name for table in tables for name in table["name"].to_pylist()]
    refused = [json.loads(line) for line in (output / "skipped.jsonl").read_text().splitlines()]
    names = [*kept, *(row["name"] for row in refused)]
    return {
        "music_kept": sum(MUSIC in name for name in kept),
        "others_kept": sum(MUSIC not in name for name in kept),
        "refused": len(refused),
        "refused_without_a_detail": sum(not row["detail"] for row in refused),
        "names_that_are_no_plain_text": sum(not name.isprintable() for name in names),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--music", type=float, default=0.2, help="the share of music; default 0.2")
    parser.add_argument("--bombs", type=float, default=0.003, help="the share of bombs; default 0.003")
    parser.add_argument(
        "--keep", type=Path, help="a folder for the archives and the dataset; default one that is removed"
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        paths, made = write_archives(options, folder)
        words = [part for path in paths for part in ("--archive", str(path))]
        output = folder / "out"
        command = [sys.executable, str(SCRIPT), *words, "--num-workers", "2", "--output", str(output)]
        seconds, peak, _ = run(command, folder / "log")
        skipped = json.loads((output / "prepare.json").read_text())["skipped"]
        facts = {"files": made, "seconds": round(seconds, 1), "files_per_s": round(options.files / seconds, 1)}
        facts |= {"peak_mib": round(peak)} | judged(output)
    report("bench_hostile", [{"reason": reason, "files": count} for reason, count in skipped.items()], **facts)


if __name__ == "__main__":
    main()
