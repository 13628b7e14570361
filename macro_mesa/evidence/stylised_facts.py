"""Business-cycle moments of the economy against those of the United States, treated alike.

Samples are quarterly: flows summed, rates and unemployment averaged, prices at the end of the quarter.  Quantities are
in logs, per cent; both the HP filter (1600) and Hamilton's (2018) regression filter (8, 4) take out the trend.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from statsmodels.datasets import macrodata
from statsmodels.tsa.filters.hp_filter import hpfilter

from macro_mesa.evidence.estimates import number_or_none

QUARTERS = 203  # quarters of macrodata, 1959:1 to 2009:3; samples of the economy have as many
WINDOW = 80  # twenty years
HORIZON, LAGS = 8, 4  # Hamilton (2018)

Filter = Callable[[np.ndarray], np.ndarray]


# --- filters
def hp_cycle(series: np.ndarray) -> np.ndarray:
    """Cycle of a quarterly series (n,) by Hodrick and Prescott's filter with smoothing 1600."""
    cycle, _ = hpfilter(series, lamb=1600)
    return np.asarray(cycle)


def hamilton_cycle(series: np.ndarray) -> np.ndarray:
    """Residuals of y(t+8) regressed on y(t), ..., y(t-3): (n,), the first eleven NaN."""
    n = len(series)
    lagged = [series[LAGS - 1 - lag : n - HORIZON - lag] for lag in range(LAGS)]
    x = np.column_stack([np.ones(n - HORIZON - LAGS + 1), *lagged])
    y = series[HORIZON + LAGS - 1 :]
    coefficients, *_ = np.linalg.lstsq(x, y, rcond=None)
    return np.concatenate([np.full(HORIZON + LAGS - 1, np.nan), y - x @ coefficients])


FILTERS: dict[str, Filter] = {"hp": hp_cycle, "hamilton": hamilton_cycle}


# --- quarterly data
def quarterly_sums(monthly: np.ndarray) -> np.ndarray:
    """Sums of three months each; a last incomplete quarter is dropped."""
    return monthly[: len(monthly) // 3 * 3].reshape(-1, 3).sum(axis=1)


def quarterly(history: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """Monthly series of the economy as quarterly data: output, consumption, investment, unemployment, prices, rate.

    Investment is gross private domestic investment, as in the US accounts: what firms buy and the change of their
    stocks, of which the first month's is not known and taken as none.
    """
    stocks = np.asarray(history["inventories"])
    flows = {
        "output": history["gdp"],
        "consumption": history["consumption"],
        "investment": np.asarray(history["investment"]) + np.diff(stocks, prepend=stocks[:1]),
    }
    quantities = {name: quarterly_sums(np.asarray(flow)) for name, flow in flows.items()}
    return pd.DataFrame(
        {
            **quantities,
            "unemployment": 100.0 * quarterly_sums(np.asarray(history["unemployment"])) / 3.0,
            "prices": np.asarray(history["price_level"])[2 : 3 * len(quantities["output"]) : 3],
            "rate": 100.0 * quarterly_sums(np.asarray(history["policy_rate"])) / 3.0,
        }
    )


QUANTITIES = ("output", "consumption", "investment")
FLOOR = 0.01  # of its mean: a quarter that sells off its stocks may invest nothing, and has no logarithm


@cache
def united_states() -> pd.DataFrame:
    """The same data of the United States, 1959-2009, from ``statsmodels.datasets.macrodata``."""
    data = macrodata.load_pandas().data
    return pd.DataFrame(
        {
            "output": data["realgdp"], "consumption": data["realcons"], "investment": data["realinv"],
            "unemployment": data["unemp"], "prices": data["cpi"], "rate": data["tbilrate"],
        }
    )  # fmt: skip


def cycles(data: pd.DataFrame, take_cycle: Filter) -> pd.DataFrame:
    """Cycles of quantities (per cent), unemployment, the rate and four-quarter inflation (percentage points).

    Quarters that a filter or the lag of inflation leaves without a value are dropped.
    """
    levels = {name: data[name].to_numpy(float) for name in ("unemployment", "rate")}
    for name in QUANTITIES:
        quantity = data[name].to_numpy(float)
        levels[name] = 100.0 * np.log(np.maximum(quantity, max(FLOOR * quantity.mean(), 1.0e-9)))
    prices = 100.0 * np.log(data["prices"].to_numpy(float))
    found = pd.DataFrame({name: take_cycle(series) for name, series in levels.items()})
    found["inflation"] = np.concatenate([np.full(4, np.nan), take_cycle(prices[4:] - prices[:-4])])
    return found.dropna().reset_index(drop=True)


# --- moments
def _autocorrelation(series: pd.Series, lag: int) -> float:
    return float(series.corr(series.shift(lag)))


def _ratio(numerator: float, denominator: float) -> float:
    return float(numerator / denominator) if denominator > 0.0 else float("nan")


# moment: (title, whether it is about output, consumption, investment or unemployment, how it is computed from cycles)
MOMENTS: dict[str, tuple[str, bool, Callable[[pd.DataFrame], float]]] = {
    "sd_output": ("sd of output, %", True, lambda c: float(c["output"].std())),
    "sd_consumption": (
        "sd consumption / sd output", True, lambda c: _ratio(c["consumption"].std(), c["output"].std())),
    "sd_investment": ("sd investment / sd output", True, lambda c: _ratio(c["investment"].std(), c["output"].std())),
    "sd_unemployment": (
        "sd unemployment (pp) / sd output", True, lambda c: _ratio(c["unemployment"].std(), c["output"].std())),
    "autocorrelation_1": ("output autocorrelation, 1 quarter", True, lambda c: _autocorrelation(c["output"], 1)),
    "autocorrelation_4": ("output autocorrelation, 4 quarters", True, lambda c: _autocorrelation(c["output"], 4)),
    "corr_consumption": ("corr(output, consumption)", True, lambda c: float(c["output"].corr(c["consumption"]))),
    "corr_investment": ("corr(output, investment)", True, lambda c: float(c["output"].corr(c["investment"]))),
    "okun_correlation": (
        "Okun: corr(output, unemployment)", True, lambda c: float(c["output"].corr(c["unemployment"]))),
    "okun_slope": ("Okun: slope", True, lambda c: _ratio(c["output"].cov(c["unemployment"]), c["output"].var())),
    "phillips": (
        "Phillips: corr(unemployment, inflation)", False, lambda c: float(c["unemployment"].corr(c["inflation"]))),
    "corr_inflation_ahead": (
        "corr(output, inflation 4 quarters later)", False, lambda c: float(c["output"].corr(c["inflation"].shift(-4)))),
    "sd_inflation": ("sd of 4-quarter inflation", False, lambda c: float(c["inflation"].std())),
    "autocorrelation_inflation": (
        "autocorrelation of 4-quarter inflation", False, lambda c: _autocorrelation(c["inflation"], 1)),
    "corr_rate": ("corr(output, short rate)", False, lambda c: float(c["output"].corr(c["rate"]))),
}  # fmt: skip


def moments(found: pd.DataFrame) -> dict[str, float]:
    """Every moment of ``cycles``; NaN where something does not vary."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return {name: compute(found) for name, (_, _, compute) in MOMENTS.items()}


@cache
def us_ranges() -> dict[str, tuple[float, float]]:
    """Least and largest value of every moment over twenty-year windows of the HP cycles, one a year."""
    found = cycles(united_states(), hp_cycle)
    starts = range(0, len(found) - WINDOW + 1, 4)
    windows = pd.DataFrame([moments(found.iloc[start : start + WINDOW]) for start in starts])
    return {name: (float(windows[name].min()), float(windows[name].max())) for name in MOMENTS}


def beveridge(history: Mapping[str, np.ndarray]) -> float:
    """Correlation of monthly vacancies and unemployment, cycles by HP with smoothing 129600; JOLTS 2001-16: -.89."""
    series = (np.asarray(history[name]) for name in ("vacancies", "unemployment"))
    vacancies, unemployment = (pd.Series(hpfilter(one, lamb=129_600)[0]) for one in series)
    with np.errstate(invalid="ignore", divide="ignore"):
        return float(vacancies.corr(unemployment))


def stylised_facts(samples: Mapping[str, Sequence[Mapping[str, np.ndarray]]]) -> dict[str, Any]:
    """The table of moments: the United States and, for every policy, medians over its samples of monthly series.

    ``within`` says whether a policy's median (HP) lies in the range of US twenty-year windows; ``passed`` whether that
    holds for two thirds of the moments of output, consumption, investment and unemployment under ``learned``.
    """
    us = {name: moments(cycles(united_states(), take)) for name, take in FILTERS.items()}
    ranges = us_ranges()
    tables = {policy: _tables(histories) for policy, histories in samples.items()}
    rows: dict[str, Any] = {}
    for moment, (title, real, _) in MOMENTS.items():
        low, high = ranges[moment]
        row: dict[str, Any] = {
            "title": title, "real": real,
            "us": {"hp": us["hp"][moment], "range": [low, high], "hamilton": us["hamilton"][moment]},
        }  # fmt: skip
        for policy, table in tables.items():
            found = {name: _median(table[name][moment]) for name in FILTERS}
            median = found["hp"]
            spread = [number_or_none(table["hp"][moment].quantile(share)) for share in (0.1, 0.9)]
            within = median is not None and low <= median <= high
            row[policy] = {**found, "spread": spread, "within": within}
        rows[moment] = row
    share = {policy: _share_within(rows, policy) for policy in samples}
    return {
        "moments": rows,
        "share_within": share,
        "passed": share["learned"]["real"] >= 2.0 / 3.0,
        "beveridge": {policy: _median(pd.Series([beveridge(h) for h in found])) for policy, found in samples.items()},
        "samples": {policy: len(found) for policy, found in samples.items()},
    }


def _tables(histories: Sequence[Mapping[str, np.ndarray]]) -> dict[str, pd.DataFrame]:
    """Moments by filter, a row a sample."""
    data = [quarterly(history) for history in histories]
    return {name: pd.DataFrame([moments(cycles(one, take)) for one in data]) for name, take in FILTERS.items()}


def _median(column: pd.Series) -> float | None:
    return number_or_none(column.median())


def _share_within(rows: Mapping[str, Any], policy: str) -> dict[str, float]:
    real = [row[policy]["within"] for row in rows.values() if row["real"]]
    return {"real": float(np.mean(real)), "all": float(np.mean([row[policy]["within"] for row in rows.values()]))}
