"""Makes ``stationary.json``, what the stationary opening deals from: ``python -m macro_mesa.long_runs``.

Long runs of the shipped policies and of the rules of thumb, at two sizes of firm, are looked at every few years once
they have settled.
"""

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np

from macro_mesa import stationary
from macro_mesa.model import MacroModel
from macro_mesa.policy import make_policies

POLICIES = (*(f"pretrained:{number}" for number in range(1, 6)), "rule", "rule")
SETTLING, SETTLING_MONTHS = "pretrained", 120  # what all begin with: the equal opening throws rules into a slump
SIZES = ({"num_households": 400, "num_firms": 40}, {"num_households": 100, "num_firms": 20})
SEEDS = 3  # of a policy at a size, from FIRST_SEED on
FIRST_SEED = 8_700  # training seeds
MONTHS = (240, 360, 480)  # when a run is looked at
AGENTS = {"household": 160, "firm": 80, "commercial_bank": 20}  # of the sample, a fifth of the households unemployed
UNEMPLOYED = 32


def look(model: MacroModel, opening: MacroModel) -> dict[str, Any]:
    """A point: the economy relative to its equal opening, in money of its own price level."""
    economy, number = model.economy, len(model.households)
    price = mean_price(model)
    point: dict[str, Any] = {name: economy[name][0] / number for name in stationary.AMOUNTS}
    # prices are the mean ones paid: the chained index has drifted from them over the years
    for name in ("new_loans", "new_household_loans"):
        point[name] /= price
    point |= {name: economy[name][0] for name in stationary.VALUES}
    point |= {f"{name}_state": economy[f"{name}_state"][0] for name in stationary.DISTURBANCES}
    now, then = levels(model, price), levels(opening, 1.0)
    point |= {name: now[name] / then[name] for name in stationary.TOTALS}
    point |= {name: economy[name][0] - opening.economy[name][0] for name in stationary.RATES}
    point["firm_size"] = number / len(model.firms)
    point["prices"] = model.history[0] / model.history[0, -1]
    point["output"] = model.history[1] - model.history[1, -1]
    point["credit"] = model.history[2] - model.history[2, -1]
    return point


def mean_price(model: MacroModel) -> float:
    """Mean price of the goods sold in the last month."""
    return float(model.firms.revenue.sum() / model.firms.sales.sum())


def levels(model: MacroModel, price: float) -> dict[str, float]:
    """Totals of all agents, money at a price level of one."""
    households, firms, banks = model.households, model.firms, model.commercial_banks
    return {
        "employment": firms.employment.sum(),
        "household_deposits": households.deposits.sum() / price,
        "household_debt": households.debt.sum() / price,
        "firm_deposits": firms.deposits.sum() / price,
        "firm_debt": firms.debt.sum() / price,
        "wage": np.average(firms.wage_offer, weights=firms.employment) / price,
        "capital": firms.capital.sum(),
        "inventory": firms.inventory.sum(),
        "capital_ratio": banks.equity.sum() / banks.loans.sum(),
    }


def agents(model: MacroModel, opening: MacroModel) -> dict[str, dict[str, np.ndarray]]:
    """Every agent beside the mean of its kind: money and goods a worker or household, rates less the mean one."""
    households, firms, banks = model.households, model.firms, model.commercial_banks
    staff = np.maximum(firms.employment, 1)
    wage = np.average(firms.wage_offer, weights=firms.employment)
    lending = model.economy["lending_rate"][0]
    made = np.maximum(firms.production, 1.0e-9)
    return {
        "households": {
            "employed": households.employed.astype(int),
            "deposits": households.deposits / households.deposits.mean(),
            "debt": households.debt / households.debt.mean(),
            "wage": households.wage / wage,
            "income": households.income / households.wage,
            "spell": households.spell,
            "exclusion": households.exclusion,
            "loan_term": households.loan_term / opening.households.loan_term[0],
            "loan_rate": households.loan_rate - lending,
        },
        "firms": {
            "employment": staff / staff.mean(),
            "posts": np.maximum(firms.employment_target - firms.employment, 0) / staff,
            "deposits": _a_worker(firms.deposits, staff),
            "debt": _a_worker(firms.debt, staff),
            "capital": _a_worker(firms.capital, staff),
            "inventory": _a_worker(firms.inventory, staff),
            "production": _a_worker(firms.production, staff),
            "sales": firms.sales / made,
            "expected_sales": firms.expected_sales / made,
            "price": firms.price / mean_price(model),
            "wage_offer": firms.wage_offer / wage,
            "productivity": firms.productivity,
            "utilization": firms.utilization,
            "investment_plan": firms.investment_plan / (model.parameters.depreciation_rate / 12.0 * firms.capital),
            "loan_term": firms.loan_term / opening.firms.loan_term[0],
            "loan_rate": firms.loan_rate - lending,
        },
        "banks": {
            "lending_rate": banks.lending_rate - lending,
            "deposit_rate": banks.deposit_rate - model.economy["deposit_rate"][0],
        },
    }  # fmt: skip


def _a_worker(column: np.ndarray, staff: np.ndarray) -> np.ndarray:
    return column / staff / (column.sum() / staff.sum())


def look_at_all() -> tuple[list[dict[str, Any]], list[dict[str, dict[str, np.ndarray]]]]:
    """Points of all runs, and the agents at those of the first size."""
    points, everyone = [], []
    runs = itertools.product(POLICIES, SIZES, range(SEEDS))
    for seed, (policy, size, _) in enumerate(runs, FIRST_SEED):
        model = MacroModel(**size, opening="equal", policy=SETTLING, rng=seed)
        opening = model.fork()
        while model.month < MONTHS[-1]:
            if model.month == SETTLING_MONTHS:
                model.policies = make_policies(policy, model.parameters)
            model.step()
            if model.month in MONTHS:
                points.append(look(model, opening))
                if size == SIZES[0]:
                    everyone.append(agents(model, opening))
    return points, everyone


def sample(everyone: list[dict[str, dict[str, np.ndarray]]], random: np.random.Generator) -> dict[str, Any]:
    """A few of all agents by kind; the unemployed, of whom there are few, are sampled on their own."""
    chosen: dict[str, Any] = {}
    for section, number in zip(("households", "firms", "banks"), AGENTS.values(), strict=True):
        names = everyone[0][section]
        columns = {name: np.concatenate([found[section][name] for found in everyone]) for name in names}
        if section == "households":
            groups = [(columns["employed"] == 1, number - UNEMPLOYED), (columns["employed"] == 0, UNEMPLOYED)]
        else:
            groups = [(np.ones(len(columns[next(iter(names))]), dtype=bool), number)]
        rows = np.concatenate([random.choice(np.flatnonzero(group), size, replace=False) for group, size in groups])
        chosen[section] = {name: _rounded(column[rows]) for name, column in columns.items()}
    return chosen


def _rounded(column: Any) -> Any:
    """Four digits are enough, and keep the file small."""
    return [float(f"{value:.4g}") for value in np.asarray(column).tolist()]


def main(file: Path = stationary.FILE) -> None:
    """Run, look and write."""
    points, everyone = look_at_all()
    content: dict[str, Any] = {
        "made_by": {"policies": POLICIES, "sizes": SIZES, "first_seed": FIRST_SEED, "months": MONTHS},
        "points": {
            name: [_rounded(point[name]) if np.ndim(point[name]) else _rounded([point[name]])[0] for point in points]
            for name in points[0]
        },
    }
    content |= sample(everyone, np.random.default_rng(FIRST_SEED))
    lines = [f" {json.dumps(section)}: {json.dumps(content[section])}" for section in content]
    file.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
