"""Is a folder fit to be published? Everything that can be known without the network, before any byte leaves."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from symbolic_music import models
from symbolic_music.hub.checks.card import card_problems
from symbolic_music.hub.checks.leaks import leak_problems
from symbolic_music.hub.checks.weights import weight_problems
from symbolic_music.hub.contents import (
    ADAPTER_CONFIG,
    CARD_FILE,
    MODEL_CONFIG,
    Content,
    Kind,
    read_content,
    read_metadata,
)

_PROCESSOR_FILES = {
    "tokenizer.json": "the tokenizer",
    "tokenizer_config.json": "the tokenizer's settings",
    "processor_config.json": "the processor's settings",
}
_GENERATION_FILES = {"generation_config.json": "the generation config"}
_NEEDED_FILES = {
    Kind.MODEL: _PROCESSOR_FILES | _GENERATION_FILES,
    Kind.ADAPTER: _PROCESSOR_FILES,
    Kind.DATASET: {},
    Kind.SPACE: {"requirements.txt": "what the metric imports"},
    Kind.PAGE: {"index.html": "the page"},
    Kind.APP: {
        "Dockerfile": "how its container is made",
        "app.py": "what it runs",
        "requirements.txt": "what it imports",
    },
}
_PREPARE_FILE = "prepare.json"


def folder_problems(
    folder: Path, kind: Kind, contents: dict[str, Content], left_out: list[str], repo_id: str
) -> list[str]:
    """Everything that keeps a folder from being published, one line each.

    Args:
        folder: see `contents.find_kind`.
        kind: of the repository.
        contents: of the files that are to be published.
        left_out: that are not.
        repo_id: where to; a Space's metric must bear its name.
    """
    files = list(contents)
    problems = card_problems(folder, kind)
    problems += weight_problems(folder, kind, files)
    problems += [f"{name} is missing: {what}" for name, what in _NEEDED_FILES[kind].items() if name not in files]
    if kind is Kind.MODEL:
        problems += _code_problems(folder, files)
    for name, content in contents.items():
        if Path(name).name == ADAPTER_CONFIG:
            problems += _base_problems(name, content)
    if kind is Kind.DATASET:
        problems += _dataset_problems(folder, files)
    if kind is Kind.SPACE:
        problems += _space_problems(folder, files, repo_id.rpartition("/")[2])
    return problems + leak_problems(contents, left_out)


def read_json(content: Content) -> dict[str, Any]:
    """A JSON object, or nothing where there is none."""
    try:
        found = json.loads(read_content(content))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _code_problems(folder: Path, files: list[str]) -> Iterator[str]:
    """The model's own source files, without which it loads only where this package is installed."""
    config = read_json(folder / MODEL_CONFIG)
    family = config.get("model_type")
    if not family:
        yield f"{MODEL_CONFIG} cannot be read or names no model_type"
        return
    places = config.get("auto_map", {})
    if not places and (Path(models.__file__).parent / str(family)).is_dir():
        yield f"{MODEL_CONFIG} has no auto_map: without the package the model could not load; save it with its code"
    for auto_class, place in _code_places(places):
        module, _, name = place.partition(".")
        if f"{module}.py" not in files:
            yield f"{module}.py is missing, which auto_map names for {auto_class}"
        elif name not in _names_of(folder / f"{module}.py"):
            yield f"{module}.py has no {name}, which auto_map names for {auto_class}"
    for path in sorted(folder.glob("*.py")):
        for imported in sorted(_own_imports(path)):
            if f"{imported}.py" not in files:
                yield f"{imported}.py is missing, which {path.name} imports"


def _code_places(places: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Auto class and "module.Class"; a tokenizer's entry names two classes, of which one may be null."""
    for auto_class, found in places.items():
        for place in found if isinstance(found, list) else [found]:
            if place is not None:
                yield auto_class, str(place)


def _parse(path: Path) -> ast.Module:
    try:
        return ast.parse(path.read_text(encoding="utf-8"))
    except (SyntaxError, ValueError):
        return ast.Module(body=[], type_ignores=[])


def _names_of(path: Path) -> set[str]:
    return {node.name for node in _parse(path).body if isinstance(node, (ast.ClassDef, ast.FunctionDef))}


def _own_imports(path: Path) -> set[str]:
    return {
        node.module.partition(".")[0]
        for node in ast.walk(_parse(path))
        if isinstance(node, ast.ImportFrom) and node.level == 1 and node.module
    }


def _base_problems(name: str, content: Content) -> Iterator[str]:
    base = read_json(content).get("base_model_name_or_path")
    if not isinstance(base, str) or not re.fullmatch(r"[\w-][\w.-]*/[\w.-]+", base) or Path(base).exists():
        yield f"{name}: its base is {base!r}, which is on this machine; say its Hub id with --base-model USER/NAME"


def _dataset_problems(folder: Path, files: list[str]) -> Iterator[str]:
    """Every split that the card names has rows, as many as were written."""
    rows: dict[str, int] = {}
    for name in files:
        if name.endswith(".parquet"):
            try:
                count = pq.read_metadata(folder / name).num_rows
            except (pa.ArrowException, OSError) as error:
                yield f"{name} cannot be read as Parquet: {' '.join(str(error).split())}"
                continue
            split = Path(name).name.partition("-")[0]
            rows[split] = rows.get(split, 0) + count
    named = _named_splits(read_metadata(folder / CARD_FILE) or {})
    if not named:
        yield f"{CARD_FILE} names no splits: its metadata lacks configs with data_files"
    for split in named:
        if not rows.get(split):
            yield f"split {split} of {CARD_FILE} has no rows in data/"
    for split, counts in read_json(folder / _PREPARE_FILE).get("splits", {}).items():
        if counts["pieces"] != rows.get(split, 0):
            yield f"split {split} has {rows.get(split, 0):,} rows; {_PREPARE_FILE} counted {counts['pieces']:,} pieces"


def _named_splits(metadata: dict[str, Any]) -> list[str]:
    """The splits of a dataset's card; none where they are not listed one by one."""
    configs = metadata.get("configs")
    configs = [config for config in configs if isinstance(config, dict)] if isinstance(configs, list) else []
    rows = [row for config in configs if isinstance(config.get("data_files"), list) for row in config["data_files"]]
    return [str(row["split"]) for row in rows if isinstance(row, dict) and "split" in row]


def _space_problems(folder: Path, files: list[str], name: str) -> Iterator[str]:
    """What `evaluate.load` and the Space's own page need."""
    metadata = read_metadata(folder / CARD_FILE) or {}
    app = metadata.get("app_file", "app.py")
    for field in ("title", "sdk"):
        if not metadata.get(field):
            yield f"{CARD_FILE} lacks {field}, which a Space needs"
    if app not in files:
        yield f"{app} is missing, which shows the Space's page"
    if f"{name}.py" not in files:
        yield f"{name}.py is missing: evaluate.load looks for a script with the repository's name"
