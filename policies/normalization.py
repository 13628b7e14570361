"""Running scales of observations and rewards, kept in float64 and stored in the checkpoint."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

# Rows taken at once, so that float64 copies of a large rollout stay small.
CHUNK_ROWS = 16384
EPSILON = 1e-8


class RunningNormalizer:
    """Running mean and variance of observations, merged batch by batch.

    Chan, Golub and LeVeque (1983), "Algorithms for computing the sample variance", eq. 2.1.

    Args:
        size: columns d of an observation.
        clip: normalised observations are cut to +-clip.

    While `frozen` is true, `update` changes nothing (evaluation). A mode, not part of the state.
    `blind` columns are always their mean, zero once normalised: nothing can be learned from them.
    """

    def __init__(self, size: int, clip: float = 10.0) -> None:
        self.size = size
        self.clip = clip
        self.frozen = False
        self.count = 0
        self.mean = np.zeros(size)
        self.squares = np.zeros(size)  # sum of squared deviations from the mean
        self.blind = np.zeros(0, dtype=np.int64)

    @property
    def variance(self) -> np.ndarray:
        """Population variance, (d,) float64; one before the first update."""
        return self.squares / self.count if self.count else np.ones(self.size)

    def update(self, batch: np.ndarray) -> None:
        """Merges a batch (..., d) into the moments."""
        if self.frozen:
            return
        rows = batch.reshape(-1, self.size)
        for start in range(0, len(rows), CHUNK_ROWS):
            self._merge(rows[start : start + CHUNK_ROWS].astype(np.float64))

    def _merge(self, rows: np.ndarray) -> None:
        count = self.count + len(rows)
        mean = rows.mean(axis=0)
        shift = mean - self.mean
        rows -= mean
        self.squares += np.einsum("ij,ij->j", rows, rows)
        self.squares += shift**2 * (self.count * len(rows) / count)
        self.mean += shift * (len(rows) / count)
        self.count = count

    def normalize(self, batch: np.ndarray) -> np.ndarray:
        """The batch (n, d) less the mean over the standard deviation, clipped: (n, d) float32."""
        mean = self.mean.astype(np.float32)
        inverse = (1.0 / np.sqrt(self.variance + EPSILON)).astype(np.float32)
        result = np.empty(batch.shape, dtype=np.float32)
        for start in range(0, len(batch), CHUNK_ROWS):
            rows = slice(start, start + CHUNK_ROWS)
            part = np.subtract(batch[rows], mean, out=result[rows], casting="same_kind")
            part *= inverse
            np.clip(part, -self.clip, self.clip, out=part)
        result[:, self.blind] = 0.0
        return result

    def state(self) -> dict[str, np.ndarray]:
        """Count, mean and sum of squared deviations, copied; blind columns where there are some."""
        return {
            "count": np.array(self.count, dtype=np.int64),
            "mean": self.mean.copy(),
            "squares": self.squares.copy(),
            **({"blind": self.blind.copy()} if len(self.blind) else {}),
        }

    def load_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Takes over what `state` returned.

        Raises:
            KeyError: an array is missing.
            ValueError: the moments or blind columns belong to observations of another size.
        """
        mean, squares = (np.array(state[name], dtype=np.float64) for name in ("mean", "squares"))
        if mean.shape != (self.size,) or squares.shape != (self.size,):
            raise ValueError(f"expected moments of shape ({self.size},), got {mean.shape}")
        blind = np.array(state.get("blind", ()), dtype=np.int64)
        if blind.ndim != 1 or not ((blind >= 0) & (blind < self.size)).all():
            raise ValueError(f"blind columns must lie in 0..{self.size - 1}, got {blind.tolist()}")
        self.count, self.mean, self.squares, self.blind = int(state["count"]), mean, squares, blind


class ReturnScaler:
    """Running standard deviation of discounted returns, by which rewards are divided.

    A scale without a shift: subtracting a mean would change what an agent wants whenever its
    life can end. Follows OpenAI Baselines' VecNormalize (Engstrom et al. 2020, "Implementation
    matters in deep policy gradients", section 3), but the running return goes on through a
    truncation, which is no event in an agent's life.

    Args:
        gamma: the learner's discount factor a month.
    """

    def __init__(self, gamma: float) -> None:
        self.gamma = gamma
        self.moments = RunningNormalizer(1)
        self.running = np.zeros(0)  # each agent's discounted return so far

    @property
    def frozen(self) -> bool:
        """While true, `update` changes nothing."""
        return self.moments.frozen

    @frozen.setter
    def frozen(self, value: bool) -> None:
        self.moments.frozen = value

    @property
    def scale(self) -> float:
        """Standard deviation of returns; one before the first update or if returns never vary."""
        deviation = float(np.sqrt(self.moments.variance[0]))
        return deviation if deviation > EPSILON else 1.0

    def update(self, reward: np.ndarray, terminated: np.ndarray) -> None:
        """Follows every agent's return through rewards and ends, both (T, n).

        The running returns start anew when the number of agents differs from the last rollout's.
        """
        if self.frozen:
            return
        if reward.shape[1] != len(self.running):
            self.running = np.zeros(reward.shape[1])
        returns = np.empty(reward.shape)
        for month in range(len(reward)):
            self.running = self.gamma * self.running + reward[month]
            returns[month] = self.running
            self.running[terminated[month]] = 0.0
        self.moments.update(returns[..., None])

    def state(self) -> dict[str, np.ndarray]:
        """The moments and each agent's running return, copied."""
        return {**self.moments.state(), "running": self.running.copy()}

    def load_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Takes over what `state` returned; raises KeyError if an array is missing."""
        self.moments.load_state(state)
        self.running = np.array(state["running"], dtype=np.float64)
