"""One agent that leaves its type's shared policy while everybody else keeps to theirs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from macro_mesa.config import Parameters
from macro_mesa.model import MacroModel
from macro_mesa.policy import Policy, make_policies, make_policy
from macro_mesa.spaces import SPACES
from policies.buffer import Rollout
from policies.checkpoint import below, load_checkpoint
from policies.config import ppo_configs, training_config
from policies.learned import space_description
from policies.ppo import Decision, PPOLearner
from policies.trainer import TRAINING_SEEDS

SHARED = "shared policy"
BURN_IN = 24  # months under the shared policies before anybody deviates


class OneDeviates:
    """A policy of a type one of whose agents, in ``row``, follows its own."""

    def __init__(self, shared: Policy, own: Policy, row: int) -> None:
        self._shared = shared
        self._own = own
        self._row = slice(row, row + 1)

    def act(self, observations: np.ndarray, draws: np.ndarray) -> np.ndarray:
        """Actions, int64 (n, heads)."""
        actions = self._shared.act(observations, draws).copy()
        actions[self._row] = self._own.act(observations[self._row], draws[self._row])
        return actions


class Learning:
    """A learner as a policy; remembers what it last saw and decided."""

    observation: np.ndarray
    decision: Decision

    def __init__(self, learner: PPOLearner) -> None:
        self.learner = learner

    def act(self, observations: np.ndarray, draws: np.ndarray) -> np.ndarray:
        """Sampled actions, int64 (n, heads)."""
        self.observation, self.decision = observations, self.learner.act(observations, draws)
        return self.decision.actions


def deviating_row(seed: int, agents: int) -> int:
    """Who deviates in the economy of a seed: anybody, with the same chance."""
    return int(np.random.default_rng([seed, agents]).integers(agents))


def burned_in(policies: Any, parameters: Mapping[str, Any], shocks: Sequence[Any], seed: int) -> MacroModel:
    """An economy that the shared policies have run for ``BURN_IN`` months."""
    model = MacroModel(**parameters, policy=policies, shocks=shocks, rng=seed)
    for _ in range(BURN_IN):
        model.step()
    return model


# --- training
@dataclass(frozen=True)
class Deviation:
    """A task: train one deviating agent of a type in each of many economies.

    start_from: checkpoint whose network of the type it begins with; None begins afresh.
    training: settings of the section ``training``, of which it uses ``epochs``, ``economies``, ``rollout_months`` and
        ``sim_length`` (months from the deviation to the end of an episode).
    """

    policy: Any
    agent_type: str
    start_from: str | None
    parameters: Mapping[str, Any]
    training: Mapping[str, Any]
    ppo: Mapping[str, Any]
    seed: int
    shocks: Sequence[Mapping[str, Any]] = ()


def train_deviator(task: Deviation) -> dict[str, Any]:
    """The deviator's policy, ``arrays`` and ``meta`` of a checkpoint."""
    torch.set_num_threads(1)
    config = training_config(task.training)
    space = SPACES[task.agent_type]
    settings = ppo_configs({task.agent_type: task.ppo})[task.agent_type]
    learner = PPOLearner(task.agent_type, space.size, space.head_names, space.head_sizes, settings, task.seed)
    economies = DeviationEconomies(task, learner, config.economies, config.sim_length)
    if task.start_from is None:
        learner.warm_up(economies.observations())
    else:
        learner.start_from(below(load_checkpoint(Path(task.start_from))[0], f"{task.agent_type}."))
    for update in range(config.epochs):
        learner.update(economies.rollout(config.rollout_months), update / config.epochs)
    arrays, meta = learner.state()
    policy = {name: array for name, array in arrays.items() if name.startswith(("network.", "normalizer."))}
    kept = {f"{task.agent_type}.{name}": array for name, array in policy.items()}
    meta.pop("generator")
    spaces = {task.agent_type: space_description(task.agent_type)}
    return {"arrays": kept, "meta": {"spaces": spaces, "learners": {task.agent_type: meta}}}


class DeviationEconomies:
    """Economies in which one agent learns; an episode that is over makes room for another one."""

    def __init__(self, task: Deviation, learner: PPOLearner, number: int, months: int) -> None:
        self._task = task
        self._learner = learner
        self._months = months
        self._episodes = 0
        self._policies = make_policies(task.policy, Parameters.create(task.parameters))
        self._economies = [self._open() for _ in range(number)]
        # staggered, so that a rollout holds all phases of an episode
        self._left = [max(1, months * (k + 1) // number) for k in range(number)]

    def _open(self) -> tuple[MacroModel, Learning, int]:
        entropy = np.random.SeedSequence([self._task.seed, self._episodes])
        seed = int(entropy.generate_state(1)[0]) % TRAINING_SEEDS
        self._episodes += 1
        model = burned_in(self._policies, self._task.parameters, self._task.shocks, seed)
        kind = self._task.agent_type
        row = deviating_row(seed, len(model.populations[kind]))
        own = Learning(self._learner)
        model.policies = {**model.policies, kind: OneDeviates(model.policies[kind], own, row)}
        return model, own, row

    def observations(self) -> np.ndarray:
        """What all agents of the type see now, float32 (n, size)."""
        return np.concatenate([model.populations[self._task.agent_type].observe() for model, _, _ in self._economies])

    def rollout(self, months: int) -> Rollout:
        """So many months of all deviators, a column each."""
        space = SPACES[self._task.agent_type]
        rollout = Rollout.allocate(months, len(self._economies), space.size, len(space.heads))
        for month in range(months):
            for k in range(len(self._economies)):
                self._step(rollout, month, k)
        return rollout

    def _step(self, rollout: Rollout, month: int, k: int) -> None:
        model, own, row = self._economies[k]
        model.step()
        self._left[k] -= 1
        population = model.populations[self._task.agent_type]
        rollout.observation[month, k] = own.observation[0]
        rollout.action[month, k] = own.decision.actions[0]
        rollout.log_probability[month, k] = own.decision.log_probability[0]
        rollout.value[month, k] = own.decision.value[0]
        rollout.reward[month, k] = population.reward()[row]
        rollout.terminated[month, k] = population.terminated[row]
        over = self._left[k] == 0
        if over or month == rollout.months - 1:
            rollout.truncated[month, k] = over
            rollout.final_value[month, k] = self._learner.value(population.observe()[row : row + 1])[0]
        if over:
            self._economies[k], self._left[k] = self._open(), self._months


# --- what deviating earns
@dataclass(frozen=True)
class Unilateral:
    """A task: twins of one economy that differ in the policy of a single agent.

    deviants: label to that agent's choice of policy.
    gamma: discount factor a month.
    """

    policy: Any
    agent_type: str
    deviants: Mapping[str, Any]
    parameters: Mapping[str, Any]
    seed: int
    months: int
    gamma: float
    shocks: Sequence[Mapping[str, Any]] = ()


def run_unilateral(task: Unilateral) -> dict[str, float]:
    """The agent's own discounted return under the shared policy (``SHARED``) and under each deviant one."""
    model = burned_in(task.policy, task.parameters, task.shocks, task.seed)
    shared = model.policies[task.agent_type]
    row = deviating_row(task.seed, len(model.populations[task.agent_type]))
    policies = {label: make_policy(task.agent_type, own, model.parameters) for label, own in task.deviants.items()}
    found = {}
    for label, own in policies.items():
        twin = model.fork()
        twin.policies = {**twin.policies, task.agent_type: OneDeviates(shared, own, row)}
        found[label] = _own_return(twin, task.agent_type, row, task.months, task.gamma)
    return {SHARED: _own_return(model, task.agent_type, row, task.months, task.gamma), **found}


def _own_return(model: MacroModel, agent_type: str, row: int, months: int, gamma: float) -> float:
    """Discounted rewards of the agent that holds a row now, to its end or that of the months."""
    population = model.populations[agent_type]
    total = 0.0
    for month in range(months):
        model.step()
        total += gamma**month * float(population.reward()[row])
        if population.terminated[row]:
            break
    return total
