"""Slow references in plain Python integers and floats, written from the papers and the design, not from the code."""

import math
from collections.abc import Sequence

MASK_32, MASK_64 = 2**32 - 1, 2**64 - 1


def philox(key: int, counter: Sequence[int]) -> list[int]:
    """Philox4x32-10 (Salmon et al. 2011, figure 3)."""
    words, low, high = list(counter), key & MASK_32, key >> 32
    for _ in range(10):
        left, right = 0xD2511F53 * words[0], 0xCD9E8D57 * words[2]
        words = [(right >> 32) ^ words[1] ^ low, right & MASK_32, (left >> 32) ^ words[3] ^ high, left & MASK_32]
        low, high = (low + 0x9E3779B9) & MASK_32, (high + 0xBB67AE85) & MASK_32
    return words


class Splitmix:
    """SplitMix64 (Steele, Lea and Flood 2014), its state drawn from Philox; pairs of draws from (0, 1)."""

    def __init__(self, key: int, month: int, purpose: int, agent: int) -> None:
        high, low, _, _ = philox(key, (agent, 0, month, purpose))
        self._state = high << 32 | low

    def pair(self) -> tuple[float, float]:
        self._state = (self._state + 0x9E3779B97F4A7C15) & MASK_64
        z = self._state
        z = ((z ^ z >> 30) * 0xBF58476D1CE4E5B9) & MASK_64
        z = ((z ^ z >> 27) * 0x94D049BB133111EB) & MASK_64
        z ^= z >> 31
        return ((z >> 32) + 0.5) / 2**32, ((z & MASK_32) + 0.5) / 2**32


def shuffled(number: int, draws: Splitmix) -> list[int]:
    """0..number-1 in random order (Fisher and Yates)."""
    order = list(range(number))
    for last in reversed(range(1, number)):
        pick = int(draws.pair()[0] * (last + 1))
        order[last], order[pick] = order[pick], order[last]
    return order


def trade(
    budgets: Sequence[float],
    wishes: Sequence[float],
    prices: Sequence[float],
    stocks: Sequence[float],
    queue: Splitmix,
    quotes: Sequence[Splitmix],
    shown: int,
    noise: float,
) -> tuple[list[float], list[float], list[float], list[float], list[float]]:
    """Buyers (households, then the firms themselves) visit the sellers they saw, the best score first.

    The score is log price plus Gumbel noise.  Returns units bought and money spent by buyer, units sold, revenue
    and stocks left by seller.
    """
    households, mean = len(budgets) - len(prices), sum(prices) / len(prices)
    bought, spent = [0.0] * len(budgets), [0.0] * len(budgets)
    sold, revenue, left = [0.0] * len(prices), [0.0] * len(prices), list(stocks)
    for buyer in shuffled(len(budgets), queue):
        offers = []
        for _ in range(shown):
            choice, luck = quotes[buyer].pair()
            seller = int(choice * len(prices))
            if left[seller] > 0.0 and seller != buyer - households:
                offers.append((math.log(prices[seller] / mean) + noise * math.log(-math.log(luck)), seller))
        for _, seller in sorted(offers):
            units = min((budgets[buyer] - spent[buyer]) / prices[seller], wishes[buyer] - bought[buyer], left[seller])
            bought[buyer] += units
            spent[buyer] += units * prices[seller]
            sold[seller] += units
            revenue[seller] += units * prices[seller]
            left[seller] -= units
    return bought, spent, sold, revenue, left


def gini(wealth: Sequence[float]) -> float:
    """Mean absolute difference of all pairs over twice the mean."""
    differences = sum(abs(a - b) for a in wealth for b in wealth)
    return differences / (2 * len(wealth) * sum(wealth))
