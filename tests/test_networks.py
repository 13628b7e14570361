"""The torch and numpy routes are the same networks, and the scales are the data's own."""

import numpy as np
import pytest
import torch

from policies import networks
from policies.networks import ActorCritic, NumpyActorCritic, Tanh
from policies.normalization import ReturnScaler, RunningNormalizer

HEADS = (5, 2, 3)
SIZE = 7


def network(seed: int = 0, last_gain: float = 100.0) -> ActorCritic:
    """A network whose policy, unlike a fresh one, is far from uniform."""
    result = ActorCritic(SIZE, HEADS, generator=torch.Generator().manual_seed(seed))
    result.get_parameter("actor.4.weight").data *= last_gain
    return result


def observations(rows: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((rows, SIZE), dtype=np.float32)


def uniforms(rows: int, seed: int = 2) -> np.ndarray:
    return np.random.default_rng(seed).random((rows, len(HEADS)), dtype=np.float32)


def test_torch_and_numpy_agree_on_probabilities_values_and_sampled_actions():
    net, seen, draws = network(), observations(6000), uniforms(6000)
    twin = NumpyActorCritic.from_torch(net)
    actions, log_probability = twin.act(seen, draws)
    with torch.no_grad():
        logits, value = net(torch.from_numpy(seen))
        torch_log_probability, entropy = net.log_probability_and_entropy(
            logits, torch.from_numpy(actions)
        )
    np.testing.assert_allclose(twin.value(seen), value.numpy(), atol=1e-5)
    np.testing.assert_allclose(log_probability, torch_log_probability.numpy(), atol=1e-5)
    for head, part in enumerate(logits.split(HEADS, dim=1)):
        p = part.softmax(1).double()
        np.testing.assert_allclose(twin.probabilities(seen)[head], p.numpy(), atol=1e-5)
        np.testing.assert_allclose(
            entropy[:, head].numpy(), -(p * p.log()).sum(1).numpy(), atol=1e-5
        )
        inverse_cdf = (p.numpy().cumsum(1)[:, :-1] <= draws[:, head : head + 1]).sum(1)
        # A draw within rounding of a boundary may fall on either side of it.
        assert np.mean(inverse_cdf != actions[:, head]) < 1e-3


def test_choosing_is_acting_without_the_log_probability():
    twin, seen, draws = NumpyActorCritic.from_torch(network()), observations(6000), uniforms(6000)
    np.testing.assert_array_equal(twin.choose(seen, draws), twin.act(seen, draws)[0])


def test_in_place_tanh_has_tanhs_values_and_gradient():
    inputs = torch.linspace(-4, 4, 101, dtype=torch.float64, requires_grad=True)
    weights = torch.linspace(1, 2, 101, dtype=torch.float64)
    (Tanh()(inputs * 1.0) * weights).sum().backward()
    np.testing.assert_allclose(Tanh()(inputs.detach().clone()), np.tanh(inputs.detach().numpy()))
    expected = weights * (1 - inputs.detach().tanh() ** 2)
    assert inputs.grad is not None
    np.testing.assert_allclose(inputs.grad.numpy(), expected.numpy(), rtol=1e-12)


def test_initial_policy_is_nearly_uniform_and_weights_are_orthogonal():
    net = network(last_gain=1.0)
    for head, size in zip(
        NumpyActorCritic.from_torch(net).probabilities(observations(100)), HEADS, strict=True
    ):
        np.testing.assert_allclose(head, 1 / size, atol=0.02)
    weight = net.get_parameter("actor.2.weight").detach().numpy()
    np.testing.assert_allclose(weight @ weight.T, 2 * np.eye(64), atol=1e-5)


def test_the_generator_alone_decides_the_weights():
    torch.manual_seed(0)
    before = torch.get_rng_state()
    first, second, other = (network(seed).get_parameter("critic.0.weight") for seed in (3, 3, 4))
    assert torch.equal(before, torch.get_rng_state())
    assert torch.equal(first, second)
    assert not torch.equal(first, other)


def test_sampled_shares_follow_the_probabilities():
    twin = NumpyActorCritic.from_torch(network())
    seen = np.repeat(observations(1), 40_000, axis=0)
    actions, _ = twin.act(seen, uniforms(40_000))
    for head, p in enumerate(twin.probabilities(seen[:1])):
        shares = np.bincount(actions[:, head], minlength=HEADS[head]) / len(seen)
        np.testing.assert_allclose(shares, p[0], atol=0.015)
        assert 0.05 < p[0].max() < 0.999  # or this test could not tell


def test_extreme_draws_and_logits_stay_within_the_head():
    net = network(last_gain=1e6)
    twin = NumpyActorCritic.from_torch(net)
    seen = observations(3000)
    for draw in (0.0, np.nextafter(np.float32(1), np.float32(0))):
        actions, log_probability = twin.act(seen, np.full((3000, 3), draw, np.float32))
        assert (actions >= 0).all()
        assert (actions < HEADS).all()
        assert np.isfinite(log_probability).all()


def test_greedy_actions_are_the_most_probable_ones():
    twin = NumpyActorCritic.from_torch(network())
    seen = observations(3000)
    for head, p in enumerate(twin.probabilities(seen)):
        np.testing.assert_array_equal(twin.act_greedy(seen)[:, head], p.argmax(axis=1))


def test_permuting_agents_permutes_actions():
    twin = NumpyActorCritic.from_torch(network())
    seen, draws = observations(5000), uniforms(5000)
    order = np.random.default_rng(5).permutation(5000)
    actions, log_probability = twin.act(seen, draws)
    permuted_actions, permuted_log_probability = twin.act(seen[order], draws[order])
    np.testing.assert_array_equal(permuted_actions, actions[order])
    np.testing.assert_allclose(permuted_log_probability, log_probability[order], atol=1e-5)
    assert not np.array_equal(actions, actions[order])


@pytest.mark.parametrize("rows", [0, 1, networks.CHUNK_ROWS, networks.CHUNK_ROWS + 1])
def test_every_row_is_answered_at_chunk_boundaries(rows):
    twin = NumpyActorCritic.from_torch(network())
    seen, draws = observations(rows), uniforms(rows)
    actions, log_probability = twin.act(seen, draws)
    assert actions.shape == (rows, 3)
    assert actions.dtype == np.int64
    assert log_probability.dtype == twin.value(seen).dtype == np.float32
    for row in {0, rows - 1} if rows else ():
        alone, _ = twin.act(seen[row : row + 1], draws[row : row + 1])
        np.testing.assert_array_equal(alone[0], actions[row])


def test_numpy_networks_refuse_missing_weights_and_wrong_heads():
    arrays = {name: tensor.numpy() for name, tensor in network().state_dict().items()}
    with pytest.raises(ValueError, match="10 outputs for 9 actions"):
        NumpyActorCritic(arrays, (5, 4))
    del arrays["critic.2.bias"]
    with pytest.raises(KeyError, match=r"critic\.2\.bias"):
        NumpyActorCritic(arrays, HEADS)


@pytest.mark.parametrize("heads", [(), (5, 1)])
def test_a_head_without_a_choice_is_refused(heads):
    with pytest.raises(ValueError, match="at least 2 actions"):
        ActorCritic(SIZE, heads, generator=torch.Generator())


def test_normalizer_equals_mean_and_deviation_of_everything_seen():
    rng = np.random.default_rng(0)
    batches = [rng.normal(3 * i, 1 + i, (rows, 4)) for i, rows in enumerate((1, 2000, 40_000))]
    batches = [batch.astype(np.float32) for batch in batches]
    normalizer = RunningNormalizer(4)
    for batch in batches:
        normalizer.update(batch.reshape(-1, 1, 4))
    everything = np.concatenate(batches).astype(np.float64)
    np.testing.assert_allclose(normalizer.mean, everything.mean(axis=0), rtol=1e-10)
    np.testing.assert_allclose(normalizer.variance, everything.var(axis=0), rtol=1e-10)
    normalized = normalizer.normalize(batches[2])
    expected = (batches[2] - everything.mean(axis=0)) / everything.std(axis=0)
    np.testing.assert_allclose(normalized, expected, atol=1e-5)
    assert normalized.dtype == np.float32


def test_normalizer_clips_freezes_and_resumes():
    normalizer = RunningNormalizer(2)
    normalizer.update(np.array([[0.0, 0.0], [1.0, 1.0]]))
    np.testing.assert_array_equal(normalizer.normalize(np.array([[1e6, -1e6]])), [[10, -10]])
    normalizer.frozen = True
    normalizer.update(np.full((5, 2), 9.0))
    np.testing.assert_array_equal(normalizer.mean, [0.5, 0.5])

    resumed = RunningNormalizer(2)
    resumed.load_state(normalizer.state())
    normalizer.frozen = False
    for each in (normalizer, resumed):
        each.update(np.full((5, 2), 9.0))
    np.testing.assert_array_equal(resumed.variance, normalizer.variance)
    assert resumed.count == 7
    with pytest.raises(ValueError, match=r"shape \(3,\)"):
        RunningNormalizer(3).load_state(normalizer.state())


def test_return_scale_is_the_deviation_of_discounted_returns_across_rollouts():
    rng = np.random.default_rng(0)
    reward = rng.normal(1, 2, (30, 4)).astype(np.float32)
    terminated = rng.random((30, 4)) < 0.1
    returns, running = [], [0.0] * 4
    for month in range(30):
        for agent in range(4):
            running[agent] = 0.9 * running[agent] + float(reward[month, agent])
            returns.append(running[agent])
            if terminated[month, agent]:
                running[agent] = 0.0
    scaler = ReturnScaler(0.9)
    assert scaler.scale == 1.0
    scaler.update(reward[:17], terminated[:17])
    scaler.update(reward[17:], terminated[17:])
    assert scaler.scale == pytest.approx(np.std(returns), rel=1e-9)


def test_return_scale_of_rewards_that_never_vary_is_one():
    scaler = ReturnScaler(0.9)
    scaler.update(np.zeros((5, 3)), np.zeros((5, 3), bool))
    assert scaler.scale == 1.0
