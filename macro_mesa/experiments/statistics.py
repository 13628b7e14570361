"""Means with bootstrap intervals, the form in which every estimate is reported."""

from typing import Any

import numpy as np
from scipy import stats


def interval(sample: np.ndarray, confidence: float = 0.95, resamples: int = 4_000) -> tuple[float, float]:
    """Bootstrap percentile interval of the mean of ``sample`` (n,); the mean itself if n is 1 (Efron 1979)."""
    if len(sample) < 2 or np.ptp(sample) == 0.0:
        return float(sample.mean()), float(sample.mean())
    found = stats.bootstrap(
        (sample,), np.mean, confidence_level=confidence, n_resamples=resamples, method="percentile",
        rng=np.random.default_rng(0),
    )  # fmt: skip
    return float(found.confidence_interval.low), float(found.confidence_interval.high)


def estimate(sample: np.ndarray) -> dict[str, Any]:
    """``{"mean": ..., "ci": [low, high]}`` of a sample (n,)."""
    low, high = interval(sample)
    return {"mean": float(sample.mean()), "ci": [low, high]}
