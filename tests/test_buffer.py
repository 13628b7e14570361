"""Advantages by a second route, and rollouts as views."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.buffer import Batch, Rollout, generalized_advantages, less_peers
from policies.normalization import RunningNormalizer


def brute_force(reward, value, terminated, truncated, final_value, gamma, lam):
    """Advantage as the sum, written out, of discounted one-step errors up to the first cut."""
    months, agents = reward.shape
    advantage = np.zeros((months, agents))
    for agent in range(agents):
        for start in range(months):
            for month in range(start, months):
                if terminated[month, agent]:
                    following = 0.0
                elif truncated[month, agent] or month == months - 1:
                    following = final_value[month, agent]
                else:
                    following = value[month + 1, agent]
                error = reward[month, agent] + gamma * following - value[month, agent]
                advantage[start, agent] += (gamma * lam) ** (month - start) * error
                if terminated[month, agent] or truncated[month, agent]:
                    break
    return advantage


def samples(months, agents, seed=0):
    rng = np.random.default_rng(seed)
    reward, value, final = rng.normal(1, 3, (3, months, agents)).astype(np.float32)
    return reward, value, final


def test_advantages_equal_brute_force_with_an_end_at_every_month():
    months = 9
    # In month i agent i terminates, 9 + i is truncated, 18 + i both; the last agent never ends.
    terminated = np.zeros((months, 3 * months + 1), bool)
    truncated = terminated.copy()
    for month in range(months):
        terminated[month, [month, 18 + month]] = True
        truncated[month, [9 + month, 18 + month]] = True
    reward, value, final = samples(months, 3 * months + 1)
    advantage, returns = generalized_advantages(
        reward, value, terminated, truncated, final, 0.97, 0.9
    )
    expected = brute_force(reward, value, terminated, truncated, final, 0.97, 0.9)
    np.testing.assert_allclose(advantage, expected, atol=2e-5)
    np.testing.assert_allclose(returns, expected + value, atol=2e-5)


@settings(max_examples=60, deadline=None)
@given(
    months=st.integers(1, 12),
    seed=st.integers(0, 2**32 - 1),
    gamma=st.floats(0, 0.999),
    lam=st.floats(0, 1),
    rate=st.floats(0, 1),
)
def test_advantages_equal_brute_force_for_any_pattern_of_ends(months, seed, gamma, lam, rate):
    reward, value, final = samples(months, 5, seed)
    terminated, truncated = np.random.default_rng(seed).random((2, months, 5)) < rate
    final[:-1][~truncated[:-1]] = np.nan  # what is not read may be anything
    ends = (terminated, truncated, final)
    advantage, _ = generalized_advantages(reward, value, *ends, gamma, lam)
    expected = brute_force(reward, value, *ends, gamma, lam)
    np.testing.assert_allclose(advantage, expected, rtol=1e-4, atol=1e-4)


def test_constant_reward_has_its_closed_form():
    months, gamma = 50, 0.99
    ones = np.ones((months, 1), np.float32)
    never = np.zeros((months, 1), bool)
    last = never.copy()
    last[-1] = True
    forever = ones / np.float32(1 - gamma)
    advantage, returns = generalized_advantages(ones, forever, never, never, forever, gamma, 0.95)
    np.testing.assert_allclose(advantage, 0, atol=1e-3)
    np.testing.assert_allclose(returns, 100, rtol=1e-4)
    to_the_end, _ = generalized_advantages(ones, 0 * ones, last, never, forever, gamma, 1.0)
    left = np.arange(months, 0, -1)[:, None]
    np.testing.assert_allclose(to_the_end, (1 - gamma**left) / (1 - gamma), rtol=1e-4)


def test_a_time_limit_does_not_shrink_the_value():
    # A tabular critic takes the returns for its values until they settle: 60 months, gamma .99.
    ones, none = np.ones((60, 1), np.float32), np.zeros((60, 1), bool)
    end = none.copy()
    end[-1] = True
    values = {}
    for name, terminated, truncated in (("terminated", end, none), ("truncated", none, end)):
        value = np.zeros((60, 1), np.float32)
        for _ in range(40):
            final = np.full((60, 1), value[0, 0])  # the next episode starts as this one did
            _, value = generalized_advantages(ones, value, terminated, truncated, final, 0.99, 1.0)
        values[name] = value[0, 0]
    assert values["truncated"] == pytest.approx(100, rel=1e-3)
    assert values["terminated"] == pytest.approx(45.3, rel=1e-3)


def test_columns_are_views_of_the_whole():
    rollout = Rollout.allocate(months=3, agents=10, observation_size=4, heads=2)
    share = rollout.columns(6, 9)
    share.observation[1, 2] = 7.0
    share.action[2, 0] = [4, 3]
    share.terminated[0, 1] = True
    assert (share.months, share.agents) == (3, 3)
    assert (rollout.observation[1, 8] == 7.0).all()
    assert rollout.action[2, 6].tolist() == [4, 3]
    assert rollout.terminated[0, 7]
    assert rollout.observation.sum() == 28.0
    taken = rollout.take(np.array([8, 6]))
    taken.reward[:] = 1.0
    assert (taken.observation[1, 0] == 7.0).all()
    assert not rollout.reward.any()


def test_a_reopened_rollout_has_no_ends():
    rollout = Rollout.allocate(2, 3, 1, 1)
    for ends in (rollout.terminated, rollout.truncated, rollout.final_value):
        ends[:] = 1
    again = rollout.reopened()
    assert again.reward is rollout.reward
    for ends in (again.terminated, again.truncated, again.final_value):
        assert not ends.any()


@pytest.mark.parametrize("bounds", [(-1, 2), (0, 11), (5, 4)])
def test_columns_outside_the_rollout_are_refused(bounds):
    with pytest.raises(IndexError, match="not within 10 agents"):
        Rollout.allocate(2, 10, 1, 1).columns(*bounds)


def test_action_shares_count_every_action():
    rollout = Rollout.allocate(2, 4, 1, 2)
    rollout.action[..., 0] = [[0, 1, 1, 2], [1, 1, 0, 1]]
    assert rollout.action_shares((4, 3)) == [[0.25, 0.625, 0.125, 0.0], [1.0, 0.0, 0.0]]


def test_batch_keeps_samples_together_and_standardises_advantages():
    rollout = Rollout.allocate(3, 4, 2, 1)
    label = np.arange(12, dtype=np.float32).reshape(3, 4)
    rollout.observation[..., 0] = label
    rollout.action[..., 0] = label
    rollout.value[:] = label
    rollout.reward[:] = label**2
    batch = Batch.of(rollout, RunningNormalizer(2), scale=2.0, gamma=0.0, lam=0.0)
    part = batch.rows(torch.tensor([7, 2]))
    assert part.action[:, 0].tolist() == part.value.tolist() == [7, 2]
    assert part.observation[:, 0].tolist() == pytest.approx([7, 2])
    assert part.returns.tolist() == pytest.approx([24.5, 2.0])
    assert batch.advantage.mean().item() == pytest.approx(0, abs=1e-6)
    assert batch.advantage.std(correction=0).item() == pytest.approx(1, rel=1e-5)
    returns, value = batch.returns.numpy(), batch.value.numpy()
    expected = 1 - np.var(returns - value) / np.var(returns)
    assert batch.explained_variance() == pytest.approx(expected, rel=1e-5)


def test_what_an_economy_s_agents_all_met_is_taken_off():
    random = np.random.default_rng(1)
    own = random.standard_normal((5, 3, 4)).astype(np.float32)
    own -= own.mean(axis=2, keepdims=True)
    common = 100 * random.standard_normal((5, 3, 1)).astype(np.float32)
    np.testing.assert_allclose(less_peers((own + common).reshape(5, 12), 4), own.reshape(5, 12), atol=1e-4)


def test_agents_left_out_of_a_batch_are_still_peers():
    rollout = Rollout.allocate(1, 4, 1, 1)
    rollout.reward[:] = [[1, 3, 10, 20]]
    arguments = {"scale": 1.0, "gamma": 0.0, "lam": 0.0, "agents": np.array([3, 0])}
    alone = Batch.of(rollout, RunningNormalizer(1), **arguments)
    beside = Batch.of(rollout, RunningNormalizer(1), **arguments, peers=2)
    assert alone.returns.tolist() == beside.returns.tolist() == [20, 1]
    # 20 is five above its economy's mean, 1 is one below
    assert beside.advantage.sign().tolist() == [1, -1]
    wider = Batch.of(rollout, RunningNormalizer(1), scale=1.0, gamma=0.0, lam=0.0, peers=2)
    assert wider.advantage.tolist() == pytest.approx((np.array([-1, 1, -5, 5]) / np.sqrt(13)).tolist())


def test_rollouts_of_other_shapes_are_refused():
    with pytest.raises(ValueError, match="observation has shape"):
        Rollout.allocate(2, 3, 4, 1).require_shapes(5, 1)
    with pytest.raises(ValueError, match="action has shape"):
        Rollout.allocate(2, 3, 4, 1).require_shapes(4, 2)
    with pytest.raises(ValueError, match="empty"):
        Rollout.allocate(2, 0, 4, 1).require_shapes(4, 1)
