"""Paired experiments: twins of one economy that share every random draw and differ in a dated shock alone.

An economy is burned in once and forked once for each shock of an experiment, so one baseline serves all sizes
and durations.  An *arm* is one choice of policies; it has one choice for every training run, and all of its
runs meet the same held-out seeds.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from macro_mesa.experiments.interventions import Intervention, record, twin
from macro_mesa.experiments.statistics import clustered_estimate, clustered_interval
from macro_mesa.model import MacroModel
from macro_mesa.recorder import PUBLISHED
from macro_mesa.spaces import AGENT_TYPES

BASELINE = "baseline"
BURN_IN = 60  # months before the fork
HORIZON = 24  # months after it

Shocks = Sequence[Mapping[str, Any]]
Execute = Callable[[Callable[[Any], Any], Sequence[Any]], list[Any]]


# --- what is compared, and how
@dataclass(frozen=True)
class Measure:
    """How the twins' series of a variable are compared, and the unit of their difference."""

    unit: str
    how: str  # difference, log, relative, cumulative or count


MEASURES = {
    "policy_rate": Measure("pp", "difference"),
    "lending_rate": Measure("pp", "difference"),
    "deposit_rate": Measure("pp", "difference"),
    "spread": Measure("pp", "difference"),
    "new_household_loans": Measure("%, cumulative", "cumulative"),
    "new_loans": Measure("%, cumulative", "cumulative"),
    "credit": Measure("%", "log"),
    "consumption": Measure("%", "log"),
    "investment": Measure("% of its mean", "relative"),
    "gdp": Measure("%", "log"),
    "unemployment": Measure("pp", "difference"),
    "price_level": Measure("%", "log"),
    "inflation": Measure("pp", "difference"),
    "wage": Measure("%", "log"),
    "output_gap": Measure("pp", "difference"),
    "approval_rate": Measure("pp", "difference"),
    "capital_ratio": Measure("pp", "difference"),
    "household_defaults": Measure("households, cumulative", "count"),
    "bankruptcies": Measure("firms, cumulative", "count"),
    "firms_struck": Measure("firms, cumulative", "count"),
    "firms_not_struck": Measure("firms, cumulative", "count"),
    "bank_resolutions": Measure("banks, cumulative", "count"),
    "gini_wealth": Measure("points of 100", "difference"),
}


def compare(variable: str, baseline: np.ndarray, shocked: np.ndarray) -> np.ndarray:
    """Response of a variable by month, in the unit of its measure; both series (..., months)."""
    how = MEASURES[variable].how
    if how == "difference":
        return 100.0 * (shocked - baseline)
    if how == "log":
        return 100.0 * np.log(np.maximum(shocked, 1.0e-9) / np.maximum(baseline, 1.0e-9))
    if how == "count":
        return np.cumsum(shocked - baseline, axis=-1)
    # flows that may be zero in a month are set against at least their monthly mean
    mean = np.maximum(baseline.mean(axis=-1, keepdims=True), 1.0e-9)
    if how == "relative":
        return 100.0 * (shocked - baseline) / mean
    return 100.0 * np.cumsum(shocked - baseline, axis=-1) / np.maximum(np.cumsum(baseline, axis=-1), mean)


@dataclass(frozen=True)
class Window:
    """Months since the fork over which a response is judged; ``sign`` is the one theory expects, 0 for none."""

    variable: str
    first: int
    last: int
    sign: int = 0

    def of(self, baseline: np.ndarray, shocked: np.ndarray) -> np.ndarray:
        """The response over the window (...,), of series (..., months): the mean by month, or the total of a flow."""
        months = slice(self.first - 1, self.last)
        response = compare(self.variable, baseline[..., months], shocked[..., months])
        return response[..., -1] if MEASURES[self.variable].how in ("cumulative", "count") else response.mean(axis=-1)

    def estimate(self, sample: np.ndarray) -> dict[str, Any]:
        """Mean and interval of a sample (runs, pairs), with a verdict where a sign is expected."""
        found = clustered_estimate(sample)
        found |= {"unit": MEASURES[self.variable].unit, "months": [self.first, self.last]}
        if self.sign:
            low, high = found["ci"]
            found["expected"] = "above zero" if self.sign > 0 else "below zero"
            found["passed"] = bool(low > 0.0 if self.sign > 0 else high < 0.0)
        return found


# --- one burned-in economy and its twins
@dataclass(frozen=True)
class Intervened:
    """A choice of policies that burns the economy in as it is, and acts under interventions from the fork on."""

    policy: Any
    interventions: Mapping[str, Intervention]


@dataclass(frozen=True)
class Twins:
    """A task: burn in one economy, fork it for each entry of ``branches``, run baseline and forks side by side.

    Shocks of a branch date from the fork, 1 is the first month after it; ``shocks`` hit all twins alike and date
    from the opening.
    """

    policy: Any
    parameters: Mapping[str, Any]
    seed: int
    branches: Mapping[str, Shocks]
    variables: tuple[str, ...] = tuple(MEASURES)
    burn_in: int = BURN_IN
    horizon: int = HORIZON
    shocks: Shocks = ()


def run_twins(task: Twins) -> dict[str, np.ndarray]:
    """Series after the fork by branch, the baseline among them: float64 (variables, horizon)."""
    baseline = _burned_in(task)
    twins = {BASELINE: baseline, **{name: baseline.fork() for name in task.branches}}
    for name, shocks in task.branches.items():
        for shock in shocks:
            twins[name].add_shock(**{**shock, "start": task.burn_in + shock["start"]})
    return {name: _series(twin, task.variables, task.horizon) for name, twin in twins.items()}


def _burned_in(task: Twins) -> MacroModel:
    intervened = isinstance(task.policy, Intervened)
    policy = task.policy.policy if intervened else task.policy
    model = MacroModel(**task.parameters, policy=policy, shocks=task.shocks, rng=task.seed)
    if intervened:
        model.policies = {**record(model.policies)}
    for _ in range(task.burn_in):
        model.step()
    return twin(model, task.policy.interventions) if intervened else model


def _series(model: MacroModel, variables: Sequence[str], horizon: int) -> np.ndarray:
    series = np.empty((len(variables), horizon))
    for month in range(horizon):
        model.step()
        published = model.datacollector.model_vars
        for row, name in enumerate(variables):
            series[row, month] = published[name][-1] if name in PUBLISHED else DERIVED[name](model)
    return series


def _spread(model: MacroModel) -> float:
    return float(model.economy["lending_rate"][0] - model.economy["policy_rate"][0])


def _firms_struck(model: MacroModel) -> float:
    """Firms that failed because the default hazard struck them."""
    return float((model.firms.bankrupt & model.firms.defaulted).sum())


def _firms_not_struck(model: MacroModel) -> float:
    """Firms that failed by arrears or negative equity."""
    return float((model.firms.bankrupt & ~model.firms.defaulted).sum())


DERIVED: dict[str, Callable[[MacroModel], float]] = {
    "spread": _spread,
    "firms_struck": _firms_struck,
    "firms_not_struck": _firms_not_struck,
}


# --- an experiment
@dataclass(frozen=True)
class Design:
    """What all experiments are given.

    arms: label to one choice of policies for every training run; the first is the one verdicts are about.
    seeds: one for each pair, shared by all arms and runs.
    months: ``--sim-length``; None leaves an experiment its own.
    shocks: a scenario's dated shocks, which hit all economies alike.
    """

    arms: Mapping[str, Sequence[Any]]
    parameters: Mapping[str, Any]
    seeds: Sequence[int]
    execute: Execute
    months: int | None = None
    shocks: Shocks = ()

    @property
    def main(self) -> str:
        """Label of the first arm."""
        return next(iter(self.arms))


@dataclass(frozen=True)
class Findings:
    """What an experiment hands back: its design in words, estimates for results.json, tables for CSV files."""

    design: Mapping[str, Any]
    estimates: Mapping[str, Any]
    tables: Mapping[str, pd.DataFrame]


# arm: branch: variable: series (runs, pairs, months)
Histories = dict[str, dict[str, dict[str, np.ndarray]]]


def run_pairs(
    design: Design,
    arms: Mapping[str, Sequence[Any]],
    branches: Mapping[str, Shocks],
    variables: Sequence[str],
    burn_in: int = BURN_IN,
    horizon: int | None = None,
    parameters: Mapping[str, Any] | None = None,
) -> Histories:
    """Run every arm, run and seed; ``parameters`` go before the design's."""
    settings = {**design.parameters, **(parameters or {})}
    months = horizon or design.months or HORIZON
    tasks = [
        Twins(choice, settings, seed, branches, tuple(variables), burn_in, months, design.shocks)
        for choices in arms.values() for choice in choices for seed in design.seeds
    ]  # fmt: skip
    found = iter(design.execute(run_twins, tasks))
    histories: Histories = {}
    for arm, choices in arms.items():
        runs = [[next(found) for _ in design.seeds] for _ in choices]
        histories[arm] = {
            branch: {
                name: np.array([[pair[branch][row] for pair in run] for run in runs])
                for row, name in enumerate(variables)
            }
            for branch in (BASELINE, *branches)
        }
    return histories


def with_types(choice: Any, **types: Any) -> dict[str, Any]:
    """A choice of policies with those of some agent types replaced."""
    named = choice if isinstance(choice, Mapping) else dict.fromkeys(AGENT_TYPES, choice)
    return {**named, **types}


def arms_with(arms: Mapping[str, Sequence[Any]], **types: Any) -> dict[str, list[Any]]:
    """Every arm with the policies of some agent types replaced."""
    return {label: [with_types(choice, **types) for choice in choices] for label, choices in arms.items()}


def last_month(*windows: Sequence[Window]) -> int:
    """Months after the fork that the windows need."""
    return max(window.last for some in windows for window in some)


def judge(
    branches: Mapping[str, Mapping[str, np.ndarray]], branch: str, windows: Sequence[Window]
) -> dict[str, dict[str, Any]]:
    """Estimate of each window's response to a branch's shocks, by variable and months."""
    return {
        f"{window.variable}, months {window.first}-{window.last}": window.estimate(
            window.of(branches[BASELINE][window.variable], branches[branch][window.variable])
        )
        for window in windows
    }


def response_table(histories: Histories, variables: Sequence[str]) -> pd.DataFrame:
    """Mean responses by month with 95 % bands.

    Long form: policies (the arm), shock (the branch), variable, month since the fork, mean, low, high, unit.
    """
    frames = []
    for arm, branches in histories.items():
        for branch in branches:
            if branch == BASELINE:
                continue
            for name in variables:
                sample = compare(name, branches[BASELINE][name], branches[branch][name])
                frames.append(band(sample, policies=arm, shock=branch, variable=name, unit=MEASURES[name].unit))
    return pd.concat(frames, ignore_index=True)


def band(sample: np.ndarray, **labels: Any) -> pd.DataFrame:
    """Mean, low and high by month of a sample (runs, pairs, months), with constant columns of ``labels``."""
    low, high = clustered_interval(sample, resamples=1_000)
    months = np.arange(1, sample.shape[2] + 1)
    frame = pd.DataFrame({"month": months, "mean": sample.mean(axis=(0, 1)), "low": low, "high": high})
    return frame.assign(**labels)[[*labels, "month", "mean", "low", "high"]]
