"""The learning rate by width, from runs of small models at several rates: a rule that larger ones are given.

The best rate of a size is the lowest point of a parabola through the losses over log2(rate) around the best run, and
the rule a power of the width through these (muP says -1 for the hidden matrices under Adam, Yang et al. 2022; Muon's
updates have a size of their own, so the power is measured and not assumed).
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from symbolic_music.scaling.fits.laws import FitError

_FEWEST_RATES = 3


@dataclass(frozen=True)
class BestRate:
    """The best learning rate of one size.

    Attributes:
        family, size: of the runs.
        width: of the model.
        rate: the lowest point of the parabola.
        loss: there, nats per token.
        tried: how many rates.
        at_edge: whether the best run was at the lowest or highest rate that was tried, so that the true best may lie
            beyond.
    """

    family: str
    size: str
    width: int
    rate: float
    loss: float
    tried: int
    at_edge: bool


def best_rates(runs: Sequence[Mapping[str, Any]]) -> list[BestRate]:
    """The best rate of each family and size.

    Args:
        runs: lines of study logs; losses at one rate are averaged over seeds. All runs of a size have one number of
            tokens.

    Raises:
        FitError: when a size was tried at fewer than three rates, or on different numbers of tokens.
    """
    cells: dict[tuple[str, str], dict[float, list[float]]] = defaultdict(lambda: defaultdict(list))
    widths, tokens = {}, defaultdict(set)
    for line in runs:
        key = (line["family"], line["size"])
        widths[key] = line["model"]["hidden_size"]
        tokens[key].add(line["tokens"])
        loss = line["validation_nats_per_token"]
        cells[key][line["learning_rate"]].append(np.inf if loss is None else loss)  # a run that diverged
    found = []
    for (family, size), losses in cells.items():
        if len(tokens[family, size]) > 1:
            raise FitError(f"{family} {size}: rates were tried on {len(tokens[family, size])} numbers of tokens")
        means = {rate: float(np.mean(values)) for rate, values in losses.items()}
        found.append(BestRate(family, size, widths[family, size], *_lowest(f"{family} {size}", means)))
    return sorted(found, key=lambda best: (best.family, best.width))


def _lowest(name: str, means: Mapping[float, float]) -> tuple[float, float, int, bool]:
    rates = sorted(rate for rate, loss in means.items() if np.isfinite(loss))
    if len(rates) < _FEWEST_RATES:
        raise FitError(f"{name}: {len(rates)} rates with a finite loss; at least {_FEWEST_RATES} are needed")
    best = min(range(len(rates)), key=lambda place: means[rates[place]])
    middle = min(max(best, 1), len(rates) - 2)
    near = rates[middle - 1 : middle + 2]
    logs, losses = np.log2(near), np.array([means[rate] for rate in near])
    curve = np.polyfit(logs, losses, 2)
    at_edge = best in (0, len(rates) - 1)
    if curve[0] <= 0 or at_edge:
        return rates[best], means[rates[best]], len(means), at_edge
    vertex = float(np.clip(-curve[1] / (2 * curve[0]), logs[0], logs[-1]))
    return 2.0**vertex, float(np.polyval(curve, vertex)), len(means), at_edge


def rate_rule(found: Sequence[BestRate]) -> dict[str, float]:
    """One family's rule as a study's file has it: "base", "base_width" and "width_power".

    Args:
        found: of one family; the least wide is the base.

    Raises:
        FitError: with fewer than two widths.
    """
    widths = np.log([best.width for best in found])
    if len(set(widths.tolist())) < 2:
        raise FitError("a rule over widths needs at least two of them")
    base_width = min(best.width for best in found)
    power, height = np.polyfit(widths - np.log(base_width), np.log([best.rate for best in found]), 1)
    return {"base": float(np.exp(height)), "base_width": base_width, "width_power": float(power)}
