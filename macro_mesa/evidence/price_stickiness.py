"""Claim 4: learned prices are sticky, against the myopic optimum on the same grid."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from macro_mesa.evidence.estimates import estimate, number_or_none
from macro_mesa.evidence.preregistered import judge
from macro_mesa.spaces import FIRM, values

Results = Sequence[Sequence[Mapping[str, np.ndarray]]]  # by run and seed

PRICE_STEPS = np.array(values(FIRM, "price"))
UNCHANGED = int(np.flatnonzero(PRICE_STEPS == 0.0)[0])
AGES = np.arange(1, 13)  # months since the last change
PASS_THROUGH_MONTHS = (1, 3, 12)


def myopic_prices(
    price: np.ndarray, cost: np.ndarray, menu_cost: float = 0.0, markup: float | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Steps and log prices (months, firms) of firms that maximise each month's profit on the price grid.

    price, cost: posted price and unit cost, (months, firms); the cost path is taken as given.  Demand has the constant
    elasticity at which the mean mark-up of ``price`` over ``cost`` is optimal, so the two differ in how often prices
    move, not in their level; ``markup`` gives it instead.  ``menu_cost`` is a share of sales.
    """
    cost = np.maximum(cost, 0.05 * price)  # a month without workers has no unit cost
    markup = max(float(np.exp(np.log(price / cost).mean())), 1.02) if markup is None else markup
    elasticity = markup / (markup - 1.0)
    current = markup * cost[0]
    steps, path = [], []
    for month_cost in cost:
        best = markup * month_cost
        options = current[:, None] * (1.0 + PRICE_STEPS)
        # profit over sales at the optimal price
        profit = (options - month_cost[:, None]) / best[:, None] * (options / best[:, None]) ** -elasticity
        profit = profit - menu_cost * (PRICE_STEPS != 0.0)
        chosen = profit.argmax(axis=1)
        current = options[np.arange(len(current)), chosen]
        steps.append(chosen)
        path.append(np.log(current))
    return np.array(steps), np.array(path)


def changes(steps: np.ndarray) -> np.ndarray:
    """Whether the price changed, bool, from steps chosen."""
    return steps != UNCHANGED


def ages(changed: np.ndarray) -> np.ndarray:
    """Months since the last change at each decision, (months, firms); 0 before the first change seen."""
    age = np.zeros(changed.shape, dtype=int)
    for month in range(1, len(changed)):
        age[month] = np.where(changed[month - 1], 1, np.where(age[month - 1] > 0, age[month - 1] + 1, 0))
    return age


def hazard_counts(changed: np.ndarray) -> np.ndarray:
    """Prices at risk and prices changed at every age of ``AGES``, (2 x ages,)."""
    age = ages(changed)
    at_risk = [(age == a).sum() for a in AGES]
    struck = [(changed & (age == a)).sum() for a in AGES]
    return np.array([*at_risk, *struck], dtype=float)


def hazard_slope(counts: np.ndarray) -> np.ndarray:
    """Slope of the hazard in age, a month, by least squares weighted by prices at risk; counts (..., 2 x ages)."""
    at_risk, struck = counts[..., : len(AGES)], counts[..., len(AGES) :]
    total = np.maximum(at_risk.sum(axis=-1), 1.0e-12)
    mean_age = (at_risk * AGES).sum(axis=-1) / total
    distance = AGES - mean_age[..., None]
    spread = (at_risk * distance**2).sum(axis=-1)
    return (struck * distance).sum(axis=-1) / np.where(spread > 0.0, spread, np.nan)


def price_stickiness(results: Results, size: float, menu_cost: float) -> dict[str, Any]:
    """The claim from ``simulations.run_cost_rise`` by run and seed, for a cost rise of ``size`` (a share)."""

    def over_results(function: Any) -> np.ndarray:
        return np.array([[function(result) for result in run] for run in results], dtype=float)

    frequency = over_results(lambda r: changes(r["steps"]).mean())
    benchmark = over_results(lambda r: changes(myopic_prices(r["price"], r["cost"])[0]).mean())
    with_menu_cost = over_results(lambda r: changes(myopic_prices(r["price"], r["cost"], menu_cost)[0]).mean())
    counts = over_results(lambda r: hazard_counts(changes(r["steps"])))
    moved = over_results(lambda r: _size_and_cuts(r["steps"]))
    estimates = {
        "frequency": estimate(frequency, unit="of prices"),
        "frequency_benchmark": estimate(benchmark, unit="of prices"),
        "frequency_benchmark_with_menu_cost": estimate(with_menu_cost, unit="of prices"),
        "frequency_below_benchmark": estimate(frequency - benchmark, unit="of prices"),
        "size_of_changes": estimate(moved[..., [0, 1]], _ratio, "log"),
        "share_of_cuts": estimate(moved[..., [2, 1]], _ratio, "of changes"),
        "hazard_slope": estimate(counts, hazard_slope, "a month of age"),
    }
    for month in PASS_THROUGH_MONTHS:
        passed = over_results(lambda r, month=month: r["response"][month - 1]) / np.log1p(size)
        best = over_results(lambda r, month=month: _benchmark_response(r, size)[month - 1]) / np.log1p(size)
        estimates[f"pass_through_{month}"] = estimate(passed, unit="of the rise")
        estimates[f"pass_through_{month}_benchmark"] = estimate(best, unit="of the rise")
    low, high = estimates["hazard_slope"]["ci"]
    calvo = low is not None and high is not None and low <= 0.0 <= high
    placebo = {"uniform_choice": {"frequency": 1.0 - 1.0 / len(PRICE_STEPS), "hazard_slope": 0.0}}
    at_risk, struck = np.split(counts.sum(axis=(0, 1)), 2)
    hazard = [
        {"age": int(age), "hazard": number_or_none(hit / risk) if risk > 0 else None, "prices": int(risk)}
        for age, risk, hit in zip(AGES, at_risk, struck, strict=True)
    ]
    return judge("price_stickiness", estimates, placebo, calvo=calvo, hazard=hazard)


def _size_and_cuts(steps: np.ndarray) -> list[float]:
    """Sum of absolute log changes, number of changes, number of cuts."""
    moves = np.log1p(PRICE_STEPS[steps])
    return [float(np.abs(moves).sum()), float((moves != 0).sum()), float((moves < 0).sum())]


def _ratio(means: np.ndarray) -> np.ndarray:
    return means[..., 0] / np.where(means[..., 1] > 0.0, means[..., 1], np.nan)


def _benchmark_response(result: Mapping[str, np.ndarray], size: float) -> np.ndarray:
    """Mean log price response of myopic firms to costs higher by ``size`` from their second month on, (months,)."""
    price, cost = result["price"], np.maximum(result["cost"], 0.05 * result["price"])
    higher = cost.copy()
    higher[1:] *= 1.0 + size
    markup = max(float(np.exp(np.log(price / cost).mean())), 1.02)
    _, calm = myopic_prices(price, cost, markup=markup)
    _, shocked = myopic_prices(price, higher, markup=markup)
    return (shocked - calm).mean(axis=1)[1:]
