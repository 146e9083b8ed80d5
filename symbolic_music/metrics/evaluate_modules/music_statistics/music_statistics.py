"""Statistics of pieces, beside those of human pieces, as an `evaluate` module."""

from typing import Any

import datasets
import evaluate
from tqdm import tqdm

from symbolic_music.metrics.loading import read_pieces
from symbolic_music.metrics.statistics import compare_pieces, describe_pieces

_DESCRIPTION = """
Statistics of symbolic music: note density, pitch range and pitch-class entropy, scale consistency, polyphony,
dissonance and chord tones, rests, groove, repetition and structure, each a mean over pieces with a bootstrap interval.
None is better when higher: give human pieces, and what counts is the distance to them, with the overlapping area and
the Kullback-Leibler divergence of Yang & Lerch (2020).
"""
_CITATION = """
@article{yang2020evaluation,
  title={On the evaluation of generative models in music},
  author={Yang, Li-Chia and Lerch, Alexander},
  journal={Neural Computing and Applications},
  volume={32},
  year={2020}
}
"""
_INPUTS = """
Args:
    predictions: MIDI files, each as its bytes or its path.
    human: MIDI files of held-out human music likewise, any number from three on; may be left out.
    seed: of the bootstrap.
Returns:
    By statistic, without human pieces: mean, low, high, and the number of pieces that have it. With them: sampled and
    human, each as before; distance (of the means, in standard deviations of the human pieces), overlapping_area,
    kl_divergence: value, low, high. A statistic that too few pieces have is left out.
"""


class MusicStatistics(evaluate.Metric):
    """Means and intervals, and distances to human pieces."""

    def _info(self) -> evaluate.MetricInfo:
        return evaluate.MetricInfo(
            description=_DESCRIPTION,
            citation=_CITATION,
            inputs_description=_INPUTS,
            features=datasets.Features({"predictions": datasets.Value("binary")}),
        )

    def _compute(
        self, predictions: list[bytes], human: list[bytes | str] | None = None, seed: int = 0
    ) -> dict[str, dict[str, Any]]:
        with tqdm(total=len(predictions) + len(human or []), unit="piece", disable=None) as progress:
            if human is None:
                return describe_pieces(read_pieces(predictions), seed, on_piece=progress.update)
            return compare_pieces(read_pieces(predictions), read_pieces(human), seed, on_piece=progress.update)
