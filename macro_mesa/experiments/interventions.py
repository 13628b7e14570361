"""Interventions on policies: what an economy does when a type cannot see something, or cannot answer it.

A baseline economy runs under ``Recording`` policies.  A twin forked from it gets policies that an intervention made
of what was recorded: blind to some observations, acting at random with the same frequencies, with some heads fixed,
or repeating the baseline's own actions; or another policy takes over.  Interventions are plain data, so a task can
name them; the policies they make use nothing but observations, records and the economy's draws, so twins share every
draw.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np

from macro_mesa.config import ConfigError, Parameters
from macro_mesa.model import MacroModel
from macro_mesa.policy import Policy, make_policy
from macro_mesa.spaces import COMMERCIAL_BANK, FIRM, HOUSEHOLD, SPACES

# the observations that carry interest rates to each private type; what it owes and earns it still feels
RATE_COLUMNS: dict[str, tuple[str, ...]] = {
    HOUSEHOLD: ("lending_rate", "deposit_rate"),
    FIRM: ("lending_rate", "deposit_rate", "loan_rate"),
    COMMERCIAL_BANK: ("policy_rate", "rate_change"),
}
_BLINDING = 0xB11D  # names the stream of the values that blind agents see


# --- policies
class Recording:
    """A policy that also keeps what it saw and chose, month by month."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self._observations: list[np.ndarray] = []
        self._actions: list[np.ndarray] = []

    def act(self, observations: np.ndarray, draws: np.ndarray) -> np.ndarray:
        """The policy's own actions, int64 (n, heads)."""
        actions = self.policy.act(observations, draws)
        self._observations.append(observations)
        self._actions.append(actions)
        return actions

    @property
    def observations(self) -> np.ndarray:
        """What it saw, float32 (months, n, size)."""
        return np.stack(self._observations)

    @property
    def actions(self) -> np.ndarray:
        """What it chose, int64 (months, n, heads)."""
        return np.stack(self._actions)

    @property
    def last_actions(self) -> np.ndarray:
        """What it chose last, int64 (n, heads)."""
        return self._actions[-1]


class Blinded:
    """A policy that sees, in some columns, values of other months and agents, drawn anew each month.

    visited: float32 (k, columns), rows of values that belong together; one row shows everybody that row.
    """

    def __init__(self, policy: Policy, columns: Sequence[int], visited: np.ndarray) -> None:
        self._policy = policy
        self._columns = list(columns)
        self._visited = visited

    def act(self, observations: np.ndarray, draws: np.ndarray) -> np.ndarray:
        """Actions on the blinded observations, int64 (n, heads)."""
        # the month's own draws key the stream: twins see the same values, and nothing is remembered
        random = np.random.default_rng([_BLINDING, *draws[0].view(np.uint32).tolist()])
        blinded = observations.copy()
        blinded[:, self._columns] = self._visited[random.integers(len(self._visited), size=len(observations))]
        return self._policy.act(blinded, draws)


class FrozenPolicy:
    """Choices drawn with fixed frequencies, whatever is observed.

    frequencies: for each head the chance of each choice, (choices,), summing to one.
    """

    def __init__(self, frequencies: Sequence[np.ndarray]) -> None:
        self._cumulative = [np.cumsum(chances)[:-1] for chances in frequencies]

    def act(self, observations: np.ndarray, draws: np.ndarray) -> np.ndarray:
        """Actions by the inverse distribution function of the draws, int64 (n, heads)."""
        chosen = [np.searchsorted(bounds, draws[:, k], side="right") for k, bounds in enumerate(self._cumulative)]
        return np.stack(chosen, axis=1).astype(np.int64)


class FixedHeads:
    """A policy some of whose heads always choose the same.

    choices: head number to choice.
    """

    def __init__(self, policy: Policy, choices: Mapping[int, int]) -> None:
        self._policy = policy
        self._choices = dict(choices)

    def act(self, observations: np.ndarray, draws: np.ndarray) -> np.ndarray:
        """The policy's actions with the fixed heads written over, int64 (n, heads)."""
        actions = self._policy.act(observations, draws).copy()
        for head, choice in self._choices.items():
            actions[:, head] = choice
        return actions


class Repeated:
    """The actions that the baseline's recording took last: step the baseline first, then its twin."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording

    def act(self, observations: np.ndarray, draws: np.ndarray) -> np.ndarray:
        """The baseline's actions of the same month, int64 (n, heads)."""
        return self._recording.last_actions


# --- interventions
class Intervention(Protocol):
    """Plain data that makes a policy of a type from the baseline's recording."""

    def policy(self, agent_type: str, recording: Recording) -> Policy:
        """The policy under this intervention."""
        ...


@dataclass(frozen=True)
class Blind:
    """Replace observations by values permuted over the months and agents recorded, or by their mean."""

    columns: tuple[str, ...]
    how: Literal["permuted", "mean"] = "permuted"

    def policy(self, agent_type: str, recording: Recording) -> Policy:
        """The recorded policy, blinded; ``ConfigError`` for a column that the type does not observe."""
        try:
            columns = [SPACES[agent_type].column(name) for name in self.columns]
        except KeyError as error:
            raise ConfigError(f"cannot blind {agent_type}: {error.args[0]}") from None
        visited = recording.observations[:, :, columns].reshape(-1, len(columns))
        if self.how == "mean":
            visited = visited.mean(axis=0, keepdims=True)
        return Blinded(recording.policy, columns, visited)


@dataclass(frozen=True)
class Freeze:
    """Draw every choice with the frequency it had in the recording."""

    def policy(self, agent_type: str, recording: Recording) -> Policy:
        """A policy that answers nothing and acts as often in each way as before."""
        return FrozenPolicy(action_frequencies(agent_type, recording.actions))


@dataclass(frozen=True)
class FixHeads:
    """Fix heads, given by name, at one choice each."""

    choices: tuple[tuple[str, int], ...]

    def policy(self, agent_type: str, recording: Recording) -> Policy:
        """The recorded policy with these heads fixed; ``ConfigError`` for a head or choice that does not exist."""
        names = SPACES[agent_type].head_names
        for name, choice in self.choices:
            if name not in names:
                raise ConfigError(f"no head {name!r} for {agent_type}; there are {', '.join(names)}")
            if not 0 <= choice < SPACES[agent_type].head_sizes[names.index(name)]:
                raise ConfigError(f"head {name} of {agent_type} has no choice {choice}")
        return FixedHeads(recording.policy, {names.index(name): choice for name, choice in self.choices})


@dataclass(frozen=True)
class Repeat:
    """Repeat the baseline's actions month by month: the response of the accounts alone."""

    def policy(self, agent_type: str, recording: Recording) -> Policy:
        """The baseline's actions."""
        return Repeated(recording)


@dataclass(frozen=True)
class Become:
    """Follow another choice of policy, as ``make_policy`` takes it; ``parameters`` are the economy's."""

    choice: Any
    parameters: Mapping[str, Any]

    def policy(self, agent_type: str, recording: Recording) -> Policy:
        """The other policy, whatever was recorded."""
        return make_policy(agent_type, self.choice, Parameters.create(self.parameters))


def action_frequencies(agent_type: str, actions: np.ndarray) -> list[np.ndarray]:
    """How often each choice of each head was taken in ``actions`` (..., heads): one (choices,) array a head."""
    taken = actions.reshape(-1, actions.shape[-1])
    return [
        np.bincount(taken[:, head], minlength=size) / len(taken)
        for head, size in enumerate(SPACES[agent_type].head_sizes)
    ]


# --- twins
def record(policies: Mapping[str, Policy]) -> dict[str, Recording]:
    """The same policies, recording: give them to the baseline."""
    return {agent_type: Recording(policy) for agent_type, policy in policies.items()}


def twin(model: MacroModel, interventions: Mapping[str, Intervention] | None = None) -> MacroModel:
    """A fork of a baseline under ``Recording`` policies; types that ``interventions`` name act under these.

    Raises ``ConfigError`` for a type that the economy does not have, or that does not record.
    """
    interventions = interventions or {}
    for agent_type in interventions:
        if not isinstance(model.policies.get(agent_type), Recording):
            raise ConfigError(f"no recording policy acts for {agent_type!r} in the baseline")
    other = model.fork()
    other.policies = {
        agent_type: _under(interventions.get(agent_type), agent_type, policy)
        for agent_type, policy in model.policies.items()
    }
    return other


def _under(intervention: Intervention | None, agent_type: str, policy: Policy) -> Policy:
    if not isinstance(policy, Recording):
        return policy
    return policy.policy if intervention is None else intervention.policy(agent_type, policy)
