"""Claim 5: cycles without shocks, which do not average out in a larger economy."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from macro_mesa.evidence.estimates import estimate, share_of_runs
from macro_mesa.evidence.preregistered import judge
from macro_mesa.evidence.stylised_facts import hp_cycle, quarterly_sums

Results = Sequence[Sequence[Mapping[str, np.ndarray]]]  # by run and seed

BAND = (1.0 / 32.0, 1.0 / 6.0)  # cycles a quarter: periods of 32 to 6 quarters
SURROGATES = 400
SIGNIFICANCE = 0.05


def detrended(series: np.ndarray) -> np.ndarray:
    """Residuals of a linear trend; (..., quarters)."""
    time = np.arange(series.shape[-1]) - (series.shape[-1] - 1) / 2.0
    slope = (series * time).sum(axis=-1, keepdims=True) / (time**2).sum()
    return series - series.mean(axis=-1, keepdims=True) - slope * time


def ar1(series: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Persistence and innovation deviation of detrended series (..., quarters), each (...)."""
    before, after = series[..., :-1], series[..., 1:]
    persistence = (before * after).sum(axis=-1) / np.maximum((before**2).sum(axis=-1), 1.0e-300)
    persistence = np.clip(persistence, -0.99, 0.99)
    return persistence, (after - persistence[..., None] * before).std(axis=-1)


def spectrum_over_ar1(series: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Frequencies, cycles a quarter, and the smoothed periodogram over the AR(1) fit's own spectrum.

    series: (..., seeds, quarters), detrended.  The result (..., frequencies) is the mean over seeds.
    """
    quarters = series.shape[-1]
    frequencies = np.fft.rfftfreq(quarters)[1:]
    power = np.abs(np.fft.rfft(series, axis=-1)[..., 1:]) ** 2 / quarters
    persistence, deviation = (part[..., None] for part in ar1(series))
    theory = deviation**2 / (1.0 - 2.0 * persistence * np.cos(2.0 * np.pi * frequencies) + persistence**2)
    ratio = (power / np.maximum(theory, 1.0e-300)).mean(axis=-2)
    return frequencies, _smoothed(ratio)


def _smoothed(ratio: np.ndarray) -> np.ndarray:
    """Mean over three neighbouring frequencies (Daniell 1946); the ends have two."""
    total, weight = ratio.copy(), np.ones(ratio.shape[-1])
    total[..., 1:] += ratio[..., :-1]
    total[..., :-1] += ratio[..., 1:]
    weight[1:] += 1.0
    weight[:-1] += 1.0
    return total / weight


def spectral_peak(output: np.ndarray) -> dict[str, Any]:
    """The highest peak of log quarterly output (seeds, quarters) in the band, against AR(1) surrogates.

    Returns ``peak`` (ratio to the AR(1) spectrum), ``period`` (quarters), ``p_value`` and ``threshold`` (the 95 %
    quantile of the surrogates).  A surrogate has the data's seeds, length and AR(1) parameters and is treated alike.
    """
    series = detrended(output)
    frequencies, ratio = spectrum_over_ar1(series)
    band = (frequencies >= BAND[0]) & (frequencies <= BAND[1])
    place = int(ratio[band].argmax())
    peak = float(ratio[band][place])
    persistence, deviation = ar1(series)
    random = np.random.default_rng(0)
    made = np.empty((SURROGATES, *series.shape))
    made[..., 0] = random.normal(size=made.shape[:-1]) * deviation / np.sqrt(1.0 - persistence**2)
    for quarter in range(1, series.shape[-1]):
        shock = random.normal(size=made.shape[:-1]) * deviation
        made[..., quarter] = persistence * made[..., quarter - 1] + shock
    peaks = spectrum_over_ar1(detrended(made))[1][:, band].max(axis=1)
    return {
        "peak": peak,
        "period": float(1.0 / frequencies[band][place]),
        "p_value": float((1 + (peaks >= peak).sum()) / (1 + SURROGATES)),
        "threshold": float(np.quantile(peaks, 1.0 - SIGNIFICANCE)),
    }


def size_exponent(means: np.ndarray, scales: Sequence[int]) -> np.ndarray:
    """Slope of log volatility, means of it (..., scales), in log population."""
    sizes = np.log(scales) - np.log(scales).mean()
    return (means * sizes).sum(axis=-1) / (sizes**2).sum()


def business_cycles(results: Mapping[int, Results], frozen: Results) -> dict[str, Any]:
    """The claim from ``simulations.run_undisturbed``: by scale, run and seed, and with the accelerator frozen."""
    scales = sorted(results)
    log_output = {scale: _log_quarters(results[scale]) for scale in scales}
    volatility = np.stack([_volatility(log_output[scale]) for scale in scales], axis=2)
    log_frozen = _log_quarters(frozen)
    peaks = [spectral_peak(run) for run in log_output[scales[0]]]
    peaks_frozen = [spectral_peak(run) for run in log_frozen]
    estimates = {
        "size_exponent": estimate(np.log(volatility), lambda means: size_exponent(means, scales), "log a log"),
        "runs_with_spectral_peak": share_of_runs([peak["p_value"] < SIGNIFICANCE for peak in peaks]),
        "runs_with_peak_when_frozen": share_of_runs([peak["p_value"] < SIGNIFICANCE for peak in peaks_frozen]),
        "volatility_frozen": estimate(100.0 * _volatility(log_frozen), unit="%"),
    }
    for number, scale in enumerate(scales):
        estimates[f"volatility_x{scale}"] = estimate(100.0 * volatility[..., number], unit="%")
    placebo = {"idiosyncratic_noise": {"size_exponent": -0.5}, "accelerator_frozen": peaks_frozen}
    return judge("business_cycles", estimates, placebo, peaks=peaks)


def _log_quarters(results: Results) -> np.ndarray:
    """Log quarterly output (runs, seeds, quarters)."""
    output = np.array([[quarterly_sums(result["gdp"]) for result in run] for run in results])
    return np.log(np.maximum(output, 1.0e-9))


def _volatility(log_output: np.ndarray) -> np.ndarray:
    """Deviation of the HP cycle (runs, seeds), log; never zero, so that its own log exists."""
    deviation = [[hp_cycle(series).std(ddof=1) for series in run] for run in log_output]
    return np.maximum(np.array(deviation), 1.0e-9)
