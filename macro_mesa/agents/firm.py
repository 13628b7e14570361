"""Firms: they post prices, hire, invest, and sell from inventory."""

import numpy as np

from macro_mesa import technology
from macro_mesa.agents.base import all_rows, clip_columns
from macro_mesa.compiled import jit
from macro_mesa.population import Column, MacroAgent, Population
from macro_mesa.random_streams import Purpose, uniforms
from macro_mesa.spaces import FIRM, SPACES, values

SPACE = SPACES[FIRM]
PRICE_STEPS = np.array(values(FIRM, "price"))
HIRING_STEPS = np.array(values(FIRM, "hiring"))
INVESTMENT_RATES = np.array(values(FIRM, "investment"))


class Firm(MacroAgent):
    """A firm; see ``columns`` for its attributes.

    Reward: profit less the charge on equity, holding cost, menu cost and bankruptcy penalty, over opening sales.
    """

    agent_type = FIRM
    reward_names = ("profit", "equity_charge", "inventory", "menu_cost", "bankruptcy")
    columns = (
        # first cache line: money and work
        Column("deposits", "f8", "money", "Deposits at its bank"),
        Column("price", "f8", "money", "Posted price", 1.0),
        Column("wage_offer", "f8", "money a month", "Wage for full hours that it pays"),
        Column("labor", "f8", "hours", "Hours worked this month"),
        Column("utilization", "f8", "share", "Share of its workers' hours called", 1.0),
        Column("wage_bill", "f8", "money a month", "Wages paid"),
        Column("bank_id", "i4", "row", "Its bank's row in model.commercial_banks"),
        Column("lender_id", "i4", "row", "Row of the bank that holds its loan"),
        Column("employment", "i4", "workers", "Workers"),
        Column("employment_target", "i4", "workers", "Workers it wants", 1),
        Column("vacancies", "i4", "workers", "Open posts at the start of this month's search"),
        Column("hires", "i4", "workers", "Posts filled this month"),
        # second: goods
        Column("inventory", "f8", "units", "Finished goods in stock"),
        Column("sales", "f8", "units a month", "Goods sold"),
        Column("revenue", "f8", "money a month", "Sales revenue"),
        Column("expected_sales", "f8", "units a month", "Smoothed sales, which do not fall while it sells out"),
        Column("production", "f8", "units a month", "Goods made"),
        Column("capital", "f8", "units", "Capital goods in use"),
        Column("productivity", "f8", "log", "Its own productivity disturbance"),
        Column("investment_plan", "f8", "units a month", "Capital goods it wants to buy"),
        # third: debt and failure
        Column("debt", "f8", "money", "Outstanding loan"),
        Column("loan_rate", "f8", "annual", "Rate of its loan"),
        Column("loan_term", "f8", "months", "Months until its loan is repaid"),
        Column("debt_service", "f8", "money a month", "Interest and principal due"),
        Column("quoted_rate", "f8", "annual", "Best rate it was quoted for a loan this month"),
        Column("quoted_lender", "i4", "row", "Row of the bank that quoted it"),
        Column("interest", "f8", "money a month", "Loan interest paid less deposit interest earned"),
        Column("dividends", "f8", "money a month", "Dividends paid"),
        Column("arrears", "i4", "months", "Months of debt service missed in a row"),
        Column("exclusion", "i4", "months", "Months left without credit (firms: always 0)"),
        Column("defaulted", "?", "-", "Struck by default this month"),
        Column("bankrupt", "?", "-", "Went bankrupt this month"),
        Column("refused", "?", "-", "Last loan application refused"),
        # the rest
        Column("hourly_cost", "f8", "money a month", "What a full hour called last month cost it, cost push included"),
        Column("last_price", "f8", "money", "Posted price of the month before", 1.0),
        Column("investment", "f8", "units a month", "Capital goods bought"),
        Column("opening_sales", "f8", "units a month", "Sales at the opening: the scale of its reward", 1.0),
        Column("applicants", "i4", "households", "Applicants this month"),
    )

    @classmethod
    def observe(cls, population: Population) -> np.ndarray:
        """What each firm knows: its books, its sales, a few rivals' prices and published statistics."""
        model = population.model
        observations = population.blank_observations()
        _observe(
            observations, population.table, model.commercial_banks.table, model.economy,
            model.parameter_record, model.key, model.month,
            SPACE.low, SPACE.high,
        )  # fmt: skip
        return observations

    @classmethod
    def apply(cls, population: Population, actions: np.ndarray, rows: np.ndarray | None = None) -> None:
        """Post prices, move employment targets and plan investment."""
        _apply(
            population.table, actions, all_rows(population, rows), PRICE_STEPS, HIRING_STEPS,
            INVESTMENT_RATES, population.model.parameter_record,
        )  # fmt: skip


@jit
def equity(firms, i, price_level):
    """Net worth of a firm: deposits, capital and inventory at the price level, less debt."""
    real_assets = firms[i].capital + firms[i].inventory
    return firms[i].deposits + price_level * real_assets - firms[i].debt


@jit
def normal_output(firms, i, p):
    """Units a month that the firm's capital makes when each worker has the opening capital."""
    return max(firms[i].capital / p.opening_capital, 1.0e-9)


@jit
def productivity(firms, f, economy):
    """Units a month that a worker of the firm makes with the opening capital."""
    return economy[0].productivity * np.exp(firms[f].productivity)


@jit
def output_of(firms, f, labor, economy, p):
    """Units that ``labor`` full-time hours make with the firm's capital."""
    capital = firms[f].capital / p.opening_capital
    made_by_one = productivity(firms, f, economy)
    return technology.output(made_by_one, capital, labor, p.labor_share, p.capital_labor_substitution)


@jit
def _observe(out, firms, banks, economy, parameters, key, month, low, high):
    p = parameters[0]
    published = economy[0]
    number = len(firms)
    total_employment, total_capital = 0, 0.0
    for i in range(number):
        total_employment += firms[i].employment
        total_capital += firms[i].capital
    mean_employment = max(1.0, total_employment / number)
    mean_intensity = max(total_capital, 1.0e-9) / (number * mean_employment)
    for i in range(number):
        sampled = 0.0
        for draw in uniforms(key, month, Purpose.MARKET_SAMPLE, i):
            sampled += 0.25 * firms[int(draw * number)].price
        expected = max(firms[i].expected_sales, 1.0e-6)
        made = max(firms[i].production, 1.0e-6)
        price = firms[i].price
        assets = firms[i].deposits + published.price_level * (firms[i].capital + firms[i].inventory)
        out[i, 0] = 10.0 * np.log(price / sampled)
        out[i, 1] = firms[i].inventory / expected
        out[i, 2] = np.log(max(firms[i].sales, 1.0e-6) / expected)
        out[i, 3] = firms[i].wage_bill / (made * price)
        out[i, 4] = firms[i].deposits / (expected * price)
        out[i, 5] = firms[i].debt / max(assets, 1.0e-9)
        out[i, 6] = np.log(max(firms[i].sales, 1.0e-6) / normal_output(firms, i, p))
        out[i, 7] = firms[i].hires / firms[i].vacancies if firms[i].vacancies > 0 else 1.0
        out[i, 8] = 10.0 * firms[i].quoted_rate
        out[i, 9] = firms[i].refused
        out[i, 10] = 10.0 * published.inflation
        out[i, 11] = np.log(max(firms[i].employment, 0.5) / mean_employment)
        out[i, 12] = max(0, firms[i].employment_target - firms[i].employment) / firms[i].employment_target
        intensity = max(firms[i].capital, 1.0e-9) / max(firms[i].employment, 0.5)
        out[i, 13] = np.log(intensity / p.opening_capital)
        workers = max(firms[i].employment, 1)
        hourly_output = output_of(firms, i, workers, economy, p) / workers
        out[i, 14] = 10.0 * np.log(firms[i].hourly_cost / (price * max(hourly_output, 1.0e-9) * p.opening_wage))
        out[i, 15] = 100.0 * np.log(price / firms[i].last_price)
        out[i, 16] = firms[i].utilization
        out[i, 17] = 10.0 * published.deposit_rate
        out[i, 18] = firms[i].investment_plan / max(p.depreciation_rate / 12.0 * firms[i].capital, 1.0e-9)
        out[i, 19] = np.log(intensity / mean_intensity)
        out[i, 20] = 10.0 * firms[i].loan_rate
    clip_columns(out, low, high)


@jit
def _apply(firms, actions, rows, price_steps, hiring_steps, investment_rates, parameters):
    p = parameters[0]
    for k in range(len(rows)):
        i = rows[k]
        firms[i].last_price = firms[i].price
        firms[i].price *= 1.0 + price_steps[actions[k, 0]]
        hiring = hiring_steps[actions[k, 1]]
        change = max(1, round(abs(hiring) * firms[i].employment_target))
        if hiring > 0.0:
            limit = firms[i].employment + max(1, round(p.vacancy_limit * firms[i].employment))
            firms[i].employment_target = max(min(firms[i].employment_target + change, limit), 1)
        elif hiring < 0.0:
            firms[i].employment_target = max(1, firms[i].employment_target - change)
        wear = p.depreciation_rate / 12.0 * firms[i].capital
        wanted = investment_rates[actions[k, 2]] * wear
        firms[i].investment_plan += p.investment_adjustment * (wanted - firms[i].investment_plan)


@jit
def _reward(out, firms, economy, parameters):
    p = parameters[0]
    price_level = economy[0].price_level
    # what owners could earn on deposits instead, and a premium
    cost_of_equity = (economy[0].deposit_rate + p.equity_premium) / 12.0
    for i in range(len(firms)):
        scale = price_level * firms[i].opening_sales
        wear = price_level * p.depreciation_rate / 12.0 * firms[i].capital
        profit = firms[i].revenue - firms[i].wage_bill - firms[i].interest - wear
        out[i, 0] = profit / scale
        out[i, 1] = -cost_of_equity * equity(firms, i, price_level) / scale
        out[i, 2] = -p.inventory_cost * firms[i].inventory / max(firms[i].opening_sales, 1.0e-9)
        out[i, 3] = -p.menu_cost * (firms[i].price != firms[i].last_price)
        out[i, 4] = -p.bankruptcy_penalty * firms[i].bankrupt


Firm.fill_rewards = staticmethod(_reward)
