"""Windows of track text with random bars masked, as the examples that a model learns to fill from.

Three formats say what a model reads and what it is scored on; the same windows and masks come in each, so that models
of all three can be compared on the bars that are masked.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import count, pairwise
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from symusic.core import ScoreTick
from tqdm import tqdm

from symbolic_music.data.blocks.augment import Augmentation, augmented_copies
from symbolic_music.events.codec import EncodingError
from symbolic_music.events.voices.infilling import Cell, MaskedWindow, mask_window
from symbolic_music.events.voices.quantise import VoicePiece
from symbolic_music.events.voices.track_text import TrackTextCodec
from symbolic_music.score.bars import count_bars, equal_parts
from symbolic_music.score.errors import ScoreError
from symbolic_music.score.midi.io import read_midi
from symbolic_music.score.transforms.edit import cut_bars
from symbolic_music.tokenization.processing_music import MusicProcessor
from symbolic_music.training.arguments import TrainingError
from symbolic_music.training.optimization.losses import IGNORED_LABEL


class InfillFormat(StrEnum):
    """What a model reads before what it predicts.

    SEQ2SEQ: the masked window in an encoder; what stands before the first mask, `Fill` and the fill in a decoder.
    CAUSAL: the masked window, turned, `Fill` and the fill, in one sequence; the fill is predicted.
    LEFT_TO_RIGHT: the window without masks, all of it predicted; it fills nothing and is there to be compared with.
    """

    SEQ2SEQ = "seq2seq"
    CAUSAL = "causal"
    LEFT_TO_RIGHT = "left-to-right"


@dataclass(frozen=True)
class MaskSettings:
    """How windows are cut and masked.

    Attributes:
        max_line_tokens: windows are halved until no line has more events; None leaves them as the codec cuts them.
        masks_per_window: examples of each window and transposition, each with masks of its own.
        whole_share: of the examples that have every bar masked, where there are masks enough. Few bars are much to
            read and little to learn from; a whole window teaches what music is like.
        seed: of the masks.
    """

    max_line_tokens: int | None = None
    masks_per_window: int = 1
    whole_share: float = 0.0
    seed: int = 0


def random_cells(rng: np.random.Generator, num_lines: int, num_bars: int, most: int) -> set[Cell]:
    """A block of cells: neighbouring bars, half of them at the most, of all lines or of some.

    Args:
        rng: draws it.
        num_lines: of the window.
        num_bars: of the window.
        most: cells that there may be.
    """
    length = int(rng.integers(1, max(1, (num_bars + 1) // 2) + 1))
    first = int(rng.integers(0, num_bars - length + 1))
    count = num_lines if rng.random() < 0.5 else int(rng.integers(1, num_lines + 1))
    lines = rng.permutation(num_lines)[: max(1, min(count, most // length))]
    return {(int(line), bar) for line in lines for bar in range(first, first + length)}


def build_examples(
    split: Dataset,
    processor: MusicProcessor,
    style: InfillFormat,
    settings: MaskSettings,
    context_length: int,
    transpositions: Sequence[int] = (0,),
) -> tuple[Dataset, dict[str, int]]:
    """The examples of a split, and how many windows were left out, by reason.

    Args:
        split: with the columns of CONTRIBUTING.md.
        processor: whose codec has masks.
        style: of the examples.
        settings: of windows and masks.
        context_length: tokens that a model holds; longer examples are left out.
        transpositions: semitones by which each piece is shifted.

    Returns:
        Rows with `source_ids` (empty but for SEQ2SEQ), `input_ids`, `scored` (whether each of the
        `input_ids` is), `notes` that are scored, `group`, `name`, `length` (tokens read and written, for batches of
        like length) and `window`, a number that is the same for one masked window in each format.

    Raises:
        TrainingError: when no window is left.
    """
    codec = processor.codec
    if not isinstance(codec, TrackTextCodec) or not codec.settings.max_masks:
        raise TrainingError("this processor has no masks: expected track text with max_masks above 0")
    left_out: Counter[str] = Counter()
    rows = []
    masked_windows = count()
    for number, piece in enumerate(tqdm(split, desc=f"mask {split.split}", unit="piece", disable=None)):
        try:
            copies = augmented_copies(read_midi(piece["midi"]), Augmentation(tuple(transpositions)))
        except ScoreError as error:
            left_out[str(error.refusal)] += 1
            continue
        rng = np.random.default_rng([settings.seed, number])
        for copy in copies:
            for window in _windows(codec, copy, settings.max_line_tokens, left_out):
                for _ in range(settings.masks_per_window):
                    whole = rng.random() < settings.whole_share
                    row = _example(processor, codec, window, style, rng, whole, left_out)
                    about = {"window": next(masked_windows), "group": piece["group"], "name": piece["name"]}
                    if row is not None and max(len(row["source_ids"]), len(row["input_ids"])) <= context_length:
                        rows.append(row | about | {"length": len(row["source_ids"]) + len(row["input_ids"])})
                    elif row is not None:
                        left_out[f"longer than the context of {context_length} tokens"] += 1
    if not rows:
        raise TrainingError(f"no window of the split can be masked; left out: {dict(left_out)}")
    return Dataset.from_list(rows), dict(sorted(left_out.items()))


def _windows(
    codec: TrackTextCodec, score: ScoreTick, most: int | None, left_out: Counter[str]
) -> Iterator[VoicePiece]:
    """The windows of a Score, halved until no line has more events than `most`."""
    try:
        windows = codec.windows(score)
    except EncodingError as error:
        left_out[str(error)] += 1
        return
    while windows:
        window = windows.pop(0)
        try:
            piece = codec.read_window(window)
        except EncodingError as error:
            left_out[" ".join(str(error).split()[2:])] += 1  # without the number of the bar
            continue
        bars = count_bars(window)
        if most is None or bars == 1 or _longest_line(codec, piece) <= most:
            yield piece
        else:
            halves = pairwise(equal_parts(0, bars, -(-bars // 2)))
            parts = [cut_bars(window, first, end - first) for first, end in halves]
            windows = [part for part in parts if part.note_num()] + windows


def _longest_line(codec: TrackTextCodec, piece: VoicePiece) -> int:
    return max(
        sum(1 + len(codec.span_events(spans)) for spans in codec.bars_of(voice, piece)) for voice in piece.voices
    )


def _example(
    processor: MusicProcessor,
    codec: TrackTextCodec,
    piece: VoicePiece,
    style: InfillFormat,
    rng: np.random.Generator,
    whole: bool,
    left_out: Counter[str],
) -> dict[str, Any] | None:
    num_lines, num_bars, most = len(piece.voices), len(piece.bar_starts), codec.settings.max_masks
    if whole and num_lines * num_bars <= most:
        cells = {(line, bar) for line in range(num_lines) for bar in range(num_bars)}
    else:
        cells = random_cells(rng, num_lines, num_bars, most)
    try:
        masked = mask_window(codec, piece, cells)
    except EncodingError:
        left_out["nothing begins in the masked bars"] += 1
        return None
    notes = sum(event.startswith(("Note_", "With_")) for event in masked.fill)
    return format_example(processor, masked, style) | {"notes": notes}


def format_example(processor: MusicProcessor, masked: MaskedWindow, style: InfillFormat) -> dict[str, Any]:
    """A masked window in one of the formats: `source_ids`, `input_ids` and `scored`.

    What is scored is the same in each: the events that the masks stand for. Where a fill names its masks and where it
    ends is not, as bar lines are not from left to right; the grammar leaves no choice there.
    """
    source = processor.encode_events(masked.context) if style == InfillFormat.SEQ2SEQ else []
    if style == InfillFormat.LEFT_TO_RIGHT:
        ids = processor.encode_events(masked.whole)
        scored = [False, *masked.masked, False]
    else:
        before = masked.before_fill(style == InfillFormat.SEQ2SEQ)
        ids = processor.encode_events([*before, *masked.fill])
        scored = [False] * (1 + len(before)) + [not event.startswith("Mask_") for event in masked.fill] + [False]
    return {"source_ids": source, "input_ids": ids, "scored": scored}


class InfillCollator:
    """Rows of `build_examples` to batches, filled up on the right.

    Args:
        pad_token_id: fills up.
    """

    def __init__(self, pad_token_id: int):
        self.pad_token_id = pad_token_id

    def __call__(self, rows: Sequence[dict[str, Any]]) -> dict[str, torch.Tensor]:
        """Collate B rows.

        Returns:
            `input_ids` (B, T); `labels` (B, T), IGNORED_LABEL at BOS and behind the end, since what surrounds the
            masks is music to learn from too; `scored` (B, T) bool; `notes` (B,); and where there are sources,
            `source_ids` and `source_mask` (B, S).
        """
        ids = self._pad([row["input_ids"] for row in rows], self.pad_token_id)
        trained = self._pad([[0] + [1] * (len(row["input_ids"]) - 1) for row in rows], 0).bool()
        batch = {
            "input_ids": ids,
            "labels": ids.masked_fill(~trained, IGNORED_LABEL),
            "scored": self._pad([row["scored"] for row in rows], 0).bool(),
            "notes": torch.tensor([row["notes"] for row in rows]),
        }
        if rows[0]["source_ids"]:
            batch["source_ids"] = self._pad([row["source_ids"] for row in rows], self.pad_token_id)
            batch["source_mask"] = self._pad([[1] * len(row["source_ids"]) for row in rows], 0)
        return batch

    def _pad(self, sequences: Sequence[Sequence[int]], value: int) -> torch.Tensor:
        longest = max(map(len, sequences))
        padded = torch.full((len(sequences), longest), value)
        for row, sequence in enumerate(sequences):
            padded[row, : len(sequence)] = torch.tensor(sequence)
        return padded
