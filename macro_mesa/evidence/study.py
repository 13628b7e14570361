"""The whole of the evidence: which simulations it takes, and what they say about each claim."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from macro_mesa.config import ConfigError, Parameters
from macro_mesa.evidence.agreement import agreement
from macro_mesa.evidence.business_cycles import business_cycles
from macro_mesa.evidence.channels import BLIND, Pairs, consumption_response, credit_channel, impulse_responses
from macro_mesa.evidence.preregistered import CLAIMS
from macro_mesa.evidence.price_stickiness import PASS_THROUGH_MONTHS, price_stickiness
from macro_mesa.evidence.simulations import (
    VARIANTS,
    CostRise,
    History,
    RateRise,
    Task,
    Undisturbed,
    simulate,
)
from macro_mesa.evidence.stylised_facts import QUARTERS, stylised_facts
from macro_mesa.evidence.taylor_rule import taylor_rule
from macro_mesa.policy import make_policy
from macro_mesa.spaces import CENTRAL_BANK, COMMERCIAL_BANK, FIRM, HOUSEHOLD

# in words, for results.json and the report
WITH_ONE_RUN = "one training run only: intervals are over seeds and say nothing about other trainings"
NULLS = ("rule", "random")


@dataclass(frozen=True)
class Run:
    """A training run under test: its policies, sampled and by arg-max, and the economy they were trained in."""

    name: str
    policy: Any
    greedy: Any
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Plan:
    """Lengths in months and numbers of seeds; the defaults are those of the published evidence."""

    burn_in: int = 120
    horizon: int = 18
    rate_rise: float = 0.01
    rate_rise_months: int = 12
    cost_rise: float = 0.05
    price_months: int = 60
    history_seeds: int = 20
    history_months: int = 3 * QUARTERS
    cycle_months: int = 480
    cycle_seeds: int = 10
    scales: tuple[int, ...] = (1, 2, 4)
    placebos: int = 200


class Tasks:
    """Every simulation of the study, each once, and where its results belong."""

    def __init__(self, runs: Sequence[Run], first_seed: int, pairs: int, plan: Plan) -> None:
        self._tasks: list[Task] = []
        self._groups: dict[str, list[list[int]]] = {}
        seeds = range(first_seed, first_seed + pairs)
        null = {name: [Run(name, name, name, runs[0].parameters)] for name in NULLS}
        # the largest economies first, so that no worker is left with one at the end
        for scale in sorted(plan.scales, reverse=True):
            self._add(f"undisturbed x{scale}", runs, seeds[: plan.cycle_seeds], _undisturbed(plan, scale))
        self._add("undisturbed frozen", runs, seeds[: plan.cycle_seeds], _undisturbed(plan, min(plan.scales), True))
        for name, group in {"learned": list(runs), **null}.items():
            self._add(f"history {name}", group, seeds[: plan.history_seeds], _history(plan))
        self._add("rate rise learned", runs, seeds, _rate_rise(plan, tuple(VARIANTS)))
        self._add("rate rise random", null["random"], seeds, _rate_rise(plan, ("sighted",)))
        self._add("rate rise spread", [_with_fixed_spreads(run) for run in runs], seeds, _rate_rise(plan, ("sighted",)))
        self._add("cost rise", runs, seeds, _cost_rise(plan))

    def _add(self, name: str, runs: Sequence[Run], seeds: Sequence[int], make: Callable[[Run, int], Task]) -> None:
        rows = []
        for run in runs:
            rows.append(list(range(len(self._tasks), len(self._tasks) + len(seeds))))
            self._tasks += [make(run, seed) for seed in seeds]
        self._groups[name] = rows

    def run(self, execute: Callable[..., list[Any]]) -> dict[str, list[list[Any]]]:
        """Results by group, run and seed."""
        results = execute(simulate, self._tasks)
        return {name: [[results[k] for k in row] for row in rows] for name, rows in self._groups.items()}


def _undisturbed(plan: Plan, scale: int, frozen: bool = False) -> Callable[[Run, int], Task]:
    months = plan.burn_in, plan.cycle_months
    return lambda run, seed: Undisturbed(run.greedy, run.parameters, seed, *months, scale, frozen)


def _history(plan: Plan) -> Callable[[Run, int], Task]:
    return lambda run, seed: History(run.policy, run.parameters, seed, plan.burn_in, plan.history_months)


def _rate_rise(plan: Plan, variants: tuple[str, ...]) -> Callable[[Run, int], Task]:
    rise = plan.rate_rise, plan.rate_rise_months
    return lambda run, seed: RateRise(run.policy, run.parameters, seed, plan.burn_in, plan.horizon, *rise, variants)


def _cost_rise(plan: Plan) -> Callable[[Run, int], Task]:
    months = plan.burn_in, plan.price_months, max(PASS_THROUGH_MONTHS)
    return lambda run, seed: CostRise(run.greedy, run.parameters, seed, *months, plan.cost_rise)


def _with_fixed_spreads(run: Run) -> Run:
    """The run's households and firms among banks that charge a fixed spread over the policy rate."""
    policy = {HOUSEHOLD: run.policy, FIRM: run.policy, COMMERCIAL_BANK: "rule"}
    return Run(run.name, policy, policy, {**run.parameters, "bank_pricing": "spread"})


def run_evidence(
    runs: Sequence[Run],
    held_out_seed: int,
    pairs: int,
    execute: Callable[..., list[Any]],
    plan: Plan | None = None,
) -> dict[str, Any]:
    """The contents of ``results.json``: ``claims``, ``facts``, ``agreement``, ``seeds``,
    and what figures and tables need.

    runs: the training runs, the units of replication; all of economies of one size.
    held_out_seed: the first of ``pairs`` seeds that nobody trained or tuned on.
    execute: ``(function, tasks) -> results``; wrapped by ``task_store.resumable`` it goes on after a kill.

    Raises ``ConfigError`` where there is no run, or fewer than two seeds, or where nothing is left to compare.
    """
    if not runs:
        raise ConfigError("the evidence needs at least one training run")
    if len({run.name for run in runs}) < len(runs):
        raise ConfigError("the training runs must be different ones")
    if pairs < 2:
        raise ConfigError(f"--pairs must be a whole number >= 2, got {pairs}")
    plan = plan or Plan()
    found = Tasks(runs, held_out_seed, pairs, plan).run(execute)
    economies = {run.name: Parameters.create(run.parameters) for run in runs}
    central_banks = {run.name: make_policy(CENTRAL_BANK, run.policy, economies[run.name]) for run in runs}
    histories = dict(zip(central_banks, found["history learned"], strict=True))
    learned, random = found["rate rise learned"], found["rate rise random"]
    menu_cost = economies[runs[0].name].menu_cost
    verdicts = {
        "taylor_rule": taylor_rule(central_banks, histories, plan.placebos),
        "credit_channel": credit_channel(learned, random, found["rate rise spread"]),
        "consumption_response": consumption_response(learned, random),
        "price_stickiness": price_stickiness(found["cost rise"], plan.cost_rise, menu_cost),
        "business_cycles": business_cycles(
            {scale: found[f"undisturbed x{scale}"] for scale in plan.scales}, found["undisturbed frozen"]
        ),
    }
    samples = {
        "learned": [history for row in found["history learned"] for history in row],
        **{null: found[f"history {null}"][0] for null in NULLS},
    }
    variants = {
        "learned": Pairs(learned, "sighted"),
        "rate-blind": Pairs(learned, BLIND),
        "actions repeated": Pairs(learned, "actions_repeated"),
        "random": Pairs(random, "sighted"),
    }
    return {
        "claims": {claim: verdicts[claim] for claim in CLAIMS},
        "facts": stylised_facts(samples),
        "agreement": agreement(histories),
        "responses": impulse_responses(variants),
        "seeds": {"first": held_out_seed, "pairs": pairs},
        "runs": [run.name for run in runs],
        "bank_pricing": {name: economy.bank_pricing for name, economy in economies.items()},
        "economy": {name: getattr(economies[runs[0].name], name) for name in SIZES},
        "plan": {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(plan).items()},
        "caveat": WITH_ONE_RUN if len(runs) == 1 else None,
    }


SIZES = ("num_households", "num_firms", "num_banks")
