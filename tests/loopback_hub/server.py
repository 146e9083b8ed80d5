"""A Hugging Face Hub for tests, on the loopback interface: what huggingface_hub, transformers, datasets, evaluate and
peft ask of the real one to create, fill, tag and read repositories.

    with LoopbackHub() as hub:
        hub.endpoint                      # "http://127.0.0.1:40123", for HF_ENDPOINT
        hub.environment(tmp_path)         # for a subprocess: that endpoint, a home of its own, a token
        with hub.fault("PUT", "/lfs/", after_bytes=1000): ...

Files arrive and leave as LFS objects or inside commits, never through Xet (HF_HUB_DISABLE_XET=1), whose protocol is
not public. The real Hub answers 302 to a CDN for LFS objects; here they are served in place.
"""

import hashlib
import json
import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from loopback_hub.repositories import KINDS, LFS_SUFFIXES, MAIN, Commit, Repository, Store, card_metadata

URL_PREFIX = {"model": "", "dataset": "datasets/", "space": "spaces/"}


@dataclass(frozen=True)
class Account:
    name: str
    may_write: bool


OWNER_TOKEN, READER_TOKEN, STRANGER_TOKEN = "hf_owner", "hf_reader", "hf_stranger"
ACCOUNTS = {
    OWNER_TOKEN: Account("user", True),
    READER_TOKEN: Account("user", False),
    STRANGER_TOKEN: Account("stranger", True),
}


class HubError(Exception):
    """An answer that is not 2xx, with the header by which clients tell errors apart."""

    def __init__(self, status: int, code: str, message: str):
        super().__init__(message)
        self.status, self.code = status, code


@dataclass
class Fault:
    """What goes wrong with requests of one method whose path contains a text.

    Args:
        status: answered instead of what was asked for; or
        after_bytes: of the body, the connection is closed; or
        lose_answer: what was asked for is done, and nobody is told; or
        hold: set when such a request has come, which then waits until the fault is lifted.
        times: how often; each time, when left out.
    """

    method: str
    part: str
    status: int | None = None
    after_bytes: int | None = None
    lose_answer: bool = False
    hold: threading.Event | None = None
    times: int | None = None
    lifted: threading.Event = field(default_factory=threading.Event)

    def applies(self, method: str, path: str) -> bool:
        if method != self.method or self.part not in path or self.times == 0:
            return False
        self.times = None if self.times is None else self.times - 1
        return True


class LoopbackHub:
    """The server, its state, and what tests want of both."""

    def __init__(self) -> None:
        self.store = Store()
        self.faults: list[Fault] = []
        self.requests: list[tuple[str, str, int]] = []
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), type("BoundHandler", (Handler,), {"hub": self}))
        self.server.daemon_threads = True
        self.endpoint = f"http://127.0.0.1:{self.server.server_address[1]}"

    def __enter__(self) -> "LoopbackHub":
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    def environment(self, home: Path, token: str | None = OWNER_TOKEN) -> dict[str, str]:
        """Of a subprocess that uses this Hub and keeps its cache and everything else in `home`."""
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("HF_", "HUGGING", "TRANSFORMERS_", "PYTHON"))
            and not name.lower().endswith("_proxy")
        }
        return inherited | {
            "HF_ENDPOINT": self.endpoint,
            "HF_HOME": str(home),
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HUB_DISABLE_UPDATE_CHECK": "1",
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "HF_UPDATE_DOWNLOAD_COUNTS": "0",
            "OMP_NUM_THREADS": "1",
            **({"HF_TOKEN": token} if token else {}),
        }

    def repository(self, id: str, kind: str = "model") -> Repository | None:
        return self.store.repositories.get((kind, id))

    @contextmanager
    def fault(self, method: str, part: str, **what: object) -> Iterator[Fault]:
        """Let requests fail for as long as the block lasts; see `Fault`."""
        fault = Fault(method, part, **what)  # type: ignore[arg-type]
        self.faults.append(fault)
        try:
            yield fault
        finally:
            self.faults.remove(fault)
            fault.lifted.set()

    @contextmanager
    def recorded(self) -> Iterator[list[tuple[str, str, int]]]:
        """The (method, path, status) of every request that the block causes."""
        start, seen = len(self.requests), []
        yield seen
        seen += self.requests[start:]


class Handler(BaseHTTPRequestHandler):
    """One connection. Routes are tried in order; a route's groups are its arguments."""

    hub: LoopbackHub
    protocol_version = "HTTP/1.1"
    timeout = 60
    answer_is_lost = False

    def log_message(self, format: str, *args: object) -> None:
        """Not onto the terminal of the tests."""

    def do_GET(self) -> None:
        self.answer_request()

    do_HEAD = do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815 (what http.server calls)

    def answer_request(self) -> None:
        url = urlsplit(self.path)
        self.url_path, self.query = unquote(url.path), {key: value[0] for key, value in parse_qs(url.query).items()}
        # Git's names of branches may hold slashes, which clients quote: the routes see the quoted path.
        quoted = url.path
        try:
            if self.run_faults():
                return
            self.body = self.read_body()
            with self.hub.store.lock:
                self.route(quoted)
        except HubError as error:
            headers = {"X-Error-Code": error.code, "X-Error-Message": str(error)}
            self.send(error.status, json.dumps({"error": str(error)}).encode(), headers)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def run_faults(self) -> bool:
        """Whether a fault took the request."""
        for fault in list(self.hub.faults):
            if not fault.applies(self.command, self.url_path):
                continue
            if fault.lose_answer:
                self.answer_is_lost = True
                return False
            if fault.hold is not None:
                fault.hold.set()
                fault.lifted.wait(60)
            elif fault.after_bytes is not None:
                self.rfile.read(fault.after_bytes)
            if fault.status is not None:
                self.read_body()
                raise HubError(fault.status, "", "something went wrong on the Hub")
            self.hub.requests.append((self.command, self.url_path, 0))
            self.close_connection = True
            return True
        return False

    def read_body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length)
            if len(body) < length:
                raise ConnectionResetError
            return body
        chunks = []
        while size := int(self.rfile.readline().split(b";")[0] or b"0", 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def send(self, status: int, data: bytes, headers: dict[str, str] | None = None) -> None:
        self.hub.requests.append((self.command, self.url_path, status))
        if self.answer_is_lost:
            self.close_connection = True
            return
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def send_json(self, value: object, status: int = 200) -> None:
        self.send(status, json.dumps(value).encode())

    def route(self, path: str) -> None:
        method = "GET" if self.command == "HEAD" else self.command
        for route_method, pattern, function in ROUTES:
            match = pattern.fullmatch(path) if method == route_method else None
            if match:
                function(self, **{name: unquote(value) for name, value in match.groupdict(default="").items()})
                return
        raise HubError(404, "", f"the test Hub has no {self.command} {path}")

    # --- who may see and change what --------------------------------------------------------------------------------

    @property
    def account(self) -> Account | None:
        header = self.headers.get("Authorization")
        if header is None:
            return None
        if header.removeprefix("Bearer ") not in ACCOUNTS:
            raise HubError(401, "", "Invalid credentials in Authorization header")
        return ACCOUNTS[header.removeprefix("Bearer ")]

    def find_repository(self, kind: str, id: str) -> Repository:
        """A repository that the caller may see. The Hub says 401 to whoever shows no token, lest names be guessed."""
        found, account = self.hub.store.repositories.get((kind, id)), self.account
        if found and (not found.private or (account and account.name == found.namespace)):
            return found
        raise HubError(404 if account else 401, "RepoNotFound", "Repository not found")

    def find_commit(self, repository: Repository, revision: str) -> Commit:
        commit = repository.find(revision or MAIN)
        if commit is None:
            raise HubError(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        return commit

    def check_may_write(self, namespace: str) -> None:
        account = self.account
        if account is None:
            raise HubError(401, "", "Invalid username or password.")
        if not account.may_write or account.name != namespace:
            raise HubError(403, "", f"You don't have the rights to write to the namespace {namespace}")

    # --- accounts and repositories ----------------------------------------------------------------------------------

    def who_am_i(self) -> None:
        account = self.account
        if account is None:
            raise HubError(401, "", "Invalid username or password.")
        token = {"displayName": "test", "role": "write" if account.may_write else "read"}
        self.send_json(
            {"type": "user", "name": account.name, "orgs": [], "auth": {"type": "access_token", "accessToken": token}}
        )

    def create_repository(self) -> None:
        asked = json.loads(self.body)
        namespace = asked.get("organization") or (self.account.name if self.account else "")
        self.check_may_write(namespace)
        kind, id = asked.get("type", "model"), f"{namespace}/{asked['name']}"
        url = f"{self.hub.endpoint}/{URL_PREFIX[kind]}{id}"
        if (kind, id) in self.hub.store.repositories:
            self.send_json({"error": "You already created this repo", "url": url}, 409)
            return
        private = asked.get("private") or asked.get("visibility") == "private"
        self.hub.store.repositories[kind, id] = Repository(kind, id, bool(private), asked.get("sdk"))
        self.send_json({"url": url, "name": id, "id": id})

    def repository_info(self, kind: str, id: str, revision: str = "") -> None:
        repository = self.find_repository(kind, id)
        commit = self.find_commit(repository, revision)
        card = card_metadata(commit.tree)
        blobs = bool(self.query.get("blobs"))
        siblings = [
            {"rfilename": path, **({"size": len(blob.data), "blobId": blob.git_oid} if blobs else {})}
            for path, blob in sorted(commit.tree.items())
        ]
        about = {"id": id, "author": repository.namespace, "sha": commit.oid, "private": repository.private}
        about |= {"lastModified": commit.date, "createdAt": commit.date, "gated": False, "disabled": False}
        about |= {"downloads": 0, "likes": 0, "tags": card.get("tags", []), "cardData": card, "siblings": siblings}
        if kind == "model":
            about |= {
                "modelId": id,
                "pipeline_tag": card.get("pipeline_tag"),
                "library_name": card.get("library_name"),
            }
        if kind == "space":
            about["sdk"] = repository.sdk
        self.send_json(about)

    def validate_yaml(self) -> None:
        self.send_json({"errors": [], "warnings": []})

    # --- branches and tags ------------------------------------------------------------------------------------------

    def list_refs(self, kind: str, id: str) -> None:
        repository = self.find_repository(kind, id)

        def rows(folder: str, names: dict[str, str]) -> list[dict[str, str]]:
            return [{"name": n, "ref": f"refs/{folder}/{n}", "targetCommit": oid} for n, oid in names.items()]

        branches, tags = rows("heads", repository.branches), rows("tags", repository.tags)
        self.send_json({"branches": branches, "tags": tags, "converts": []})

    def list_commits(self, kind: str, id: str, revision: str) -> None:
        repository = self.find_repository(kind, id)
        self.find_commit(repository, revision)
        authors = [{"user": repository.namespace}]
        self.send_json(
            [
                {"id": commit.oid, "title": commit.title, "message": "", "date": commit.date, "authors": authors}
                for commit in repository.history(revision)
            ]
        )

    def create_branch(self, kind: str, id: str, name: str) -> None:
        repository = self.find_repository(kind, id)
        self.check_may_write(repository.namespace)
        if name in repository.branches:
            raise HubError(409, "", f"Reference {name} already exists")
        start = json.loads(self.body or b"{}").get("startingPoint") or MAIN
        repository.branches[name] = self.find_commit(repository, start).oid
        self.send_json({})

    def create_tag(self, kind: str, id: str, revision: str) -> None:
        repository = self.find_repository(kind, id)
        self.check_may_write(repository.namespace)
        tag = json.loads(self.body)["tag"]
        if tag in repository.tags:
            raise HubError(409, "", f"Tag {tag} already exists")
        repository.tags[tag] = self.find_commit(repository, revision).oid
        self.send_json({})

    # --- reading ----------------------------------------------------------------------------------------------------

    @staticmethod
    def entry(commit: Commit, path: str) -> dict:
        blob = commit.tree[path]
        row = {"type": "file", "path": path, "size": len(blob.data), "oid": blob.git_oid}
        return row | ({"lfs": {"oid": blob.oid, "size": len(blob.data), "pointerSize": 134}} if blob.is_lfs else {})

    @staticmethod
    def folder_entry(path: str) -> dict:
        return {"type": "directory", "path": path, "size": 0, "oid": hashlib.sha1(path.encode()).hexdigest()}

    def list_tree(self, kind: str, id: str, revision: str, path: str = "") -> None:
        commit = self.find_commit(self.find_repository(kind, id), revision)
        base = f"{path.strip('/')}/" if path.strip("/") else ""
        everything = self.query.get("recursive", "").lower() in ("true", "1")
        files, folders = [], set()
        for name in sorted(commit.tree):
            if not name.startswith(base):
                continue
            parts = name[len(base) :].split("/")
            depth = len(parts) if everything else min(2, len(parts))
            folders |= {base + "/".join(parts[:end]) for end in range(1, depth)}
            if everything or len(parts) == 1:
                files.append(self.entry(commit, name))
        if base and not files and not folders:
            raise HubError(404, "EntryNotFound", f"{path} does not exist on {commit.oid}")
        self.send_json([self.folder_entry(folder) for folder in sorted(folders)] + files)

    def paths_info(self, kind: str, id: str, revision: str) -> None:
        commit = self.find_commit(self.find_repository(kind, id), revision)
        is_json = "json" in self.headers.get("Content-Type", "")
        asked = json.loads(self.body)["paths"] if is_json else parse_qs(self.body.decode()).get("paths", [])
        rows = []
        for path in [asked] if isinstance(asked, str) else asked:
            if path.strip("/") in commit.tree:
                rows.append(self.entry(commit, path.strip("/")))
            elif any(name.startswith(f"{path.strip('/')}/") for name in commit.tree) or not path.strip("/"):
                rows.append(self.folder_entry(path.strip("/")))
        self.send_json(rows)

    def resolve(self, kind: str, id: str, revision: str, path: str) -> None:
        commit = self.find_commit(self.find_repository(kind, id), revision)
        blob = commit.tree.get(path)
        headers = {"X-Repo-Commit": commit.oid, "Accept-Ranges": "bytes", "Content-Type": "application/octet-stream"}
        if blob is None:
            headers |= {"X-Error-Code": "EntryNotFound", "X-Error-Message": "Entry not found"}
            self.send(404, b"Entry not found", headers)
            return
        headers["ETag"] = f'"{blob.oid}"'
        asked = re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("Range", ""))
        if asked is None:
            self.send(200, blob.data, headers)
            return
        size = len(blob.data)
        start = int(asked[1]) if asked[1] else max(0, size - int(asked[2]))
        end = min(size, int(asked[2]) + 1) if asked[1] and asked[2] else size
        if start >= size:
            self.send(416, b"", headers | {"Content-Range": f"bytes */{size}"})
            return
        self.send(206, blob.data[start:end], headers | {"Content-Range": f"bytes {start}-{end - 1}/{size}"})

    # --- writing ----------------------------------------------------------------------------------------------------

    def preupload(self, kind: str, id: str, revision: str) -> None:
        repository = self.find_repository(kind, id)
        self.check_may_write(repository.namespace)
        tree = self.find_commit(repository, revision).tree
        rows = []
        for file in json.loads(self.body)["files"]:
            mode = "lfs" if file["path"].endswith(LFS_SUFFIXES) and file["size"] else "regular"
            row = {"path": file["path"], "uploadMode": mode, "shouldIgnore": False}
            rows.append(row | ({"oid": tree[file["path"]].oid} if file["path"] in tree else {}))
        self.send_json({"files": rows})

    def lfs_batch(self, kind: str, id: str) -> None:
        self.check_may_write(self.find_repository(kind, id).namespace)
        rows = []
        for asked in json.loads(self.body)["objects"]:
            row = {"oid": asked["oid"], "size": asked["size"]}
            if asked["oid"] not in self.hub.store.lfs_objects:
                row["actions"] = {"upload": {"href": f"{self.hub.endpoint}/lfs/{asked['oid']}"}}
            rows.append(row)
        self.send_json({"transfer": "basic", "objects": rows})

    def put_lfs_object(self, oid: str) -> None:
        if hashlib.sha256(self.body).hexdigest() != oid:
            raise HubError(400, "", "the object is not the one that was announced")
        self.hub.store.lfs_objects[oid] = self.body
        self.send_json({})

    def commit(self, kind: str, id: str, revision: str) -> None:
        repository = self.find_repository(kind, id)
        self.check_may_write(repository.namespace)
        head = self.find_commit(repository, revision)
        header, *operations = [json.loads(line) for line in self.body.splitlines()]
        if header["value"].get("parentCommit") not in (None, head.oid):
            raise HubError(412, "", "A commit has happened since. Please refresh and try again.")
        tree = dict(head.tree)
        try:
            for operation in operations:
                self.hub.store.apply(tree, operation)
        except ValueError as error:
            raise HubError(400, "", str(error)) from error
        made = repository.commit(revision, tree, header["value"]["summary"])
        url = f"{self.hub.endpoint}/{URL_PREFIX[kind]}{id}/commit/{made.oid}"
        self.send_json({"success": True, "commitOid": made.oid, "commitUrl": url, "hookOutput": ""})


def _routes() -> list[tuple[str, re.Pattern[str], Callable]]:
    fixed = [
        ("GET", "/api/whoami-v2", Handler.who_am_i),
        ("POST", "/api/repos/create", Handler.create_repository),
        ("POST", "/api/validate-yaml", Handler.validate_yaml),
        ("PUT", "/lfs/(?P<oid>[0-9a-f]{64})", Handler.put_lfs_object),
    ]
    name, revision, rest = "(?P<id>[^/]+/[^/]+)", "(?P<revision>[^/]+)", "(?P<path>.+)"
    of_a_repository = [
        ("GET", "", Handler.repository_info),
        ("GET", f"/revision/{revision}", Handler.repository_info),
        ("GET", "/refs", Handler.list_refs),
        ("GET", f"/commits/{revision}", Handler.list_commits),
        ("GET", f"/tree/{revision}(?:/{rest})?", Handler.list_tree),
        ("POST", f"/paths-info/{revision}", Handler.paths_info),
        ("POST", "/branch/(?P<name>[^/]+)", Handler.create_branch),
        ("POST", f"/tag/{revision}", Handler.create_tag),
        ("POST", f"/preupload/{revision}", Handler.preupload),
        ("POST", f"/commit/{revision}", Handler.commit),
    ]
    outside = [
        ("POST", r"\.git/info/lfs/objects/batch", Handler.lfs_batch),
        ("GET", f"/resolve/{revision}/{rest}", Handler.resolve),
    ]
    routes = [(method, re.compile(pattern), function) for method, pattern, function in fixed]
    for kind in reversed(KINDS):  # datasets/a/b before a/b
        for start, rows in ((f"/api/{kind}s/{name}", of_a_repository), (f"/{URL_PREFIX[kind]}{name}", outside)):
            routes += [
                (method, re.compile(start + pattern), _of_kind(kind, function)) for method, pattern, function in rows
            ]
    return routes


def _of_kind(kind: str, function: Callable) -> Callable:
    def bound(handler: Handler, **groups: str) -> None:
        function(handler, kind=kind, **groups)

    return bound


ROUTES = _routes()


def wait_for(condition: Callable[[], object], seconds: float = 60.0) -> None:
    """Until a condition holds; fails when it never does."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
