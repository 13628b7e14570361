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


def resampled_means(sample: np.ndarray, resamples: int = 2_000) -> np.ndarray:
    """Bootstrap means (resamples, k) of ``sample`` (runs, pairs, k).

    All runs share the same pairs of seeds, so runs and pairs are drawn with replacement independently of each
    other: the pigeonhole bootstrap (Owen 2007), which is the plain bootstrap over pairs where there is one run.
    """
    runs, pairs = sample.shape[:2]
    random = np.random.default_rng(0)
    run_weights = random.multinomial(runs, np.full(runs, 1.0 / runs), resamples) / runs
    pair_weights = random.multinomial(pairs, np.full(pairs, 1.0 / pairs), resamples) / pairs
    return np.einsum("br,bp,rpk->bk", run_weights, pair_weights, sample, optimize=True)


def clustered_tail(runs: int, pairs: int, confidence: float = 0.95) -> float:
    """Lower tail of an interval over ``runs``, or over the ``pairs`` of a single one.

    It is widened to what Student's t asks of so few clusters (Hesterberg 2015, "expanded percentile").
    """
    clusters = runs if runs > 1 else pairs
    if clusters < 2:
        return (1.0 - confidence) / 2.0
    quantile = stats.t.ppf((1.0 - confidence) / 2.0, clusters - 1)
    return float(stats.norm.cdf(np.sqrt(clusters / (clusters - 1)) * quantile))


def clustered_interval(
    sample: np.ndarray, confidence: float = 0.95, resamples: int = 2_000
) -> tuple[np.ndarray, np.ndarray]:
    """Interval of the mean of ``sample`` (runs, pairs, ...) over both; two arrays of shape (...).

    Percentiles of ``resampled_means``, widened by ``clustered_tail``; with fewer than five runs the interval is hardly
    more than the range of their means.
    """
    runs, pairs = sample.shape[:2]
    columns = sample.reshape(runs, pairs, -1)
    tail = clustered_tail(runs, pairs, confidence)
    low, high = np.quantile(resampled_means(columns, resamples), (tail, 1.0 - tail), axis=0)
    mean = columns.mean(axis=(0, 1))
    # a sample that does not vary: sums in another order may differ in the last bit
    low, high = np.minimum(low, mean), np.maximum(high, mean)
    return low.reshape(sample.shape[2:]), high.reshape(sample.shape[2:])


def clustered_estimate(sample: np.ndarray) -> dict[str, Any]:
    """``{"mean": ..., "ci": [low, high], "by_run": [...]}`` of a sample (runs, pairs) by ``clustered_interval``."""
    low, high = clustered_interval(sample)
    return {"mean": float(sample.mean()), "ci": [float(low), float(high)], "by_run": sample.mean(axis=1).tolist()}
