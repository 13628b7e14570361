"""The opening balance sheets: every total is given a household, so that economies of any size open alike.

The equal opening is the parameters of the group "opening" and nothing else: all agents of a type are alike, and
demand, prices and credit find their level in the years after it.  The stationary one moves it to a point of a long run
(``macro_mesa.stationary``), so that the first month is a month like any other.
"""

from typing import TYPE_CHECKING

import numpy as np

from macro_mesa import stationary
from macro_mesa.aggregates import HISTORY_MONTHS
from macro_mesa.random_streams import Purpose, generator

if TYPE_CHECKING:
    from macro_mesa.model import MacroModel


def open_economy(model: "MacroModel") -> None:
    """Endow all agents, close the banks' and the central bank's books, and write the histories."""
    random = generator(model.key, Purpose.OPENING)
    _employ(model, random)
    _endow_households(model, random)
    _endow_firms(model)
    if model.parameters.opening == "equal":
        _post_rates(model)
        _open_banks(model, model.parameters.capital_target)
        _open_statistics(model)
        return
    point = stationary.draw_point(model.parameters.num_households / model.parameters.num_firms, random)
    stationary.move_agents(model, point, random)
    _post_rates(model)
    stationary.move_banks(model, point, random)
    _open_banks(model, model.parameters.capital_target * point["capital_ratio"])
    _open_statistics(model)
    stationary.move_statistics(model, point)


def stationary_term(term: int) -> float:
    """Remaining term of a loan account that takes one new loan a month: half its loans' term."""
    return max(1.0, (term - 1) / 2.0)


def _employ(model: "MacroModel", random: np.random.Generator) -> None:
    """Seat the opening workers, chosen by lot, evenly on the firms."""
    p, households, firms = model.parameters, model.households, model.firms
    workers = random.permutation(p.num_households)[: p.opening_workers]
    households.employer_id[:] = -1
    households.employer_id[workers] = np.arange(p.opening_workers) % p.num_firms
    households.employed[:] = households.employer_id >= 0
    firms.employment[:] = np.bincount(np.arange(p.opening_workers) % p.num_firms, minlength=p.num_firms)
    firms.employment_target[:] = firms.employment


def ownership_shares(number: int, distribution: str, exponent: float, random: np.random.Generator) -> np.ndarray:
    """Shares (n,) in all firms and banks, summing to one."""
    shares = np.ones(number) if distribution == "equal" else 1.0 + random.pareto(exponent, number)
    return shares / shares.sum()


def _endow_households(model: "MacroModel", random: np.random.Generator) -> None:
    p, households = model.parameters, model.households
    number = p.num_households
    households.ownership[:] = ownership_shares(number, p.ownership, p.pareto_exponent, random)
    spread = p.savings_taste_spread
    households.savings_taste[:] = random.uniform(1.0 - spread, 1.0 + spread, number)
    households.deposits[:] = p.opening_household_deposits
    households.debt[:] = p.opening_household_debt
    households.loan_rate[:] = p.opening_policy_rate + p.opening_lending_margin
    households.loan_term[:] = stationary_term(p.household_loan_term)
    households.wage[:] = p.opening_wage
    households.income[:] = np.where(households.employed, 1.0, p.benefit_replacement) * p.opening_wage
    households.debt_service[:] = households.debt / households.loan_term
    households.shopping_price[:] = 1.0
    households.bank_id[:] = households.lender_id[:] = np.arange(number) % p.num_banks
    households.quoted_lender[:] = households.lender_id
    households.quoted_rate[:] = households.loan_rate


def _endow_firms(model: "MacroModel") -> None:
    p, firms = model.parameters, model.firms
    share = firms.employment / firms.employment.sum()
    firms.deposits[:] = p.opening_firm_deposits * p.num_households * share
    firms.debt[:] = p.opening_firm_debt * p.num_households * share
    firms.loan_rate[:] = p.opening_policy_rate + p.opening_lending_margin
    firms.loan_term[:] = stationary_term(p.firm_loan_term)
    firms.capital[:] = p.opening_capital * firms.employment
    firms.investment_plan[:] = p.depreciation_rate / 12.0 * firms.capital
    firms.inventory[:] = p.opening_inventory * firms.employment
    firms.wage_offer[:] = firms.hourly_cost[:] = p.opening_wage
    firms.wage_bill[:] = p.opening_wage * firms.employment
    for column in ("production", "sales", "expected_sales", "opening_sales", "revenue", "labor"):
        getattr(firms, column)[:] = firms.employment
    firms.bank_id[:] = firms.lender_id[:] = np.arange(p.num_firms) % p.num_banks
    firms.quoted_lender[:] = firms.lender_id
    firms.quoted_rate[:] = firms.loan_rate


def _post_rates(model: "MacroModel") -> None:
    p, banks, central_bank = model.parameters, model.commercial_banks, model.central_banks
    banks.lending_rate[:] = p.opening_policy_rate + p.opening_lending_margin
    banks.deposit_rate[:] = max(0.0, p.opening_policy_rate - p.opening_deposit_margin)
    central_bank.policy_rate[:] = central_bank.rate_setting[:] = p.opening_policy_rate


def _open_banks(model: "MacroModel", capital_ratio: float) -> None:
    """Deposits and loans are what clients hold; reserves close the books at a ratio of equity to loans."""
    p, banks = model.parameters, model.commercial_banks
    for clients in (model.households, model.firms):
        banks.deposits[:] += np.bincount(clients.bank_id, clients.deposits, minlength=p.num_banks)
        banks.loans[:] += np.bincount(clients.lender_id, clients.debt, minlength=p.num_banks)
        banks.clients[:] += np.bincount(clients.bank_id, minlength=p.num_banks).astype(banks.clients.dtype)
    banks.opening_loans[:] = max(banks.loans.mean(), 1.0e-9)
    banks.equity[:] = capital_ratio * banks.loans
    banks.reserves[:] = banks.deposits + banks.equity - banks.loans
    banks.advances[:] = np.maximum(0.0, p.reserve_ratio * banks.deposits - banks.reserves)
    banks.reserves[:] += banks.advances
    central_bank = model.central_banks
    central_bank.reserves[:] = banks.reserves.sum()
    central_bank.advances[:] = banks.advances.sum()
    central_bank.equity[:] = central_bank.advances - central_bank.reserves


def _open_statistics(model: "MacroModel") -> None:
    """Publish the opening as if the economy had grown along the inflation target until now."""
    p, economy = model.parameters, model.economy
    months = np.arange(1 - HISTORY_MONTHS, 1)
    monthly_inflation = (1.0 + p.inflation_target) ** (1.0 / 12.0)
    economy["gdp"] = p.monthly_output
    economy["wage"] = p.opening_wage
    economy["unemployment"] = 1.0 - p.opening_workers / p.num_households
    economy["inflation"] = economy["inflation_3m"] = p.inflation_target
    economy["policy_rate"] = p.opening_policy_rate
    economy["lending_rate"] = model.commercial_banks.lending_rate.mean()
    economy["deposit_rate"] = model.commercial_banks.deposit_rate.mean()
    economy["credit"] = model.commercial_banks.loans.sum()
    economy["capital"] = model.firms.capital.sum()
    economy["inventories"] = model.firms.inventory.sum()
    economy["outside_money"] = -model.central_banks.equity[0]
    model.history[0] = monthly_inflation**months
    model.history[1] = np.log(p.monthly_output)
    model.history[2] = np.log(max(float(economy["credit"][0]), 1.0e-9))
