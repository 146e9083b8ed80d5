"""The columns of a dataset, and the shards in which finished units wait for the whole. Knows nothing of units."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from datasets import Features, List, Value

from symbolic_music.data.preparation.duplicates import NUM_PERMUTATIONS
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
        "title": Value("string"),
        "composer": Value("string"),
        "composer_dates": Value("string"),
        "chords": List({"onset": Value("float64"), "symbol": Value("string")}),
    }
)
"""The columns of every dataset this package writes and reads."""

SHARD_SCHEMA = pa.schema(
    [
        *(item for item in COLUMNS.arrow_schema if item.name != "group"),
        pa.field("digest", pa.string()),
        pa.field("stored_digest", pa.string()),
        pa.field("signature", pa.list_(pa.uint32(), NUM_PERMUTATIONS)),
        pa.field("has_shingles", pa.bool_()),
        pa.field("refusal", pa.string()),
        pa.field("detail", pa.string()),
        pa.field("left_out", pa.string()),
    ]
)


def shard_path(work: Path, start: int) -> Path:
    """Where the rows of the units from number `start` on are kept."""
    return work / f"shard-{start:09d}.parquet"


def write_shard(path: Path, rows: list[dict[str, Any]]) -> None:
    """Write rows of `pieces.unit_rows`, whole or not at all."""
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(rows, schema=SHARD_SCHEMA), sink, compression="zstd")
    write_atomically(path, sink.getvalue().to_pybytes())


def shards(work: Path, columns: list[str] | None = None) -> Iterator[pa.Table]:
    """Every shard in order, or only some of its columns."""
    for path in sorted(work.glob("shard-*.parquet")):
        with path.open("rb") as file:
            yield pq.read_table(file, columns=columns)
