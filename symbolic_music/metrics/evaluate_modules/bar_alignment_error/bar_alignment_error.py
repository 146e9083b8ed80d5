"""How often the voices of ABC tunes disagree on a bar's length, as an `evaluate` module."""

import datasets
import evaluate

from symbolic_music.metrics.alignment import bar_alignment_error

_DESCRIPTION = """
The share of the bars of ABC tunes whose voices disagree on duration, with a bootstrap interval over tunes. Lower is
better; human editions have a few.
"""
_CITATION = """
@article{wang2025notagen,
  title={NotaGen: Advancing Musicality in Symbolic Music Generation with Large Language Model Training Paradigms},
  author={Wang, Yashan and others},
  year={2025}
}
"""
_INPUTS = """
Args:
    predictions: tunes in ABC notation, one text each.
    seed: of the bootstrap.
Returns:
    tunes, bars, misaligned; share, with low and high of its 95% interval.
"""


class BarAlignmentError(evaluate.Metric):
    """Share of bars whose voices disagree."""

    def _info(self) -> evaluate.MetricInfo:
        return evaluate.MetricInfo(
            description=_DESCRIPTION,
            citation=_CITATION,
            inputs_description=_INPUTS,
            features=datasets.Features({"predictions": datasets.Value("string")}),
        )

    def _compute(self, predictions: list[str], seed: int = 0) -> dict[str, float]:
        return bar_alignment_error(predictions, seed)
