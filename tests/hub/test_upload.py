"""Publishing to a Hub on the loopback interface: whole or not at all, and one line for whatever it refuses."""

import subprocess
import sys
import threading
from pathlib import Path

import huggingface_hub.utils._http as hub_http
import pytest
import small_folders
from huggingface_hub import HfApi, constants
from loopback_hub.server import OWNER_TOKEN, READER_TOKEN, STRANGER_TOKEN, wait_for

from symbolic_music.hub.errors import PublishError
from symbolic_music.hub.upload import publish_folder

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def online(monkeypatch, tmp_path):
    """This process may ask the Hub, as LFS clients do; what it would wait before asking again is left out."""
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no_token"))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setattr(hub_http.time, "sleep", lambda seconds: None)


@pytest.fixture
def repo(request):
    """A name that no other test uses."""
    return f"user/{request.node.name.replace('[', '-').replace(']', '')[:80].strip('-')}"


@pytest.fixture
def publish(loopback_hub):
    def publish(folder, repo_id, token=OWNER_TOKEN, **options):
        return publish_folder(folder, repo_id, api=HfApi(loopback_hub.endpoint, token=token), **options)

    return publish


def published(hub, repo, kind="model", revision="main"):
    return hub.repository(repo, kind).files(revision)


@pytest.mark.parametrize(("make", "kind"), [("model", "model"), ("dataset", "dataset"), ("space", "space")])
def test_everything_arrives_in_one_commit(loopback_hub, publish, tmp_path, make, kind):
    name = "steps" if kind == "space" else f"whole-{kind}"
    folder = getattr(small_folders, make)(tmp_path / "folder")
    url = publish(folder, f"user/{name}")
    assert url == f"{loopback_hub.endpoint}/{'' if kind == 'model' else f'{kind}s/'}user/{name}"
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert published(loopback_hub, f"user/{name}", kind) == files
    repository = loopback_hub.repository(f"user/{name}", kind)
    assert [commit.title for commit in repository.history("main")][1:] == ["initial commit"]
    assert repository.sdk == ("gradio" if kind == "space" else None)


def test_what_is_unfit_causes_no_request(loopback_hub, publish, tmp_path, repo):
    folder = small_folders.model(tmp_path / "model")
    (folder / "README.md").unlink()
    with loopback_hub.recorded() as requests, pytest.raises(PublishError, match=r"README\.md is missing"):
        publish(folder, repo)
    assert requests == []


def test_an_upload_that_is_cut_leaves_nothing_and_goes_on(loopback_hub, publish, tmp_path, repo):
    folder = small_folders.model(tmp_path / "model")
    small_folders.write(folder, {"samples/a.wav": b"RIFF" * 5000})
    with loopback_hub.fault("PUT", "/lfs/", after_bytes=1000), pytest.raises(PublishError) as caught:
        publish(folder, repo)
    assert "cannot be reached" in str(caught.value)
    assert f"nothing was published, {repo} was made and is empty; run it again to go on" in str(caught.value)
    assert published(loopback_hub, repo) == {}
    publish(folder, repo)
    assert published(loopback_hub, repo)["samples/a.wav"] == b"RIFF" * 5000


def test_a_connection_that_breaks_once_is_taken_up_again(loopback_hub, publish, tmp_path, repo):
    folder = small_folders.model(tmp_path / "model")
    with loopback_hub.fault("PUT", "/lfs/", after_bytes=10, times=1):
        publish(folder, repo)
    assert published(loopback_hub, repo)["model.safetensors"] == (folder / "model.safetensors").read_bytes()


def test_a_commit_that_fails_leaves_the_old_version_and_uploads_nothing_twice(loopback_hub, publish, tmp_path, repo):
    folder = small_folders.model(tmp_path / "model")
    publish(folder, repo, tag="v1")
    old = published(loopback_hub, repo)
    weights = small_folders.safetensors_bytes("head", "body", value=7)
    small_folders.write(folder, {"model.safetensors": weights, "config.json": '{"model_type": "gpt2"}'})
    with (
        loopback_hub.fault("POST", "/commit/", status=500),
        pytest.raises(PublishError, match=r"answers 500.*as it was"),
    ):
        publish(folder, repo)
    assert published(loopback_hub, repo) == old
    with loopback_hub.recorded() as requests:
        publish(folder, repo, tag="v2")
    assert not [path for method, path, _ in requests if method == "PUT"]
    assert published(loopback_hub, repo)["model.safetensors"] == weights
    assert published(loopback_hub, repo, revision="v1") == old
    assert published(loopback_hub, repo, revision="v2") == published(loopback_hub, repo)


def test_a_commit_whose_answer_is_lost_is_not_called_unpublished(loopback_hub, publish, tmp_path, repo):
    folder = small_folders.model(tmp_path / "model")
    with loopback_hub.fault("POST", "/commit/", lose_answer=True), pytest.raises(PublishError) as caught:
        publish(folder, repo)
    assert f"{repo} has changed, by this or by someone else; run it again to be sure" in str(caught.value)
    publish(folder, repo, tag="v1")
    assert len(loopback_hub.repository(repo).history("main")) == 2


def test_a_killed_upload_leaves_nothing(loopback_hub, publish, tmp_path, repo):
    folder = small_folders.model(tmp_path / "model")
    small_folders.write(folder, {"samples/b.wav": repo})  # which no test before has uploaded
    command = [sys.executable, "-m", "symbolic_music", "publish", str(folder), repo]
    environment = loopback_hub.environment(tmp_path / "home") | {"PYTHONPATH": str(ROOT)}
    with loopback_hub.fault("PUT", "/lfs/", hold=threading.Event()) as fault:
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
        wait_for(lambda: fault.hold.is_set() or process.poll() is not None)
        assert process.poll() is None
        process.kill()
        process.wait()
    assert published(loopback_hub, repo) == {}
    publish(folder, repo)
    assert published(loopback_hub, repo)["samples/b.wav"] == repo.encode()


def test_a_version_with_fewer_files_replaces_the_old_ones(loopback_hub, publish, tmp_path, repo):
    publish(small_folders.dataset(tmp_path / "two", files=2), repo)
    publish(small_folders.dataset(tmp_path / "one"), repo)
    names = [name for name in published(loopback_hub, repo, "dataset") if name.startswith("data/")]
    assert names == ["data/train-00000-of-00001.parquet"]


def test_publishing_the_same_again_changes_nothing(loopback_hub, publish, tmp_path, repo):
    folder = small_folders.model(tmp_path / "model")
    publish(folder, repo)
    publish(folder, repo, tag="v1")
    repository = loopback_hub.repository(repo)
    assert len(repository.history("main")) == 2
    assert repository.find("v1") is repository.find("main")


def test_a_tag_stays_where_it_is(loopback_hub, publish, tmp_path, repo):
    folder = small_folders.model(tmp_path / "model")
    publish(folder, repo, tag="v1")
    small_folders.write(folder, {"notes.txt": "new"})
    with pytest.raises(PublishError, match="has a tag v1 already"):
        publish(folder, repo, tag="v1")
    assert "notes.txt" not in published(loopback_hub, repo)


def test_private_repositories(loopback_hub, publish, tmp_path, repo):
    folder = small_folders.model(tmp_path / "model")
    publish(folder, repo, private=True)
    assert loopback_hub.repository(repo).private
    publish(folder, f"{repo}-public")
    with pytest.raises(PublishError, match="exists and is public"):
        publish(folder, f"{repo}-public", private=True)


REFUSALS = {
    "no token": (None, "there is no token for the Hub: run `hf auth login`, or set HF_TOKEN"),
    "a wrong token": ("hf_wrong", "does not accept the token (401)"),
    "a token that may only read": (READER_TOKEN, "may not write to"),
    "someone else's name": (STRANGER_TOKEN, "may not write to"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_a_refusal_is_one_line_and_makes_no_repository(loopback_hub, publish, tmp_path, case):
    token, complaint = REFUSALS[case]
    with pytest.raises(PublishError) as caught:
        publish(small_folders.model(tmp_path / "model"), "user/refused", token=token)
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)
    assert loopback_hub.repository("user/refused") is None


def test_an_existing_repository_of_someone_else_is_left_alone(loopback_hub, publish, tmp_path, repo):
    folder = small_folders.model(tmp_path / "model")
    publish(folder, repo)
    small_folders.write(folder, {"notes.txt": "new"})
    with pytest.raises(PublishError, match=r"may not write to .* \(403\); nothing was published"):
        publish(folder, repo, token=STRANGER_TOKEN)
    assert "notes.txt" not in published(loopback_hub, repo)


def test_an_adapter_needs_its_base_on_the_hub(loopback_hub, publish, tmp_path, repo):
    folder = small_folders.adapter(tmp_path / "adapter", base="user/not-there")
    with pytest.raises(PublishError, match="its base user/not-there is not on the Hub"):
        publish(folder, repo)
    publish(small_folders.model(tmp_path / "model"), f"{repo}-base")
    publish(folder, repo, base_model=f"{repo}-base")
    assert f'"{repo}-base"'.encode() in published(loopback_hub, repo)["adapter_config.json"]


def test_a_hub_that_is_not_there(publish, tmp_path, repo):
    api = HfApi("http://127.0.0.1:9", token=OWNER_TOKEN)
    with pytest.raises(PublishError, match="the Hub cannot be reached"):
        publish_folder(small_folders.model(tmp_path / "model"), repo, api=api)


# --- The command ----------------------------------------------------------------------------------------------------


def command(hub, tmp_path, *arguments, token=OWNER_TOKEN):
    environment = hub.environment(tmp_path / "home", token) | {"PYTHONPATH": str(ROOT)}
    program = [sys.executable, "-m", "symbolic_music", "publish", *map(str, arguments)]
    return subprocess.run(program, env=environment, capture_output=True, text=True, timeout=300, check=False)


def test_the_command_lists_publishes_and_prints_the_url(loopback_hub, tmp_path, repo):
    folder = small_folders.model(tmp_path / "model")
    result = command(loopback_hub, tmp_path, folder, repo, "--tag", "v1", "--private")
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[0] == f"model {repo}: 9 files, 0.0 MB"
    assert result.stdout.splitlines()[-1] == f"published: {loopback_hub.endpoint}/{repo}"
    assert loopback_hub.repository(repo).find("v1")


def test_a_dry_run_asks_nothing_and_names_every_problem(loopback_hub, tmp_path, repo):
    folder = small_folders.model(tmp_path / "model")
    with loopback_hub.recorded() as requests:
        good = command(loopback_hub, tmp_path, folder, repo, "--dry-run", token=None)
        (folder / "tokenizer.json").unlink()
        small_folders.write(folder, {"old.bin": b"x"})
        bad = command(loopback_hub, tmp_path, folder, repo, "--dry-run", token=None)
    assert requests == []
    assert good.returncode == 0, good.stderr
    assert good.stdout.splitlines()[-1] == "nothing was uploaded (--dry-run)"
    assert (bad.returncode, len(bad.stderr.splitlines())) == (2, 1), bad.stderr
    assert "is not fit to be published: old.bin is pickled" in bad.stderr
    assert [line for line in bad.stdout.splitlines() if line.startswith("problem: tokenizer.json is missing")]


def test_the_command_says_in_one_line_what_the_hub_refuses(loopback_hub, tmp_path, repo):
    folder = small_folders.model(tmp_path / "model")
    for token in (None, READER_TOKEN):
        result = command(loopback_hub, tmp_path, folder, repo, token=token)
        assert (result.returncode, len(result.stderr.splitlines())) == (2, 1), result.stderr
        assert result.stderr.startswith("symbolic-music: ")
