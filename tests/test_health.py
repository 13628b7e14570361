"""The bounds of a living economy: each one holds and fails where it should."""

import pandas as pd
import pytest

from macro_mesa.experiments.health import checks
from macro_mesa.spaces import AGENT_TYPES

GOOD = {"gdp": 90.0, "unemployment": 0.05, "inflation": 0.021, "policy_rate": 0.04, "wage": 0.6, "price_level": 1.0}


def frame(months=40, **changes):
    """A history of constant months; a change is (first month, value)."""
    history = pd.DataFrame({name: [value] * (months + 1) for name, value in GOOD.items()})
    for name, (first, value) in changes.items():
        history.loc[first:, name] = value
    return history


def returns(learned=10.0, rule=5.0, width=1.0):
    """Estimates of three policies, the same for all types."""
    means = {"learned": learned, "random": -50.0, "rule": rule}
    estimates = {name: {"mean": mean, "ci": [mean - width, mean + width]} for name, mean in means.items()}
    return dict.fromkeys(AGENT_TYPES, estimates)


def failing(history, found=None):
    return [check["name"] for check in checks([history], found or returns(), {}) if not check["holds"]]


def test_a_living_economy_holds_everything():
    assert failing(frame()) == []
    assert len(checks([frame()], returns(), {})) == 6 + 2 * len(AGENT_TYPES)


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"gdp": (1, 80.0)}, ["output at the end, share of the opening's"]),
        ({"gdp": (31, 84.0)}, ["output at the end, against the second quarter"]),
        ({"unemployment": (1, 0.12)}, ["unemployment"]),
        ({"unemployment": (1, 0.02)}, ["unemployment"]),
        ({"inflation": (1, 0.035)}, ["inflation"]),
        ({"policy_rate": (33, 0.0)}, ["months with the policy rate at a bound"]),
        ({"policy_rate": (33, 0.1)}, ["months with the policy rate at a bound"]),
        ({"wage": (20, 0.5)}, ["real wage at the end, against the opening"]),
    ],
)
def test_each_bound_fails_alone(change, names):
    assert failing(frame(**change)) == names


def test_intervals_that_overlap_are_no_win():
    assert len(failing(frame(), returns(learned=6.5, width=1.0))) == len(AGENT_TYPES)
    assert failing(frame(), returns(learned=8.0, width=1.0)) == []


def test_an_episode_of_a_month_or_two_is_judged_too():
    assert isinstance(failing(frame(months=1)), list)
    assert isinstance(failing(frame(months=3)), list)
