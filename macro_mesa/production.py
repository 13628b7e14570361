"""Production and wages: planned and actual output, the payroll, the wage tax and the unemployment benefit."""

import numpy as np

from macro_mesa import ledger, technology
from macro_mesa.agents.firm import output_of, productivity
from macro_mesa.compiled import jit
from macro_mesa.ledger import FIRMS_CURRENT, HOUSEHOLDS, WAGES
from macro_mesa.markets.goods_market import SOLD_OUT
from macro_mesa.markets.labor_market import dismiss, prefetch_employer
from macro_mesa.random_streams import Purpose, uniform


@jit
def wage_tax(outside_money, target_prices, num_households, p):
    """Wage tax leaning on the stock of outside money: a passive fiscal rule, no policy rate in it.

    ``target_prices`` is the price level that the target stock is reckoned in.
    """
    if not p.money_anchor:
        return 0.0
    excess = outside_money / (p.outside_money_target * num_households * target_prices) - 1.0
    return min(max(p.base_tax + p.tax_response * excess, 0.0), p.maximum_tax)


@jit
def planned_production(firms, f, p):
    """Units a firm sets out to make: what it expects to sell, and a share of what its stock lacks (Metzler 1941)."""
    expected = firms[f].expected_sales
    shortfall = p.inventory_target * expected - firms[f].inventory
    return max(expected + p.inventory_adjustment * shortfall, 0.0)


@jit
def utilization(firms, f, available, economy, p):
    """Share of the ``available`` hours of its workers that a firm calls up, 0 to 1.

    Production is in nobody's action set: like the wage bargain it is an institution.  A firm that sold out
    does not know what it could have sold, and calls up all of them.
    """
    if p.full_capacity or firms[f].inventory <= SOLD_OUT or available <= 0.0 or firms[f].capital <= 0.0:
        return 1.0
    capital = firms[f].capital / p.opening_capital
    units = planned_production(firms, f, p)
    needed = technology.labor_for(
        units, productivity(firms, f, economy), capital, p.labor_share, p.capital_labor_substitution
    )  # fmt: skip
    return min(needed / available, 1.0)


@jit
def call_hours(households, firms, economy, p):
    """Let every firm decide how much of its workers' hours it calls up this month."""
    available = np.zeros(len(firms))
    for i in range(len(households)):
        if households[i].employed:
            available[households[i].employer_id] += households[i].hours
    for f in range(len(firms)):
        firms[f].utilization = utilization(firms, f, available[f], economy, p)


@jit
def pay_rate(firms, f, p):
    """Money a month for each hour that a worker offers: the wage for hours called, short-time pay for idle ones."""
    called = firms[f].utilization
    return firms[f].hourly_cost * (called + p.short_time_pay * (1.0 - called))


@jit
def pay_wages(households, firms, banks, central_bank, economy, parameters, flows, key, month, target_prices):
    """Pay the workers, tax them, support the unemployed; a firm lays off those whom it cannot pay."""
    p = parameters[0]
    tax_rate = wage_tax(-central_bank[0].equity, target_prices, len(households), p)
    central_bank[0].tax_rate = tax_rate
    # no benefit is financed by money in the inside-money-only economy
    benefit = p.benefit_replacement * economy[0].wage if p.money_anchor else 0.0
    for f in range(len(firms)):
        firms[f].labor = 0.0
        firms[f].wage_bill = 0.0
    call_hours(households, firms, economy, p)
    rates = np.empty(len(firms))
    for f in range(len(firms)):
        firms[f].hourly_cost = firms[f].wage_offer * (1.0 + economy[0].cost)
        rates[f] = pay_rate(firms, f, p)
    due = np.zeros(len(firms))
    for i in range(len(households)):
        households[i].hours_worked = 0.0
        if households[i].employed:
            f = households[i].employer_id
            due[f] += households[i].hours * rates[f]
    jobless = np.empty(len(households), np.int32)
    number = 0
    for i in range(len(households)):
        prefetch_employer(households, i, firms)
        if not households[i].employed:
            jobless[number] = i
            number += 1
            continue
        f = households[i].employer_id
        wage = households[i].hours * rates[f]
        # a firm short of money keeps as many of its workers as it can pay, chosen by lot
        if due[f] > firms[f].deposits:
            lot = uniform(key, month, Purpose.LAYOFF, 1 + i) * due[f]
            if lot > firms[f].deposits or wage > firms[f].deposits:
                due[f] -= wage
                dismiss(households, i, firms)
                jobless[number] = i
                number += 1
                continue
        due[f] -= wage
        ledger.pay(firms, f, households, i, banks, flows, WAGES, FIRMS_CURRENT, HOUSEHOLDS, wage)
        firms[f].wage_bill += wage
        households[i].hours_worked = households[i].hours * firms[f].utilization
        firms[f].labor += households[i].hours_worked
        households[i].wage = firms[f].wage_offer
        tax = tax_rate * wage
        ledger.pay_wage_tax(households, i, banks, central_bank, flows, tax)
        households[i].income = wage - tax
    for i in jobless[:number]:
        ledger.pay_benefit(households, i, banks, central_bank, flows, benefit)
        households[i].income = benefit


@jit
def produce(firms, economy, parameters):
    """Add the month's output to inventories and wear the capital."""
    p = parameters[0]
    wear = 1.0 - p.depreciation_rate / 12.0
    for f in range(len(firms)):
        firms[f].production = output_of(firms, f, firms[f].labor, economy, p)
        firms[f].inventory += firms[f].production
        firms[f].capital *= wear

