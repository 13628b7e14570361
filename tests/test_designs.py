"""Designs against functions whose sensitivity is known."""

import math

import numpy as np
import pandas as pd
import pytest

from macro_mesa.experiments.designs import Factor, points, read_factors, sensitivity, shares

RANGES = {"separation_rate": [0.0, 0.2], "quote_noise": [0.1, 0.3], "firm_payout": [0.0, 1.0]}


def indices(design: str, function, samples: int = 1, ranges=RANGES) -> pd.DataFrame:
    """Sensitivity of a function of the points, by parameter and index."""
    factors = read_factors(ranges, design)
    outcome = np.array([function(*point.values()) for point in points(design, factors, samples, 1)])
    return sensitivity(design, factors, samples, 1, outcome).set_index(["parameter", "index"])


def ishigami(x, y, z):
    """Ishigami and Homma (1990) on the unit cube, a = 7, b = .1."""
    one, two, three = (math.pi * (2.0 * share - 1.0) for share in (x / 0.2, (y - 0.1) / 0.2, z))
    return math.sin(one) + 7.0 * math.sin(two) ** 2 + 0.1 * three**4 * math.sin(one)


# S1 and ST in closed form: Saltelli et al. (2008), Global Sensitivity Analysis: The Primer, section 5.7
ISHIGAMI = {"separation_rate": (0.3139, 0.5576), "quote_noise": (0.4424, 0.4424), "firm_payout": (0.0, 0.2437)}


def test_sobol_indices_of_a_function_with_known_ones():
    found = indices("sobol", ishigami, 2048)
    for name, (first, total) in ISHIGAMI.items():
        assert found.loc[(name, "S1"), "value"] == pytest.approx(first, abs=0.03)
        assert found.loc[(name, "ST"), "value"] == pytest.approx(total, abs=0.03)
        for index in ("S1", "ST"):
            value, low, high = found.loc[(name, index), ["value", "low", "high"]]
            assert low < value < high


def test_a_latin_hypercube_finds_the_same_first_order_indices():
    found = indices("lhs", ishigami, 2000)
    for name, (first, _) in ISHIGAMI.items():
        assert found.loc[(name, "S1"), "value"] == pytest.approx(first, abs=0.05)


def test_morris_finds_the_slopes_of_a_linear_function():
    found = indices("morris", lambda x, y, z: 10.0 * x - 5.0 * y, 10)
    # over the whole range of .2 each
    assert found.loc[("separation_rate", "mu_star"), "value"] == pytest.approx(2.0)
    assert found.loc[("quote_noise", "mu_star"), "value"] == pytest.approx(1.0)
    assert found.loc[("firm_payout", "mu_star"), "value"] == pytest.approx(0.0)
    assert found.xs("sigma", level="index")["value"].to_numpy() == pytest.approx(np.zeros(3), abs=1e-12)


def test_a_grid_splits_the_variance_of_an_additive_function():
    grid = {"separation_rate": [0.0, 0.1, 0.2], "money_anchor": [True, False], "firm_payout": [0.5]}
    found = indices("grid", lambda x, anchor, _: 10.0 * x + anchor, ranges=grid)["value"]
    # variances 2/3 and 1/4
    assert found.tolist() == pytest.approx([8.0 / 11.0, 3.0 / 11.0, 0.0])


@pytest.mark.parametrize(("design", "samples"), [("sobol", 64), ("morris", 12), ("lhs", 120)])
def test_points_without_an_outcome_are_left_out_with_their_block(design, samples):
    factors = read_factors(RANGES, design)
    outcome = np.array([ishigami(*point.values()) for point in points(design, factors, samples, 1)])
    block = {"sobol": 5, "morris": 4, "lhs": 1}[design]
    outcome[7] = np.nan
    found = sensitivity(design, factors, samples, 1, outcome)
    other = outcome.copy()
    other[7 // block * block : 7 // block * block + block] = np.nan
    assert found.equals(sensitivity(design, factors, samples, 1, other))
    assert np.isfinite(found["value"]).all()
    assert sensitivity(design, factors, samples, 1, outcome * np.nan)["value"].isna().all()
    assert sensitivity(design, factors, samples, 1, np.ones(len(outcome)))["value"].isna().all()


# --- points
@pytest.mark.parametrize(("design", "number"), [("lhs", 16), ("sobol", 16 * 5), ("morris", 16 * 4)])
def test_points_cover_the_ranges_and_depend_on_the_seed_alone(design, number):
    factors = read_factors({**RANGES, "quote_noise": [0.01, 1.0, "log"]}, design)
    found = pd.DataFrame(points(design, factors, 16, 3))
    assert len(found) == number
    for name, (low, high) in {"separation_rate": (0.0, 0.2), "quote_noise": (0.01, 1.0)}.items():
        assert found[name].between(low, high).all()
    assert np.median(np.log(found["quote_noise"])) == pytest.approx(math.log(0.1), abs=0.8)  # Morris has four levels
    assert found.equals(pd.DataFrame(points(design, factors, 16, 3)))
    assert not found.equals(pd.DataFrame(points(design, factors, 16, 4)))


def test_a_latin_hypercube_has_a_point_in_every_stratum():
    cube = shares("lhs", read_factors(RANGES, "lhs"), 50, 0)
    for column in cube.T:
        assert sorted((50 * column).astype(int)) == list(range(50))


def test_a_grid_has_every_combination():
    grid = {"separation_rate": {"low": 0.01, "high": 0.04, "levels": 3, "log": True}, "job_searches": [1, 2]}
    found = pd.DataFrame(points("grid", read_factors(grid, "grid"), 1, 0))
    np.testing.assert_allclose(found["separation_rate"].unique(), [0.01, 0.02, 0.04])
    assert found.groupby(["separation_rate", "job_searches"]).size().tolist() == [1] * 6


def test_whole_numbers_and_listed_values_have_equal_parts():
    even = np.linspace(0.0, 1.0, 12_001)[:-1]
    (whole,) = read_factors({"job_searches": [2, 5]}, "lhs")
    assert np.bincount([whole.at(share) for share in even]).tolist() == [0, 0, 3000, 3000, 3000, 3000]
    assert (whole.at(0.0), whole.at(1.0)) == (2, 5)
    (listed,) = read_factors({"bank_pricing": ["posted_rate", "spread"]}, "lhs")
    assert [listed.at(share) for share in (0.0, 0.49, 0.51, 1.0)] == ["posted_rate"] * 2 + ["spread"] * 2
    assert Factor("quote_noise", (), 0.1, 0.3).at(1.0) == 0.3
