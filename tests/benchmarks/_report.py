"""What every benchmark ends with: a table to read and a JSON file to keep.

The JSON names the machine class, the versions and the command, so that a number can be traced to what produced it.
"""

import json
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
import transformers

RESULTS = Path(__file__).parent / "results"


def machine_class() -> dict[str, Any]:
    """The processor, its number formats that matter for speed, and the accelerator if there is one."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), None)
    return {
        "processor": model or platform.processor() or platform.machine(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "threads": torch.get_num_threads(),
        "load": round(os.getloadavg()[0], 2),
        "instruction_set": torch.backends.cpu.get_cpu_capability(),
        "amx": torch.cpu._is_amx_tile_supported(),
        "avx512_bf16": torch.cpu._is_avx512_bf16_supported(),
        "accelerator": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
    }


def commit() -> str | None:
    """The checked-out commit, or None outside a repository."""
    found = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return found.stdout.strip() or None


def format_table(rows: list[dict[str, Any]]) -> str:
    """Rows of equal keys as an aligned text table; floats with three significant digits."""
    texts = [list(rows[0])]
    for row in rows:
        texts.append([f"{value:.3g}" if isinstance(value, float) else str(value) for value in row.values()])
    widths = [max(len(text[column]) for text in texts) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.rjust(width) for cell, width in zip(text, widths, strict=True)).rstrip() for text in texts
    )


def report(name: str, rows: list[dict[str, Any]], output: Path | None = None, **facts: Any) -> Path:
    """Print the rows and write them to `tests/benchmarks/results/<name>.json` (or `output`).

    Args:
        name: the benchmark's name.
        rows: one dict per line of the table, all with the same keys, units in the keys.
        output: another file to write.
        facts: what else should be kept, such as the goal.
    """
    path = output or RESULTS / f"{name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    document = {
        "benchmark": name,
        "command": " ".join([Path(sys.executable).name, *sys.argv]),
        "commit": commit(),
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "machine": machine_class(),
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "transformers": transformers.__version__,
        },
        **facts,
        "rows": rows,
    }
    path.write_text(json.dumps(document, indent=2) + "\n")
    print(f"\n{name}  ({document['machine']['processor']}, {document['machine']['threads']} threads)")
    print(format_table(rows))
    for key, value in facts.items():
        print(f"{key}: {value}")
    print(f"written to {path}")
    return path
