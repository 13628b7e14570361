"""The published statistics of an economy: what they are, and pure functions that compute them."""

import numpy as np

from macro_mesa import technology
from macro_mesa.compiled import jit
from macro_mesa.population import Column

# One record holds the state of the month: disturbances first, then the statistics published at its end.
DISTURBANCES = (
    Column("productivity_state", "f8", "log", "AR(1) state of productivity"),
    Column("taste_state", "f8", "log", "AR(1) state of the taste for consumption"),
    Column("cost_state", "f8", "share", "AR(1) state of the cost-push shock"),
    Column("productivity", "f8", "multiple", "Productivity in force, dated shocks included", 1.0),
    Column("taste", "f8", "multiple", "Taste for consumption in force", 1.0),
    Column("cost", "f8", "share of wages", "Cost-push shock in force"),
    Column("default_multiplier", "f8", "multiple", "Multiple of the default hazard in force", 1.0),
    Column("policy_rate_shock", "f8", "annual", "Dated shock to the policy rate"),
)

STATISTICS = (
    Column("gdp", "f8", "units a month", "Output, real"),
    Column("price_level", "f8", "index", "Chain index of posted prices, opening 1", 1.0),
    Column("inflation", "f8", "12-month", "Twelve-month inflation"),
    Column("inflation_3m", "f8", "annual", "Three-month inflation, annualised"),
    Column("unemployment", "f8", "share", "Unemployed households over all households"),
    Column("policy_rate", "f8", "annual", "Policy rate"),
    Column("lending_rate", "f8", "annual", "Posted lending rates, weighted by loans"),
    Column("deposit_rate", "f8", "annual", "Posted deposit rates, weighted by deposits"),
    Column("credit", "f8", "money", "Loans outstanding"),
    Column("new_loans", "f8", "money a month", "Loans granted"),
    Column("new_household_loans", "f8", "money a month", "Loans granted to households"),
    Column("consumption", "f8", "units a month", "Goods bought by households"),
    Column("investment", "f8", "units a month", "Goods bought by firms"),
    Column("wage", "f8", "money a month", "Mean wage offer, weighted by employment", 1.0),
    Column("output_gap", "f8", "log", "Log output over potential at natural unemployment"),
    Column("observed_gap", "f8", "log", "Log of last quarter's output over potential at trend productivity"),
    Column("output_growth", "f8", "log", "Output this quarter over the quarter before"),
    Column("credit_growth", "f8", "log", "Twelve-month growth of credit"),
    Column("gini_wealth", "f8", "0..1", "Gini coefficient of households' net worth"),
    Column("bankruptcies", "f8", "firms a month", "Firms that failed"),
    Column("bank_resolutions", "f8", "banks a month", "Banks that were resolved"),
    Column("household_defaults", "f8", "households a month", "Households that defaulted"),
    Column("write_offs", "f8", "money a month", "Loans written off"),
    Column("vacancies", "f8", "posts", "Open posts at the start of the month's search"),
    Column("hires", "f8", "posts a month", "Posts filled"),
    Column("capital", "f8", "units", "Capital in use"),
    Column("inventories", "f8", "units", "Finished goods in stock"),
    Column("hours", "f8", "hours a month", "Hours worked"),
    Column("tax_rate", "f8", "share of wages", "Wage tax"),
    Column("outside_money", "f8", "money", "Minus the central bank's equity"),
    Column("capital_ratio", "f8", "share of loans", "Banks' equity over loans"),
    Column("nonperforming", "f8", "share of loans", "Loans in arrears"),
    Column("approval_rate", "f8", "share", "Loan applications approved"),
    Column("price_changes", "f8", "share of firms", "Firms that changed their price"),
    Column("rationed", "f8", "share of budgets", "Consumption budgets not spent for lack of goods"),
    Column("accounting_residual", "f8", "share of largest stock", "Largest accounting violation"),
)

ECONOMY_COLUMNS = DISTURBANCES + STATISTICS
ECONOMY_TYPE = np.dtype([(column.name, column.dtype) for column in ECONOMY_COLUMNS], align=True)
HISTORY_MONTHS = 13  # what twelve-month inflation looks back on

# sorting by digits of 11 bits
DIGITS, DIGIT_BITS = 6, 11
BUCKETS = 2**DIGIT_BITS
LAST_BUCKET = np.uint64(BUCKETS - 1)
SIGN = np.uint64(2**63)


def new_economy() -> np.ndarray:
    """The record of an economy before its first month, shape (1,)."""
    economy = np.zeros(1, ECONOMY_TYPE)
    for column in ECONOMY_COLUMNS:
        economy[column.name] = column.initial
    return economy


@jit
def gini_of_sorted(ordered):
    """Gini coefficient of ascending values (n,) by ranks (Sen 1973), at most 1; 0 if the total is not positive."""
    number = len(ordered)
    total = 0.0
    ranked = 0.0
    for i in range(number):
        total += ordered[i]
        ranked += (i + 1) * ordered[i]
    if total <= 0.0:
        return 0.0
    # debtors may push it above one
    return min(1.0, 2.0 * ranked / (number * total) - (number + 1.0) / number)


@jit
def sorted_by_digits(values):
    """Ascending copy of ``values`` (n,), by digits of their bits from the last to the first: time linear in n."""
    number = len(values)
    keys = np.empty(number, np.uint64)
    other = np.empty(number, np.uint64)
    counts = np.zeros((DIGITS, BUCKETS), np.int64)
    bits = values.view(np.uint64)
    for i in range(number):
        # bits that are ordered as the numbers are: negative ones reversed, below the positive ones
        key = ~bits[i] if bits[i] & SIGN else bits[i] | SIGN
        keys[i] = key
        for digit in range(DIGITS):
            counts[digit, (key >> np.uint64(DIGIT_BITS * digit)) & LAST_BUCKET] += 1
    for digit in range(DIGITS):
        shift = np.uint64(DIGIT_BITS * digit)
        place = 0
        for bucket in range(BUCKETS):
            size = counts[digit, bucket]
            counts[digit, bucket] = place
            place += size
        for i in range(number):
            bucket = (keys[i] >> shift) & LAST_BUCKET
            other[counts[digit, bucket]] = keys[i]
            counts[digit, bucket] += 1
        keys, other = other, keys
    for i in range(number):
        keys[i] = keys[i] & ~SIGN if keys[i] & SIGN else ~keys[i]
    return keys.view(np.float64)


def ascending(values: np.ndarray) -> np.ndarray:
    """Sorted copy of ``values`` (n,), float64 without NaN."""
    return np.sort(values) if len(values) < BUCKETS else sorted_by_digits(values)


@jit
def net_worth(households, firms, banks, price_level):
    """Households' net worth (n,), money: deposits less debt plus their share of firms' and banks' equity."""
    equity = 0.0
    for i in range(len(firms)):
        equity += firms[i].deposits - firms[i].debt + price_level * (firms[i].capital + firms[i].inventory)
    for b in range(len(banks)):
        equity += banks[b].equity
    wealth = np.empty(len(households))
    for i in range(len(households)):
        wealth[i] = households[i].deposits - households[i].debt + households[i].ownership * equity
    return wealth


@jit
def publish_last(economy, ordered_wealth, residual):
    """What needs the sorted net worth (n,) or the audit."""
    economy[0].gini_wealth = gini_of_sorted(ordered_wealth)
    economy[0].accounting_residual = residual


def gini(wealth: np.ndarray) -> float:
    """Gini coefficient of ``wealth`` (n,), 0..1."""
    return gini_of_sorted(ascending(wealth))


@jit
def potential_output(productivity, labor_force, capital, p):
    """Output at natural unemployment and full hours, units a month, were all firms one."""
    labor = (1.0 - p.natural_unemployment) * labor_force
    return technology.output(
        productivity, capital / p.opening_capital, labor, p.labor_share, p.capital_labor_substitution
    )  # fmt: skip


@jit
def price_relative(firms, revenue):
    """Month-on-month change of the matched-model index of posted prices (Tornqvist 1936, Diewert 1976).

    Weights are the mean of each firm's shares in last month's revenue (``firms.revenue``) and in this
    month's, ``revenue`` (firms,).  Chaining by last month's weights alone drifts upwards by more than a
    point a year here, because buyers follow prices that bounce.
    """
    before = 0.0
    for f in range(len(firms)):
        before += firms[f].revenue
    after = revenue.sum()
    change = 0.0
    for f in range(len(firms)):
        share_before = firms[f].revenue / before if before > 0.0 else 1.0 / len(firms)
        share_after = revenue[f] / after if after > 0.0 else 1.0 / len(firms)
        change += 0.5 * (share_before + share_after) * np.log(firms[f].price / firms[f].last_price)
    return np.exp(change)


@jit
def published_statistics(households, firms, banks, central_bank, economy, parameters, revaluations, history):
    """Fill the statistics of the month in ``economy``, push it on the histories, return households' net worth.

    ``history`` (3, HISTORY_MONTHS) holds price level, output and credit, the newest last.
    """
    p = parameters[0]
    e = economy[0]
    output = consumption = investment = wages = capital = inventories = hours = 0.0
    employed = vacancies = hires = bankruptcies = changes = 0
    for i in range(len(firms)):
        output += firms[i].production
        investment += firms[i].investment
        wages += firms[i].wage_offer * firms[i].employment
        employed += firms[i].employment
        capital += firms[i].capital
        inventories += firms[i].inventory
        hours += firms[i].labor
        vacancies += firms[i].vacancies
        hires += firms[i].hires
        bankruptcies += firms[i].bankrupt
        changes += firms[i].price != firms[i].last_price
    defaults = 0
    for i in range(len(households)):
        consumption += households[i].consumption
        defaults += households[i].defaulted
    loans = deposits = lending = deposit = new_loans = bank_equity = nonperforming = 0.0
    applications = approvals = resolutions = 0
    for b in range(len(banks)):
        bank = banks[b]
        loans += bank.loans
        deposits += bank.deposits
        lending += bank.lending_rate * bank.loans
        deposit += bank.deposit_rate * bank.deposits
        new_loans += bank.new_loans
        bank_equity += bank.equity
        nonperforming += bank.nonperforming
        applications += bank.applications
        approvals += bank.approvals
        resolutions += bank.resolved
    economy[0].gdp = output
    economy[0].consumption = consumption
    economy[0].investment = investment
    if employed > 0:
        economy[0].wage = wages / employed
    economy[0].unemployment = 1.0 - employed / len(households)
    economy[0].policy_rate = central_bank[0].policy_rate
    if loans > 0.0:
        economy[0].lending_rate = lending / loans
    if deposits > 0.0:
        economy[0].deposit_rate = deposit / deposits
    economy[0].credit = loans
    economy[0].new_loans = new_loans
    economy[0].capital = capital
    economy[0].inventories = inventories
    economy[0].hours = hours
    economy[0].vacancies = vacancies
    economy[0].hires = hires
    economy[0].bankruptcies = bankruptcies
    economy[0].bank_resolutions = resolutions
    economy[0].household_defaults = defaults
    economy[0].write_offs = revaluations[0]
    economy[0].tax_rate = central_bank[0].tax_rate
    economy[0].outside_money = -central_bank[0].equity
    economy[0].capital_ratio = bank_equity / max(loans, 1.0e-9)
    economy[0].nonperforming = nonperforming / max(loans, 1.0e-9)
    economy[0].approval_rate = approvals / applications if applications > 0 else 1.0
    economy[0].price_changes = changes / len(firms)
    at_trend = potential_output(1.0, len(households), capital, p)
    economy[0].output_gap = np.log(max(output, 1.0e-9) / max(e.productivity * at_trend, 1.0e-9))
    for k in range(history.shape[0]):
        history[k, :-1] = history[k, 1:]
    history[0, -1] = e.price_level
    history[1, -1] = np.log(max(output, 1.0e-9))
    history[2, -1] = np.log(max(loans, 1.0e-9))
    economy[0].inflation = history[0, -1] / history[0, -13] - 1.0
    economy[0].inflation_3m = (history[0, -1] / history[0, -4]) ** 4 - 1.0
    economy[0].output_growth = history[1, -3:].mean() - history[1, -6:-3].mean()
    economy[0].credit_growth = history[2, -1] - history[2, -13]
    economy[0].observed_gap = history[1, -3:].mean() - np.log(max(at_trend, 1.0e-9))
    return net_worth(households, firms, banks, economy[0].price_level)
