"""What the parts of a report share: the model, the pieces it is held against, and what was measured before."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from datasets import Dataset, DatasetDict, concatenate_datasets
from tqdm import tqdm
from transformers import PreTrainedModel

from symbolic_music.events.codec import ScoreCodec
from symbolic_music.metrics.memorisation.training_index import MemorisationIndex
from symbolic_music.report.errors import ReportError
from symbolic_music.report.settings import ReportSettings
from symbolic_music.tokenization.processing_music import MusicProcessor
from symbolic_music.training.evaluation.copies import Pieces, split_pieces, training_index
from symbolic_music.training.preparation import choose_split, evenly_spaced
from symbolic_music.training.summary import hash_of_splits, tokenizer_hash

PARTS_FOLDER = "parts"
_INDEX_FILE = "training_index.safetensors"


@dataclass(frozen=True)
class Data:
    """The dataset of a report.

    Attributes:
        splits: all of them.
        settings: of the report.
        parts: the folder that keeps what was measured.
        codec: the grid on which pieces are compared; None leaves them as they are.
    """

    splits: DatasetDict
    settings: ReportSettings
    parts: Path
    codec: ScoreCodec | None = None

    @cached_property
    def split_hash(self) -> str:
        """Of the dataset; see `training.summary.hash_of_splits`."""
        return hash_of_splits(self.splits)

    @cached_property
    def human(self) -> Pieces:
        """The held-out pieces, as the codec writes them."""
        return split_pieces(self.splits, self.settings.splits, self.settings.dataset, self.codec)

    @cached_property
    def index(self) -> MemorisationIndex:
        """Of the training split; read where it lies, else made and kept."""
        asked = self.settings.copies.index
        path = Path(asked) if asked else self.parts / _INDEX_FILE
        on_piece = progress_bar("index training pieces", None)
        return training_index(self.splits, self.settings.dataset, self.split_hash, path, self.codec, on_piece)

    def scored(self) -> Dataset:
        """The rows of the held-out pieces that are scored."""
        settings = self.settings
        rows = concatenate_datasets([choose_split(self.splits, name, settings.dataset) for name in settings.splits])
        return rows if settings.loss_pieces is None else evenly_spaced(rows, settings.loss_pieces)

    def kept(self, name: str, asked: dict[str, Any], measure: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Figures that were measured before, or else those that are measured now and kept.

        Args:
            name: of the file.
            asked: what the figures depend on.
            measure: measures them.

        Raises:
            ReportError: when they were measured for something else.
        """
        path = self.parts / name
        if path.exists():
            found = json.loads(path.read_text(encoding="utf-8"))
            if found["asked"] != asked:
                raise ReportError(f"{path} was measured for {found['asked']}; give another --output")
            return found["figures"]
        figures = measure()
        path.write_text(json.dumps({"asked": asked, "figures": figures}) + "\n", encoding="utf-8")
        return figures


@dataclass(frozen=True)
class Run:
    """A model that is judged, its processor, and the data; the settings are the data's."""

    model: PreTrainedModel
    processor: MusicProcessor
    data: Data

    @property
    def settings(self) -> ReportSettings:
        """Of the report."""
        return self.data.settings

    @cached_property
    def about(self) -> dict[str, Any]:
        """What figures are of: the model and the pieces."""
        return {
            "model": self.settings.model,
            "dataset": self.settings.dataset,
            "split": self.settings.split,
            "split_hash": self.data.split_hash,
            "tokenizer_hash": tokenizer_hash(self.processor),
        }


def progress_bar(what: str, total: int | None, unit: str = "piece") -> Callable[[int], Any]:
    """A progress bar, as what is called with how many more are done."""
    return tqdm(total=total, desc=what, unit=unit, disable=None).update
