"""Production, wages, tax and payouts against closed forms."""


import numpy as np
import pytest
from conftest import SIZES, check_jobs, economy, run_until

from macro_mesa.distribution import pay_dividends
from macro_mesa.ledger import FIRMS_CAPITAL, FIRMS_CURRENT
from macro_mesa.schedule import pay_out, work

KEY = np.uint64(987_654_321)


# --- production
def test_output_is_cobb_douglas_and_capital_wears():
    model = economy(SIZES[1])
    run_until(model, "work")
    firms, p = model.firms, model.parameters
    capital, stock = firms.capital.copy(), firms.inventory.copy()
    work(model)
    efficiency = model.economy["productivity"][0] * np.exp(firms.productivity)
    expected = efficiency * firms.labor**0.7 * (capital / p.opening_capital) ** 0.3
    np.testing.assert_allclose(firms.production, expected)
    np.testing.assert_allclose(firms.inventory, stock + expected)
    np.testing.assert_allclose(firms.capital, capital * (1 - p.depreciation_rate / 12))
    hours = np.bincount(
        model.households.employer_id[model.households.employed],
        model.households.hours[model.households.employed], len(firms),
    )  # fmt: skip
    np.testing.assert_allclose(firms.labor, hours)
    np.testing.assert_allclose(firms.wage_bill, hours * firms.wage_offer * (1 + model.economy["cost"][0]))


def test_a_firm_pays_whom_it_can_and_lays_off_the_rest():
    model = economy(SIZES[1])
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
