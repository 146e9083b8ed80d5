"""What a test Hub keeps, in memory: repositories with commits, branches, tags, and uploaded blobs. Knows no HTTP."""

import base64
import hashlib
import json
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime

import yaml

KINDS = ("model", "dataset", "space")
# What the Hub asks to be uploaded as LFS objects; anything else comes inside the commit.
LFS_SUFFIXES = (".safetensors", ".parquet", ".bin", ".pt", ".mid", ".wav", ".png")
MAIN = "main"


@dataclass(frozen=True)
class Blob:
    """The content of one file."""

    data: bytes
    is_lfs: bool = False

    @property
    def oid(self) -> str:
        """What a client compares with its own file's: SHA-256 of an LFS object, git's hash otherwise."""
        return hashlib.sha256(self.data).hexdigest() if self.is_lfs else self.git_oid

    @property
    def git_oid(self) -> str:
        return hashlib.sha1(b"blob %d\0" % len(self.data) + self.data).hexdigest()


Tree = dict[str, Blob]


@dataclass
class Commit:
    oid: str
    title: str
    parent: str | None
    tree: Tree
    date: str


@dataclass
class Repository:
    """One model, dataset or Space."""

    kind: str
    id: str
    private: bool = False
    sdk: str | None = None
    commits: dict[str, Commit] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.commit(MAIN, {".gitattributes": Blob(b"*.safetensors filter=lfs\n")}, "initial commit")

    @property
    def namespace(self) -> str:
        return self.id.partition("/")[0]

    def commit(self, branch: str, tree: Tree, title: str) -> Commit:
        """Put a whole tree on a branch: all of it or, if anything raised before, nothing."""
        parent = self.branches.get(branch)
        content = [
            self.kind,
            self.id,
            parent,
            title,
            len(self.commits),
            [(path, tree[path].oid) for path in sorted(tree)],
        ]
        oid = hashlib.sha1(json.dumps(content).encode()).hexdigest()
        self.commits[oid] = Commit(oid, title, parent, tree, now())
        self.branches[branch] = oid
        return self.commits[oid]

    def find(self, revision: str) -> Commit | None:
        """The commit of a branch, a tag or a commit's own name."""
        return self.commits.get(self.branches.get(revision) or self.tags.get(revision) or revision)

    def history(self, revision: str) -> list[Commit]:
        """Newest first."""
        commits, commit = [], self.find(revision)
        while commit is not None:
            commits.append(commit)
            commit = self.commits[commit.parent] if commit.parent else None
        return commits

    def files(self, revision: str = MAIN) -> dict[str, bytes]:
        """Path and content of what was published, for tests to look at."""
        commit = self.find(revision)
        assert commit is not None
        return {path: blob.data for path, blob in commit.tree.items() if path != ".gitattributes"}


class Store:
    """All repositories and every LFS object that was uploaded whole."""

    def __init__(self) -> None:
        self.repositories: dict[tuple[str, str], Repository] = {}
        self.lfs_objects: dict[str, bytes] = {}
        self.lock = threading.RLock()

    def apply(self, tree: Tree, operation: dict) -> None:
        """One line of a commit's body, applied to a tree that nobody sees yet.

        Raises:
            ValueError: when an LFS object that it names was never uploaded whole.
        """
        key, value = operation["key"], operation["value"]
        if key == "file":
            tree[value["path"]] = Blob(base64.b64decode(value["content"]))
        elif key == "lfsFile":
            if value["oid"] not in self.lfs_objects:
                raise ValueError(f"LFS object {value['oid']} was not uploaded")
            tree[value["path"]] = Blob(self.lfs_objects[value["oid"]], is_lfs=True)
        elif key == "deletedFile":
            del tree[value["path"]]
        else:
            raise ValueError(f"unknown operation {key!r}")


def card_metadata(tree: Tree) -> dict:
    """The YAML at the top of README.md."""
    blob = tree.get("README.md")
    parts = blob.data.decode().split("---\n", 2) if blob else []
    return (yaml.safe_load(parts[1]) or {}) if len(parts) == 3 and not parts[0].strip() else {}


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
