"""One of several tokens, by temperature, top-p and numbers drawn before. Knows nothing of music."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

# Noise may be zero.
_TINY = np.finfo(np.float32).tiny


class Exponentials(Protocol):
    """Numbers of all tokens, exponentially distributed with mean 1: an array (V,), or what works them out."""

    def __getitem__(self, ids: np.ndarray, /) -> np.ndarray:
        """(N,) of some tokens (N,)."""


class FromUniform:
    """Exponentials by the inverse of their distribution, which few are ever asked for.

    Args:
        uniform: (V,) float64, from 0 to 1.
    """

    def __init__(self, uniform: np.ndarray):
        self._uniform = uniform

    def __getitem__(self, ids: np.ndarray, /) -> np.ndarray:
        """(N,) float32 of some tokens (N,)."""
        return (-np.log1p(-self._uniform[ids])).astype(np.float32)


@dataclass(frozen=True)
class Draw:
    """How a token is chosen.

    Attributes:
        is_random: False takes the likeliest.
        temperature: scores are divided by it.
        top_p: the smallest set of tokens with this much probability is drawn from.
    """

    is_random: bool = True
    temperature: float = 1.0
    top_p: float = 1.0

    def choose(self, ids: np.ndarray, scores: np.ndarray, noise: Exponentials | None) -> int:
        """A token, drawn as `torch.multinomial` does: the greatest probability divided by exponential noise.

        Args:
            ids: (N,) tokens.
            scores: (N,) float32; not all minus infinity.
            noise: of all tokens; None where nothing is random.
        """
        top = scores.argmax()
        if not self.is_random:
            return int(ids[top])
        assert noise is not None
        weights = scores - scores[top]
        if self.temperature != 1:
            weights /= np.float32(self.temperature)
        np.exp(weights, out=weights)
        if self.top_p < 1:
            total = np.add.reduce(weights)
            most = np.float32(1 - self.top_p) * total
            if total - 1 <= most:  # all but the likeliest, whose weight is 1, go together
                return int(ids[top])
            kept = _nucleus(weights, total, most)
            ids, weights = ids[kept], weights[kept]
        return int(ids[(weights / np.maximum(noise[ids], _TINY)).argmax()])

    def log_probabilities(self, scores: np.ndarray) -> np.ndarray:
        """What scores (N,) stand for at the temperature, before top-p takes its part, (N,) float64."""
        said = (scores - scores.max()).astype(np.float64) / self.temperature
        return said - np.log(np.exp(said).sum())


def _nucleus(weights: np.ndarray, total: np.float32, most: np.float32) -> np.ndarray:
    """Indices of the smallest set with this share of the sum: nucleus sampling (Holtzman et al. 2020).

    As transformers has it: a weight goes when it and all smaller ones are together at most `1 - top_p`; the greatest
    stays. Those that are at most the n-th part of that, for n weights, go without being sorted.

    Args:
        weights: (N,).
        total: their sum.
        most: that share of it which may go.
    """
    large = (weights > most / len(weights)).nonzero()[0]
    order = large[weights[large].argsort()]
    small = total - np.add.reduce(weights[large])
    kept = order[small + weights[order].cumsum() > most]
    return kept if len(kept) else order[-1:]
