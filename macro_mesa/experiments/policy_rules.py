"""The central-bank contest: the learned central bank against rules that see and may do exactly what it does.

Private agents are those of the first arm, frozen.  The best constant rate and the best simple rule are chosen on
training seeds by successive halving (Jamieson and Talwalkar 2016): all candidates on few seeds, the better ones
on more.  All rules are then judged on the same held-out seeds.

The gate asks of each training run by itself whether policy has anything to do there: does a rule that answers the
economy beat the best constant rate?
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from macro_mesa.config import Parameters
from macro_mesa.experiments.paired import Design, Findings, Shocks, with_types
from macro_mesa.experiments.statistics import clustered_estimate
from macro_mesa.model import MacroModel
from macro_mesa.rules import SimpleRule

Rule = str | Mapping[str, float] | None  # a policy's name, coefficients of a simple rule, None for the arm's own
MONTHS = 120
WARM_UP = 24  # months under the rule before its loss counts
OWN, CONSTANT, SIMPLE = "own", "best constant rate", "optimised simple rule"
CONSTANT_RATES = tuple(f"constant:{rate / 1000:g}" for rate in range(0, 85, 5))
SIMPLE_RULES = tuple(
    {
        "smoothing": rho, "inflation_response": phi_pi, "gap_response": phi_y, "neutral_rate": neutral,
        "inflation_months": months,
    }
    for rho, phi_pi, phi_y, neutral, months in itertools.product(
        (0.5, 0.85, 0.95, 0.97), (0.0, 0.5, 1.0, 2.0), (0.0, 0.5, 1.0), (0.0, 0.01, 0.02, 0.03), (3, 12)
    )
)
ROUNDS = (2, 6, 16)  # seeds that candidates have met at the end of each round
KEPT = 0.25  # share of candidates that goes on to the next round
GATE_RULES, GATE_SEEDS = 12, 8  # rules of the search from which each run has its own, chosen on so many training seeds
MARGIN = 0.1  # a learned bank that loses by less than this share "comes within" the optimised rule
PARTS = (
    "loss", "inflation", "output_gap", "rate_change", "at_bound", "sd_inflation", "sd_output_gap", "sd_policy_rate",
)  # fmt: skip


@dataclass(frozen=True)
class Term:
    """A task: one economy under a central bank's rule."""

    policy: Any
    rule: Rule
    parameters: Mapping[str, Any]
    seed: int
    months: int
    shocks: Shocks = ()


def run_term(term: Term) -> dict[str, float]:
    """Mean loss a month after the warm-up, its parts, and standard deviations, by the names of ``PARTS``."""
    policy = term.policy
    if term.rule is not None:
        policy = with_types(policy, central_bank=_bank(term.rule, term.parameters))
    model = MacroModel(**term.parameters, policy=policy, shocks=term.shocks, rng=term.seed)
    for _ in range(WARM_UP + term.months):
        model.step()
    history = model.datacollector.get_model_vars_dataframe()
    return losses(history.iloc[WARM_UP:], model.parameters)


def _term(design: Design, policy: Any, rule: Rule, seed: int) -> Term:
    return Term(policy, rule, design.parameters, seed, design.months or MONTHS, design.shocks)


def _bank(rule: Rule, parameters: Mapping[str, Any]) -> Any:
    return SimpleRule(Parameters.create(parameters), **rule) if isinstance(rule, Mapping) else rule


def losses(history: pd.DataFrame, parameters: Parameters) -> dict[str, float]:
    """Mean loss, its parts and standard deviations (percentage points) over a history's months after its first row."""
    rate = 100.0 * history["policy_rate"].to_numpy()
    months = history.iloc[1:]
    inflation = 100.0 * (months["inflation"].to_numpy() - parameters.inflation_target)
    gap = 100.0 * months["output_gap"].to_numpy()
    parts = {
        "inflation": float((inflation**2).mean()),
        "output_gap": float(parameters.output_gap_weight * (gap**2).mean()),
        "rate_change": float(parameters.rate_change_weight * (np.diff(rate) ** 2).mean()),
    }
    bounds = 100.0 * np.array([parameters.lower_bound, parameters.upper_bound])
    return {
        "loss": sum(parts.values()),
        **parts,
        "at_bound": float(np.isclose(rate[1:, None], bounds).any(axis=1).mean()),
        "sd_inflation": float(inflation.std()),
        "sd_output_gap": float(gap.std()),
        "sd_policy_rate": float(rate[1:].std()),
    }


def policy_rules(
    design: Design,
    constant_rates: Sequence[Rule] = CONSTANT_RATES,
    simple_rules: Sequence[Rule] = SIMPLE_RULES,
    rounds: Sequence[int] = ROUNDS,
) -> Findings:
    """The contest: loss of every rule, its parts, and paired differences from the arm's own central bank."""
    candidates = {CONSTANT: constant_rates, SIMPLE: simple_rules}
    searched = {name: search(design, rules, rounds) for name, rules in candidates.items()}
    chosen = {name: candidates[name][table["candidate"].iloc[0]] for name, table in searched.items()}
    rules: dict[str, Rule] = {
        OWN: None, CONSTANT: chosen[CONSTANT], "Taylor 1993": "taylor", "inertial Taylor, .85": "inertial_taylor",
        SIMPLE: chosen[SIMPLE], "random walk": "random",
    }  # fmt: skip
    samples = contest(design, rules)
    own = samples[OWN]["loss"]
    estimates = {
        name: {
            **{part: clustered_estimate(sample) for part, sample in parts.items()},
            "rule": _described(rules[name], design.main),
            **({} if name == OWN else {"loss_less_own": _verdict(parts["loss"] - own)}),
        }
        for name, parts in samples.items()
    }
    estimates[SIMPLE]["own_within_10_percent"] = within_margin(own, samples[SIMPLE]["loss"])
    finalists = {
        CONSTANT: constant_rates,
        SIMPLE: [simple_rules[number] for number in searched[SIMPLE]["candidate"][:GATE_RULES]],
    }
    estimates["gate"] = gate(design, finalists)
    words = {
        "gate": "loss of the best constant rate less that of the best simple rule, by run, each the run's own best",
        "private_agents": f"policies {design.main!r}, frozen",
        "loss": "mean of squared deviations in percentage points, weighted as in the central bank's reward, a month",
        "own": f"the central bank of {design.main!r}",
        "search": f"successive halving on training seeds 0-{max(rounds) - 1}, {rounds} seeds by round",
        "warm_up": f"{WARM_UP} months under each rule before its loss counts",
    }
    tables = {"rules": _table(estimates), "search": pd.concat(searched, names=["kind"]).reset_index("kind")}
    return Findings(words, estimates, tables)


def contest(design: Design, rules: Mapping[str, Rule]) -> dict[str, dict[str, np.ndarray]]:
    """Every rule on every run and seed: rule, part, sample (runs, pairs)."""
    choices = design.arms[design.main]
    tasks = [
        _term(design, choice, rule, seed) for rule in rules.values() for choice in choices for seed in design.seeds
    ]
    found = iter(design.execute(run_term, tasks))
    samples = {}
    for name in rules:
        terms = [[next(found) for _ in design.seeds] for _ in choices]
        samples[name] = {part: np.array([[term[part] for term in run] for run in terms]) for part in PARTS}
    return samples


def gate(design: Design, candidates: Mapping[str, Sequence[Rule]], seeds: int = GATE_SEEDS) -> dict[str, Any]:
    """By run: loss of its best constant rate less that of its best simple rule, both chosen on training seeds."""
    found = {}
    for number, choice in enumerate(design.arms[design.main], start=1):
        run = replace(design, arms={design.main: [choice]})
        best = {kind: best_of(run, rules, (seeds,)) for kind, rules in candidates.items()}
        samples = contest(run, best)
        found[f"run {number}"] = _verdict(samples[CONSTANT]["loss"] - samples[SIMPLE]["loss"]) | {
            "constant": best[CONSTANT], "rule": _words(best[SIMPLE]),
        }  # fmt: skip
    return found


def best_of(design: Design, candidates: Sequence[Rule], rounds: Sequence[int]) -> Rule:
    """The candidate of least mean loss on training seeds, by ``search``."""
    return candidates[search(design, candidates, rounds)["candidate"].iloc[0]]


def search(design: Design, candidates: Sequence[Rule], rounds: Sequence[int] = ROUNDS) -> pd.DataFrame:
    """Successive halving on training seeds; seed k meets the run k modulo the number of runs.

    Columns: candidate (its place among ``candidates``), rule, seeds it has met, mean loss; the best one first,
    among those that met all seeds.
    """
    choices = design.arms[design.main]
    found: dict[int, list[float]] = {number: [] for number in range(len(candidates))}
    alive = list(found)
    for first, last in itertools.pairwise((0, *rounds)):
        tasks = [
            _term(design, choices[seed % len(choices)], candidates[number], seed)
            for number in alive for seed in range(first, last)
        ]  # fmt: skip
        results = iter(design.execute(run_term, tasks))
        for number in alive:
            found[number] += [next(results)["loss"] for _ in range(first, last)]
        alive.sort(key=lambda number: float(np.mean(found[number])))
        if last != rounds[-1]:
            alive = alive[: math.ceil(KEPT * len(alive))]
    rows = [(number, _words(candidates[number]), len(met), float(np.mean(met))) for number, met in found.items()]
    table = pd.DataFrame(rows, columns=["candidate", "rule", "seeds", "loss"])
    return table.sort_values(["seeds", "loss"], ascending=[False, True], ignore_index=True)


def _verdict(difference: np.ndarray) -> dict[str, Any]:
    """Of two paired losses: whether the first exceeds the second, from their difference (runs, pairs)."""
    found = clustered_estimate(difference)
    return found | {"expected": "above zero", "passed": found["ci"][0] > 0.0}


def within_margin(own: np.ndarray, rule: np.ndarray) -> dict[str, Any]:
    """Whether a bank's loss exceeds a rule's by less than ``MARGIN``, from paired losses (runs, pairs)."""
    found = clustered_estimate(own - (1.0 + MARGIN) * rule)
    return found | {"expected": "below zero", "passed": found["ci"][1] < 0.0}


def _words(rule: Rule) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in rule.items()) if isinstance(rule, Mapping) else str(rule)


def _described(rule: Rule, main: str) -> Any:
    return f"central bank of {main}" if rule is None else dict(rule) if isinstance(rule, Mapping) else rule


def _table(estimates: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    rows = [
        (name, part, entries[part]["mean"], *entries[part]["ci"])
        for name, entries in estimates.items() for part in (*PARTS, "loss_less_own") if part in entries
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["rule", "part", "mean", "low", "high"])
