"""Commercial banks: they post lending and deposit rates, set lending standards, and bear the losses."""

import numpy as np

from macro_mesa.agents.base import all_rows, clip, clip_columns
from macro_mesa.compiled import jit
from macro_mesa.population import Column, MacroAgent, Population
from macro_mesa.spaces import COMMERCIAL_BANK, DEPOSIT_SPREADS, LENDING_SPREADS, SPACES, values

SPACE = SPACES[COMMERCIAL_BANK]
# row 0: steps of the posted rates; row 1: spreads over the policy rate
LENDING_GRID = np.array([values(COMMERCIAL_BANK, "lending_rate"), LENDING_SPREADS])
DEPOSIT_GRID = np.array([values(COMMERCIAL_BANK, "deposit_rate"), DEPOSIT_SPREADS])
RISK_TOLERANCES = np.array(values(COMMERCIAL_BANK, "risk_tolerance"))


class CommercialBank(MacroAgent):
    """A commercial bank; see ``columns`` for its attributes.

    Reward: profit over opening loans less capital shortfall and resolution penalty.
    """

    agent_type = COMMERCIAL_BANK
    reward_names = ("net_interest", "loan_losses", "capital_shortfall", "resolution")
    columns = (
        Column("loans", "f8", "money", "Loans outstanding"),
        Column("deposits", "f8", "money", "Deposits owed"),
        Column("reserves", "f8", "money", "Reserves at the central bank"),
        Column("advances", "f8", "money", "Advances from the central bank"),
        Column("equity", "f8", "money", "Own capital"),
        Column("lending_rate", "f8", "annual", "Posted lending rate"),
        Column("deposit_rate", "f8", "annual", "Posted deposit rate"),
        Column("risk_tolerance", "f8", "multiple", "Multiple of the usual lending caps", 1.0),
        Column("interest_income", "f8", "money a month", "Loan interest received"),
        Column("interest_expense", "f8", "money a month", "Deposit interest paid"),
        Column("corridor_income", "f8", "money a month", "Interest on reserves less advances"),
        Column("operating_cost", "f8", "money a month", "Operating cost"),
        Column("loan_losses", "f8", "money a month", "Write-offs"),
        Column("dividends", "f8", "money a month", "Dividends paid"),
        Column("profit", "f8", "money a month", "Net interest income less losses and operating cost"),
        Column("new_loans", "f8", "money a month", "Loans granted"),
        Column("nonperforming", "f8", "money", "Loans in arrears"),
        Column("opening_loans", "f8", "money", "Loans at the opening: the scale of its reward", 1.0),
        Column("applications", "i4", "a month", "Applications received"),
        Column("approvals", "i4", "a month", "Applications approved"),
        Column("clients", "i4", "agents", "Depositors"),
        Column("resolved", "?", "-", "Was resolved this month"),
    )

    @classmethod
    def observe(cls, population: Population) -> np.ndarray:
        """What each bank knows: its books, its rivals' mean rates, the policy rate and published statistics."""
        model = population.model
        observations = population.blank_observations()
        _observe(observations, population.table, model.central_banks.table, model.economy, SPACE.low, SPACE.high)
        return observations

    @classmethod
    def apply(cls, population: Population, actions: np.ndarray, rows: np.ndarray | None = None) -> None:
        """Post lending and deposit rates and set lending standards."""
        model = population.model
        _apply(
            population.table, actions, all_rows(population, rows), LENDING_GRID, DEPOSIT_GRID, RISK_TOLERANCES,
            model.parameters.bank_pricing == "spread", model.central_banks.table, model.parameter_record,
        )  # fmt: skip


@jit
def capital_ratio(banks, b):
    """Equity over loans; one for a bank without loans."""
    return banks[b].equity / banks[b].loans if banks[b].loans > 1.0e-9 else 1.0


@jit
def _observe(out, banks, central_bank, economy, low, high):
    published = economy[0]
    total_loans = 0.0
    total_deposits = 0.0
    lending = 0.0
    deposit = 0.0
    number = len(banks)
    for b in range(number):
        total_loans += banks[b].loans
        total_deposits += banks[b].deposits
        lending += banks[b].lending_rate / number
        deposit += banks[b].deposit_rate / number
    for b in range(number):
        bank = banks[b]
        loans = max(bank.loans, 1.0e-9)
        out[b, 0] = 10.0 * capital_ratio(banks, b)
        out[b, 1] = (bank.reserves - bank.advances) / max(bank.deposits, 1.0e-9)
        out[b, 2] = 10.0 * bank.lending_rate
        out[b, 3] = 10.0 * bank.deposit_rate
        out[b, 4] = 100.0 * (bank.lending_rate - lending)
        out[b, 5] = 100.0 * (bank.deposit_rate - deposit)
        out[b, 6] = 10.0 * central_bank[0].policy_rate
        out[b, 7] = 100.0 * central_bank[0].rate_change
        out[b, 8] = 10.0 * bank.nonperforming / loans
        out[b, 9] = bank.approvals / bank.applications if bank.applications > 0 else 1.0
        out[b, 10] = bank.applications / max(bank.clients, 1)
        out[b, 11] = number * bank.loans / max(total_loans, 1.0e-9)
        out[b, 12] = number * bank.deposits / max(total_deposits, 1.0e-9)
        out[b, 13] = 10.0 * published.inflation
        out[b, 14] = 10.0 * published.unemployment
    clip_columns(out, low, high)


@jit
def _apply(banks, actions, rows, lending_grid, deposit_grid, risk_tolerances, by_spread, central_bank, parameters):
    p = parameters[0]
    policy_rate = central_bank[0].policy_rate
    for k in range(len(rows)):
        b = rows[k]
        if by_spread:
            # the one place where pass-through is mechanical, by the user's choice of bank_pricing="spread"
            lending = policy_rate + lending_grid[1, actions[k, 0]]
            deposit = policy_rate - deposit_grid[1, actions[k, 1]]
        else:
            lending = banks[b].lending_rate + lending_grid[0, actions[k, 0]]
            deposit = banks[b].deposit_rate + deposit_grid[0, actions[k, 1]]
        banks[b].lending_rate = clip(lending, 0.0, p.maximum_lending_rate)
        banks[b].deposit_rate = clip(deposit, 0.0, p.maximum_lending_rate)
        banks[b].risk_tolerance = risk_tolerances[actions[k, 2]]


@jit
def _reward(out, banks, economy, parameters):
    p = parameters[0]
    for b in range(len(banks)):
        scale = max(economy[0].price_level * banks[b].opening_loans, 1.0e-12)
        shortfall = clip(1.0 - capital_ratio(banks, b) / max(p.capital_target, 1.0e-12), 0.0, 1.0)
        earned = banks[b].profit + banks[b].loan_losses
        out[b, 0] = p.bank_profit_weight * earned / scale
        out[b, 1] = -p.bank_profit_weight * banks[b].loan_losses / scale
        out[b, 2] = -p.capital_shortfall_weight * shortfall
        out[b, 3] = -p.resolution_penalty * banks[b].resolved


CommercialBank.fill_rewards = staticmethod(_reward)
