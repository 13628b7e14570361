"""Inequality of wealth and income by how ownership is spread and by policy, on the same seeds."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from macro_mesa.aggregates import gini, net_worth
from macro_mesa.experiments.paired import Design, Findings, Shocks, arms_with, band
from macro_mesa.experiments.statistics import clustered_estimate, clustered_interval
from macro_mesa.model import MacroModel

MONTHS = 120
YEAR = 12
OWNERSHIP = ("equal", "pareto")
CONSTANT = ", rate constant"
POPULATION = np.linspace(0.0, 1.0, 21)  # shares of households at which Lorenz curves are read
STATISTICS = ("gini_wealth", "gini_income", "top_10_wealth", "top_10_income")


@dataclass(frozen=True)
class Economy:
    """A task: one economy, whose distribution is measured at its end."""

    policy: Any
    parameters: Mapping[str, Any]
    seed: int
    months: int
    shocks: Shocks = ()


def run_economy(task: Economy) -> dict[str, Any]:
    """Gini coefficients, shares of the top tenth, Lorenz curves (21,), and the path of the Gini of wealth (months,).

    Wealth is net worth in the last month, income that of the last twelve months.
    """
    model = MacroModel(**task.parameters, policy=task.policy, shocks=task.shocks, rng=task.seed)
    income = np.zeros(len(model.households))
    for month in range(1, task.months + 1):
        model.step()
        if month > task.months - YEAR:
            income += model.households.income
    tables = model.households.table, model.firms.table, model.commercial_banks.table
    held = {"wealth": net_worth(*tables, float(model.economy["price_level"][0])), "income": income}
    found: dict[str, Any] = {"path": np.array(model.datacollector.model_vars["gini_wealth"][1:])}
    for name, values in held.items():
        curve = lorenz_curve(values, POPULATION)
        found |= {f"gini_{name}": gini(values), f"top_10_{name}": float(1.0 - curve[18]), f"lorenz_{name}": curve}
    return found


def lorenz_curve(values: np.ndarray, population: np.ndarray) -> np.ndarray:
    """Share of the total that the poorest hold, at shares of the ``population`` (k,); values (n,) may be negative.

    Where the total is not positive there is nothing to share, and the curve is that of equality.
    """
    total = values.sum()
    if total <= 0.0:
        return population.copy()
    held = np.concatenate([[0.0], np.cumsum(np.sort(values))]) / total
    return np.interp(population, np.linspace(0.0, 1.0, len(values) + 1), held)


def inequality(design: Design) -> Findings:
    """Gini coefficients and Lorenz curves of every arm, with its own central bank and with a constant rate."""
    constant = arms_with({design.main: design.arms[design.main]}, central_bank="constant")
    arms = {**design.arms, f"{design.main}{CONSTANT}": constant[design.main], "random": ["random"]}
    months = design.months or MONTHS
    cells = {(arm, ownership): arms[arm] for arm in arms for ownership in OWNERSHIP}
    tasks = [
        Economy(choice, {**design.parameters, "ownership": ownership}, seed, months, design.shocks)
        for (_, ownership), choices in cells.items() for choice in choices for seed in design.seeds
    ]  # fmt: skip
    results = iter(design.execute(run_economy, tasks))
    samples: dict[tuple[str, str], dict[str, np.ndarray]] = {}
    for cell, choices in cells.items():
        found = [[next(results) for _ in design.seeds] for _ in choices]
        samples[cell] = {name: np.array([[one[name] for one in run] for run in found]) for name in found[0][0]}
    words = {
        "wealth": "net worth in the last month: deposits less debt plus the share in firms' and banks' equity",
        "income": f"income of the last {YEAR} months",
        "ownership": "equal, or by a Pareto law of exponent pareto_exponent",
        "months": months,
    }
    return Findings(words, _estimates(samples, arms, design.main), _tables(samples))


def _estimates(
    samples: Mapping[tuple[str, str], Mapping[str, np.ndarray]], arms: Mapping[str, Any], main: str
) -> dict[str, Any]:
    """Levels by arm and ownership, the effect of ownership, and of policy against the first arm, all paired."""
    return {
        arm: {
            **{own: {name: clustered_estimate(samples[arm, own][name]) for name in STATISTICS} for own in OWNERSHIP},
            "pareto less equal": {
                name: clustered_estimate(samples[arm, "pareto"][name] - samples[arm, "equal"][name])
                for name in STATISTICS
            },
            **({} if arm == main else {f"less {main}, {own}": {
                name: clustered_estimate(samples[arm, own][name] - samples[main, own][name]) for name in STATISTICS
            } for own in OWNERSHIP}),
        }
        for arm in arms
    }  # fmt: skip


def _tables(samples: Mapping[tuple[str, str], Mapping[str, np.ndarray]]) -> dict[str, pd.DataFrame]:
    """``lorenz``: policies, ownership, of, population, mean, low, high; ``gini``: the path of the Gini of wealth."""
    curves, paths = [], []
    for (arm, ownership), found in samples.items():
        paths.append(band(found["path"], policies=arm, ownership=ownership, variable="gini_wealth", unit="0 to 1"))
        for of in ("wealth", "income"):
            sample = found[f"lorenz_{of}"]
            low, high = clustered_interval(sample, resamples=1_000)
            curve = {"population": POPULATION, "mean": sample.mean(axis=(0, 1)), "low": low, "high": high}
            curves.append(pd.DataFrame(curve).assign(policies=arm, ownership=ownership, of=of))
    return {"lorenz": pd.concat(curves, ignore_index=True), "gini": pd.concat(paths, ignore_index=True)}
