"""Policies under intervention: blind, frozen, fixed and repeating twins of a recorded baseline."""

import pickle

import numpy as np
import pytest
from conftest import SIZES, history, run, sized

from macro_mesa import ConfigError, MacroModel
from macro_mesa.config import Parameters
from macro_mesa.experiments.interventions import (
    RATE_COLUMNS,
    Blind,
    Blinded,
    FixHeads,
    Freeze,
    FrozenPolicy,
    Repeat,
    action_frequencies,
    record,
    twin,
)  # fmt: skip
from macro_mesa.policy import make_policies
from macro_mesa.spaces import AGENT_TYPES, CENTRAL_BANK, COMMERCIAL_BANK, FIRM, HOUSEHOLD, SPACES

PRIVATE = (HOUSEHOLD, FIRM, COMMERCIAL_BANK)


class ByRate:
    """Consumes the least where the lending rate is above 5 %, else the most: a response to see or not to see."""

    def act(self, observations, draws):
        high = observations[:, SPACES[HOUSEHOLD].column("lending_rate")] > 0.5
        return np.stack([np.where(high, 0, 4), np.zeros(len(high)), np.ones(len(high))], axis=1).astype(np.int64)


def baseline(months: int = 8, **policies) -> MacroModel:
    parameters = sized(*SIZES[1])
    choice = {**dict.fromkeys(AGENT_TYPES, "rule"), CENTRAL_BANK: "constant", **policies}
    recorded = record(make_policies(choice, Parameters.create(parameters)))
    return run(MacroModel(**parameters, policy=recorded, rng=4), months)


def shocked(model: MacroModel, interventions=None, months: int = 6) -> tuple[MacroModel, MacroModel]:
    """The baseline and a twin under a rate rise, months later, in step."""
    other = twin(model, interventions)
    other.add_shock("policy_rate", 0.02, start=model.month + 1, duration=months)
    for _ in range(months):
        model.step()
        other.step()
    return model, other


def test_recording_changes_nothing_and_keeps_everything():
    parameters = sized(*SIZES[1])
    plain = run(MacroModel(**parameters, policy={CENTRAL_BANK: "constant"}, rng=4), 8)
    model = baseline()
    assert history(model).equals(history(plain))
    recording = model.policies[FIRM]
    assert recording.observations.shape == (8, 20, SPACES[FIRM].size)
    assert recording.actions.shape == (8, 20, 3)
    np.testing.assert_array_equal(recording.actions[-1], recording.last_actions)


def test_a_twin_without_intervention_is_the_baseline_and_leaves_its_records_alone():
    model = baseline()
    other = twin(model)
    run(other, 5)
    assert len(model.policies[HOUSEHOLD].actions) == 8
    run(model, 5)
    assert history(other).equals(history(model))


def test_a_twin_that_repeats_takes_the_baseline_s_actions_under_any_shock():
    model, other = shocked(baseline(), {kind: Repeat() for kind in PRIVATE})
    np.testing.assert_array_equal(other.firms.price, model.firms.price)
    np.testing.assert_array_equal(other.households.consumption_rate, model.households.consumption_rate)
    assert other.central_bank.policy_rate == pytest.approx(model.central_bank.policy_rate + 0.02)
    # the accounts respond all the same: reserves earn more
    assert history(other)["outside_money"].iloc[-1] != history(model)["outside_money"].iloc[-1]


def test_blind_agents_do_not_see_the_difference():
    model = baseline(months=12, household=ByRate())
    columns = [SPACES[HOUSEHOLD].column(name) for name in RATE_COLUMNS[HOUSEHOLD]]
    recording = model.policies[HOUSEHOLD]
    for how in ("permuted", "mean"):
        policy = Blind(RATE_COLUMNS[HOUSEHOLD], how).policy(HOUSEHOLD, recording)
        low, high = recording.observations[-1].copy(), recording.observations[-1].copy()
        low[:, columns], high[:, columns] = 0.0, 2.0
        draws = np.random.default_rng(0).random((100, 3), dtype=np.float32)
        assert (recording.policy.act(low, draws) != recording.policy.act(high, draws)).any()
        np.testing.assert_array_equal(policy.act(low, draws), policy.act(high, draws))


def test_permuted_values_are_the_visited_ones_in_the_frequency_visited():
    visited = np.array([[0.2, 0.1], [0.9, 0.3], [0.9, 0.4]], dtype=np.float32)
    policy = Blinded(ByRate(), [6, 7], visited)
    observations, random = np.zeros((2_000, 14), dtype=np.float32), np.random.default_rng(1)
    draws = random.random((2_000, 3), dtype=np.float32)
    chosen = policy.act(observations, draws)
    assert (chosen[:, 0] == 0).mean() == pytest.approx(2 / 3, abs=0.04)
    np.testing.assert_array_equal(policy.act(observations, draws), chosen)  # twins share the draw
    assert (policy.act(observations, random.random((2_000, 3), dtype=np.float32)) != chosen).any()
    assert (observations == 0.0).all()


def test_the_mean_shows_everybody_the_same():
    model = baseline(household=ByRate())
    recording = model.policies[HOUSEHOLD]
    mean = recording.observations[:, :, 6].mean()
    chosen = Blind(("lending_rate",), "mean").policy(HOUSEHOLD, recording).act(
        recording.observations[-1], np.full((100, 3), 0.5, np.float32)
    )
    assert set(chosen[:, 0]) == ({0} if mean > 0.5 else {4})


def test_a_frozen_policy_acts_as_often_in_each_way_and_answers_nothing():
    model = baseline(months=24)
    recording = model.policies[FIRM]
    policy = Freeze().policy(FIRM, recording)
    draws = np.random.default_rng(2).random((20_000, 3), dtype=np.float32)
    actions = policy.act(np.zeros((20_000, SPACES[FIRM].size), np.float32), draws)
    expected = action_frequencies(FIRM, recording.actions)
    for head, frequencies in enumerate(action_frequencies(FIRM, actions)):
        np.testing.assert_allclose(frequencies, expected[head], atol=0.015)
        assert frequencies.sum() == pytest.approx(1.0)
    everything = np.full((20_000, SPACES[FIRM].size), 3.0, np.float32)
    np.testing.assert_array_equal(policy.act(everything, draws), actions)


def test_a_frozen_policy_never_leaves_its_choices():
    policy = FrozenPolicy([np.array([0.0, 1.0, 0.0])])
    draws = np.array([[0.0], [0.5], [np.nextafter(np.float32(1), np.float32(0))]], dtype=np.float32)
    assert policy.act(np.zeros((3, 1)), draws).tolist() == [[1], [1], [1]]


def test_fixed_heads_leave_the_others_alone():
    model = baseline()
    other = twin(model, {FIRM: FixHeads((("investment", 1), ("hiring", 1)))})
    free = twin(model)
    for economy in (other, free):
        economy.policies = record(economy.policies)
        economy.step()
    actions, before = other.policies[FIRM].last_actions, free.policies[FIRM].last_actions
    assert (actions[:, 1:] == 1).all()
    np.testing.assert_array_equal(actions[:, 0], before[:, 0])
    assert (before[:, 1:] != 1).any()


@pytest.mark.parametrize(
    ("intervention", "words"),
    [
        ({FIRM: Blind(("policy_rate",))}, "cannot blind firm"),
        ({FIRM: FixHeads((("prices", 1),))}, "no head 'prices'"),
        ({FIRM: FixHeads((("price", 5),))}, "no choice 5"),
        ({"baker": Freeze()}, "baker"),
    ],
)
def test_impossible_interventions_are_refused_in_words(intervention, words):
    with pytest.raises(ConfigError, match=words):
        twin(baseline(2), intervention)


def test_interventions_and_recordings_travel_to_worker_processes():
    for thing in (Blind(("inflation",)), Freeze(), FixHeads((("price", 2),)), Repeat()):
        assert pickle.loads(pickle.dumps(thing)) == thing
    model = baseline(3)
    copy = pickle.loads(pickle.dumps(model.policies[COMMERCIAL_BANK].actions))
    np.testing.assert_array_equal(copy, model.policies[COMMERCIAL_BANK].actions)


def test_blindness_removes_the_response_that_sight_gives():
    """Households that answer the lending rate save more after a rise; blind to it, they do not."""
    sighted = baseline(months=12, household=ByRate())
    drops = {}
    for name, intervention in {"sighted": {}, "blind": {HOUSEHOLD: Blind(RATE_COLUMNS[HOUSEHOLD])}}.items():
        model = sighted
        calm, other = twin(model, intervention), twin(model, intervention)
        other.commercial_banks.lending_rate[:] = 0.10
        calm.commercial_banks.lending_rate[:] = 0.01
        run(calm, 3)
        run(other, 3)
        drops[name] = history(other)["consumption"].iloc[-3:].sum() / history(calm)["consumption"].iloc[-3:].sum() - 1
    assert drops["sighted"] < -0.05
    assert abs(drops["blind"]) < 0.01
