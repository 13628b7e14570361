"""Agents' state as columns, and live views on them.

A population keeps one record an agent in a structured array, so that a market that visits agents in random
order touches one place in memory an agent and a compiled loop reads ``households[i].deposits``.  The Mesa
agents are views: their attributes read and write their own row.  Rows are reused by swapping with the last
one; an agent that has left raises when it is used.
"""

import functools
import gc
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import mesa
import numpy as np

from macro_mesa.compiled import CACHE_LINE, jit
from macro_mesa.spaces import SPACES

if TYPE_CHECKING:
    from macro_mesa.model import MacroModel


@dataclass(frozen=True)
class Column:
    """One attribute of every agent of a type: name, numpy type, unit, meaning, value of a new agent."""

    name: str
    dtype: str
    unit: str
    meaning: str
    initial: float = 0.0


class StaleAgentError(ValueError):
    """An agent that has left its economy was used."""


class MacroAgent(mesa.Agent):
    """A Mesa agent whose attributes are a row of its population's columns.

    Subclass one of the four agent types to extend it: list further ``columns``; override ``observe``,
    ``apply`` or ``reward`` for all agents of the class (arrays), or ``decide`` for one agent in plain Python.
    """

    columns: ClassVar[tuple[Column, ...]] = ()
    agent_type: ClassVar[str] = ""
    reward_names: ClassVar[tuple[str, ...]] = ()
    fill_rewards: ClassVar[Callable[..., None]]  # the compiled reward of the type

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for column in cls.__dict__.get("columns", ()):
            setattr(cls, column.name, _column_property(column))

    def __init__(self, model: "MacroModel", population: "Population", row: int) -> None:
        super().__init__(model)
        self._population = population
        self._row = row

    @property
    def row(self) -> int:
        """This agent's row in its population's columns; raises ``StaleAgentError`` once it has left."""
        if self._row < 0:
            raise StaleAgentError(f"{type(self).__name__} {self.unique_id} has left its economy")
        return self._row

    @property
    def observation(self) -> np.ndarray:
        """What this agent would see if it decided now, float32 (observations,)."""
        return self._population.observe()[self.row]

    def decide(self) -> Sequence[int]:
        """Actions of this agent, one integer a head; overriding it takes the agent from its policy."""
        raise NotImplementedError(f"{type(self).__name__} leaves its decisions to its population's policy")

    def remove(self) -> None:
        """Leave the economy between two months, with the books settled (``macro_mesa.demography``)."""
        self.model.remove_agent(self)

    @classmethod
    def observe(cls, population: "Population") -> np.ndarray:
        """Observations of the whole population, float32 (agents, observations)."""
        raise NotImplementedError

    @classmethod
    def apply(cls, population: "Population", actions: np.ndarray, rows: np.ndarray | None = None) -> None:
        """Carry out actions, integers (agents, heads), of all agents or of ``rows``."""
        raise NotImplementedError

    @classmethod
    def reward(cls, population: "Population") -> np.ndarray:
        """Rewards of the month just ended, float64 (agents,)."""
        return cls.reward_components(population).sum(axis=1)

    @classmethod
    def reward_components(cls, population: "Population") -> np.ndarray:
        """Terms of the rewards, float64 (agents, terms), in the order of ``reward_names``."""
        model = population.model
        components = np.empty((population.size, len(cls.reward_names)))
        cls.fill_rewards(components, population.table, model.economy, model.parameter_record)
        return components


def _column_property(column: Column) -> property:
    name = column.name

    def read(agent: MacroAgent) -> Any:
        return agent._population.memory[name][agent.row]

    def write(agent: MacroAgent, value: Any) -> None:
        agent._population.memory[name][agent.row] = value

    return property(read, write, doc=f"{column.meaning} ({column.unit}).")


class Population:
    """All agents of one type: their records, their views, and what they do together.

    ``population.price`` is the live column of that name, shape (agents,).
    """

    def __init__(self, model: "MacroModel", agent_class: type[MacroAgent], size: int) -> None:
        self.model = model
        self.agent_class = agent_class
        self.agent_type = agent_class.agent_type
        self.core = _core_class(agent_class)
        self.core_names = tuple(column.name for column in self.core.columns)
        self._storage = _aligned_zeros(size, _record_type(self.core.columns))
        self._extras: dict[str, np.ndarray] = {}
        self.size = 0
        self.agents: list[MacroAgent] = []
        self.terminated = np.zeros(size, dtype=bool)
        self._classes: dict[type[MacroAgent], int] = {}
        self.memory: dict[str, memoryview] = {}
        self.extend(size, agent_class)

    # --- columns
    @property
    def table(self) -> np.ndarray:
        """The records of the living agents, a structured array (agents,); a view, not a copy."""
        return self._table

    def __getattr__(self, name: str) -> np.ndarray:
        if name.startswith("_") or name in ("memory", "core", "core_names", "size", "agents", "terminated"):
            raise AttributeError(name)
        if name in self.core_names:
            return self._table[name]
        if name in self._extras:
            return self._extras[name][: self.size]
        known = [*self.core_names, *self._extras]
        raise AttributeError(f"{self.agent_type} has no column {name!r}; there are {', '.join(known)}")

    def __len__(self) -> int:
        return self.size

    def __iter__(self) -> Iterator[MacroAgent]:
        return iter(self.agents)

    def __getitem__(self, row: int) -> MacroAgent:
        return self.agents[row]

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names of all columns, the core's first."""
        return (*self.core_names, *self._extras)

    def _bind(self) -> None:
        """Renew the views after the storage or the size has changed."""
        self._table = self._storage[: self.size]
        self._observations = np.empty((self.size, SPACES[self.agent_type].size), dtype=np.float32)
        self._holders = sys.getrefcount(self._observations)
        self.memory = {name: memoryview(self._storage[name]) for name in self.core_names}
        self.memory |= {name: memoryview(column) for name, column in self._extras.items()}

    # --- entry and exit
    def extend(self, number: int, agent_class: type[MacroAgent] | None = None) -> range:
        """Append ``number`` agents with initial values; returns their rows. Capacity doubles when full."""
        agent_class = agent_class or self.agent_class
        self._declare(agent_class)
        rows = range(self.size, self.size + number)
        if rows.stop > len(self._storage):
            self._grow(max(rows.stop, 2 * len(self._storage)))
        self.size = rows.stop
        for column in self._all_columns(agent_class):
            target = self._storage if column.name in self.core_names else self._extras
            target[column.name][rows.start : rows.stop] = column.initial
        self.terminated[rows.start : rows.stop] = False
        self._bind()
        with _no_collection():
            self.agents.extend(agent_class(self.model, self, row) for row in rows)
        self._count(agent_class, number)
        return rows

    def replace(self, row: int) -> None:
        """Retire the agent of a row and seat a new one, with a new id, on the same books."""
        agent_class = type(self.agents[row])
        self._retire(row)
        self.agents[row] = agent_class(self.model, self, row)
        self.terminated[row] = True

    def recast(self, rows: Sequence[int], agent_class: type[MacroAgent]) -> None:
        """Seat agents of another class on ``rows``, for populations that mix classes."""
        self._declare(agent_class)
        self._bind()
        for row in rows:
            self._count(type(self.agents[row]), -1)
            self._retire(row)
            self.agents[row] = agent_class(self.model, self, row)
            self._count(agent_class, 1)

    def rename(self, unique_ids: Sequence[int]) -> None:
        """Give the agents these ids, row by row (a restored economy keeps the ids it was saved with)."""
        for agent, unique_id in zip(self.agents, unique_ids, strict=True):
            agent.unique_id = unique_id

    def __getstate__(self) -> dict[str, Any]:
        bound = ("memory", "_table", "_observations")  # memoryviews cannot be copied: they are bound again
        return {name: value for name, value in self.__dict__.items() if name not in bound}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._bind()

    def discard(self, row: int) -> int:
        """Drop a row; the last agent takes its place. Returns the row that moved."""
        last = self.size - 1
        self._count(type(self.agents[row]), -1)
        self._retire(row)
        if row != last:
            self._storage[row] = self._storage[last]
            for column in self._extras.values():
                column[row] = column[last]
            self.agents[row] = self.agents[last]
            self.agents[row]._row = row
        self.terminated[row] = self.terminated[last]
        self.agents.pop()
        self.size = last
        self._bind()
        return last

    def _retire(self, row: int) -> None:
        agent = self.agents[row]
        self.model.deregister_agent(agent)
        agent._row = -1

    def _grow(self, capacity: int) -> None:
        storage = _aligned_zeros(capacity, self._storage.dtype)
        storage[: self.size] = self._storage[: self.size]
        self._storage = storage
        self._extras = {name: np.resize(column, capacity) for name, column in self._extras.items()}
        self.terminated = np.resize(self.terminated, capacity)

    def _declare(self, agent_class: type[MacroAgent]) -> None:
        """Make room for the further columns that a subclass lists."""
        if not issubclass(agent_class, self.core):
            raise TypeError(f"{agent_class.__name__} must be a subclass of {self.core.__name__}")
        for column in _further_columns(agent_class, self.core):
            if column.name not in self._extras:
                self._extras[column.name] = np.full(len(self._storage), column.initial, column.dtype)

    def _all_columns(self, entering: type[MacroAgent]) -> Iterator[Column]:
        yield from self.core.columns
        seen = set()
        for agent_class in (self.agent_class, entering, *self._classes):
            for column in _further_columns(agent_class, self.core):
                if column.name not in seen:
                    seen.add(column.name)
                    yield column

    def _count(self, agent_class: type[MacroAgent], change: int) -> None:
        self._classes[agent_class] = self._classes.get(agent_class, 0) + change
        if self._classes[agent_class] == 0:
            del self._classes[agent_class]

    # --- what the agents do together
    @property
    def classes(self) -> tuple[type[MacroAgent], ...]:
        """The classes of the agents that live here."""
        return tuple(self._classes)

    def _rows_of(self, agent_class: type[MacroAgent]) -> np.ndarray:
        return np.flatnonzero([type(agent) is agent_class for agent in self.agents])

    def observe(self) -> np.ndarray:
        """Observations, float32 (agents, observations); each class of agent sees in its own way."""
        return self._combine("observe")

    def blank_observations(self) -> np.ndarray:
        """Memory for observations, float32 (agents, observations): the last ones' if nobody holds them any more.

        Fresh memory is mapped page by page, which takes longer than filling it.
        """
        if sys.getrefcount(self._observations) > self._holders:
            self._observations = np.empty_like(self._observations)
        return self._observations

    def reward(self) -> np.ndarray:
        """Rewards of the month just ended, float64 (agents,)."""
        return self._combine("reward")

    def _combine(self, method: str) -> np.ndarray:
        if len(self._classes) == 1:
            return getattr(next(iter(self._classes)), method)(self)
        result = getattr(self.core, method)(self)
        for agent_class in self._classes:
            if getattr(agent_class, method).__func__ is not getattr(self.core, method).__func__:
                rows = self._rows_of(agent_class)
                result[rows] = getattr(agent_class, method)(self)[rows]
        return result

    def apply(self, actions: np.ndarray) -> None:
        """Carry out actions, integers (agents, heads), after the agents that decide for themselves."""
        actions = self._own_decisions(actions)
        self._require_choices(actions)
        if len(self._classes) == 1:
            next(iter(self._classes)).apply(self, actions)
            return
        for agent_class in self._classes:
            rows = self._rows_of(agent_class)
            agent_class.apply(self, actions[rows], rows)

    def _require_choices(self, actions: np.ndarray) -> None:
        """Refuse actions that are no choices: compiled loops would read beyond their grids."""
        sizes = SPACES[self.agent_type].choices
        expected = (self.size, len(sizes))
        if actions.shape != expected or not are_choices(actions, sizes):
            raise ValueError(
                f"actions of {self.agent_type} must have shape {expected} and lie below {tuple(sizes.tolist())}; "
                f"got shape {actions.shape}, {actions.min()} to {actions.max()}"
            )

    def _own_decisions(self, actions: np.ndarray) -> np.ndarray:
        deciding = [cls for cls in self._classes if cls.decide is not MacroAgent.decide]
        if not deciding:
            return actions
        actions = actions.copy()
        for row, agent in enumerate(self.agents):
            if type(agent) in deciding:
                actions[row] = _checked(agent, agent.decide(), actions.shape[1])
        return actions


@contextmanager
def _no_collection() -> Iterator[None]:
    """Millions of new agents are no garbage: do not search them for it again and again."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


@jit
def are_choices(actions, sizes):
    """Whether every action is one of its head's choices."""
    for i in range(actions.shape[0]):
        for j in range(actions.shape[1]):
            if actions[i, j] < 0 or actions[i, j] >= sizes[j]:
                return False
    return True


def _checked(agent: MacroAgent, decision: Sequence[int], heads: int) -> Sequence[int]:
    if len(decision) != heads:
        raise ValueError(f"{type(agent).__name__}.decide must return {heads} integers, got {decision!r}")
    return decision


@functools.cache
def _record_type(columns: tuple[Column, ...]) -> np.dtype:
    """A record of whole cache lines; columns listed first share the first line.

    One dtype object serves all models: numba knows it again by identity, another equal one costs half a
    millisecond a month.
    """
    packed = np.dtype([(column.name, column.dtype) for column in columns], align=True)
    whole_lines = -(-packed.itemsize // CACHE_LINE) * CACHE_LINE
    layout: Any = {
        "names": [column.name for column in columns],
        "formats": [column.dtype for column in columns],
        "offsets": [packed.fields[column.name][1] for column in columns],  # type: ignore[index]
        "itemsize": whole_lines,
    }
    return np.dtype(layout)


def _aligned_zeros(number: int, record: np.dtype) -> np.ndarray:
    """Zeroed records that start on a cache line."""
    buffer = np.zeros(number * record.itemsize + CACHE_LINE, dtype=np.uint8)
    start = -buffer.ctypes.data % CACHE_LINE
    return buffer[start : start + number * record.itemsize].view(record)


def _core_class(agent_class: type[MacroAgent]) -> type[MacroAgent]:
    """The agent type itself: the most basic ancestor that carries the type's name."""
    return next(cls for cls in reversed(agent_class.__mro__) if getattr(cls, "agent_type", ""))


def _further_columns(agent_class: type[MacroAgent], core: type[MacroAgent]) -> list[Column]:
    return [
        column
        for ancestor in reversed(agent_class.__mro__)
        if ancestor is not core and issubclass(ancestor, core)
        for column in ancestor.__dict__.get("columns", ())
    ]
