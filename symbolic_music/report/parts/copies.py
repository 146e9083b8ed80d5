"""The part of a report on what pieces copy from the training split, beside what held-out music shares with it."""

import json
from collections.abc import Sequence
from typing import Any

from symusic.core import ScoreTick

from symbolic_music.metrics.memorisation.report import compare_copies, without_pieces
from symbolic_music.report.parts.run import Data, progress_bar

COPIES_FILE = "copies.json"


def measure_copies(data: Data, scores: Sequence[ScoreTick]) -> dict[str, Any]:
    """What pieces copy from the training split, and the human pieces share with it.

    `parts/copies.json` also has what each piece copies.

    Args:
        data: human pieces and the index.
        scores: on the same grid; none for the human pieces alone.

    Returns:
        What `metrics.memorisation.report.compare_copies` gives, without single pieces.
    """
    human, asked = data.human, data.settings.copies
    found = compare_copies(
        data.index,
        scores,
        human.scores,
        asked.limits,
        human.groups,
        asked.ignore_before,
        data.settings.sampling.seed,
        progress_bar("look for copies", len(scores) + len(human.scores)),
    )
    text = json.dumps(found | {"split_hash": data.split_hash}, indent=2, sort_keys=True) + "\n"
    (data.parts / COPIES_FILE).write_text(text, encoding="utf-8")
    return without_pieces(found)
