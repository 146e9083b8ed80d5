"""The pieces that are looked at for copies, from a dataset or a folder; the index of the training split, in a file.

What a copy is, the metrics layer knows.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from datasets import Dataset, concatenate_datasets
from symusic.core import ScoreTick

from symbolic_music.events.codec import EncodingError, ScoreCodec
from symbolic_music.metrics.memorisation.training_index import MemorisationIndex
from symbolic_music.score.files import read_folder
from symbolic_music.score.midi.io import read_midi
from symbolic_music.training.arguments import TrainingError
from symbolic_music.training.preparation import choose_split

TRAINING_SPLIT = "train"


@dataclass
class Pieces:
    """Scores with their names, near-duplicate groups and sources, and how many were left out, by reason."""

    scores: list[ScoreTick] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    groups: list[int] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)


def split_pieces(
    splits: Mapping[str, Dataset], names: list[str], dataset: str, codec: ScoreCodec | None = None
) -> Pieces:
    """The pieces of splits, as a codec writes them where one is given: on its grid, in its windows.

    Raises:
        TrainingError: when a split is missing or empty, or none of its pieces can be written.
    """
    rows = concatenate_datasets([choose_split(splits, name, dataset) for name in names])
    pieces = Pieces()
    for row in rows:
        for number, part in enumerate(_parts(row["midi"], codec, pieces.refused), 1):
            pieces.scores.append(part)
            pieces.names.append(row["name"] if number == 1 else f"{row['name']}, window {number}")
            pieces.groups.append(row["group"])
            pieces.sources.append(row["source"])
    if not pieces.scores:
        raise TrainingError(f"{dataset}: no piece of {', '.join(names)} can be read; refused: {dict(pieces.refused)}")
    return pieces


def folder_pieces(folder: Path) -> Pieces:
    """Every piece of the music files in a folder, its subfolders included, in the order of their names.

    Raises:
        TrainingError: when there is no such folder or no piece in it.
    """
    if not folder.is_dir():
        raise TrainingError(f"{folder}: no such folder of samples")
    files, refused = read_folder(folder)
    pieces = Pieces(refused=refused)
    for path, scores in files:
        pieces.scores += scores
        pieces.names += [str(path.relative_to(folder))] * len(scores)
    if not pieces.scores:
        raise TrainingError(f"{folder}: no music to read; refused: {dict(pieces.refused) or 'nothing'}")
    return pieces


def training_index(
    splits: Mapping[str, Dataset],
    dataset: str,
    split_hash: str,
    path: Path,
    codec: ScoreCodec | None = None,
    on_piece: Callable[[int], Any] | None = None,
) -> MemorisationIndex:
    """The index of a dataset's training split; read from `path` where it lies, else built and written there.

    Raises:
        IndexFileError: when the file is no index.
        TrainingError: when it is the index of other pieces.
    """
    source = _source(split_hash, codec)
    if path.exists():
        index = MemorisationIndex.load(path)
        if index.source != source:
            raise TrainingError(
                f"{path}: the index of other pieces or of another grid; name another file or delete it"
            )
        return index
    pieces = split_pieces(splits, [TRAINING_SPLIT], dataset, codec)
    index = MemorisationIndex.build(pieces.scores, pieces.names, source, on_piece)
    index.save(path)
    return index


def _parts(midi: bytes, codec: ScoreCodec | None, refused: Counter[str]) -> list[ScoreTick]:
    score = read_midi(midi)
    if codec is None:
        return [score]
    parts = []
    for part in codec.windows(score):
        try:
            parts.append(codec.quantise(part))
        except EncodingError:
            refused["cannot be written by the codec"] += 1
    return parts


def _source(split_hash: str, codec: ScoreCodec | None) -> str:
    """What an index is of: the pieces' hash, and that of the settings of the codec that wrote them."""
    if codec is None:
        return f"{split_hash} as it is"
    settings = json.dumps(codec.to_dict(), sort_keys=True)
    return f"{split_hash} written with {hashlib.sha256(settings.encode('utf-8')).hexdigest()}"
