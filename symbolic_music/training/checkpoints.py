"""Checkpoints that are either complete or visibly incomplete.

The Trainer writes into a checkpoint's final folder file by file, so a run that is killed there leaves a folder that
looks like a checkpoint and is none. Here a checkpoint counts only when it holds `complete.json`, which is written last
(atomically, after the files' data is on the disk) and lists every file with its size.

Knows files only: what they hold is the Trainer's business.
"""

import json
import os
import re
from pathlib import Path
from typing import Any

MARKER = "complete.json"
_CHECKPOINT_NAME = re.compile(r"checkpoint-(\d+)")


def mark_complete(checkpoint: Path, **facts: Any) -> None:
    """Write the marker of a checkpoint whose files are all written.

    Args:
        checkpoint: the folder.
        facts: kept in the marker beside the list of files; JSON values.
    """
    files = {}
    for path in sorted(checkpoint.rglob("*")):
        if path.is_file() and path.name != MARKER:
            with path.open("rb") as file:
                os.fsync(file.fileno())
            files[path.relative_to(checkpoint).as_posix()] = path.stat().st_size
    partial = checkpoint / f"{MARKER}.partial"
    with partial.open("w", encoding="utf-8") as file:
        json.dump({"files": files, **facts}, file, indent=1, sort_keys=True)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(checkpoint / MARKER)


def unmark(checkpoint: Path) -> None:
    """Take the marker away, before the checkpoint's files are written again."""
    (checkpoint / MARKER).unlink(missing_ok=True)


def read_marker(checkpoint: Path) -> dict[str, Any] | None:
    """The marker of a complete checkpoint, or None when the marker or one of the files it lists is missing or cut."""
    try:
        marker = json.loads((checkpoint / MARKER).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, json.JSONDecodeError):
        return None
    for name, size in marker["files"].items():
        path = checkpoint / name
        if not path.is_file() or path.stat().st_size != size:
            return None
    return marker


def find_checkpoints(output_dir: Path) -> tuple[list[Path], list[Path]]:
    """The complete and the incomplete checkpoints of a run's folder, each by ascending step."""
    found = []
    for path in output_dir.iterdir() if output_dir.is_dir() else ():
        match = _CHECKPOINT_NAME.fullmatch(path.name)
        if match and path.is_dir():
            found.append((int(match[1]), path))
    complete: list[Path] = []
    incomplete: list[Path] = []
    for _, path in sorted(found):
        (incomplete if read_marker(path) is None else complete).append(path)
    return complete, incomplete
