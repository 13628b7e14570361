"""The months that have been run, kept for replay: every agent's state, what it saw, chose and earned.

The memory is bounded: when it is full, every second kept month is dropped and from then on every second one
is kept.  Published statistics are kept for all months by the economy's own collector.
"""

import threading
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from macro_mesa import MacroModel
from macro_mesa.aggregates import net_worth
from macro_mesa.ledger import FLOWS, SECTORS, Ledger
from macro_mesa.population import MacroAgent, Population
from macro_mesa.spaces import AGENT_TYPES, CENTRAL_BANK, COMMERCIAL_BANK, FIRM, HOUSEHOLD, SPACES

MEMORY = 8 * 2**20  # bytes a session; twenty years of 125 agents before the first thinning


class LastTransition:
    """What a type saw, chose and earned in the last month; arrays of one month as the recorder writes them."""

    def __init__(self, population: Population) -> None:
        agents, space = len(population), SPACES[population.agent_type]
        self.observation = np.zeros((1, agents, space.size), dtype=np.float32)
        self.action = np.zeros((1, agents, len(space.heads)), dtype=np.int64)
        self.log_probability = np.zeros((1, agents), dtype=np.float32)
        self.value = np.zeros((1, agents), dtype=np.float32)
        self.reward = np.zeros((1, agents), dtype=np.float32)
        self.terminated = np.zeros((1, agents), dtype=bool)


def record_last_month(model: MacroModel) -> None:
    """Let the economy's recorder note its transitions, the last month's over the one before."""
    model.datacollector.record_into({kind: LastTransition(model.populations[kind]) for kind in AGENT_TYPES})


@dataclass(frozen=True)
class Group:
    """All agents of one type at a month's end: the table of their columns, and their part in the month."""

    agent_class: type[MacroAgent]
    table: np.ndarray
    unique_id: np.ndarray
    observation: np.ndarray  # at its decision, (agents, observations)
    action: np.ndarray  # (agents, heads)

    @property
    def nbytes(self) -> int:
        """Memory that it takes."""
        return self.table.nbytes + self.unique_id.nbytes + self.observation.nbytes + self.action.nbytes

    def frame(self) -> pd.DataFrame:
        """The columns as a data frame, a row an agent."""
        return pd.DataFrame({name: self.table[name] for name in self.table.dtype.names or ()})


@dataclass(frozen=True)
class Frame:
    """An economy at the end of one month."""

    month: int
    groups: dict[str, Group]
    economy: np.ndarray
    parameters: np.ndarray
    flows: np.ndarray

    # the names under which the ledger finds the tables of a model
    @property
    def households(self) -> Group:
        """Households."""
        return self.groups[HOUSEHOLD]

    @property
    def firms(self) -> Group:
        """Firms."""
        return self.groups[FIRM]

    @property
    def commercial_banks(self) -> Group:
        """Commercial banks."""
        return self.groups[COMMERCIAL_BANK]

    @property
    def central_banks(self) -> Group:
        """The central bank."""
        return self.groups[CENTRAL_BANK]

    @property
    def nbytes(self) -> int:
        """Memory that it takes."""
        return sum(group.nbytes for group in self.groups.values()) + self.flows.nbytes

    def ledger(self) -> Ledger:
        """The books of the month: balance sheet and flow matrix."""
        books: Any = self
        ledger = Ledger(books)
        ledger.flows = self.flows
        return ledger

    def wealth(self) -> np.ndarray:
        """Households' net worth, money (households,)."""
        return net_worth(
            self.households.table, self.firms.table, self.commercial_banks.table, float(self.economy["price_level"][0])
        )

    def rewards(self, agent_type: str) -> tuple[np.ndarray, tuple[str, ...]]:
        """Terms of the month's rewards, (agents, terms), and their names."""
        group = self.groups[agent_type]
        names = group.agent_class.reward_names
        terms = np.empty((len(group.table), len(names)))
        group.agent_class.fill_rewards(terms, group.table, self.economy, self.parameters)
        return terms, names


def observe_frame(model: MacroModel) -> Frame:
    """A copy of the economy as it stands."""
    return Frame(
        model.month,
        {kind: _group(model, kind) for kind in AGENT_TYPES},
        model.economy.copy(),
        model.parameter_record,
        model.ledger.flows.copy(),
    )


def _group(model: MacroModel, kind: str) -> Group:
    population = model.populations[kind]
    last: Any = model.datacollector.transitions[kind]
    ids = np.array([agent.unique_id for agent in population], dtype=np.int64)
    return Group(population.core, population.table.copy(), ids, last.observation[0].copy(), last.action[0].copy())


class Archive:
    """The frames of one economy, within ``memory`` bytes besides the latest one."""

    def __init__(self, memory: int = MEMORY) -> None:
        self._memory = memory
        self._lock = threading.Lock()
        self._frames: dict[int, Frame] = {}
        self._bytes = 0
        self._flows: list[np.ndarray] = []
        self.stride = 1
        self.latest: Frame | None = None

    def add(self, frame: Frame) -> None:
        """Keep a month."""
        with self._lock:
            self.latest = frame
            self._flows.append(frame.flows)
            if frame.month % self.stride:
                return
            self._frames[frame.month] = frame
            self._bytes += frame.nbytes
            while self._bytes > self._memory and len(self._frames) > 1:
                self.stride *= 2
                self._frames = {month: kept for month, kept in self._frames.items() if month % self.stride == 0}
                self._bytes = sum(kept.nbytes for kept in self._frames.values())

    def at(self, month: int) -> Frame:
        """The last kept month up to ``month``."""
        with self._lock:
            if self.latest is None:
                raise LookupError("no month has been kept yet")
            if month >= self.latest.month:
                return self.latest
            return self._frames[max(kept for kept in self._frames if kept <= month)]

    def flows(self, month: int) -> np.ndarray:
        """The flow matrices of months 1 to ``month``, money (months, flows, sectors)."""
        with self._lock:
            return np.array(self._flows[1 : month + 1]).reshape(-1, len(FLOWS), len(SECTORS))
