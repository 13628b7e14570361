"""Policy rates under which private agents learn: paths that span everything a central bank can choose.

They hold the central bank's seat while it does not learn itself, so that households, firms and banks have
met every level and every change of the rate before a learned central bank uses it.
"""

from typing import Any

import numpy as np

from macro_mesa.config import Parameters
from macro_mesa.rules import SimpleRule, nearest_step
from macro_mesa.spaces import CENTRAL_BANK, SPACES, values

REPEAT = 0.6  # chance of repeating the last step: changes come in runs, as they do in the data


class WanderingRate:
    """A random walk of the rate with momentum, between its bounds."""

    def act(self, observations: np.ndarray, draws: np.ndarray) -> np.ndarray:
        """The last step again, or a new one, int64 (n, 1)."""
        steps = np.array(values(CENTRAL_BANK, "rate_step"))
        last = observations[:, SPACES[CENTRAL_BANK].column("rate_change")] / 100.0
        nearest = np.abs(last[:, None] - steps).argmin(axis=1)
        fresh = ((draws[:, 0] - REPEAT) / (1.0 - REPEAT) * len(steps)).astype(np.int64)
        return np.where(draws[:, 0] < REPEAT, nearest, np.clip(fresh, 0, len(steps) - 1))[:, None].astype(np.int64)


class NoisyTaylor:
    """The inertial Taylor rule with a monthly error of up to half a point either way."""

    def __init__(self, parameters: Parameters, neutral_rate: float) -> None:
        self._rule = SimpleRule(parameters, smoothing=0.85, neutral_rate=neutral_rate)

    def act(self, observations: np.ndarray, draws: np.ndarray) -> np.ndarray:
        """The rule's step with its error, int64 (n, 1)."""
        error = 0.01 * (draws[:, 0] - 0.5)
        return nearest_step(self._rule.desired_change(observations) + error, np.full_like(draws, 0.5))


def rate_surprises(months: int, random: np.random.Generator) -> list[dict[str, Any]]:
    """Dated shocks to the policy rate over an episode: up to 150 bp either way for 6 to 18 months.

    The bank's own steps are at most 50 bp; agents that never met a larger jump answer one arbitrarily.
    """
    shocks: list[dict[str, Any]] = []
    start = int(random.integers(1, 37))
    while start < months:
        duration = int(random.integers(6, 19))
        size = float(random.uniform(-0.015, 0.015))
        shocks.append({"kind": "policy_rate", "size": size, "start": start, "duration": duration})
        start += duration + int(random.integers(12, 49))
    return shocks
