"""What kind of repository a folder is, and which of its files belong there. Knows names, and cards' metadata."""

import fnmatch
from enum import StrEnum
from pathlib import Path
from typing import Any

import yaml

from symbolic_music.hub.errors import PublishError

Content = Path | bytes
"""Of a file to publish: the file, or its bytes where they differ from the folder's."""

CARD_FILE = "README.md"
MODEL_CONFIG, ADAPTER_CONFIG = "config.json", "adapter_config.json"
ADAPTER_FOLDER = "adapter"
"""Below the folder of a merged model, the adapter alone: a PEFT repository."""

# Folders that work leaves behind beside what is published: versions, caches, checkpoints with optimiser states, logs
# (TensorBoard's bear the machine's name), the files of a user that a model was adapted to.
_LEFT_OUT_FOLDERS = (".*", "__pycache__", "checkpoint-*", "runs", "dataset")
_KEPT_HIDDEN_FILES = (".gitattributes",)


class Kind(StrEnum):
    """What a repository holds."""

    MODEL = "model"
    ADAPTER = "adapter"
    DATASET = "dataset"
    SPACE = "metric Space"
    PAGE = "page Space"
    APP = "app Space"

    @property
    def repo_type(self) -> str:
        """The Hub's word for it."""
        return {Kind.DATASET: "dataset", **dict.fromkeys(_SPACES, "space")}.get(self, "model")

    @property
    def replaced(self) -> tuple[str, ...]:
        """Files of an older version that would spoil a newer one: other shards of the weights or of a split."""
        return {
            Kind.MODEL: ("*.safetensors", "*.safetensors.index.json"),
            Kind.ADAPTER: ("adapter_model*.safetensors",),
            Kind.DATASET: ("data/*.parquet",),
            Kind.SPACE: (),
            Kind.PAGE: (),
            Kind.APP: ("*.whl",),
        }[self]


_SPACES = (Kind.SPACE, Kind.PAGE, Kind.APP)
_SDKS = {"static": Kind.PAGE, "docker": Kind.APP}


def find_kind(folder: Path) -> Kind:
    """What a folder is to become.

    Raises:
        PublishError: when it is no folder, or none of these.
    """
    if not folder.is_dir():
        raise PublishError(f"{folder} is not a folder" if folder.exists() else f"{folder} does not exist")
    if (folder / ADAPTER_CONFIG).exists():
        return Kind.ADAPTER
    if (folder / MODEL_CONFIG).exists():
        return Kind.MODEL
    if any((folder / "data").glob("*.parquet")):
        return Kind.DATASET
    sdk = (read_metadata(folder / CARD_FILE) or {}).get("sdk")
    if sdk is not None:
        return _SDKS.get(sdk, Kind.SPACE)
    raise PublishError(
        f"{folder} is no model ({MODEL_CONFIG}), adapter ({ADAPTER_CONFIG}), dataset (data/*.parquet) or Space "
        f"({CARD_FILE} with `sdk:`)"
    )


def list_files(folder: Path) -> tuple[list[str], list[str]]:
    """Paths below the folder, with slashes, sorted: files to publish; files and folders (with a slash) left out."""
    published: list[str] = []
    left_out: list[str] = []

    def walk(place: Path) -> None:
        for path in sorted(place.iterdir()):
            name = path.relative_to(folder).as_posix()
            if path.is_dir():
                if any(fnmatch.fnmatch(path.name, pattern) for pattern in _LEFT_OUT_FOLDERS):
                    left_out.append(f"{name}/")
                else:
                    walk(path)
            elif path.name.startswith(".") and path.name not in _KEPT_HIDDEN_FILES:
                left_out.append(name)
            else:
                published.append(name)

    walk(folder)
    return published, left_out


def read_content(content: Content) -> bytes:
    """The bytes of a file to publish."""
    return content if isinstance(content, bytes) else content.read_bytes()


def read_metadata(card: Path) -> dict[str, Any] | None:
    """The YAML at the top of a card; None where there is no card, no YAML, or something else than a mapping."""
    try:
        before, fence, rest = card.read_text(encoding="utf-8").partition("---\n")
        metadata = yaml.safe_load(rest.partition("\n---")[0]) if fence and not before.strip() else None
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return None
    return metadata if isinstance(metadata, dict) else None
