"""Counter-based random numbers, keyed by (seed, month, purpose, agent).

A draw is a pure function of its key, so two economies from one seed share every draw whatever else
happens in them: the common random numbers that paired experiments rest on.

Generator: Philox4x32-10, Salmon, Moraes, Dror and Shaw (2011), "Parallel random numbers: as easy as
1, 2, 3", SC'11; checked in the tests against the authors' known answers.
"""

from enum import IntEnum

import numpy as np

from macro_mesa.compiled import inlined, jit


class Purpose(IntEnum):
    """Every named stream of the economy; a new use of randomness gets a name of its own here."""

    OPENING = 0
    PRODUCTIVITY = 1
    FIRM_PRODUCTIVITY = 2
    TASTE = 3
    COST = 4
    DEFAULT = 5
    SWITCHING = 6
    SEPARATION = 7
    JOB_SEARCH = 8
    JOB_QUEUE = 9
    LAYOFF = 10
    WAGE_OFFER = 11
    CREDIT_QUEUE = 12
    GOODS_QUEUE = 13
    SHOPPING = 14
    MARKET_SAMPLE = 15
    HOUSEHOLD_ACTION = 16
    FIRM_ACTION = 17
    COMMERCIAL_BANK_ACTION = 18
    CENTRAL_BANK_ACTION = 19
    RATE_PATH = 20
    LOAN_QUOTES = 21


_MULTIPLIER_0 = np.uint64(0xD2511F53)
_MULTIPLIER_1 = np.uint64(0xCD9E8D57)
_WEYL_0 = np.uint64(0x9E3779B9)
_WEYL_1 = np.uint64(0xBB67AE85)
_LOW = np.uint64(0xFFFFFFFF)
_SHIFT = np.uint64(32)
_UNIT = 2.0**-32
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_0 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_1 = np.uint64(0x94D049BB133111EB)

BATCH = 256  # agents whose draws are made at once: they stay in the first-level cache


# inlined, so that a loop over agents becomes vector instructions: 2 ns a key instead of 14
@inlined
def philox(key, counter_0, counter_1, counter_2, counter_3):
    """Four 32-bit words (as uint64) for a 64-bit key and a 128-bit counter."""
    k0 = np.uint64(key) & _LOW
    k1 = np.uint64(key) >> _SHIFT
    c0 = np.uint64(counter_0) & _LOW
    c1 = np.uint64(counter_1) & _LOW
    c2 = np.uint64(counter_2) & _LOW
    c3 = np.uint64(counter_3) & _LOW
    for _ in range(10):
        product_0 = _MULTIPLIER_0 * c0
        product_1 = _MULTIPLIER_1 * c2
        c0, c2 = (product_1 >> _SHIFT) ^ c1 ^ k0, (product_0 >> _SHIFT) ^ c3 ^ k1
        c1, c3 = product_1 & _LOW, product_0 & _LOW
        k0 = (k0 + _WEYL_0) & _LOW
        k1 = (k1 + _WEYL_1) & _LOW
    return c0, c1, c2, c3


@jit
def uniforms(key, month, purpose, agent, block=0):
    """Four independent draws from (0, 1), never an end point."""
    a, b, c, d = philox(key, agent, block, month, purpose)
    return (a + 0.5) * _UNIT, (b + 0.5) * _UNIT, (c + 0.5) * _UNIT, (d + 0.5) * _UNIT


@jit
def uniform(key, month, purpose, agent):
    """One draw from (0, 1)."""
    return uniforms(key, month, purpose, agent)[0]


@jit
def seed_sequence(key, month, purpose, agent):
    """A 64-bit state from which ``next_pair`` draws, for uses that need many draws an agent."""
    high, low, _, _ = philox(key, agent, 0, month, purpose)
    return (high << _SHIFT) | low


@inlined
def next_pair(sequence):
    """The next state and two draws from (0, 1): SplitMix64 (Steele, Lea and Flood 2014)."""
    sequence = sequence + _GOLDEN
    z = sequence
    z = (z ^ (z >> np.uint64(30))) * _MIX_0
    z = (z ^ (z >> np.uint64(27))) * _MIX_1
    z = z ^ (z >> np.uint64(31))
    return sequence, ((z >> _SHIFT) + 0.5) * _UNIT, ((z & _LOW) + 0.5) * _UNIT


@jit
def normal(key, month, purpose, agent):
    """One standard normal draw (Box and Muller 1958)."""
    first, second, _, _ = uniforms(key, month, purpose, agent)
    return np.sqrt(-2.0 * np.log(first)) * np.cos(2.0 * np.pi * second)


@jit
def shuffle(order, key, month, purpose):
    """Put ``order`` in a uniformly random order, in place (Fisher and Yates)."""
    sequence = seed_sequence(key, month, purpose, 0)
    for i in range(len(order) - 1, 0, -1):
        sequence, draw, _ = next_pair(sequence)
        j = int(draw * (i + 1))
        order[i], order[j] = order[j], order[i]


@jit
def fill_first(out, key, month, purpose, first_agent):
    """Fill ``out`` (agents,) with what ``uniform`` gives ``first_agent`` and those after it."""
    for i in range(len(out)):
        a, _, _, _ = philox(key, first_agent + i, 0, month, purpose)
        out[i] = (a + 0.5) * _UNIT


@jit
def fill_sequences(out, key, month, purpose, agents):
    """Fill ``out`` (agents,) with what ``seed_sequence`` gives each of ``agents``."""
    for i in range(len(out)):
        high, low, _, _ = philox(key, agents[i], 0, month, purpose)
        out[i] = (high << _SHIFT) | low


@jit
def fill_uniform(out, key, month, purpose):
    """Fill ``out`` (agents, draws) with draws in [0, 1); at most four draws an agent."""
    draws = np.empty((4, BATCH))
    for start in range(0, len(out), BATCH):
        number = min(BATCH, len(out) - start)
        for i in range(number):
            a, b, c, d = philox(key, start + i, 0, month, purpose)
            draws[0, i] = (a + 0.5) * _UNIT
            draws[1, i] = (b + 0.5) * _UNIT
            draws[2, i] = (c + 0.5) * _UNIT
            draws[3, i] = (d + 0.5) * _UNIT
        for i in range(number):
            for j in range(out.shape[1]):
                # float32 rounds the largest draws up to 1: keep below it
                out[start + i, j] = min(draws[j, i], 0.99999994)


@jit
def fill_races(choices, delays, sequences, number):
    """Draws of exponential races: ``choices`` (draws, agents) below ``number`` and ``delays``, exponential.

    Each agent's ``sequences`` moves on by a pair a draw.
    """
    for draw in range(len(choices)):
        for i in range(len(sequences)):
            sequences[i], choice, luck = next_pair(sequences[i])
            choices[draw, i] = int(choice * number)
            delays[draw, i] = luck
        for i in range(len(sequences)):
            delays[draw, i] = -np.log(delays[draw, i])


def generator(key: int | np.uint64, purpose: Purpose) -> np.random.Generator:
    """A numpy generator of its own for one purpose, for draws that are made once (the opening)."""
    return np.random.Generator(np.random.Philox(key=[int(key), int(purpose)]))
