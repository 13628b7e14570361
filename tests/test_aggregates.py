"""Published statistics against closed forms and against a recomputation from the agents and the past."""

import math

import numpy as np
import pytest
import reference
from conftest import CONTRACT_COLUMNS, SIZES, economy, history, parameters, run

from macro_mesa.aggregates import BUCKETS, ascending, gini, net_worth, potential_output, price_relative
from macro_mesa.config import Parameters
from macro_mesa.recorder import PUBLISHED


@pytest.mark.parametrize(
    ("wealth", "expected"),
    [
        (np.ones(7), 0.0),
        (np.array([0.0, 0.0, 0.0, 5.0]), 3 / 4),
        (np.arange(1.0, 11.0), 9 / 30),  # (n - 1) / 3n
        (np.array([1.0, 3.0]), 1 / 4),
        (np.zeros(4), 0.0),
        (np.array([-1.0, 1.0]), 0.0),
        (np.array([-5.0, 6.0]), 1.0),  # debtors: bounded at one
    ],
)
def test_gini_closed_forms(wealth, expected):
    rng = np.random.default_rng(0)
    assert gini(rng.permutation(wealth)) == pytest.approx(expected)
    assert gini(7.0 * wealth) == pytest.approx(expected)  # scale does not matter


@pytest.mark.parametrize("number", [0, 1, BUCKETS - 1, BUCKETS, 5 * BUCKETS + 7])
@pytest.mark.parametrize("scale", [1e-300, 1.0, 1e300])
def test_sorting_by_digits_sorts(number, scale):
    rng = np.random.default_rng(number)
    values = scale * rng.standard_t(2, number) / 1e3
    values[rng.random(number) < 0.1] = 0.0
    values[rng.random(number) < 0.01] = -np.inf
    values[rng.random(number) < 0.01] = np.inf
    before = values.copy()
    np.testing.assert_array_equal(ascending(values), np.sort(values))
    np.testing.assert_array_equal(values, before)


def test_gini_of_known_distributions():
    rng = np.random.default_rng(1)
    assert gini(rng.lognormal(0.0, 0.8, 200_000)) == pytest.approx(math.erf(0.8 / 2), abs=0.005)
    assert gini(1.0 + rng.pareto(3.0, 200_000)) == pytest.approx(1 / (2 * 3 - 1), abs=0.005)
    assert gini(rng.exponential(2.0, 200_000)) == pytest.approx(0.5, abs=0.005)


def test_gini_is_the_mean_difference_of_pairs():
    rng = np.random.default_rng(2)
    for number in (1, 2, 3, 20, 60):
        wealth = rng.lognormal(0.0, 1.0, number)
        assert gini(wealth) == pytest.approx(reference.gini(wealth.tolist()), abs=1e-12)


def test_price_index_is_tornqvist_s():
    firms = economy().firms
    firms.last_price[:], firms.price[:], firms.revenue[:] = [1.0, 2.0, 4.0], [1.1, 2.0, 3.0], [10.0, 30.0, 0.0]
    now = np.array([5.0, 0.0, 15.0])
    weights = (np.array([1 / 4, 3 / 4, 0.0]) + np.array([1 / 4, 0.0, 3 / 4])) / 2
    assert price_relative(firms.table, now) == pytest.approx(np.prod(np.array([1.1, 1.0, 0.75]) ** weights))
    firms.revenue[:] = 0.0
    nothing = np.zeros(3)
    assert price_relative(firms.table, nothing) == pytest.approx((1.1 * 1.0 * 0.75) ** (1 / 3))
    firms.price[:] = 1.02 * firms.last_price
    assert price_relative(firms.table, now) == pytest.approx(1.02)


def test_price_index_is_reversible():
    """Forward and back again is where it was, whatever was bought in between."""
    firms, rng = economy().firms, np.random.default_rng(0)
    revenue, prices = rng.uniform(1, 5, (2, 3)), rng.uniform(0.8, 1.2, (2, 3))
    firms.last_price[:], firms.price[:], firms.revenue[:] = prices[0], prices[1], revenue[0]
    forward = price_relative(firms.table, revenue[1])
    firms.last_price[:], firms.price[:], firms.revenue[:] = prices[1], prices[0], revenue[1]
    assert forward * price_relative(firms.table, revenue[0]) == pytest.approx(1.0)


def test_switching_to_cheap_firms_is_no_deflation():
    model = economy(SIZES[1])
    model.firms.price[:10] *= 0.9
    model.firms.last_price[:] = model.firms.price
    model.firms.inventory[:] += 100.0  # enough for everybody
    model.begin_month()
    level = model.economy["price_level"][0]
    model.goods_market.clear()
    assert model.firms.revenue[:10].sum() > 1.2 * model.firms.revenue[10:].sum()
    assert model.economy["price_level"][0] == pytest.approx(level, rel=1e-12)


@pytest.mark.parametrize(
    ("productivity", "workers", "capital", "expected"),
    [(1.0, 100.0, 94.0 * 18.0, 94.0), (1.1, 100.0, 94.0 * 18.0, 103.4), (1.0, 200.0, 2 * 94.0 * 18.0, 188.0)],
)
def test_potential_output(productivity, workers, capital, expected):
    for substitution in (0.4, 1.0):
        p = parameters(natural_unemployment=0.06, opening_capital=18.0, capital_labor_substitution=substitution)[0]
        assert potential_output(productivity, workers, capital, p) == pytest.approx(expected)


def test_doubling_capital_alone_raises_potential_by_its_share():
    p = parameters(capital_labor_substitution=1.0)[0]
    less, more = (potential_output(1.0, 100.0, capital, p) for capital in (1000.0, 2000.0))
    assert more / less == pytest.approx(2**0.3)


@pytest.mark.parametrize("policy", ["random", "rule"])
def test_statistics_again_from_the_agents(policy):
    model = economy(SIZES[1], policy=policy, rng=12, shocks=[{"kind": "default", "size": 50.0, "start": 5}])
    for _ in range(8):
        level, new_households = history(model).price_level.iloc[-1], model.households.debt.sum()
        weights = model.firms.revenue.copy()
        prices = model.firms.price.copy()
        run(model, 1)
        found, households, firms, banks = history(model).iloc[-1], model.households, model.firms, model.commercial_banks
        weights = (weights / weights.sum() + firms.revenue / firms.revenue.sum()) / 2
        assert found.price_level == pytest.approx(level * np.prod((firms.price / prices) ** weights))
        expected = {
            "month": model.month,
            "gdp": firms.production.sum(),
            "unemployment": 1 - households.employed.mean(),
            "policy_rate": model.central_bank.policy_rate,
            "lending_rate": np.average(banks.lending_rate, weights=banks.loans),
            "deposit_rate": np.average(banks.deposit_rate, weights=banks.deposits),
            "credit": households.debt.sum() + firms.debt.sum(),
            "new_loans": banks.new_loans.sum(),
            "consumption": households.consumption.sum(),
            "investment": firms.investment.sum(),
            "wage": np.average(firms.wage_offer, weights=firms.employment),
            "bankruptcies": firms.bankrupt.sum(),
            "bank_resolutions": banks.resolved.sum(),
            "household_defaults": households.defaulted.sum(),
            "write_offs": banks.loan_losses.sum(),
            "vacancies": firms.vacancies.sum(),
            "hires": firms.hires.sum(),
            "capital": firms.capital.sum(),
            "inventories": firms.inventory.sum(),
            "hours": households.hours_worked.sum(),
            "outside_money": model.central_bank.reserves - model.central_bank.advances,
            "capital_ratio": banks.equity.sum() / banks.loans.sum(),
            "price_changes": (firms.price != prices).mean(),
        }
        for name, value in expected.items():
            assert found[name] == pytest.approx(value, rel=1e-10, abs=1e-12), name
        workers = (1 - model.parameters.natural_unemployment) * len(households)
        potential = model.economy["productivity"][0] * workers**0.7
        potential *= (found.capital / model.parameters.opening_capital) ** 0.3
        assert found.output_gap == pytest.approx(math.log(found.gdp / potential))
        assert found.new_household_loans >= households.debt.sum() - new_households - 1e-9
        shares = households.deposits - households.debt
        worth = firms.deposits.sum() - firms.debt.sum() + banks.equity.sum()
        worth += found.price_level * (firms.capital.sum() + firms.inventory.sum())
        wealth = shares + households.ownership * worth
        np.testing.assert_allclose(
            net_worth(households.table, firms.table, banks.table, found.price_level), wealth
        )  # fmt: skip
        assert found.gini_wealth == pytest.approx(gini(wealth))


def test_growth_rates_again_from_the_history():
    frame = history(economy(SIZES[1], 60, policy="rule", rng=9))
    level, output, credit = frame.price_level, np.log(frame.gdp), np.log(frame.credit)
    late = slice(25, None)
    np.testing.assert_allclose(frame.inflation[late], (level / level.shift(12) - 1)[late])
    np.testing.assert_allclose(frame.inflation_3m[late], ((level / level.shift(3)) ** 4 - 1)[late])
    quarter = output.rolling(3).mean()
    np.testing.assert_allclose(frame.output_growth[late], (quarter - quarter.shift(3))[late], atol=1e-12)
    np.testing.assert_allclose(frame.credit_growth[late], (credit - credit.shift(12))[late], atol=1e-12)
    p = Parameters()
    at_trend = ((1.0 - p.natural_unemployment) * 100) ** 0.7 * (frame.capital / p.opening_capital) ** 0.3
    np.testing.assert_allclose(frame.observed_gap[late], (quarter - np.log(at_trend))[late], atol=1e-12)


def test_the_history_has_the_contract_s_columns_and_opens_at_the_opening():
    model = economy(SIZES[1], 2, opening="equal")
    frame = history(model)
    assert set(CONTRACT_COLUMNS) <= set(frame.columns)
    assert list(frame.columns) == ["month", *PUBLISHED]
    assert frame.month.tolist() == frame.index.tolist() == [0, 1, 2]
    opening = frame.iloc[0]
    assert (opening.gdp, opening.price_level, opening.inflation, opening.policy_rate) == (94.0, 1.0, 0.02, 0.03)
    assert opening.unemployment == pytest.approx(0.06)
    assert opening.credit == pytest.approx(499.2)
    assert opening.lending_rate == pytest.approx(0.055)
    assert opening.deposit_rate == pytest.approx(0.02)
