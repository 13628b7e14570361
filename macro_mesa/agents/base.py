"""What the agent types share: a clip for observations and the rows an action falls on."""

import numpy as np

from macro_mesa.compiled import jit
from macro_mesa.population import Population


@jit
def clip(value, low, high):
    """``value`` within [low, high]; compiled."""
    return min(max(value, low), high)


@jit
def clip_columns(observations, low, high):
    """Bring every column of ``observations`` within its bounds, in place; NaN is left for the check."""
    for i in range(observations.shape[0]):
        for j in range(observations.shape[1]):
            if observations[i, j] < low[j]:
                observations[i, j] = low[j]
            elif observations[i, j] > high[j]:
                observations[i, j] = high[j]


def all_rows(population: Population, rows: np.ndarray | None) -> np.ndarray:
    """Row numbers an action applies to: ``rows``, or everybody."""
    return np.arange(population.size) if rows is None else rows
