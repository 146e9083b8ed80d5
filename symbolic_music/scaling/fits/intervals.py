"""How sure one can be of a scaling law: bootstrap intervals, prediction of the largest size, and notes in words.

Knows numbers only; the laws and their fit are `scaling.laws`'s.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from symbolic_music._extras import require
from symbolic_music.scaling.fits.laws import (
    EXPONENT_BOUNDS,
    FORMS,
    REPEAT_BOUNDS,
    FitError,
    Law,
    Points,
    fit_from_starts,
    fit_law,
)

CONFIDENCE = 0.95
BOOTSTRAP_SAMPLES = 1000
_REPLICATE_STARTS = 1
# An end of an interval this near, relatively, to where the fit is stopped is no end.
_AT_BOUND = 0.01
_MISFIT_WORTH_A_NOTE = 1.5
_STOPPED_AT = {"alpha": EXPONENT_BOUNDS, "beta": EXPONENT_BOUNDS, "R_N": REPEAT_BOUNDS, "R_D": REPEAT_BOUNDS}


@dataclass(frozen=True)
class Interval:
    """A bootstrap interval; an open end is one that the data do not bound."""

    low: float
    high: float
    low_is_open: bool = False
    high_is_open: bool = False


@dataclass(frozen=True)
class Extrapolation:
    """How well the law of the smaller sizes predicts the largest one.

    Attributes:
        parameters: of the held-out size.
        num_sizes: fitted.
        exact: as many sizes as coefficients: the law passes through the fitted sizes whatever its form.
        predicted, measured: mean loss over the held-out runs, nats per token.
        relative_error: (predicted - measured) / measured, of these means.
        r2: 1 - sum (measured - predicted)^2 / sum (measured - m)^2 over the held-out runs, m being the mean loss of
            the *fitted* runs: the held-out runs' own mean is no prediction, and with one size leaves only seeds.
        skill: the same with m the loss of the largest fitted size at the same tokens: 0 is no better than "larger
            models gain nothing".
    """

    parameters: float
    num_sizes: int
    exact: bool
    predicted: float
    measured: float
    relative_error: float
    r2: float
    skill: float | None


@dataclass(frozen=True)
class FitResult:
    """A law with what its figures are worth.

    Attributes:
        law: the fit.
        intervals: by coefficient, at `CONFIDENCE`; empty when no spread could be measured.
        num_points, num_cells, num_sizes, num_token_counts: what it was fitted to; runs of a cell differ by seed alone.
        seeds: the smallest and largest number of runs per cell.
        exact: as many cells as coefficients: the law passes through them, and neither R2 nor its form is tested.
        r2: within the fitted runs; None when exact.
        seed_spread: standard deviation of log loss between runs of one cell; None with one run per cell.
        misfit: how many times larger the cells' deviations from the law are than their runs' spread explains (the
            "scale factor" of the Particle Data Group); None when it cannot be known. Intervals are widened by it.
        leave_one_size_out: lowest and highest alpha of the fits without one of the sizes; None when too few are left.
        extrapolation: to the largest size; None when too few sizes are left.
        notes: what the figures cannot say, in sentences.
        replicates: the laws of the bootstrap, for bands around curves.
    """

    law: Law
    intervals: dict[str, Interval]
    num_points: int
    num_cells: int
    num_sizes: int
    num_token_counts: int
    seeds: tuple[int, int]
    exact: bool
    r2: float | None
    seed_spread: float | None
    misfit: float | None
    leave_one_size_out: tuple[float, float] | None
    extrapolation: Extrapolation | None
    notes: tuple[str, ...]
    replicates: tuple[Law, ...] = field(default=(), repr=False)

    def band(self, parameters: np.ndarray, tokens: np.ndarray | float | None = None) -> np.ndarray | None:
        """(2, n) pointwise interval of the predicted loss; None without replicates."""
        if not self.replicates:
            return None
        curves = np.stack([law.predict(parameters, tokens) for law in self.replicates])
        return np.quantile(curves, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2], axis=0)


# ---- intervals ------------------------------------------------------------------------------------------------------


def fit_with_intervals(
    form: str, points: Points, samples: int = BOOTSTRAP_SAMPLES, seed: int = 0, confidence: float = CONFIDENCE
) -> FitResult:
    """Fit a law, bootstrap its coefficients and see how it predicts the largest size.

    A replicate takes the law's own predictions as true and adds to each run a deviation drawn from the deviations
    among the runs of the same cell (from those of all cells, where a cell has one run only). Deviations are widened

    - by sqrt(m / (m - 1)), since m runs lie closer to their own mean than to the truth;
    - by Student's t over the normal quantile, since few runs know their own spread badly (Hesterberg 2015, "What
      Teachers Should Know about the Bootstrap", on intervals that are too narrow in small samples);
    - by the misfit, where cells lie further from the law than their runs' spread explains (the scale factor of the
      Particle Data Group, "Review of Particle Physics", introduction).

    With one run per cell the deviations from the law itself are drawn from. When there is neither a second run nor
    a cell more than coefficients, nothing tells the spread and there are no intervals.

    Args:
        form: one of FORMS.
        points: the runs.
        samples: bootstrap replicates.
        seed: of the bootstrap.
        confidence: of the intervals.

    Raises:
        FitError: see `check_points`.
    """
    law = fit_law(form, points)
    num_cells, coefficients = len(np.unique(points.cells)), FORMS[form]
    spread = _spread(form, law, points, confidence)
    replicates = _replicates(form, law, points, spread, samples, seed)
    exact = num_cells <= len(coefficients)
    seeds = np.bincount(points.cells)
    result = FitResult(
        law=law,
        intervals={name: _interval(name, replicates, confidence) for name in coefficients} if replicates else {},
        num_points=len(points),
        num_cells=num_cells,
        num_sizes=len(np.unique(points.parameters)),
        num_token_counts=len(np.unique(points.tokens)),
        seeds=(int(seeds.min()), int(seeds.max())),
        exact=exact,
        r2=None if exact else _r2(law, points),
        seed_spread=spread.seed_spread,
        misfit=spread.misfit,
        leave_one_size_out=_leave_one_size_out(form, points),
        extrapolation=_extrapolation_or_none(form, points),
        notes=(),
        replicates=tuple(replicates),
    )
    return replace(result, notes=_notes(result, spread))


@dataclass(frozen=True)
class _Spread:
    """What a replicate adds to log losses: deviations for each cell, widened; None when they are not known."""

    deviations: list[np.ndarray] | None
    seed_spread: float | None
    misfit: float | None


def _spread(form: str, law: Law, points: Points, confidence: float) -> _Spread:
    stats = require("scipy.stats")
    logs = np.log(points.losses)
    residuals = logs - np.log(_predicted(law, points))
    counts = np.bincount(points.cells)
    num_cells, spare_cells = len(counts), len(counts) - len(FORMS[form])
    spare_runs = len(points) - num_cells

    def student(freedom: int) -> float:
        upper = (1 + confidence) / 2
        return stats.t.ppf(upper, freedom) / stats.norm.ppf(upper)

    if spare_runs == 0:
        if spare_cells <= 0:
            return _Spread(None, None, None)
        widened = residuals * np.sqrt(num_cells / spare_cells) * student(spare_cells)
        return _Spread([widened] * num_cells, None, None)
    cell_means = np.bincount(points.cells, weights=logs) / counts
    within = logs - cell_means[points.cells]
    variance = (within**2).sum() / spare_runs
    misfit = None
    if spare_cells > 0 and variance > 0:
        cell_residuals = np.bincount(points.cells, weights=residuals) / counts
        misfit = float(np.sqrt((counts * cell_residuals**2).sum() / spare_cells / variance))
    many = counts[points.cells] > 1
    factor = np.sqrt(counts / np.maximum(counts - 1, 1))[points.cells]
    widened = within * factor * student(spare_runs) * max(1.0, misfit or 1.0)
    pooled = widened[many]
    own = [widened[points.cells == cell] if counts[cell] > 1 else pooled for cell in range(num_cells)]
    return _Spread(own, float(np.sqrt(variance)), misfit)


def _replicates(form: str, law: Law, points: Points, spread: _Spread, samples: int, seed: int) -> list[Law]:
    if spread.deviations is None:
        return []
    rng = np.random.default_rng(seed)
    predicted = np.log(_predicted(law, points))
    laws = []
    for _ in range(samples):
        draws = np.array([rng.choice(spread.deviations[cell]) for cell in points.cells])
        laws.append(fit_from_starts(form, points.with_losses(np.exp(predicted + draws)), _REPLICATE_STARTS, near=law))
    return laws


def _interval(name: str, replicates: Sequence[Law], confidence: float) -> Interval:
    values = [replicate.coefficients[name] for replicate in replicates]
    low, high = np.quantile(values, [(1 - confidence) / 2, (1 + confidence) / 2])
    lowest, highest = _STOPPED_AT.get(name, (0.0, np.inf))
    return Interval(
        float(low),
        float(high),
        low_is_open=bool(low <= lowest * (1 + _AT_BOUND)) and lowest > 0,
        high_is_open=bool(high >= highest * (1 - _AT_BOUND)),
    )


def _predicted(law: Law, points: Points) -> np.ndarray:
    return law.predict(points.parameters, points.tokens, points.unique_tokens)


def _r2(law: Law, points: Points) -> float | None:
    total = ((points.losses - points.losses.mean()) ** 2).sum()
    return float(1 - ((points.losses - _predicted(law, points)) ** 2).sum() / total) if total else None


def _leave_one_size_out(form: str, points: Points) -> tuple[float, float] | None:
    alphas = []
    for size in np.unique(points.parameters):
        try:
            alphas.append(fit_law(form, points.select(points.parameters != size)).coefficients["alpha"])
        except FitError:
            return None
    return min(alphas), max(alphas)


# ---- extrapolation --------------------------------------------------------------------------------------------------


def predict_largest(form: str, points: Points) -> Extrapolation:
    """Fit all sizes but the largest, and predict it.

    Raises:
        FitError: when too few sizes are left.
    """
    largest = points.parameters.max()
    fitted, held_out = (points.select(points.parameters != largest), points.select(points.parameters == largest))
    law = fit_law(form, fitted)
    predicted = _predicted(law, held_out)
    errors = ((held_out.losses - predicted) ** 2).sum()
    skill = None
    last = _losses_of_largest(fitted, held_out)
    if last is not None:
        skill = _explained(errors, held_out.losses - last)
    return Extrapolation(
        parameters=float(largest),
        num_sizes=len(np.unique(fitted.parameters)),
        exact=len(np.unique(fitted.cells)) <= len(FORMS[form]),
        predicted=float(predicted.mean()),
        measured=float(held_out.losses.mean()),
        relative_error=float(predicted.mean() / held_out.losses.mean() - 1),
        r2=_explained(errors, held_out.losses - fitted.losses.mean()),
        skill=skill,
    )


def _losses_of_largest(fitted: Points, held_out: Points) -> np.ndarray | None:
    """For each held-out run, the mean loss of the largest fitted size at the same tokens; None if one has none."""
    second = fitted.select(fitted.parameters == fitted.parameters.max())
    losses = []
    for tokens, unique in zip(held_out.tokens, held_out.unique_tokens, strict=True):
        same = (second.tokens == tokens) & (second.unique_tokens == unique)
        if not same.any():
            return None
        losses.append(second.losses[same].mean())
    return np.array(losses)


def _explained(errors: float, deviations: np.ndarray) -> float:
    return float(1 - errors / max((deviations**2).sum(), np.finfo(float).tiny))


def _extrapolation_or_none(form: str, points: Points) -> Extrapolation | None:
    try:
        return predict_largest(form, points)
    except FitError:
        return None


# ---- notes ----------------------------------------------------------------------------------------------------------


def _notes(result: FitResult, spread: _Spread) -> tuple[str, ...]:
    notes = []
    count = len(FORMS[result.law.form])
    if result.exact:
        notes.append(
            f"{result.num_cells} settings and {count} coefficients: the law passes through the points whatever the "
            "truth, so R2 is not given and its form is not tested."
        )
    if spread.deviations is None:
        notes.append("One run per setting and none to spare: the spread is unknown, so every value is possible.")
    elif result.seeds[1] == 1:
        notes.append(f"One run per setting: the spread is that of {result.num_cells} settings around the law.")
    for name in ("alpha", "beta"):
        interval = result.intervals.get(name)
        if interval and (interval.low_is_open or interval.high_is_open):
            notes.append(f"{name} is not bounded by these runs on the open side of its interval.")
    if result.misfit is not None and result.misfit > _MISFIT_WORTH_A_NOTE:
        notes.append(f"Settings lie {result.misfit:.2f} times further from the law than the spread of seeds explains.")
    if result.extrapolation is None:
        notes.append(f"{result.num_sizes} sizes are too few to hold the largest one out.")
    elif result.extrapolation.exact:
        notes.append("Without the largest size the law passes through the fitted points whatever its form.")
    return tuple(notes)
