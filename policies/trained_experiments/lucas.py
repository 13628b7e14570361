"""The Lucas critique: central banks against private agents as they are, and retrained under each of them.

A rule judged on frozen private agents may win because they do not answer it (Lucas 1976).  So households, firms and
banks go on learning under every central bank, and each bank then meets the private agents of all: the diagonal of this
cross-play table is the headline, the column of frozen agents stands beside it.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from macro_mesa.experiments import policy_rules
from macro_mesa.experiments.paired import Findings, with_types
from macro_mesa.experiments.policy_rules import CONSTANT, MONTHS, PARTS, SIMPLE, WARM_UP, Rule, Term, run_term
from macro_mesa.experiments.statistics import clustered_estimate
from macro_mesa.spaces import CENTRAL_BANK, COMMERCIAL_BANK, FIRM, HOUSEHOLD
from policies.trained_experiments.design import TrainingDesign
from policies.trained_experiments.retraining import checkpoints_of, keep, retrain, retraining

EPOCHS = 60
PRIVATE = (HOUSEHOLD, FIRM, COMMERCIAL_BANK)
LEARNED, GIVEN, FROZEN = "learned", "given rule", "frozen"

# bank: private agents (frozen, or the bank they were retrained under): part of the loss: sample (runs, pairs)
Samples = dict[str, dict[str, dict[str, np.ndarray]]]


def lucas(design: TrainingDesign) -> Findings:
    """Loss of every central bank under frozen and retrained private agents, and the cross-play table.

    The best constant rate and the optimised simple rule are chosen on training seeds under frozen agents, as in
    ``policy_rules``; ``training.fixed.central_bank`` adds a rule of the user's.
    """
    rules: dict[str, Rule] = {
        LEARNED: None,
        CONSTANT: policy_rules.best_of(design, policy_rules.CONSTANT_RATES, policy_rules.ROUNDS),
        "Taylor 1993": "taylor",
        SIMPLE: policy_rules.best_of(design, policy_rules.SIMPLE_RULES, policy_rules.ROUNDS),
        **_given(design),
    }
    private = _retrained(design, rules)
    samples = cross_play(design, rules, private)
    estimates = {
        "retrained": {bank: _judged(samples[bank][bank], samples[LEARNED][LEARNED]) for bank in rules},
        FROZEN: {bank: _judged(samples[bank][FROZEN], samples[LEARNED][FROZEN]) for bank in rules},
        "retrained less frozen": {
            bank: clustered_estimate(samples[bank][bank]["loss"] - samples[bank][FROZEN]["loss"]) for bank in rules
        },
        "cross play": {
            bank: {others: clustered_estimate(parts["loss"]) for others, parts in found.items()}
            for bank, found in samples.items()
        },
    }
    estimates["retrained"][SIMPLE]["learned_within_10_percent"] = policy_rules.within_margin(
        samples[LEARNED][LEARNED]["loss"], samples[SIMPLE][SIMPLE]["loss"]
    )
    words = {
        "headline": "retrained: private agents went on learning under the bank they are judged with",
        "frozen": f"private agents of {design.main!r} as they are",
        "cross play": "central bank: the bank under which private agents were retrained: loss",
        "rules": {bank: "the run's own" if rule is None else rule for bank, rule in rules.items()},
        "loss": "mean of squared deviations in percentage points, weighted as in the central bank's reward, a month",
        "warm_up": f"{WARM_UP} months under each bank before its loss counts",
        "training": {"epochs": EPOCHS, **_own_settings(design)},
        "private_agents": private,
    }
    return Findings(words, estimates, {"rules": _rule_table(estimates), "cross_play": _cross_table(estimates)})


def _given(design: TrainingDesign) -> dict[str, Rule]:
    given = design.training.get("fixed", {}).get(CENTRAL_BANK)
    return {} if given is None else {GIVEN: given}


def _own_settings(design: TrainingDesign) -> dict[str, Any]:
    return {name: value for name, value in design.training.items() if name != "fixed"}


def _retrained(design: TrainingDesign, rules: Mapping[str, Rule]) -> dict[str, list[dict[str, str]]]:
    """Retrain every run's private agents under every bank: by bank, a checkpoint for each run and private type."""
    runs = list(zip(design.arms[design.main], checkpoints_of(design, "lucas"), strict=True))
    tasks = []
    for rule in rules.values():
        for choice, checkpoint in runs:
            bank = with_types(choice)[CENTRAL_BANK] if rule is None else rule
            changes = {"epochs": EPOCHS, **_own_settings(design), "fixed": {CENTRAL_BANK: bank}}
            tasks.append(retraining(design, checkpoint, changes, warm=True))
    trained = iter(design.execute(retrain, tasks))
    private: dict[str, list[dict[str, str]]] = {}
    for bank in rules:
        folders = [keep(design.models, f"run {run + 1} under {bank}", next(trained)) for run in range(len(runs))]
        private[bank] = [dict.fromkeys(PRIVATE, folder) for folder in folders]
    return private


def cross_play(
    design: TrainingDesign, rules: Mapping[str, Rule], private: Mapping[str, list[dict[str, str]]]
) -> Samples:
    """Every central bank with the frozen private agents and with those of every other, on all runs and seeds."""
    choices = design.arms[design.main]
    agents: dict[str, list[Any]] = {
        FROZEN: list(choices),
        **{bank: [with_types(choices[run], **own) for run, own in enumerate(sets)] for bank, sets in private.items()},
    }
    tasks = [
        Term(policy, rule, design.parameters, seed, design.months or MONTHS, design.shocks)
        for rule in rules.values() for sets in agents.values() for policy in sets for seed in design.seeds
    ]  # fmt: skip
    found = iter(design.execute(run_term, tasks))
    samples: Samples = {}
    for bank in rules:
        samples[bank] = {}
        for others, sets in agents.items():
            terms = [[next(found) for _ in design.seeds] for _ in sets]
            samples[bank][others] = {
                part: np.array([[term[part] for term in run] for run in terms]) for part in PARTS
            }  # fmt: skip
    return samples


def _judged(parts: Mapping[str, np.ndarray], learned: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """The loss, its parts, and how much it exceeds the learned bank's among its own private agents, paired."""
    found: dict[str, Any] = {part: clustered_estimate(sample) for part, sample in parts.items()}
    if parts is not learned:
        less = clustered_estimate(parts["loss"] - learned["loss"])
        found["loss_less_learned"] = less | {"expected": "above zero", "passed": less["ci"][0] > 0.0}
    return found


def _rule_table(estimates: Mapping[str, Any]) -> pd.DataFrame:
    """Columns: private (retrained or frozen), bank, part, mean, low, high."""
    rows = [
        (private, bank, part, entry["mean"], *entry["ci"])
        for private in ("retrained", FROZEN)
        for bank, parts in estimates[private].items() for part, entry in parts.items()
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["private", "bank", "part", "mean", "low", "high"])


def _cross_table(estimates: Mapping[str, Any]) -> pd.DataFrame:
    """Columns: bank, private (frozen, or the bank they were retrained under), mean, low, high: of the loss."""
    rows = [
        (bank, private, entry["mean"], *entry["ci"])
        for bank, found in estimates["cross play"].items() for private, entry in found.items()
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["bank", "private", "mean", "low", "high"])
