"""The economy as a PettingZoo environment, for learners from elsewhere; the project's own PPO does not use it.

An agent is a household, firm, bank or the central bank, by name: ``firm_17`` is the firm of the opening in row
17, ``firm_17_g2`` the one that took its books over when it failed.  A step is a month.  All agents choose on what
is known when the month begins; inside the model a bank hears the month's policy rate before it answers.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.utils import seeding
from pettingzoo import ParallelEnv

from macro_mesa.config import ConfigError, Parameters
from macro_mesa.model import MacroModel
from macro_mesa.policy import make_policies
from macro_mesa.spaces import AGENT_TYPES, COMMERCIAL_BANK, FIRM, SPACES

REPLACED_TYPES = (FIRM, COMMERCIAL_BANK)  # a failed one leaves its row to a successor


class Seat:
    """A policy that plays what it was handed: ``actions``, integers (agents, heads)."""

    actions: np.ndarray

    def act(self, observations: np.ndarray, draws: np.ndarray) -> np.ndarray:
        """The actions handed in."""
        return self.actions


def observation_space(agent_type: str) -> spaces.Box:
    """Box float32 (size,) with the bounds of ``macro_mesa.spaces``."""
    space = SPACES[agent_type]
    return spaces.Box(space.low, space.high, dtype=np.float32)


def require_months(sim_length: Any) -> int:
    """``sim_length`` as given; raises ``ConfigError`` unless it is a whole number of months >= 1."""
    if isinstance(sim_length, bool) or not isinstance(sim_length, int) or sim_length < 1:
        raise ConfigError(f"sim_length must be a whole number of months >= 1, got {sim_length!r}")
    return sim_length


class MacroParallelEnv(ParallelEnv[str, np.ndarray, np.ndarray]):
    """Every agent of the types that ``policy`` does not name acts from outside.

    Observations are float32 (size,), actions integers (heads,), both as in ``macro_mesa.spaces``; rewards are those
    of the agent types.  A firm or bank that fails is terminated and its successor appears with a name of its own;
    after ``sim_length`` months everybody is truncated.  ``env.model`` is the economy of the present episode.
    """

    metadata = {"name": "macro_mesa_v0", "render_modes": [], "is_parallelizable": True}
    render_mode = None

    def __init__(self, sim_length: int, policy: Mapping[str, Any], shocks: Any, parameters: Mapping[str, Any]) -> None:
        self.sim_length = require_months(sim_length)
        if not isinstance(policy, Mapping):
            raise ConfigError(f"policy maps the agent types that act by themselves to policies, got {policy!r}")
        self.controlled = tuple(kind for kind in AGENT_TYPES if kind not in policy)
        if not self.controlled:
            raise ConfigError(f"policy names all of {', '.join(AGENT_TYPES)}: nobody is left to act from outside")
        self._parameters = Parameters.create(parameters)
        make_policies(policy, self._parameters)  # refuses what it does not know before the first episode
        self._seats = {kind: Seat() for kind in self.controlled}
        self._keywords = {**parameters, "shocks": shocks, "policy": {**policy, **self._seats}}
        self._seeds = seeding.np_random()[0]
        self._spaces: dict[str, tuple[spaces.Box, spaces.MultiDiscrete]] = {}
        self._names: dict[str, list[str]] = {}
        self.agents: list[str] = []

    @cached_property
    def possible_agents(self) -> list[str]:  # type: ignore[override]
        """Every name that may appear: a row changes hands at most once a month."""
        generations = {kind: self.sim_length if kind in REPLACED_TYPES else 1 for kind in self.controlled}
        return [
            _name(kind, row, generation)
            for kind in self.controlled
            for row in range(self._opening_size(kind))
            for generation in range(1, generations[kind] + 1)
        ]

    def _opening_size(self, kind: str) -> int:
        p = self._parameters
        sizes = {"household": p.num_households, FIRM: p.num_firms, COMMERCIAL_BANK: p.num_banks}
        return sizes.get(kind, 1)

    def observation_space(self, agent: str) -> spaces.Box:
        """Box float32 (size,), the same object whenever it is asked for."""
        return self._spaces_of(agent)[0]

    def action_space(self, agent: str) -> spaces.MultiDiscrete:
        """MultiDiscrete, one choice a head, the same object whenever it is asked for."""
        return self._spaces_of(agent)[1]

    def _spaces_of(self, agent: str) -> tuple[spaces.Box, spaces.MultiDiscrete]:
        if agent not in self._spaces:
            kind = agent_type_of(agent)
            self._spaces[agent] = (observation_space(kind), spaces.MultiDiscrete(SPACES[kind].choices))
        return self._spaces[agent]

    def reset(
        self, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, np.ndarray], dict[str, dict[str, Any]]]:
        """Open a new economy: ``MacroModel(rng=seed)``, without a seed the next of a random sequence."""
        if seed is not None:
            self._seeds = seeding.np_random(seed)[0]
        number = int(self._seeds.integers(2**31)) if seed is None else seed
        self.model = MacroModel(**self._keywords, rng=number)
        self._generation = {kind: np.ones(self._opening_size(kind), dtype=int) for kind in self.controlled}
        self._name_agents()
        seen = {kind: self.model.populations[kind].observe() for kind in self.controlled}
        return self._by_name(seen), {agent: {} for agent in self.agents}

    def step(
        self, actions: Mapping[str, Sequence[int] | np.ndarray]
    ) -> tuple[
        dict[str, np.ndarray], dict[str, float], dict[str, bool], dict[str, bool], dict[str, dict[str, Any]]
    ]:  # fmt: skip
        """One month.  Raises ``ValueError`` unless every living agent has one action that its space holds."""
        self._take_seats(actions)
        self.model.step()
        over = self.model.month >= self.sim_length
        populations = {kind: self.model.populations[kind] for kind in self.controlled}
        seen = {kind: population.observe() for kind, population in populations.items()}
        failed = {kind: population.terminated[: population.size] for kind, population in populations.items()}
        rewards = self._by_name({kind: population.reward().tolist() for kind, population in populations.items()})
        terminations = self._by_name({kind: rows.tolist() for kind, rows in failed.items()})
        # the failed see their books a last time, then the names change hands
        observations = self._by_name(seen)
        if over:
            self.agents = []
        else:
            for kind, rows in failed.items():
                self._generation[kind] += rows
            self._name_agents()
            observations |= self._by_name(seen)
        return (
            observations,
            {agent: rewards.get(agent, 0.0) for agent in observations},
            {agent: terminations.get(agent, False) for agent in observations},
            {agent: over and not terminations.get(agent, False) for agent in observations},
            {agent: {} for agent in observations},
        )

    def _take_seats(self, actions: Mapping[str, Sequence[int] | np.ndarray]) -> None:
        """Turn the actions of single agents into an array a type."""
        if actions.keys() != set(self.agents):
            wrong = sorted(actions.keys() ^ set(self.agents))[:3]
            raise ValueError(f"every living agent needs one action and nobody else; see {', '.join(wrong)}")
        for kind, names in self._names.items():
            for name in names:
                if not self.action_space(name).contains(np.asarray(actions[name])):
                    raise ValueError(f"action of {name} must be in {self.action_space(name)}, got {actions[name]!r}")
            self._seats[kind].actions = np.array([actions[name] for name in names], dtype=np.int64)

    def _name_agents(self) -> None:
        self._names = {
            kind: [_name(kind, row, generation) for row, generation in enumerate(self._generation[kind].tolist())]
            for kind in self.controlled
        }
        self.agents = [name for names in self._names.values() for name in names]

    def _by_name(self, rows: Mapping[str, Iterable[Any]]) -> dict[str, Any]:
        """One entry an agent from one a row, for each type."""
        return {
            name: entry for kind, names in self._names.items() for name, entry in zip(names, rows[kind], strict=True)
        }


def _name(kind: str, row: int, generation: int) -> str:
    return f"{kind}_{row}" if generation == 1 else f"{kind}_{row}_g{generation}"


def agent_type_of(agent: str) -> str:
    """The type of an agent by its name; ``KeyError`` for a name of no type."""
    for kind in AGENT_TYPES:
        if agent.startswith(f"{kind}_"):
            return kind
    raise KeyError(f"{agent!r} is no agent's name; they begin with {', '.join(AGENT_TYPES)}")


def parallel_env(
    sim_length: int = 120, policy: Mapping[str, Any] | None = None, shocks: Any = (), **parameters: Any
) -> MacroParallelEnv:
    """A PettingZoo environment of ``sim_length`` months.

    ``policy`` maps the agent types that act by themselves to policies, as for ``MacroModel``; all others are the
    environment's agents.  ``parameters`` are those of ``macro_mesa.config``.  Raises ``ConfigError``.
    """
    return MacroParallelEnv(sim_length, policy or {}, shocks, parameters)
