"""Filters and moments against closed forms and the published moments of the United States."""

import numpy as np
import pytest
from statsmodels.tsa.filters.hp_filter import hpfilter

from macro_mesa.evidence.agreement import agreement
from macro_mesa.evidence.stylised_facts import (
    FILTERS,
    MOMENTS,
    cycles,
    hamilton_cycle,
    hp_cycle,
    moments,
    quarterly,
    stylised_facts,
    united_states,
    us_ranges,
)  # fmt: skip

# published with the design of the evidence: HP, range over twenty-year windows, Hamilton
PUBLISHED = {
    "sd_output": (1.54, 0.95, 2.02, 3.17),
    "sd_consumption": (0.80, 0.77, 0.88, 0.88),
    "sd_investment": (4.68, 4.28, 5.40, 4.35),
    "sd_unemployment": (0.48, 0.43, 0.57, 0.41),
    "autocorrelation_1": (0.86, 0.84, 0.92, 0.90),
    "autocorrelation_4": (0.22, 0.19, 0.40, 0.47),
    "corr_consumption": (0.87, 0.81, 0.90, 0.86),
    "corr_investment": (0.91, 0.87, 0.93, 0.89),
    "okun_correlation": (-0.88, -0.93, -0.80, -0.83),
    "okun_slope": (-0.42, -0.48, -0.37, -0.34),
    "phillips": (-0.51, -0.70, -0.37, -0.22),
    "corr_inflation_ahead": (0.58, 0.19, 0.82, 0.33),
    "sd_inflation": (1.34, 0.69, 1.86, 2.35),
    "autocorrelation_inflation": (0.84, 0.63, 0.91, 0.90),
    "corr_rate": (0.43, 0.32, 0.71, 0.22),
}


@pytest.mark.parametrize("name", list(MOMENTS))
def test_us_moments_are_the_published_ones(name):
    hp, low, high, hamilton = PUBLISHED[name]
    us = {key: moments(cycles(united_states(), take))[name] for key, take in FILTERS.items()}
    assert us["hp"] == pytest.approx(hp, abs=0.0051)
    assert us_ranges()[name] == pytest.approx((low, high), abs=0.0051)
    assert us["hamilton"] == pytest.approx(hamilton, abs=0.021)


def test_the_hp_cycle_solves_its_first_order_condition():
    series = np.random.default_rng(0).normal(size=60).cumsum()
    second = np.diff(np.eye(60), n=2, axis=0)
    trend = np.linalg.solve(np.eye(60) + 1600 * second.T @ second, series)
    np.testing.assert_allclose(hp_cycle(series), series - trend, atol=1e-8)
    np.testing.assert_allclose(hp_cycle(np.arange(60.0)), 0.0, atol=1e-8)  # a line is all trend
    np.testing.assert_allclose(hp_cycle(series), hpfilter(series, 1600)[0])


def test_the_hamilton_cycle_of_a_random_walk_is_its_eight_quarter_change():
    """Hamilton (2018): for a random walk the residual is y(t+8) - y(t), up to the estimation of the coefficients."""
    series = np.random.default_rng(1).normal(size=4_000).cumsum()
    cycle = hamilton_cycle(series)
    assert np.isnan(cycle[:11]).all()
    assert np.isfinite(cycle[11:]).all()
    change = series[11:] - series[3:-8]
    assert np.corrcoef(cycle[11:], change)[0, 1] > 0.99
    line = hamilton_cycle(2.0 * np.arange(50.0))
    np.testing.assert_allclose(line[11:], 0.0, atol=1e-8)


def monthly(months: int = 609, seed: int = 0) -> dict[str, np.ndarray]:
    random = np.random.default_rng(seed)
    return {
        "gdp": 100 * np.exp(0.01 * random.normal(size=months).cumsum()),
        "consumption": 80 * np.exp(0.01 * random.normal(size=months).cumsum()),
        "investment": 20 * np.exp(0.02 * random.normal(size=months).cumsum()),
        "inventories": np.full(months, 50.0),
        "unemployment": 0.06 + 0.001 * random.normal(size=months),
        "price_level": np.exp(0.002 * np.arange(months) + 0.002 * random.normal(size=months).cumsum()),
        "policy_rate": 0.03 + 0.001 * random.normal(size=months),
        "vacancies": 3.0 - random.normal(size=months),
    }


def test_quarters_sum_flows_average_rates_and_end_with_their_prices():
    history = monthly(14)
    data = quarterly(history)
    assert len(data) == 4  # two months are no quarter
    assert data["output"][1] == pytest.approx(history["gdp"][3:6].sum())
    assert data["unemployment"][2] == pytest.approx(100 * history["unemployment"][6:9].mean())
    assert data["prices"][3] == history["price_level"][11]
    assert data["rate"][0] == pytest.approx(100 * history["policy_rate"][:3].mean())
    assert len(quarterly(monthly())) == 203


def test_investment_is_gross_of_stocks_and_stocks_sold_off_leave_a_number():
    history = monthly(609)
    history["inventories"] = 50.0 + np.random.default_rng(5).normal(size=609).cumsum()
    data = quarterly(history)
    change = history["inventories"][5] - history["inventories"][2]
    assert data["investment"][1] == pytest.approx(history["investment"][3:6].sum() + change)
    assert data["investment"][0] == pytest.approx(  # the month before the first is not known
        history["investment"][:3].sum() + history["inventories"][2] - history["inventories"][0]
    )
    history["inventories"][300:] -= 1_000.0
    sold_off = cycles(quarterly(history), hp_cycle)["investment"]
    assert np.isfinite(sold_off).all()
    assert sold_off.min() == pytest.approx(sold_off[96])  # that quarter: years of investment are sold off
    assert sold_off.min() > 100 * np.log(0.01) - 100.0


def us_like(seed: int) -> dict[str, np.ndarray]:
    """The United States as a monthly history: its own moments must lie within its own ranges."""
    us = united_states()
    noise = 1.0 + 1.0e-4 * np.random.default_rng(seed).normal(size=(3, 609))
    repeat = {name: np.repeat(us[name].to_numpy(float), 3) for name in us}
    return {
        "gdp": repeat["output"] / 3 * noise[0], "consumption": repeat["consumption"] / 3 * noise[1],
        "investment": repeat["investment"] / 3 * noise[2], "inventories": np.zeros(609),
        "unemployment": repeat["unemployment"] / 100, "price_level": repeat["prices"],
        "policy_rate": repeat["rate"] / 100,
        "vacancies": 10.0 - repeat["unemployment"],
    }  # fmt: skip


def test_the_table_puts_the_us_within_its_ranges_and_white_noise_outside():
    samples = {"learned": [us_like(1), us_like(2)], "rule": [monthly(seed=3)], "random": [monthly(seed=4)]}
    found = stylised_facts(samples)
    assert found["passed"] is True
    assert found["share_within"]["learned"] == {"real": 1.0, "all": 1.0}
    assert found["share_within"]["rule"]["real"] < 0.5
    assert found["beveridge"]["learned"] == pytest.approx(-1.0, abs=1e-6)
    assert found["moments"]["sd_output"]["learned"]["hp"] == pytest.approx(1.54, abs=0.02)
    swapped = stylised_facts({"learned": [monthly(seed=3)], "rule": [us_like(1)], "random": [us_like(1)]})
    assert swapped["passed"] is False


def test_what_does_not_vary_has_no_correlation_and_is_within_nothing():
    history = monthly()
    history["policy_rate"] = np.full(609, 0.03)
    history["unemployment"] = np.zeros(609)
    found = stylised_facts({"learned": [history]})
    assert found["moments"]["okun_correlation"]["learned"]["within"] is False
    assert found["beveridge"]["learned"] is None


# --- agreement of the runs
def test_runs_agree_within_the_thresholds_and_not_beyond_them():
    def seeds(output, unemployment):
        return [
            {"gdp": np.full(6, output + k), "capital": np.full(6, 100.0), "unemployment": np.full(6, unemployment),
             "inflation": np.full(6, 0.02)}
            for k in (-1.0, 1.0)
        ]  # fmt: skip

    found = agreement({"1": seeds(95.0, 0.05), "2": seeds(104.0, 0.069)})
    assert found["passed"]
    output = found["statistics"]["gdp"]
    assert output["by_run"] == pytest.approx([95.0, 104.0])
    assert output["distance"] == pytest.approx(100 * 9 / 99.5)
    assert found["statistics"]["unemployment"]["distance"] == pytest.approx(1.9)
    for far in (seeds(106.0, 0.05), seeds(95.0, 0.071)):
        assert not agreement({"1": seeds(95.0, 0.05), "2": far})["passed"]
    assert agreement({"1": seeds(95.0, 0.05)})["statistics"]["gdp"]["distance"] == 0.0
