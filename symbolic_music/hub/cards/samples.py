"""The first pieces that `symbolic-music generate` wrote into a folder, for a model's repository and its card."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from symbolic_music.hub.errors import PublishError

SAMPLES_FOLDER = "samples"
NUM_KEPT = 6
NUM_SHOWN = 3
_ONE_VALUE = frozenset(("meter", "key", "max_repeats", "ending", "bass_on_root"))
"""Of what can be asked for, what a flag of its name says as it is."""
# WAV would be most of a repository. Of engraved pages the first is kept.
_SUFFIXES = (".abc", ".mid", ".mp3", ".png", ".svg")


@dataclass(frozen=True)
class ShownSamples:
    """The first pieces of one run of `symbolic-music generate`, in the order they were sampled.

    Args:
        folder: where they lie.
        files: their names, sorted.
        summary: `summary.json`.
    """

    folder: Path
    files: list[str]
    summary: dict[str, Any]

    @property
    def stems(self) -> list[str]:
        """Names without suffixes of those that the card shows, sorted."""
        return sorted({Path(name).stem for name in self.files})[:NUM_SHOWN]

    @property
    def place(self) -> str:
        """Their folder in the repository."""
        return f"{SAMPLES_FOLDER}/{self.folder.name}"

    @property
    def sampling_flags(self) -> str:
        """How they were sampled, as flags of the command."""
        options = self.summary["options"]
        flags = (
            f"--num-samples {len(self.summary['samples'])} --seed {options['seed']} "
            f"--temperature {options['temperature']:g} --top-p {options['top_p']:g}"
        )
        return flags + "".join(f" {flag}" for flag in self._asked())

    def _asked(self) -> list[str]:
        """What they were asked to be besides their bars, as flags."""
        asked = {name: value for name, value in (self.summary.get("controls") or {}).items() if name != "bars"}
        if others := asked.keys() - _ONE_VALUE:
            raise PublishError(
                f"{self.folder}: samples asked for {', '.join(sorted(others))} cannot be shown on a card"
            )
        flags = {f"--{name.replace('_', '-')}": value for name, value in asked.items()}
        return [flag if value is True else f"{flag} {value}" for flag, value in flags.items()]

    def copy_to(self, repository: Path) -> None:
        """Put the files into the repository's folder."""
        target = repository / self.place
        target.mkdir(parents=True)
        for name in self.files:
            shutil.copy(self.folder / name, target)


def read_samples(folder: Path) -> ShownSamples:
    """The samples to show of a folder.

    Raises:
        PublishError: when it holds none.
    """
    summary = folder / "summary.json"
    if not summary.exists():
        raise PublishError(f"{folder} holds no samples; expected what `symbolic-music generate --output-dir` writes")
    content = json.loads(summary.read_text(encoding="utf-8"))
    stems = [Path(sample["file"]).stem for sample in content["samples"] if sample["file"]][:NUM_KEPT]
    files = [f"{stem}{suffix}" for stem in stems for suffix in _SUFFIXES if (folder / f"{stem}{suffix}").exists()]
    if not files:
        raise PublishError(f"{folder} holds no sample that ends in {', '.join(_SUFFIXES)}")
    return ShownSamples(folder, sorted(files), content)
