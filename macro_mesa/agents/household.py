"""Households: they work, buy goods, borrow, and own firms and banks in fixed shares."""

import numpy as np

from macro_mesa.agents.base import all_rows, clip_columns
from macro_mesa.compiled import jit
from macro_mesa.population import Column, MacroAgent, Population
from macro_mesa.spaces import HOUSEHOLD, SPACES, values

SPACE = SPACES[HOUSEHOLD]
CONSUMPTION_RATES = np.array(values(HOUSEHOLD, "consumption"))
LOAN_REQUESTS = np.array(values(HOUSEHOLD, "borrowing"))
HOURS = np.array(values(HOUSEHOLD, "labor_supply"))
DEPOSIT_FLOOR = 0.05  # months of wage: keeps the log of savings finite


class Household(MacroAgent):
    """A household; see ``columns`` for its attributes.

    Reward: log consumption - labour disutility + savings utility - debt disutility - penalty on default.
    """

    agent_type = HOUSEHOLD
    reward_names = ("consumption", "labor", "savings", "debt", "default")
    columns = (
        # first cache line: what it owns and owes; most of the month's passes need no other
        Column("deposits", "f8", "money", "Deposits at its bank"),
        Column("debt", "f8", "money", "Outstanding loan"),
        Column("ownership", "f8", "share", "Share in all firms and banks"),
        Column("income", "f8", "money a month", "Last month's income after tax"),
        Column("quoted_rate", "f8", "annual", "Best rate it was quoted for a loan this month"),
        Column("bank_id", "i4", "row", "Its bank's row in model.commercial_banks"),
        Column("lender_id", "i4", "row", "Row of the bank that holds its loan"),
        Column("quoted_lender", "i4", "row", "Row of the bank that quoted it"),
        Column("arrears", "i4", "months", "Months of debt service missed in a row"),
        Column("exclusion", "i4", "months", "Months left without credit after a default"),
        # second: work and plans
        Column("wage", "f8", "money a month", "Wage for full hours, the last one when unemployed"),
        Column("hours", "f8", "full time 1", "Hours offered", 1.0),
        Column("hours_worked", "f8", "full time 1", "Hours that its employer called"),
        Column("loan_request", "f8", "money", "Loan applied for this month"),
        Column("consumption_rate", "f8", "share", "Share of cash on hand it plans to spend", 0.149),
        Column("savings_taste", "f8", "-", "Weight on savings utility relative to the mean", 1.0),
        Column("employer_id", "i4", "row", "Its employer's row in model.firms, -1 if unemployed", -1),
        Column("spell", "i4", "months", "Months unemployed in a row"),
        Column("employed", "?", "-", "Has a job"),
        Column("refused", "?", "-", "Last loan application refused"),
        # third: the loan's terms and shopping
        Column("loan_rate", "f8", "annual", "Rate of its loan"),
        Column("loan_term", "f8", "months", "Months until its loan is repaid"),
        Column("debt_service", "f8", "money a month", "Interest and principal due"),
        Column("spending", "f8", "money a month", "Spent on goods"),
        Column("consumption", "f8", "units a month", "Goods bought"),
        Column("shopping_price", "f8", "money", "Mean price it paid"),
        Column("shopping_inflation", "f8", "log", "Change of the mean price it paid"),
        Column("defaulted", "?", "-", "Defaulted this month"),
    )

    @classmethod
    def observe(cls, population: Population) -> np.ndarray:
        """What each household knows: its books, its own bank's rates and published statistics."""
        model = population.model
        observations = population.blank_observations()
        _observe(observations, population.table, model.commercial_banks.table, model.economy, SPACE.low, SPACE.high)
        return observations

    @classmethod
    def apply(cls, population: Population, actions: np.ndarray, rows: np.ndarray | None = None) -> None:
        """Set consumption rates, loan applications and hours."""
        _apply(population.table, actions, all_rows(population, rows), CONSUMPTION_RATES, LOAN_REQUESTS, HOURS)


@jit
def _observe(out, households, banks, economy, low, high):
    published = economy[0]
    for i in range(len(households)):
        wage = max(households[i].wage, 1.0e-12)
        bank = households[i].bank_id
        out[i, 0] = np.log(max(households[i].deposits / wage, DEPOSIT_FLOOR)) - 2.0
        out[i, 1] = households[i].debt / wage / 4.0
        out[i, 2] = households[i].debt_service / wage
        out[i, 3] = np.log(wage / published.wage)
        out[i, 4] = households[i].employed
        out[i, 5] = np.log(1.0 + households[i].spell) / 3.0
        out[i, 6] = 10.0 * households[i].quoted_rate
        out[i, 7] = 10.0 * banks[bank].deposit_rate
        out[i, 8] = 10.0 * households[i].shopping_inflation
        out[i, 9] = 10.0 * published.inflation
        out[i, 10] = 10.0 * published.unemployment
        out[i, 11] = households[i].exclusion > 0
        out[i, 12] = np.log(max(households[i].income / wage, 0.05))
        out[i, 13] = households[i].savings_taste - 1.0
    clip_columns(out, low, high)


@jit
def _apply(households, actions, rows, consumption_rates, loan_requests, hours):
    for k in range(len(rows)):
        i = rows[k]
        households[i].consumption_rate = consumption_rates[actions[k, 0]]
        households[i].loan_request = loan_requests[actions[k, 1]] * households[i].wage
        households[i].hours = hours[actions[k, 2]]


@jit
def _reward(out, households, economy, parameters):
    p = parameters[0]
    price_level = economy[0].price_level
    for i in range(len(households)):
        wage = max(households[i].wage, 1.0e-12)
        real_deposits = max(households[i].deposits, DEPOSIT_FLOOR * wage) / price_level
        worked = households[i].hours_worked
        debt = households[i].debt / wage
        out[i, 0] = np.log(max(households[i].consumption, 0.01) / p.consumption_reference)
        out[i, 1] = -0.5 * p.labor_disutility * worked * worked
        out[i, 2] = p.savings_utility * households[i].savings_taste * np.log(real_deposits)
        out[i, 3] = -p.debt_disutility * debt * debt
        out[i, 4] = -p.default_penalty * households[i].defaulted


Household.fill_rewards = staticmethod(_reward)
