"""The goods market: consumers and investing firms in one random queue search over a few posted prices.

A buyer sees the prices of a few random sellers and visits them by log price plus Gumbel noise, which is
logit demand over the sample; it is drawn as an exponential race (Gumbel 1954).  Sellers serve from
inventory until they run out.
"""

from typing import TYPE_CHECKING

import numpy as np

from macro_mesa import ledger
from macro_mesa.aggregates import price_relative
from macro_mesa.compiled import jit
from macro_mesa.ledger import CONSUMPTION, FIRMS_CAPITAL, FIRMS_CURRENT, HOUSEHOLDS, INVESTMENT
from macro_mesa.random_streams import Purpose, shuffle, uniforms

if TYPE_CHECKING:
    from macro_mesa.model import MacroModel

_NOBODY = -1


@jit
def rank_sellers(sellers, scores, disadvantage, own, key, month, agent):
    """Draw a sample of sellers and the arrival times of their exponential race; the earliest is preferred."""
    number = len(disadvantage)
    for quote in range(0, len(sellers), 2):
        first, second, third, fourth = uniforms(key, month, Purpose.SHOPPING, agent, quote)
        sellers[quote] = int(first * number)
        scores[quote] = -np.log(second) * disadvantage[sellers[quote]]
        if quote + 1 < len(sellers):
            sellers[quote + 1] = int(third * number)
            scores[quote + 1] = -np.log(fourth) * disadvantage[sellers[quote + 1]]
    for quote in range(len(sellers)):
        if sellers[quote] == own:
            scores[quote] = np.inf


@jit
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


@jit
def consume(households, i, firms, banks, flows, budget, sellers, scores):
    """Spend a household's budget over its ranked sellers."""
    left = budget
    units = 0.0
    while left > 1.0e-12 * budget:
        f = next_seller(sellers, scores)
        if f == _NOBODY:
            break
        bought = min(left / firms[f].price, firms[f].inventory)
        if bought <= 0.0:
            continue
        cost = min(bought * firms[f].price, households[i].deposits)
        ledger.pay(households, i, firms, f, banks, flows, CONSUMPTION, HOUSEHOLDS, FIRMS_CURRENT, cost)
        record_sale(firms, f, bought, cost)
        units += bought
        left -= cost
    households[i].spending = budget - left
    households[i].consumption = units
    if units > 0.0:
        paid = households[i].spending / units
        households[i].shopping_inflation = np.log(paid / households[i].shopping_price)
        households[i].shopping_price = paid
    else:
        households[i].shopping_inflation = 0.0
    return left


@jit
def invest(firms, i, banks, flows, sellers, scores):
    """Buy a firm's planned capital goods over its ranked sellers, as far as its deposits go."""
    wanted = firms[i].investment_plan
    while wanted > 0.0 and firms[i].deposits > 0.0:
        f = next_seller(sellers, scores)
        if f == _NOBODY:
            break
        bought = min(wanted, firms[f].inventory, firms[i].deposits / firms[f].price)
        if bought <= 0.0:
            continue
        cost = min(bought * firms[f].price, firms[i].deposits)
        ledger.pay(firms, i, firms, f, banks, flows, INVESTMENT, FIRMS_CAPITAL, FIRMS_CURRENT, cost)
        record_sale(firms, f, bought, cost)
        firms[i].investment += bought
        wanted -= bought
    firms[i].capital += firms[i].investment


@jit
def record_sale(firms, f, units, cost):
    """Book a sale in the seller's inventory, sales and revenue."""
    firms[f].inventory = max(0.0, firms[f].inventory - units)
    firms[f].sales += units
    firms[f].revenue += cost


@jit
def clear(households, firms, banks, economy, parameters, flows, key, month):
    """One month of the goods market; returns the share of consumption budgets left unspent."""
    p = parameters[0]
    number = len(households)
    mean_price = 0.0
    for f in range(len(firms)):
        firms[f].sales = 0.0
        firms[f].revenue = 0.0
        firms[f].investment = 0.0
        mean_price += firms[f].price / len(firms)
    disadvantage = np.empty(len(firms))
    for f in range(len(firms)):
        disadvantage[f] = (firms[f].price / mean_price) ** (1.0 / p.quote_noise)
    order = np.arange(number + len(firms))
    shuffle(order, key, month, Purpose.GOODS_QUEUE)
    sellers = np.empty(p.shopping_quotes, np.int64)
    scores = np.empty(p.shopping_quotes)
    taste = economy[0].taste
    budgets = 0.0
    unspent = 0.0
    for buyer in order:
        own = buyer - number if buyer >= number else _NOBODY
        rank_sellers(sellers, scores, disadvantage, own, key, month, buyer)
        if buyer < number:
            deposits = households[buyer].deposits
            budget = min(households[buyer].consumption_rate * taste, 1.0) * deposits
            budgets += budget
            unspent += consume(households, buyer, firms, banks, flows, budget, sellers, scores)
        else:
            invest(firms, own, banks, flows, sellers, scores)
    for f in range(len(firms)):
        firms[f].expected_sales += (firms[f].sales - firms[f].expected_sales) / 6.0
    return unspent / max(budgets, 1.0e-12)


class GoodsMarket:
    """Where households and investing firms buy from firms."""

    def __init__(self, model: "MacroModel") -> None:
        self._model = model

    def post_prices(self) -> None:
        """Chain the price index with the prices just posted."""
        self._model.economy["price_level"] *= price_relative(self._model.firms.table)

    def clear(self) -> None:
        """Trade until budgets, plans or inventories are used up."""
        model = self._model
        model.economy["rationed"] = clear(
            model.households.table, model.firms.table, model.commercial_banks.table, model.economy,
            model.parameter_record, model.ledger.flows, model.key, model.month,
        )  # fmt: skip
