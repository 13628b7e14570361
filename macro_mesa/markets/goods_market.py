"""The goods market: consumers and investing firms in one random queue search over a few posted prices.

A buyer sees the prices of a few random sellers and visits them by log price plus Gumbel noise, which is
logit demand over the sample; it is drawn as an exponential race (Gumbel 1954).  Sellers serve from
inventory until they run out.
"""

from typing import TYPE_CHECKING

import numpy as np

from macro_mesa import ledger
from macro_mesa.aggregates import price_relative
from macro_mesa.compiled import AHEAD, inlined, jit, prefetch
from macro_mesa.ledger import CONSUMPTION, FIRMS_CAPITAL, FIRMS_CURRENT, HOUSEHOLDS, INVESTMENT
from macro_mesa.random_streams import BATCH, Purpose, fill_races, fill_sequences, shuffle

if TYPE_CHECKING:
    from macro_mesa.model import MacroModel

SOLD_OUT = 1.0e-9  # units in stock
_NOBODY = -1
_PRICE, _STOCK, _SOLD, _REVENUE = range(4)  # columns of the shelves
_MONEY, _UNITS, _BOUGHT, _SPENT = range(4)  # columns of the baskets


@inlined
def next_seller(sellers, scores, place):
    """The preferred seller not yet visited by the buyer in this place of the batch, or nobody."""
    best = 0
    lowest = scores[0, place]
    for quote in range(1, len(sellers)):
        earlier = scores[quote, place] < lowest
        best = quote if earlier else best
        lowest = scores[quote, place] if earlier else lowest
    if lowest == np.inf:
        return _NOBODY
    scores[best, place] = np.inf
    return sellers[best, place]


@inlined
def buy(money, units, sellers, scores, place, disadvantage, shelves):
    """Buy up to ``units`` with up to ``money`` over the ranked sellers; returns units bought and money spent."""
    bought = 0.0
    spent = 0.0
    while bought < units and spent < money * (1.0 - 1.0e-12):
        f = next_seller(sellers, scores, place)
        if f == _NOBODY:
            break
        price = shelves[f, _PRICE]
        quantity = min((money - spent) / price, units - bought, shelves[f, _STOCK])
        cost = min(quantity * price, money - spent)
        shelves[f, _STOCK] -= quantity
        if shelves[f, _STOCK] <= 0.0:
            disadvantage[f] = np.inf  # sold out
        shelves[f, _SOLD] += quantity
        shelves[f, _REVENUE] += cost
        bought += quantity
        spent += cost
    return bought, spent


@jit
def trade(money, plans, prices, stocks, parameters, key, month):
    """Let all buyers shop in random order: households, then firms; ``money`` (buyers,) is what each wants to spend.

    ``plans`` (firms,) are the units that firms want to buy; households buy what their money is good for.
    Returns units bought and money spent by buyer, units sold and revenue by seller; ``stocks`` falls by what is sold.
    Draws are made a batch of buyers at a time, and what a visit changes lies in one place in memory.
    """
    p = parameters[0]
    first_firm = len(money) - len(plans)
    disadvantage = np.where(stocks > 0.0, (prices / prices.mean()) ** (1.0 / p.quote_noise), np.inf)
    shelves = np.zeros((len(prices), 4))
    for f in range(len(prices)):
        shelves[f, _PRICE] = prices[f]
        shelves[f, _STOCK] = stocks[f]
    baskets = np.empty((len(money), 4))
    for buyer in range(len(money)):
        baskets[buyer, _MONEY] = money[buyer]
        baskets[buyer, _UNITS] = np.inf if buyer < first_firm else plans[buyer - first_firm]
    sequences = np.empty(BATCH, np.uint64)
    sellers = np.empty((p.shopping_quotes, BATCH), np.int32)
    scores = np.empty((p.shopping_quotes, BATCH))
    order = np.arange(len(money)).astype(np.int32)
    shuffle(order, key, month, Purpose.GOODS_QUEUE)
    for start in range(0, len(order), BATCH):
        batch = order[start : start + BATCH]
        fill_sequences(sequences[: len(batch)], key, month, Purpose.SHOPPING, batch)
        fill_races(sellers, scores, sequences[: len(batch)], len(prices))
        for place in range(len(batch)):
            buyer = batch[place]
            prefetch(baskets, order[min(start + place + AHEAD, len(order) - 1)], 0)
            for quote in range(len(sellers)):
                scores[quote, place] *= disadvantage[sellers[quote, place]]
            if buyer >= first_firm:
                for quote in range(len(sellers)):  # a firm does not buy from itself
                    if sellers[quote, place] == buyer - first_firm:
                        scores[quote, place] = np.inf
            baskets[buyer, _BOUGHT], baskets[buyer, _SPENT] = buy(
                baskets[buyer, _MONEY], baskets[buyer, _UNITS], sellers, scores, place, disadvantage, shelves
            )
    stocks[:] = shelves[:, _STOCK]
    return baskets[:, _BOUGHT], baskets[:, _SPENT], shelves[:, _SOLD], shelves[:, _REVENUE]


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
    plans = np.empty(len(firms))
    prices = np.empty(len(firms))
    stocks = np.empty(len(firms))
    taste = economy[0].taste
    p = parameters[0]
    for i in range(number):
        money[i] = min(households[i].consumption_rate * taste, 1.0) * households[i].deposits
    for f in range(len(firms)):
        money[number + f] = firms[f].deposits
        plans[f] = firms[f].investment_plan
        prices[f] = firms[f].price
        stocks[f] = firms[f].inventory
    bought, spent, sold, revenue = trade(money, plans, prices, stocks, parameters, key, month)
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
            firms[f].expected_sales += p.expectation_adjustment * (firms[f].sales - firms[f].expected_sales)
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
