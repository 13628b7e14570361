"""Production, wages, tax and payouts against closed forms."""


import numpy as np
import pytest
from conftest import SIZES, check_jobs, economy, run_until

from macro_mesa.distribution import pay_dividends
from macro_mesa.ledger import FIRMS_CAPITAL, FIRMS_CURRENT
from macro_mesa.schedule import pay_out, work

KEY = np.uint64(987_654_321)


# --- production
def made(capital, labor, substitution):
    """Units at productivity one, in closed form."""
    if substitution == 1.0:
        return labor**0.7 * capital**0.3
    exponent = (substitution - 1.0) / substitution
    return (0.7 * labor**exponent + 0.3 * capital**exponent) ** (1.0 / exponent)


SUBSTITUTION = pytest.mark.parametrize("substitution", [0.4, 1.0])


@SUBSTITUTION
def test_output_comes_from_capital_and_hours_and_capital_wears(substitution):
    model = economy(SIZES[1], capital_labor_substitution=substitution)
    run_until(model, "work")
    firms, p = model.firms, model.parameters
    capital, stock = firms.capital.copy(), firms.inventory.copy()
    work(model)
    efficiency = model.economy["productivity"][0] * np.exp(firms.productivity)
    expected = efficiency * made(capital / p.opening_capital, firms.labor, substitution)
    np.testing.assert_allclose(firms.production, expected)
    np.testing.assert_allclose(firms.inventory, stock + expected)
    np.testing.assert_allclose(firms.capital, capital * (1 - p.depreciation_rate / 12))
    offered = hours_offered(model)
    np.testing.assert_allclose(firms.labor, offered * firms.utilization)
    paid = firms.labor + p.short_time_pay * (offered - firms.labor)
    np.testing.assert_allclose(firms.wage_bill, paid * firms.wage_offer * (1 + model.economy["cost"][0]))


def hours_offered(model):
    """Hours that each firm's workers offer."""
    households, employed = model.households, model.households.employed
    return np.bincount(households.employer_id[employed], households.hours[employed], len(model.firms))


@SUBSTITUTION
def test_a_firm_calls_the_hours_that_its_planned_production_needs(substitution):
    model = economy(SIZES[1], 6, capital_labor_substitution=substitution)
    run_until(model, "work")
    firms, p = model.firms, model.parameters
    firms.inventory[:] = np.linspace(0.0, 3.0, len(firms)) * firms.expected_sales
    stock, capital = firms.inventory.copy(), firms.capital.copy()
    expected = firms.expected_sales.copy()
    work(model)
    plan = np.maximum(expected + p.inventory_adjustment * (p.inventory_target * expected - stock), 0.0)
    efficiency = model.economy["productivity"][0] * np.exp(firms.productivity)
    most = efficiency * made(capital / p.opening_capital, hours_offered(model), substitution)
    wanted = np.where(stock > 0.0, np.minimum(plan, most), most)  # sold out: whatever it can make
    np.testing.assert_allclose(firms.production, wanted, atol=1e-12)
    assert firms.utilization[0] == 1.0
    assert firms.utilization[-1] < 0.5
    employer, worked = np.maximum(model.households.employer_id, 0), model.households.hours_worked
    np.testing.assert_allclose(np.bincount(employer, worked, len(firms)), firms.labor)
    assert (worked[~model.households.employed] == 0.0).all()


def test_at_full_capacity_all_hours_are_called():
    model = economy(SIZES[1], 6, full_capacity=True)
    run_until(model, "work")
    model.firms.inventory[:] = 10.0 * model.firms.expected_sales
    work(model)
    np.testing.assert_allclose(model.firms.labor, hours_offered(model))


def test_idle_hours_cost_less_than_called_ones():
    bills = {}
    for pay in (0.0, 0.5, 1.0):
        model = economy(SIZES[1], opening="equal", short_time_pay=pay)
        run_until(model, "work")
        model.firms.inventory[:] = 10.0 * model.firms.expected_sales  # nothing to make
        work(model)
        bills[pay] = model.firms.wage_bill / (hours_offered(model) * model.firms.wage_offer)
    np.testing.assert_allclose(bills[0.0], 0.0)
    np.testing.assert_allclose(bills[0.5], 0.5, atol=1e-3)
    np.testing.assert_allclose(bills[1.0], 1.0, atol=1e-3)


def test_what_a_firm_expects_to_sell_does_not_fall_while_it_sells_out():
    model = economy(SIZES[1], 3)
    run_until(model, "trade goods")
    firms = model.firms
    firms.inventory[0] = 1e-3  # next to nothing to sell
    before = firms.expected_sales.copy()
    model.goods_market.clear()
    assert firms.inventory[0] == 0.0
    assert firms.expected_sales[0] == before[0]
    left, step = firms.inventory > 0.0, model.parameters.expectation_adjustment
    np.testing.assert_allclose(firms.expected_sales[left], (before + step * (firms.sales - before))[left])


def test_a_firm_pays_whom_it_can_and_lays_off_the_rest():
    model = economy(SIZES[1], full_capacity=True)
    run_until(model, "work")
    firm = model.firms[0]
    workers = firm.employment
    assert workers >= 3
    model.commercial_banks.deposits[firm.bank_id] -= firm.deposits - 2.2 * firm.wage_offer
    firm.deposits = 2.2 * firm.wage_offer
    work(model)
    assert firm.deposits >= 0.0
    assert firm.employment <= 2
    assert firm.wage_bill == pytest.approx(firm.employment * firm.wage_offer * (1 + model.economy["cost"][0]))
    check_jobs(model)


def test_owners_are_paid_by_their_shares_and_operating_costs_equally():
    model = economy(SIZES[1], 3, ownership="pareto")
    assert model.households.ownership.sum() == pytest.approx(1.0)
    run_until(model, "pay out")
    households, before = model.households, model.households.deposits.copy()
    interest = model.commercial_banks.deposit_rate[households.bank_id] / 12.0 * before
    pay_out(model)
    dividends = model.firms.dividends.sum() + model.commercial_banks.dividends.sum()
    costs = model.commercial_banks.operating_cost.sum() / len(households)
    received = interest + households.ownership * dividends + costs
    np.testing.assert_allclose(households.deposits - before, received)
    assert dividends > 0.0


def test_banks_pay_out_what_exceeds_their_target_only():
    model = economy(SIZES[1])
    banks, p = model.commercial_banks, model.parameters
    banks.equity[0] = 0.16 * banks.loans[0]
    banks.equity[1] = 0.09 * banks.loans[1]
    spare = np.maximum(banks.equity - p.capital_target * banks.loans, 0.0)
    money = np.maximum(model.firms.deposits - model.firms.wage_offer * model.firms.employment, 0.0)
    pool = pay_dividends(model.firms.table, banks.table, model.parameter_record, model.ledger.flows)
    np.testing.assert_allclose(banks.dividends, spare / 3.0)
    np.testing.assert_allclose(model.firms.dividends, money / 3.0)
    assert pool == pytest.approx(spare.sum() / 3.0 + money.sum() / 3.0)
    assert banks.dividends[0] > 0.0 == banks.dividends[1]


def test_firm_interest_is_booked_in_the_current_account():
    model = economy(SIZES[1])
    run_until(model, "service debts")
    debt, rate = model.firms.debt.copy(), model.firms.loan_rate.copy()
    model.credit_market.settle()
    flows = model.ledger.flows
    assert flows[3, FIRMS_CURRENT] == pytest.approx(-(debt * rate).sum() / 12.0)
    assert flows[3, FIRMS_CAPITAL] == 0.0
