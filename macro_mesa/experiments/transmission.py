"""Impulse responses from pairs of economies: one with a dated shock, one without, every draw shared."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from macro_mesa.experiments.statistics import interval
from macro_mesa.model import MacroModel

# variable: (unit of its response, how a pair is compared)
RESPONSES = {
    "policy_rate": ("pp", "difference"),
    "lending_rate": ("pp", "difference"),
    "new_household_loans": ("%, cumulative", "cumulative"),
    "consumption": ("%", "ratio"),
    "investment": ("%", "ratio"),
    "gdp": ("%", "ratio"),
    "unemployment": ("pp", "difference"),
    "price_level": ("%", "ratio"),
}


@dataclass(frozen=True)
class Pair:
    """A pair to run: burn in, fork, shock one of the twins."""

    policy: Any
    parameters: Mapping[str, Any]
    seed: int
    kind: str
    size: float
    duration: int
    burn_in: int
    horizon: int


def run_pair(pair: Pair) -> pd.DataFrame:
    """Responses of one pair, index month 1..horizon since the shock, a column a variable."""
    baseline = MacroModel(**pair.parameters, policy=pair.policy, rng=pair.seed)
    for _ in range(pair.burn_in):
        baseline.step()
    shocked = baseline.fork()
    shocked.add_shock(pair.kind, pair.size, start=baseline.month + 1, duration=pair.duration)
    for _ in range(pair.horizon):
        baseline.step()
        shocked.step()
    frames = [model.datacollector.get_model_vars_dataframe().iloc[-pair.horizon :] for model in (baseline, shocked)]
    base, other = frames
    columns = {
        name: _compare(base[name].to_numpy(), other[name].to_numpy(), how) for name, (_, how) in RESPONSES.items()
    }
    return pd.DataFrame(columns, index=pd.RangeIndex(1, pair.horizon + 1, name="month"))


def _compare(baseline: np.ndarray, shocked: np.ndarray, how: str) -> np.ndarray:
    if how == "difference":
        return 100.0 * (shocked - baseline)
    if how == "cumulative":
        return 100.0 * (np.cumsum(shocked) / np.maximum(np.cumsum(baseline), 1.0e-9) - 1.0)
    return 100.0 * np.log(np.maximum(shocked, 1.0e-9) / np.maximum(baseline, 1.0e-9))


def impulse_responses(
    policy: Any,
    seeds: Sequence[int],
    parameters: Mapping[str, Any],
    execute: Any,
    kind: str = "policy_rate",
    size: float = 0.01,
    duration: int = 12,
    burn_in: int = 60,
    horizon: int = 24,
) -> pd.DataFrame:
    """Mean response to a shock with 95 % bootstrap intervals over pairs.

    Long form: variable, month, mean, low, high, unit; rates and unemployment in percentage points, the
    rest in per cent.
    """
    pairs = [Pair(policy, parameters, seed, kind, size, duration, burn_in, horizon) for seed in seeds]
    responses = execute(run_pair, pairs)
    rows = []
    for name, (unit, _) in RESPONSES.items():
        sample = np.stack([response[name].to_numpy() for response in responses])
        for month in range(horizon):
            low, high = interval(sample[:, month], resamples=1_000)
            rows.append((name, month + 1, float(sample[:, month].mean()), low, high, unit))
    return pd.DataFrame(rows, columns=["variable", "month", "mean", "low", "high", "unit"])
