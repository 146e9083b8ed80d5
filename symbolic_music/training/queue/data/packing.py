"""Writes a packed dataset: the pieces of a dataset's splits as events, with their drums told apart.

The one module of the queue that reads music. Knows codecs and datasets, nothing of ids or models.
"""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from datasets import Dataset, DatasetDict
from tqdm import tqdm

from symbolic_music.data.preparation.pieces import content_digest
from symbolic_music.data.preparation.splits import split_hash
from symbolic_music.events.codec import EncodingError
from symbolic_music.events.voices.codec import DRUMS_VALUE
from symbolic_music.score.midi.io import read_midi
from symbolic_music.score.programs import DRUMS
from symbolic_music.tokenization.event_tokenizer import SPECIAL_TOKENS
from symbolic_music.tokenization.processing_music import MusicProcessor
from symbolic_music.training.infilling.examples import InfillFormat, MaskSettings, build_examples
from symbolic_music.training.preparation import evenly_spaced
from symbolic_music.training.queue.data.packed import (
    OUT_OF_RANGE,
    PROCESSOR_FOLDER,
    PackedSplit,
    QueueError,
    Ragged,
    write_packed,
)
from symbolic_music.training.summary import git_commit, tokenizer_hash

logger = logging.getLogger(__name__)

SPLITS = ("train", "validation")
_BOS, _EOS = (list(SPECIAL_TOKENS).index(f"{name}_token") for name in ("bos", "eos"))


@dataclass(frozen=True)
class PackSettings:
    """How a dataset is packed.

    Args:
        transpositions: semitones by which training pieces may be moved; 0 is always one.
        infill: whether examples of masked windows are packed, for an encoder-decoder, rather than pieces.
        masks_per_window: examples of each window, with other masks.
        whole_share: share of the training examples in which every bar is masked.
        context_length: events of an example at most; longer ones are left out.
        max_line_events: windows are halved until no line has more; None leaves them whole.
        seed: of the masks.
    """

    transpositions: tuple[int, ...] = tuple(range(-5, 7))
    infill: bool = False
    masks_per_window: int = 2
    whole_share: float = 0.25
    context_length: int = 1024
    max_line_events: int | None = None
    seed: int = 0


def pack_dataset(
    splits: DatasetDict, processor: MusicProcessor, folder: Path, settings: PackSettings, max_pieces: int | None = None
) -> dict[str, Any]:
    """Write a packed folder from a dataset's splits for training and validation.

    Args:
        splits: with a column `midi`.
        processor: whose codec writes the events; saved beside them.
        folder: to write.
        settings: see there.
        max_pieces: of each split; all when left out.

    Returns:
        What the folder's description says of it.

    Raises:
        QueueError: when a split is missing or nothing of it can be encoded, or infilling is asked of a codec or
            tokenizer that cannot.
    """
    missing = [name for name in SPLITS if name not in splits]
    if missing:
        raise QueueError(f"no split {missing[0]!r} to pack; there are {', '.join(sorted(splits))}")
    vocabulary = EventNumbers(processor)
    _check_tokenizer(vocabulary, settings)
    chosen = {name: evenly_spaced(splits[name], max_pieces or len(splits[name])) for name in SPLITS}
    packed, left_out = {}, {}
    for name, pieces in chosen.items():
        pack = _pack_examples if settings.infill else _pack_pieces
        packed[name], left_out[name] = pack(pieces, vocabulary, settings)
        if not len(packed[name]):
            raise QueueError(f"nothing of split {name!r} can be packed: {left_out[name]}")
    shifts = [0, *(shift for shift in settings.transpositions if shift)]
    tables = np.stack([vocabulary.moved(shift) for shift in shifts])
    notes = [number for number, name in enumerate(vocabulary.names) if vocabulary.is_note(name)]
    digests = [(name, content_digest(read_midi(midi))) for name, pieces in chosen.items() for midi in pieces["midi"]]
    description = {
        "codec": processor.codec.codec_type,
        "num_events": len(vocabulary.names),
        "note_events": notes,
        "transpositions": shifts,
        "infill": settings.infill,
        "word_level": processor.is_word_level,
        "vocab_size": len(processor.tokenizer),
        "pieces": {name: len(pieces) for name, pieces in chosen.items()},
        "sequences": {name: len(split) for name, split in packed.items()},
        "events": {name: len(split.events.values) for name, split in packed.items()},
        "notes": {name: vocabulary.count_notes(split.events.values) for name, split in packed.items()},
        "left_out": left_out,
        "commit": git_commit(),
        "tokenizer_hash": tokenizer_hash(processor),
        "pieces_hash": split_hash([name for name, _ in digests], [digest for _, digest in digests]),
    }
    processor.save_pretrained(folder / PROCESSOR_FOLDER)
    write_packed(folder, packed, tables, description)
    return description


class EventNumbers:
    """Names of events as numbers, drums apart.

    Args:
        processor: whose codec's events these are.
    """

    def __init__(self, processor: MusicProcessor):
        self.processor = processor
        self.codec = processor.codec
        self.names = [*SPECIAL_TOKENS.values(), *self.codec.events]
        if 2 * len(self.names) > OUT_OF_RANGE:
            raise QueueError(f"{len(self.names)} events are too many: at most {OUT_OF_RANGE // 2} can be packed")
        self.number = {name: number for number, name in enumerate(self.names)}
        values = [name.partition("_") for name in self.names]
        self._switches = {
            number: (kind, value)
            for number, (kind, _, value) in enumerate(values)
            if kind in ("Program", "Instrument", "New", "Voice", "Mask", "Fill")
        }
        self._is_switch = np.zeros(len(self.names), bool)
        self._is_switch[list(self._switches)] = True
        self._is_note = np.array([self.is_note(name) for name in self.names])

    def is_note(self, name: str) -> bool:
        """Whether an event begins a note."""
        return name.partition("_")[0] in self.codec.note_types

    def count_notes(self, numbers: np.ndarray) -> int:
        """Notes begun in numbers, those of drums included."""
        return int(self._is_note[numbers % len(self.names)].sum())

    def moved(self, semitones: int) -> np.ndarray:
        """(2E,) uint16: what each event becomes after a transposition, drums staying."""
        moved = [self.codec.transposed(name, semitones) for name in self.names]
        numbers = [OUT_OF_RANGE if name is None else self.number[name] for name in moved]
        return np.array([*numbers, *range(len(self.names))], np.uint16)

    def of_piece(self, events: Sequence[str]) -> np.ndarray:
        """A piece's events between BOS and EOS, those of drums told apart."""
        numbers = np.array([_BOS, *(self.number[event] for event in events), _EOS])
        return self.with_drums(numbers, {})

    def with_drums(self, numbers: np.ndarray, masks: dict[str, bool]) -> np.ndarray:
        """Numbers (T,) with E added to the notes of drums.

        Args:
            numbers: of a sequence, which names its instruments before their notes.
            masks: by name of a mask, whether it stands in a line of drums: filled in here, looked up behind `Fill`.
        """
        switches = np.flatnonzero(self._is_switch[numbers])
        drums = np.zeros(len(numbers), bool)
        voices: list[bool] = []
        now, fills = False, False
        for at, end in zip(switches, [*switches[1:], len(numbers)], strict=True):
            kind, value = self._switches[int(numbers[at])]
            if kind == "Fill":
                fills = True
            elif kind == "Mask" and not fills:
                masks[value] = now
            elif kind == "Mask":
                now = masks[value]
            elif kind == "Voice":
                now = voices[int(value) - 1]
            else:
                now = value in (DRUMS_VALUE, str(DRUMS))
                voices += [now] * (kind == "New")
            drums[at:end] = now
        return (numbers + len(self.names) * (drums & self._is_note[numbers])).astype(np.uint16)


def _check_tokenizer(vocabulary: EventNumbers, settings: PackSettings) -> None:
    """Refuse tokenizers whose ids are not found from events alone."""
    processor = vocabulary.processor
    ids = processor.tokenizer.convert_tokens_to_ids(vocabulary.names)
    if processor.is_word_level and ids != list(range(len(vocabulary.names))):
        raise QueueError(
            "tokenizers of text cannot be packed; expected one of music alone, as build_tokenizer.py makes"
        )
    if settings.infill and not processor.is_word_level:
        raise QueueError("examples to fill can be packed for word-level tokenizers only; this one merges events")


def _pack_pieces(
    pieces: Dataset, vocabulary: EventNumbers, settings: PackSettings
) -> tuple[PackedSplit, dict[str, int]]:
    """Every piece, or window of it where the codec writes windows."""
    sequences, left_out = [], Counter[str]()
    for midi in tqdm(pieces["midi"], desc=f"encode {pieces.split}", unit="piece", disable=None):
        for part in vocabulary.codec.windows(read_midi(midi)):
            try:
                sequences.append(vocabulary.of_piece(vocabulary.codec.encode(part)))
            except EncodingError as error:
                left_out[str(error)] += 1
    return PackedSplit(Ragged.of(sequences)), dict(sorted(left_out.items()))


def _pack_examples(
    pieces: Dataset, vocabulary: EventNumbers, settings: PackSettings
) -> tuple[PackedSplit, dict[str, int]]:
    """Windows with bars masked."""
    trains = pieces.split == "train"
    masks = MaskSettings(
        settings.max_line_events,
        settings.masks_per_window if trains else 1,
        settings.whole_share if trains else 0.0,
        settings.seed,
    )
    rows, left_out = build_examples(
        pieces, vocabulary.processor, InfillFormat.SEQ2SEQ, masks, settings.context_length, [0]
    )
    sources, events = [], []
    for row in rows.select_columns(["source_ids", "input_ids"]):
        lines: dict[str, bool] = {}
        sources.append(vocabulary.with_drums(np.array(row["source_ids"]), lines))
        events.append(vocabulary.with_drums(np.array(row["input_ids"]), lines))
    scored = [np.array(values) for values in rows["scored"]]
    return PackedSplit(Ragged.of(events), Ragged.of(sources), Ragged.of(scored, np.bool_)), left_out
