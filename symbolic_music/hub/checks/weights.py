"""Are the weights whole, and safetensors? Reads headers, never a tensor, and never unpickles."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from symbolic_music.hub.contents import Kind

SAFETENSORS = ".safetensors"
INDEX_FILE = "model.safetensors.index.json"
WEIGHT_FILES = {Kind.MODEL: "model.safetensors", Kind.ADAPTER: "adapter_model.safetensors"}
# Reading any of these can run code.
PICKLED_SUFFIXES = (".bin", ".ckpt", ".joblib", ".pickle", ".pkl", ".pt", ".pth")
_MAX_HEADER_BYTES = 100_000_000


def weight_problems(folder: Path, kind: Kind, files: Iterable[str]) -> list[str]:
    """What keeps the weights from being published, one line each."""
    files = list(files)
    problems = [
        f"{name} is pickled, and unpickling runs code: expected {SAFETENSORS}"
        for name in files
        if name.endswith(PICKLED_SUFFIXES)
    ]
    tensors: dict[str, set[str]] = {}
    for name in files:
        if name.endswith(SAFETENSORS):
            try:
                tensors[name] = read_tensor_names(folder / name)
            except ValueError as error:
                problems.append(f"{name} {error}")
                tensors[name] = set()
    if kind in WEIGHT_FILES and WEIGHT_FILES[kind] not in tensors:
        if kind is Kind.MODEL and INDEX_FILE in files:
            problems += _shard_problems(folder / INDEX_FILE, tensors)
        else:
            problems.append(f"{WEIGHT_FILES[kind]} is missing")
    return problems


def read_tensor_names(path: Path) -> set[str]:
    """The tensors of a safetensors file that is as long as its header says.

    Raises:
        ValueError: when the header cannot be read, or the file ends elsewhere; the message goes on after its name.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if not 0 < length <= min(size - 8, _MAX_HEADER_BYTES):
            raise ValueError("has no header that can be read: it is no safetensors file, or cut")
        try:
            header = json.loads(file.read(length))
            ends = {name: int(row["data_offsets"][1]) for name, row in header.items() if name != "__metadata__"}
        except (ValueError, TypeError, KeyError, AttributeError, IndexError) as error:
            raise ValueError("has no header that can be read: it is no safetensors file, or cut") from error
    expected = 8 + length + max(ends.values(), default=0)
    if size != expected:
        raise ValueError(f"is {size:,} bytes long, and its header says {expected:,}: it is cut or damaged")
    if not ends:
        raise ValueError("holds no tensor")
    return set(ends)


def _shard_problems(index: Path, tensors: dict[str, set[str]]) -> Iterator[str]:
    try:
        places = json.loads(index.read_text(encoding="utf-8"))["weight_map"]
        shards = sorted(set(places.values()))
    except (ValueError, KeyError, TypeError, AttributeError):
        yield f"{index.name} cannot be read; expected JSON with a weight_map"
        return
    for shard in shards:
        if shard not in tensors:
            yield f"{shard} is missing, which {index.name} names"
        else:
            lost = sorted(name for name, place in places.items() if place == shard and name not in tensors[shard])
            if lost:
                yield f"{shard} lacks {len(lost)} tensors that {index.name} places there, {lost[0]} among them"
