"""Policies: the protocol, the plug-in registry, and the policies that need no learning.

A policy maps the observations of all agents of one type to their actions.  Randomness is handed in as
uniform draws from the economy's own named streams, so a policy keeps no state and twins share every draw.
Another package adds a policy by an entry point in the group ``macro_mesa.policies``: a name and a factory
``(agent_type, argument, parameters) -> Policy``; ``policy="name:argument"`` then finds it.
"""

import functools
from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from macro_mesa.compiled import jit
from macro_mesa.config import ConfigError, Parameters
from macro_mesa.rules import ConstantRate, RuleOfThumb, SimpleRule
from macro_mesa.spaces import AGENT_TYPES, CENTRAL_BANK, SPACES

ENTRY_POINT_GROUP = "macro_mesa.policies"


@runtime_checkable
class Policy(Protocol):
    """Anything that acts for all agents of one type."""

    def act(self, observations: np.ndarray, draws: np.ndarray) -> np.ndarray:
        """Actions, int64 (n, heads), for observations, float32 (n, size), and draws in [0, 1), (n, heads)."""
        ...


class RandomPolicy:
    """Every choice of every head with the same chance."""

    def __init__(self, agent_type: str) -> None:
        self._sizes = SPACES[agent_type].choices

    def act(self, observations: np.ndarray, draws: np.ndarray) -> np.ndarray:
        """Uniform actions from the draws."""
        actions = np.empty(draws.shape, dtype=np.int64)
        scale_draws(actions, draws, self._sizes)
        return actions


@jit
def scale_draws(actions, draws, sizes):
    """Draws in [0, 1) times the number of choices, rounded down."""
    for i in range(draws.shape[0]):
        for j in range(draws.shape[1]):
            actions[i, j] = int(draws[i, j] * sizes[j])


class MixedPolicy:
    """Several policies in one population: each row belongs to one of them, in the given shares."""

    def __init__(self, policies: Mapping[Policy, float]) -> None:
        shares = np.array(list(policies.values()), dtype=float)
        self._policies = list(policies)
        self._bounds = np.cumsum(shares / shares.sum())

    def act(self, observations: np.ndarray, draws: np.ndarray) -> np.ndarray:
        """Actions of each row's own policy."""
        # a golden-ratio sequence spreads the policies evenly over rows, whatever the population's size
        position = (np.arange(len(observations)) * 0.6180339887498949) % 1.0
        owner = np.searchsorted(self._bounds, position, side="right")
        actions = np.empty(draws.shape, dtype=np.int64)
        for number, policy in enumerate(self._policies):
            rows = owner == number
            actions[rows] = policy.act(observations[rows], draws[rows])
        return actions


def _only_central_bank(name: str, agent_type: str) -> None:
    if agent_type != CENTRAL_BANK:
        raise ConfigError(f"policy {name!r} exists for {CENTRAL_BANK} only, not for {agent_type}")


def _random(agent_type: str, argument: str, parameters: Parameters) -> Policy:
    return RandomPolicy(agent_type)


def _rule(agent_type: str, argument: str, parameters: Parameters) -> Policy:
    return RuleOfThumb(agent_type, parameters)


def _constant(agent_type: str, argument: str, parameters: Parameters) -> Policy:
    _only_central_bank("constant", agent_type)
    try:
        rate = float(argument) if argument else parameters.opening_policy_rate
    except ValueError:
        raise ConfigError(f"policy 'constant:{argument}' needs an annual rate such as constant:0.03") from None
    return ConstantRate(parameters, rate)


def _taylor(agent_type: str, argument: str, parameters: Parameters) -> Policy:
    _only_central_bank("taylor", agent_type)
    return SimpleRule(parameters)


def _inertial_taylor(agent_type: str, argument: str, parameters: Parameters) -> Policy:
    _only_central_bank("inertial_taylor", agent_type)
    return SimpleRule(parameters, smoothing=0.85)


Factory = Callable[[str, str, Parameters], Policy]
BUILT_IN: dict[str, Factory] = {
    "rule": _rule,
    "random": _random,
    "constant": _constant,
    "taylor": _taylor,
    "inertial_taylor": _inertial_taylor,
}


@functools.cache
def available_policies() -> Mapping[str, Factory]:
    """All named policies: the built-in ones and those that installed packages register.

    Asked once a process: reading the metadata of all installed packages takes longer than opening an economy.
    """
    found = {entry.name: entry for entry in entry_points(group=ENTRY_POINT_GROUP)}
    return {**{name: _lazily(entry) for name, entry in found.items()}, **BUILT_IN}


def _lazily(entry: Any) -> Factory:
    return lambda agent_type, argument, parameters: entry.load()(agent_type, argument, parameters)


def make_policy(agent_type: str, choice: Any, parameters: Parameters) -> Policy:
    """The policy that ``choice`` names for an agent type.

    ``choice`` is a name, ``"name:argument"``, a checkpoint folder, a Policy, or a mapping of such choices to
    shares for a mixed population.  Raises ``ConfigError`` where it is none of these.
    """
    if isinstance(choice, Mapping):
        return _mixed(agent_type, choice, parameters)
    if isinstance(choice, Policy):
        return choice
    if not isinstance(choice, str | Path):
        raise ConfigError(f"policy of {agent_type} must be a name, a folder or a Policy, got {choice!r}")
    factories = available_policies()
    name, _, argument = str(choice).partition(":")
    if name in factories:
        return factories[name](agent_type, argument, parameters)
    if "checkpoint" in factories and (isinstance(choice, Path) or "/" in choice or Path(choice).exists()):
        return factories["checkpoint"](agent_type, str(choice), parameters)
    names = ", ".join(sorted(set(factories) - {"checkpoint"}))
    raise ConfigError(f"policy of {agent_type} must be one of {names}, or a checkpoint folder; got {choice!s}")


def _mixed(agent_type: str, shares: Mapping[Any, float], parameters: Parameters) -> Policy:
    if not shares or not all(isinstance(share, int | float) and share > 0 for share in shares.values()):
        raise ConfigError(f"a mixed policy of {agent_type} maps policies to shares above 0, got {dict(shares)!r}")
    return MixedPolicy({make_policy(agent_type, choice, parameters): share for choice, share in shares.items()})


def make_policies(choice: Any, parameters: Parameters) -> dict[str, Policy]:
    """A policy for every agent type; types that a mapping leaves out follow the rule of thumb."""
    if isinstance(choice, Mapping):
        unknown = [str(key) for key in choice if key not in AGENT_TYPES]
        if unknown:
            types = ", ".join(AGENT_TYPES)
            raise ConfigError(f"policy maps agent types to policies; {unknown[0]!r} is none of {types}")
    else:
        choice = dict.fromkeys(AGENT_TYPES, choice)
    return {kind: make_policy(kind, choice.get(kind, "rule"), parameters) for kind in AGENT_TYPES}
