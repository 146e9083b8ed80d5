"""A page to listen to shipped models by: the first samples of each, as sound, piano roll and engraved page.

The samples are those that each model's folder holds, in the order they were sampled; nobody chose among them.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from symbolic_music._yaml import read_mapping
from symbolic_music.hub.cards.samples import NUM_KEPT, SAMPLES_FOLDER
from symbolic_music.hub.contents import CARD_FILE
from symbolic_music.hub.errors import PublishError
from symbolic_music.score.midi.io import read_midi
from symbolic_music.score.programs import DRUMS, program_name
from symbolic_music.score.transforms.edit import count_bars, count_notes

# What a model does by itself comes first; a composer's continuations are on its card.
_KINDS = ("composed", "filled", "continued")
_COMMAND = re.compile(r"`(symbolic-music (?:generate|infill) [^`]*--num-samples [^`]*)`")
_WIDTH = 320
_SOUNDS = {"listen": ".mp3", "MIDI": ".mid", "ABC": ".abc"}
_PICTURES = {"Piano roll": ".png", "Notation": ".svg"}


@dataclass(frozen=True)
class Judgement:
    """What a listener says of one sample.

    Attributes:
        model: the name of its folder.
        sample: its number, from 0.
        words: what is wrong with it first.
    """

    model: str
    sample: int
    words: str


def read_judgements(path: Path) -> list[Judgement]:
    """The judgements of a YAML file: a list named `pieces`, each with model, sample and words.

    Raises:
        PublishError: names the file, and the first row that is none.
    """
    rows = read_mapping(path, "a mapping with a list named `pieces`", PublishError).get("pieces")
    if not isinstance(rows, list):
        raise PublishError(f"{path}: expected a list named `pieces`")
    judgements = []
    for number, row in enumerate(rows, start=1):
        try:
            judgements.append(Judgement(**row))
        except TypeError as error:
            raise PublishError(f"{path}, piece {number}: expected model, sample and words ({error})") from error
    return judgements


def listening_page(folders: Sequence[Path], judgements: Sequence[Judgement], command: str) -> str:
    """The page as Markdown, with links that are relative to the folders' parent.

    Args:
        folders: of shipped models, beside the page.
        judgements: of samples that are on it.
        command: that writes the page.

    Raises:
        PublishError: when a folder holds no samples, or a judgement is of a piece that is not on the page.
    """
    models = {folder.name: _Shown(folder) for folder in folders}
    lines = [
        "# Listen",
        "",
        f"The first samples of each model, at most {NUM_KEPT}, by the command that made them. None was picked.",
        "",
    ]
    for shown in models.values():
        lines += shown.section()
    if judgements:
        lines += ["## What a listener says", ""]
        lines += [_judged(judgement, models) for judgement in judgements]
        lines += [""]
    return "\n".join([*lines, "```", command, "```"]) + "\n"


class _Shown:
    """One model's samples."""

    def __init__(self, folder: Path):
        self.folder = folder
        kinds = [kind for kind in _KINDS if (folder / SAMPLES_FOLDER / kind).is_dir()]
        if not kinds:
            raise PublishError(f"{folder} has no samples; expected a shipped model with {SAMPLES_FOLDER}/composed")
        self.place = f"{SAMPLES_FOLDER}/{kinds[0]}"
        self.stems = sorted(path.stem for path in (folder / self.place).glob("*.mid"))[:NUM_KEPT]

    def section(self) -> list[str]:
        """Heading, command and a row for each sample."""
        name, card = self.folder.name, (self.folder / CARD_FILE).read_text(encoding="utf-8")
        command = _COMMAND.search(card)
        lines = [f"## [{name}]({name})", ""]
        lines += [f"`{command[1]}`", ""] if command else []
        lines += ["| | what it is | piano roll | notation |", "|---|---|---|---|"]
        return [*lines, *(self._row(number, stem) for number, stem in enumerate(self.stems)), ""]

    def _row(self, number: int, stem: str) -> str:
        place = f"{self.folder.name}/{self.place}/{stem}"
        sound = [f"[{title}]({place}{suffix})" for title, suffix in _SOUNDS.items() if self._has(stem, suffix)]
        pictures = [
            f'<img src="{place}{suffix}" width="{_WIDTH}" alt="{title} of sample {number}">'
            if self._has(stem, suffix)
            else "none"
            for title, suffix in _PICTURES.items()
        ]
        return f"| {number} | {' · '.join(sound)}<br>{self._about(stem)} | {' | '.join(pictures)} |"

    def _has(self, stem: str, suffix: str) -> bool:
        return (self.folder / self.place / f"{stem}{suffix}").exists()

    def _about(self, stem: str) -> str:
        score = read_midi(self.folder / self.place / f"{stem}.mid")
        programs = dict.fromkeys(DRUMS if track.is_drum else track.program for track in score.tracks)
        names = ", ".join("drums" if program == DRUMS else program_name(program) for program in programs)
        return f"{count_notes(score):,} notes, {count_bars(score)} bars: {names}"


def _judged(judgement: Judgement, models: Mapping[str, _Shown]) -> str:
    shown = models.get(judgement.model)
    if shown is None or not 0 <= judgement.sample < len(shown.stems):
        raise PublishError(f"sample {judgement.sample} of {judgement.model} is judged, but it is not on the page")
    place = f"{judgement.model}/{shown.place}/{shown.stems[judgement.sample]}.mp3"
    return f"- **[{judgement.model}, sample {judgement.sample}]({place})**: {judgement.words}"
