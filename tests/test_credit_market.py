"""The credit market: quotes, lending tests, loans and their service, and what follows when nobody pays."""

import math
from itertools import product

import numpy as np
import pytest
from conftest import SIZES, economy, run, run_until

from macro_mesa import MacroModel
from macro_mesa.ledger import HOUSEHOLDS
from macro_mesa.markets import credit_market
from macro_mesa.spaces import COMMERCIAL_BANK, SPACES


def debtless(**keywords):
    """An economy in which nobody owes anything, so that single loans can be followed."""
    return economy(opening_household_debt=0.0, opening_firm_debt=0.0, default_hazard=0.0, **keywords)


def lend(model, amount, term):
    """Grant the first household a loan at the rate its quoted lender posts."""
    banks = model.commercial_banks.table
    household = model.households[0]
    household.quoted_rate = banks["lending_rate"][household.quoted_lender]
    credit_market.grant(model.households.table, 0, banks, model.ledger.flows, HOUSEHOLDS, amount, term)


def serve(model):
    return credit_market.service_debt(
        model.households.table, 0, model.commercial_banks.table, model.ledger.flows, HOUSEHOLDS, HOUSEHOLDS
    )


@pytest.mark.parametrize(("amount", "term", "rate"), [(12.0, 24, 0.055), (5.0, 60, 0.12), (1.0, 1, 0.03)])
def test_a_single_loan_ends_in_its_term_with_its_own_interest(amount, term, rate):
    model = debtless()
    household = model.households[0]
    model.commercial_banks.lending_rate[household.bank_id] = rate
    household.deposits += 100.0
    before = household.deposits
    lend(model, amount, term)
    assert household.deposits == before + amount
    model.commercial_banks.lending_rate[:] = 0.29  # the rate of later days does not touch the loan
    interest = 0.0
    for month in range(term):
        assert household.debt == pytest.approx(amount * (1 - month / term))
        interest += serve(model)
    assert household.debt == pytest.approx(0.0, abs=1e-12)
    assert interest == pytest.approx(amount * rate / 12.0 * (term + 1) / 2.0)
    assert household.deposits == pytest.approx(before - interest)
    assert household.arrears == 0


def test_a_second_loan_blends_rate_and_term_by_principal():
    model = debtless()
    household, banks = model.households[0], model.commercial_banks
    banks.lending_rate[household.bank_id] = 0.04
    lend(model, 3.0, 24)
    banks.lending_rate[household.bank_id] = 0.08
    lend(model, 1.0, 60)
    assert household.loan_rate == pytest.approx(0.05)
    assert household.loan_term == pytest.approx(33.0)
    assert household.debt == 4.0


def test_a_new_lender_takes_over_the_old_debt_at_its_own_rate():
    model = debtless()
    household, banks = model.households[0], model.commercial_banks
    old, new = household.bank_id, 1 - household.bank_id
    banks.lending_rate[[old, new]] = [0.04, 0.08]
    lend(model, 3.0, 24)
    reserves = banks.reserves.copy()
    household.quoted_lender = new
    lend(model, 1.0, 24)
    assert (household.lender_id, household.bank_id) == (new, old)  # the deposit stays where it is
    assert household.loan_rate == pytest.approx(0.08)
    assert banks.loans[[old, new]].tolist() == [0.0, 4.0]
    # the new lender pays out the old one's claim and the loan, which arrives at the borrower's bank
    assert (banks.reserves - reserves)[[old, new]].tolist() == [4.0, -4.0]


@pytest.mark.parametrize("grace", [0, 1, 3, 6])
def test_arrears_become_a_default_after_the_grace_months(grace):
    model = debtless(grace_months=grace, exclusion_months=24)
    household, banks = model.households[0], model.commercial_banks
    lend(model, 6.0, 24)
    banks.deposits[household.bank_id] -= household.deposits
    household.deposits = 0.0
    equity = banks.equity.sum()
    for month in range(1, grace + 2):
        assert not household.defaulted
        credit_market.settle_household_debts(
            model.households.table, banks.table, model.economy, model.parameter_record,
            model.ledger.flows, model.ledger.revaluations, model.key, month,
        )  # fmt: skip
        assert household.arrears == (month if month <= grace else 0)
    assert household.defaulted
    assert (household.debt, household.exclusion) == (0.0, 24)
    assert banks.equity.sum() == pytest.approx(equity - 6.0)
    assert model.ledger.revaluations[0] == pytest.approx(6.0)


def test_who_pays_again_has_no_arrears_left():
    model = debtless()
    household = model.households[0]
    lend(model, 6.0, 24)
    kept, household.deposits = household.deposits, 0.0
    serve(model)
    assert household.arrears == 1
    assert model.commercial_banks.nonperforming[household.lender_id] == 6.0
    household.deposits = kept
    term = household.loan_term
    serve(model)
    assert household.arrears == 0
    assert household.loan_term == term - 1.0


def granted(model):
    """Debt before and after this month's credit market, of households and firms."""
    run_until(model, "grant credit")
    before = {kind: model.populations[kind].table.copy() for kind in ("household", "firm")}
    model.credit_market.clear()
    return before


@pytest.mark.parametrize("requirement", [0.08, 0.10, 0.5])
def test_no_bank_lends_below_its_capital_requirement(requirement):
    model = economy(SIZES[1], policy="random", capital_requirement=requirement, rng=3)
    lenders = 0
    for _ in range(12):
        before = granted(model)
        banks = model.commercial_banks
        lending = banks.new_loans > 0.0
        lenders += lending.sum()
        assert (banks.equity[lending] >= requirement * banks.loans[lending] * (1 - 1e-12)).all()
        raised = model.households.debt.sum() - before["household"]["debt"].sum()
        raised += model.firms.debt.sum() - before["firm"]["debt"].sum()
        assert banks.new_loans.sum() == pytest.approx(raised)
        model.month -= 1
        run(model, 1)
    assert (lenders > 0) == (requirement < 0.5)


@pytest.mark.parametrize("tolerance", [0.5, 1.0, 1.5])
def test_banks_lend_to_those_within_their_caps_and_to_no_others(tolerance):
    model = economy(SIZES[2], 12, policy="random", capital_requirement=0.0, rng=4)
    model.begin_month()
    p, banks, households, firms = model.parameters, model.commercial_banks, model.households, model.firms
    model.decide("household")
    model.decide("firm")
    banks.risk_tolerance[:] = tolerance
    households.debt[:] = np.random.default_rng(0).uniform(0.0, 6.0, len(households))  # some owe little, some much
    before = {kind: model.populations[kind].table.copy() for kind in ("household", "firm")}
    model.credit_market.clear()
    old = before["household"]
    applied = (old["loan_request"] > 0) & (old["exclusion"] == 0) & (old["arrears"] == 0)
    rate = households.quoted_rate / 12.0
    principal = old["debt"] / np.maximum(old["loan_term"], 1.0) + old["loan_request"] / p.household_loan_term
    service = (old["debt"] + old["loan_request"]) * rate + principal
    sound = service <= p.debt_service_cap * tolerance * old["income"]
    lent = households.debt > old["debt"]
    np.testing.assert_array_equal(lent, applied & sound)
    np.testing.assert_array_equal(households.refused, applied & ~sound)
    np.testing.assert_allclose((households.debt - old["debt"])[lent], old["loan_request"][lent])
    assert lent.any()
    assert households.refused.any()
    old, level = before["firm"], model.economy["price_level"][0]
    investment = level * old["investment_plan"]
    shortage = old["wage_offer"] * old["employment"] + investment - old["deposits"]
    amount = np.maximum(p.investment_loan_share * investment, shortage)
    assets = old["deposits"] + amount + level * (old["capital"] + old["inventory"])
    sound = old["debt"] + amount <= p.leverage_cap * tolerance * assets
    asks = (old["arrears"] == 0) & (amount > 0.0)
    np.testing.assert_array_equal(firms.debt > old["debt"], sound & asks)
    np.testing.assert_array_equal(firms.refused, ~sound & asks)
    assert banks.applications.sum() == applied.sum() + asks.sum()
    assert banks.approvals.sum() == lent.sum() + (firms.debt > old["debt"]).sum()


def test_depositors_move_to_better_banks_only():
    model = economy(SIZES[1], switching_rate=1.0, deposit_noise=1e-5)
    banks = model.commercial_banks
    banks.deposit_rate[:] = [0.01, 0.02, 0.03, 0.04, 0.05]
    before = model.households.bank_id.copy()
    model.month = 1
    model.credit_market.switch_banks()
    moved = model.households.bank_id != before
    assert moved.any()
    assert (model.households.bank_id[moved] > before[moved]).all()
    assert not moved[before == 4].any()
    deposits = np.bincount(model.households.bank_id, model.households.deposits, 5)
    deposits += np.bincount(model.firms.bank_id, model.firms.deposits, 5)
    np.testing.assert_allclose(banks.deposits, deposits)


def test_depositors_choose_between_two_banks_by_a_logit_in_their_rates():
    model = economy((2000, 4, 2), switching_rate=1.0, deposit_noise=0.01)
    banks = model.commercial_banks
    banks.deposit_rate[:] = [0.01, 0.03]
    before = model.households.bank_id.copy()
    model.month = 1
    model.credit_market.switch_banks()
    moved = model.households.bank_id != before
    # half of all comparisons are with the own bank
    for bank, gain in ((0, 0.02), (1, -0.02)):
        chance = 0.5 / (1.0 + math.exp(-gain / 0.01))
        assert moved[before == bank].mean() == pytest.approx(chance, abs=4.0 * math.sqrt(chance / 1000))


@pytest.mark.parametrize("quotes", [1, 2, 4])
def test_borrowers_choose_among_their_quotes_by_a_logit_in_lending_rates(quotes):
    model = economy((6000, 4, 3), loan_quotes=quotes, loan_quote_noise=0.01, personal_margin=0.0)
    banks, households = model.commercial_banks, model.households
    banks.lending_rate[:] = rates = np.array([0.05, 0.06, 0.08])
    model.month = 1
    model.credit_market.quote_loans()
    np.testing.assert_array_equal(households.quoted_rate, rates[households.quoted_lender])
    for lender in range(3):
        # every sample of further quotes has the same chance
        expected = np.zeros(3)
        samples = list(product(range(3), repeat=quotes - 1))
        for others in samples:
            offers = [lender, *others]
            weights = np.exp(-rates[offers] / 0.01)
            for offer, weight in zip(offers, weights / weights.sum(), strict=True):
                expected[offer] += weight / len(samples)
        chosen = np.bincount(households.quoted_lender[households.lender_id == lender], minlength=3) / 2000
        np.testing.assert_allclose(chosen, expected, atol=4.0 * math.sqrt(0.25 / 2000))


def test_households_are_quoted_a_margin_of_their_own_and_firms_the_posted_rate():
    model = economy((6000, 60, 3), personal_margin=0.01)
    banks, households, firms = model.commercial_banks, model.households, model.firms
    banks.lending_rate[:] = [0.05, 0.06, 0.004]
    margins = []
    for month in (1, 2):
        model.month = month
        model.credit_market.quote_loans()
        posted = banks.lending_rate[households.quoted_lender]
        margins.append((households.quoted_rate - posted)[posted > 0.01])
        np.testing.assert_array_equal(firms.quoted_rate, banks.lending_rate[firms.quoted_lender])
        # no rate below zero
        np.testing.assert_allclose((households.quoted_rate[posted < 0.01] == 0.0).mean(), 0.3, atol=0.06)
    for drawn in margins:
        assert np.abs(drawn).max() <= 0.01 + 1e-12
        assert drawn.mean() == pytest.approx(0.0, abs=4.0 * 0.01 / math.sqrt(3.0 * len(drawn)))
        assert drawn.std() == pytest.approx(0.01 / math.sqrt(3.0), rel=0.05)


def test_a_loan_to_a_household_bears_the_rate_it_was_quoted():
    model = economy((40, 4, 2), opening="equal", personal_margin=0.02)
    households = model.households
    households.debt[:] = 0.0
    households.loan_request[:] = 0.5
    households.income[:] = 10.0
    model.commercial_banks.loans[:] = 0.0
    model.commercial_banks.equity[:] = 1000.0
    model.month = 1
    model.credit_market.quote_loans()
    model.credit_market.clear()
    granted = households.debt > 0.0
    assert granted.all()
    np.testing.assert_allclose(households.loan_rate, households.quoted_rate, rtol=1e-12)
    assert len(np.unique(households.loan_rate)) > 30


def test_debt_service_is_judged_at_the_rate_quoted():
    model = economy((40, 4, 2), opening="equal", personal_margin=0.05, opening_household_debt=0.0)
    p, households = model.parameters, model.households
    households.loan_request[:] = 1.0
    model.commercial_banks.equity[:] = 1000.0
    model.month = 1
    model.credit_market.quote_loans()
    # at the posted rate all of them could bear the loan or none
    service = households.quoted_rate / 12.0 + 1.0 / p.household_loan_term
    households.income[:] = np.median(service) / p.debt_service_cap
    model.credit_market.clear()
    np.testing.assert_array_equal(households.debt > 0.0, service <= np.median(service))


def test_banks_compare_last_months_applications_with_their_clients():
    seen = []

    class Watched(MacroModel):
        def decide(self, agent_type):
            if agent_type == COMMERCIAL_BANK:
                seen.append(self.commercial_banks.observe()[:, SPACES[COMMERCIAL_BANK].column("applications")].copy())
            super().decide(agent_type)

    model = Watched(num_households=200, num_firms=10, num_banks=4, rng=1)
    for _ in range(6):
        clients = np.bincount(np.concatenate([model.households.bank_id, model.firms.bank_id]), minlength=4)
        expected = model.commercial_banks.applications / clients
        model.step()
        # some switched banks since the applications were made, nobody since the clients were counted
        np.testing.assert_allclose(seen[-1], expected, rtol=1e-6)
    assert 0.0 < np.mean(seen[1:]) < 1.5


def test_a_failed_firm_keeps_its_slot_with_less_debt():
    model = economy(SIZES[1], minimum_debt_cut=0.25, recovery_share=0.5)
    firms = model.firms
    firms.arrears[3] = 4
    debt, old = firms.debt.copy(), firms[3]
    losses = model.commercial_banks.equity.sum()
    model.credit_market.fail_firms()
    kept = min(0.75 * debt[3], 0.5 * firms.capital[3])
    assert firms.debt[3] == pytest.approx(kept)
    np.testing.assert_array_equal(np.delete(firms.debt, 3), np.delete(debt, 3))
    assert losses - model.commercial_banks.equity.sum() == pytest.approx(debt[3] - kept)
    assert firms.terminated.nonzero()[0].tolist() == [3]
    assert firms[3] is not old
    assert firms.arrears[3] == 0


@pytest.mark.parametrize(("arrears", "fails"), [(3, False), (4, True)])
def test_a_firm_fails_after_its_grace_months(arrears, fails):
    model = economy(SIZES[1])
    model.firms.arrears[0] = arrears
    model.credit_market.fail_firms()
    assert bool(model.firms.bankrupt[0]) is fails


def test_a_firm_with_negative_equity_fails():
    model = economy(SIZES[1])
    model.firms.capital[5] = model.firms.inventory[5] = 0.0
    model.credit_market.fail_firms()
    assert model.firms.bankrupt.nonzero()[0].tolist() == [5]
    assert model.firms.debt[5] == 0.0  # nothing to recover


@pytest.mark.parametrize(("ratio", "resolved"), [(0.041, False), (0.039, True), (-0.01, True)])
def test_a_bank_below_the_trigger_is_refilled(ratio, resolved):
    model = economy(SIZES[1])
    banks = model.commercial_banks
    missing = banks.equity[2] - ratio * banks.loans[2]
    banks.equity[2] -= missing
    banks.reserves[2] -= missing  # as if the losses had been paid away
    model.credit_market.resolve_banks()
    assert banks.equity[2] == pytest.approx((0.12 if resolved else ratio) * banks.loans[2])
    assert bool(banks.resolved[2]) is bool(banks.terminated[2]) is resolved


def test_banks_short_of_reserves_take_advances_and_repay_them():
    model = economy(SIZES[1], reserve_ratio=0.05)
    banks, central_bank = model.commercial_banks, model.central_bank
    banks.reserves[0] = -3.0
    spare = banks.reserves[1]
    model.credit_market.resolve_banks()
    assert banks.reserves[0] == pytest.approx(0.05 * banks.deposits[0])
    assert banks.advances[0] == pytest.approx(3.0 + 0.05 * banks.deposits[0])
    assert central_bank.advances == pytest.approx(banks.advances.sum())
    assert (banks.reserves[1], banks.advances[1]) == (spare, 0.0)
    banks.reserves[0] += 1_000.0
    model.credit_market.resolve_banks()
    assert banks.advances[0] == 0.0
