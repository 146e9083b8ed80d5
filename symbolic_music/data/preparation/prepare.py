"""Work units to a Hub-layout Parquet dataset: read in parallel, grouped, split, written whole or not at all.

Finished units are kept as shards under OUTPUT/.work, so that an interrupted run goes on where it stopped; the dataset
is built there too and appears by renaming. README.md comes last: without it the dataset is not finished. Memory is
bounded by one shard and a signature of 1 KB for each piece.
"""

import fcntl
import json
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from datasets import Features, List, Value
from tqdm import tqdm

from symbolic_music.data.preparation.card import dataset_card
from symbolic_music.data.preparation.duplicates import DEFAULT_THRESHOLD, NUM_PERMUTATIONS, Groups, find_groups
from symbolic_music.data.preparation.pieces import refused_row, unit_rows
from symbolic_music.data.preparation.splits import (
    SPLITS,
    SplitBy,
    SplitFractions,
    assign_splits,
    check_groups_whole,
    group_keys,
    group_number,
    split_hash,
)
from symbolic_music.data.preparation.workers import Failure, map_in_order
from symbolic_music.data.sources.corpora import WorkUnit
from symbolic_music.score.checks import ScoreLimits
from symbolic_music.score.storage import write_atomically

COLUMNS = Features(
    {
        "midi": Value("binary"),
        "source": Value("string"),
        "name": Value("string"),
        "license": Value("string"),
        "group": Value("int64"),
        "notes": Value("int32"),
        "bars": Value("int32"),
        "seconds": Value("float32"),
        "programs": List(Value("int16")),
        "key": Value("string"),
        "meter": Value("string"),
    }
)
"""The columns of every dataset this package writes and reads."""

DUPLICATE = "duplicate"
"""The reason, beside those of `Refusal`, for which a piece is left out: the same notes are already there."""

CARD_FILE = "README.md"
SUMMARY_FILE = "prepare.json"
SKIPPED_FILE = "skipped.jsonl"
DATA_FOLDER = "data"
WORK_FOLDER = ".work"
_PLAN_FILE = "plan.json"
_LOCK_FILE = "lock"
_OWN_FILES = (CARD_FILE, SUMMARY_FILE, SKIPPED_FILE, DATA_FOLDER, WORK_FOLDER)

UNITS_PER_SHARD = 512
ROWS_PER_FILE = 20_000
ROWS_PER_GROUP = 1_000

_SHARD_SCHEMA = pa.schema(
    [
        *(item for item in COLUMNS.arrow_schema if item.name != "group"),
        pa.field("digest", pa.string()),
        pa.field("signature", pa.list_(pa.uint32(), NUM_PERMUTATIONS)),
        pa.field("has_shingles", pa.bool_()),
        pa.field("refusal", pa.string()),
        pa.field("detail", pa.string()),
        pa.field("left_out", pa.string()),
    ]
)


class PrepareError(ValueError):
    """A dataset that cannot be prepared as asked; the message is one line for the user."""


@dataclass(frozen=True)
class PrepareSettings:
    """Everything, beside the music itself, that decides what a dataset holds.

    Args:
        limits: which pieces are of usable size.
        timeout: seconds to read one file.
        split_by: whether near-duplicate groups or single pieces are dealt to the splits.
        fractions: the shares of validation and test.
        seed: of the deal.
        threshold: lowest similarity that makes two pieces near duplicates.
        max_bars: longer pieces are cut at bar lines into equal parts of at most so many bars; all parts of a piece
            belong to its near-duplicate group.

    Raises:
        PrepareError: when the timeout is not above 0, the threshold not in (0, 1], or `max_bars` less
            than a piece must have.
    """

    limits: ScoreLimits = field(default_factory=ScoreLimits)
    timeout: float = 20.0
    split_by: SplitBy = SplitBy.GROUP
    fractions: SplitFractions = field(default_factory=SplitFractions)
    seed: int = 0
    threshold: float = DEFAULT_THRESHOLD
    max_bars: int | None = None

    def __post_init__(self) -> None:
        if not self.timeout > 0:
            raise PrepareError(f"expected a timeout above 0 seconds, got {self.timeout}")
        if not 0 < self.threshold <= 1:
            raise PrepareError(f"expected a threshold in (0, 1], got {self.threshold}")
        if self.max_bars is not None and self.max_bars < self.limits.min_bars:
            raise PrepareError(f"expected parts of {self.limits.min_bars} bars or more, got {self.max_bars}")


@dataclass(frozen=True)
class Deal:
    """What becomes of each row of the shards, in their order.

    Args:
        splits: the split of each row; "" for one that is left out.
        numbers: its near-duplicate group's number, int64.
        same_as: for an exact duplicate, the name of the piece that is kept; "" otherwise.
        split_hash: SHA-256 over the contents of the splits.
        groups: the groups of the kept rows.
    """

    splits: np.ndarray
    numbers: np.ndarray
    same_as: list[str]
    split_hash: str
    groups: Groups


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
        output: a folder that does not exist, is empty, or holds an earlier run.
        settings: see PrepareSettings.
        num_workers: reader processes; the result does not depend on it.
        overwrite: whether an earlier run with another plan may be replaced.
        command: what the user typed, for the card.
        progress: whether to show a progress bar on stderr.

    Returns:
        The summary, as in `prepare.json`: plan, counts by split, skipped by reason, split hash, group sizes.

    Raises:
        PrepareError: nothing usable, a foreign or busy folder, or an earlier run with another plan.
        SplitError: too few groups for the splits.
    """
    output = Path(output)
    if not units:
        raise PrepareError("nothing to read: expected at least one file, tune or row")
    plan = make_plan(units, settings)
    if _is_complete(output, plan, overwrite):
        shutil.rmtree(output / WORK_FOLDER, ignore_errors=True)
        return json.loads((output / SUMMARY_FILE).read_text())
    with _work_folder(output, plan) as work:
        _read_all(units, work, settings, num_workers, progress)
        deal = _deal(work, settings)
        _assemble(work, deal, plan, command)
        _publish(work / "assembled", output)
    shutil.rmtree(output / WORK_FOLDER)
    return json.loads((output / SUMMARY_FILE).read_text())


def make_plan(units: Sequence[WorkUnit], settings: PrepareSettings) -> dict[str, Any]:
    """What a run is to do, as JSON values: two runs with equal plans write equal bytes."""
    listing = sha256()
    for unit in units:
        listing.update(f"{unit.stamp()}\n".encode("utf-8", "surrogateescape"))
    return {
        "units": len(units),
        "listing": listing.hexdigest(),
        "settings": json.loads(json.dumps(asdict(settings))),
        "versions": {name: version(name) for name in ("symbolic-music-hf", "symusic", "datasketch")},
    }


def _is_complete(output: Path, plan: dict[str, Any], overwrite: bool) -> bool:
    """Whether `output` already holds this plan's dataset; clears away another plan's if that is allowed."""
    complete = (output / CARD_FILE).exists() and (output / SUMMARY_FILE).exists()
    found = output / SUMMARY_FILE if complete else output / WORK_FOLDER / _PLAN_FILE
    if not found.exists():
        _check_free(output)
        return False
    earlier = json.loads(found.read_text())
    earlier = earlier["plan"] if complete else earlier
    if earlier == plan:
        return complete
    if not overwrite:
        raise PrepareError(
            f"{output}: holds a run with another plan ({_difference(earlier, plan)}); "
            "choose another folder, or --overwrite"
        )
    for name in _OWN_FILES:
        path = output / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    return False


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
    # Two hashes of listings tell a user nothing, so any other difference is named first.
    key = min(different, key=lambda key: key == "listing")
    return "other files to read" if key == "listing" else f"{key}: {before.get(key)} there, {now.get(key)} now"


def _flatten(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        flat |= _flatten(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return flat


@contextmanager
def _work_folder(output: Path, plan: dict[str, Any]) -> Iterator[Path]:
    """OUTPUT/.work with the plan in it, locked against a second run."""
    work = output / WORK_FOLDER
    work.mkdir(parents=True, exist_ok=True)
    with (work / _LOCK_FILE).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise PrepareError(f"{output}: another run is writing there") from error
        write_atomically(work / _PLAN_FILE, _json_bytes(plan))
        yield work


def _read_all(
    units: Sequence[WorkUnit], work: Path, settings: PrepareSettings, num_workers: int, progress: bool
) -> None:
    """Read the units of every missing shard; shard i holds the rows of units [i * 512, (i + 1) * 512)."""
    starts = range(0, len(units), UNITS_PER_SHARD)
    missing = [start for start in starts if not _shard_path(work, start).exists()]
    spans = [units[start : start + UNITS_PER_SHARD] for start in missing]
    done = len(units) - sum(map(len, spans))
    flat = (unit for span in spans for unit in span)
    function = partial(unit_rows, limits=settings.limits, max_bars=settings.max_bars)
    modules = sorted({"datasketch", *(name for span in spans for unit in span for name in unit.modules())})
    with (
        closing(map_in_order(function, flat, num_workers, settings.timeout, modules)) as outcomes,
        tqdm(total=len(units), initial=done, unit="unit", desc="read", disable=not progress) as bar,
    ):
        for start, span in zip(missing, spans, strict=True):
            rows: list[dict[str, Any]] = []
            for unit in span:
                rows += _rows_of(unit, next(outcomes))
                bar.update()
            _write_shard(_shard_path(work, start), rows)


def _rows_of(unit: WorkUnit, outcome: list[dict[str, Any]] | Failure) -> list[dict[str, Any]]:
    if isinstance(outcome, Failure):
        return [refused_row(unit, unit.name, outcome.refusal, outcome.detail)]
    return outcome


def _shard_path(work: Path, start: int) -> Path:
    return work / f"shard-{start:09d}.parquet"


def _write_shard(path: Path, rows: list[dict[str, Any]]) -> None:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(rows, schema=_SHARD_SCHEMA), sink, compression="zstd")
    write_atomically(path, sink.getvalue().to_pybytes())


def _shards(work: Path, columns: list[str] | None = None) -> Iterator[pa.Table]:
    for path in sorted(work.glob("shard-*.parquet")):
        yield pq.read_table(path, columns=columns)


def _deal(work: Path, settings: PrepareSettings) -> Deal:
    """Drop exact duplicates, find the groups, and deal them to the splits."""
    kept, digests, same_as, signatures, is_empty = _kept_rows(work)
    if not digests:
        reasons = Counter(reason for table in _shards(work, ["refusal"]) for reason in table["refusal"].to_pylist())
        raise PrepareError(f"not one usable piece: skipped for {_count_words(reasons)}")
    groups = find_groups(signatures, is_empty, settings.threshold)
    keys = group_keys(groups.labels, digests)
    by_group = settings.split_by is SplitBy.GROUP
    dealt = assign_splits(keys if by_group else digests, settings.fractions, settings.seed)
    if by_group:
        check_groups_whole(dealt, groups.labels)
    splits = np.full(len(kept), "", dtype=object)
    splits[kept] = dealt
    numbers = np.zeros(len(kept), np.int64)
    numbers[kept] = [group_number(key) for key in keys]
    return Deal(splits, numbers, same_as, split_hash(dealt, digests), groups)


def _kept_rows(work: Path) -> tuple[np.ndarray, list[str], list[str], np.ndarray, np.ndarray]:
    """Which rows of the shards are usable and new, and their digests, signatures and whether they have no shingle."""
    kept: list[bool] = []
    same_as: list[str] = []
    first_name: dict[str, str] = {}
    signatures: list[np.ndarray] = []
    has_shingles: list[bool] = []
    for table in _shards(work, ["source", "name", "digest", "signature", "has_shingles"]):
        fresh = []
        for source, name, digest in zip(*(table[c].to_pylist() for c in ("source", "name", "digest")), strict=True):
            label = f"{source}/{name}"
            fresh.append(digest is not None and digest not in first_name)
            same_as.append("" if digest is None or fresh[-1] else first_name[digest])
            if fresh[-1]:
                first_name[digest] = label
        chosen = table.filter(pa.array(fresh, pa.bool_()))
        flat = chosen["signature"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
        signatures.append(flat.reshape(-1, NUM_PERMUTATIONS).astype(np.uint32))
        has_shingles += chosen["has_shingles"].to_pylist()
        kept += fresh
    is_empty = ~np.array(has_shingles, dtype=bool)
    return np.array(kept, dtype=bool), list(first_name), same_as, np.concatenate(signatures), is_empty


def _assemble(work: Path, deal: Deal, plan: dict[str, Any], command: str) -> None:
    """Write the whole dataset folder under `work/assembled`."""
    folder = work / "assembled"
    shutil.rmtree(folder, ignore_errors=True)
    (folder / DATA_FOLDER).mkdir(parents=True)
    counts = {split: _write_split(work, folder / DATA_FOLDER, split, deal) for split in SPLITS}
    skipped = _write_skipped(work, folder / SKIPPED_FILE, deal)
    summary = {
        "plan": plan,
        "split_hash": deal.split_hash,
        "splits": {split: count for split, count in counts.items() if count["pieces"]},
        "skipped": dict(sorted(skipped.items())),
        "left_out": _left_out_summary(work),
        "groups": _group_summary(deal),
        "sources": _source_summary(work, deal),
    }
    (folder / SUMMARY_FILE).write_bytes(_json_bytes(summary))
    (folder / CARD_FILE).write_text(dataset_card(summary, command))


def _write_split(work: Path, folder: Path, split: str, deal: Deal) -> dict[str, int | float]:
    """Stream one split's rows from the shards into its Parquet files; returns its counts."""
    total = int((deal.splits == split).sum())
    files = max(1, -(-total // ROWS_PER_FILE))
    schema = COLUMNS.arrow_schema
    batches = _split_batches(work, split, deal)
    counts: Counter[str] = Counter()
    held = schema.empty_table()
    for number in range(files if total else 0):
        left = min(ROWS_PER_FILE, total - number * ROWS_PER_FILE)
        path = folder / f"{split}-{number:05d}-of-{files:05d}.parquet"
        with pq.ParquetWriter(path, schema, compression="zstd") as writer:
            while left:
                while held.num_rows < min(ROWS_PER_GROUP, left):
                    held = pa.concat_tables([held, next(batches)])
                rows, held = held.slice(0, min(ROWS_PER_GROUP, left)), held.slice(min(ROWS_PER_GROUP, left))
                writer.write_table(rows.combine_chunks())
                left -= rows.num_rows
                counts.update({name: pc.sum(rows[name]).as_py() for name in ("notes", "bars", "seconds")})
    return {
        "pieces": total,
        "groups": len(set(deal.numbers[deal.splits == split].tolist())),
        "notes": int(counts["notes"]),
        "bars": int(counts["bars"]),
        "hours": round(counts["seconds"] / 3600, 2),
    }


def _split_batches(work: Path, split: str, deal: Deal) -> Iterator[pa.Table]:
    row = 0
    for table in _shards(work):
        here = slice(row, row + table.num_rows)
        row += table.num_rows
        with_group = table.append_column("group", pa.array(deal.numbers[here]))
        chosen = with_group.filter(pa.array(deal.splits[here] == split))
        yield chosen.select(COLUMNS.arrow_schema.names).cast(COLUMNS.arrow_schema)


def _write_skipped(work: Path, path: Path, deal: Deal) -> Counter[str]:
    """List every row that is left out, with its reason, one JSON object a line; returns the counts by reason."""
    counts: Counter[str] = Counter()
    same_as = iter(deal.same_as)
    with path.open("w") as file:
        for table in _shards(work, ["source", "name", "refusal", "detail"]):
            for row, same in zip(table.to_pylist(), same_as, strict=False):
                if same:
                    row |= {"refusal": DUPLICATE, "detail": f"same music as {same}"}
                if row["refusal"]:
                    counts[row["refusal"]] += 1
                    file.write(json.dumps(row, ensure_ascii=False) + "\n")
    return counts


def _group_summary(deal: Deal) -> dict[str, Any]:
    sizes = np.unique(deal.numbers[deal.splits != ""], return_counts=True)[1]
    histogram = Counter(sizes.tolist())
    return {
        "count": len(sizes),
        "largest": int(sizes.max()),
        "pieces_with_a_near_duplicate": int(sizes[sizes > 1].sum()),
        "refused_links": deal.groups.refused_links,
        "sizes": {str(size): histogram[size] for size in sorted(histogram)},
    }


def _left_out_summary(work: Path) -> dict[str, dict[str, int]]:
    """By kind, how much was found besides notes in how many files, tunes or rows; skipped ones count too."""
    items: Counter[str] = Counter()
    units: Counter[str] = Counter()
    for table in _shards(work, ["left_out"]):
        for text in table["left_out"].drop_null().to_pylist():
            counts = json.loads(text)
            items.update(counts)
            units.update(counts.keys())
    return {kind: {"count": items[kind], "units": units[kind]} for kind in sorted(items)}


def _source_summary(work: Path, deal: Deal) -> list[dict[str, Any]]:
    """Pieces kept by source and licence."""
    counts: Counter[tuple[str, str]] = Counter()
    row = 0
    for table in _shards(work, ["source", "license"]):
        kept = table.filter(pa.array(deal.splits[row : row + table.num_rows] != ""))
        row += table.num_rows
        counts.update(zip(kept["source"].to_pylist(), kept["license"].to_pylist(), strict=True))
    return [{"source": s, "license": text, "pieces": counts[s, text]} for s, text in sorted(counts)]


def _publish(assembled: Path, output: Path) -> None:
    """Move the finished dataset into place; the card last, since it marks the dataset as finished."""
    shutil.rmtree(output / DATA_FOLDER, ignore_errors=True)
    for name in (DATA_FOLDER, SKIPPED_FILE, SUMMARY_FILE, CARD_FILE):
        (assembled / name).rename(output / name)


def _count_words(counts: Counter[str]) -> str:
    return ", ".join(f"{reason} ({count})" for reason, count in counts.most_common())


def _json_bytes(value: Any) -> bytes:
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()
