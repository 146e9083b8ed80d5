"""One of several tokens, by temperature, top-p and numbers drawn before. Knows nothing of music."""

from dataclasses import dataclass

import numpy as np

# Noise may be zero.
_TINY = np.finfo(np.float32).tiny


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

    def choose(self, ids: np.ndarray, scores: np.ndarray, noise: np.ndarray | None) -> int:
        """A token, drawn as `torch.multinomial` does: the greatest probability divided by exponential noise.

        Args:
            ids: (N,) tokens.
            scores: (N,) float32; not all minus infinity.
            noise: (V,) exponentially distributed with mean 1; None where nothing is random.
        """
        if not self.is_random:
            return int(ids[scores.argmax()])
        assert noise is not None
        weights = np.exp((scores - scores.max()) / np.float32(self.temperature))
        if self.top_p < 1:
            kept = _nucleus(weights, self.top_p)
            ids, weights = ids[kept], weights[kept]
        return int(ids[(weights / np.maximum(noise[ids], _TINY)).argmax()])

    def log_probabilities(self, scores: np.ndarray) -> np.ndarray:
        """What scores (N,) stand for at the temperature, before top-p takes its part, (N,) float64."""
        said = (scores - scores.max()).astype(np.float64) / self.temperature
        return said - np.log(np.exp(said).sum())


def _nucleus(weights: np.ndarray, top_p: float) -> np.ndarray:
    """Indices of the smallest set with this share of the sum: nucleus sampling (Holtzman et al. 2020).

    As transformers has it: a weight goes when it and all smaller ones are together at most `1 - top_p`; the greatest
    stays. Those that are at most the n-th part of that, for n weights, go without being sorted.
    """
    most = np.float32(1 - top_p) * weights.sum()
    large = np.flatnonzero(weights > most / len(weights))
    order = large[weights[large].argsort()]
    small = weights.sum() - weights[large].sum()
    kept = order[small + weights[order].cumsum() > most]
    return kept if len(kept) else order[-1:]
