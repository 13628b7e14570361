"""The central bank alone as a Gymnasium environment: everybody else follows policies of the economy."""

from collections.abc import Mapping
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from macro_mesa.config import ConfigError, Parameters
from macro_mesa.model import MacroModel
from macro_mesa.policy import make_policies
from macro_mesa.recorder import PUBLISHED
from macro_mesa.spaces import AGENT_TYPES, CENTRAL_BANK, SPACES
from policies.env import Seat, observation_space, require_months


class CentralBankEnv(gymnasium.Env[np.ndarray, np.int64]):
    """One step is a month: the agent moves the policy rate, the others answer, the loss is the reward.

    Observation: Box float32 (10,), action: Discrete(5), both from ``macro_mesa.spaces``.  The central bank moves
    first in a month, so this is the model's own month, draw for draw.  ``policy`` is what the other types follow: a
    name, or a mapping of type to policy.  ``parameters`` are those of ``macro_mesa.config``.  An episode is truncated
    after ``sim_length`` months and never terminates.  ``info`` holds the month's published statistics.
    Raises ``ConfigError``.
    """

    metadata = {"render_modes": []}

    def __init__(self, sim_length: int = 120, policy: Any = "rule", shocks: Any = (), **parameters: Any) -> None:
        self.sim_length = require_months(sim_length)
        if not isinstance(policy, Mapping):
            policy = {kind: policy for kind in AGENT_TYPES if kind != CENTRAL_BANK}
        if CENTRAL_BANK in policy:
            raise ConfigError(f"policy must leave {CENTRAL_BANK} out: it acts from outside")
        make_policies(policy, Parameters.create(parameters))  # refuses what it does not know before the first episode
        self._seat = Seat()
        self._keywords = {**parameters, "shocks": shocks, "policy": {**policy, CENTRAL_BANK: self._seat}}
        self.observation_space = observation_space(CENTRAL_BANK)
        self.action_space = spaces.Discrete(SPACES[CENTRAL_BANK].head_sizes[0])

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Open a new economy: ``MacroModel(rng=seed)``, without a seed the next of a random sequence."""
        super().reset(seed=seed)
        number = int(self.np_random.integers(2**31)) if seed is None else seed
        self.model = MacroModel(**self._keywords, rng=number)
        return self._observation(), self._published()

    def step(self, action: Any) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """One month.  Raises ``ValueError`` for an action outside the space."""
        if not self.action_space.contains(action):
            raise ValueError(f"action must be in {self.action_space}, got {action!r}")
        self._seat.actions = np.array([[action]], dtype=np.int64)
        self.model.step()
        reward = float(self.model.central_banks.reward()[0])
        return self._observation(), reward, False, self.model.month >= self.sim_length, self._published()

    def _observation(self) -> np.ndarray:
        return self.model.central_banks.observe()[0]

    def _published(self) -> dict[str, Any]:
        return {name: float(self.model.economy[name][0]) for name in PUBLISHED} | {"month": self.model.month}
