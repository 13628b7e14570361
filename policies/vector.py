"""Several economies in lockstep: one forward pass a type for all of them at every decision."""

import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from macro_mesa.model import MacroModel
from macro_mesa.policy import Policy
from macro_mesa.schedule import MONTH, Decision
from macro_mesa.spaces import SPACES
from policies.buffer import Rollout
from policies.ppo import PPOLearner


class LockstepEconomies:
    """Economies that walk the month's list of stages together.

    ``seats[type][k]`` is a policy that acts for a type in economy ``k`` in place of its learner, or None.
    All economies have the same numbers of agents.
    """

    def __init__(
        self,
        models: list[MacroModel],
        learners: Mapping[str, PPOLearner],
        seats: Mapping[str, Sequence[Policy | None]],
    ) -> None:
        self.models = models
        self.learners = learners
        self.seats = seats
        self.rollouts: dict[str, Rollout] = {}
        self.seconds = {"simulation": 0.0, "inference": 0.0}

    def learned_in(self, agent_type: str) -> list[int]:
        """Numbers of the economies in which a type acts by its learner."""
        return [k for k in range(len(self.models)) if self.seats[agent_type][k] is None]

    def start_rollout(self, agent_types: Sequence[str], months: int) -> None:
        """Open arrays for the types that learn and let every economy's recorder write its share.

        The last rollout's memory is used again if it fits: who still needs that rollout copies it before.
        """
        last, self.rollouts = self.rollouts, {}
        for kind in agent_types:
            agents = len(self.models[0].populations[kind])
            number = len(self.learned_in(kind)) * agents
            if number:
                before = last.get(kind)
                if before is not None and before.reward.shape == (months, number):
                    self.rollouts[kind] = before.reopened()
                else:
                    space = SPACES[kind]
                    self.rollouts[kind] = Rollout.allocate(months, number, space.size, len(space.heads))
        for k in range(len(self.models)):
            self._attach(k, slot=0)

    def columns(self, agent_type: str, economy: int) -> Rollout:
        """One economy's share of a type's rollout, as views."""
        agents = len(self.models[economy].populations[agent_type])
        place = self.learned_in(agent_type).index(economy)
        return self.rollouts[agent_type].columns(place * agents, (place + 1) * agents)

    def _attach(self, economy: int, slot: int) -> None:
        kinds = [kind for kind in self.rollouts if self.seats[kind][economy] is None]
        recorder = self.models[economy].datacollector
        recorder.record_into({kind: self.columns(kind, economy) for kind in kinds})
        recorder.slot = slot

    def _replace(self, economy: int, model: MacroModel, slot: int) -> None:
        """Put a fresh economy in the place of one whose episode has ended."""
        # the old one is garbage in a reference cycle: until it is collected it must not hold the rollout
        self.models[economy].datacollector.record_into({})
        self.models[economy] = model
        self._attach(economy, slot)

    def close_month(self, month: int, next_models: Mapping[int, Callable[[], MacroModel]], last: bool) -> None:
        """End the episodes that another follows; in the rollout's last month note the values of what comes next.

        month: of the rollout, from 0.  next_models: what makes the next economy, by the place that it takes.
        """
        for k in range(len(self.models)) if last else sorted(next_models):
            for kind in self.rollouts:
                if self.seats[kind][k] is None:
                    columns = self.columns(kind, k)
                    columns.truncated[month] = k in next_models
                    columns.final_value[month] = self._final_values(kind, k)
            if k in next_models:
                self._replace(k, next_models[k](), month + 1)

    def step(self) -> None:
        """One month of all economies."""
        start = time.perf_counter()
        inference = self.seconds["inference"]
        for model in self.models:
            model.begin_month()
        for stage in MONTH:
            if isinstance(stage, Decision):
                self._decide(stage.agent_type)
            else:
                for model in self.models:
                    stage.run(model)
        for model in self.models:
            model.end_month()
        self.seconds["simulation"] += time.perf_counter() - start - (self.seconds["inference"] - inference)

    def _decide(self, kind: str) -> None:
        """Observe in every economy, choose at once for those that learn, act in every economy."""
        learned = self.learned_in(kind)
        observations = [model.populations[kind].observe() for model in self.models]
        draws = [model.action_draws(kind) for model in self.models]
        recorded = kind in self.rollouts  # those who rest need no values
        if learned:
            start = time.perf_counter()
            seen, drawn = (_together([arrays[k] for k in learned]) for arrays in (observations, draws))
            if recorded:
                actions, log_probability, value = self.learners[kind].act(seen, drawn)
            else:
                actions = self.learners[kind].choose(seen, drawn)
            self.seconds["inference"] += time.perf_counter() - start
        first = 0
        for k, model in enumerate(self.models):
            seated = self.seats[kind][k]
            if seated is not None:
                model.populations[kind].apply(seated.act(observations[k], draws[k]))
                continue
            rows = slice(first, first + len(observations[k]))
            first = rows.stop
            model.populations[kind].apply(actions[rows])
            if recorded:
                model.datacollector.record_decision(
                    kind, observations[k], actions[rows], log_probability[rows], value[rows]
                )

    def _final_values(self, kind: str, economy: int) -> np.ndarray:
        """Value (agents,) of the state an economy is in now: what a truncation bootstraps from."""
        return self.learners[kind].value(self.models[economy].populations[kind].observe())


def _together(arrays: Sequence[np.ndarray]) -> np.ndarray:
    """The rows of all arrays; a single one is not copied."""
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)
