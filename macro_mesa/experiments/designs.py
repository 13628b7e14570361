"""Designs of a sweep: which points of parameter space to run, and what the outcomes there say of each parameter.

Sampled designs come from SALib (Iwanaga, Usher, Herman 2022): Latin hypercubes (McKay et al. 1979), Saltelli's
extension of Sobol sequences (Saltelli et al. 2010) and Morris' trajectories (Campolongo et al. 2007).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from pydantic import ValidationError
from SALib.analyze import morris as morris_indices
from SALib.analyze import rbd_fast
from SALib.analyze import sobol as sobol_indices
from SALib.sample import latin, morris, sobol

from macro_mesa.config import ConfigError, Parameters, explain, unknown_key

# design: base samples unless the settings say otherwise; a grid has as many points as combinations
DESIGNS = {"grid": 1, "lhs": 100, "sobol": 64, "morris": 10}
MORRIS_LEVELS = 4
INDEX_COLUMNS = ("parameter", "index", "value", "low", "high")


@dataclass(frozen=True)
class Factor:
    """A parameter that a design varies: over the values of a list, or from ``low`` to ``high``."""

    name: str
    values: tuple[Any, ...] = ()
    low: float = 0.0
    high: float = 1.0
    log: bool = False

    def at(self, share: float) -> Any:
        """The value at a share in [0, 1] of the way; each listed value or whole number has an equal part of it."""
        if self.values:
            return self.values[min(int(share * len(self.values)), len(self.values) - 1)]
        whole = Parameters.model_fields[self.name].annotation is int
        low, high = self.low, self.high + whole
        value = low * (high / low) ** share if self.log else low + share * (high - low)
        return min(math.floor(value), int(self.high)) if whole else min(max(value, self.low), self.high)


# --- reading
def read_factors(parameters: Any, design: str) -> tuple[Factor, ...]:
    """The factors of a mapping of parameters to lists or ranges; raises ``ConfigError``.

    A range is ``[low, high]``, ``[low, high, log]`` or ``{low: ..., high: ..., log: true}``, in a grid the latter with
    ``levels``; any other list holds the values themselves.
    """
    if not isinstance(parameters, Mapping) or not parameters:
        raise ConfigError("parameters must map the names of parameters to lists of values or ranges")
    factors = tuple(_read_factor(str(name), entry, design) for name, entry in parameters.items())
    if design == "sobol" and len(factors) < 2:
        raise ConfigError("a sobol design needs two parameters or more")
    return factors


def _read_factor(name: str, entry: Any, design: str) -> Factor:
    if name not in Parameters.model_fields:
        raise ConfigError(f"parameters: {unknown_key(name, Parameters.model_fields)}")
    factor = _as_factor(name, entry, design)
    for value in factor.values or (factor.low, factor.high):
        _check_value(name, value)
    return factor


def _as_factor(name: str, entry: Any, design: str) -> Factor:
    if isinstance(entry, Mapping):
        unknown = set(entry) - {"low", "high", "log", "levels"}
        if unknown or not {"low", "high"} <= set(entry) or ("levels" in entry) != (design == "grid"):
            keys = "low, high, levels and log" if design == "grid" else "low, high and log"
            raise ConfigError(f"parameters: a range of {name} has the keys {keys}, got {sorted(map(str, entry))}")
        factor = _range(name, entry["low"], entry["high"], entry.get("log", False))
        return _levels(factor, entry["levels"]) if design == "grid" else factor
    if not isinstance(entry, list) or not entry:
        raise ConfigError(f"parameters: {name} must be a list of values or a range, got {entry!r}")
    numbers = [_is_number(value) for value in entry]
    if design != "grid" and len(entry) == 3 and all(numbers[:2]) and entry[2] == "log":
        return _range(name, entry[0], entry[1], True)
    if design != "grid" and len(entry) == 2 and all(numbers):
        return _range(name, entry[0], entry[1], False)
    if len({repr(value) for value in entry}) < len(entry):
        raise ConfigError(f"parameters: the values of {name} repeat each other: {entry!r}")
    return Factor(name, tuple(entry))


def _range(name: str, low: Any, high: Any, log: Any) -> Factor:
    if not (_is_number(low) and _is_number(high) and low < high) or not isinstance(log, bool):
        raise ConfigError(f"parameters: a range of {name} goes from a number to a larger one, got {low!r} to {high!r}")
    if log and low <= 0:
        raise ConfigError(f"parameters: the logarithmic range of {name} must begin above 0, got {low!r}")
    return Factor(name, (), low, high, log)


def _levels(factor: Factor, levels: Any) -> Factor:
    """The values of a range at equal steps."""
    if isinstance(levels, bool) or not isinstance(levels, int) or not 2 <= levels <= 1_000:
        raise ConfigError(f"parameters: levels of {factor.name} must be a whole number from 2 to 1000, got {levels!r}")
    values = [factor.at(step / (levels - 1)) for step in range(levels)]
    return Factor(factor.name, tuple(dict.fromkeys(values)))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _check_value(name: str, value: Any) -> None:
    """Refuse a value that the parameter cannot have; what depends on other parameters shows in the run."""
    try:
        Parameters(**{name: value})
    except ValidationError as error:
        if error.errors()[0]["type"] != "value_error":
            raise ConfigError(f"parameters: {explain(error, Parameters)}") from None


# --- points
def shares(design: str, factors: Sequence[Factor], samples: int, seed: int) -> np.ndarray:
    """The points of a sampled design in the unit cube, (points, factors); the same for the same seed."""
    problem = _problem(factors)
    if design == "lhs":
        return latin.sample(problem, samples, seed=seed)
    if design == "sobol":
        return sobol.sample(problem, samples, calc_second_order=False, seed=seed)
    return morris.sample(problem, samples, num_levels=MORRIS_LEVELS, seed=seed)


def points(design: str, factors: Sequence[Factor], samples: int, seed: int) -> list[dict[str, Any]]:
    """The values of the parameters at every point of a design."""
    names = [factor.name for factor in factors]
    if design == "grid":
        return [dict(zip(names, values, strict=True)) for values in product(*(factor.values for factor in factors))]
    cube = shares(design, factors, samples, seed).tolist()
    return [
        {factor.name: factor.at(share) for factor, share in zip(factors, row, strict=True)} for row in cube
    ]  # fmt: skip


def _problem(factors: Sequence[Factor]) -> dict[str, Any]:
    return {
        "num_vars": len(factors), "names": [factor.name for factor in factors], "bounds": [[0.0, 1.0]] * len(factors),
    }  # fmt: skip


# --- sensitivity
def sensitivity(
    design: str, factors: Sequence[Factor], samples: int, seed: int, outcome: np.ndarray
) -> pd.DataFrame:  # fmt: skip
    """Indices of an outcome (points,) by parameter, with 95 % intervals: ``INDEX_COLUMNS``.

    ``S1`` and ``ST``: share of variance due to a parameter alone and with all its interactions; from a grid and a Latin
    hypercube ``S1`` alone (conditional means; RBD-FAST, Tarantola et al. 2006).  ``mu_star`` and ``sigma``: mean and
    standard deviation of Morris' elementary effects over the whole range, in the outcome's unit.  Points whose
    outcome is NaN are left out, with the rest of their Sobol block or Morris trajectory.  NaN where nothing varies.
    """
    if design == "grid":
        return _main_effects(factors, outcome)
    cube = shares(design, factors, samples, seed)
    block = {"lhs": 1, "sobol": len(factors) + 2, "morris": len(factors) + 1}[design]
    whole = np.repeat(np.isfinite(outcome.reshape(-1, block)).all(axis=1), block)
    cube, outcome = cube[whole], outcome[whole]
    # RBD-FAST sums up ten harmonics, and every interval needs a sample to resample
    if len(outcome) < 2 * block or (design == "lhs" and len(outcome) <= 20) or np.ptp(outcome) == 0.0:
        index = "mu_star" if design == "morris" else "S1"
        return _rows(factors, index, np.full(len(factors), np.nan))
    problem = _problem(factors)
    if design == "morris":
        found = morris_indices.analyze(problem, cube, outcome, num_levels=MORRIS_LEVELS, seed=seed)
        mean = _rows(factors, "mu_star", found["mu_star"], found["mu_star_conf"])
        return pd.concat([mean, _rows(factors, "sigma", found["sigma"])], ignore_index=True)
    if design == "lhs":
        found = rbd_fast.analyze(problem, cube, outcome, seed=seed)
        return _rows(factors, "S1", np.asarray(found["S1"]), np.asarray(found["S1_conf"]))
    found = sobol_indices.analyze(problem, outcome, calc_second_order=False, seed=seed)
    kinds = [_rows(factors, index, found[index], found[f"{index}_conf"]) for index in ("S1", "ST")]
    return pd.concat(kinds, ignore_index=True)


def _main_effects(factors: Sequence[Factor], outcome: np.ndarray) -> pd.DataFrame:
    """Variance of the mean outcome given a parameter, as a share of all variance."""
    table = pd.DataFrame(product(*(factor.values for factor in factors)), columns=[factor.name for factor in factors])
    table = table.assign(outcome=outcome).dropna(subset="outcome")
    variance = table["outcome"].var(ddof=0) if len(table) else 0.0
    if not variance > 0.0:
        return _rows(factors, "S1", np.full(len(factors), np.nan))
    explained = [table.groupby(factor.name)["outcome"].transform("mean").var(ddof=0) for factor in factors]
    return _rows(factors, "S1", np.array(explained) / variance)


def _rows(factors: Sequence[Factor], index: str, values: np.ndarray, margins: np.ndarray | None = None) -> pd.DataFrame:
    values = np.asarray(values, dtype=float)
    margins = np.full(len(values), np.nan) if margins is None else np.asarray(margins, dtype=float)
    names = [factor.name for factor in factors]
    columns = (names, [index] * len(names), values, values - margins, values + margins)
    return pd.DataFrame(dict(zip(INDEX_COLUMNS, columns, strict=True)))
