"""Common random numbers: the generator against its authors, and the draws against chance."""

import itertools

import numpy as np
import pytest
import reference
from scipy import stats

from macro_mesa.random_streams import (
    BATCH,
    Purpose,
    fill_first,
    fill_races,
    fill_sequences,
    fill_uniform,
    generator,
    next_pair,
    normal,
    philox,
    seed_sequence,
    shuffle,
    uniform,
    uniforms,
)

KEY = np.uint64(0x1234_5678_9ABC_DEF0)
ONES = 2**32 - 1
# Random123, tests/kat_vectors: philox4x32, 10 rounds
KNOWN_ANSWERS = [
    ((0, 0, 0, 0), 0, "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ((ONES, ONES, ONES, ONES), 2**64 - 1, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        0x299F31D0_A4093822,
        "d16cfe09 94fdcceb 5001e420 24126ea1",
    ),
]


def draws(purpose: Purpose, number: int, month: int = 1, key: np.uint64 = KEY) -> np.ndarray:
    return np.array([uniform(key, month, int(purpose), agent) for agent in range(number)])


@pytest.mark.parametrize(("counter", "key", "answer"), KNOWN_ANSWERS)
def test_philox_gives_its_authors_known_answers(counter, key, answer):
    assert " ".join(f"{word:08x}" for word in philox(np.uint64(key), *counter)) == answer
    assert " ".join(f"{word:08x}" for word in reference.philox(key, counter)) == answer


def test_philox_and_splitmix_agree_with_plain_python():
    rng = np.random.default_rng(0)
    for _ in range(50):
        key, counter = int(rng.integers(2**64, dtype=np.uint64)), [int(x) for x in rng.integers(2**32, size=4)]
        assert [int(word) for word in philox(np.uint64(key), *counter)] == reference.philox(key, counter)
        month, purpose, agent = (int(x) for x in rng.integers(1000, size=3))
        slow = reference.Splitmix(key, month, purpose, agent)
        state = seed_sequence(np.uint64(key), month, purpose, agent)
        for _ in range(5):
            state, *pair = next_pair(np.uint64(state))
            assert tuple(pair) == slow.pair()


@pytest.mark.parametrize("number", [1, BATCH - 1, BATCH, 2 * BATCH + 3])
def test_draws_made_at_once_are_those_made_one_by_one(number):
    purpose, month, first = int(Purpose.SHOPPING), 11, 4_000_000_000
    out, choices, delays = np.empty(number), np.empty((3, number), np.int32), np.empty((3, number))
    agents, sequences = np.arange(first, first + number)[::-1].copy(), np.empty(number, np.uint64)
    fill_first(out, KEY, month, purpose, first)
    fill_sequences(sequences, KEY, month, purpose, agents)
    kept = sequences.copy()
    fill_races(choices, delays, sequences, 7)
    for place, agent in enumerate(agents.tolist()):
        assert out[place] == uniform(KEY, month, purpose, first + place)
        assert kept[place] == seed_sequence(KEY, month, purpose, agent)
        state = kept[place]
        for draw in range(3):
            state, choice, luck = next_pair(np.uint64(state))
            assert choices[draw, place] == int(choice * 7)
            assert delays[draw, place] == pytest.approx(-np.log(luck), rel=1e-15)
    table = np.empty((number, 3), dtype=np.float32)
    fill_uniform(table, KEY, month, purpose)
    for row in range(number):
        block = np.array(uniforms(KEY, month, purpose, row)[:3], dtype=np.float32)
        np.testing.assert_array_equal(table[row], np.minimum(block, np.float32(0.99999994)))


def test_draws_are_uniform():
    number = 100_000
    out = np.empty((number // 4, 4), dtype=np.float32)
    fill_uniform(out, KEY, 7, int(Purpose.HOUSEHOLD_ACTION))
    assert out.min() >= 0.0
    assert out.max() < 1.0
    counts = np.histogram(out, bins=100, range=(0, 1))[0]
    assert stats.chisquare(counts).pvalue > 1e-4
    pairs = np.histogram2d(out[:, 0], out[:, 1], bins=10, range=[(0, 1), (0, 1)])[0]
    assert stats.chisquare(pairs.ravel()).pvalue > 1e-4


def test_pairs_of_the_fast_sequence_are_uniform():
    state, pairs = seed_sequence(KEY, 1, int(Purpose.SHOPPING), 5), []
    for _ in range(20_000):
        state, first, second = next_pair(np.uint64(state))
        pairs.append((first, second))
    counts = np.histogram2d(*np.array(pairs).T, bins=10, range=[(0, 1), (0, 1)])[0]
    assert stats.chisquare(counts.ravel()).pvalue > 1e-4


def test_normal_draws_are_normal():
    sample = [normal(KEY, month, int(Purpose.TASTE), 0) for month in range(20_000)]
    assert stats.kstest(sample, "norm").pvalue > 1e-4


def test_shuffle_is_a_permutation_and_the_reference_s():
    for number in (1, 2, 10, 1000):
        order = np.arange(number)
        shuffle(order, KEY, 3, int(Purpose.JOB_QUEUE))
        assert sorted(order) == list(range(number))
        assert order.tolist() == reference.shuffled(number, reference.Splitmix(int(KEY), 3, Purpose.JOB_QUEUE, 0))


def test_shuffle_is_uniform_on_three_elements():
    counts = dict.fromkeys(itertools.permutations(range(3)), 0)
    for month in range(12_000):
        order = np.arange(3)
        shuffle(order, KEY, month, int(Purpose.GOODS_QUEUE))
        counts[tuple(order.tolist())] += 1
    assert stats.chisquare(list(counts.values())).pvalue > 1e-4


def test_purposes_months_agents_and_seeds_are_independent():
    number = 2_000
    streams = [draws(purpose, number) for purpose in Purpose]
    streams += [draws(Purpose.OPENING, number, month=2), draws(Purpose.OPENING, number, key=KEY + np.uint64(1))]
    streams += [draws(Purpose.OPENING, number + 1)[1:]]
    correlations = np.corrcoef(streams)[np.triu_indices(len(streams), 1)]
    assert np.abs(correlations).max() < 5.0 / np.sqrt(number)
    # 46,000 of 2^32 numbers: a quarter of a coincidence is to be expected
    assert len(np.unique(np.concatenate(streams[:-1]))) >= number * (len(streams) - 1) - 5


def test_a_draw_is_a_function_of_its_key_alone():
    first = uniforms(KEY, 5, int(Purpose.SEPARATION), 9)
    draws(Purpose.TASTE, 100)
    assert uniforms(KEY, 5, int(Purpose.SEPARATION), 9) == first
    short, long = np.empty((10, 2), dtype=np.float32), np.empty((50, 3), dtype=np.float32)
    fill_uniform(short, KEY, 1, int(Purpose.FIRM_ACTION))
    fill_uniform(long, KEY, 1, int(Purpose.FIRM_ACTION))
    np.testing.assert_array_equal(short, long[:10, :2])  # a larger economy keeps the draws of a smaller one


def test_purposes_have_numbers_of_their_own_and_the_opening_a_generator_each():
    assert len({int(purpose) for purpose in Purpose}) == len(Purpose)
    opening = generator(int(KEY), Purpose.OPENING).random(5)
    np.testing.assert_array_equal(opening, generator(int(KEY), Purpose.OPENING).random(5))
    assert not np.array_equal(opening, generator(int(KEY), Purpose.TASTE).random(5))
