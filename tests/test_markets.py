"""The goods and the labour market against slow references, closed forms and what must hold however the draws fall."""

import math
from itertools import product

import numpy as np
import pytest
import reference
from conftest import SIZES, check_jobs, economy, parameters, run, run_until

from macro_mesa.markets import goods_market, labor_market
from macro_mesa.production import wage_tax
from macro_mesa.random_streams import Purpose

KEY = np.uint64(987_654_321)


# --- goods
@pytest.mark.parametrize("case", range(30))
def test_trade_is_the_reference_s(case):
    rng = np.random.default_rng(case)
    households, firms, shown = rng.integers(1, 12), rng.integers(1, 6), int(rng.integers(1, 7))
    money = rng.uniform(0.0, 3.0, households + firms)
    money[rng.random(len(money)) < 0.1] = 0.0
    units = np.concatenate([np.full(households, np.inf), rng.uniform(0.0, 1.0, firms)])
    prices, stocks = rng.uniform(0.8, 1.3, firms), rng.uniform(0.0, 4.0, firms)
    stocks[rng.random(firms) < 0.2] = 0.0
    queue = reference.Splitmix(int(KEY), case, Purpose.GOODS_QUEUE, 0)
    quotes = [reference.Splitmix(int(KEY), case, Purpose.SHOPPING, buyer) for buyer in range(len(money))]
    expected = reference.trade(money, units, prices, stocks, queue, quotes, shown, 0.15)
    left = stocks.copy()
    found = goods_market.trade(
        money, units[households:], prices, left, parameters(shopping_quotes=shown, quote_noise=0.15), KEY, case
    )  # fmt: skip
    for ours, theirs in zip((*found, left), expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12)


def test_demand_is_logit_over_the_sample():
    """Two sellers with stock for everybody, five quotes each: the chance of the dearer one in closed form."""
    prices, buyers, shown, noise = np.array([1.0, 1.1]), 20_000, 5, 0.15
    weights = prices ** (-1.0 / noise)
    expected = 0.0
    for seen in product((0, 1), repeat=shown):
        dearer = sum(seen)
        total = dearer * weights[1] + (shown - dearer) * weights[0]
        expected += dearer * weights[1] / total / 2**shown
    money = np.full(buyers, 1e-3)
    stocks = np.full(2, 1e9)
    _, _, _, revenue = goods_market.trade(
        money, np.empty(0), prices, stocks, parameters(shopping_quotes=shown, quote_noise=noise), KEY, 1
    )  # fmt: skip
    share = revenue[1] / revenue.sum()
    assert share == pytest.approx(expected, abs=4.0 * math.sqrt(expected * (1 - expected) / buyers))
    assert revenue.sum() == pytest.approx(money.sum())


def test_goods_and_money_are_conserved_in_the_market():
    model = economy(SIZES[1], 24, policy="random", rng=3)
    run_until(model, "trade goods")
    firms, households = model.firms, model.households
    stock, capital, money = firms.inventory.copy(), firms.capital.copy(), households.deposits.copy()
    plans, budgets = firms.investment_plan.copy(), households.consumption_rate * model.economy["taste"][0] * money
    model.goods_market.clear()
    np.testing.assert_allclose(stock - firms.inventory, firms.sales, atol=1e-9)
    np.testing.assert_allclose(firms.capital - capital, firms.investment, atol=1e-9)
    np.testing.assert_allclose(money - households.deposits, households.spending, atol=1e-9)
    assert firms.sales.sum() == pytest.approx(households.consumption.sum() + firms.investment.sum())
    assert (firms.investment <= plans * (1 + 1e-9)).all()
    assert (households.spending <= budgets * (1 + 1e-9)).all()
    assert firms.inventory.min() >= 0.0
    buyers = households.consumption > 0
    paid = households.spending[buyers] / households.consumption[buyers]
    assert firms.price.min() - 1e-9 <= paid.min()
    assert paid.max() <= firms.price.max() + 1e-9


def test_the_queue_mixes_consumers_and_investors():
    """With goods for half the demand only, both groups come home with part of what they wanted."""
    households, firms = 200, 200
    money = np.concatenate([np.full(households, 1.0), np.full(firms, 10.0)])
    bought, *_ = goods_market.trade(money, np.ones(firms), np.ones(firms), np.ones(firms), parameters(), KEY, 1)
    assert 0.3 < bought[:households].mean() < 0.8
    assert 0.3 < bought[households:].mean() < 0.8


# --- labour


@pytest.mark.parametrize("policy", ["random", "rule"])
def test_jobs_add_up_after_matching_and_after_the_month(policy):
    model = economy(SIZES[1], policy=policy, rng=8)
    for _ in range(36):
        run_until(model, "grant credit")
        check_jobs(model)
        assert (model.firms.hires <= model.firms.vacancies).all()
        assert (model.firms.hires <= model.firms.applicants).all()
        assert (model.firms.employment <= model.firms.employment_target).all()
        for stage in ("clear", "settle"):  # the rest of the month, without its decisions
            getattr(model.credit_market, stage)()
        model.month -= 1
        run(model, 1)
        check_jobs(model)


def test_every_unemployed_household_searches_and_takes_the_first_open_post():
    model = economy(SIZES[1], separation_rate=0.5, job_searches=3, usual_firm_size=1.0, rng=2)
    model.begin_month()
    households, firms = model.households, model.firms
    labor_market.separate(households.table, firms.table, model.parameter_record, model.key, model.month)
    jobless = (~households.employed).sum()
    posts = np.maximum(firms.employment_target - firms.employment, 0)
    assert 30 <= jobless <= 75
    labor_market.match(households.table, firms.table, model.parameter_record, model.key, model.month)
    check_jobs(model)
    np.testing.assert_array_equal(firms.vacancies, posts)
    assert (~households.employed).sum() == jobless - firms.hires.sum()
    assert jobless <= firms.applicants.sum() <= 3 * jobless
    # who is turned away has made all three visits; a firm with open posts has taken whoever came
    open_still = firms.hires < firms.vacancies
    np.testing.assert_array_equal(firms.hires[open_still], firms.applicants[open_still])


@pytest.mark.parametrize(("rate", "least", "most"), [(0.0, 0, 0), (1.0, 94, 94), (0.2, 7, 33)])
def test_separations_have_their_rate(rate, least, most):
    model = economy(SIZES[1], opening="equal", separation_rate=rate)
    labor_market.separate(model.households.table, model.firms.table, model.parameter_record, model.key, 1)
    check_jobs(model)
    assert least <= 94 - model.households.employed.sum() <= most


@pytest.mark.parametrize(
    ("size", "searches", "expected"),
    [((100, 20, 5), 1, 2), ((100, 20, 5), 3, 6), ((400, 40, 5), 1, 1), ((400, 80, 5), 1, 2), ((90, 6, 2), 2, 2)],
)
def test_seekers_visit_more_firms_where_firms_are_small(size, searches, expected):
    model = economy(size, job_searches=searches)
    assert labor_market.visits(model.households.table, model.firms.table, model.parameter_record[0]) == expected


def test_layoffs_bring_firms_to_their_targets():
    model = economy(SIZES[1], separation_rate=0.0)
    model.firms.employment_target[:] = 2
    model.firms.employment_target[4] = 50
    labor_market.separate(model.households.table, model.firms.table, model.parameter_record, model.key, 1)
    check_jobs(model)
    assert model.firms.employment.tolist() == [2, 2, 2, 2, 5, *[2] * 15]


def test_wage_offers_follow_the_firm_s_own_queue():
    model = economy(SIZES[1])
    p, firms = model.parameters, model.firms
    firms.vacancies[:3] = firms.applicants[:3] = [2, 1, 1]
    firms.hires[:3] = [1, 1, 1]  # firm 0 has a post left, firm 1 as many applicants as posts
    firms.applicants[2] = 5  # firm 2 turned four away
    before = firms.wage_offer.copy()
    model.economy["inflation"] = 0.07
    labor_market.set_wage_offers(firms.table, model.economy, model.parameter_record, model.key, 1)
    indexed = 1.0 + (p.wage_indexation * p.inflation_target + p.wage_catch_up * 0.07) / 12.0
    change = firms.wage_offer / before / indexed - 1.0
    assert 0.0 < change[0] <= p.wage_raise
    np.testing.assert_allclose(change[1], 0.0, atol=1e-12)
    assert -p.wage_cut <= change[2] < 0.0
    np.testing.assert_allclose(change[3:], 0.0, atol=1e-12)


def test_tightness_is_posts_over_the_unemployed():
    model = economy(SIZES[1], 3)
    expected = model.firms.vacancies.sum() / (~model.households.employed).sum()
    assert model.labor_market.tightness == pytest.approx(expected)


@pytest.mark.parametrize(
    ("money", "expected"),
    [(110.0, 0.03), (220.0, 0.08), (55.0, 0.005), (0.0, 0.0), (1e6, 0.3), (-50.0, 0.0)],
)
def test_wage_tax_leans_on_outside_money(money, expected):
    p = parameters(outside_money_target=1.1, base_tax=0.03, tax_response=0.05, maximum_tax=0.3)[0]
    assert wage_tax(money, 1.0, 100, p) == pytest.approx(expected)
    assert wage_tax(2.0 * money, 2.0, 100, p) == pytest.approx(expected)  # real money counts
    assert wage_tax(money, 1.0, 100, parameters(money_anchor=False)[0]) == 0.0


def test_without_the_anchor_nobody_is_taxed_or_supported():
    flows = economy(SIZES[1], 6, money_anchor=False).ledger.flow_matrix()
    assert (flows.loc[["wage tax", "unemployment benefit"]] == 0.0).all(axis=None)
