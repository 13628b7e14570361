"""The learner learns, by the book and again from where it stopped."""

import json
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from policies.buffer import Rollout
from policies.checkpoint import CheckpointError, load_checkpoint, save_checkpoint
from policies.ppo import PPOConfig, PPOLearner

HEADS = {"labor": 5, "consumption": 3}
SIZE = 4
MONTHS, AGENTS = 6, 40


pytestmark = pytest.mark.usefixtures("one_thread")


def learner(seed: int = 0, agent_type: str = "household", **settings: Any) -> PPOLearner:
    settings = {"minibatch_size": 64, "target_kl": None, "hidden_sizes": (16, 16)} | settings
    config = PPOConfig(**settings)
    return PPOLearner(agent_type, SIZE, tuple(HEADS), tuple(HEADS.values()), config, seed)


def weight(each: PPOLearner) -> np.ndarray:
    return each.state()[0]["network.critic.0.weight"]


def play(each: PPOLearner, rng: np.random.Generator, months=MONTHS, agents=AGENTS) -> Rollout:
    """A rollout in a world without memory, where both heads pay by what the agent sees."""
    rollout = Rollout.allocate(months, agents, SIZE, len(each.head_sizes))
    for month in range(months):
        seen = (5 + 3 * rng.standard_normal((agents, SIZE))).astype(np.float32)
        draws = rng.random((agents, len(each.head_sizes)), dtype=np.float32)
        actions, log_probability, value = each.act(seen, draws)
        rollout.observation[month] = seen
        rollout.action[month] = actions
        rollout.log_probability[month] = log_probability
        rollout.value[month] = value
        for head, size in enumerate(each.head_sizes):
            best = np.where(seen[:, head] > 5, head, size - 1)
            rollout.reward[month] += actions[:, head] == best
    rollout.truncated[-1] = True
    rollout.final_value[-1] = each.value(rollout.observation[-1])
    rollout.terminated[:-1] = rng.random((months - 1, agents)) < 0.05
    return rollout


def ratio(each: PPOLearner, rollout: Rollout) -> np.ndarray:
    with torch.no_grad():
        seen = each.normalizer.normalize(rollout.observation.reshape(-1, SIZE))
        logits, _ = each.network(torch.from_numpy(seen))
        actions = torch.from_numpy(rollout.action.reshape(len(seen), -1)).long()
        log_probability, _ = each.network.log_probability_and_entropy(logits, actions)
    return np.exp(log_probability.numpy() - rollout.log_probability.reshape(-1))


def same_state(one: PPOLearner, two: PPOLearner) -> bool:
    (arrays, meta), (other_arrays, other_meta) = one.state(), two.state()
    return (
        meta == other_meta
        and arrays.keys() == other_arrays.keys()
        and all(np.array_equal(arrays[name], other_arrays[name]) for name in arrays)
    )


def test_ratio_is_one_before_the_first_gradient_step_and_not_after():
    each, rng = learner(epochs=1, minibatch_size=10_000), np.random.default_rng(0)
    each.warm_up(rng.standard_normal((100, SIZE)).astype(np.float32))
    for _ in range(3):  # later rollouts too, when the normaliser has moved
        rollout = play(each, rng)
        np.testing.assert_allclose(ratio(each, rollout), 1, atol=1e-5)
        # One minibatch is met before any step: its divergence is that of the first ratio.
        statistics = each.update(rollout, 0.0)
        assert abs(statistics["approx_kl"]) < 1e-7
        assert statistics["clip_fraction"] == 0
        assert statistics["policy_loss"] == pytest.approx(0, abs=1e-5)
    each.normalizer.frozen = True
    rollout = play(each, rng)
    each.update(rollout, 0.0)
    assert np.abs(ratio(each, rollout) - 1).max() > 1e-3


def test_the_normalizer_learns_after_the_update_and_the_twin_is_refreshed():
    each, rng = learner(), np.random.default_rng(0)
    rollout = play(each, rng)
    each.update(rollout, 0.0)
    seen = rollout.observation.reshape(-1, SIZE)
    np.testing.assert_allclose(each.normalizer.mean, seen.mean(axis=0), rtol=1e-5)
    with torch.no_grad():
        _, value = each.network(torch.from_numpy(each.normalizer.normalize(seen)))
    np.testing.assert_allclose(each.value(seen), value.numpy(), atol=1e-5)


def test_every_head_learns_its_own_bandit():
    each, rng = learner(learning_rate=3e-3, gamma=0.0), np.random.default_rng(0)
    before = play(each, rng, agents=400).reward.mean()
    for update in range(25):
        statistics = each.update(play(each, rng), update / 25)
    seen = play(each, rng, agents=400).observation[0]
    for head, size in enumerate(HEADS.values()):
        best = np.where(seen[:, head] > 5, head, size - 1)
        assert np.mean(each.act_greedy(seen)[:, head] == best) > 0.95
    assert before < 0.7
    assert statistics["mean_reward"] > 1.7
    assert statistics["entropy_fraction"]["labor"] < 0.3


def test_the_critic_learns_constant_rewards_forever():
    each = learner(
        learning_rate=1e-2, gamma=0.9, normalize_rewards=False, minibatch_size=100, value_loss="mse"
    )
    seen = np.ones((20, SIZE), np.float32)
    rng = np.random.default_rng(0)
    for _ in range(60):
        rollout = Rollout.allocate(10, 20, SIZE, 2)
        rollout.observation[:] = 1
        decision = each.act(seen, rng.random((20, 2), dtype=np.float32))
        rollout.action[:], rollout.log_probability[:], rollout.value[:] = decision
        rollout.reward[:] = 1
        rollout.truncated[-1] = True
        rollout.final_value[:] = each.value(seen)
        each.update(rollout, 0.0)
    assert each.value(seen).mean() == pytest.approx(10, rel=0.1)  # 6.5 if a time limit were an end


def test_epochs_follow_the_configuration_unless_divergence_stops_them():
    rng = np.random.default_rng(0)
    each = learner(epochs=7, minibatch_size=100)
    statistics = each.update(play(each, rng), 0.0)
    assert statistics["samples"] == MONTHS * AGENTS
    assert (statistics["epochs_done"], statistics["minibatches_done"]) == (7, 21)

    stopped = learner(epochs=50, minibatch_size=100, target_kl=1e-4, learning_rate=1e-2)
    statistics = stopped.update(play(stopped, rng), 0.0)
    assert 0 < statistics["minibatches_done"] < 150
    assert statistics["epochs_done"] == statistics["minibatches_done"] // 3
    # The minibatch that stops the epochs is counted in the divergence, not in the steps.
    assert statistics["approx_kl"] > 1e-4 / 3


def test_schedules_run_linearly():
    each, rng = learner(final_learning_rate_fraction=0.2), np.random.default_rng(0)
    for progress, rate, bonus in (
        (0.0, 3e-4, 0.01),
        (0.5, 1.8e-4, 0.0055),
        (1.0, 6e-5, 0.001),
    ):
        statistics = each.update(play(each, rng), progress)
        assert statistics["learning_rate"] == pytest.approx(rate)
        assert statistics["entropy_coefficient"] == pytest.approx(bonus)
        assert each.optimizer.param_groups[0]["lr"] == pytest.approx(rate)
    with pytest.raises(ValueError, match="progress"):
        each.update(play(each, rng), 1.1)


def test_the_entropy_bonus_keeps_a_policy_open():
    entropies = []
    for bonus in (0.0, 1.0):
        each = learner(
            learning_rate=3e-3, entropy_coefficient=bonus, final_entropy_coefficient=bonus
        )
        rng = np.random.default_rng(0)
        for _ in range(12):
            statistics = each.update(play(each, rng), 0.0)
        entropies.append(statistics["entropy"])
    assert entropies[0] < 0.97 * entropies[1]
    assert entropies[1] == pytest.approx(np.log(15), rel=0.01)


def test_a_share_of_the_agents_is_learned_from_while_scales_follow_all():
    each, rng = learner(sample_fraction=0.25), np.random.default_rng(0)
    rollout = play(each, rng)
    statistics = each.update(rollout, 0.0)
    assert statistics["samples"] == MONTHS * AGENTS // 4
    assert each.normalizer.count == MONTHS * AGENTS
    assert each.scaler.moments.count == MONTHS * AGENTS


def test_a_constant_factor_on_rewards_changes_nothing_but_the_scale():
    plain, larger = learner(), learner()
    rollout = play(plain, np.random.default_rng(0))
    first = plain.update(rollout, 0.0)
    rollout.reward[:] *= 1024  # a power of two, so that no rounding differs
    second = larger.update(rollout, 0.0)
    assert second["return_scale"] == pytest.approx(1024 * first["return_scale"])
    np.testing.assert_allclose(weight(plain), weight(larger), atol=1e-6)


def test_the_surrogate_by_hand_when_every_ratio_has_left_the_clip_range():
    each = learner(epochs=1, minibatch_size=1000, normalize_rewards=False, gamma=0.0)
    rollout = play(each, np.random.default_rng(0))
    advantage = (rollout.reward - rollout.value).astype(np.float64)
    advantage = (advantage - advantage.mean()) / advantage.std()
    rollout.log_probability[:] -= 1  # the ratio is e
    statistics = each.update(rollout, 0.0)
    expected = -np.where(advantage > 0, 1.2 * advantage, np.e * advantage).mean()
    assert statistics["policy_loss"] == pytest.approx(expected, rel=1e-4)
    assert statistics["clip_fraction"] == 1
    assert statistics["approx_kl"] == pytest.approx(np.e - 2, rel=1e-4)


@pytest.mark.parametrize("value_loss", ["huber", "clipped", "mse"])
def test_value_losses_by_hand(value_loss):
    each = learner(
        value_loss=value_loss, normalize_rewards=False, epochs=1, minibatch_size=1000, gamma=0.0
    )
    rollout = play(each, np.random.default_rng(0))
    acted_on = rollout.value.reshape(-1).astype(np.float64)
    rollout.reward[:] *= 3
    rollout.value[:] -= 1  # an older value than the critic's present one
    returns = rollout.reward.reshape(-1)
    error = np.abs(acted_on - returns)
    clipped = np.abs(acted_on - 1 + 0.2 - returns)
    expected = {
        "huber": np.where(error < 1, error**2 / 2, error - 0.5).mean(),
        "clipped": np.maximum(error**2, clipped**2).mean() / 2,
        "mse": (error**2).mean() / 2,
    }[value_loss]
    assert each.update(rollout, 0.0)["value_loss"] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("baseline", [True, False])
def test_luck_that_all_of_an_economy_share_hides_no_lesson_from_peers(baseline):
    rng = np.random.default_rng(0)
    each = learner(learning_rate=3e-3, gamma=0.0, peer_baseline=baseline, normalize_rewards=False)
    for update in range(25):
        rollout = play(each, rng)
        luck = 30 * rng.standard_normal((MONTHS, 4, 1)).astype(np.float32)
        rollout.reward[:] = (rollout.reward.reshape(MONTHS, 4, -1) + luck).reshape(MONTHS, AGENTS)
        each.update(rollout, update / 25, economies=4)
    found = play(each, rng, agents=400).reward.mean()
    assert bool(found > 1.6) is baseline


@pytest.mark.parametrize("baseline", [True, False])
def test_a_critic_of_peers_does_not_take_what_goes_with_a_slump_for_its_cause(baseline):
    """All hold much of something when all earn little; who holds more than the others earns more."""
    rng = np.random.default_rng(0)
    each = learner(learning_rate=3e-3, gamma=0.0, peer_baseline=baseline, normalize_rewards=False)
    for update in range(40):
        rollout = play(each, rng)
        common = rng.standard_normal((MONTHS, 4, 1)).astype(np.float32)
        own = rng.standard_normal((MONTHS, 4, AGENTS // 4)).astype(np.float32) / 2
        rollout.observation[..., 3] = 5 + (common + own).reshape(MONTHS, AGENTS)
        rollout.reward[:] = (own - 2 * common).reshape(MONTHS, AGENTS)
        each.update(rollout, update / 40, economies=4)
    seen = np.full((2, SIZE), 5, np.float32)
    seen[:, 3] += [-0.5, 0.5]
    little, much = each.value(seen)
    assert bool(much > little) is baseline


def test_diagnostics_describe_the_rollout():
    each, rng = learner(peer_baseline=True), np.random.default_rng(0)
    rollout = play(each, rng)
    rollout.action[..., 1] = 2
    statistics = each.update(rollout, 0.0, economies=4)
    assert json.loads(json.dumps(statistics)) == statistics
    assert statistics["action_histogram"]["consumption"] == [0.0, 0.0, 1.0]
    counts = np.bincount(rollout.action[..., 0].reshape(-1), minlength=5)
    assert statistics["action_histogram"]["labor"] == pytest.approx(counts / counts.sum())
    assert statistics["collapsed_heads"] == ["consumption"]
    assert statistics["mean_reward"] == pytest.approx(rollout.reward.mean())
    assert statistics["terminated"] == rollout.terminated.sum() > 0
    assert statistics["truncated"] == AGENTS
    assert statistics["alive_fraction"] == pytest.approx(1 - rollout.terminated.mean())
    assert statistics["entropy_fraction"]["labor"] == pytest.approx(1, abs=0.01)
    assert statistics["entropy"] == pytest.approx(np.log(15), rel=0.01)
    assert statistics["gradient_norm"] > 0


def test_gradients_are_clipped_to_the_largest_norm():
    each = learner(max_gradient_norm=1e-3, epochs=1, minibatch_size=1000)
    statistics = each.update(play(each, np.random.default_rng(0)), 0.0)
    squares = [p.grad.square().sum() for p in each.network.parameters() if p.grad is not None]
    assert statistics["gradient_norm"] > 1e-2
    assert sum(squares) ** 0.5 == pytest.approx(1e-3, rel=1e-2)


def test_resuming_from_disk_equals_never_stopping(tmp_path):
    settings: dict[str, Any] = {"sample_fraction": 0.5, "target_kl": 0.01}
    straight, stopped = learner(**settings), learner(**settings)
    worlds = [np.random.default_rng(1), np.random.default_rng(1)]
    for each, world in zip((straight, stopped), worlds, strict=True):
        each.warm_up(np.random.default_rng(2).standard_normal((9, SIZE)).astype(np.float32))
        for update in range(3):
            each.update(play(each, world), update / 6)
    save_checkpoint(tmp_path / "last", *stopped.state())
    resumed = learner(seed=99, **settings)
    assert not same_state(resumed, straight)
    resumed.load_state(*load_checkpoint(tmp_path / "last"))
    for each, world in zip((straight, resumed), worlds, strict=True):
        for update in range(3, 6):
            each.update(play(each, world), update / 6)
    assert same_state(resumed, straight)
    assert resumed.updates == 6


def test_a_fresh_learners_state_resumes_too():
    straight, resumed = learner(), learner(seed=7)
    resumed.load_state(*straight.state())
    for each in (straight, resumed):
        each.update(play(each, np.random.default_rng(3)), 0.0)
    assert same_state(resumed, straight)


def test_seeds_and_types_draw_different_weights():
    first = weight(learner(seed=0))
    assert np.array_equal(first, weight(learner(seed=0)))
    assert not np.array_equal(first, weight(learner(seed=1)))
    assert not np.array_equal(first, weight(learner(seed=0, agent_type="firm")))


def test_states_that_do_not_fit_are_refused_and_change_nothing():
    each = learner()
    each.update(play(each, np.random.default_rng(0)), 0.0)
    arrays, meta = each.state()
    first = arrays["network.actor.0.weight"]
    cases = [
        (arrays, meta | {"agent_type": "firm"}, "agent_type of the checkpoint is firm"),
        (arrays, meta | {"head_sizes": [5, 4]}, "head_sizes"),
        (arrays, meta | {"generator": {}}, "generator"),
        ({k: v for k, v in arrays.items() if k != "scaler.mean"}, meta, r"no tensor scaler\.mean"),
        (arrays | {"network.actor.0.weight": first.T}, meta, "shape"),
        (arrays | {"network.actor.0.weight": first * np.nan}, meta, "NaN"),
    ]
    resumed = learner(seed=5)
    untouched = resumed.state()[0]
    for bad_arrays, bad_meta, message in cases:
        with pytest.raises(CheckpointError, match=message):
            resumed.load_state(bad_arrays, bad_meta)
    assert all(np.array_equal(array, untouched[k]) for k, array in resumed.state()[0].items())


@pytest.mark.parametrize("name", ["observation", "reward", "value", "log_probability"])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_numbers_that_are_not_finite_are_named_and_reach_no_weight(name, bad):
    each = learner()
    rollout = play(each, np.random.default_rng(0))
    getattr(rollout, name)[2, 3] = bad
    before = each.state()[0]
    with pytest.raises(FloatingPointError, match=f"household: {name}"):
        each.update(rollout, 0.0)
    assert all(np.array_equal(array, before[k]) for k, array in each.state()[0].items())


def test_nonfinite_final_values_observations_and_gradients_are_named():
    each = learner()
    rollout = play(each, np.random.default_rng(0))
    rollout.final_value[-1, 0] = np.nan
    with pytest.raises(FloatingPointError, match="household: final_value"):
        each.update(rollout, 0.0)
    with pytest.raises(FloatingPointError, match="household: observation"):
        each.act(np.full((1, SIZE), np.nan, np.float32), np.zeros((1, 2), np.float32))
    each.network.get_parameter("critic.0.weight").register_hook(lambda gradient: gradient * np.nan)
    with pytest.raises(FloatingPointError, match=r"household: gradient of critic\.0\.weight"):
        each.update(play(each, np.random.default_rng(0)), 0.0)
    assert all(parameter.isfinite().all() for parameter in each.network.parameters())


@pytest.mark.parametrize(
    "settings",
    [
        {"learning_rate": 0},
        {"learning_rate": float("nan")},
        {"gamma": 1.0},
        {"clip_range": -0.1},
        {"epochs": 0},
        {"hidden_sizes": ()},
        {"hidden_sizes": (64, 0)},
        {"sample_fraction": 0},
        {"value_loss": "absolute"},
        {"target_kl": 0},
        {"learning_rat": 1e-3},
    ],
)
def test_impossible_settings_are_refused(settings):
    with pytest.raises(ValidationError):
        PPOConfig(**settings)


def test_settings_are_explained_and_fixed():
    assert all(field.description for field in PPOConfig.model_fields.values())
    with pytest.raises(ValidationError):
        PPOConfig().gamma = 0.5  # type: ignore[misc]
