"""The stationary opening: an economy as it is found in the middle of a long run, at some point of its cycle.

``stationary.json`` holds points of long runs (statistics, disturbances and a year of history)
and a sample of their agents, all relative to the opening that ``macro_mesa.opening`` endows them with.  A seed draws
one of the points; agents are dealt from the sample, and their totals brought to those of the point.  Made by
``python -m macro_mesa.long_runs`` (``make opening``).
"""

import functools
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from macro_mesa.config import Parameters

if TYPE_CHECKING:
    from macro_mesa.model import MacroModel

FILE = Path(__file__).with_suffix(".json")

# statistics of which a point holds an amount a household
AMOUNTS = ("gdp", "new_loans", "new_household_loans", "consumption", "investment", "vacancies", "hires", "hours")
# statistics of which it holds the value itself
VALUES = (
    "inflation",
    "inflation_3m",
    "output_gap",
    "observed_gap",
    "output_growth",
    "credit_growth",
    "tax_rate",
    "approval_rate",
    "price_changes",
    "rationed",
)
DISTURBANCES = ("productivity", "taste", "cost")
# totals of agents, relative to those of the equal opening
TOTALS = (
    "employment",
    "household_deposits",
    "household_debt",
    "firm_deposits",
    "firm_debt",
    "wage",
    "capital",
    "inventory",
    "capital_ratio",
)
RATES = ("policy_rate", "lending_rate", "deposit_rate")  # annual, less the equal opening's


@functools.cache
def long_runs() -> dict[str, Any]:
    """The points and samples of ``stationary.json``: arrays by name in sections, (points,) or (agents,)."""
    content = json.loads(FILE.read_text())
    return {
        section: {name: np.array(column) for name, column in content[section].items()}
        for section in ("points", "households", "firms", "banks")
    }


def draw_point(firm_size: float, random: np.random.Generator) -> dict[str, Any]:
    """One of the points of economies with firms of like size, by name: numbers, and histories (HISTORY_MONTHS,).

    Small firms sell out and stand idle more often, and rest at less output.
    """
    points = long_runs()["points"]
    distance = np.abs(np.log(points["firm_size"] / firm_size))
    number = random.choice(np.flatnonzero(distance == distance.min()))
    return {name: column[number] for name, column in points.items()}


def move_agents(model: "MacroModel", point: dict[str, Any], random: np.random.Generator) -> None:
    """Turn households and firms that are all alike into those of a point; their banks are opened afterwards."""
    p = model.parameters
    workers = int(
        np.clip(round(p.opening_workers * point["employment"]), min(p.num_firms, p.num_households), p.num_households)
    )
    sample = dealt(long_runs()["firms"], p.num_firms, random)
    staff = whole_shares(sample["employment"], workers)
    _move_firms(model, point, sample, staff)
    _employ(model, staff, random)
    _post_vacancies(model, sample["posts"], random)
    _move_households(model, point, random)


def dealt(sample: dict[str, np.ndarray], number: int, random: np.random.Generator) -> dict[str, np.ndarray]:
    """So many agents of a sample, each as often as any other, in random order."""
    size = len(next(iter(sample.values())))
    rounds = max(-(-number // size), 1)  # nobody may be asked for, too
    rows = np.concatenate([random.permutation(size) for _ in range(rounds)])[:number]
    return {name: column[rows] for name, column in sample.items()}


def whole_shares(weights: np.ndarray, total: int) -> np.ndarray:
    """``total`` split into whole parts (n,), at least one each, as near to the weights as may be (Hamilton)."""
    spare = total - len(weights)
    parts = weights / weights.sum() * total
    parts = np.maximum(parts - 1.0, 0.0)
    parts *= spare / max(parts.sum(), 1.0e-9)
    whole = np.floor(parts).astype(np.int64)
    largest = np.argsort(whole - parts, kind="stable")[: spare - whole.sum()]
    whole[largest] += 1
    return whole + 1


def _scaled(weights: np.ndarray, total: float) -> np.ndarray:
    """Weights (n,) that are not negative, brought to a total."""
    return weights * (total / max(weights.sum(), 1.0e-9))


def _move_firms(model: "MacroModel", point: dict[str, Any], sample: dict[str, np.ndarray], staff: np.ndarray) -> None:
    p, firms = model.parameters, model.firms
    households = p.num_households
    firms.employment[:] = staff
    firms.deposits[:] = _scaled(
        sample["deposits"] * staff, p.opening_firm_deposits * households * point["firm_deposits"]
    )
    firms.debt[:] = _scaled(sample["debt"] * staff, p.opening_firm_debt * households * point["firm_debt"])
    firms.capital[:] = _scaled(sample["capital"] * staff, p.opening_capital * p.opening_workers * point["capital"])
    firms.inventory[:] = _scaled(
        sample["inventory"] * staff, p.opening_inventory * p.opening_workers * point["inventory"]
    )
    firms.price[:] = sample["price"] / np.average(sample["price"], weights=staff)
    wages = sample["wage_offer"] / np.average(sample["wage_offer"], weights=staff)
    firms.wage_offer[:] = p.opening_wage * point["wage"] * wages
    firms.productivity[:] = sample["productivity"] * _spread_now(p, "firm_productivity")
    firms.utilization[:] = sample["utilization"]
    firms.production[:] = _scaled(sample["production"] * staff, point["gdp"] * households)
    for name in ("sales", "expected_sales"):
        getattr(firms, name)[:] = sample[name] * firms.production
    firms.revenue[:] = firms.sales * firms.price
    firms.labor[:] = staff * firms.utilization
    firms.hourly_cost[:] = firms.wage_offer
    firms.wage_bill[:] = firms.wage_offer * firms.labor
    firms.last_price[:] = firms.price
    # what a reward is measured by is a firm of usual size, whatever its size at the opening
    firms.opening_sales[:] = p.monthly_output / p.num_firms
    firms.investment_plan[:] = sample["investment_plan"] * p.depreciation_rate / 12.0 * firms.capital
    firms.loan_term[:] = np.maximum(sample["loan_term"] * firms.loan_term, 1.0)
    firms.loan_rate[:] = np.maximum(firms.loan_rate + point["lending_rate"] + sample["loan_rate"], 0.0)
    firms.quoted_rate[:] = firms.loan_rate


def _employ(model: "MacroModel", staff: np.ndarray, random: np.random.Generator) -> None:
    """Seat the workers, chosen by lot."""
    households = model.households
    workers = random.permutation(len(households))[: staff.sum()]
    households.employer_id[:] = -1
    households.employer_id[workers] = np.repeat(np.arange(len(staff)), staff)
    households.employed[:] = households.employer_id >= 0


def _post_vacancies(model: "MacroModel", posts: np.ndarray, random: np.random.Generator) -> None:
    firms = model.firms
    wanted = posts * firms.employment
    firms.employment_target[:] = firms.employment + np.floor(wanted + random.random(len(firms))).astype(np.int64)


def _move_households(model: "MacroModel", point: dict[str, Any], random: np.random.Generator) -> None:
    """Households with a job are dealt from those of the sample who have one, the others from the rest."""
    p, households, firms = model.parameters, model.households, model.firms
    number = p.num_households
    sample = long_runs()["households"]
    columns = {name: np.empty(number) for name in sample}
    for employed in (True, False):
        rows = np.flatnonzero(households.employed == employed)
        own = {name: column[sample["employed"] == employed] for name, column in sample.items()}
        for name, column in dealt(own, len(rows), random).items():
            columns[name][rows] = column
    households.deposits[:] = _scaled(
        columns["deposits"], p.opening_household_deposits * number * point["household_deposits"]
    )
    households.debt[:] = _scaled(columns["debt"], p.opening_household_debt * number * point["household_debt"])
    mean_wage = p.opening_wage * point["wage"]
    at_work = households.employed
    households.wage[:] = mean_wage * columns["wage"]
    households.wage[at_work] = firms.wage_offer[households.employer_id[at_work]]
    households.income[:] = np.where(at_work, columns["income"] * households.wage, p.benefit_replacement * mean_wage)
    households.spell[:] = columns["spell"]
    households.exclusion[:] = np.minimum(columns["exclusion"], p.exclusion_months)
    households.loan_term[:] = np.maximum(columns["loan_term"] * households.loan_term, 1.0)
    households.loan_rate[:] = np.maximum(households.loan_rate + point["lending_rate"] + columns["loan_rate"], 0.0)
    households.quoted_rate[:] = households.loan_rate
    households.debt_service[:] = households.debt / households.loan_term


def move_banks(model: "MacroModel", point: dict[str, Any], random: np.random.Generator) -> None:
    """Post the rates of a point before the banks' books are closed."""
    p, banks, central_bank = model.parameters, model.commercial_banks, model.central_banks
    sample = dealt(long_runs()["banks"], p.num_banks, random)
    lending = banks.lending_rate + point["lending_rate"] + sample["lending_rate"]
    banks.lending_rate[:] = np.clip(lending, 0.0, p.maximum_lending_rate)
    banks.deposit_rate[:] = np.clip(banks.deposit_rate + point["deposit_rate"] + sample["deposit_rate"], 0.0, None)
    rate = np.clip(p.opening_policy_rate + point["policy_rate"], p.lower_bound, p.upper_bound)
    central_bank.policy_rate[:] = central_bank.rate_setting[:] = rate


def _spread_now(p: Parameters, disturbance: str) -> float:
    """Standard deviation of a disturbance under these parameters, as a share of that under the defaults."""
    noise, persistence = f"{disturbance}_noise", f"{disturbance}_persistence"
    usual = Parameters.model_fields
    shares = [
        values[0] / np.sqrt(1.0 - values[1] ** 2)
        for values in ((getattr(p, noise), getattr(p, persistence)), (usual[noise].default, usual[persistence].default))
    ]
    return float(shares[0] / shares[1])


def move_statistics(model: "MacroModel", point: dict[str, Any]) -> None:
    """Publish the statistics, the disturbances and the year of history of a point."""
    p, economy = model.parameters, model.economy
    for name in AMOUNTS:
        economy[name] = point[name] * p.num_households
    for name in VALUES:
        economy[name] = point[name]
    for name in DISTURBANCES:
        economy[f"{name}_state"] = point[f"{name}_state"] * _spread_now(p, name)
    economy["productivity"] = np.exp(economy["productivity_state"])
    economy["taste"] = np.exp(economy["taste_state"])
    economy["cost"] = economy["cost_state"]
    # prices of the year before, faster or slower by what the target differs from the default
    years = np.arange(1 - len(point["prices"]), 1) / 12.0
    usual = Parameters.model_fields["inflation_target"].default
    model.history[0] = point["prices"] * ((1.0 + p.inflation_target) / (1.0 + usual)) ** years
    model.history[1] = np.log(economy["gdp"]) + point["output"]
    model.history[2] = np.log(np.maximum(economy["credit"], 1.0e-9)) + point["credit"]
    economy["inflation"] = model.history[0, -1] / model.history[0, 0] - 1.0
    economy["inflation_3m"] = (model.history[0, -1] / model.history[0, -4]) ** 4 - 1.0
    economy["wage"] = np.average(model.firms.wage_offer, weights=model.firms.employment)
    economy["unemployment"] = 1.0 - model.firms.employment.sum() / p.num_households
    economy["policy_rate"] = model.central_banks.policy_rate
