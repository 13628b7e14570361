"""Evaluation: what each agent type earns, and how the economy does, under several policies on the same seeds."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from macro_mesa.experiments.statistics import estimate
from macro_mesa.model import MacroModel
from macro_mesa.spaces import AGENT_TYPES

FIRST_HELD_OUT_SEED = 10_000  # smaller seeds are for training and tuning

# statistics reported as "macro": mean and standard deviation over months, averaged over seeds
MACRO = (
    "gdp", "consumption", "investment", "unemployment", "inflation", "policy_rate", "lending_rate",
    "deposit_rate", "credit", "wage", "output_gap", "gini_wealth", "bankruptcies", "bank_resolutions",
    "capital", "capital_ratio",
)  # fmt: skip

Execute = Callable[[Callable[["Episode"], "EpisodeResult"], Sequence["Episode"]], list["EpisodeResult"]]


@dataclass(frozen=True)
class Episode:
    """One economy to run: its policies, parameters, seed and length in months."""

    policy: Any
    parameters: Mapping[str, Any]
    seed: int
    months: int
    shocks: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True)
class EpisodeResult:
    """What came of an episode."""

    returns: dict[str, float]  # agent type: sum of rewards over the months, mean over agents
    components: dict[str, dict[str, float]]  # agent type: term of the reward: the same for that term
    history: pd.DataFrame


def run_episode(episode: Episode) -> EpisodeResult:
    """Run one economy from its opening to the end of the episode."""
    model = MacroModel(**episode.parameters, policy=episode.policy, shocks=episode.shocks, rng=episode.seed)
    returns = dict.fromkeys(AGENT_TYPES, 0.0)
    components: dict[str, np.ndarray] = {}
    for _ in range(episode.months):
        model.step()
        for kind, population in model.populations.items():
            returns[kind] += float(population.reward().mean())
            terms = population.core.reward_components(population).mean(axis=0)
            components[kind] = components.get(kind, 0.0) + terms
    named = {
        kind: dict(zip(model.populations[kind].core.reward_names, terms.tolist(), strict=True))
        for kind, terms in components.items()
    }
    return EpisodeResult(returns, named, model.datacollector.get_model_vars_dataframe())


def serially(run: Callable[[Episode], EpisodeResult], episodes: Sequence[Episode]) -> list[EpisodeResult]:
    """The plainest way to execute episodes: one after the other."""
    return [run(episode) for episode in episodes]


def evaluate(
    policies: Mapping[str, Any],
    seeds: Sequence[int],
    months: int,
    parameters: Mapping[str, Any],
    execute: Execute = serially,
    shocks: Sequence[Mapping[str, Any]] = (),
) -> tuple[dict[str, Any], dict[str, list[pd.DataFrame]]]:
    """Compare policies on the same seeds.

    Returns the contents of ``results.json`` (``returns`` by agent type and policy with bootstrap 95 %
    intervals over seeds, ``components``, ``macro``, ``seeds``, ``months``) and the histories by policy.
    """
    episodes = [
        Episode(policy, parameters, seed, months, shocks) for policy in policies.values() for seed in seeds
    ]
    results = execute(run_episode, episodes)
    by_policy = {
        name: results[number * len(seeds) : (number + 1) * len(seeds)] for number, name in enumerate(policies)
    }
    summary = {
        "returns": {
            kind: {
                name: estimate(np.array([result.returns[kind] for result in found]))
                for name, found in by_policy.items()
            }
            for kind in AGENT_TYPES
        },
        "components": {
            kind: {name: _mean_components(found, kind) for name, found in by_policy.items()} for kind in AGENT_TYPES
        },
        "macro": {name: macro_moments([r.history for r in found]) for name, found in by_policy.items()},
        "seeds": list(seeds),
        "months": months,
    }
    return summary, {name: [result.history for result in found] for name, found in by_policy.items()}


def _mean_components(results: Sequence[EpisodeResult], kind: str) -> dict[str, float]:
    terms = results[0].components[kind]
    return {term: float(np.mean([result.components[kind][term] for result in results])) for term in terms}


def macro_moments(histories: Sequence[pd.DataFrame]) -> dict[str, dict[str, float]]:
    """Mean over seeds of each statistic's mean and standard deviation over months, the opening left out."""
    months = [history.iloc[1:] for history in histories]
    return {
        name: {
            "mean": float(np.mean([frame[name].mean() for frame in months])),
            "sd": float(np.mean([frame[name].std() for frame in months])),
        }
        for name in MACRO
    }
