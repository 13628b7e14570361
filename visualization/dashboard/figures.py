"""Which pictures stand on which page; each is drawn from a view when its page is looked at or exported."""

from collections.abc import Mapping
from functools import partial

import pandas as pd
from matplotlib.figure import Figure

from macro_mesa.ledger import FLOWS, SECTORS
from visualization.accounts import FINANCIAL_FLOWS, account_matrix, sectoral_balances
from visualization.credit_network import credit_network
from visualization.dashboard.comparison import comparison_panel, difference_panel
from visualization.dashboard.live import LivePanels, new_panel
from visualization.dashboard.pictures import Draw, Figures, LiveDraw
from visualization.dashboard.view import View
from visualization.distributions import distribution, lorenz, rank_size
from visualization.macro_panels import PANELS
from visualization.relations import RELATIONS, macro_relation

OVERVIEW = ("output", "inflation", "unemployment", "rates")
MARKETS = ("credit", "new_loans", "failures", "bank_capital", "demand", "wages")


def overview(view: View) -> Figures:
    """The four main series; where a baseline runs beside them, both, and their difference."""
    if view.baseline is None:
        return _panels(OVERVIEW, view)
    drawn: dict[str, Draw] = {}
    for name in OVERVIEW:
        title = PANELS[name].title
        drawn[f"{title}, with and without"] = partial(
            comparison_panel, name, view.history, view.baseline, view.spans
        )
        drawn[f"{title}, difference"] = partial(difference_panel, name, view.history, view.baseline, view.spans)
    return drawn


def live_overview(panels: LivePanels, view: View) -> Mapping[str, LiveDraw]:
    """The same for the page, drawn on what ``panels`` keeps of the pictures before."""
    if view.baseline is not None:
        return overview(view)
    return {PANELS[name].title: partial(panels.panel, name, view) for name in OVERVIEW}


def markets(view: View) -> Figures:
    """Labour, credit and goods: the scatters of the textbooks, then the series."""
    scatters = {RELATIONS[name].title: partial(_relation, name, view) for name in RELATIONS}
    return {**scatters, **_panels(MARKETS, view)}


def balance_sheets(view: View) -> Figures:
    """The books of the month and the balances of the sectors over time."""
    books = view.frame.ledger()
    month = view.frame.month
    return {
        f"Balance sheet, month {month}": lambda: account_matrix(books.balance_sheet(), "Balance sheet", "money"),
        f"Flow matrix, month {month}": lambda: account_matrix(
            books.flow_matrix(), "Transactions of the month", "money"
        ),
        "Sectoral balances": lambda: sectoral_balances(lending_shares(view)),
    }


def lending_shares(view: View) -> pd.DataFrame:
    """Net lending of each sector, % of the month's GDP: a row a month, a column a sector."""
    rows = [FLOWS.index(name) for name in FINANCIAL_FLOWS]
    lending = -view.snapshot.archive.flows(view.month)[:, rows].sum(axis=1)
    months = view.history.iloc[1 : len(lending) + 1]
    table = pd.DataFrame(lending, columns=list(SECTORS), index=pd.Index(months["month"], name="month"))
    table.insert(1, "firm", table.pop("firm current") + table.pop("firm capital"))
    return 100.0 * table.div((months["gdp"] * months["price_level"]).to_numpy(), axis=0)


def distributions(view: View) -> Figures:
    """How unequal households and firms are."""
    frame = view.frame
    households, firms = frame.households.table, frame.firms.table
    wealth = frame.wealth()
    return {
        "Lorenz curves of wealth, income and consumption": lambda: lorenz(
            {"wealth": wealth, "income": households["income"], "consumption": households["consumption"]}
        ),
        "Net worth of households": lambda: distribution(wealth, "Net worth", "money", "households"),
        "Firm sizes": lambda: distribution(firms["employment"], "Firm sizes", "workers", "firms"),
        "Rank and size of firms": lambda: rank_size(firms["employment"]),
        "Posted prices": lambda: distribution(firms["price"], "Posted prices", "money", "firms"),
        "Wage offers": lambda: distribution(firms["wage_offer"], "Wage offers", "money a month", "firms"),
    }


def network(view: View) -> Figures:
    """Who owes what to whom."""
    frame = view.frame
    return {
        f"Credit network, month {frame.month}": lambda: credit_network(
            frame.firms.frame(), frame.commercial_banks.frame(), width=6.0
        )
    }


def _panels(names: tuple[str, ...], view: View) -> Figures:
    return {PANELS[name].title: partial(new_panel, name, view) for name in names}


def _relation(name: str, view: View) -> Figure:
    parameters = view.parameters
    neutral = parameters.opening_policy_rate - parameters.inflation_target
    return macro_relation(name, view.history, parameters.inflation_target, neutral, parameters.num_households)
