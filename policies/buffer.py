"""What a type's agents went through in one rollout, and how good their actions turned out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np
import torch

from policies.normalization import RunningNormalizer


@dataclass(frozen=True, slots=True)
class Rollout:
    """T months of n agents of one type, a column per agent; recorders write into the arrays.

    Where an agent is truncated (its economy's horizon ends), and in the last month for every agent,
    `final_value` holds the value of the true next state; elsewhere it is not read.
    """

    observation: np.ndarray  # (T, n, d) float32, as the agent saw it, not normalised
    action: np.ndarray  # (T, n, heads) integer
    log_probability: np.ndarray  # (T, n) float32, of all heads together, when the agent acted
    value: np.ndarray  # (T, n) float32, in units of scaled rewards, over peers with a peer baseline
    reward: np.ndarray  # (T, n) float32, not scaled
    terminated: np.ndarray  # (T, n) bool, the agent's life ended with this month's reward
    truncated: np.ndarray  # (T, n) bool, the simulation ended after this month
    final_value: np.ndarray  # (T, n) float32

    @classmethod
    def allocate(cls, months: int, agents: int, observation_size: int, heads: int) -> Rollout:
        """Arrays of zeros for so many months (T), agents (n), observation columns (d) and heads.

        Actions are int16: half the memory of a float, and wide enough for every head.
        """
        shape = (months, agents)
        return cls(
            observation=np.zeros((*shape, observation_size), dtype=np.float32),
            action=np.zeros((*shape, heads), dtype=np.int16),
            log_probability=np.zeros(shape, dtype=np.float32),
            value=np.zeros(shape, dtype=np.float32),
            reward=np.zeros(shape, dtype=np.float32),
            terminated=np.zeros(shape, dtype=bool),
            truncated=np.zeros(shape, dtype=bool),
            final_value=np.zeros(shape, dtype=np.float32),
        )

    def reopened(self) -> Rollout:
        """The same memory for another rollout of the same shape: nothing has ended, everything else is written over."""
        for ends in (self.terminated, self.truncated, self.final_value):
            ends[:] = 0
        return self

    @classmethod
    def side_by_side(cls, parts: Sequence[Rollout]) -> Rollout:
        """The agents of several rollouts of the same months as one, copied."""
        columns = {
            field.name: np.concatenate([getattr(part, field.name) for part in parts], axis=1)
            for field in fields(cls)
        }
        return cls(**columns)

    @property
    def months(self) -> int:
        """T."""
        return self.reward.shape[0]

    @property
    def agents(self) -> int:
        """n."""
        return self.reward.shape[1]

    def columns(self, start: int, stop: int) -> Rollout:
        """Agents start to stop as a rollout of views: what is written there is written here.

        Raises:
            IndexError: the columns are not within the rollout.
        """
        if not 0 <= start <= stop <= self.agents:
            raise IndexError(f"columns {start}:{stop} are not within {self.agents} agents")
        return self.take(slice(start, stop))

    def take(self, agents: slice | np.ndarray) -> Rollout:
        """Some agents' columns: views for a slice, copies for an array of column numbers."""
        arrays = {field.name: getattr(self, field.name)[:, agents] for field in fields(self)}
        return Rollout(**arrays)

    def require_shapes(self, observation_size: int, heads: int) -> None:
        """Raises ValueError unless there are samples of so many columns and heads."""
        shape = self.reward.shape
        if self.reward.size == 0:
            raise ValueError(f"the rollout is empty: {shape[0]} months of {shape[1]} agents")
        for name, size in (("observation", observation_size), ("action", heads)):
            got = getattr(self, name).shape
            if got != (*shape, size):
                raise ValueError(f"{name} has shape {got}, must be {(*shape, size)}")

    def action_shares(self, head_sizes: Sequence[int]) -> list[list[float]]:
        """How often each action of each head was taken, as shares that sum to one by head."""
        actions = self.action.reshape(-1, len(head_sizes))
        counts = [
            np.bincount(actions[:, head], minlength=size) for head, size in enumerate(head_sizes)
        ]
        return [(count / count.sum()).tolist() for count in counts]


class Batch(NamedTuple):
    """The samples of an update, one a row, as torch tensors."""

    observation: torch.Tensor  # (N, d) float32, normalised
    action: torch.Tensor  # (N, heads) integer
    log_probability: torch.Tensor  # (N,) float32, as the others below
    value: torch.Tensor
    advantage: torch.Tensor  # mean 0 and standard deviation 1
    returns: torch.Tensor

    @classmethod
    def of(
        cls,
        rollout: Rollout,
        normalizer: RunningNormalizer,
        scale: float,
        gamma: float,
        lam: float,
        *,
        peers: int = 1,
        agents: np.ndarray | None = None,
    ) -> Batch:
        """Agent-months of a rollout, its rewards divided by scale, advantages standardised.

        Args:
            rollout: (T, n) months and agents.
            normalizer, scale: of observations and rewards.
            gamma, lam: as in `generalized_advantages`.
            peers: agents of an economy, side by side, whose mean advantage in the month is taken off; 1: none is.
            agents: columns that are learned from, all by default.
        """
        if agents is not None and peers == 1:
            rollout, agents = rollout.take(agents), None
        advantage, returns = generalized_advantages(
            rollout.reward / np.float32(scale),
            rollout.value,
            rollout.terminated,
            rollout.truncated,
            rollout.final_value,
            gamma,
            lam,
        )
        if peers > 1:
            advantage = less_peers(advantage, peers)
        if agents is not None:
            rollout, advantage, returns = rollout.take(agents), advantage[:, agents], returns[:, agents]
        advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
        observation = rollout.observation.reshape(-1, rollout.observation.shape[-1])
        flat = (rollout.log_probability, rollout.value, advantage, returns)
        return cls(
            torch.from_numpy(normalizer.normalize(observation)),
            torch.from_numpy(rollout.action.reshape(-1, rollout.action.shape[-1])).long(),
            *(torch.from_numpy(array.reshape(-1)) for array in flat),
        )

    def rows(self, rows: torch.Tensor) -> Batch:
        """The samples of these int64 row numbers."""
        # index_select is several times faster than indexing with a tensor.
        return Batch(*(tensor.index_select(0, rows) for tensor in self))

    def explained_variance(self) -> float:
        """Share of the returns' variance that the values foresaw; 0 where returns do not vary."""
        variance = self.returns.var(correction=0).item()
        error = (self.returns - self.value).var(correction=0).item()
        return 1.0 - error / variance if variance > 0 else 0.0


def less_peers(values: np.ndarray, peers: int) -> np.ndarray:
    """Rewards or advantages (T, n) less the month's mean over an economy's agents, `peers` columns side by side.

    What all of them met, a slump or a boom, says nothing about one agent's action: a baseline that takes it off
    leaves the gradient's mean as it was but for one agent's effect on the others (Wu et al. 2018, "Variance
    reduction for policy gradient with action-dependent factorized baselines"). Off rewards, it also keeps a critic from
    taking what goes with a slump, much capital for instance, for its cause.
    """
    months, agents = values.shape
    by_economy = values.reshape(months, agents // peers, peers)
    return (by_economy - by_economy.mean(axis=2, keepdims=True)).reshape(months, agents)


def generalized_advantages(
    reward: np.ndarray,
    value: np.ndarray,
    terminated: np.ndarray,
    truncated: np.ndarray,
    final_value: np.ndarray,
    gamma: float,
    lam: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Generalised advantage estimates and the returns the critic learns from.

    Schulman et al. (2016), "High-dimensional continuous control using generalized advantage
    estimation", eq. 11 and 16. A termination ends the sum: no value follows it. A truncation ends
    it with the value of the state that would have followed (Pardo et al. 2018, "Time limits in
    reinforcement learning"). Where both hold, the agent terminated.

    Args:
        reward, value: (T, n), in the same units.
        terminated, truncated: (T, n) bool.
        final_value: (T, n), read where truncated and in the last month.
        gamma: discount factor a month.
        lam: weight on longer returns, 0 (one step) to 1 (Monte Carlo).

    Returns:
        Advantages and returns (advantage plus value), both (T, n) float32.
    """
    advantages = np.empty(reward.shape, dtype=np.float32)
    next_value = final_value[-1]
    following = np.zeros(reward.shape[1], dtype=np.float32)
    for month in reversed(range(len(reward))):
        cut = truncated[month] | terminated[month]
        next_value = np.where(truncated[month], final_value[month], next_value)
        next_value = np.where(terminated[month], np.float32(0.0), next_value)
        error = reward[month] + gamma * next_value - value[month]
        following = error + gamma * lam * np.where(cut, np.float32(0.0), following)
        advantages[month] = following
        next_value = value[month]
    return advantages, advantages + value
