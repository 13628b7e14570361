"""The RL facade: names, spaces, episodes, and that it is the model's own month."""

import numpy as np
import pytest
from conftest import SIZES, economy, history, sized

from macro_mesa import ConfigError
from macro_mesa.policy import make_policies
from macro_mesa.spaces import AGENT_TYPES, CENTRAL_BANK, SPACES
from policies.env import agent_type_of, parallel_env
from policies.single_agent_env import CentralBankEnv

SMALL = sized(*SIZES[0])
# a wave in which nearly every borrower defaults, so that firms fail
WAVE = {"kind": "default", "size": 5_000.0, "start": 3, "duration": 4}


def random_actions(env, rng):
    return {name: rng.integers(SPACES[agent_type_of(name)].choices) for name in env.agents}


def played(seed=3, months=6, **config):
    """Every return of an episode of random actions."""
    env, rng = parallel_env(months, **SMALL, **config), np.random.default_rng(seed)
    returned = [env.reset(seed=seed)]
    while env.agents:
        returned.append(env.step(random_actions(env, rng)))
    return returned


# --- PettingZoo
def test_agents_are_the_types_that_no_policy_plays():
    env = parallel_env(**SMALL, policy={"firm": "rule", "household": "random"})
    observations, infos = env.reset(seed=1)
    assert env.agents == ["commercial_bank_0", "commercial_bank_1", "central_bank_0"]
    assert list(observations) == list(infos) == env.agents
    everybody = parallel_env(**SMALL)
    everybody.reset()
    assert len(everybody.agents) == 10 + 3 + 2 + 1


def test_observations_lie_in_their_spaces_and_are_the_model_s():
    env, rng = parallel_env(8, **SMALL), np.random.default_rng(0)
    observations, _ = env.reset(seed=2)
    while env.agents:
        for name, seen in observations.items():
            assert env.observation_space(name).contains(seen)
        rows = env.model.households.observe()
        np.testing.assert_array_equal(rows[4], observations["household_4"])
        observations, rewards, *_ = env.step(random_actions(env, rng))
        np.testing.assert_array_equal(list(rewards.values())[:10], env.model.households.reward())


def test_actions_are_carried_out_by_those_they_are_meant_for():
    env = parallel_env(4, **SMALL, opening="equal")
    env.reset(seed=2)
    actions = {name: np.zeros(len(SPACES[agent_type_of(name)].heads), dtype=int) for name in env.agents}
    before = env.model.firms.price.copy()
    env.step(actions | {"firm_1": [4, 1, 1], "central_bank_0": [4], "household_6": [0, 2, 0]})
    np.testing.assert_allclose(env.model.firms.price / before, [0.98, 1.02, 0.98])
    assert env.model.central_bank.policy_rate == pytest.approx(0.035)
    assert np.flatnonzero(env.model.households.loan_request).tolist() == [6]


def test_a_failed_firm_is_terminated_once_and_its_successor_has_another_name():
    env, rng = parallel_env(8, **SMALL, shocks=[WAVE]), np.random.default_rng(0)
    env.reset(seed=2)
    ended, seats, replaced = set(), len(env.agents), 0
    while env.agents:
        before = set(env.agents)
        observations, rewards, terminations, truncations, infos = env.step(random_actions(env, rng))
        assert set(observations) == set(rewards) == set(terminations) == set(truncations) == set(infos)
        failed = {name for name, terminated in terminations.items() if terminated}
        assert not ended & (failed | set(env.agents))
        ended |= failed
        entered = set(env.agents) - before
        assert all("_g" in name and rewards[name] == 0.0 and not terminations[name] for name in entered)
        for name in failed:
            assert rewards[name] < -4.0 or agent_type_of(name) == "commercial_bank"  # the bankruptcy penalty
        if env.agents:
            assert len(env.agents) == seats
            assert len(entered) == len(failed)
        assert set(env.agents) <= set(env.possible_agents)
        replaced += len(entered)
    assert replaced > 0
    assert any(name.endswith("_g2") for name in ended)


def test_everybody_is_truncated_after_the_last_month():
    *_, (_, _, terminations, truncations, _) = played(months=5)
    assert all(truncations[name] != terminations[name] for name in truncations)
    assert any(truncations.values())
    assert len(played(months=5)) == 6


def test_a_seed_is_an_episode_and_the_model_s_own():
    one, same, other = (played(seed=seed) for seed in (3, 3, 4))
    for (_, *mine), (_, *theirs) in zip(one[1:], same[1:], strict=True):
        assert mine == theirs
    assert one[-1][1] != other[-1][1]
    env = parallel_env(2, **SMALL)
    env.reset(seed=9)
    assert env.model.key == economy(rng=9).key


def test_resets_without_a_seed_go_on_from_the_last_seed():
    keys = []
    for _ in range(2):
        env = parallel_env(2, **SMALL)
        env.reset(seed=5)
        keys.append([env.reset() and int(env.model.key) for _ in range(3)])
    assert keys[0] == keys[1]
    assert len(set(keys[0])) == 3


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"firm_0": [5, 0, 0]}, "action of firm_0 must be in"),
        ({"firm_0": [-1, 0, 0]}, "action of firm_0 must be in"),
        ({"firm_0": [0.5, 0, 0]}, "action of firm_0 must be in"),
        ({"firm_0": [0, 0]}, "action of firm_0 must be in"),
        ({"firm_99": [0, 0, 0]}, "see firm_99"),
    ],
)
def test_actions_that_cannot_be_are_refused(change, says):
    env = parallel_env(2, **SMALL)
    env.reset(seed=1)
    actions = random_actions(env, np.random.default_rng(0))
    with pytest.raises(ValueError, match=says):
        env.step(actions | change)
    del actions["household_0"]
    with pytest.raises(ValueError, match="see household_0"):
        env.step(actions)
    assert env.model.month == 0


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"sim_length": 0}, "sim_length must be a whole number"),
        ({"sim_length": 1.5}, "sim_length must be a whole number"),
        ({"policy": "rule"}, "policy maps the agent types"),
        ({"policy": dict.fromkeys(AGENT_TYPES, "rule")}, "nobody is left"),
        ({"policy": {"banker": "rule"}}, "'banker' is none of"),
        ({"policy": {"firm": "best"}}, "policy of firm must be one of"),
        ({"num_household": 3}, "did you mean"),
    ],
)
def test_a_configuration_that_cannot_be_is_refused(config, says):
    with pytest.raises(ConfigError, match=says) as refusal:
        parallel_env(**config)
    assert "\n" not in str(refusal.value)


# --- Gymnasium
def test_the_central_bank_s_months_are_the_model_s_own():
    """Steps chosen by a policy outside give the history of the same policy inside, to the last bit."""
    inside = economy(months=24, rng=7, policy={CENTRAL_BANK: "random"})
    env = CentralBankEnv(24, **SMALL)
    seen, _ = env.reset(seed=7)
    policy, over = make_policies("random", inside.parameters)[CENTRAL_BANK], False
    while not over:
        env.model.month += 1  # the draws of the month to come
        draws = env.model.action_draws(CENTRAL_BANK)
        env.model.month -= 1
        seen, reward, terminated, over, info = env.step(policy.act(seen[None], draws)[0, 0])
        assert env.observation_space.contains(seen)
        assert not terminated
        assert reward == env.model.central_banks.reward()[0]
        assert info["month"] == env.model.month
    assert history(env.model).equals(history(inside))


def test_the_others_follow_the_policy_given():
    histories = []
    for policy in ("rule", "random", {"household": "random"}):
        env = CentralBankEnv(6, policy=policy, **SMALL)
        env.reset(seed=1)
        for _ in range(6):
            env.step(2)
        histories.append(history(env.model).gdp.tolist())
    assert len({tuple(gdp) for gdp in histories}) == 3


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"policy": {CENTRAL_BANK: "rule"}}, "policy must leave central_bank out"),
        ({"policy": "best"}, "policy of household must be one of"),
        ({"sim_length": True}, "sim_length must be a whole number"),
        ({"num_firms": 0}, "num_firms"),
    ],
)
def test_a_central_bank_s_configuration_that_cannot_be_is_refused(config, says):
    with pytest.raises(ConfigError, match=says):
        CentralBankEnv(**config)


@pytest.mark.parametrize("action", [5, -1, 1.5, "up"])
def test_a_rate_step_that_does_not_exist_is_refused(action):
    env = CentralBankEnv(2, **SMALL)
    env.reset(seed=1)
    with pytest.raises(ValueError, match="action must be in Discrete"):
        env.step(action)
