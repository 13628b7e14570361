"""The simulations behind the evidence, as tasks of plain data that worker processes can run and a store can keep."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from macro_mesa.config import Parameters
from macro_mesa.experiments.interventions import RATE_COLUMNS, Blind, FixHeads, Intervention, Repeat, record, twin
from macro_mesa.model import MacroModel
from macro_mesa.policy import make_policies
from macro_mesa.spaces import CENTRAL_BANK, COMMERCIAL_BANK, FIRM, HOUSEHOLD, SPACES

PRIVATE = (HOUSEHOLD, FIRM, COMMERCIAL_BANK)
NO_DISTURBANCES = dict.fromkeys(("productivity_noise", "firm_productivity_noise", "taste_noise", "cost_noise"), 0.0)
# the feedback suspected behind endogenous cycles: firms that hire and invest by their sales
WITHOUT_ACCELERATOR = FixHeads((("hiring", 1), ("investment", 1)))

# published statistics that a pair is compared by; two more are measured on the banks themselves
PUBLISHED = (
    "policy_rate", "lending_rate", "deposit_rate", "new_loans", "new_household_loans", "consumption", "investment",
    "gdp", "unemployment", "price_level",
)  # fmt: skip
COMPARED = (*PUBLISHED, "approval_probability", "risk_tolerance")

BLIND = {kind: Blind(RATE_COLUMNS[kind]) for kind in PRIVATE}
VARIANTS: dict[str, dict[str, Intervention]] = {
    "sighted": {},
    "actions_repeated": dict.fromkeys(PRIVATE, Repeat()),
    "households_blind": {HOUSEHOLD: BLIND[HOUSEHOLD]},
    "households_and_firms_blind": {HOUSEHOLD: BLIND[HOUSEHOLD], FIRM: BLIND[FIRM]},
    "banks_blind": {COMMERCIAL_BANK: BLIND[COMMERCIAL_BANK]},
}


# --- a long history under one policy
@dataclass(frozen=True)
class History:
    """An economy left alone, its central bank recorded, for ``months`` after ``burn_in``."""

    policy: Any
    parameters: Mapping[str, Any]
    seed: int
    burn_in: int
    months: int


HISTORY_COLUMNS = (
    "gdp", "consumption", "investment", "inventories", "unemployment", "price_level", "policy_rate", "vacancies",
    "capital", "inflation",
)  # fmt: skip


def run_history(task: History) -> dict[str, np.ndarray]:
    """Monthly series (months,) of ``HISTORY_COLUMNS``; what the central bank saw (months, size) and chose (months,)."""
    model = _economy(task.policy, task.parameters, task.seed, recorded=(CENTRAL_BANK,))
    _run(model, task.burn_in + task.months)
    history = model.datacollector.get_model_vars_dataframe().iloc[-task.months :]
    recording: Any = model.policies[CENTRAL_BANK]
    return {
        **{name: history[name].to_numpy() for name in HISTORY_COLUMNS},
        "observations": recording.observations[-task.months :, 0],
        "steps": recording.actions[-task.months :, 0, 0],
    }


# --- pairs under an imposed path of the policy rate
@dataclass(frozen=True)
class RateRise:
    """A rate higher by ``size`` for ``duration`` months, in twins of one burned-in economy, one a variant."""

    policy: Any
    parameters: Mapping[str, Any]
    seed: int
    burn_in: int
    horizon: int
    size: float
    duration: int
    variants: tuple[str, ...]


def run_rate_rise(task: RateRise) -> dict[str, np.ndarray]:
    """For each variant the twins without and with the rise: (2, horizon, len(COMPARED)).

    The central bank holds its opening rate, so the imposed path is the whole difference between the twins.
    """
    baseline = _economy(_at_constant_rate(task.policy), task.parameters, task.seed, recorded=PRIVATE)
    _run(baseline, task.burn_in)
    pairs = {}
    for name in task.variants:
        shocked = twin(baseline, VARIANTS[name])
        shocked.add_shock("policy_rate", task.size, start=baseline.month + 1, duration=task.duration)
        # what repeats the baseline's actions, or changes nothing, is compared with the baseline itself
        calm = baseline if name in ("sighted", "actions_repeated") else twin(baseline, VARIANTS[name])
        pairs[name] = (calm, shocked)
    economies = list({id(m): m for pair in pairs.values() for m in pair if m is not baseline}.values())
    found: dict[int, list[list[float]]] = {id(model): [] for model in (baseline, *economies)}
    for _ in range(task.horizon):
        baseline.step()  # first: a twin may repeat its actions
        for model in economies:
            model.step()
        for model in (baseline, *economies):
            found[id(model)].append(_compared(baseline, model))
    return {name: np.array([found[id(calm)], found[id(shocked)]]) for name, (calm, shocked) in pairs.items()}


def _compared(baseline: MacroModel, model: MacroModel) -> list[float]:
    published = model.economy[0]
    tolerance = float(model.commercial_banks.risk_tolerance.mean())
    return [*(float(published[name]) for name in PUBLISHED), approval_probability(baseline, model), tolerance]


def approval_probability(borrowers: MacroModel, lenders: MacroModel) -> float:
    """Share of ``borrowers``' households and firms whom the banks of ``lenders`` would grant a usual loan, 0..1.

    Households ask for a month's wage, firms for the usual part of replacement investment; the tests are those of the
    credit market.  The borrowers are the same for both twins of a pair, each at the bank whose loan it preferred
    last, so only the banks differ.
    """
    p = borrowers.parameters
    households, firms = borrowers.households.table, borrowers.firms.table
    banks = lenders.commercial_banks.table
    baseline_rate = borrowers.commercial_banks.lending_rate
    price_level = float(borrowers.economy["price_level"][0])

    amount = households["wage"]
    bank = banks[households["quoted_lender"]]
    margin = households["quoted_rate"] - baseline_rate[households["quoted_lender"]]
    interest = (households["debt"] + amount) * (bank["lending_rate"] + margin) / 12.0
    principal = households["debt"] / np.maximum(households["loan_term"], 1.0) + amount / p.household_loan_term
    sound = interest + principal <= p.debt_service_cap * bank["risk_tolerance"] * households["income"]
    granted = sound & _has_headroom(households, bank, amount, p)
    granted = granted[(households["exclusion"] == 0) & (households["arrears"] == 0)]

    amount = p.investment_loan_share * price_level * p.depreciation_rate / 12.0 * firms["capital"]
    bank = banks[firms["quoted_lender"]]
    assets = firms["deposits"] + amount + price_level * (firms["capital"] + firms["inventory"])
    sound = firms["debt"] + amount <= p.leverage_cap * bank["risk_tolerance"] * assets
    granted_firms = (sound & _has_headroom(firms, bank, amount, p))[firms["arrears"] == 0]
    both = np.concatenate([granted, granted_firms])
    return float(both.mean()) if len(both) else 0.0


def _has_headroom(borrowers: np.ndarray, bank: np.ndarray, amount: np.ndarray, p: Parameters) -> np.ndarray:
    taken_over = np.where(borrowers["lender_id"] == borrowers["quoted_lender"], 0.0, borrowers["debt"])
    return bank["equity"] >= p.capital_requirement * (bank["loans"] + amount + taken_over)


# --- prices under a rise of costs
@dataclass(frozen=True)
class CostRise:
    """Firms' prices for ``months`` after ``burn_in``, and of a twin whose payroll costs ``size`` more from then on."""

    policy: Any
    parameters: Mapping[str, Any]
    seed: int
    burn_in: int
    months: int
    horizon: int
    size: float


def run_cost_rise(task: CostRise) -> dict[str, np.ndarray]:
    """Decisions (months, firms): ``price`` before, ``steps`` chosen, unit ``cost`` seen; and ``response`` (horizon,).

    The response is that of the mean log price.  Firms see a month's cost in the next one: it starts with the first
    decision that could know of the rise.
    """
    model = _economy(_at_constant_rate(task.policy), task.parameters, task.seed, recorded=(FIRM,))
    _run(model, task.burn_in)
    shocked = twin(model)
    shocked.add_shock("cost", task.size, start=model.month + 1, duration=task.horizon + 1)
    response, prices = [], []
    for month in range(max(task.months, task.horizon + 1)):
        prices.append(model.firms.price.copy())
        model.step()
        if month <= task.horizon:
            shocked.step()
            response.append(float(np.log(shocked.firms.price / model.firms.price).mean()))
    recording: Any = model.policies[FIRM]
    price = np.array(prices)[: task.months]
    unit_cost = recording.observations[task.burn_in :][: task.months, :, SPACES[FIRM].column("unit_cost")]
    return {
        "price": price,
        "steps": recording.actions[task.burn_in :][: task.months, :, 0],
        "cost": unit_cost * price,
        "response": np.array(response[1:]),
    }


# --- cycles without disturbances
@dataclass(frozen=True)
class Undisturbed:
    """An economy ``scale`` times its size without exogenous disturbances, perhaps without the accelerator."""

    policy: Any
    parameters: Mapping[str, Any]
    seed: int
    burn_in: int
    months: int
    scale: int
    frozen: bool = False


def run_undisturbed(task: Undisturbed) -> dict[str, np.ndarray]:
    """Monthly output (months,) after the burn-in."""
    counts = Parameters.create(task.parameters)
    sizes = {name: task.scale * getattr(counts, name) for name in ("num_households", "num_firms", "num_banks")}
    parameters = {**task.parameters, **NO_DISTURBANCES, **sizes}
    model = _economy(task.policy, parameters, task.seed, recorded=(FIRM,) if task.frozen else ())
    _run(model, task.burn_in)
    if task.frozen:
        model = twin(model, {FIRM: WITHOUT_ACCELERATOR})
    _run(model, task.months)
    return {"gdp": np.array(model.datacollector.model_vars["gdp"][-task.months :])}


Task = History | RateRise | CostRise | Undisturbed


def simulate(task: Task) -> dict[str, np.ndarray]:
    """Run any of the tasks."""
    if isinstance(task, History):
        return run_history(task)
    if isinstance(task, RateRise):
        return run_rate_rise(task)
    if isinstance(task, CostRise):
        return run_cost_rise(task)
    return run_undisturbed(task)


def _at_constant_rate(policy: Any) -> dict[str, Any]:
    """Private types under ``policy``, or under a mapping's choices for them, and a central bank that holds its rate."""
    private = policy if isinstance(policy, Mapping) else dict.fromkeys(PRIVATE, policy)
    return {**private, CENTRAL_BANK: "constant"}


def _economy(policy: Any, parameters: Mapping[str, Any], seed: int, recorded: Sequence[str]) -> MacroModel:
    policies = make_policies(policy, Parameters.create(parameters))
    recordings = record({kind: policies[kind] for kind in recorded})
    return MacroModel(**parameters, policy={**policies, **recordings}, rng=seed)


def _run(model: MacroModel, months: int) -> None:
    for _ in range(months):
        model.step()
