"""What is paid out at the end of a month: interest on deposits and reserves, operating costs, dividends."""

from macro_mesa import ledger
from macro_mesa.compiled import jit
from macro_mesa.ledger import DEPOSIT_INTEREST, DIVIDENDS, FIRMS_CURRENT, HOUSEHOLDS, OPERATING_COST


@jit
def pay_interest(households, firms, banks, central_bank, parameters, flows):
    """Deposit interest, the corridor on reserves and advances; fills banks' clients and interest."""
    p = parameters[0]
    # counted here, not when the month opens: banks compare last month's applications with them before they decide
    for b in range(len(banks)):
        banks[b].clients = 0
    for i in range(len(households)):
        b = households[i].bank_id
        amount = banks[b].deposit_rate / 12.0 * households[i].deposits
        ledger.pay_from_bank(banks, b, households, i, flows, DEPOSIT_INTEREST, HOUSEHOLDS, amount)
        banks[b].interest_expense += amount
        banks[b].clients += 1
        households[i].income += amount
    for f in range(len(firms)):
        b = firms[f].bank_id
        amount = banks[b].deposit_rate / 12.0 * firms[f].deposits
        ledger.pay_from_bank(banks, b, firms, f, flows, DEPOSIT_INTEREST, FIRMS_CURRENT, amount)
        banks[b].interest_expense += amount
        banks[b].clients += 1
        firms[f].interest -= amount
    policy_rate = central_bank[0].policy_rate
    for b in range(len(banks)):
        earned = (policy_rate - p.corridor) / 12.0 * banks[b].reserves
        owed = (policy_rate + p.corridor) / 12.0 * banks[b].advances
        ledger.pay_corridor_interest(banks, b, central_bank, flows, earned - owed)


@jit
def pay_operating_costs(banks, parameters, flows):
    """Collect banks' operating costs and close their profit; returns the pool for households."""
    p = parameters[0]
    pool = 0.0
    for b in range(len(banks)):
        cost = p.operating_cost / 12.0 * banks[b].loans
        ledger.collect_from_bank(banks, b, flows, OPERATING_COST, cost)
        banks[b].operating_cost = cost
        net_interest = banks[b].interest_income - banks[b].interest_expense + banks[b].corridor_income
        banks[b].profit = net_interest - cost - banks[b].loan_losses
        pool += cost
    return pool


@jit
def pay_dividends(firms, banks, parameters, flows):
    """Collect dividends of firms and banks; returns the pool for households."""
    p = parameters[0]
    pool = 0.0
    for f in range(len(firms)):
        spare = firms[f].deposits - firms[f].wage_offer * firms[f].employment
        firms[f].dividends = p.firm_payout * max(spare, 0.0)
        ledger.debit(firms, f, banks, flows, DIVIDENDS, FIRMS_CURRENT, firms[f].dividends)
        pool += firms[f].dividends
    for b in range(len(banks)):
        spare = banks[b].equity - p.capital_target * banks[b].loans
        banks[b].dividends = p.bank_payout * max(spare, 0.0)
        ledger.collect_from_bank(banks, b, flows, DIVIDENDS, banks[b].dividends)
        pool += banks[b].dividends
    return pool


@jit
def pay_households(households, banks, flows, operating_costs, dividends):
    """Hand out both pools: operating costs equally, dividends by ownership."""
    cost_share = operating_costs / len(households)
    for i in range(len(households)):
        dividend = households[i].ownership * dividends
        ledger.credit(households, i, banks, flows, OPERATING_COST, HOUSEHOLDS, cost_share)
        ledger.credit(households, i, banks, flows, DIVIDENDS, HOUSEHOLDS, dividend)
        households[i].income += cost_share + dividend


@jit
def open_bank_accounts(banks):
    """Set banks' monthly flows to zero."""
    for b in range(len(banks)):
        banks[b].interest_income = 0.0
        banks[b].interest_expense = 0.0
        banks[b].corridor_income = 0.0
        banks[b].loan_losses = 0.0
        banks[b].nonperforming = 0.0
