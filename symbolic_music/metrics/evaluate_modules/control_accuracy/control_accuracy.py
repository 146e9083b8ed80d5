"""Whether pieces are what was asked for, as an `evaluate` module."""

import json

import datasets
import evaluate

from symbolic_music.metrics.control import Controls, control_accuracy
from symbolic_music.metrics.loading import read_pieces

_DESCRIPTION = """
How many pieces have the instruments, tempo, meter, bars, key, chords, ranges, density and ending that were asked for,
with 95% intervals (Wilson). Higher is better.
"""
_INPUTS = """
Args:
    predictions: MIDI files, each as its bytes or its path; empty bytes for a sample that is no piece.
    references: what was asked for of each, as JSON, any of {"instruments": [0, 40, -1], "tempo": 96, "meter": "3/4",
        "bars": 8, "key": "Dm", "chords": [["Dm"], ["A7", "Dm"]], "density": [2, 8], "ending": true}; instruments are
        General MIDI programs from 0, drums -1. Of all that may be asked, see `events.controls.asked.Controls`; what
        files give is no JSON and is judged by `metrics.given`.
Returns:
    For each thing that was asked for, by its name, and for "all" that was asked of a piece together: asked, kept,
    share, low, high.
"""


class ControlAccuracy(evaluate.Metric):
    """Shares of pieces that keep to what was asked for."""

    def _info(self) -> evaluate.MetricInfo:
        return evaluate.MetricInfo(
            description=_DESCRIPTION,
            citation="",
            inputs_description=_INPUTS,
            features=datasets.Features(
                {"predictions": datasets.Value("binary"), "references": datasets.Value("string")}
            ),
        )

    def _compute(self, predictions: list[bytes], references: list[str]) -> dict[str, dict[str, float]]:
        scores = [read_pieces([piece])[0] if piece else None for piece in predictions]
        return control_accuracy(scores, [Controls(**json.loads(asked)) for asked in references])
