"""The stationary opening: months that are like any other, books that close, and agents of a long run."""

import functools

import numpy as np
import pytest
from conftest import SIZES, check_jobs, economy, history, sized

from macro_mesa import MacroModel, Parameters, stationary
from macro_mesa.spaces import AGENT_TYPES

SEEDS = range(10_200, 10_220)  # held out
STATISTICS = ("gdp", "unemployment", "inflation", "credit", "policy_rate")
ODD = [(1, 1, 1), (2, 1, 2), (30, 28, 30), (97, 13, 3)]


@functools.cache
def histories(policy, size, months):
    """Statistics by name, (seeds, months + 1); credit in goods at the prices paid, of which the index drifts away."""
    found = {name: np.empty((len(SEEDS), months + 1)) for name in STATISTICS}
    for row, seed in enumerate(SEEDS):
        model = MacroModel(**sized(*size), policy=policy, rng=seed)
        paid = [1.0]
        for _ in range(months):
            model.step()
            paid.append(model.firms.revenue.sum() / model.firms.sales.sum())
        for name in STATISTICS:
            found[name][row] = history(model)[name]
        found["credit"][row] /= paid
    return found


# What falls short, by how much: small firms borrow less by rule than learned ones, yet both open alike; and the first
# shipped run rests a little below the others, whose points it may open at.
SHORT = {
    ("rule", "credit"): 30.0,  # of 480
    ("pretrained", "gdp"): 1.0,  # of 92
    ("pretrained", "unemployment"): 0.005,
}


@pytest.mark.slow
@pytest.mark.parametrize("size", [(100, 20, 5), (400, 40, 5)], ids=str)
@pytest.mark.parametrize("policy", ["rule", "pretrained"])
def test_the_first_two_years_are_like_any_other(policy, size):
    for name, series in histories(policy, size, 240).items():
        low, high = np.quantile(series[:, 121:241], [0.1, 0.9])
        short = SHORT.get((policy, name), 0.0) if size[0] == 100 else 0.0
        means = series[:, 1:25].mean(axis=0)
        assert low - short <= means.min(), name
        assert means.max() <= high + short, name


@pytest.mark.slow
@pytest.mark.parametrize(
    ("size", "seeds"),
    [((100, 20, 5), 20), ((400, 40, 5), 20), ((1000, 100, 10), 20), ((10_000, 1_000, 25), 3)],
    ids=str,
)
def test_an_economy_by_rule_lives_for_fifty_years(size, seeds):
    months = 600
    frames = [history(economy(size, months, seed)) for seed in SEEDS[:seeds]]
    series = {name: np.array([frame[name] for frame in frames]) for name in (*STATISTICS, "bank_resolutions")}
    assert 0.03 <= series["unemployment"][:, 1:].mean() <= 0.10
    assert 0.0 <= series["inflation"][:, 1:].mean() <= 0.04
    assert series["gdp"][:, 1:].mean() >= 0.93 * series["gdp"][:, 0].mean()
    assert np.median(series["bank_resolutions"].sum(axis=1)) == 0
    rate, p = series["policy_rate"][:, 1:], Parameters()
    assert ((rate < p.lower_bound + 0.0005) | (rate > p.upper_bound - 0.0005)).mean() <= 0.05


@pytest.mark.parametrize("size", [*SIZES, *ODD], ids=str)
def test_books_close_and_jobs_agree_at_any_size(size):
    for seed in range(5):
        model = economy(size, 0, seed)
        check_jobs(model)
        assert model.ledger.residual() < 1e-9
        assert model.firms.employment.min() >= min(1, len(model.households))
        model.step()
        assert history(model)["accounting_residual"].max() < 1e-9


def test_a_seed_is_one_opening_and_seeds_differ():
    one, same, other = (economy(rng=seed) for seed in (3, 3, 4))
    assert all(np.array_equal(one.populations[kind].table, same.populations[kind].table) for kind in AGENT_TYPES)
    assert not np.array_equal(one.households.deposits, other.households.deposits)


def test_agents_differ_and_in_the_equal_opening_they_do_not():
    moved, equal = economy((100, 20, 5)), economy((100, 20, 5), opening="equal")
    for name in ("deposits", "debt"):
        assert np.ptp(getattr(moved.households, name)) > 0.0
        assert np.ptp(getattr(equal.households, name)) == 0.0
    assert np.ptp(moved.firms.price) > 0.0
    assert np.ptp(equal.firms.price) == 0.0


def test_totals_are_in_proportion_to_the_parameters():
    usual, rich = (economy((100, 20, 5), opening_household_deposits=deposits) for deposits in (4.0, 8.0))
    assert rich.households.deposits.sum() == pytest.approx(2.0 * usual.households.deposits.sum())


def test_prices_and_inflation_open_along_the_target():
    usual, fast = (economy(inflation_target=target) for target in (0.02, 0.05))
    gap = (1.0 + history(fast).inflation[0]) / (1.0 + history(usual).inflation[0])
    assert gap == pytest.approx(1.05 / 1.02)
    assert history(usual).price_level[0] == pytest.approx(1.0)


def test_without_disturbances_the_opening_has_none():
    model = economy(taste_noise=0.0, productivity_noise=0.0, cost_noise=0.0, firm_productivity_noise=0.0)
    assert model.economy["taste_state"][0] == model.economy["productivity_state"][0] == 0.0
    assert not model.firms.productivity.any()


def test_small_firms_open_as_small_firms_do():
    points = stationary.long_runs()["points"]
    random = np.random.default_rng(1)
    for size, nearest in ((4.0, 5.0), (10.0, 10.0), (80.0, 10.0)):
        assert {stationary.draw_point(size, random)["firm_size"] for _ in range(20)} == {nearest}
    assert points["gdp"].min() > 0.7


@pytest.mark.parametrize(("weights", "total"), [([1.0, 1.0, 1.0], 3), ([5.0, 1.0, 0.1], 20), ([1.0, 9.0], 11)])
def test_whole_shares_add_up_and_leave_nobody_out(weights, total):
    shares = stationary.whole_shares(np.array(weights), total)
    assert shares.sum() == total
    assert shares.min() >= 1
    assert (np.diff(shares[np.argsort(weights)]) >= 0).all()
