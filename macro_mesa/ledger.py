"""The only place where money moves.

Compiled transfers, one for each entry of the transactions-flow matrix (Godley and Lavoie 2007; Caiani et al.
2016): each moves deposits, settles between banks in reserves, and books both sides in ``flows``.  The ledger
then shows the balance sheet and the flow matrix, and audits them every month.
"""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from macro_mesa.compiled import jit

if TYPE_CHECKING:
    from macro_mesa.model import MacroModel

SECTORS = ("household", "firm current", "firm capital", "bank", "central bank")
HOUSEHOLDS, FIRMS_CURRENT, FIRMS_CAPITAL, BANKS, CENTRAL_BANK = range(5)

FLOWS = (
    "consumption", "investment", "wages", "loan interest", "deposit interest", "corridor interest",
    "operating cost", "dividends", "unemployment benefit", "wage tax", "bank resolution", "equity issue",
    "firm saving", "net lending", "change in deposits", "change in reserves", "change in advances",
)  # fmt: skip
(
    CONSUMPTION, INVESTMENT, WAGES, LOAN_INTEREST, DEPOSIT_INTEREST, CORRIDOR_INTEREST,
    OPERATING_COST, DIVIDENDS, BENEFIT, WAGE_TAX, RESOLUTION, EQUITY_ISSUE,
    FIRM_SAVING, NET_LENDING, CHANGE_IN_DEPOSITS, CHANGE_IN_RESERVES, CHANGE_IN_ADVANCES,
) = range(len(FLOWS))  # fmt: skip

# Revaluations are no transactions: they change stocks without a payment.
WRITE_OFFS, BAIL_IN_HOUSEHOLDS, BAIL_IN_FIRMS = range(3)


@jit
def transfer(payers, i, payees, j, banks, amount):
    """A payment from one depositor to another; their banks settle in reserves."""
    payers[i].deposits -= amount
    payees[j].deposits += amount
    origin = payers[i].bank_id
    destination = payees[j].bank_id
    if origin != destination:
        banks[origin].deposits -= amount
        banks[origin].reserves -= amount
        banks[destination].deposits += amount
        banks[destination].reserves += amount


@jit
def pay(payers, i, payees, j, banks, flows, flow, origin, destination, amount):
    """A transfer booked as ``flow`` from the sector ``origin`` to ``destination``."""
    transfer(payers, i, payees, j, banks, amount)
    flows[flow, origin] -= amount
    flows[flow, destination] += amount


@jit
def pay_bank(payers, i, banks, lender, flows, sector, amount):
    """Interest that a depositor pays to the bank ``lender``: the deposit is destroyed, equity grows."""
    home = payers[i].bank_id
    payers[i].deposits -= amount
    banks[home].deposits -= amount
    banks[home].reserves -= amount
    banks[lender].reserves += amount
    banks[lender].equity += amount
    banks[lender].interest_income += amount
    flows[LOAN_INTEREST, sector] -= amount
    flows[LOAN_INTEREST, BANKS] += amount


@jit
def repay(payers, i, banks, flows, sector, amount):
    """Principal that a borrower repays to its lender: deposit and loan are both destroyed."""
    home = payers[i].bank_id
    lender = payers[i].lender_id
    payers[i].deposits -= amount
    payers[i].debt -= amount
    banks[home].deposits -= amount
    banks[home].reserves -= amount
    banks[lender].reserves += amount
    banks[lender].loans -= amount
    flows[NET_LENDING, sector] -= amount
    flows[NET_LENDING, BANKS] += amount


@jit
def lend(borrowers, i, banks, lender, flows, sector, amount):
    """A loan from ``lender``, which takes over any debt to another bank; it credits the borrower's deposit."""
    home = borrowers[i].bank_id
    old_lender = borrowers[i].lender_id
    debt = borrowers[i].debt
    if old_lender != lender and debt > 0.0:
        banks[old_lender].loans -= debt
        banks[old_lender].reserves += debt
        banks[lender].loans += debt
        banks[lender].reserves -= debt
    borrowers[i].lender_id = lender
    borrowers[i].debt += amount
    borrowers[i].deposits += amount
    banks[lender].loans += amount
    banks[lender].reserves -= amount
    banks[home].reserves += amount
    banks[home].deposits += amount
    banks[lender].new_loans += amount
    flows[NET_LENDING, sector] += amount
    flows[NET_LENDING, BANKS] -= amount


@jit
def write_off(borrowers, i, banks, revaluations, amount):
    """Debt forgiven against the lender's equity; no deposit is touched."""
    lender = borrowers[i].lender_id
    borrowers[i].debt -= amount
    banks[lender].loans -= amount
    banks[lender].equity -= amount
    banks[lender].loan_losses += amount
    revaluations[WRITE_OFFS] += amount


@jit
def pay_from_bank(banks, payer, payees, j, flows, flow, sector, amount):
    """A bank pays a depositor from its equity: interest or operating cost; a deposit is created."""
    home = payees[j].bank_id
    banks[payer].equity -= amount
    banks[payer].reserves -= amount
    banks[home].reserves += amount
    banks[home].deposits += amount
    payees[j].deposits += amount
    flows[flow, BANKS] -= amount
    flows[flow, sector] += amount


@jit
def debit(payers, i, banks, flows, flow, sector, amount):
    """A deposit pays into a pool that ``credit`` empties within the same stage; settled in reserves."""
    home = payers[i].bank_id
    payers[i].deposits -= amount
    banks[home].deposits -= amount
    banks[home].reserves -= amount
    flows[flow, sector] -= amount


@jit
def credit(payees, i, banks, flows, flow, sector, amount):
    """A deposit receives its part of a pool."""
    home = payees[i].bank_id
    payees[i].deposits += amount
    banks[home].deposits += amount
    banks[home].reserves += amount
    flows[flow, sector] += amount


@jit
def collect_from_bank(banks, b, flows, flow, amount):
    """A bank's dividend or operating cost leaves its equity for a pool that ``credit`` empties."""
    banks[b].equity -= amount
    banks[b].reserves -= amount
    flows[flow, BANKS] -= amount


@jit
def pay_benefit(households, i, banks, central_bank, flows, amount):
    """The treasury's unemployment benefit: new deposit, new reserves, new outside money."""
    home = households[i].bank_id
    households[i].deposits += amount
    banks[home].deposits += amount
    banks[home].reserves += amount
    central_bank[0].reserves += amount
    central_bank[0].equity -= amount
    flows[BENEFIT, CENTRAL_BANK] -= amount
    flows[BENEFIT, HOUSEHOLDS] += amount


@jit
def pay_wage_tax(households, i, banks, central_bank, flows, amount):
    """The treasury's wage tax: deposit, reserves and outside money are destroyed."""
    home = households[i].bank_id
    households[i].deposits -= amount
    banks[home].deposits -= amount
    banks[home].reserves -= amount
    central_bank[0].reserves -= amount
    central_bank[0].equity += amount
    flows[WAGE_TAX, HOUSEHOLDS] -= amount
    flows[WAGE_TAX, CENTRAL_BANK] += amount


@jit
def pay_corridor_interest(banks, b, central_bank, flows, amount):
    """Interest on reserves less interest on advances, paid in reserves; negative if the bank pays."""
    banks[b].reserves += amount
    banks[b].equity += amount
    banks[b].corridor_income += amount
    central_bank[0].reserves += amount
    central_bank[0].equity -= amount
    flows[CORRIDOR_INTEREST, CENTRAL_BANK] -= amount
    flows[CORRIDOR_INTEREST, BANKS] += amount


@jit
def advance(banks, b, central_bank, amount):
    """The central bank lends reserves to a bank; a negative amount is repaid."""
    banks[b].advances += amount
    banks[b].reserves += amount
    central_bank[0].advances += amount
    central_bank[0].reserves += amount


@jit
def inject(banks, b, central_bank, flows, amount):
    """The central bank refills a failed bank with reserves: outside money."""
    banks[b].reserves += amount
    banks[b].equity += amount
    central_bank[0].reserves += amount
    central_bank[0].equity -= amount
    flows[RESOLUTION, CENTRAL_BANK] -= amount
    flows[RESOLUTION, BANKS] += amount


@jit
def bail_in(depositors, i, banks, revaluations, entry, amount):
    """A failed bank's depositor loses ``amount``, which becomes the bank's equity."""
    home = depositors[i].bank_id
    depositors[i].deposits -= amount
    banks[home].deposits -= amount
    banks[home].equity += amount
    revaluations[entry] += amount


@jit
def move_account(depositors, i, banks, destination):
    """A depositor takes its deposit to another bank; its debt stays with its lender."""
    amount = depositors[i].deposits
    origin = depositors[i].bank_id
    banks[origin].deposits -= amount
    banks[origin].reserves -= amount
    banks[destination].deposits += amount
    banks[destination].reserves += amount
    depositors[i].bank_id = destination


@jit
def clients_stocks(clients, deposits, loans):
    """Add what clients hold and owe to their banks' ``deposits`` and ``loans`` (banks,); returns both totals."""
    held = 0.0
    owed = 0.0
    for i in range(len(clients)):
        held += clients[i].deposits
        owed += clients[i].debt
        deposits[clients[i].bank_id] += clients[i].deposits
        loans[clients[i].lender_id] += clients[i].debt
    return held, owed


@jit
def sector_stocks(households, firms, banks, central_bank, stocks):
    """Fill ``stocks`` (instruments, sectors) with deposits, loans, reserves and advances, signed.

    Returns what clients say they hold and owe at each bank, two arrays (banks,).
    """
    deposits = np.zeros(len(banks))
    loans = np.zeros(len(banks))
    stocks[:] = 0.0
    stocks[0, HOUSEHOLDS], owed = clients_stocks(households, deposits, loans)
    stocks[1, HOUSEHOLDS] -= owed
    stocks[0, FIRMS_CAPITAL], owed = clients_stocks(firms, deposits, loans)
    stocks[1, FIRMS_CAPITAL] -= owed
    for b in range(len(banks)):
        stocks[0, BANKS] -= banks[b].deposits
        stocks[1, BANKS] += banks[b].loans
        stocks[2, BANKS] += banks[b].reserves
        stocks[3, BANKS] -= banks[b].advances
    stocks[2, CENTRAL_BANK] = -central_bank[0].reserves
    stocks[3, CENTRAL_BANK] = central_bank[0].advances
    return deposits, loans


@jit
def open_books(households, firms, banks, central_bank, opening, stocks, flows, revaluations):
    """Note the stocks a month opens with and set its flows to zero."""
    sector_stocks(households, firms, banks, central_bank, stocks)
    opening[:] = stocks
    flows[:] = 0.0
    revaluations[:] = 0.0


@jit
def close_books(households, firms, banks, central_bank, opening, stocks, flows, revaluations):
    """Complete the flow matrix; returns the relative residual of all identities."""
    deposits, loans = sector_stocks(households, firms, banks, central_bank, stocks)
    close_flows(flows, revaluations, opening, stocks)
    return audit(banks, central_bank, deposits, loans, flows, stocks, revaluations, opening[1, BANKS])


@jit
def close_flows(flows, revaluations, opening, closing):
    """Fill the flow matrix's lower part from the change of stocks, net of revaluations."""
    flows[FIRM_SAVING, FIRMS_CURRENT] = -flows[: FIRM_SAVING, FIRMS_CURRENT].sum()
    flows[FIRM_SAVING, FIRMS_CAPITAL] = -flows[FIRM_SAVING, FIRMS_CURRENT]
    for sector in range(5):
        flows[CHANGE_IN_DEPOSITS, sector] = opening[0, sector] - closing[0, sector]
        flows[CHANGE_IN_RESERVES, sector] = opening[2, sector] - closing[2, sector]
        flows[CHANGE_IN_ADVANCES, sector] = opening[3, sector] - closing[3, sector]
    flows[CHANGE_IN_DEPOSITS, HOUSEHOLDS] -= revaluations[BAIL_IN_HOUSEHOLDS]
    flows[CHANGE_IN_DEPOSITS, FIRMS_CAPITAL] -= revaluations[BAIL_IN_FIRMS]
    flows[CHANGE_IN_DEPOSITS, BANKS] += revaluations[BAIL_IN_HOUSEHOLDS] + revaluations[BAIL_IN_FIRMS]


@jit
def audit(banks, central_bank, deposits, loans, flows, stocks, revaluations, opening_loans):
    """Largest violation of any accounting identity, relative to the largest stock in the books (deposits, mostly).

    ``deposits`` and ``loans`` (banks,) are what clients say they hold and owe at each bank.
    """
    worst = 0.0
    for flow in range(flows.shape[0]):
        worst = max(worst, abs(flows[flow].sum()))
    for sector in range(flows.shape[1]):
        worst = max(worst, abs(flows[:, sector].sum()))
    for instrument in range(stocks.shape[0]):
        worst = max(worst, abs(stocks[instrument].sum()))
    # loans change by net lending and write-offs alone
    worst = max(worst, abs(stocks[1, BANKS] - opening_loans + flows[NET_LENDING, BANKS] + revaluations[WRITE_OFFS]))
    for b in range(len(banks)):
        bank = banks[b]
        worst = max(worst, abs(bank.deposits - deposits[b]), abs(bank.loans - loans[b]))
        worst = max(worst, abs(bank.loans + bank.reserves - bank.deposits - bank.advances - bank.equity))
    equity = central_bank[0].advances - central_bank[0].reserves
    worst = max(worst, abs(equity - central_bank[0].equity))
    # defaults and a bail-in may leave neither loans nor deposits
    return worst / max(1.0e-300, np.abs(stocks).max(), opening_loans)


class Ledger:
    """The books of an economy: balance sheet, transactions-flow matrix and their residual."""

    def __init__(self, model: "MacroModel") -> None:
        self._model = model
        self.flows = np.zeros((len(FLOWS), len(SECTORS)))
        self.revaluations = np.zeros(3)
        self.stocks = np.zeros((4, len(SECTORS)))
        self.opening_stocks = np.zeros((4, len(SECTORS)))
        self.open_month()

    def _tables(self) -> tuple[np.ndarray, ...]:
        model = self._model
        return (
            model.households.table, model.firms.table, model.commercial_banks.table, model.central_banks.table,
        )  # fmt: skip

    def open_month(self) -> None:
        """Start the month's flows at zero."""
        open_books(*self._tables(), self.opening_stocks, self.stocks, self.flows, self.revaluations)

    def close_month(self) -> float:
        """Complete the flow matrix; returns the relative residual of all identities."""
        return close_books(*self._tables(), self.opening_stocks, self.stocks, self.flows, self.revaluations)

    def residual(self) -> float:
        """Largest violation of an accounting identity in the last month, relative to the largest stock."""
        households, firms, banks, central_bank = self._tables()
        deposits, loans = sector_stocks(households, firms, banks, central_bank, np.empty_like(self.stocks))
        opening_loans = self.opening_stocks[1, BANKS]
        return audit(banks, central_bank, deposits, loans, self.flows, self.stocks, self.revaluations, opening_loans)

    def flow_matrix(self) -> pd.DataFrame:
        """Last month's transactions: flows by sectors with zero margins, money; receipts positive."""
        table = pd.DataFrame(self.flows, index=list(FLOWS), columns=list(SECTORS))
        table["sum"] = table.sum(axis=1)
        table.loc["sum"] = table.sum(axis=0)
        return table

    def balance_sheet(self) -> pd.DataFrame:
        """Stocks now: instruments by sectors, money; assets positive, real assets at the price level.

        The last row is net worth; its sum equals the sum of real assets.
        """
        households, firms, banks, central_bank = self._tables()
        price_level = float(self._model.economy["price_level"][0])
        stocks = np.zeros((4, len(SECTORS)))
        sector_stocks(households, firms, banks, central_bank, stocks)
        financial = np.delete(stocks, FIRMS_CURRENT, axis=1)
        columns = ["household", "firm", "bank", "central bank"]
        table = pd.DataFrame(financial, index=["deposits", "loans", "reserves", "advances"], columns=columns)
        table.loc["capital"] = [0.0, price_level * firms["capital"].sum(), 0.0, 0.0]
        table.loc["inventories"] = [0.0, price_level * firms["inventory"].sum(), 0.0, 0.0]
        table["sum"] = table.sum(axis=1)
        table.loc["net worth"] = table.sum(axis=0)
        return table
