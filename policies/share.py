"""The part of a training that one process does: some groups of economies, and the learning of some types."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch

from macro_mesa import state
from macro_mesa.model import MacroModel
from macro_mesa.spaces import AGENT_TYPES, SPACES
from policies.buffer import Rollout
from policies.checkpoint import CheckpointError
from policies.config import TrainingConfig
from policies.episodes import Beginning, TrainingPlan
from policies.ppo import PPOConfig, PPOLearner
from policies.vector import LockstepEconomies

MACRO = ("gdp", "inflation", "unemployment", "policy_rate", "lending_rate", "output_gap", "bankruptcies", "capital")

Arrays = dict[str, np.ndarray]
State = tuple[Arrays, dict[str, Any]]  # arrays by name, and what JSON can hold


class RolledOut(NamedTuple):
    """What a group of economies went through in a rollout."""

    rollouts: dict[str, Rollout]
    macro: list[dict[str, float]]  # means of the main statistics, by economy
    reward_terms: dict[str, list[np.ndarray]]  # means over agents of the last month's terms, by type and economy
    seconds: dict[str, float]


def new_learners(config: TrainingConfig, ppo: Mapping[str, PPOConfig], seed: int) -> dict[str, PPOLearner]:
    """A learner for each type, with the first weights of this seed."""
    torch.set_num_threads(1)  # the first weights must not depend on it; two under load are slower than one
    learners = {}
    for kind in AGENT_TYPES:
        space = SPACES[kind]
        learners[kind] = PPOLearner(kind, space.size, space.head_names, space.head_sizes, ppo[kind], seed)
    blind(learners, config)
    return learners


def blind(learners: Mapping[str, PPOLearner], config: TrainingConfig) -> None:
    """Take the observations from learners that the training hides from them."""
    for kind, names in config.blind.items():
        learners[kind].normalizer.blind = np.array([SPACES[kind].column(name) for name in names], dtype=int)


def remote_share(
    parameters: Mapping[str, Any],
    config: TrainingConfig,
    ppo: Mapping[str, PPOConfig],
    seed: int,
    shocks: Sequence[Any],
    groups: Sequence[int],
) -> "Share":
    """A share with learners of its own, for another process."""
    return Share(TrainingPlan(parameters, config, seed, shocks), new_learners(config, ppo, seed), groups, threads=1)


class Share:
    """Groups of economies by number, and all learners, since all act in every economy.

    Economy ``k`` belongs to group ``k % rollout_groups``, however many economies there are.
    """

    def __init__(
        self, plan: TrainingPlan, learners: Mapping[str, PPOLearner], groups: Sequence[int], threads: int
    ) -> None:
        self.plan = plan
        self.learners = dict(learners)
        nobody: dict[str, list[Any]] = {kind: [] for kind in AGENT_TYPES}
        self.groups = {group: LockstepEconomies([], self.learners, nobody) for group in groups}
        self.threads = ThreadPoolExecutor(threads)
        self.progress = 0.0

    def close(self) -> None:
        """End the threads."""
        self.threads.shutdown()

    def _place(self, economy: int) -> tuple[LockstepEconomies | None, int]:
        """The group of an economy, None if it belongs to another process, and its place there."""
        place, group = divmod(economy, self.plan.config.rollout_groups)
        return self.groups.get(group), place

    # --- economies
    def open(self, progress: float, beginnings: Sequence[Beginning]) -> None:
        """Bring economies and seats to what a share of training asks for; ``beginnings`` are those that are new."""
        self.progress = progress
        seats, every = self.plan.seats(progress), self.plan.config.rollout_groups
        for group, economies in self.groups.items():
            economies.seats = {kind: held[group::every] for kind, held in seats.items()}
            del economies.models[len(range(group, self.plan.config.economies_at(progress), every)) :]
        for _, economy, episode in beginnings:
            economies_of, _ = self._place(economy)
            if economies_of is not None:
                economies_of.models.append(self.plan.new_model(economy, episode, progress))

    def roll_out(self, kinds: Sequence[str], beginnings: Sequence[Beginning]) -> dict[int, RolledOut]:
        """Months of all groups, recorded for the types that learn; by group."""
        return {group: self._roll_out(group, kinds, beginnings) for group in self.groups}

    def _roll_out(self, group: int, kinds: Sequence[str], beginnings: Sequence[Beginning]) -> RolledOut:
        economies, months = self.groups[group], self.plan.config.rollout_months
        economies.seconds = {"simulation": 0.0, "inference": 0.0}
        economies.start_rollout(kinds, months)
        for month in range(months):
            economies.step()
            next_models = {}
            for begins, economy, episode in beginnings:
                economies_of, place = self._place(economy)
                if begins == month + 1 and economies_of is economies:
                    next_models[place] = partial(self.plan.new_model, economy, episode, self.progress)
            economies.close_month(month, next_models, last=month == months - 1)
        return RolledOut(
            economies.rollouts, [_macro(model, months) for model in economies.models],
            {kind: _reward_terms(economies.models, kind) for kind in AGENT_TYPES}, economies.seconds,
        )  # fmt: skip

    def pack(self) -> dict[int, Any]:
        """The complete states of the economies, by number."""
        every = self.plan.config.rollout_groups
        return {
            group + every * place: state.pack(model)
            for group, economies in self.groups.items()
            for place, model in enumerate(economies.models)
        }

    def unpack(self, packed: Sequence[tuple[dict[str, Any], Arrays]]) -> None:
        """Go on with those of all packed economies that are this share's.

        Raises ``ConfigError`` for a state no economy can be in, ``CheckpointError`` for one of other parameters.
        """
        for economies in self.groups.values():
            economies.models.clear()
        for economy, (described, arrays) in enumerate(packed):
            economies_of, _ = self._place(economy)
            if economies_of is None:
                continue
            model = state.unpack(MacroModel, "random", described, arrays)
            if not self.plan.is_of(model.parameters):
                raise CheckpointError("the checkpoint's economies have other parameters than its training")
            economies_of.models.append(model)

    # --- learning
    def adopt(self, states: Mapping[str, State]) -> None:
        """Take over what learners have become elsewhere."""
        for kind, own in states.items():
            self.learners[kind].load_state(*own)

    def states(self, kinds: Iterable[str]) -> dict[str, State]:
        """What these types' learners are now."""
        return {kind: self.learners[kind].state() for kind in kinds}

    def learn(self, lessons: Mapping[str, tuple[Rollout, float, float, int]]) -> dict[str, dict[str, Any]]:
        """Update types' learners by the arguments of ``PPOLearner.update``; they share nothing, each has a thread."""
        updates = {kind: self.threads.submit(self.learners[kind].update, *own) for kind, own in lessons.items()}
        return {kind: update.result() for kind, update in updates.items()}


def joined(parts: Sequence[dict[str, Rollout]]) -> dict[str, Rollout]:
    """The rollouts of several groups as one for each type, agents side by side in the groups' order."""
    if len(parts) == 1:
        return parts[0]
    kinds = [kind for kind in AGENT_TYPES if any(kind in part for part in parts)]
    return {kind: Rollout.side_by_side([part[kind] for part in parts if kind in part]) for kind in kinds}


def _macro(model: MacroModel, months: int) -> dict[str, float]:
    """Means of the main statistics over the last months."""
    history = model.datacollector.model_vars
    return {name: np.mean(history[name][-months:]) for name in MACRO}


def _reward_terms(models: Sequence[MacroModel], kind: str) -> list[np.ndarray]:
    """Means over agents of each term of the last month's rewards, for every economy that has had one."""
    populations = [model.populations[kind] for model in models if model.month > 0]
    return [population.core.reward_components(population).mean(axis=0) for population in populations]
