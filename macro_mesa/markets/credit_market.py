"""The credit market: applications, approvals, debt service, arrears, defaults and failures.

A borrower holds one loan account with one lender.  A new loan is added at the lender's rate of the day: the
account's rate and remaining term are the averages weighted by principal, and principal falls in equal parts
over the remaining term, which for a single loan is linear amortisation at its own fixed rate.
"""

from typing import TYPE_CHECKING

import numpy as np

from macro_mesa import ledger
from macro_mesa.agents.commercial_bank import capital_ratio
from macro_mesa.agents.firm import equity
from macro_mesa.compiled import AHEAD, CACHE_LINE, jit, prefetch
from macro_mesa.ledger import FIRMS_CAPITAL, FIRMS_CURRENT, HOUSEHOLDS
from macro_mesa.population import Population
from macro_mesa.random_streams import (
    BATCH,
    Purpose,
    fill_first,
    fill_races,
    fill_sequences,
    next_pair,
    shuffle,
    uniforms,
)

if TYPE_CHECKING:
    from macro_mesa.model import MacroModel


@jit
def switch_banks(depositors, first_agent, banks, parameters, key, month):
    """Some depositors compare their bank with another one and choose between them by a logit in deposit rates."""
    p = parameters[0]
    chances = np.empty(BATCH)
    for start in range(0, len(depositors), BATCH):
        fill_first(chances, key, month, Purpose.SWITCHING, first_agent + start)
        for i in range(start, min(start + BATCH, len(depositors))):
            if chances[i - start] >= p.switching_rate:
                continue
            _, choice, taste, _ = uniforms(key, month, Purpose.SWITCHING, first_agent + i)
            here = depositors[i].bank_id
            there = int(choice * len(banks))
            gain = banks[there].deposit_rate - banks[here].deposit_rate
            if there != here and taste * (1.0 + np.exp(-gain / p.deposit_noise)) < 1.0:
                ledger.move_account(depositors, i, banks, there)


@jit
def quote_loans(borrowers, first_agent, banks, margin, parameters, key, month):
    """Every borrower compares a few lending rates, its lender's among them, and notes the offer it prefers.

    Rates are ranked with Gumbel noise, as an exponential race: logit demand over the sample.  The borrower is quoted
    the preferred bank's rate and a margin of its own, uniform within ``margin`` of zero, whichever bank it is.
    """
    p = parameters[0]
    rates = banks["lending_rate"]
    reluctance = np.exp(np.minimum((rates - rates.min()) / p.loan_quote_noise, 500.0))
    sequences = np.empty(BATCH, np.uint64)
    others = np.empty((p.loan_quotes, BATCH), np.int32)
    delays = np.empty((p.loan_quotes, BATCH))
    for start in range(0, len(borrowers), BATCH):
        agents = np.arange(first_agent + start, first_agent + min(start + BATCH, len(borrowers)))
        fill_sequences(sequences[: len(agents)], key, month, Purpose.LOAN_QUOTES, agents)
        fill_races(others, delays, sequences[: len(agents)], len(banks))
        for place in range(len(agents)):
            i = start + place
            offer = borrowers[i].lender_id if borrowers[i].debt > 0.0 else borrowers[i].bank_id
            preferred = borrowers[i].quoted_lender
            best = np.inf
            for quote in range(p.loan_quotes):
                arrival = delays[quote, place] * reluctance[offer]
                if arrival < best:
                    best = arrival
                    preferred = offer
                offer = others[quote, place]
            borrowers[i].quoted_lender = preferred
            borrowers[i].quoted_rate = rates[preferred]
            if margin > 0.0:
                _, own, _ = next_pair(sequences[place])
                borrowers[i].quoted_rate = max(rates[preferred] + margin * (2.0 * own - 1.0), 0.0)


@jit
def has_headroom(borrowers, i, banks, amount, p):
    """Whether the bank would still meet its capital requirement with the loan on its books."""
    bank = borrowers[i].quoted_lender
    taken_over = borrowers[i].debt if borrowers[i].lender_id != bank else 0.0
    return banks[bank].equity >= p.capital_requirement * (banks[bank].loans + amount + taken_over)


@jit
def grant(borrowers, i, banks, flows, sector, amount, term):
    """Pay out a loan and blend its rate and term into the borrower's account."""
    bank = borrowers[i].quoted_lender
    debt = borrowers[i].debt
    rate = borrowers[i].quoted_rate
    # debt that a new lender takes over is repriced at its rate
    old_rate = borrowers[i].loan_rate if borrowers[i].lender_id == bank else rate
    borrowers[i].loan_rate = (debt * old_rate + amount * rate) / (debt + amount)
    borrowers[i].loan_term = (debt * borrowers[i].loan_term + amount * term) / (debt + amount)
    ledger.lend(borrowers, i, banks, bank, flows, sector, amount)
    banks[bank].approvals += 1


@jit
def household_is_sound(households, i, banks, amount, p):
    """Debt service with the loan within the bank's cap on a share of income."""
    bank = households[i].quoted_lender
    interest = (households[i].debt + amount) * households[i].quoted_rate / 12.0
    principal = households[i].debt / max(households[i].loan_term, 1.0) + amount / p.household_loan_term
    service = interest + principal
    return service <= p.debt_service_cap * banks[bank].risk_tolerance * households[i].income


@jit
def firm_is_sound(firms, i, banks, amount, price_level, p):
    """Debt with the loan within the bank's cap on a share of assets."""
    assets = firms[i].deposits + amount + price_level * (firms[i].capital + firms[i].inventory)
    cap = p.leverage_cap * banks[firms[i].quoted_lender].risk_tolerance
    return firms[i].debt + amount <= cap * assets


@jit
def firm_request(firms, i, price_level, p):
    """Loan a firm applies for: part of its investment, or whatever wages and investment lack."""
    investment = price_level * firms[i].investment_plan
    wages = firms[i].wage_offer * firms[i].employment
    shortage = wages + investment - firms[i].deposits
    return max(p.investment_loan_share * investment, shortage)


@jit
def clear(households, firms, banks, economy, parameters, flows, key, month):
    """Applications of households and firms in one random queue; returns loans granted to households."""
    p = parameters[0]
    price_level = economy[0].price_level
    for b in range(len(banks)):
        banks[b].applications = 0
        banks[b].approvals = 0
        banks[b].new_loans = 0.0
    number = len(households)
    order = np.empty(number + len(firms), np.int32)
    applicants = 0
    for i in range(number):
        wants = households[i].loan_request > 0.0
        if wants and households[i].exclusion == 0 and households[i].arrears == 0:
            order[applicants] = i
            applicants += 1
        households[i].refused = False
    for f in range(len(firms)):
        if firms[f].arrears == 0 and firms[f].exclusion == 0:
            order[applicants] = number + f
            applicants += 1
        firms[f].refused = False
    shuffle(order[:applicants], key, month, Purpose.CREDIT_QUEUE)
    household_loans = 0.0
    for place in range(applicants):
        coming = order[min(place + AHEAD, applicants - 1)]
        if coming < number:
            for line in range(3):
                prefetch(households, coming, CACHE_LINE * line)
        else:
            for line in range(3):
                prefetch(firms, coming - number, CACHE_LINE * line)
        i = order[place]
        if i < number:
            amount = households[i].loan_request
            banks[households[i].quoted_lender].applications += 1
            if has_headroom(households, i, banks, amount, p) and household_is_sound(households, i, banks, amount, p):
                grant(households, i, banks, flows, HOUSEHOLDS, amount, p.household_loan_term)
                household_loans += amount
            else:
                households[i].refused = True
        else:
            f = i - number
            amount = firm_request(firms, f, price_level, p)
            if amount <= 0.0:
                continue
            banks[firms[f].quoted_lender].applications += 1
            if has_headroom(firms, f, banks, amount, p) and firm_is_sound(firms, f, banks, amount, price_level, p):
                grant(firms, f, banks, flows, FIRMS_CAPITAL, amount, p.firm_loan_term)
            else:
                firms[f].refused = True
    return household_loans


@jit
def service_debt(borrowers, i, banks, flows, current, capital):
    """Pay interest, then principal, as far as deposits go; returns the interest paid."""
    interest = borrowers[i].debt * borrowers[i].loan_rate / 12.0
    principal = borrowers[i].debt / max(borrowers[i].loan_term, 1.0)
    borrowers[i].debt_service = interest + principal
    paid = min(interest, borrowers[i].deposits)
    ledger.pay_bank(borrowers, i, banks, borrowers[i].lender_id, flows, current, paid)
    repaid = min(principal, borrowers[i].deposits)
    ledger.repay(borrowers, i, banks, flows, capital, repaid)
    if paid < interest or repaid < principal:
        borrowers[i].arrears += 1
        banks[borrowers[i].lender_id].nonperforming += borrowers[i].debt
    else:
        borrowers[i].arrears = 0
        borrowers[i].loan_term = max(1.0, borrowers[i].loan_term - 1.0)
    return paid


@jit
def default_strikes(borrowers, i, income, multiplier, hazard, draw):
    """Whether a default unrelated to missed payments strikes: a hazard rising with debt service."""
    burden = min(borrowers[i].debt_service / max(income, 1.0e-9), 1.0)
    return draw < hazard * multiplier * burden


@jit
def settle_household_debts(households, banks, economy, parameters, flows, revaluations, key, month):
    """Households' debt service; defaults after the grace months or by hazard are written off."""
    p = parameters[0]
    draws = np.empty(len(households))
    fill_first(draws, key, month, Purpose.DEFAULT, 0)
    for i in range(len(households)):
        households[i].defaulted = False
        households[i].debt_service = 0.0
        if households[i].exclusion > 0:
            households[i].exclusion -= 1
        if households[i].debt <= 0.0:
            continue
        service_debt(households, i, banks, flows, HOUSEHOLDS, HOUSEHOLDS)
        multiplier = economy[0].default_multiplier
        overdue = households[i].arrears > p.grace_months
        if overdue or default_strikes(households, i, households[i].income, multiplier, p.default_hazard, draws[i]):
            recovered = min(households[i].deposits, p.default_recovery * households[i].debt)
            ledger.repay(households, i, banks, flows, HOUSEHOLDS, recovered)
            ledger.write_off(households, i, banks, revaluations, households[i].debt)
            households[i].debt = 0.0
            households[i].arrears = 0
            households[i].defaulted = True
            households[i].exclusion = p.exclusion_months


@jit
def settle_firm_debts(firms, first_agent, banks, economy, parameters, flows, key, month):
    """Firms' debt service; ``defaulted`` marks those struck by the hazard, for the failure stage."""
    p = parameters[0]
    multiplier = economy[0].default_multiplier
    draws = np.empty(len(firms))
    fill_first(draws, key, month, Purpose.DEFAULT, first_agent)
    for f in range(len(firms)):
        firms[f].defaulted = False
        firms[f].debt_service = 0.0
        firms[f].interest = 0.0
        if firms[f].debt <= 0.0:
            continue
        firms[f].interest = service_debt(firms, f, banks, flows, FIRMS_CURRENT, FIRMS_CAPITAL)
        firms[f].defaulted = default_strikes(firms, f, firms[f].revenue, multiplier, p.default_hazard, draws[f])


@jit
def fail_firms(households, firms, banks, economy, parameters, flows, revaluations, fire_sale):
    """Write down the debt of firms in default or with negative equity; returns how many failed."""
    p = parameters[0]
    price_level = economy[0].price_level
    failed = 0
    for f in range(len(firms)):
        overdue = firms[f].arrears > p.grace_months
        firms[f].bankrupt = overdue or firms[f].defaulted or equity(firms, f, price_level) < 0.0
        if not firms[f].bankrupt:
            continue
        failed += 1
        value = p.recovery_share * price_level * firms[f].capital
        if fire_sale:
            repay_from_fire_sale(households, firms, f, banks, flows, min(value, firms[f].debt))
        kept = 0.0 if fire_sale else min((1.0 - p.minimum_debt_cut) * firms[f].debt, value)
        ledger.write_off(firms, f, banks, revaluations, firms[f].debt - kept)
        firms[f].debt = max(kept, 0.0)
        firms[f].arrears = 0
    return failed


@jit
def repay_from_fire_sale(households, firms, f, banks, flows, wanted):
    """The owners buy the failed firm's capital with up to a tenth of their deposits; the lender is repaid."""
    raised = 0.0
    for i in range(len(households)):
        part = min(households[i].ownership * wanted, 0.1 * households[i].deposits)
        ledger.pay(households, i, firms, f, banks, flows, ledger.EQUITY_ISSUE, HOUSEHOLDS, FIRMS_CAPITAL, part)
        raised += part
    ledger.repay(firms, f, banks, flows, FIRMS_CAPITAL, min(raised, firms[f].debt))


@jit
def resolve_banks(households, firms, banks, central_bank, parameters, flows, revaluations, use_bail_in):
    """Refill banks below the trigger, by the central bank or by their depositors; returns how many."""
    p = parameters[0]
    resolved = 0
    for b in range(len(banks)):
        banks[b].resolved = capital_ratio(banks, b) < p.resolution_trigger or banks[b].equity < 0.0
        if not banks[b].resolved:
            continue
        resolved += 1
        shortage = p.resolution_capital * banks[b].loans - banks[b].equity
        if use_bail_in and banks[b].deposits > 0.0:
            haircut = min(1.0, shortage / banks[b].deposits)
            shortage -= haircut * banks[b].deposits
            for i in range(len(households)):
                if households[i].bank_id == b:
                    loss = haircut * households[i].deposits
                    ledger.bail_in(households, i, banks, revaluations, ledger.BAIL_IN_HOUSEHOLDS, loss)
            for f in range(len(firms)):
                if firms[f].bank_id == b:
                    loss = haircut * firms[f].deposits
                    ledger.bail_in(firms, f, banks, revaluations, ledger.BAIL_IN_FIRMS, loss)
        if shortage > 0.0:
            ledger.inject(banks, b, central_bank, flows, shortage)
    return resolved


@jit
def fund_banks(banks, central_bank, parameters):
    """Banks short of required reserves take advances, the others repay theirs."""
    p = parameters[0]
    for b in range(len(banks)):
        missing = p.reserve_ratio * banks[b].deposits - banks[b].reserves
        ledger.advance(banks, b, central_bank, max(missing, -banks[b].advances))


class CreditMarket:
    """Where borrowers meet banks, and where loans go bad."""

    def __init__(self, model: "MacroModel") -> None:
        self._model = model

    def _tables(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        model = self._model
        return model.households.table, model.firms.table, model.commercial_banks.table

    def switch_banks(self) -> None:
        """Some depositors move to a bank that suits them better."""
        model = self._model
        households, firms, banks = self._tables()
        switch_banks(households, 0, banks, model.parameter_record, model.key, model.month)
        switch_banks(firms, len(households), banks, model.parameter_record, model.key, model.month)

    def quote_loans(self) -> None:
        """Borrowers compare lending rates."""
        model = self._model
        households, firms, banks = self._tables()
        margin = model.parameters.personal_margin
        quote_loans(households, 0, banks, margin, model.parameter_record, model.key, model.month)
        quote_loans(firms, len(households), banks, 0.0, model.parameter_record, model.key, model.month)

    def clear(self) -> None:
        """Grant or refuse this month's applications."""
        model = self._model
        model.economy["new_household_loans"] = clear(
            *self._tables(), model.economy, model.parameter_record, model.ledger.flows, model.key, model.month
        )

    def settle(self) -> None:
        """Debt service, arrears and defaults."""
        model = self._model
        households, firms, banks = self._tables()
        flows, revaluations = model.ledger.flows, model.ledger.revaluations
        parameters, key, month = model.parameter_record, model.key, model.month
        settle_household_debts(households, banks, model.economy, parameters, flows, revaluations, key, month)
        settle_firm_debts(firms, len(households), banks, model.economy, parameters, flows, key, month)

    def fail_firms(self) -> None:
        """Bankruptcies; the slot of a failed firm goes to a new agent on the same books."""
        model = self._model
        failed = fail_firms(
            *self._tables(), model.economy, model.parameter_record, model.ledger.flows,
            model.ledger.revaluations, model.parameters.bankruptcy_rule == "fire_sale",
        )  # fmt: skip
        _replace(model.firms, model.firms.bankrupt, failed)

    def resolve_banks(self) -> None:
        """Bank resolution; then advances for banks short of reserves."""
        model = self._model
        central_bank = model.central_banks.table
        resolved = resolve_banks(
            *self._tables(), central_bank, model.parameter_record, model.ledger.flows,
            model.ledger.revaluations, model.parameters.resolution_rule == "bail_in",
        )  # fmt: skip
        _replace(model.commercial_banks, model.commercial_banks.resolved, resolved)
        fund_banks(model.commercial_banks.table, central_bank, model.parameter_record)


def _replace(population: Population, failed: np.ndarray, number: int) -> None:
    """Seat new agents on the slots of failed ones."""
    population.terminated[:] = False
    if number:
        for row in failed.nonzero()[0]:
            population.replace(int(row))
