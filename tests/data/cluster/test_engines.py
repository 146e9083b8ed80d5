"""Tasks on an engine prepare what one process prepares, whatever dies on the way."""

import os
import stat
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

pytest.importorskip("datatrove", reason="datatrove is not installed (pip extra 'cluster')")

from dying_steps import Dying, DyingParent
from made_up_music import melody_score, random_melody

from symbolic_music.data.cluster.engines import Engine, EngineError, EngineName, Stage
from symbolic_music.data.cluster.prepare import prepare_on
from symbolic_music.data.preparation.prepare import UNITS_PER_SHARD, PrepareError, PrepareSettings, prepare_dataset
from symbolic_music.data.preparation.splits import SplitError
from symbolic_music.data.sources.archives import list_archive
from symbolic_music.data.sources.folders import list_directory
from symbolic_music.score.midi.io import write_midi
from symbolic_music.score.storage import as_path

SETTINGS = PrepareSettings(seed=3)


@pytest.fixture(scope="module")
def units(tmp_path_factory):
    """Three shards: melodies, some of them transposed, some no music."""
    folder = tmp_path_factory.mktemp("made") / "music"
    folder.mkdir()
    for number in range(2 * UNITS_PER_SHARD + 30):
        melody = random_melody(number % 700, 24) + number % 5
        write_midi(melody_score(melody), folder / f"piece{number:04d}.mid")
    for number in range(3):
        (folder / f"broken{number}.mid").write_bytes(b"MThd")
    return list_directory(folder, license="made up")


@pytest.fixture(scope="module")
def expected(units, tmp_path_factory):
    """What one process makes of them."""
    output = tmp_path_factory.mktemp("plain") / "out"
    prepare_dataset(units, output, SETTINGS, progress=False)
    return bytes_of(output)


def bytes_of(folder):
    """All files but the card, which names the command."""
    found = {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert found.pop("README.md")
    return found


def engine(tmp_path, name=EngineName.LOCAL, workers=2, **options):
    return Engine(name, str(tmp_path / "logs"), workers, options)


@pytest.mark.slow
@pytest.mark.parametrize("tasks", [1, 8])
def test_tasks_of_this_machine(units, expected, tmp_path, tasks):
    summary = prepare_on(engine(tmp_path), units, tmp_path / "out", SETTINGS, tasks, progress=False)
    assert bytes_of(tmp_path / "out") == expected
    assert summary["skipped"] == {"duplicate": 354, "unreadable": 3}
    assert sorted(path.name for path in (tmp_path / "logs").iterdir()) == ["compare", "publish", "read"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(
        ["README.md", "data", "prepare.json", "skipped.jsonl"]
    )


def test_a_file_system_that_is_no_folder(units, expected):
    """With one worker, for each process has a memory of its own."""
    output = as_path("memory://bucket/out")
    from symbolic_music.data.cluster import prepare as module

    class Here(Engine):
        def run(self, stages, progress):
            for stage in stages:
                for rank in range(stage.tasks):
                    stage.step.run(rank=rank, world_size=stage.tasks)
            return True

    module.prepare_on(Here(EngineName.LOCAL, "memory://bucket/logs", 1), units, output, SETTINGS, 2, progress=False)
    found = {path.name: path.read_bytes() for path in output.rglob("*") if path.is_file()}
    assert found.pop("README.md")
    assert found == expected


@dataclass(frozen=True)
class Moving(Engine):
    """After a compressed archive was unpacked, it is not there any more."""

    archive: Path = Path()

    def run(self, stages, progress):
        for stage in stages:
            super().run([stage], progress)
            if stage.step.name == "unpack":
                self.archive.rename(self.archive.with_name("moved"))
        return True


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["tar.xz", "zip"])
def test_an_archive_is_unpacked_once_for_all_tasks(units, tmp_path, suffix):
    """Those of a compressed .tar would read it from its beginning each; those of a .zip find their files in it."""
    path = tmp_path / f"music.{suffix}"
    with tarfile.open(path, "w:xz", preset=0) if suffix == "tar.xz" else zipfile.ZipFile(path, "w") as archive:
        for unit in units:
            getattr(archive, "add" if suffix == "tar.xz" else "write")(unit.path, unit.name)
    members = list_archive(path, "made up").units
    prepare_dataset(members, tmp_path / "plain", SETTINGS, progress=False)
    moving = Moving(EngineName.LOCAL, str(tmp_path / "logs"), 2, {}, path)
    prepare_on(moving, members, tmp_path / "out", SETTINGS, 3, progress=False)
    assert path.exists() == (suffix == "zip")
    assert bytes_of(tmp_path / "out") == bytes_of(tmp_path / "plain")


def test_tasks_that_die_are_run_again(tmp_path):
    marks = tmp_path / "marks"
    marks.mkdir()
    engine(tmp_path).run([Stage(Dying(marks, 1), 1)], progress=False)
    assert (marks / "0-done").exists()


def test_tasks_that_die_each_time_are_one_line(tmp_path):
    marks = tmp_path / "marks"
    marks.mkdir()
    with pytest.raises(EngineError, match=r"^dying: 2 tasks died 4 times; see "):
        engine(tmp_path).run([Stage(Dying(marks, 9), 2)], progress=False)


def test_what_a_task_says_is_wrong_reaches_the_user(tmp_path):
    folder = tmp_path / "music"
    folder.mkdir()
    (folder / "one.mid").write_bytes(b"MThd")
    with pytest.raises(SplitError, match="not one usable piece; 1 skipped: unreadable"):
        prepare_on(engine(tmp_path), list_directory(folder), tmp_path / "out", SETTINGS, 2, progress=False)
    with pytest.raises(PrepareError, match="nothing to read"):
        prepare_on(engine(tmp_path), [], tmp_path / "out", SETTINGS, 2)


def test_options_that_the_executor_has_not(units, tmp_path):
    slurm = engine(tmp_path, EngineName.SLURM, partition="cpu", tyme="1:00:00")
    with pytest.raises(EngineError, match=r"options of slurm: .*tyme"):
        prepare_on(slurm, units, tmp_path / "out", SETTINGS, 2, progress=False)
    assert not (tmp_path / "out").exists()


SBATCH = """#!{python}
import os, re, subprocess, sys
script = open(sys.argv[-1]).read()
first, last = map(int, re.search("--array=([0-9]+)-([0-9]+)", script).groups())
for number in range(first, last + 1):
    said = {{"SLURM_ARRAY_TASK_ID": str(number), "SLURM_JOB_ID": "7", "SLURM_NODELIST": "here"}}
    done = subprocess.run(["bash", sys.argv[-1]], env=os.environ | said, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
print("Submitted batch job 7")
"""


@pytest.mark.slow
def test_slurm_gets_jobs_that_do_it(units, expected, tmp_path, monkeypatch):
    """With a `sbatch` that runs each job at once, and a `srun` that runs what it is given."""
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "sbatch").write_text(SBATCH.format(python=sys.executable))
    (tools / "scontrol").write_text("#!/bin/bash\necho here\n")
    (tools / "srun").write_text('#!/bin/bash\nwhile [[ "$1" != launch* ]]; do shift; done\nexec "$@"\n')
    for tool in tools.iterdir():
        tool.chmod(tool.stat().st_mode | stat.S_IXUSR)
    path = f"{tools}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    monkeypatch.setenv("PATH", path)
    slurm = engine(tmp_path, EngineName.SLURM, time="1:00:00", partition="cpu")
    assert prepare_on(slurm, units, tmp_path / "out", SETTINGS, 3, progress=False) is None
    assert bytes_of(tmp_path / "out") == expected


@pytest.mark.slow
def test_ray_with_two_workers_of_which_one_is_killed(units, expected, tmp_path):
    ray = pytest.importorskip("ray", reason="ray is not installed")
    paths = {"PYTHONPATH": str(Path(__file__).parent)}
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, runtime_env={"env_vars": paths})
    try:
        on_ray = engine(tmp_path, EngineName.RAY, mem_per_cpu_gb=0.1)
        prepare_on(on_ray, units, tmp_path / "out", SETTINGS, 4, progress=False)
        assert bytes_of(tmp_path / "out") == expected
        marks = tmp_path / "marks"
        marks.mkdir()
        on_ray.run([Stage(DyingParent(marks, 1), 2)], progress=False)
        assert (marks / "0-done").exists()
        assert (marks / "1-done").exists()
    finally:
        ray.shutdown()


def test_without_slurm_one_line(units, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    slurm = engine(tmp_path, EngineName.SLURM, time="1:00:00", partition="cpu")
    with pytest.raises(EngineError, match=r"^sbatch did not take the tasks: "):
        prepare_on(slurm, units, tmp_path / "out", SETTINGS, 2, progress=False)
