"""Production and wages: Cobb-Douglas output, the payroll, the wage tax and the unemployment benefit."""

import numpy as np

from macro_mesa import ledger
from macro_mesa.compiled import jit
from macro_mesa.ledger import FIRMS_CURRENT, HOUSEHOLDS, WAGES
from macro_mesa.markets.labor_market import dismiss
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
def pay_wages(households, firms, banks, central_bank, economy, parameters, flows, key, month, target_prices):
    """Pay the workers, tax them, support the unemployed; a firm lays off those whom it cannot pay."""
    p = parameters[0]
    cost = 1.0 + economy[0].cost
    tax_rate = wage_tax(-central_bank[0].equity, target_prices, len(households), p)
    central_bank[0].tax_rate = tax_rate
    # no benefit is financed by money in the inside-money-only economy
    benefit = p.benefit_replacement * economy[0].wage if p.money_anchor else 0.0
    for f in range(len(firms)):
        firms[f].labor = 0.0
        firms[f].wage_bill = 0.0
    due = np.zeros(len(firms))
    for i in range(len(households)):
        if households[i].employed:
            f = households[i].employer_id
            due[f] += households[i].hours * firms[f].wage_offer * cost
    jobless = np.empty(len(households), np.int32)
    number = 0
    for i in range(len(households)):
        if not households[i].employed:
            jobless[number] = i
            number += 1
            continue
        f = households[i].employer_id
        wage = households[i].hours * firms[f].wage_offer * cost
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
        firms[f].labor += households[i].hours
        households[i].wage = firms[f].wage_offer
        tax = tax_rate * wage
        ledger.pay_wage_tax(households, i, banks, central_bank, flows, tax)
        households[i].income = wage - tax
    for i in jobless[:number]:
        ledger.pay_benefit(households, i, banks, central_bank, flows, benefit)
        households[i].income = benefit


@jit
def produce(firms, economy, parameters):
    """Add the month's Cobb-Douglas output to inventories and wear the capital."""
    p = parameters[0]
    wear = 1.0 - p.depreciation_rate / 12.0
    for f in range(len(firms)):
        intensity = firms[f].capital / p.opening_capital
        efficiency = economy[0].productivity * np.exp(firms[f].productivity)
        firms[f].production = efficiency * firms[f].labor**p.labor_share * intensity ** (1.0 - p.labor_share)
        firms[f].inventory += firms[f].production
        firms[f].capital *= wear

