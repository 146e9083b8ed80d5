"""What there is to go by in a study, in sentences computed from its runs and fits."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from symbolic_music.scaling.fits.intervals import FitResult
from symbolic_music.scaling.grid.study import FAMILIES

# Hoffmann et al. 2022, table 3: about 20 tokens per parameter at every size of compute-optimal training.
OPTIMAL_TOKENS_PER_PARAMETER = 20
FORMULAS = {
    "size": "E + A/N^alpha",
    "size_tokens": "E + A/N^alpha + B/D^beta",
    "repeated": "E + A/N'^alpha + B/D'^beta",
}
# An E this low is zero, the fit being made with logarithms.
_NOTHING = 1e-5


@dataclass(frozen=True)
class FamilyFit:
    """A fit, or why there is none.

    Args:
        family: of the runs.
        form: one of `laws.FORMS`.
        fraction: of the data, for a law in N alone; None when all fractions are fitted together.
        result: the fit.
        reason: why there is none.
    """

    family: str
    form: str
    fraction: float | None
    result: FitResult | None
    reason: str | None = None


def facts(runs: Sequence[dict[str, Any]], fits: Sequence[FamilyFit]) -> list[str]:
    """What there is to go by, in sentences."""
    finite = [run for run in runs if run["validation_nats_per_token"] is not None]
    found = []
    for family in FAMILIES:
        own = [run for run in finite if run["family"] == family]
        if own:
            found.append(_family_fact(family, own))
    if len(finite) < len(runs):
        names = ", ".join(run["run"] for run in runs if run["validation_nats_per_token"] is None)
        found.append(
            f"{len(runs) - len(finite)} of {len(runs)} runs ended with a loss that is not finite: {names}. "
            "They are in no fit and no plot."
        )
    repeated = [run["run"] for run in runs if run["tokens"] > run["unique_tokens"]]
    if not repeated:
        found.append(
            "Each training token was seen exactly once, by count of the blocks in every run; "
            "no run says what repeating data is worth."
        )
    found += _pairing_facts(finite)
    ratios = [run["tokens"] / run["parameters"] for run in runs]
    found.append(
        f"Training tokens per parameter: {short_number(min(ratios))} to {short_number(max(ratios))}; compute-optimal "
        f"training of text models takes about {OPTIMAL_TOKENS_PER_PARAMETER} (Hoffmann et al. 2022). "
        f"{sum(ratio < OPTIMAL_TOKENS_PER_PARAMETER for ratio in ratios)} of {len(ratios)} runs lie below."
    )
    found.append(
        "Seeds change the initial weights and the order of the blocks, not the training or validation pieces: the "
        "intervals say nothing of other music."
    )
    contexts = " and ".join(str(context) for context in sorted({run["context"] for run in runs}))
    found.append(
        f"Validation losses are means over {short_number(min(run['validation_tokens'] for run in runs))} tokens, each "
        f"predicted from what precedes it in its block of {contexts} tokens."
    )
    missing = [fit for fit in fits if fit.result is None]
    found += [f"No fit for {label(fit)}: {fit.reason}." for fit in missing]
    return found


def _family_fact(family: str, runs: Sequence[dict[str, Any]]) -> str:
    seeds = defaultdict(set)
    for run in runs:
        seeds[run["size"], run["fraction"]].add(run["seed"])
    numbers = sorted({len(found) for found in seeds.values()})
    tokens = sorted({run["tokens"] for run in runs})
    sizes = sorted({run["parameters"] for run in runs})
    return (
        f"{family}: {len(runs)} runs of {len(sizes)} sizes ({short_number(sizes[0])} to {short_number(sizes[-1])} "
        f"parameters) on {len(tokens)} numbers of tokens ({short_number(tokens[0])} to {short_number(tokens[-1])}), "
        f"{' or '.join(map(str, numbers))} seed{'s' if numbers[-1] > 1 else ''} each."
    )


def _pairing_facts(runs: Sequence[dict[str, Any]]) -> list[str]:
    """How alike the families' runs are at the same cell of the grid."""
    by_cell: dict[tuple, dict[str, dict[str, Any]]] = defaultdict(dict)
    for run in runs:
        by_cell[run["size"], run["fraction"], run["seed"]][run["family"]] = run
    pairs = [tuple(cell[family] for family in FAMILIES) for cell in by_cell.values() if len(cell) == len(FAMILIES)]
    if not pairs:
        return []
    alike = sum(all(first[name] == second[name] for name in ("order_hash", "tokens")) for first, second in pairs)
    apart = max(abs(second["parameters"] / first["parameters"] - 1) for first, second in pairs)
    return [
        f"{alike} of {len(pairs)} pairs of {' and '.join(FAMILIES)} saw the same tokens in the same order; their "
        f"numbers of parameters differ by at most {apart:.2%}."
    ]


def label(fit: FamilyFit) -> str:
    """A fit in words."""
    data = "" if fit.fraction is None else f" at {fit.fraction:g} of the data"
    return f"{fit.family}, {FORMULAS[fit.form]}{data}"


def short_number(value: float) -> str:
    """Three significant digits, with thousands as k, M and G."""
    if abs(value) < _NOTHING:
        return "0"
    for limit, suffix in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= limit:
            return f"{value / {'G': 1e9, 'M': 1e6, 'k': 1e3}[suffix]:.3g}{suffix}"
    return f"{value:.3g}"
