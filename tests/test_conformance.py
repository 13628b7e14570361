"""What Mesa, PettingZoo, Gymnasium and Stable-Baselines3 expect of an economy, by their own checks."""

import warnings

import gymnasium.utils.env_checker
import ipyvuetify as v
import numpy as np
import pytest
import solara
from conftest import SIZES, history, run, sized
from pettingzoo.test import parallel_api_test, parallel_seed_test

import app
from macro_mesa import MacroModel
from policies.env import parallel_env
from policies.single_agent_env import CentralBankEnv

SMALL = sized(*SIZES[0])
# PettingZoo has no way to say that a name may never be used: the successors of firms that never fail
UNUSED_NAMES = "No agents present but not all possible_agents are terminated or truncated"
FAILURES = {"kind": "default", "size": 5_000.0, "start": 5, "duration": 3}


def test_mesa_model_without_arguments_runs_ten_steps():
    model = run(MacroModel(), 10)
    assert model.month == model.steps == 10
    assert len(history(model)) == 11
    assert {type(agent).__name__ for agent in model.agents} == {"Household", "Firm", "CommercialBank", "CentralBank"}
    assert all(agent.model is model for agent in model.agents)


def test_app_page_renders_and_its_model_steps():
    _, context = solara.render(solara.AppLayout(children=[app.page()]), handle_error=False)

    def month():
        return context.find(solara.widgets.HTML, tag="h1").widget.unsafe_innerHTML

    try:
        assert "0" in month()
        step = next(button for button in context.find(v.Btn).widgets if "Step" in button.children)
        step.click()
        assert "1" in month()
    finally:
        context.close()


@pytest.mark.parametrize("shocks", [[], [FAILURES]], ids=["quiet", "failures"])
def test_pettingzoo_s_api_test(shocks):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", message=UNUSED_NAMES)
        parallel_api_test(parallel_env(12, shocks=shocks, **SMALL), num_cycles=30)


@pytest.mark.parametrize("policy", [{}, {"household": "rule", "firm": "rule"}], ids=["all", "banks"])
def test_pettingzoo_s_seed_test(policy):
    parallel_seed_test(lambda: parallel_env(12, policy=policy, **SMALL), num_cycles=12)


def test_gymnasium_s_environment_check():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # only environments made through gymnasium's registry have a spec
        warnings.filterwarnings("ignore", message=".*not able to test alternative render modes")
        gymnasium.utils.env_checker.check_env(CentralBankEnv(12, **SMALL), skip_render_check=True)


@pytest.mark.slow
@pytest.mark.usefixtures("one_thread")
def test_stable_baselines3_trains_the_central_bank():
    from stable_baselines3 import PPO
    from stable_baselines3.common.env_checker import check_env

    env = CentralBankEnv(24, **SMALL)
    check_env(env)
    learner = PPO("MlpPolicy", env, n_steps=500, batch_size=100, seed=1, device="cpu")
    before = learner.policy.mlp_extractor.policy_net[0].weight.detach().clone()
    learner.learn(2_000)
    assert learner.num_timesteps == 2_000
    assert not before.equal(learner.policy.mlp_extractor.policy_net[0].weight)
    seen, _ = env.reset(seed=10_000)
    steps = []
    for _ in range(24):
        action, _ = learner.predict(seen, deterministic=True)
        seen, reward, *_ = env.step(action)
        assert np.isfinite(reward)
        steps.append(int(action))
    assert set(steps) <= set(range(5))
