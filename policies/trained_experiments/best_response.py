"""How far the shared policies are from an equilibrium: what one agent gains by leaving its type's.

Everybody else is frozen.  In each of many economies one agent trains with PPO for itself, from the shared network and
afresh; what it found, and the shared policy's most probable actions, then meet held-out seeds beside the shared policy.
A better reply may exist that PPO does not find: the gain is approximate, and a lower bound.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from macro_mesa.experiments.paired import Findings
from macro_mesa.experiments.statistics import clustered_estimate
from macro_mesa.spaces import AGENT_TYPES
from policies.checkpoint import load_checkpoint
from policies.config import ppo_configs, training_config
from policies.learned import GREEDY
from policies.trained_experiments.design import TrainingDesign
from policies.trained_experiments.deviations import (
    BURN_IN,
    SHARED,
    Deviation,
    Unilateral,
    run_unilateral,
    train_deviator,
)
from policies.trained_experiments.retraining import checkpoint_of, continued, keep, recorded_ppo
from policies.trainer import TRAINING_SEEDS

MONTHS = 120
SELECTION_SEEDS = range(TRAINING_SEEDS, TRAINING_SEEDS + 12)
TRAINING = {"epochs": 60, "economies": 32, "rollout_months": 24, "sim_length": MONTHS, "threads": 1}
MINIBATCH = 256  # one agent an economy makes few samples
CONTINUED, AFRESH, GREEDIEST, RANDOM = "trained on", "trained afresh", "most probable actions", "random"
BEST = "best response"


# labels of deviations, by run: how the agent chooses
Deviants = dict[str, Any]


def best_response(design: TrainingDesign) -> Findings:
    """Gain of one deviator by agent type, run and way of finding its policy; the best one is chosen on other seeds."""
    months = design.months or MONTHS
    training = training_config({**TRAINING, "sim_length": months, **design.training}).model_dump(mode="json")
    deviants = _train(design, training)
    gammas = {(run, kind): _ppo(design, choice)[kind]["gamma"] for run, choice in _runs(design) for kind in AGENT_TYPES}
    chosen_on = _returns(design, deviants, gammas, list(SELECTION_SEEDS), months)
    returns = _returns(design, deviants, gammas, list(design.seeds), months)
    estimates = {kind: _estimates(returns[kind], chosen_on[kind]) for kind in AGENT_TYPES}
    words = {
        "deviation": f"one agent of one type, drawn by the seed, from month {BURN_IN + 1} on; everybody else keeps to "
        f"the policies of {design.main!r}",
        "training": training,
        "gain": "the agent's own discounted return less what the shared policy earns it in the twin economy: a lower "
        "bound, since a better reply may exist",
        BEST: f"the way that gains most on seeds {SELECTION_SEEDS[0]}-{SELECTION_SEEDS[-1]}, judged on the held-out "
        "ones; the shared policy itself is among the ways",
        "share_of_random_loss": "gain over what acting at random would lose the agent, both means",
        "months": months,
        "gamma": {f"run {run + 1}": {kind: gammas[run, kind] for kind in AGENT_TYPES} for run, _ in _runs(design)},
    }
    return Findings(words, estimates, {"gains": _table(estimates)})


def _runs(design: TrainingDesign) -> list[tuple[int, Any]]:
    return list(enumerate(design.arms[design.main]))


def _ppo(design: TrainingDesign, choice: Any) -> dict[str, dict[str, Any]]:
    """PPO settings by type: those of the run, with the design's changes."""
    checkpoint = checkpoint_of(choice)
    own = recorded_ppo(load_checkpoint(checkpoint)[1] if checkpoint else {})
    small = {"sample_fraction": 1.0, "minibatch_size": MINIBATCH}
    changed = {kind: {**settings, **small, **design.ppo.get(kind, {})} for kind, settings in own.items()}
    return {kind: config.model_dump(mode="json") for kind, config in ppo_configs(changed).items()}


def _train(design: TrainingDesign, training: Mapping[str, Any]) -> dict[tuple[int, str], Deviants]:
    """Train every type's deviators; all ways to deviate by run and type."""
    tasks: dict[tuple[int, str, str], Deviation] = {}
    for run, choice in _runs(design):
        checkpoint, ppo = checkpoint_of(choice), _ppo(design, choice)
        starts = {CONTINUED: str(checkpoint), AFRESH: None} if checkpoint else {AFRESH: None}
        for kind in AGENT_TYPES:
            for way, start in starts.items():
                settings = continued(ppo[kind]) if start else ppo[kind]
                tasks[run, kind, way] = Deviation(
                    choice, kind, start, design.parameters, training, settings, design.seed, design.shocks
                )
    trained = dict(zip(tasks, design.execute(train_deviator, list(tasks.values())), strict=True))
    deviants: dict[tuple[int, str], Deviants] = {}
    for run, choice in _runs(design):
        checkpoint = checkpoint_of(choice)
        for kind in AGENT_TYPES:
            found = {
                way: keep(design.models, f"run {run + 1} {kind} {way}", policies)
                for (number, of, way), policies in trained.items() if (number, of) == (run, kind)
            }  # fmt: skip
            greediest = {GREEDIEST: f"{checkpoint}:{GREEDY}"} if checkpoint else {}
            deviants[run, kind] = {**found, **greediest, RANDOM: "random"}
    return deviants


def _returns(
    design: TrainingDesign,
    deviants: Mapping[tuple[int, str], Deviants],
    gammas: Mapping[tuple[int, str], float],
    seeds: list[int],
    months: int,
) -> dict[str, dict[str, np.ndarray]]:
    """The deviating agent's return by type and way, (runs, seeds)."""
    runs = _runs(design)
    tasks = [
        Unilateral(choice, kind, deviants[run, kind], design.parameters, seed, months, gammas[run, kind], design.shocks)
        for kind in AGENT_TYPES for run, choice in runs for seed in seeds
    ]  # fmt: skip
    found = iter(design.execute(run_unilateral, tasks))
    returns = {}
    for kind in AGENT_TYPES:
        results = [[next(found) for _ in seeds] for _ in runs]
        returns[kind] = {way: np.array([[one[way] for one in run] for run in results]) for way in results[0][0]}
    return returns


def _estimates(returns: Mapping[str, np.ndarray], chosen_on: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """The best response's gain and that of every way, (runs, pairs) each; and what acting at random loses."""
    ways = [way for way in returns if way != RANDOM]
    best = [max(ways, key=lambda way: chosen_on[way][run].mean()) for run in range(len(returns[SHARED]))]
    reply = np.array([returns[way][run] for run, way in enumerate(best)])
    loss = returns[SHARED] - returns[RANDOM]
    found = {
        BEST: {"gain": _gain(reply - returns[SHARED], loss), "chosen": best},
        **{way: {"gain": _gain(returns[way] - returns[SHARED], loss)} for way in ways if way != SHARED},
    }
    return {**found, SHARED: clustered_estimate(returns[SHARED]), "loss by acting at random": clustered_estimate(loss)}


def _gain(gain: np.ndarray, loss: np.ndarray) -> dict[str, Any]:
    """The estimate of a gain, also as a share of the mean loss by acting at random, None where that is no loss."""
    share = float(gain.mean() / loss.mean()) if loss.mean() > 0.0 else None
    return {**clustered_estimate(gain), "share_of_random_loss": share}


def _table(estimates: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """A row a type and way: ``agent_type way gain low high random_loss``."""
    rows = [
        (kind, way, entry["gain"]["mean"], *entry["gain"]["ci"], found["loss by acting at random"]["mean"])
        for kind, found in estimates.items() for way, entry in found.items() if "gain" in entry
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["agent_type", "way", "gain", "low", "high", "random_loss"])
