"""The economy's DataCollector: aggregates for everybody, transitions for those who learn."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pandas as pd
from mesa.datacollection import DataCollector

from macro_mesa.aggregates import DISTURBANCES, STATISTICS

if TYPE_CHECKING:
    from macro_mesa.model import MacroModel

PUBLISHED = tuple(column.name for column in STATISTICS)


class Transitions(Protocol):
    """Arrays that transitions of one agent type are written into: (months, agents, ...)."""

    @property
    def observation(self) -> np.ndarray:
        """float32 (months, agents, size)."""

    @property
    def action(self) -> np.ndarray:
        """Integers (months, agents, heads)."""

    @property
    def log_probability(self) -> np.ndarray:
        """float32 (months, agents)."""

    @property
    def value(self) -> np.ndarray:
        """float32 (months, agents)."""

    @property
    def reward(self) -> np.ndarray:
        """float32 (months, agents)."""

    @property
    def terminated(self) -> np.ndarray:
        """bool (months, agents)."""


class MacroDataCollector(DataCollector):
    """Mesa's DataCollector with the published statistics built in.

    ``get_model_vars_dataframe()`` has a row a month, the opening first, indexed and also given as ``month``.
    Further reporters work as in Mesa.  ``record_into`` turns on the recording of transitions.
    """

    def __init__(
        self,
        model_reporters: Mapping[str, Any] | None = None,
        agent_reporters: Mapping[str, Any] | None = None,
        agenttype_reporters: Mapping[type, Mapping[str, Any]] | None = None,
    ) -> None:
        super().__init__(model_reporters, agent_reporters, agenttype_reporters)
        published: dict[str, list[Any]] = {name: [] for name in ("month", *PUBLISHED)}
        self.model_vars: dict[str, list[Any]] = {**published, **self.model_vars}
        self.transitions: Mapping[str, Transitions] = {}
        self.slot = 0

    def collect(self, model: "MacroModel") -> None:
        """Append the published statistics and whatever further reporters give."""
        if not self.model_reporters:
            self._collection_steps.append(model.time)
        super().collect(model)
        self.model_vars["month"].append(model.month)
        published = model.economy.item()[len(DISTURBANCES) :]
        for name, value in zip(PUBLISHED, published, strict=True):
            self.model_vars[name].append(value)

    def get_model_vars_dataframe(self) -> pd.DataFrame:
        """The model's history, one row a month."""
        return pd.DataFrame(self.model_vars, index=pd.Index(self.model_vars["month"], name="step"))

    def record_into(self, transitions: Mapping[str, Transitions]) -> None:
        """Write transitions of the agent types named into these arrays, from their first month on."""
        self.transitions = transitions
        self.slot = 0

    def record_decision(
        self,
        agent_type: str,
        observation: np.ndarray,
        action: np.ndarray,
        log_probability: np.ndarray | None = None,
        value: np.ndarray | None = None,
    ) -> None:
        """Write what a type saw and chose this month."""
        if agent_type in self.transitions:
            arrays = self.transitions[agent_type]
            arrays.observation[self.slot] = observation
            arrays.action[self.slot] = action
            if log_probability is not None and value is not None:
                arrays.log_probability[self.slot] = log_probability
                arrays.value[self.slot] = value

    def record_outcomes(self, model: "MacroModel") -> None:
        """Write the rewards of the month just ended, and whose agent left in it."""
        for agent_type, arrays in self.transitions.items():
            population = model.populations[agent_type]
            arrays.reward[self.slot] = population.reward()
            arrays.terminated[self.slot] = population.terminated[: population.size]
        self.slot += 1
