"""The dataset folder from the shards and the deal: Parquet files, what was skipped, the summary, the card.

Streams: memory is bounded by one shard and one row group. Knows nothing of how rows came about.
"""

import json
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from symbolic_music._extras import MissingExtraError
from symbolic_music.data.preparation.deal import Deal
from symbolic_music.data.preparation.pieces import DRUMS
from symbolic_music.data.preparation.presentation.card import dataset_card
from symbolic_music.data.preparation.presentation.credits import Presentation, attribution
from symbolic_music.data.preparation.presentation.overview import COLUMNS as OVERVIEW_COLUMNS
from symbolic_music.data.preparation.presentation.overview import Overview, overview_png
from symbolic_music.data.preparation.shards import COLUMNS, shards
from symbolic_music.data.preparation.splits import SPLITS

DUPLICATE = "duplicate"
"""The reason, beside those of `Refusal`, for which a piece is left out: the same notes are already there."""

CARD_FILE = "README.md"
SUMMARY_FILE = "prepare.json"
SKIPPED_FILE = "skipped.jsonl"
ATTRIBUTION_FILE = "ATTRIBUTION.md"
OVERVIEW_FILE = "overview.png"
DATA_FOLDER = "data"

ROWS_PER_FILE = 20_000
ROWS_PER_GROUP = 1_000


def assemble(
    work: Path,
    folder: Path,
    deal: Deal,
    same_as: Sequence[str],
    plan: dict[str, Any],
    presentation: Presentation,
    command: str,
) -> None:
    """Write the whole dataset folder.

    Args:
        work: the folder of the shards.
        folder: the one to write.
        deal: what becomes of each row.
        same_as: see `write_skipped`.
        plan: what the run was to do, for the summary.
        presentation: the card's title and whom the dataset names.
        command: what the user typed, for the card.
    """
    shutil.rmtree(folder, ignore_errors=True)
    (folder / DATA_FOLDER).mkdir(parents=True)
    counts = {split: _write_split(work, folder / DATA_FOLDER, split, deal) for split in SPLITS}
    skipped = write_skipped(work, folder / SKIPPED_FILE, same_as)
    summary: dict[str, Any] = {
        "plan": plan,
        "split_hash": deal.split_hash,
        "splits": {split: count for split, count in counts.items() if count["pieces"]},
        "skipped": skipped,
        "left_out": _left_out_summary(work),
        "groups": _group_summary(deal),
        "sources": _source_summary(work, deal, presentation),
        "composers": _composer_summary(work, deal),
        "chords": _chord_summary(work, deal),
        "content": _content_summary(work, deal, presentation),
    }
    (folder / SUMMARY_FILE).write_bytes(json_bytes(summary))
    if presentation.credits:
        max_bars = plan["settings"]["pieces"]["max_bars"]
        (folder / ATTRIBUTION_FILE).write_text(attribution(presentation, summary["sources"], max_bars))
    if presentation.has_picture:
        with suppress(MissingExtraError):  # without matplotlib the figures are in the summary alone
            (folder / OVERVIEW_FILE).write_bytes(overview_png(summary["content"]))
    (folder / CARD_FILE).write_text(dataset_card(summary, command, (folder / OVERVIEW_FILE).exists()))


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
    for table in shards(work):
        here = slice(row, row + table.num_rows)
        row += table.num_rows
        with_group = table.append_column("group", pa.array(deal.numbers[here]))
        chosen = with_group.filter(pa.array(deal.splits[here] == split))
        yield chosen.select(COLUMNS.arrow_schema.names).cast(COLUMNS.arrow_schema)


def write_skipped(work: Path, path: Path, same_as: Sequence[str]) -> dict[str, int]:
    """List every row that is left out, with its reason, one JSON object a line.

    Args:
        work: the folder of the shards.
        path: the file to write.
        same_as: for each row of the shards that is an exact duplicate the name of the piece that is kept, else "".

    Returns:
        The counts by reason, sorted by its name.
    """
    counts: Counter[str] = Counter()
    names = iter(same_as)
    with path.open("w") as file:
        for table in shards(work, ["source", "name", "refusal", "detail"]):
            for row in table.to_pylist():
                if same := next(names):
                    row |= {"refusal": DUPLICATE, "detail": f"same music as {same}"}
                if row["refusal"]:
                    counts[row["refusal"]] += 1
                    file.write(json.dumps(row, ensure_ascii=False) + "\n")
    return dict(sorted(counts.items()))


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
    """By kind, how much was found besides notes in how many of the files, tunes or rows that could be read."""
    items: Counter[str] = Counter()
    units: Counter[str] = Counter()
    for table in shards(work, ["left_out"]):
        for text in table["left_out"].drop_null().to_pylist():
            counts = json.loads(text)
            items.update(counts)
            units.update(counts.keys())
    return {kind: {"count": items[kind], "units": units[kind]} for kind in sorted(items)}


def _kept_tables(work: Path, deal: Deal, columns: list[str]) -> Iterator[pa.Table]:
    """Some columns of the rows that are kept."""
    row = 0
    for table in shards(work, columns):
        yield table.filter(pa.array(deal.splits[row : row + table.num_rows] != ""))
        row += table.num_rows


def _source_summary(work: Path, deal: Deal, presentation: Presentation) -> list[dict[str, Any]]:
    """What is kept by source and licence: pieces, notes, hours, composers, pieces with drums, with three parts."""
    counts: dict[tuple[str, str], Counter[str]] = {}
    composers: dict[tuple[str, str], set[str]] = {}
    for kept in _kept_tables(work, deal, ["source", "license", "notes", "seconds", "composer", "programs"]):
        for row in kept.to_pylist():
            key = row["source"], row["license"]
            composers.setdefault(key, set()).add(row["composer"])
            counts.setdefault(key, Counter()).update(
                pieces=1,
                notes=row["notes"],
                seconds=row["seconds"],
                with_drums=int(DRUMS in row["programs"]),
                with_three_instruments=int(len(row["programs"]) >= 3),
            )
    return [
        {"source": source, "license": text, "kind": getattr(presentation.credit_of(source), "kind", "")}
        | {name: found[name] for name in ("pieces", "notes", "with_drums", "with_three_instruments")}
        | {"hours": round(found["seconds"] / 3600, 2), "composers": len(composers[source, text] - {""})}
        for (source, text), found in sorted(counts.items())
    ]


def _content_summary(work: Path, deal: Deal, presentation: Presentation) -> dict[str, dict[str, int]]:
    overview = Overview(presentation.composers)
    for kept in _kept_tables(work, deal, list(OVERVIEW_COLUMNS)):
        overview.add(kept.to_pylist())
    return overview.as_json()


def _composer_summary(work: Path, deal: Deal) -> dict[str, int]:
    """Pieces kept by composer, most first; those of none are left out."""
    counts: Counter[str] = Counter()
    for kept in _kept_tables(work, deal, ["composer"]):
        counts.update(name for name in kept["composer"].to_pylist() if name)
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _chord_summary(work: Path, deal: Deal) -> dict[str, int]:
    """How many of the pieces kept have chord symbols, and how many symbols those are."""
    lengths = [pc.list_value_length(kept["chords"]) for kept in _kept_tables(work, deal, ["chords"])]
    found = np.concatenate([column.combine_chunks().to_numpy(zero_copy_only=False) for column in lengths])
    return {"pieces": int((found > 0).sum()), "symbols": int(found.sum())}


def json_bytes(value: Any) -> bytes:
    """A value as the JSON files of a dataset hold it."""
    return (json.dumps(value, indent=2, ensure_ascii=False) + "\n").encode()
