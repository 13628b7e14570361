"""Estimates that are smooth functions of means, with intervals over training runs and held-out seeds."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from macro_mesa.experiments.statistics import clustered_tail, resampled_means

Function = Callable[[np.ndarray], Any]


def estimate(sample: np.ndarray, function: Function | None = None, unit: str = "") -> dict[str, Any]:
    """``{"mean", "ci", "by_run", "unit"}`` of a function of means of ``sample`` (runs, seeds) or (runs, seeds, k).

    ``function`` maps means (..., k) to numbers (...); without it the estimate is the mean itself.  The clusters are the
    runs, with one run the seeds.  Where the function is undefined (NaN), for the sample or for more resamples
    than the tail holds, the estimate or its interval is None: such a claim cannot pass.
    """
    sample = np.asarray(sample, dtype=float)
    if sample.ndim == 2:
        sample = sample[:, :, None]
    of = function or (lambda means: means[..., 0])
    runs, seeds = sample.shape[:2]
    share = clustered_tail(runs, seeds)
    drawn = np.asarray(of(resampled_means(sample)), dtype=float)
    point = float(of(sample.mean(axis=(0, 1))))
    interval: list[float | None] = [None, None]
    if np.isfinite(point) and np.mean(~np.isfinite(drawn)) <= share:
        low, high = np.quantile(drawn[np.isfinite(drawn)], (share, 1.0 - share))
        interval = [min(float(low), point), max(float(high), point)]
    by_run = [number_or_none(of(run.mean(axis=0))) for run in sample]
    return {"mean": number_or_none(point), "ci": interval, "by_run": by_run, "unit": unit}


def share_of_runs(held: Sequence[bool]) -> dict[str, Any]:
    """The share of runs in which something held, in the form of an estimate; it has no interval."""
    share = float(np.mean(held))
    return {"mean": share, "ci": [None, None], "by_run": [float(held_here) for held_here in held], "unit": "of runs"}


def across_runs(found: Sequence[float | None], unit: str) -> dict[str, Any]:
    """The mean over the runs in which a number could be found, in the form of an estimate without interval."""
    known = [number for number in found if number is not None]
    mean = float(np.mean(known)) if known else None
    return {"mean": mean, "ci": [None, None], "by_run": list(found), "unit": unit}


def number_or_none(value: Any) -> float | None:
    """A float that JSON can hold."""
    return float(value) if np.isfinite(value) else None
