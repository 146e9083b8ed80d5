"""A checked folder to the Hub, in one commit: all of it appears, or none of it.

`HfApi.upload_folder` would cut a large folder into several commits, and a connection that breaks between them would
leave half a model published. What was uploaded before a commit failed is kept by the Hub and not uploaded again.
"""

import fnmatch
import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from huggingface_hub import CommitInfo, CommitOperationAdd, CommitOperationDelete, HfApi, get_token
from huggingface_hub.errors import (
    HfHubHTTPError,
    HFValidationError,
    HTTPError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
)

from symbolic_music.hub.checks.repository import folder_problems, read_json
from symbolic_music.hub.contents import ADAPTER_CONFIG, CARD_FILE, Content, Kind, find_kind, list_files, read_metadata
from symbolic_music.hub.errors import PublishError

_REPO_ID = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")
_TAG = re.compile(r"[\w][\w./-]*")


@dataclass(frozen=True)
class Publication:
    """A folder as it is to stand on the Hub.

    Attributes:
        folder: where it lies.
        repo_id: "USER/NAME".
        kind: what it is.
        files: path in the repository -> file, or its bytes where they differ from the folder's.
        left_out: files and folders (with a slash at the end) that stay here.
        problems: what keeps it from being published, one line each.
    """

    folder: Path
    repo_id: str
    kind: Kind
    files: dict[str, Content]
    left_out: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def size(self, name: str) -> int:
        """Bytes of one file."""
        content = self.files[name]
        return len(content) if isinstance(content, bytes) else content.stat().st_size

    def lines(self) -> list[str]:
        """What would be uploaded with its sizes, what stays here, and every problem, for people to read."""
        sizes = {name: self.size(name) for name in self.files}
        return [
            f"{self.kind} {self.repo_id}: {len(sizes)} files, {sum(sizes.values()) / 1e6:.1f} MB",
            *(f"{size:>13,}  {name}" for name, size in sizes.items()),
            *(f"left out: {name}" for name in self.left_out),
            *(f"problem: {problem}" for problem in self.problems),
        ]


def check_repo_id(name: str) -> None:
    """Raise PublishError unless a name can be that of a repository."""
    if not _REPO_ID.fullmatch(name) or ".." in name or "--" in name or name.endswith((".git", ".", "-")):
        raise PublishError(f"{name!r} is no Hub id; expected USER/NAME of letters, digits, '-', '_' and '.'")


def plan_publication(folder: Path, repo_id: str, base_model: str | None = None) -> Publication:
    """What publishing a folder would upload, and what speaks against it; asks nothing of the network.

    Args:
        folder: of a model, adapter, dataset or metric Space.
        repo_id: "USER/NAME".
        base_model: Hub id that adapters are to say they belong to, in place of a folder on this machine.

    Raises:
        PublishError: when the folder is none of these, or an id is malformed.
    """
    check_repo_id(repo_id)
    if base_model:
        check_repo_id(base_model)
    kind = find_kind(folder)
    names, left_out = list_files(folder)
    files: dict[str, Content] = {name: folder / name for name in names}
    if base_model:
        files |= _with_base(folder, names, base_model)
    problems = folder_problems(folder, kind, files, left_out, repo_id)
    return Publication(folder, repo_id, kind, files, left_out, problems)


def publish_folder(
    folder: Path,
    repo_id: str,
    private: bool = False,
    tag: str | None = None,
    base_model: str | None = None,
    api: HfApi | None = None,
) -> str:
    """Check a folder and publish it; see `publish`.

    Raises:
        PublishError: the first problem of the folder, or what the Hub refused.
    """
    publication = plan_publication(folder, repo_id, base_model)
    if publication.problems:
        raise PublishError(f"{folder}: {publication.problems[0]}")
    return publish(publication, private, tag, api)


def publish(publication: Publication, private: bool = False, tag: str | None = None, api: HfApi | None = None) -> str:
    """Upload what was planned, in one commit. Run again after a failure, it goes on where it stopped.

    Args:
        publication: without problems.
        private: make the repository private; one that exists is left as it is.
        tag: name for this version, which must be new.
        api: with endpoint and token; by default those of the environment.

    Returns:
        The repository's URL.

    Raises:
        PublishError: no token, no right to write, a tag or repository that stands in the way, no network.
    """
    api = api or HfApi()
    repo_id, kind = publication.repo_id, publication.kind
    if not (api.token or get_token()):
        raise PublishError("there is no token for the Hub: run `hf auth login`, or set HF_TOKEN")
    if tag is not None and not _TAG.fullmatch(tag):
        raise PublishError(f"{tag!r} is no name for a tag")
    with hub_errors(repo_id):
        _check_base(api, publication)
        made, before = _ensure_repository(api, publication, private, tag)
    try:
        with hub_errors(repo_id):
            commit = commit_files(
                api, repo_id, kind.repo_type, publication.files, f"Publish {kind}", replaced=kind.replaced
            )
    except PublishError as error:
        raise PublishError(f"{error}; {_aftermath(api, publication, made, before)}") from error
    if tag:
        with hub_errors(repo_id):
            api.create_tag(repo_id, tag=tag, revision=commit.oid, repo_type=kind.repo_type)
    return _url(api, repo_id, kind.repo_type)


def commit_files(
    api: HfApi,
    repo_id: str,
    repo_type: str,
    files: Mapping[str, Content],
    message: str,
    replaced: tuple[str, ...] = (),
    revision: str | None = None,
) -> CommitInfo:
    """Add files to a repository in one commit, on top of the state that is seen now or not at all.

    Args:
        api: with endpoint and token.
        repo_id: "USER/NAME"; exists.
        repo_type: "model", "dataset" or "space".
        files: path in the repository -> content.
        message: of the commit.
        replaced: patterns of files that go when they are not among the new ones.
        revision: a branch; the default one when left out.
    """
    head = api.repo_info(repo_id, repo_type=repo_type, revision=revision)
    there = api.list_repo_files(repo_id, repo_type=repo_type, revision=head.sha)
    gone = [name for name in there if name not in files and any(_matches(name, pattern) for pattern in replaced)]
    operations: list[Any] = [CommitOperationDelete(name) for name in gone]
    operations += [
        CommitOperationAdd(name, content if isinstance(content, bytes) else str(content))
        for name, content in files.items()
    ]
    return api.create_commit(
        repo_id,
        operations,
        commit_message=message,
        repo_type=repo_type,
        revision=revision,
        parent_commit=head.sha,
    )


def _matches(name: str, pattern: str) -> bool:
    """Whether a path fits a pattern, whose stars stand for no slashes."""
    return name.count("/") == pattern.count("/") and fnmatch.fnmatchcase(name, pattern)


def _with_base(folder: Path, names: list[str], base_model: str) -> dict[str, Content]:
    """The files that name the base of an adapter, naming it by its Hub id."""
    changed: dict[str, Content] = {}
    for name in names:
        if Path(name).name == ADAPTER_CONFIG:
            config = read_json(folder / name) | {"base_model_name_or_path": base_model}
            changed[name] = (json.dumps(config, indent=2, sort_keys=True) + "\n").encode()
        elif Path(name).name == CARD_FILE and "base_model" in (read_metadata(folder / name) or {}):
            text = (folder / name).read_text(encoding="utf-8")
            changed[name] = re.sub(
                r"^base_model: .*$", f"base_model: {base_model}", text, count=1, flags=re.M
            ).encode()
    return changed


def _check_base(api: HfApi, publication: Publication) -> None:
    for name, content in publication.files.items():
        if Path(name).name != ADAPTER_CONFIG:
            continue
        base = read_json(content)["base_model_name_or_path"]
        if not api.repo_exists(base):
            raise PublishError(f"{name}: its base {base} is not on the Hub; publish that first, or say --base-model")


def _ensure_repository(
    api: HfApi, publication: Publication, private: bool, tag: str | None
) -> tuple[bool, str | None]:
    """Find or make the repository; nothing is made or changed when something is wrong.

    Returns:
        Whether it is new, and its last commit.
    """
    repo_id, repo_type = publication.repo_id, publication.kind.repo_type
    try:
        found = api.repo_info(repo_id, repo_type=repo_type)
    except RepositoryNotFoundError:
        sdk = (read_metadata(publication.folder / CARD_FILE) or {}).get("sdk") if repo_type == "space" else None
        api.create_repo(repo_id, repo_type=repo_type, private=private, space_sdk=sdk)
        return True, api.repo_info(repo_id, repo_type=repo_type).sha
    if private and not found.private:
        raise PublishError(f"{repo_id} exists and is public; --private is for new ones, change it in its settings")
    if tag and tag in {ref.name for ref in api.list_repo_refs(repo_id, repo_type=repo_type).tags}:
        raise PublishError(f"{repo_id} has a tag {tag} already, and tags stay where they are; choose another")
    return False, found.sha


def _aftermath(api: HfApi, publication: Publication, made: bool, before: str | None) -> str:
    """What the Hub holds after a commit that failed; one whose answer was lost on the way may have been made."""
    repo_id = publication.repo_id
    try:
        changed = api.repo_info(repo_id, repo_type=publication.kind.repo_type).sha != before
    except (HTTPError, OSError):
        return "the Hub has all of it or nothing, and cannot be asked which; run it again"
    if changed:
        return f"{repo_id} has changed, by this or by someone else; run it again to be sure"
    state = "was made and is empty" if made else "is as it was"
    return f"nothing was published, {repo_id} {state}; run it again to go on"


def _url(api: HfApi, repo_id: str, repo_type: str) -> str:
    return f"{api.endpoint}/{'' if repo_type == 'model' else f'{repo_type}s/'}{repo_id}"


_WORDS: dict[int, str] = {
    401: "the Hub does not accept the token (401): run `hf auth login`",
    402: "the Hub wants to be paid for this (402)",
    403: "the token may not write to {repo_id} (403)",
    404: "{repo_id} is not on the Hub, or the token may not see it (404)",
    409: "{repo_id} is in the way of something else on the Hub (409)",
    412: "someone else changed {repo_id} in the meantime (412)",
    413: "the Hub finds it too large (413)",
    429: "the Hub asks to wait, too many requests (429)",
}


@contextmanager
def hub_errors(repo_id: str, kind: Callable[[str], Exception] = PublishError) -> Iterator[None]:
    """Turn what the Hub and the network raise into one line.

    Args:
        repo_id: for the words.
        kind: of the error that is raised instead.
    """
    try:
        yield
    except (HTTPError, HFValidationError, ConnectionError, RuntimeError) as error:
        words = _in_words(error, repo_id)
        if words is None:
            raise
        raise kind(words) from error


def _in_words(error: BaseException | None, repo_id: str) -> str | None:
    """One line for what the Hub or the network did; None for anything else."""
    if isinstance(error, RuntimeError):  # what huggingface_hub makes of an object that could not be uploaded
        return _in_words(error.__cause__, repo_id)
    if isinstance(error, HfHubHTTPError):
        status = error.response.status_code
        said = f"the Hub answers {status}: {error.server_message or 'no reason given'}"
        return _WORDS[status].format(repo_id=repo_id) if status in _WORDS else said
    if isinstance(error, OfflineModeIsEnabled):
        return "the Hub is not asked while HF_HUB_OFFLINE is set"
    if isinstance(error, HFValidationError):
        return str(error)
    if isinstance(error, (HTTPError, ConnectionError)):
        return f"the Hub cannot be reached: {' '.join(str(error).split()) or type(error).__name__}"
    return None
