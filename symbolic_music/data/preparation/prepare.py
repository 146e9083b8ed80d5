"""Work units to a Hub-layout Parquet dataset: read in parallel, grouped, split, written whole or not at all.

Finished units are kept as shards under OUTPUT/.work, so that an interrupted run goes on where it stopped; the dataset
is built there too and appears by renaming. README.md comes last: without it the dataset is not finished. Memory is
bounded by one shard and a signature of 1 KB for each piece.
"""

import fcntl
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext
from dataclasses import asdict, dataclass, field
from functools import partial
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from tqdm import tqdm

from symbolic_music.data.preparation.assemble import (
    ATTRIBUTION_FILE,
    CARD_FILE,
    DATA_FOLDER,
    OVERVIEW_FILE,
    SKIPPED_FILE,
    SUMMARY_FILE,
    assemble,
    json_bytes,
    write_skipped,
)
from symbolic_music.data.preparation.deal import Deal, Gathered, deal_rows, gather_rows
from symbolic_music.data.preparation.duplicates import DEFAULT_THRESHOLD
from symbolic_music.data.preparation.pieces import PieceSettings, refused_row, unit_rows
from symbolic_music.data.preparation.presentation.credits import Presentation
from symbolic_music.data.preparation.shards import shard_path, write_shard
from symbolic_music.data.preparation.splits import SplitBy, SplitError, SplitFractions
from symbolic_music.data.preparation.workers import Failure, map_in_order
from symbolic_music.data.sources.archives import with_contents
from symbolic_music.data.sources.units import WorkUnit
from symbolic_music.score.storage import as_path, is_remote, remove_all, remove_folder, write_atomically

WORK_FOLDER = ".work"
PLAN_FILE = "plan.json"
_LOCK_FILE = "lock"
_ASSEMBLED = "assembled"
_OWN_FILES = (CARD_FILE, SUMMARY_FILE, SKIPPED_FILE, ATTRIBUTION_FILE, OVERVIEW_FILE, DATA_FOLDER, WORK_FOLDER)
_HASHED = {"listing": "other files to read", "licenses": "other licences of the files"}
"""Of a plan, what is a hash, in words."""

UNITS_PER_SHARD = 512
TIMEOUT = 60.0
"""Seconds to read one file: an orchestral movement of 46,000 notes takes 10 on a busy processor."""
MEMORY = 384
"""MiB that reading one file may take: two readers and the process that waits for them stay below 1.5 GiB."""


class PrepareError(ValueError):
    """A dataset that cannot be prepared as asked; the message is one line for the user."""


@dataclass(frozen=True)
class PrepareSettings:
    """Everything, beside the music itself, that decides what a dataset holds.

    Args:
        pieces: what is done to each piece.
        timeout: seconds to read one file.
        memory: MiB that reading one file may take.
        split_by: whether near-duplicate groups or single pieces are dealt to the splits.
        fractions: the shares of validation and test.
        seed: of the deal.
        threshold: lowest similarity that makes two pieces near duplicates.
        presentation: the title of its card, and whom it names for its music.

    Raises:
        PrepareError: when the timeout or the memory is not above 0, the threshold not in (0, 1], or pieces are to be
            cut into parts of less bars than a piece must have.
    """

    pieces: PieceSettings = field(default_factory=PieceSettings)
    timeout: float = TIMEOUT
    memory: int = MEMORY
    split_by: SplitBy = SplitBy.GROUP
    fractions: SplitFractions = field(default_factory=SplitFractions)
    seed: int = 0
    threshold: float = DEFAULT_THRESHOLD
    presentation: Presentation = field(default_factory=Presentation)

    def __post_init__(self) -> None:
        if not self.timeout > 0:
            raise PrepareError(f"expected a timeout above 0 seconds, got {self.timeout}")
        if not self.memory > 0:
            raise PrepareError(f"expected a memory limit above 0 MiB, got {self.memory}")
        if not 0 < self.threshold <= 1:
            raise PrepareError(f"expected a threshold in (0, 1], got {self.threshold}")
        most, least = self.pieces.max_bars, self.pieces.limits.min_bars
        if most is not None and most < least:
            raise PrepareError(f"expected parts of {least} bars or more, got {most}")


def prepare_dataset(
    units: Sequence[WorkUnit],
    output: Path,
    settings: PrepareSettings,
    num_workers: int = 1,
    overwrite: bool = False,
    command: str = "",
    progress: bool = True,
) -> dict[str, Any]:
    """Read all units and write the dataset folder `output`, going on where a run with the same plan was interrupted.

    Args:
        units: what to read, in the order in which the rows are to come.
        output: a folder that does not exist, is empty, or holds an earlier run; on this machine or of `as_path`.
        settings: see PrepareSettings.
        num_workers: reader processes; the result does not depend on it.
        overwrite: whether an earlier run with another plan may be replaced.
        command: what the user typed, for the card.
        progress: whether to show a progress bar on stderr.

    Returns:
        The summary, as in `prepare.json`: plan, counts by split, skipped by reason, split hash, group sizes.

    Raises:
        PrepareError: nothing to read, a foreign or busy folder, or an earlier run with another plan.
        SplitError: nothing usable, or too few groups for the splits; what was skipped, and why, is then listed in
            OUTPUT/skipped.jsonl.
    """
    output = as_path(output)
    plan = make_plan(units, settings)
    if not is_complete(output, plan, overwrite):
        with work_folder(output, plan) as work:
            read_shards(units, work, shard_starts(units), settings, num_workers, progress)
            deal_and_publish(work, output, plan, settings, command)
    return end_run(output)


def end_run(output: Path) -> dict[str, Any]:
    """Clear away what a finished dataset was made from; returns its summary."""
    remove_folder(output / WORK_FOLDER)
    return json.loads((output / SUMMARY_FILE).read_text())


def make_plan(units: Sequence[WorkUnit], settings: PrepareSettings) -> dict[str, Any]:
    """What a run is to do, as JSON values: two runs with equal plans write equal bytes.

    Raises:
        PrepareError: when it is nothing.
    """
    if not units:
        raise PrepareError("nothing to read: expected at least one file, tune or row")
    listing, licenses = sha256(), sha256()
    for unit in units:
        listing.update(f"{unit.stamp()}\n".encode("utf-8", "surrogateescape"))
        licenses.update(f"{unit.license}\n".encode("utf-8", "surrogateescape"))
    return {
        "units": len(units),
        "listing": listing.hexdigest(),
        "licenses": licenses.hexdigest(),
        "settings": json.loads(json.dumps(asdict(settings))),
        "versions": {name: version(name) for name in ("symbolic-music-hf", "symusic", "datasketch")},
    }


def is_complete(output: Path, plan: dict[str, Any], overwrite: bool) -> bool:
    """Whether `output` already holds this plan's dataset; clears away another plan's if that is allowed."""
    complete = (output / CARD_FILE).exists() and (output / SUMMARY_FILE).exists()
    found = output / SUMMARY_FILE if complete else output / WORK_FOLDER / PLAN_FILE
    if not found.exists():
        _check_free(output)
        return False
    earlier = json.loads(found.read_text())
    earlier = earlier["plan"] if complete else earlier
    if {"licenses": plan["licenses"]} | earlier == plan:  # plans did not name them before
        return complete
    if not overwrite:
        raise PrepareError(
            f"{output}: holds a run with another plan ({_difference(earlier, plan)}); "
            "choose another folder, or --overwrite"
        )
    clear_run(output, earlier, _OWN_FILES)
    return False


def clear_run(output: Path, earlier: dict[str, Any], names: Sequence[str]) -> None:
    """Remove an earlier run, so that a removal that is cut short is found as that run, unfinished.

    Args:
        output: its folder.
        earlier: its plan.
        names: of its files, what marks it as finished being the first and the work folder the last.

    Raises:
        PrepareError: when it is running.
    """
    with _locked(output) as work:
        write_atomically(work / PLAN_FILE, json_bytes(earlier))
        remove_all(output, names)


def _check_free(output: Path) -> None:
    if output.exists() and not output.is_dir():
        raise PrepareError(f"{output}: expected a folder, found a file")
    strangers = sorted({path.name for path in output.iterdir()} - {WORK_FOLDER}) if output.exists() else []
    if strangers:
        raise PrepareError(f"{output}: expected a new or empty folder, found {', '.join(strangers[:3])}")


def _difference(earlier: dict[str, Any], plan: dict[str, Any]) -> str:
    """The first value in which two plans differ, in words."""
    before, now = _flatten(earlier), _flatten(plan)
    different = [key for key in sorted({**before, **now}) if before.get(key) != now.get(key)]
    # Two hashes tell a user nothing, so any other difference is named first.
    key = min(different, key=lambda key: key in _HASHED)
    return _HASHED.get(key) or f"{key}: {before.get(key)} there, {now.get(key)} now"


def _flatten(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        flat |= _flatten(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return flat


@contextmanager
def work_folder(output: Path, plan: dict[str, Any]) -> Iterator[Path]:
    """OUTPUT/.work with the plan in it; on this machine, locked against a second run."""
    with _locked(output) as work:
        if not (work / PLAN_FILE).exists():  # what else is there is of a run whose removal was cut short
            remove_all(work, sorted({path.name for path in work.iterdir()} - {_LOCK_FILE}))
        write_atomically(work / PLAN_FILE, json_bytes(plan))
        yield work


@contextmanager
def _locked(output: Path) -> Iterator[Path]:
    work = output / WORK_FOLDER
    work.mkdir(parents=True, exist_ok=True)
    with (work / _LOCK_FILE).open("w") as lock:
        if not is_remote(output):
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise PrepareError(f"{output}: another run is writing there") from error
        yield work


def shard_starts(units: Sequence[WorkUnit]) -> range:
    """The first unit of each shard."""
    return range(0, len(units), UNITS_PER_SHARD)


def read_shards(
    units: Sequence[WorkUnit],
    work: Path,
    starts: Sequence[int],
    settings: PrepareSettings,
    num_workers: int,
    progress: bool,
) -> None:
    """Read the units of those of some shards that are missing; a shard holds the rows of UNITS_PER_SHARD units.

    Args:
        units: all of the run.
        work: the folder of the shards.
        starts: the first units of the shards.
        settings: see PrepareSettings.
        num_workers: reader processes.
        progress: whether to show a progress bar on stderr.
    """
    asked = sum(len(units[start : start + UNITS_PER_SHARD]) for start in starts)
    missing = [start for start in starts if not shard_path(work, start).exists()]
    spans = [units[start : start + UNITS_PER_SHARD] for start in missing]
    done = asked - sum(map(len, spans))
    flat = with_contents(unit for span in spans for unit in span)
    function = partial(unit_rows, settings=settings.pieces)
    modules = sorted({"datasketch", *(name for span in spans for unit in span for name in unit.modules())})
    with (
        closing(
            map_in_order(function, flat, num_workers, settings.timeout, modules, settings.memory, WorkUnit.size)
        ) as outcomes,
        tqdm(total=asked, initial=done, unit="unit", desc="read", disable=not progress) as bar,
    ):
        for start, span in zip(missing, spans, strict=True):
            rows: list[dict[str, Any]] = []
            for unit in span:
                rows += _rows_of(unit, next(outcomes))
                bar.update()
            write_shard(shard_path(work, start), rows)


def _rows_of(unit: WorkUnit, outcome: list[dict[str, Any]] | Failure) -> list[dict[str, Any]]:
    if isinstance(outcome, Failure):
        return [refused_row(unit, unit.name, outcome.refusal, outcome.detail)]
    return outcome


def deal_and_publish(
    work: Path,
    output: Path,
    plan: dict[str, Any],
    settings: PrepareSettings,
    command: str,
    pairs: np.ndarray | None = None,
) -> None:
    """What is left to do once all shards are read: the groups, the deal, and the dataset in its place.

    Args:
        work: the folder of the shards.
        output: of the dataset.
        plan: of the run.
        settings: see PrepareSettings.
        command: what the user typed, for the card.
        pairs: what `similar_pairs` gives for the kept rows, where it is known.

    Raises:
        SplitError: see `prepare_dataset`.
    """
    rows = gather_rows(work)
    deal = _deal(rows, work, output, settings, pairs)
    with TemporaryDirectory() if is_remote(output) else nullcontext(work / _ASSEMBLED) as folder:
        assembled = Path(folder)
        assemble(work, assembled, deal, rows.same_as, plan, settings.presentation, command)
        _publish(assembled, output)


def _deal(rows: Gathered, work: Path, output: Path, settings: PrepareSettings, pairs: np.ndarray | None) -> Deal:
    """The deal; where there is none, what was skipped is listed all the same, for it is most often the reason."""
    try:
        return deal_rows(rows, settings.split_by, settings.fractions, settings.seed, settings.threshold, pairs)
    except SplitError as error:
        skipped = write_skipped(work, output / SKIPPED_FILE, rows.same_as)
        if not skipped:
            raise
        words = f"{sum(skipped.values()):,} skipped: {_count_words(Counter(skipped))}; see {output / SKIPPED_FILE}"
        raise SplitError(f"{error}; {words}") from error


def _publish(assembled: Path, output: Path) -> None:
    """Move the finished dataset into place; the card last, since it marks the dataset as finished."""
    remove_folder(output / DATA_FOLDER)
    for name in (DATA_FOLDER, SKIPPED_FILE, ATTRIBUTION_FILE, OVERVIEW_FILE, SUMMARY_FILE, CARD_FILE):
        if is_remote(output):
            for path in sorted(path for path in [assembled / name, *assembled.glob(f"{name}/*")] if path.is_file()):
                write_atomically(output / path.relative_to(assembled).as_posix(), path.read_bytes())
        elif (assembled / name).exists():
            (assembled / name).rename(output / name)


def _count_words(counts: Counter[str]) -> str:
    return ", ".join(f"{reason} ({count})" for reason, count in counts.most_common())
