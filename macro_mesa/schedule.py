"""The month as one ordered list of named stages.

A ``Decision`` gathers one observation matrix for its agent type, asks the policy once and applies the
answer; a ``Stage`` is an institution or a market.  Lockstep training walks the same list for many economies
at once, with one forward pass for all of them at each decision.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from macro_mesa import aggregates, distribution, production, shocks
from macro_mesa.spaces import CENTRAL_BANK, COMMERCIAL_BANK, FIRM, HOUSEHOLD

if TYPE_CHECKING:
    from macro_mesa.model import MacroModel


@dataclass(frozen=True)
class Decision:
    """The moment at which all agents of a type choose."""

    agent_type: str


@dataclass(frozen=True)
class Stage:
    """Something that happens to the economy: ``run(model)``."""

    name: str
    run: Callable[["MacroModel"], None]


def open_month(model: "MacroModel") -> None:
    """Open the books and draw the month's disturbances before anyone acts."""
    model.ledger.open_month()
    distribution.open_bank_accounts(model.commercial_banks.table)
    shocks.disturb(model.economy, model.firms.table, model.parameter_record, model.shocks, model.key, model.month)


def target_prices(model: "MacroModel") -> float:
    """Price level that the treasury's target for outside money is reckoned in."""
    if model.parameters.money_target == "real_balances":
        return float(model.economy["price_level"][0])
    return (1.0 + model.parameters.inflation_target) ** (model.month / 12.0)


def work(model: "MacroModel") -> None:
    """Wages, wage tax and benefits; then output."""
    production.pay_wages(
        model.households.table, model.firms.table, model.commercial_banks.table, model.central_banks.table,
        model.economy, model.parameter_record, model.ledger.flows, model.key, model.month, target_prices(model),
    )  # fmt: skip
    production.produce(model.firms.table, model.economy, model.parameter_record)


def pay_out(model: "MacroModel") -> None:
    """Interest, operating costs and dividends."""
    households, firms, banks = model.households.table, model.firms.table, model.commercial_banks.table
    parameters, flows = model.parameter_record, model.ledger.flows
    distribution.pay_interest(households, firms, banks, model.central_banks.table, parameters, flows)
    costs = distribution.pay_operating_costs(banks, parameters, flows)
    dividends = distribution.pay_dividends(firms, banks, parameters, flows)
    distribution.pay_households(households, banks, flows, costs, dividends)


def publish_statistics(model: "MacroModel") -> None:
    """Close the books, audit them and publish the month's statistics."""
    residual = model.ledger.close_month()
    households, firms, banks = model.households.table, model.firms.table, model.commercial_banks.table
    wealth = aggregates.published_statistics(
        households, firms, banks, model.central_banks.table, model.economy, model.parameter_record,
        model.ledger.revaluations, model.history,
    )  # fmt: skip
    aggregates.publish_last(model.economy, aggregates.ascending(wealth), residual)


MONTH: tuple[Stage | Decision, ...] = (
    Stage("open month", open_month),
    Decision(CENTRAL_BANK),
    Decision(COMMERCIAL_BANK),
    Stage("switch banks", lambda model: model.credit_market.switch_banks()),
    Stage("quote loans", lambda model: model.credit_market.quote_loans()),
    Decision(FIRM),
    Decision(HOUSEHOLD),
    Stage("hire and fire", lambda model: model.labor_market.clear()),
    Stage("grant credit", lambda model: model.credit_market.clear()),
    Stage("work", work),
    Stage("trade goods", lambda model: model.goods_market.clear()),
    Stage("service debts", lambda model: model.credit_market.settle()),
    Stage("fail firms", lambda model: model.credit_market.fail_firms()),
    Stage("pay out", pay_out),
    Stage("resolve banks", lambda model: model.credit_market.resolve_banks()),
    Stage("publish statistics", publish_statistics),
)
