"""The goods market: consumers and investing firms in one random queue search over a few posted prices.

A buyer sees the prices of a few random sellers and visits them by log price plus Gumbel noise, which is
logit demand over the sample; it is drawn as an exponential race (Gumbel 1954).  Sellers serve from
inventory until they run out.
"""

from typing import TYPE_CHECKING

import numpy as np

from macro_mesa import ledger
from macro_mesa.aggregates import price_relative
from macro_mesa.compiled import inlined, jit
from macro_mesa.ledger import CONSUMPTION, FIRMS_CAPITAL, FIRMS_CURRENT, HOUSEHOLDS, INVESTMENT
from macro_mesa.random_streams import Purpose, next_pair, seed_sequence, shuffle

if TYPE_CHECKING:
    from macro_mesa.model import MacroModel

SOLD_OUT = 1.0e-9  # units in stock
_NOBODY = -1


@inlined
def rank_sellers(sellers, scores, disadvantage, key, month, agent):
    """Sample sellers and draw their exponential race: the earliest is preferred, one at infinity never comes."""
    number = len(disadvantage)
    sequence = seed_sequence(key, month, Purpose.SHOPPING, agent)
    for quote in range(len(sellers)):
        sequence, choice, luck = next_pair(sequence)
        f = int(choice * number)
        sellers[quote] = f
        scores[quote] = -np.log(luck) * disadvantage[f]


@inlined
def refuse(sellers, scores, own):
    """A firm does not buy from itself."""
    for quote in range(len(sellers)):
        if sellers[quote] == own:
            scores[quote] = np.inf


@inlined
def next_seller(sellers, scores):
    """The preferred seller not yet visited, or nobody."""
    best = 0
    for quote in range(1, len(sellers)):
        if scores[quote] < scores[best]:
            best = quote
    if scores[best] == np.inf:
        return _NOBODY
    scores[best] = np.inf
    return sellers[best]


@inlined
def buy(money, units, sellers, scores, disadvantage, prices, stocks, sold, revenue):
    """Buy up to ``units`` with up to ``money`` over the ranked sellers; returns units bought and money spent."""
    bought = 0.0
    spent = 0.0
    while bought < units and spent < money * (1.0 - 1.0e-12):
        f = next_seller(sellers, scores)
        if f == _NOBODY:
            break
        quantity = min((money - spent) / prices[f], units - bought, stocks[f])
        cost = min(quantity * prices[f], money - spent)
        stocks[f] -= quantity
        if stocks[f] <= 0.0:
            disadvantage[f] = np.inf  # sold out
        sold[f] += quantity
        revenue[f] += cost
        bought += quantity
        spent += cost
    return bought, spent


@jit
def trade(money, units, first_firm, prices, stocks, parameters, key, month):
    """Let all buyers shop in random order; ``money`` and ``units`` (buyers,) are what each wants to spend and buy.

    Works on a few contiguous arrays so that random visits stay within the cache.  Returns units bought and
    money spent by buyer, units sold and revenue by seller; ``stocks`` falls by what is sold.
    """
    p = parameters[0]
    disadvantage = np.where(stocks > 0.0, (prices / prices.mean()) ** (1.0 / p.quote_noise), np.inf)
    sold = np.zeros(len(prices))
    revenue = np.zeros(len(prices))
    bought = np.zeros(len(money))
    spent = np.zeros(len(money))
    sellers = np.empty(p.shopping_quotes, np.int64)
    scores = np.empty(p.shopping_quotes)
    order = np.arange(len(money))
    shuffle(order, key, month, Purpose.GOODS_QUEUE)
    for buyer in order:
        rank_sellers(sellers, scores, disadvantage, key, month, buyer)
        if buyer >= first_firm:
            refuse(sellers, scores, buyer - first_firm)
        bought[buyer], spent[buyer] = buy(
            money[buyer], units[buyer], sellers, scores, disadvantage, prices, stocks, sold, revenue
        )  # fmt: skip
    return bought, spent, sold, revenue


@jit
def note_shopping(households, i, units, spent):
    """A household's memory of the month's shopping."""
    households[i].spending = spent
    households[i].consumption = units
    households[i].shopping_inflation = 0.0
    if units > 0.0:
        paid = spent / units
        households[i].shopping_inflation = np.log(paid / households[i].shopping_price)
        households[i].shopping_price = paid


@jit
def clear(households, firms, banks, economy, parameters, flows, key, month):
    """One month of the goods market; returns the share of consumption budgets left unspent.

    Payments settle when the market closes, so no firm invests what it earned this month.
    """
    number = len(households)
    money = np.empty(number + len(firms))
    units = np.full(number + len(firms), np.inf)
    prices = np.empty(len(firms))
    stocks = np.empty(len(firms))
    taste = economy[0].taste
    for i in range(number):
        money[i] = min(households[i].consumption_rate * taste, 1.0) * households[i].deposits
    for f in range(len(firms)):
        money[number + f] = firms[f].deposits
        units[number + f] = firms[f].investment_plan
        prices[f] = firms[f].price
        stocks[f] = firms[f].inventory
    bought, spent, sold, revenue = trade(money, units, number, prices, stocks, parameters, key, month)
    economy[0].price_level *= price_relative(firms, revenue)
    for i in range(number):
        ledger.debit(households, i, banks, flows, CONSUMPTION, HOUSEHOLDS, spent[i])
        note_shopping(households, i, bought[i], spent[i])
    invested = spent[number:].sum()
    consumed = spent[:number].sum()
    consumed_share = consumed / max(consumed + invested, 1.0e-300)
    for f in range(len(firms)):
        ledger.debit(firms, f, banks, flows, INVESTMENT, FIRMS_CAPITAL, spent[number + f])
        # a seller does not know what its goods are bought for: the flows split as the whole market's
        ledger.credit(firms, f, banks, flows, CONSUMPTION, FIRMS_CURRENT, consumed_share * revenue[f])
        ledger.credit(firms, f, banks, flows, INVESTMENT, FIRMS_CURRENT, (1.0 - consumed_share) * revenue[f])
        firms[f].investment = bought[number + f]
        firms[f].capital += bought[number + f]
        firms[f].inventory = max(0.0, stocks[f])
        firms[f].sales = sold[f]
        firms[f].revenue = revenue[f]
        # what a firm that sold out could have sold, nobody knows
        if firms[f].inventory > SOLD_OUT or firms[f].sales > firms[f].expected_sales:
            firms[f].expected_sales += (firms[f].sales - firms[f].expected_sales) / 6.0
    return 1.0 - consumed / max(money[:number].sum(), 1.0e-300)


class GoodsMarket:
    """Where households and investing firms buy from firms."""

    def __init__(self, model: "MacroModel") -> None:
        self._model = model

    def clear(self) -> None:
        """Trade until budgets, plans or inventories are used up."""
        model = self._model
        model.economy["rationed"] = clear(
            model.households.table, model.firms.table, model.commercial_banks.table, model.economy,
            model.parameter_record, model.ledger.flows, model.key, model.month,
        )  # fmt: skip
