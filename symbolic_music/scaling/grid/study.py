"""What a scaling study consists of: its grid and settings, read from one YAML file, and the keys of its runs.

Knows names and numbers; what is planned and finished of a study is `grid.runs`' business, and what came of it
`scaling.report`'s.
"""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from itertools import product
from pathlib import Path
from typing import Any

from symbolic_music._yaml import read_mapping
from symbolic_music.models.music_transformer.configuration_music_transformer import POSITION_ENCODINGS
from symbolic_music.scaling.grid.ladder import RUNGS, Rung

FAMILIES = ("transformer", "lstm")
# What a study may say of training; the rest is fixed, so that all runs see each token once, in the same order.
TRAINING_KEYS = (
    "adam_beta1",
    "adam_beta2",
    "adam_epsilon",
    "bf16",
    "compile",
    "label_smoothing",
    "lr_scheduler_type",
    "max_grad_norm",
    "structural_loss_weight",
    "use_cpu",
    "warmup_steps",
    "weight_decay",
)


_SHARED_SCHEDULE = "warmup_stable_decay"


class StudyError(ValueError):
    """A study that cannot be run as it is written; one line for the user."""


@dataclass(frozen=True)
class LearningRate:
    """A family's learning rate by width: `base * (width / base_width) ** width_power`, or as given for a size.

    Args:
        base: at `base_width`.
        base_width: the width of the Tiny rung.
        width_power: -1 is the rate of hidden matrices under Adam in muP (Yang et al. 2022, table 3); 0 the same rate
            at every size.
        sizes: rates of single sizes, which win over the rule.
    """

    base: float
    base_width: int = 192
    width_power: float = 0.0
    sizes: Mapping[str, float] | None = None

    def at(self, size: str, width: int) -> float:
        """The peak rate of a size."""
        given = (self.sizes or {}).get(size)
        return given if given is not None else self.base * (width / self.base_width) ** self.width_power

    def scaled(self, factor: float) -> "LearningRate":
        """The same rule with every rate times `factor`."""
        sizes = {size: factor * rate for size, rate in self.sizes.items()} if self.sizes is not None else None
        return replace(self, base=factor * self.base, sizes=sizes)


@dataclass(frozen=True)
class Run:
    """One cell of the grid.

    Args:
        family: one of FAMILIES.
        size: the rung's name.
        fraction: of the training blocks, in (0, 1].
        seed: of the weights and of the order of the blocks.
    """

    family: str
    size: str
    fraction: float
    seed: int

    @property
    def name(self) -> str:
        """A name that no other run of the grid has."""
        return f"{self.family}-{self.size}-f{self.fraction:g}-s{self.seed}"

    @property
    def trunk_name(self) -> str:
        """The same name for runs that differ by their fraction alone."""
        return f"{self.family}-{self.size}-s{self.seed}"


@dataclass(frozen=True)
class StudySettings:
    """A study as its YAML file says it, checked.

    Args:
        sizes: rungs by name, in the file's order.
        families: of FAMILIES.
        fractions: shares of the training blocks; smaller ones are the beginnings of larger ones.
        seeds: by size.
        learning_rate: by family.
        muon: by family: whether hidden matrices are trained by Muon rather than AdamW.
        context: tokens per block.
        batch_size: blocks per step, of all processes together.
        micro_batch_size: blocks per process and forward pass; a step's share of the process when left out.
        position_encoding: of the Transformers, one of theirs; the LSTMs match them in parameters.
        curve_points: how often the training loss is logged.
        max_validation_pieces: validate on so many pieces, evenly spaced.
        train_tokens: use so many tokens of the training split, in whole blocks; all when left out. Fractions are of
            these.
        repeat_up_to: seeds after a size's first are run on fractions up to this one alone; all when left out.
        share_trunks: whether runs that differ by their fraction alone share a trunk at a constant rate, from which
            each decays; see `training.one_epoch.horizons`.
        training: further arguments of training, of TRAINING_KEYS.
    """

    sizes: Mapping[str, Rung]
    families: tuple[str, ...]
    fractions: tuple[float, ...]
    seeds: Mapping[str, tuple[int, ...]]
    learning_rate: Mapping[str, LearningRate]
    muon: Mapping[str, bool]
    context: int = 256
    batch_size: int = 16
    micro_batch_size: int | None = None
    position_encoding: str = "rotary"
    curve_points: int = 40
    max_validation_pieces: int | None = None
    train_tokens: int | None = None
    repeat_up_to: float | None = None
    share_trunks: bool = False
    training: Mapping[str, Any] | None = None

    def fractions_of(self, size: str, seed: int) -> tuple[float, ...]:
        """The fractions that a size is trained on with one of its seeds."""
        if self.repeat_up_to is None or seed == self.seeds[size][0]:
            return self.fractions
        return tuple(fraction for fraction in self.fractions if fraction <= self.repeat_up_to)

    def shorter(self, fraction: float) -> float:
        """The next smaller fraction of the grid, 0 when there is none: how far a shared trunk has come by then."""
        return max((other for other in self.fractions if other < fraction), default=0.0)

    def with_rates_scaled(self, factor: float) -> "StudySettings":
        """The same study at learning rates `factor` times as high, to search for them.

        Raises:
            StudyError: when the factor is not above 0.
        """
        factor = _positive("--rate-scale", factor)
        return replace(
            self, learning_rate={family: rate.scaled(factor) for family, rate in self.learning_rate.items()}
        )

    def runs(self) -> list[Run]:
        """The grid, in the order it is trained: the families side by side, the cheap runs first."""
        found = [
            Run(family, size, fraction, seed)
            for size, fraction in product(self.sizes, self.fractions)
            for seed in self.seeds[size]
            for family in self.families
            if fraction in self.fractions_of(size, seed)
        ]
        order = list(self.sizes)
        return sorted(found, key=lambda run: (order.index(run.size), run.fraction, run.seed))


# ---- the YAML file --------------------------------------------------------------------------------------------------


def read_settings(path: Path) -> StudySettings:
    """Read and check a study's YAML file.

    Raises:
        StudyError: one line that names the file, the key and what was expected.
    """
    content = read_mapping(path, "a mapping", StudyError)
    try:
        return parse_settings(content)
    except StudyError as error:
        raise StudyError(f"{path}: {error}") from None


def parse_settings(content: Any) -> StudySettings:
    """Check a study's mapping; see `StudySettings` and `train/configs/scaling-*.yaml` for its keys.

    Raises:
        StudyError: for an unknown key, family or rung, or a value outside its range.
    """
    allowed = {field.name for field in fields(StudySettings)}
    _check_keys(content, allowed, required=("sizes", "families", "fractions", "seeds", "learning_rate"))
    families = _distinct("families", content["families"])
    for family in families:
        if family not in FAMILIES:
            raise StudyError(f"unknown family {family!r}; it is one of {', '.join(FAMILIES)}")
    sizes = _sizes(content["sizes"])
    training = content.get("training") or {}
    _check_keys(training, TRAINING_KEYS, where="training")
    share_trunks = _boolean("share_trunks")(content.get("share_trunks", False))
    if share_trunks:
        _check_shared(training)
    return StudySettings(
        sizes=sizes,
        families=families,
        fractions=tuple(_fraction(value) for value in _distinct("fractions", content["fractions"])),
        seeds=_seeds(content["seeds"], sizes),
        learning_rate=_by_family("learning_rate", content["learning_rate"], families, _learning_rate(sizes)),
        muon=_by_family("muon", content.get("muon", True), families, _boolean("muon")),
        context=_integer("context", content.get("context", 256), 2),
        batch_size=_integer("batch_size", content.get("batch_size", 16)),
        micro_batch_size=_optional_integer("micro_batch_size", content.get("micro_batch_size")),
        position_encoding=_one_of("position_encoding", content.get("position_encoding", "rotary"), POSITION_ENCODINGS),
        curve_points=_integer("curve_points", content.get("curve_points", 40)),
        max_validation_pieces=_optional_integer("max_validation_pieces", content.get("max_validation_pieces")),
        train_tokens=_optional_integer("train_tokens", content.get("train_tokens")),
        repeat_up_to=_fraction(content["repeat_up_to"]) if content.get("repeat_up_to") is not None else None,
        share_trunks=share_trunks,
        training=dict(training),
    )


def _check_shared(training: Mapping[str, Any]) -> None:
    """A trunk is the same for every run that leaves it, however long the run is."""
    schedule = training.get("lr_scheduler_type", _SHARED_SCHEDULE)
    if schedule != _SHARED_SCHEDULE:
        raise StudyError(f"training: lr_scheduler_type is {schedule}; runs that share trunks have {_SHARED_SCHEDULE}")
    _integer("training: warmup_steps", training.get("warmup_steps", 0), 0)


def _check_keys(content: Any, allowed: Iterable[str], required: Sequence[str] = (), where: str = "") -> None:
    place = f"{where}: " if where else ""
    if not isinstance(content, dict):
        raise StudyError(f"{place}expected a mapping, found {type(content).__name__}")
    names = sorted(allowed)
    for key in content:
        if key not in names:
            close = difflib.get_close_matches(str(key), names, n=1)
            raise StudyError(f"{place}unknown key {key!r}" + (f", did you mean {close[0]!r}?" if close else ""))
    for key in required:
        if key not in content:
            raise StudyError(f"{place}{key} is missing")


def _distinct(name: str, values: Any) -> tuple:
    if not isinstance(values, list) or not values:
        raise StudyError(f"{name} must be a list of at least one, got {values!r}")
    if any(isinstance(value, (list, dict)) for value in values) or len(set(values)) < len(values):
        raise StudyError(f"{name} must be distinct plain values, got {values!r}")
    return tuple(values)


def _sizes(values: Any) -> dict[str, Rung]:
    """Rungs of the ladder by name, and sizes given as `{name: , layers: , heads: , width: }`."""
    if not isinstance(values, list) or not values:
        raise StudyError(f"sizes must be a list of at least one, got {values!r}")
    found: dict[str, Rung] = {}
    for value in values:
        if isinstance(value, dict):
            _check_keys(value, ("name", "layers", "heads", "width"), ("name", "layers", "heads", "width"), "sizes")
            numbers = {key: _integer(f"sizes: {key}", value[key]) for key in ("layers", "heads", "width")}
            if numbers["width"] % numbers["heads"]:
                raise StudyError(f"sizes: width {numbers['width']} is no multiple of heads {numbers['heads']}")
            rung = Rung(name=str(value["name"]), **numbers)
        elif value in RUNGS:
            rung = RUNGS[value]
        else:
            raise StudyError(f"unknown size {value!r}; it is one of {', '.join(RUNGS)} or a mapping of its numbers")
        if rung.name in found:
            raise StudyError(f"sizes holds {rung.name!r} twice")
        found[rung.name] = rung
    return found


def _fraction(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value <= 1:
        raise StudyError(f"fractions must lie in (0, 1], got {value!r}")
    return float(value)


def _seeds(values: Any, sizes: Mapping[str, Rung]) -> dict[str, tuple[int, ...]]:
    """A list for all sizes, or a mapping by size with a `default`."""
    by_size = values if isinstance(values, dict) else {"default": values}
    _check_keys(by_size, ["default", *sizes], where="seeds")
    found = {}
    for size in sizes:
        if size not in by_size and "default" not in by_size:
            raise StudyError(f"seeds: neither {size!r} nor 'default' is given")
        seeds = _distinct("seeds", by_size.get(size, by_size.get("default")))
        found[size] = tuple(_integer("seeds", seed, 0) for seed in seeds)
    return found


def _by_family(name: str, value: Any, families: Sequence[str], parse: Any) -> dict[str, Any]:
    """One value for all families, or a mapping by family."""
    if isinstance(value, dict) and set(value) & set(FAMILIES):
        _check_keys(value, FAMILIES, families, name)
        return {family: parse(value[family]) for family in families}
    return {family: parse(value) for family in families}


def _learning_rate(sizes: Mapping[str, Rung]) -> Any:
    def parse(value: Any) -> LearningRate:
        if not isinstance(value, dict):
            return LearningRate(_positive("learning_rate", value))
        _check_keys(value, (field.name for field in fields(LearningRate)), ("base",), "learning_rate")
        given = value.get("sizes") or {}
        _check_keys(given, sizes, where="learning_rate: sizes")
        return LearningRate(
            base=_positive("learning_rate: base", value["base"]),
            base_width=_integer("learning_rate: base_width", value.get("base_width", 192)),
            width_power=_number("learning_rate: width_power", value.get("width_power", 0.0)),
            sizes={size: _positive(f"learning_rate: {size}", rate) for size, rate in given.items()},
        )

    return parse


def _boolean(name: str) -> Any:
    def parse(value: Any) -> bool:
        if not isinstance(value, bool):
            raise StudyError(f"{name} must be true or false, got {value!r}")
        return value

    return parse


def _one_of(name: str, value: Any, allowed: Sequence[str]) -> str:
    if value not in allowed:
        raise StudyError(f"{name} must be one of {', '.join(allowed)}, got {value!r}")
    return value


def _integer(name: str, value: Any, least: int = 1) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise StudyError(f"{name} must be a whole number of at least {least}, got {value!r}")
    return value


def _optional_integer(name: str, value: Any) -> int | None:
    return None if value is None else _integer(name, value)


def _number(name: str, value: Any) -> float:
    try:
        if isinstance(value, bool):
            raise ValueError
        return float(value)  # YAML reads 3e-3, which has no point, as text
    except (TypeError, ValueError):
        raise StudyError(f"{name} must be a number, got {value!r}") from None


def _positive(name: str, value: Any) -> float:
    number = _number(name, value)
    if not 0 < number < float("inf"):
        raise StudyError(f"{name} must be above 0, got {value!r}")
    return number
