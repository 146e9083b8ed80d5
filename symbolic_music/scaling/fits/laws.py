"""Scaling laws: their forms, and the fit of their coefficients to measured losses.

    size          L(N)    = E + A / N^alpha
    size_tokens   L(N, D) = E + A / N^alpha + B / D^beta        Hoffmann et al. 2022, equation 2 ("Chinchilla")
    repeated      L(N, D, U) = E + A / N'^alpha + B / D'^beta   Muennighoff et al. 2023, section 3

N parameters, D training tokens, U of them distinct, L validation loss in nats per token. The fit is Hoffmann et al.'s
third approach (equation 3): Huber loss with delta 1e-3 between the logarithms of predicted and
measured loss, the prediction written as a logsumexp, minimised by L-BFGS from many starts.

Knows numbers only: nothing of models, runs or files, nor how sure one can be of a law (`fits.intervals`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np

from symbolic_music._extras import require

HUBER_DELTA = 1e-3
FORMS = {
    "size": ("E", "A", "alpha"),
    "size_tokens": ("E", "A", "alpha", "B", "beta"),
    "repeated": ("E", "A", "alpha", "B", "beta", "R_N", "R_D"),
}
# Exponents outside are not told apart by runs within a few powers of ten: a lower one is a constant, a higher one a
# step after the smallest size.
EXPONENT_BOUNDS = (1e-3, 5.0)
# Of the constants R*_N and R*_D: repetitions worth nothing, and repetitions as good as new data.
REPEAT_BOUNDS = (1e-2, 1e3)

_EXPONENT_STARTS = (0.05, 0.1, 0.2, 0.3, 0.45, 0.7, 1.0, 1.6)
_REPEAT_STARTS = (0.5, 2.0, 5.0, 15.0, 60.0)
STARTS = 8
_SMALLEST_SHARE = 1e-8


class FitError(ValueError):
    """Points that cannot determine the law; the message says how many there are and how many it takes."""


@dataclass(frozen=True)
class Points:
    """Measured losses, one entry per run.

    Args:
        parameters: (n,) N.
        tokens: (n,) D, tokens trained on, repetitions counted.
        losses: (n,) nats per token, above 0.
        unique_tokens: (n,) U, distinct tokens; D when left out.

    Raises:
        FitError: for arrays of different lengths, or values that are not positive and finite.
    """

    parameters: np.ndarray
    tokens: np.ndarray
    losses: np.ndarray
    unique_tokens: np.ndarray = None  # type: ignore[assignment]  # filled in below; never None after construction

    def __post_init__(self) -> None:
        if self.unique_tokens is None:
            object.__setattr__(self, "unique_tokens", self.tokens)
        for name in ("parameters", "tokens", "losses", "unique_tokens"):
            values = np.asarray(getattr(self, name), dtype=np.float64)
            object.__setattr__(self, name, values)
            if values.shape != (len(self.losses),):
                raise FitError(f"{name} has shape {values.shape}, losses have {len(self.losses)} entries")
            wrong = values[~(np.isfinite(values) & (values > 0))]
            if len(wrong):
                raise FitError(f"{name} must be positive and finite, got {wrong[0]}")
        if (self.unique_tokens > self.tokens).any():
            raise FitError("more distinct tokens than tokens")

    def __len__(self) -> int:
        return len(self.losses)

    @cached_property
    def cells(self) -> np.ndarray:
        """(n,) the number of each point's cell: runs of one cell differ by their seed alone."""
        settings = np.stack([self.parameters, self.tokens, self.unique_tokens], axis=1)
        return np.unique(settings, axis=0, return_inverse=True)[1].reshape(-1)

    def select(self, kept: np.ndarray) -> "Points":
        """The points of a mask or of indices."""
        return Points(self.parameters[kept], self.tokens[kept], self.losses[kept], self.unique_tokens[kept])

    def with_losses(self, losses: np.ndarray) -> "Points":
        """The same runs with other losses."""
        return Points(self.parameters, self.tokens, losses, self.unique_tokens)


@dataclass(frozen=True)
class Law:
    """A law with its coefficients.

    Args:
        form: one of FORMS.
        coefficients: by name; E in nats per token.
        objective: the sum of Huber losses at them.
    """

    form: str
    coefficients: Mapping[str, float]
    objective: float = 0.0

    def predict(
        self,
        parameters: np.ndarray | float,
        tokens: np.ndarray | float | None = None,
        unique_tokens: np.ndarray | float | None = None,
    ) -> np.ndarray:
        """Predicted loss in nats per token; the arguments broadcast, `unique_tokens` is `tokens` when left out."""
        law = self.coefficients
        size = np.asarray(parameters, dtype=np.float64)
        if self.form == "size":
            return law["E"] + law["A"] / size ** law["alpha"]
        data = np.asarray(tokens, dtype=np.float64)
        if self.form == "repeated":
            unique = data if unique_tokens is None else np.asarray(unique_tokens, dtype=np.float64)
            size, data = effective_size_and_data(law, size, data, unique)
        return law["E"] + law["A"] / size ** law["alpha"] + law["B"] / data ** law["beta"]


# ---- the fit --------------------------------------------------------------------------------------------------------


def fit_law(form: str, points: Points) -> Law:
    """The law of a form that fits the points best, without intervals.

    Args:
        form: one of FORMS.
        points: at least as many distinct settings as `check_points` asks for.

    Raises:
        FitError: when the points cannot determine the coefficients.
    """
    check_points(form, points)
    return fit_from_starts(form, points, STARTS)


def check_points(form: str, points: Points) -> None:
    """Check that the points can determine a form's coefficients.

    The additive forms tell an exponent from the other coefficients only by three values of its variable: two sizes
    lie on a curve of every alpha.

    Raises:
        FitError: naming what is there and what it takes.
    """
    if form not in FORMS:
        raise FitError(f"unknown form {form!r}; it is one of {', '.join(FORMS)}")
    base = points if form != "repeated" else points.select(points.tokens == points.unique_tokens)
    sizes, tokens = (len(np.unique(values)) for values in (base.parameters, base.tokens))
    cells = len(np.unique(base.cells)) if len(base) else 0
    if form == "size" and tokens > 1:
        raise FitError(f"E + A/N^alpha is a law for one number of training tokens, got {tokens} different ones")
    if sizes < 3:
        raise FitError(f"{sizes} sizes cannot determine E, A and alpha: at least 3 are needed")
    if form == "size":
        return
    if tokens < 3:
        raise FitError(f"{tokens} numbers of tokens cannot determine B and beta: at least 3 are needed")
    if cells < 5:
        raise FitError(f"{cells} pairs of size and tokens cannot determine 5 coefficients")
    if form == "repeated":
        repeated = points.select(points.tokens > points.unique_tokens)
        if not len(repeated) or len(np.unique(repeated.cells)) < 2:
            raise FitError("R_N and R_D need at least 2 settings in which tokens are seen more than once")


def fit_from_starts(form: str, points: Points, num_starts: int, near: Law | None = None) -> Law:
    """The best fit over the starts; also from the law `near`, when given."""
    if form == "repeated":
        return _fit_repeated(points, num_starts, near)
    # Centred logarithms: A and alpha are then nearly uncorrelated, and L-BFGS needs tens of steps, not thousands.
    columns = [points.parameters] if form == "size" else [points.parameters, points.tokens]
    logs = np.log(np.stack(columns, axis=1))
    centre = logs.mean(axis=0)
    inputs, targets = logs - centre, np.log(points.losses)
    starts = _starts(inputs, points.losses, num_starts)
    if near is not None:
        starts.append(_theta_of_law(near, centre))
    low_loss, high_loss = targets.min(), targets.max()
    terms = inputs.shape[1]
    bounds = [(low_loss - 15, high_loss + 1)] * (1 + terms) + [EXPONENT_BOUNDS] * terms
    theta, objective = _minimise(lambda theta: _log_losses(theta, inputs), targets, starts, bounds)
    exponents = theta[1 + terms :]
    factors = np.exp(theta[1 : 1 + terms] + exponents * centre)
    values = [np.exp(theta[0])]
    for factor, exponent in zip(factors, exponents, strict=True):
        values += [factor, exponent]
    return Law(form, dict(zip(FORMS[form], map(float, values), strict=True)), objective)


def _log_losses(theta: np.ndarray, inputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """log L = logsumexp(e, a_i - k_i x_i, …) and its gradient.

    Args:
        theta: (1 + 2 T,): e, the T logarithms a of the factors, the T exponents k.
        inputs: (n, T) x: centred logarithms of N and D.

    Returns:
        (n,) and (n, 1 + 2 T).
    """
    terms = inputs.shape[1]
    exponents = np.empty((len(inputs), 1 + terms))
    exponents[:, 0] = theta[0]
    exponents[:, 1:] = theta[1 : 1 + terms] - theta[1 + terms :] * inputs
    highest = exponents.max(axis=1, keepdims=True)
    parts = np.exp(exponents - highest)
    total = parts.sum(axis=1, keepdims=True)
    shares = parts / total
    gradient = np.concatenate([shares, -shares[:, 1:] * inputs], axis=1)
    return np.log(total[:, 0]) + highest[:, 0], gradient


def _starts(inputs: np.ndarray, losses: np.ndarray, num_starts: int) -> list[np.ndarray]:
    """The best of a grid of exponents, each with its own best E and factors.

    With the exponents given the law is linear in the rest, so a grid over all coefficients (Hoffmann et al. try 4,500
    points) can be replaced by one over the exponents with a non-negative least squares (Czech et al. 2026, "Problems
    with Chinchilla Approach 2", variable projection).
    """
    optimize = require("scipy.optimize")
    found = []
    for exponents in product(_EXPONENT_STARTS, repeat=inputs.shape[1]):
        design = np.concatenate([np.ones((len(losses), 1)), np.exp(-inputs * np.array(exponents))], axis=1)
        # Divided by the losses, least squares weighs relative deviations, as the logarithm does.
        factors, misfit = optimize.nnls(design / losses[:, None], np.ones(len(losses)))
        floor = _SMALLEST_SHARE * losses.mean()
        found.append((misfit, np.concatenate([np.log(np.maximum(factors, floor)), exponents])))
    found.sort(key=lambda pair: pair[0])
    return [theta for _, theta in found[:num_starts]]


def _theta_of_law(law: Law, centre: np.ndarray) -> np.ndarray:
    names = FORMS[law.form]
    factors = np.array([law.coefficients[name] for name in names[1::2]])
    exponents = np.array([law.coefficients[name] for name in names[2::2]])
    tiny = np.finfo(float).tiny
    return np.concatenate(
        [[np.log(max(law.coefficients["E"], tiny))], np.log(np.maximum(factors, tiny)) - exponents * centre, exponents]
    )


def _minimise(
    log_losses: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]],
    targets: np.ndarray,
    starts: Sequence[np.ndarray],
    bounds: Sequence[tuple[float, float]],
) -> tuple[np.ndarray, float]:
    """L-BFGS on the sum of Huber losses, from every start; the best end."""
    optimize = require("scipy.optimize")

    def objective(theta: np.ndarray) -> tuple[float, np.ndarray]:
        predicted, gradient = log_losses(theta)
        # In units of delta, and summed: a mean of Huber losses of 1e-3 is so small that L-BFGS's tolerances end it
        # before it has converged: Besiroglu et al. (2024) trace the published fit's error to such a loss scale.
        scaled = (predicted - targets) / HUBER_DELTA
        clipped = np.clip(scaled, -1, 1)
        return float((clipped * (scaled - 0.5 * clipped)).sum()), (clipped @ gradient) / HUBER_DELTA

    lows, highs = np.array(bounds).T
    best, least = None, np.inf
    for start in starts:
        end = optimize.minimize(
            objective,
            np.clip(start, lows, highs),
            jac=True,
            method="L-BFGS-B",
            bounds=list(bounds),
            options={"maxiter": 2000, "maxfun": 4000, "ftol": 1e-10, "gtol": 1e-7, "maxcor": 20},
        )
        if end.fun < least:
            best, least = end.x, float(end.fun)
    if best is None:
        raise FitError("no start led to a finite fit")
    return best, least * HUBER_DELTA**2


# ---- repeated data --------------------------------------------------------------------------------------------------


def effective_size_and_data(
    law: Mapping[str, float], parameters: np.ndarray, tokens: np.ndarray, unique_tokens: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """N' = U_N + U_N R_N* (1 - exp(-R_N / R_N*)), and D' likewise (Muennighoff et al. 2023, section 3).

    R_D = D / U - 1 is how often data are repeated. U_N is the number of parameters that U tokens call for at compute
    optimality (or N, when that is less), and R_N = N / U_N - 1 what the model has beyond it.

    Args:
        law: its A, alpha, B, beta, R_N and R_D.
        parameters, tokens, unique_tokens: N, D and U; they broadcast.
    """
    unique_parameters = np.minimum(parameters, _optimal_size(law, unique_tokens))
    size = unique_parameters * _repeats(parameters / unique_parameters - 1, law["R_N"])[0]
    return size, unique_tokens * _repeats(tokens / unique_tokens - 1, law["R_D"])[0]


def _optimal_size(law: Mapping[str, float], tokens: np.ndarray) -> np.ndarray:
    """The N for which D is compute-optimal: G (D G)^(beta/alpha), G = (alpha A / beta B)^(1/(alpha+beta)).

    From Hoffmann et al. 2022, equation 4, with the compute eliminated. In logarithms, since A may be tiny.
    """
    alpha, beta = law["alpha"], law["beta"]
    log_g = (np.log(alpha * law["A"]) - np.log(beta * law["B"])) / (alpha + beta)
    return np.exp(np.clip(log_g + beta / alpha * (np.log(tokens) + log_g), -700, 700))


def _repeats(repeats: np.ndarray, constant: float) -> tuple[np.ndarray, np.ndarray]:
    """1 + R* (1 - exp(-R / R*)), what R repetitions and the first pass are worth, and its derivative by log R*."""
    share = repeats / constant
    left = np.exp(-share)
    return 1 + constant * -np.expm1(-share), constant * (-np.expm1(-share) - share * left)


def _fit_repeated(points: Points, num_starts: int, near: Law | None) -> Law:
    """The Chinchilla law of the runs that repeat nothing, then R_N and R_D on all runs (as Muennighoff et al.)."""
    base_near = None
    if near is not None:
        base_near = Law("size_tokens", {name: near.coefficients[name] for name in FORMS["size_tokens"]})
    once = points.select(points.tokens == points.unique_tokens)
    base = dict(fit_from_starts("size_tokens", once, num_starts, base_near).coefficients)
    unique_size = np.minimum(points.parameters, _optimal_size(base, points.unique_tokens))
    extra_size = points.parameters / unique_size - 1
    extra_data = points.tokens / points.unique_tokens - 1

    def log_losses(theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        size, size_slope = _repeats(extra_size, np.exp(theta[0]))
        data, data_slope = _repeats(extra_data, np.exp(theta[1]))
        size_term = base["A"] / (unique_size * size) ** base["alpha"]
        data_term = base["B"] / (points.unique_tokens * data) ** base["beta"]
        total = base["E"] + size_term + data_term
        slopes = [
            -base["alpha"] * size_term * size_slope / size / total,
            -base["beta"] * data_term * data_slope / data / total,
        ]
        return np.log(total), np.stack(slopes, axis=1)

    starts = [np.log(pair) for pair in product(_REPEAT_STARTS, repeat=2)]
    theta, objective = _minimise(log_losses, np.log(points.losses), starts, [tuple(np.log(REPEAT_BOUNDS))] * 2)
    values = base | {"R_N": float(np.exp(theta[0])), "R_D": float(np.exp(theta[1]))}
    return Law("repeated", values, objective)
