"""Entry and exit between months: agents come and go with their balance sheets, and nothing is conjured.

A household enters with nothing; its estate is shared by the others when it leaves.  A firm or a bank enters
as a spin-off of the largest one; a firm that leaves pays its debt and its owners, a bank is taken over.
"""

from typing import TYPE_CHECKING

import numpy as np

from macro_mesa import ledger
from macro_mesa.agents import CentralBank, CommercialBank, Firm, Household
from macro_mesa.markets.labor_market import dismiss
from macro_mesa.population import MacroAgent, Population

if TYPE_CHECKING:
    from macro_mesa.model import MacroModel


def add_households(model: "MacroModel", number: int, agent_class: type[Household] | None = None) -> range:
    """Unemployed newcomers without deposits, debt or shares; returns their rows."""
    rows = model.households.extend(number, agent_class)
    newcomers = slice(rows.start, rows.stop)
    model.households.wage[newcomers] = model.economy["wage"]
    model.households.shopping_price[newcomers] = model.economy["price_level"]
    banks = np.arange(rows.start, rows.stop) % len(model.commercial_banks)
    model.households.bank_id[newcomers] = model.households.lender_id[newcomers] = banks
    model.households.quoted_lender[newcomers] = banks
    model.households.quoted_rate[newcomers] = model.economy["lending_rate"]
    model.ledger.open_month()
    return rows


def add_firm(model: "MacroModel", agent_class: type[Firm] | None = None) -> int:
    """Split the firm with the most capital in two, workers included; returns the new firm's row."""
    firms, households = model.firms, model.households
    parent = int(firms.capital.argmax())
    (row,) = firms.extend(1, agent_class)
    for name in firms.core_names:
        firms.table[name][row] = firms.table[name][parent]
    for name in (
        "deposits", "debt", "inventory", "capital", "investment_plan", "opening_sales", "expected_sales", "sales",
        "revenue",
    ):  # fmt: skip
        firms.table[name][[parent, row]] /= 2.0
    workers = np.flatnonzero(households.employer_id == parent)[1::2]
    households.employer_id[workers] = row
    for firm in (parent, row):
        firms.employment[firm] = int((households.employer_id == firm).sum())
        firms.employment_target[firm] = max(1, int(firms.employment[firm]))
    model.ledger.open_month()
    return row


def add_bank(model: "MacroModel", agent_class: type[CommercialBank] | None = None) -> int:
    """Split the bank with the most loans in two, every other client moving; returns the new bank's row."""
    banks = model.commercial_banks
    parent = int(banks.loans.argmax())
    (row,) = banks.extend(1, agent_class)
    for name in ("lending_rate", "deposit_rate", "risk_tolerance", "opening_loans"):
        banks.table[name][row] = banks.table[name][parent]
    loans, deposits = 0.0, 0.0
    for clients in (model.households, model.firms):
        depositors = np.flatnonzero(clients.bank_id == parent)[1::2]
        borrowers = np.flatnonzero(clients.lender_id == parent)[1::2]
        clients.bank_id[depositors] = row
        clients.lender_id[borrowers] = row
        deposits += float(clients.deposits[depositors].sum())
        loans += float(clients.debt[borrowers].sum())
    share = loans / float(banks.loans[parent]) if banks.loans[parent] > 0.0 else 0.5
    advances, equity = share * float(banks.advances[parent]), share * float(banks.equity[parent])
    # reserves go with the accounts, so that both books close
    moved = {
        "loans": loans, "deposits": deposits, "advances": advances, "equity": equity,
        "reserves": deposits + advances + equity - loans,
    }  # fmt: skip
    for name, amount in moved.items():
        banks.table[name][row] = amount
        banks.table[name][parent] -= amount
    banks.opening_loans[[parent, row]] /= 2.0
    model.ledger.open_month()
    return row


def remove(agent: MacroAgent) -> None:
    """Settle an agent's books and take it out of its economy; raises ``ValueError`` for the last of its type."""
    population = agent._population
    if isinstance(agent, CentralBank) or len(population) == 1:
        raise ValueError(f"an economy needs its last {population.agent_type}; {agent.unique_id} cannot leave")
    model, row = population.model, agent.row
    if isinstance(agent, Household):
        _settle_household(model, row)
    elif isinstance(agent, Firm):
        _settle_firm(model, row)
    else:
        _hand_over_bank(model, row)
    moved = population.discard(row)
    if isinstance(agent, Firm):
        _rename(model.households.employer_id, moved, row)
    elif isinstance(agent, CommercialBank):
        for clients in (model.households, model.firms):
            _rename(clients.bank_id, moved, row)
            _rename(clients.lender_id, moved, row)
    model.ledger.open_month()


def _rename(ids: np.ndarray, old: int, new: int) -> None:
    ids[ids == old] = new


def _settle_debt(model: "MacroModel", population: Population, row: int, sector: int) -> None:
    """Repay what deposits allow; the lender writes off the rest."""
    table, banks, books = population.table, model.commercial_banks.table, model.ledger
    repaid = min(float(table["deposits"][row]), float(table["debt"][row]))
    ledger.repay(table, row, banks, books.flows, sector, repaid)
    ledger.write_off(table, row, banks, books.revaluations, float(table["debt"][row]))


def _settle_household(model: "MacroModel", row: int) -> None:
    """End its job and debt; the others share its deposits and its shares in firms and banks equally."""
    households, banks = model.households.table, model.commercial_banks.table
    if households["employed"][row]:
        dismiss(households, row, model.firms.table)
    _settle_debt(model, model.households, row, ledger.HOUSEHOLDS)
    heirs = [heir for heir in range(len(households)) if heir != row]
    bequest = float(households["deposits"][row]) / len(heirs)
    households["ownership"][heirs] += households["ownership"][row] / len(heirs)
    for heir in heirs:
        ledger.transfer(households, row, households, heir, banks, bequest)


def _settle_firm(model: "MacroModel", row: int) -> None:
    """End its jobs and debt; its owners share its deposits; its capital and stocks are scrapped."""
    households, firms, banks = model.households.table, model.firms.table, model.commercial_banks.table
    for worker in np.flatnonzero(households["employer_id"] == row):
        dismiss(households, worker, firms)
    _settle_debt(model, model.firms, row, ledger.FIRMS_CAPITAL)
    left = float(firms["deposits"][row])
    for owner in range(len(households)):
        ledger.transfer(firms, row, households, owner, banks, left * float(households["ownership"][owner]))


def _hand_over_bank(model: "MacroModel", row: int) -> None:
    """Another bank takes over its whole balance sheet and its clients."""
    banks = model.commercial_banks.table
    successor = 0 if row else 1
    for name in ("loans", "deposits", "reserves", "advances", "equity", "opening_loans"):
        banks[name][successor] += banks[name][row]
    for clients in (model.households, model.firms):
        _rename(clients.bank_id, row, successor)
        _rename(clients.lender_id, row, successor)
