"""Training: what is recorded, who learns when, and going on where it stopped."""

import gc
import json
import weakref
from collections.abc import Iterator
from functools import partial

import numpy as np
import pytest
import torch
from conftest import SHORT_TRAINING, SIZES, SMALL, economy, history, sized

from macro_mesa import MacroModel, Parameters
from macro_mesa.policy import RandomPolicy
from macro_mesa.rules import RuleOfThumb
from macro_mesa.spaces import AGENT_TYPES, CENTRAL_BANK, SPACES
from policies.checkpoint import CheckpointError
from policies.config import TrainingConfig, ppo_configs, training_config
from policies.episodes import TRAINING_SEEDS, TrainingPlan
from policies.learned import LearnedPolicy
from policies.rate_paths import NoisyTaylor, WanderingRate
from policies.trainer import Trainer, train
from policies.vector import LockstepEconomies

PRIVATE = tuple(kind for kind in AGENT_TYPES if kind != CENTRAL_BANK)
FIXED_EPOCHS = {"household": 1, "firm": 2, "commercial_bank": 3, "central_bank": 5}


pytestmark = pytest.mark.usefixtures("one_thread")


def trainer(parameters=SMALL, seed=7, ppo=None, shocks=(), **settings) -> Trainer:
    config = TrainingConfig(**SHORT_TRAINING | settings)
    return Trainer(parameters, config, ppo_configs(ppo or {}), seed, shocks)


def update(each: Trainer, number: int) -> list[dict]:
    """So many updates, their statistics without what the clock says."""
    runs, timed = each.run(), ("seconds", "months_per_second", "agent_steps_per_second")
    return [{k: v for k, v in next(runs).items() if k not in timed} for _ in range(number)]


def weights(each: Trainer, kind: str) -> dict[str, np.ndarray]:
    return {name: a for name, a in each.learners[kind].state()[0].items() if name.startswith("network.")}


def moved(before: dict[str, np.ndarray], after: dict[str, np.ndarray]) -> bool:
    return any(not np.array_equal(before[name], after[name]) for name in before)


def lockstep(each: Trainer, months: int, kinds=AGENT_TYPES, **seats) -> LockstepEconomies:
    """The trainer's economies with a rollout for ``kinds`` and everybody learning but the seats given."""
    found = economies_of(each)
    nobody = {kind: [None] * len(found.models) for kind in AGENT_TYPES}
    found.seats = nobody | seats
    found.start_rollout(kinds, months)
    return found


def economies_of(each: Trainer) -> LockstepEconomies:
    """The one group of economies that a trainer has here."""
    (found,) = each.share.groups.values()
    return found


def walk(each: Trainer, economies: LockstepEconomies, months: int) -> Iterator[int]:
    """A rollout month by month, new episodes at its calendar's dates; yields between a month and its end."""
    for month, beginnings in enumerate([each.calendar.advance(1) for _ in range(months)]):
        economies.step()
        yield month
        begun = {place: partial(each.plan.new_model, place, episode, 0.0) for _, place, episode in beginnings}
        economies.close_month(month, begun, last=month == months - 1)


# --- going on
@pytest.mark.parametrize(
    "settings",
    [
        {"staging": "simultaneous"},
        {"staging": "private_first"},
        {"staging": "central_bank_last", "central_bank_start": 0.5},
        {"staging": "central_bank_last", "central_bank_start": 0.25, "indexation_spread": 0.3, "demand_spread": 0.1},
        {"central_bank_economies": 3},
    ],
)
def test_updates_in_two_runs_are_the_updates_of_one(settings, tmp_path):
    whole, first = (trainer(**settings) for _ in range(2))
    statistics = update(whole, 4)
    begun = update(first, 2)
    first.save_last(tmp_path / "last")
    second = Trainer.load(tmp_path / "last")
    assert second.update == 2
    assert json.dumps(begun + update(second, 2)) == json.dumps(statistics)
    for kind in AGENT_TYPES:
        (arrays, meta), (other_arrays, other_meta) = (t.learners[kind].state() for t in (whole, second))
        assert meta == other_meta
        assert arrays.keys() == other_arrays.keys()
        assert all(np.array_equal(arrays[name], other_arrays[name]) for name in arrays)
    assert (vars(whole.calendar), whole.agent_steps) == (vars(second.calendar), second.agent_steps)
    for one, other in zip(economies_of(whole).models, economies_of(second).models, strict=True):
        assert one.month == other.month
        assert history(one).equals(history(other))
        for kind in AGENT_TYPES:
            np.testing.assert_array_equal(one.populations[kind].table, other.populations[kind].table)


def test_a_seed_is_a_training_and_another_is_another():
    one, same, other = (trainer(seed=seed) for seed in (1, 1, 2))
    statistics = [json.dumps(update(each, 2)) for each in (one, same, other)]
    assert statistics[0] == statistics[1] != statistics[2]


def test_the_machine_s_threads_do_not_matter_to_the_first_weights():
    drawn = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        drawn.append(weights(trainer(), "household"))
    assert not moved(*drawn)


def test_a_training_may_go_on_for_longer(tmp_path):
    each = trainer(epochs=2)
    update(each, 2)
    each.save_last(tmp_path / "last")
    longer = Trainer.load(tmp_path / "last", epochs=3)
    assert len(list(longer.run())) == 1
    assert list(Trainer.load(tmp_path / "last").run()) == []


@pytest.mark.parametrize("epochs", [0, -1])
def test_a_training_cannot_go_on_to_nothing(epochs, tmp_path):
    each = trainer(epochs=2)
    each.save_last(tmp_path / "last")
    with pytest.raises(ValueError, match="training: epochs must be") as refusal:
        Trainer.load(tmp_path / "last", epochs=epochs)
    assert "\n" not in str(refusal.value)


def test_the_best_policies_hold_no_training_state(checkpoint):
    with pytest.raises(CheckpointError, match="holds policies but no training state"):
        Trainer.load(checkpoint)


def test_saved_policies_act_as_the_learners_do(tmp_path):
    each = trainer()
    update(each, 2)
    each.save_best(tmp_path / "best")
    saved, live = (economy(SIZES[1], 12, policy=choice) for choice in (tmp_path / "best", each.policies()))
    assert history(saved).equals(history(live))


# --- what is recorded
def test_a_seated_policy_in_lockstep_is_the_model_s_own_month():
    size, parameters = sized(*SIZES[1]), Parameters()
    alone = economy(SIZES[1], 12, policy="rule", rng=5)
    seats = {kind: [RuleOfThumb(kind, parameters), RandomPolicy(kind)] for kind in AGENT_TYPES}
    models = [MacroModel(**size, rng=5), MacroModel(**size, rng=6)]
    together = LockstepEconomies(models, {}, seats)
    together.start_rollout((), 12)
    for _ in range(12):
        together.step()
    assert history(models[0]).equals(history(alone))
    assert history(models[1]).equals(history(economy(SIZES[1], 12, policy="random", rng=6)))


def test_a_learner_in_lockstep_is_its_policy_in_the_model():
    each = trainer(sized(*SIZES[1]), economies=1)
    each._warm_up()
    model = economies_of(each).models[0]
    alone = model.fork()
    alone.policies = each.policies()
    economies = lockstep(each, 12)
    for _ in range(12):
        economies.step()
        alone.step()
    assert history(model).equals(history(alone))


def test_recorded_is_what_was_seen_done_and_earned():
    months = 8
    each = trainer(sized(*SIZES[1]), sim_length=100, shocks=[{"kind": "default", "size": 5_000.0, "start": 4}])
    economies = lockstep(each, months)
    rollouts = economies.rollouts
    for month in range(months):
        economies.step()
        for k, model in enumerate(economies.models):
            for kind, population in model.populations.items():
                own = economies.columns(kind, k)
                np.testing.assert_allclose(own.reward[month], population.reward(), rtol=1e-6)
                np.testing.assert_array_equal(own.terminated[month], population.terminated[: len(population)])
            np.testing.assert_array_equal(economies.columns("firm", k).terminated[month], model.firms.bankrupt)
            rates = SPACES["household"].heads[0].values
            chosen = economies.columns("household", k).action[month, :, 0]
            np.testing.assert_array_equal(np.array(rates)[chosen], model.households.consumption_rate)
    for kind, rollout in rollouts.items():
        assert np.ptp(rollout.observation, axis=0).max(axis=1).min() > 0.0, f"{kind} sees the same every month"
        assert np.isfinite(rollout.reward).all()
        assert (rollout.log_probability < 0.0).all()
        agents = len(economies.models[0].populations[kind])
        assert rollout.observation.shape == (months, 2 * agents, SPACES[kind].size)
        assert not np.array_equal(rollout.reward[:, :agents], rollout.reward[:, agents:])
    assert rollouts["firm"].terminated[3].mean() > 0.5
    assert rollouts["commercial_bank"].terminated[3].any()
    assert not rollouts["firm"].terminated[0].any()
    assert not rollouts["household"].terminated.any()


def test_observations_are_recorded_before_the_decision():
    each = trainer(sized(*SIZES[1]), economies=1)
    economies = lockstep(each, 3)
    expected = economies.models[0].central_banks.observe()  # nothing of its own changes before it decides
    economies.step()
    np.testing.assert_array_equal(economies.rollouts["central_bank"].observation[0], expected)
    assert not np.array_equal(economies.rollouts["central_bank"].observation[1], expected)


def test_seated_economies_are_not_recorded():
    each = trainer(economies=2)
    rule = RuleOfThumb("firm", each.plan.economy_parameters)
    economies = lockstep(each, 3, firm=[rule, None])
    assert economies.rollouts["firm"].agents == 3
    assert economies.rollouts["household"].agents == 20
    economies.step()
    np.testing.assert_allclose(economies.rollouts["firm"].reward[0], economies.models[1].firms.reward(), rtol=1e-6)


def test_the_end_of_an_episode_is_a_truncation_with_the_value_of_the_state_that_follows():
    each = trainer(sized(*SIZES[0]), economies=2, sim_length=6, rollout_months=6)
    assert each.calendar.horizons == [3, 6]  # staggered
    economies = lockstep(each, 6)
    first = economies.models[0]
    for month in walk(each, economies, 6):
        if month == 2:
            values = {kind: each.learners[kind].value(first.populations[kind].observe()) for kind in AGENT_TYPES}
        if month == 3:
            assert economies.models[0] is not first
            assert economies.models[0].month == 1
            for kind in AGENT_TYPES:
                own = economies.columns(kind, 0)
                assert own.truncated[2].all()
                np.testing.assert_array_equal(own.final_value[2], values[kind])
    for kind in AGENT_TYPES:
        own, other = economies.columns(kind, 0), economies.columns(kind, 1)
        assert own.truncated.any(axis=1).tolist() == [False, False, True, False, False, False]
        assert other.truncated.any(axis=1).tolist() == [False] * 5 + [True]
        assert own.final_value[5].all()  # not over, yet the rollout ends here
        assert not own.final_value[[0, 1, 3, 4]].any()
    assert each.calendar.horizons == [6, 6]


# --- who learns when
def test_every_type_does_its_own_epochs():
    ppo = {kind: {"epochs": number, "target_kl": None} for kind, number in FIXED_EPOCHS.items()}
    for statistics in update(trainer(staging="simultaneous", ppo=ppo), 2):
        assert {kind: statistics[kind]["epochs_done"] for kind in AGENT_TYPES} == FIXED_EPOCHS


def test_the_central_bank_learns_only_after_its_start():
    each = trainer(epochs=4, staging="private_first", central_bank_start=0.5, exploration_share=0.5)
    before = weights(each, "central_bank")
    early = update(each, 2)
    assert not moved(before, weights(each, "central_bank"))
    assert all("central_bank" not in statistics for statistics in early)
    assert all(moved(before, weights(each, "central_bank")) for _ in update(each, 2))
    assert each.plan.seats(0.49)["central_bank"].count(None) == 0
    assert each.plan.seats(0.5)["central_bank"].count(None) == 1
    assert [type(seat) for seat in each.plan.seats(0.0)["central_bank"]] == [WanderingRate, NoisyTaylor]


def test_private_agents_rest_and_still_act_once_the_central_bank_learns_alone(tmp_path):
    each = trainer(epochs=4, staging="central_bank_last", central_bank_start=0.5, exploration_share=0.5)
    assert each.config.acting_types(0.0) == each.config.learning_types(0.0) == PRIVATE
    assert each.config.learning_types(0.5) == (CENTRAL_BANK,)
    assert each.config.acting_types(0.5) == AGENT_TYPES
    assert each.plan.exploring(0.0) == [0, 1]
    assert each.plan.surprised(0.0) == [0]
    assert each.plan.exploring(0.5) == each.plan.surprised(0.5) == []
    update(each, 2)
    before = {kind: weights(each, kind) for kind in AGENT_TYPES}
    (statistics,) = update(each, 1)
    assert {kind for kind in AGENT_TYPES if kind in statistics} == {CENTRAL_BANK}
    assert [kind for kind in AGENT_TYPES if moved(before[kind], weights(each, kind))] == [CENTRAL_BANK]
    assert all(each.share.groups[0].learned_in(kind) == [0, 1] for kind in AGENT_TYPES)
    each.save_best(tmp_path / "best")
    restored = MacroModel(**SMALL, policy=str(tmp_path / "best"), rng=1)
    assert isinstance(restored.policies["household"], LearnedPolicy)


def test_a_staged_central_bank_may_learn_in_more_economies():
    each = trainer(
        epochs=4, staging="private_first", central_bank_start=0.5, central_bank_economies=6, exploration_share=0.5
    )
    early = update(each, 2)
    late = update(each, 2)
    assert len(economies_of(each).models) == len(each.calendar.horizons) == 6
    assert each.plan.seats(0.5)["central_bank"].count(None) == 3
    assert late[0]["central_bank"]["samples"] == 3 * each.config.rollout_months
    for kind in ("household", "firm", "commercial_bank"):
        assert late[0][kind]["samples"] == pytest.approx(early[0][kind]["samples"], rel=0.05)


def test_wages_of_a_central_bank_s_economies_rise_of_themselves_by_more_or_less():
    each = trainer(epochs=4, staging="central_bank_last", central_bank_start=0.5, indexation_spread=0.3)
    update(each, 2)
    assert {model.parameters.wage_indexation for model in economies_of(each).models} == {0.5}
    drawn = [each.plan.new_model(0, episode, 0.5).parameters.wage_indexation for episode in range(200)]
    assert min(drawn) == pytest.approx(0.2, abs=0.02)
    assert max(drawn) == pytest.approx(0.8, abs=0.02)
    assert np.mean(drawn) == pytest.approx(0.5, abs=0.05)
    assert drawn == [each.plan.new_model(0, episode, 0.5).parameters.wage_indexation for episode in range(200)]
    plain = trainer(epochs=4, staging="central_bank_last", central_bank_start=0.5)
    one, other = (of.plan.new_model(0, 3, 0.5) for of in (each, plain))
    assert one.key == other.key  # the same disturbances


def test_a_central_bank_s_economies_spend_more_or_less_for_good():
    each = trainer(epochs=4, staging="central_bank_last", central_bank_start=0.5, demand_spread=0.1)
    assert each.plan.new_model(0, 3, 0.25).shocks == []
    drawn = [shock for episode in range(200) for shock in each.plan.new_model(0, episode, 0.5).shocks]
    assert {(shock.kind, shock.start, shock.duration) for shock in drawn} == {("demand", 1, each.config.sim_length)}
    sizes = [shock.size for shock in drawn]
    assert min(sizes) == pytest.approx(-0.1, abs=0.01)
    assert max(sizes) == pytest.approx(0.1, abs=0.01)
    assert np.mean(sizes) == pytest.approx(0.0, abs=0.015)
    plain = trainer(epochs=4, staging="central_bank_last", central_bank_start=0.5).plan.new_model(0, 3, 0.5)
    one = each.plan.new_model(0, 3, 0.5)
    assert (one.key, one.parameters) == (plain.key, plain.parameters)  # the same disturbances, the same wages


def test_an_economy_is_of_a_training_within_its_spread_of_indexation():
    plan = trainer(indexation_spread=0.3).plan
    known = {share: Parameters.create(SMALL | {"wage_indexation": share}) for share in (0.1, 0.2, 0.5, 0.8, 0.9)}
    assert [plan.is_of(parameters) for parameters in known.values()] == [False, True, True, True, False]
    assert not plan.is_of(Parameters.create(SMALL | {"wage_indexation": 0.6, "menu_cost": 0.5}))
    plain = trainer(indexation_spread=0.0).plan
    assert [plain.is_of(parameters) for parameters in known.values()] == [False, False, True, False, False]


def test_an_indexation_near_its_bound_is_drawn_within_it():
    near_the_edge = TrainingPlan(SMALL | {"wage_indexation": 0.1}, training_config({"indexation_spread": 0.5}), 0, [])
    resting = [near_the_edge.new_model(0, episode, 1.0).parameters.wage_indexation for episode in range(200)]
    assert 0.0 <= min(resting) < 0.05
    assert 0.5 < max(resting) <= 0.6


def test_private_agents_have_settled_when_the_central_bank_starts():
    config = TrainingConfig(central_bank_start=0.5)
    assert [config.own_progress("household", share) for share in (0.0, 0.25, 0.5, 1.0)] == [0.0, 0.5, 1.0, 1.0]
    assert [config.own_progress("central_bank", share) for share in (0.0, 0.5, 0.75, 1.0)] == [0.0, 0.0, 0.5, 1.0]
    together = TrainingConfig(staging="simultaneous")
    assert {together.own_progress(kind, 0.3) for kind in AGENT_TYPES} == {0.3}


def test_sequential_training_starts_with_households():
    each = trainer(epochs=4, staging="sequential", central_bank_start=0.5)
    before = {kind: weights(each, kind) for kind in AGENT_TYPES}
    learned = [statistics["stage"] for statistics in update(each, 1)]
    assert [kind for kind in AGENT_TYPES if moved(before[kind], weights(each, kind))] == ["household"]
    learned += [statistics["stage"] for statistics in update(each, 3)]
    private, everybody = "household+firm+commercial_bank", "+".join(AGENT_TYPES)
    assert learned == ["household", private, everybody, everybody]
    assert all(moved(before[kind], weights(each, kind)) for kind in AGENT_TYPES)


def test_statistics_say_what_a_user_needs():
    (statistics,) = update(trainer(staging="simultaneous"), 1)
    for kind in AGENT_TYPES:
        assert {
            "explained_variance", "approx_kl", "clip_fraction", "entropy_fraction", "action_histogram",
            "gradient_norm", "return_scale", "alive_fraction", "terminated", "truncated", "epochs_done",
            "mean_reward", "reward_components",
        } <= set(statistics[kind])  # fmt: skip
    assert statistics["agent_steps"] == (10 + 3 + 2 + 1) * 2 * 6
    json.dumps(statistics, allow_nan=False)


def test_seeds_for_training_and_validation_do_not_meet(monkeypatch):
    used = []
    original = MacroModel.__init__

    def note(self, **keywords):
        used.append(keywords["rng"])
        original(self, **keywords)

    monkeypatch.setattr(MacroModel, "__init__", note)
    each = trainer(sim_length=2, rollout_months=8)
    economies = lockstep(each, 8)
    assert list(walk(each, economies, 8)) == list(range(8))
    assert len(used) >= 2 * (1 + 8 // 2)  # every episode is another economy
    assert len(set(used)) == len(used)
    assert max(used) < TRAINING_SEEDS
    used.clear()
    each._returns("rule")
    assert used == [TRAINING_SEEDS]


def test_validation_scores_random_at_zero_and_the_rule_at_its_gain_over_random(monkeypatch):
    each = trainer(staging="simultaneous", sim_length=12)
    each.baselines = each._baselines()
    each.update = 1
    better = [np.sign(each.baselines[kind]["rule"] - each.baselines[kind]["random"]) for kind in AGENT_TYPES]
    assert 1.0 in better
    for choice, score in (("random", 0.0), ("rule", np.mean(better))):
        monkeypatch.setattr(each, "policies", lambda choice=choice: dict.fromkeys(AGENT_TYPES, choice))
        found, returns = each.validate()
        assert found == pytest.approx(score)
        assert returns == {kind: each.baselines[kind][choice] for kind in AGENT_TYPES}


def test_training_keeps_the_best_and_the_last(tmp_path):
    each, told = trainer(epochs=3, validation_interval=1, checkpoint_interval=2, central_bank_start=0.5), []
    train(each, tmp_path, [told.append])
    assert [statistics["update"] for statistics in told] == [1, 2, 3]
    scores = [statistics["validation"]["score"] for statistics in told]
    # the best is judged anew when the central bank begins to learn
    assert each.best_score == max(scores[2:])
    assert Trainer.load(tmp_path / "last").update == 3
    assert economy(policy=tmp_path / "best", months=3).month == 3


# --- exploratory rates
def test_exploratory_rates_span_what_a_central_bank_can_choose():
    rates = np.concatenate(
        [
            history(economy(SIZES[0], 120, policy={"central_bank": WanderingRate()}, rng=seed)).policy_rate
            for seed in range(12)
        ]
    )
    assert rates.min() == 0.0
    assert rates.max() == pytest.approx(0.1)
    assert (np.histogram(rates, bins=5, range=(0, 0.1))[0] > 0.05 * len(rates)).all()


def test_the_noisy_rule_is_the_rule_on_average():
    parameters = Parameters()
    observations = np.zeros((20_001, 10), dtype=np.float32)
    observations[:, SPACES["central_bank"].column("policy_rate")] = 0.3
    draws = np.linspace(0, 1, 20_001, endpoint=False, dtype=np.float32)[:, None]
    actions = NoisyTaylor(parameters, 0.01).act(observations, draws)[:, 0]
    steps = np.array(SPACES["central_bank"].heads[0].values)[actions]
    assert steps.mean() == pytest.approx(0.0, abs=1e-5)
    assert set(actions) == {0, 1, 2, 3, 4}


def test_a_training_s_economies_are_gone_after_it():
    """One process trains many times: what each one leaves behind would add up."""
    trained = trainer(epochs=2)
    opened = weakref.ref(trained.share.groups[0].models[0])
    for _ in trained.run():
        pass
    del trained
    gc.collect()
    assert opened() is None


def test_of_many_agents_a_smaller_share_is_learned_from():
    sizes = {"num_households": 400, "num_firms": 40}
    small, large, own = ppo_configs({}), ppo_configs({}, sizes), ppo_configs({"firm": {"sample_fraction": 0.5}}, sizes)
    assert [small[kind].sample_fraction for kind in ("household", "firm")] == [0.24, 1.0]
    assert [large[kind].sample_fraction for kind in ("household", "firm")] == [0.06, 0.8]
    assert own["firm"].sample_fraction == 0.5
