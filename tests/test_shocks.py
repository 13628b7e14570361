"""Dated shocks: what each does, when, and what cannot be dated."""

import math

import numpy as np
import pytest
from conftest import SIZES, economy, history, run

from macro_mesa import ConfigError
from macro_mesa.shocks import SHOCK_KINDS, Shock, disturb, read_shocks


def twins(kind, size, duration=3, months=6, burn_in=6, **keywords):
    """Histories of an economy and its shocked twin, from the month before the shock on."""
    keywords = {"policy": {"central_bank": "constant"}, "rng": 2} | keywords
    baseline = economy(SIZES[1], burn_in, **keywords)
    shocked = baseline.fork()
    shocked.add_shock(kind, size, start=burn_in + 1, duration=duration)
    return run(baseline, months), run(shocked, months)


def difference(kind, size, column, **keywords):
    baseline, shocked = twins(kind, size, **keywords)
    return (history(shocked)[column] - history(baseline)[column]).to_numpy()


def test_the_contract_s_kinds_exist():
    assert {"policy_rate", "cost", "productivity", "demand", "default"} <= set(SHOCK_KINDS)


@pytest.mark.parametrize("kind", SHOCK_KINDS)
def test_nothing_differs_before_the_shock_and_something_after(kind):
    baseline, shocked = twins(kind, {"policy_rate": 0.02, "default": 300.0}.get(kind, 0.2))
    before, after = (history(shocked).iloc[rows].equals(history(baseline).iloc[rows]) for rows in (slice(7), slice(8)))
    assert before
    assert not after


@pytest.mark.parametrize("size", [0.01, -0.01])
def test_a_rate_shock_comes_on_top_of_a_constant_rate_for_its_duration(size):
    found = difference("policy_rate", size, "policy_rate", duration=3, months=8)
    np.testing.assert_allclose(found, [0] * 7 + [size] * 3 + [0] * 5, atol=1e-12)


def test_a_rate_shock_stops_at_the_lower_bound():
    _, shocked = twins("policy_rate", -0.5)
    assert history(shocked).policy_rate.iloc[7] == 0.0


def test_productivity_and_demand_are_logs_and_cost_a_share():
    kinds = {"productivity": 0.1, "demand": -0.2, "cost": 0.05}
    model = economy(SIZES[1], 3)
    shocked = model.fork()
    for kind, size in kinds.items():
        shocked.add_shock(kind, size, 4)
    run(model, 1)
    run(shocked, 1)
    assert shocked.economy["productivity"][0] / model.economy["productivity"][0] == pytest.approx(math.exp(0.1))
    assert shocked.economy["taste"][0] / model.economy["taste"][0] == pytest.approx(math.exp(-0.2))
    assert shocked.economy["cost"][0] - model.economy["cost"][0] == pytest.approx(0.05)
    run(model, 1)
    run(shocked, 1)
    for name in ("productivity", "taste", "cost"):
        assert shocked.economy[name][0] == model.economy[name][0]  # gone when it is over


def test_shocks_move_the_economy_the_right_way():
    assert difference("productivity", 0.1, "gdp")[7] > 0.0
    assert difference("productivity", -0.1, "gdp")[7] < 0.0
    assert difference("demand", -0.3, "consumption")[7] < 0.0
    assert difference("default", 300.0, "write_offs")[7] > 0.0
    pair = twins("cost", 0.2, months=1, full_capacity=True)
    paid = [m.firms.wage_bill.sum() / (m.firms.labor * m.firms.wage_offer).sum() for m in pair]
    assert paid[1] - paid[0] == pytest.approx(0.2, abs=1e-3)


def test_a_default_shock_multiplies_the_hazard():
    calm = economy(SIZES[2], 6, default_hazard=0.0, shocks=[{"kind": "default", "size": 1e6, "start": 3}], rng=1)
    assert history(calm).household_defaults.sum() == 0  # a multiple of nothing
    none = economy(SIZES[2], 3, shocks=[{"kind": "default", "size": -1.0, "start": 3}], rng=1)
    assert none.economy["default_multiplier"][0] == 0.0
    wave = economy(SIZES[2], 3, shocks=[{"kind": "default", "size": 1e6, "start": 3}], rng=1)
    assert history(wave).household_defaults.iloc[3] > 0.9 * 400
    assert history(wave).bankruptcies.iloc[3] > 0.9 * 80


def test_shocks_of_a_kind_add_up():
    model = economy(SIZES[1], opening="equal", policy={"central_bank": "constant"})
    model.add_shock("policy_rate", 0.01, 2, 3)
    model.add_shock("policy_rate", 0.005, 3, 1)
    path = history(run(model, 5)).policy_rate
    np.testing.assert_allclose(path, [0.03, 0.03, 0.04, 0.045, 0.04, 0.03], atol=1e-12)


def test_a_scenario_s_shocks_are_add_shock_s():
    entry = {"kind": "demand", "size": 0.2, "start": 3, "duration": 2}
    named = economy(SIZES[1], 6, shocks=[entry])
    objects = economy(SIZES[1], 6, shocks=(Shock(**entry),))
    added = economy(SIZES[1])
    added.add_shock(**entry)
    assert history(named).equals(history(objects))
    assert history(named).equals(history(run(added, 6)))
    assert Shock(**entry).as_dict() == entry


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"kind": "rate"}, "shock kind must be one of policy_rate"),
        ({"kind": ["cost"]}, "shock kind must be one of policy_rate"),
        ({"size": math.nan}, "size must be a finite number"),
        ({"size": "big"}, "size must be a finite number"),
        ({"size": True}, "size must be a finite number"),
        ({"start": 0}, "start must be a whole number of months >= 1"),
        ({"start": 1.5}, "start must be a whole number"),
        ({"duration": 0}, "duration must be a whole number of months >= 1"),
        ({"duration": True}, "duration must be a whole number"),
    ],
)
def test_shocks_that_cannot_be_are_refused(changes, says):
    entry = {"kind": "cost", "size": 0.1, "start": 2, "duration": 1} | changes
    with pytest.raises(ConfigError, match=says):
        read_shocks([entry])
    with pytest.raises(ConfigError, match=says):
        economy().add_shock(**entry)


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        ("cost", "must be a mapping"),
        ({"kind": "cost", "size": 1.0}, "no start"),
        ({"kind": "cost", "size": 1.0, "start": 1, "month": 3}, "unknown key 'month'"),
    ],
)
def test_entries_that_are_no_shocks_are_refused(entry, says):
    with pytest.raises(ConfigError, match=says):
        economy(shocks=[entry])


def test_a_shock_lasts_from_its_start_for_its_duration():
    shock = Shock("cost", 0.1, 5, 3)
    assert [month for month in range(1, 12) if shock.is_on(month)] == [5, 6, 7]


@pytest.mark.parametrize(
    ("name", "persistence", "noise"), [("productivity", 0.95, 0.01), ("taste", 0.9, 0.02), ("cost", 0.8, 0.003)]
)
def test_disturbances_are_ar1_with_their_parameters(name, persistence, noise):
    model = economy(rng=5, **{f"{name}_persistence": persistence, f"{name}_noise": noise})
    path = []
    for month in range(1, 6_001):
        disturb(model.economy, model.firms.table, model.parameter_record, [], model.key, month)
        path.append(model.economy[f"{name}_state"][0])
    path = np.array(path)
    slope = (path[1:] * path[:-1]).sum() / (path[:-1] ** 2).sum()
    assert slope == pytest.approx(persistence, abs=4 * math.sqrt((1 - persistence**2) / 6_000))
    assert (path[1:] - slope * path[:-1]).std() == pytest.approx(noise, rel=0.05)
