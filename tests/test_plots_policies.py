"""What policies do as an input moves: chances that add up, slopes of known rules, figures for every head."""

import numpy as np
import pytest
from test_plots_economy import assert_draws, words

from macro_mesa.config import Parameters
from macro_mesa.policy import make_policy
from macro_mesa.spaces import SPACES
from visualization import style
from visualization.policy_slices import action_probabilities, choice_name, probabilities, rate_steps, slice_policy

PARAMETERS = Parameters()
CENTRAL_BANK = SPACES["central_bank"]


def states(agent_type, number=3):
    """Observations of agents that differ in everything."""
    size = SPACES[agent_type].size
    return np.random.default_rng(1).uniform(0.0, 0.5, (number, size)).astype(np.float32)


def at_target():
    """A central bank's observation where its rule asks for no step."""
    observation = np.zeros((1, CENTRAL_BANK.size), dtype=np.float32)
    observation[0, CENTRAL_BANK.column("policy_rate")] = 10.0 * PARAMETERS.opening_policy_rate
    return observation


class Certain:
    """Tells that it always raises the rate by 25 basis points."""

    def act(self, observations, draws):
        raise AssertionError("a policy that tells its chances is not asked to act")

    def probabilities(self, observations):
        return [np.tile([0.0, 0.0, 0.0, 1.0, 0.0], (len(observations), 1))]


@pytest.mark.parametrize("agent_type", SPACES)
@pytest.mark.parametrize("policy", ["rule", "random"])
def test_chances_add_up_to_one(agent_type, policy):
    chances = probabilities(make_policy(agent_type, policy, PARAMETERS), agent_type, states(agent_type))
    assert [chance.shape for chance in chances] == [(3, size) for size in SPACES[agent_type].head_sizes]
    for chance in chances:
        np.testing.assert_allclose(chance.sum(axis=1), 1.0)


def test_counted_chances_are_those_of_a_uniform_policy():
    for chance in probabilities(make_policy("firm", "random", PARAMETERS), "firm", states("firm")):
        np.testing.assert_allclose(chance, 1.0 / chance.shape[1], atol=1e-12)


def test_a_policy_that_tells_its_chances_is_believed():
    chances = slice_policy(Certain(), "central_bank", at_target(), "inflation_12m", points=5)
    np.testing.assert_array_equal(chances["rate_step"][0.0025], 1.0)
    figure = rate_steps({"certain": Certain()}, at_target())
    np.testing.assert_allclose(figure.axes[0].lines[0].get_ydata(), 25.0)


def test_taylors_slopes_are_in_the_slices():
    taylor = make_policy("central_bank", "taylor", PARAMETERS)
    for moved, response in (("inflation_12m", 1.5), ("output_gap", 0.5)):
        chances = slice_policy(taylor, "central_bank", at_target(), moved, -0.02, 0.02, points=9)["rate_step"]
        steps = chances.to_numpy() @ chances.columns.to_numpy(dtype=float)
        slope = np.polyfit(chances.index.to_numpy() / 10.0, steps, 1)[0]
        assert slope == pytest.approx(response, rel=0.1)


def test_the_range_is_what_was_seen_or_the_bounds():
    rule, seen = make_policy("household", "rule", PARAMETERS), states("household", 50)
    space = SPACES["household"]
    column = space.column("deposits")
    index = slice_policy(rule, "household", seen, "deposits").index
    assert index[0] == pytest.approx(np.quantile(seen[:, column], 0.01))
    alone = slice_policy(rule, "household", seen[:1], "deposits").index
    assert (alone[0], alone[-1]) == (space.low[column], space.high[column])


@pytest.mark.parametrize("agent_type", SPACES)
def test_every_head_has_its_figure(agent_type, tmp_path):
    space = SPACES[agent_type]
    rule = make_policy(agent_type, "rule", PARAMETERS)
    chances = slice_policy(rule, agent_type, states(agent_type), space.observations[0].name, points=5)
    for head in space.heads:
        figure = action_probabilities(chances, agent_type, head.name)
        assert len(figure.axes[0].collections) == len(head.values)
        assert_draws(figure, tmp_path)


def test_unknown_inputs_and_heads_are_named():
    rule = make_policy("firm", "rule", PARAMETERS)
    with pytest.raises(KeyError, match="no observation 'colour'"):
        slice_policy(rule, "firm", states("firm"), "colour")
    chances = slice_policy(rule, "firm", states("firm"), "inventory", points=3)
    with pytest.raises(KeyError, match="no head 'colour'"):
        action_probabilities(chances, "firm", "colour")


def test_unknown_chances_say_so(tmp_path):
    chances = slice_policy(make_policy("firm", "rule", PARAMETERS), "firm", states("firm"), "inventory", points=3)
    figure = action_probabilities(chances * np.nan, "firm", "price")
    assert "tells no probabilities" in words(figure)
    assert_draws(figure, tmp_path)


def test_rate_steps_stand_side_by_side_or_below_each_other(tmp_path):
    rules = {name: make_policy("central_bank", name, PARAMETERS) for name in ("taylor", "inertial_taylor")}
    wide = rate_steps(rules, states("central_bank"))
    narrow = rate_steps(rules, states("central_bank"), width=style.PANEL_WIDTH)
    assert wide.get_figwidth() > narrow.get_figwidth()
    assert wide.get_figheight() < narrow.get_figheight()
    assert "inertial taylor" in words(wide)
    assert_draws(wide, tmp_path)


@pytest.mark.parametrize(
    ("value", "unit", "name"),
    [
        (-0.0025, "annual", "\u221225 bp"),
        (0.0, "annual", "0"),
        (0.149, "share of cash", "14.9 %"),
        (1.5, "multiple", "1.5"),
    ],
)
def test_choices_have_short_names(value, unit, name):
    assert choice_name(value, unit) == name
