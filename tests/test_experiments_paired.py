"""Paired experiments by second routes: by hand from two histories, from two CSV files, and against closed forms."""

import json
import math

import numpy as np
import pandas as pd
import pytest
from conftest import economy, history, run, sized

import run_model
from macro_mesa.experiments.evaluation import serially
from macro_mesa.experiments.interventions import Blind, Freeze
from macro_mesa.experiments.paired import (
    BASELINE,
    MEASURES,
    Design,
    Intervened,
    Twins,
    Window,
    arms_with,
    compare,
    last_month,
    response_table,
    run_pairs,
    run_twins,
    with_types,
)
from macro_mesa.experiments.statistics import clustered_estimate, clustered_interval, interval
from macro_mesa.spaces import AGENT_TYPES

ECONOMY = sized(20, 4, 2)
HELD = with_types("rule", central_bank="constant")
NAMES = tuple(MEASURES)


def shock(kind="demand", size=0.3, duration=4, start=1):
    return [{"kind": kind, "size": size, "start": start, "duration": duration}]


def twins(**changes) -> Twins:
    defaults = {
        "policy": HELD, "parameters": ECONOMY, "seed": 3, "branches": {"shock": shock()}, "burn_in": 6, "horizon": 8,
    }  # fmt: skip
    return Twins(**defaults | changes)


def small_design(arms=None, seeds=(10_000, 10_001, 10_002), **changes) -> Design:
    return Design(arms or {"rule": [HELD]}, ECONOMY, seeds, serially, **changes)


# --- statistics
def test_with_one_run_the_clustered_interval_is_student_s_over_pairs():
    sample = np.random.default_rng(0).normal(5.0, 2.0, (1, 12))
    low, high = clustered_interval(sample, resamples=40_000)
    # expanded percentiles of the bootstrap's normal limit: t times the standard error with n - 1
    margin = 2.201 * sample.std(ddof=1) / math.sqrt(12)
    assert float(low) == pytest.approx(sample.mean() - margin, abs=0.12)
    assert float(high) == pytest.approx(sample.mean() + margin, abs=0.12)
    plain_low, plain_high = interval(sample[0])
    assert low < plain_low < plain_high < high


def test_runs_are_clusters():
    """Pairs that repeat their run's value add nothing: the interval is that of the run means."""
    of_runs = np.random.default_rng(1).normal(0.0, 1.0, 25)
    repeated = np.repeat(of_runs[:, None], 50, axis=1)
    low, high = clustered_interval(repeated, resamples=40_000)
    margin = 2.064 * of_runs.std(ddof=1) / 5.0
    assert float(low) == pytest.approx(of_runs.mean() - margin, abs=0.06)
    assert float(high) == pytest.approx(of_runs.mean() + margin, abs=0.06)
    alone = clustered_interval(of_runs[:, None], resamples=40_000)
    np.testing.assert_allclose((low, high), alone, atol=0.02)


def test_crossed_effects_add_their_variances():
    """Runs and pairs both with effects: the variance of the mean is that of both, over their numbers."""
    random = np.random.default_rng(2)
    runs, pairs = random.normal(0.0, 1.0, 30), random.normal(0.0, 2.0, 60)
    low, high = clustered_interval(runs[:, None] + pairs, resamples=40_000)
    deviation = math.sqrt(runs.var(ddof=1) / 30 + pairs.var(ddof=1) / 60)
    assert float(high - low) == pytest.approx(2 * 2.045 * deviation, rel=0.05)


def test_clustered_intervals_cover_the_mean_of_crossed_samples():
    random = np.random.default_rng(3)
    hits = 0
    for _ in range(200):
        sample = random.normal(0, 0.5, (5, 1)) + random.normal(0, 1, (1, 20)) + random.normal(0, 1, (5, 20))
        low, high = clustered_interval(sample, resamples=400)
        hits += bool(low <= 0.0 <= high)
    assert hits / 200 >= 0.9


def test_what_does_not_vary_is_a_point():
    same, one = clustered_estimate(np.full((3, 4), 0.1)), clustered_estimate(np.array([[7.0]]))
    assert same == {
        "mean": pytest.approx(0.1), "ci": [pytest.approx(0.1)] * 2, "by_run": [pytest.approx(0.1)] * 3,
    }  # fmt: skip
    assert one == {"mean": 7.0, "ci": [7.0, 7.0], "by_run": [7.0]}
    assert clustered_estimate(np.array([[1.0, 3.0], [5.0, 5.0]]))["by_run"] == [2.0, 5.0]
    low, high = clustered_interval(np.zeros((2, 3, 5)))
    assert not low.any()
    assert not high.any()


# --- twins
@pytest.mark.parametrize("kind", ["policy_rate", "cost", "productivity", "demand", "default"])
def test_a_shock_of_size_zero_changes_nothing_at_all(kind):
    task = twins(branches={"nothing": shock(kind, 0.0), "no shock": []})
    found = run_twins(task)
    for branch in task.branches:
        np.testing.assert_array_equal(found[branch], found[BASELINE])
    histories = run_pairs(small_design(), {"rule": [HELD]}, {"nothing": shock(kind, 0.0)}, NAMES, 6, 8)
    assert not response_table(histories, NAMES)[["mean", "low", "high"]].to_numpy().any()


def test_twins_again_by_hand():
    baseline = economy((20, 4, 2), 6, rng=3, policy={"central_bank": "constant"})
    shocked = baseline.fork()
    shocked.add_shock("demand", 0.3, start=8, duration=3)
    frames = {BASELINE: baseline, "shock": shocked}
    found = run_twins(twins(branches={"shock": shock(duration=3, start=2)}))
    for name, model in frames.items():
        by_hand = history(run(model, 8)).iloc[7:]
        for variable in ("gdp", "unemployment", "new_loans", "price_level"):
            np.testing.assert_array_equal(found[name][NAMES.index(variable)], by_hand[variable])
        np.testing.assert_array_equal(
            found[name][NAMES.index("spread")], by_hand["lending_rate"] - by_hand["policy_rate"]
        )


def test_one_baseline_serves_all_branches():
    many = run_twins(twins(branches={"small": shock(size=0.1), "large": shock(size=0.5)}))
    alone = run_twins(twins(branches={"large": shock(size=0.5)}))
    np.testing.assert_array_equal(many[BASELINE], alone[BASELINE])
    np.testing.assert_array_equal(many["large"], alone["large"])


def test_a_rate_rise_is_the_size_it_says_for_as_long_as_it_says():
    found = run_twins(twins(branches={"rise": shock("policy_rate", 0.01)}))
    row = NAMES.index("policy_rate")
    np.testing.assert_allclose(found["rise"][row] - found[BASELINE][row], [0.01] * 4 + [0.0] * 4, atol=1e-12)


def test_failures_are_those_struck_and_those_not():
    found = run_twins(twins(branches={"crisis": shock("default", 600.0, 12)}, horizon=24))["crisis"]
    rows = [NAMES.index(name) for name in ("bankruptcies", "firms_struck", "firms_not_struck")]
    failed, struck, others = found[rows]
    assert struck.sum() > 0
    np.testing.assert_array_equal(failed, struck + others)


def test_a_scenario_s_shocks_hit_all_twins():
    calm, hit = (run_twins(twins(shocks=shocks)) for shocks in ((), shock("productivity", -0.2, start=7)))
    gdp = NAMES.index("gdp")
    assert (hit[BASELINE][gdp, :4] < calm[BASELINE][gdp, :4]).all()
    assert (hit["shock"][gdp, :4] < calm["shock"][gdp, :4]).all()


def test_interventions_begin_at_the_fork():
    blind = Intervened(HELD, {"household": Blind(("lending_rate", "deposit_rate"))})
    # the rule of thumb does not look at interest rates
    np.testing.assert_array_equal(run_twins(twins(policy=blind))["shock"], run_twins(twins())["shock"])
    frozen = run_twins(twins(policy=Intervened(HELD, {"household": Freeze()})))
    assert (frozen[BASELINE] != run_twins(twins())[BASELINE]).any()
    nothing = run_twins(twins(policy=Intervened(HELD, {"household": Freeze()}), branches={"nothing": []}))
    np.testing.assert_array_equal(nothing["nothing"], nothing[BASELINE])


# --- comparing
def test_measures_compare_as_they_say():
    base, other = np.array([1.0, 2.0, 0.0]), np.array([1.0, 1.0, 1.0])
    np.testing.assert_allclose(compare("unemployment", base, other), [0.0, -100.0, 100.0])
    np.testing.assert_allclose(compare("gdp", base[:2], other[:2]), [0.0, -100 * math.log(2)])
    np.testing.assert_allclose(compare("bankruptcies", base, other), [0.0, -1.0, 0.0])
    np.testing.assert_allclose(compare("investment", base, other), [0.0, -100.0, 100.0])
    np.testing.assert_allclose(compare("new_loans", base, other), [0.0, -100 / 3, 0.0])
    # nothing was lent in the first month: against a mean month
    np.testing.assert_allclose(compare("new_loans", base[::-1], other), [100.0, 0.0, 0.0])


def test_windows_are_means_of_months_or_totals_of_flows():
    random = np.random.default_rng(4)
    base, other = random.uniform(1, 2, (2, 3, 8)), random.uniform(1, 2, (2, 3, 8))
    rate = Window("lending_rate", 2, 5).of(base, other)
    np.testing.assert_allclose(rate, 100 * (other - base)[..., 1:5].mean(axis=-1))
    lent = Window("new_loans", 2, 5).of(base, other)
    np.testing.assert_allclose(lent, 100 * (other[..., 1:5].sum(axis=-1) / base[..., 1:5].sum(axis=-1) - 1))
    failed = Window("bankruptcies", 2, 5).of(base, other)
    np.testing.assert_allclose(failed, (other - base)[..., 1:5].sum(axis=-1))
    assert last_month([Window("gdp", 1, 5)], [Window("gdp", 2, 9), Window("gdp", 1, 2)]) == 9


@pytest.mark.parametrize(
    ("sign", "offset", "passed"), [(1, 2.0, True), (1, -2.0, False), (-1, -2.0, True), (1, 0.0, False)]
)
def test_a_verdict_needs_the_whole_interval_on_the_expected_side(sign, offset, passed):
    sample = offset + np.random.default_rng(5).normal(0.0, 1.0, (1, 40))
    sample -= sample.mean() - offset
    found = Window("gdp", 1, 2, sign).estimate(sample)
    assert found["passed"] is passed
    assert found["expected"] == ("above zero" if sign > 0 else "below zero")
    assert "passed" not in Window("gdp", 1, 2).estimate(sample)


# --- arms, runs and pairs
def test_types_are_replaced_in_names_and_mappings():
    assert with_types("rule", firm="random") == {**dict.fromkeys(AGENT_TYPES, "rule"), "firm": "random"}
    assert with_types({"firm": "random"}, central_bank="taylor") == {"firm": "random", "central_bank": "taylor"}
    assert arms_with({"a": ["rule"]}, firm="random") == {"a": [with_types("rule", firm="random")]}


def test_samples_are_runs_by_pairs_by_months():
    design = small_design(months=8)
    arms = {"two runs": [HELD, with_types("random", central_bank="constant")], "one run": [HELD]}
    histories = run_pairs(design, arms, {"shock": shock()}, ("gdp", "spread"), burn_in=6)
    assert histories["two runs"]["shock"]["gdp"].shape == (2, 3, 8)
    assert histories["one run"][BASELINE]["spread"].shape == (1, 3, 8)
    for number, seed in enumerate(design.seeds):
        alone = run_twins(twins(seed=seed, variables=("gdp", "spread")))
        np.testing.assert_array_equal(histories["one run"]["shock"]["gdp"][0, number], alone["shock"][0])
        np.testing.assert_array_equal(histories["two runs"]["shock"]["gdp"][0, number], alone["shock"][0])
    table = response_table(histories, ("gdp", "spread"))
    assert len(table) == 2 * 2 * 8
    both = histories["two runs"]
    row = table[(table.policies == "two runs") & (table.variable == "gdp") & (table.month == 5)].iloc[0]
    by_hand = 100 * np.log(both["shock"]["gdp"][..., 4] / both[BASELINE]["gdp"][..., 4])
    assert row["mean"] == pytest.approx(by_hand.mean())
    assert row["low"] <= row["mean"] <= row["high"]
    assert set(table.unit) == {"%", "pp"}


def test_an_impulse_response_again_from_two_simulations_on_disk(tmp_path, capsys, monkeypatch):
    """One pair through the experiment's own files, and the same by hand from two ``simulation_history.csv``."""
    monkeypatch.setattr("visualization.plots.save_figure", lambda figure, path: path.touch())
    size = ["--num-households", "20", "--num-firms", "4", "--num-banks", "2", "--output-dir", str(tmp_path)]
    command = ["--mode", "experiment", "--experiment", "inflation_shock", "--policy", "rule", "--pairs", "1"]
    assert run_model.main([*command, *size, "--held-out-seed", "10007", "--sim-length", "18"]) == 0
    folder = tmp_path / capsys.readouterr().out.splitlines()[-1]
    table = pd.read_csv(folder / "logs" / "responses.csv")
    frames = []
    for extra in ([], ["--shock", "kind=cost,size=0.05,start=61,duration=12"]):
        assert run_model.main([*size, "--policy", "rule", "--seed", "10007", "--sim-length", "78", *extra]) == 0
        path = tmp_path / capsys.readouterr().out.splitlines()[-1] / "logs" / "simulation_history.csv"
        frames.append(pd.read_csv(path).set_index("month").loc[61:])
    base, hit = frames
    mine = table[(table.policies == "rule") & (table.shock == "cost")].set_index(["variable", "month"])["mean"]
    np.testing.assert_allclose(mine["inflation"], 100 * (hit.inflation - base.inflation), atol=1e-9)
    np.testing.assert_allclose(mine["gdp"], 100 * np.log(hit.gdp / base.gdp), atol=1e-9)
    lent = 100 * (hit.new_loans - base.new_loans).cumsum() / np.maximum(base.new_loans.cumsum(), base.new_loans.mean())
    np.testing.assert_allclose(mine["new_loans"], lent, atol=1e-9)
    results = json.loads((folder / "results.json").read_text())
    window = results["estimates"]["rule"]["cost"]["gdp, months 6-12"]
    assert window["mean"] == pytest.approx(mine["gdp"].loc[6:12].mean())
    assert window["ci"] == [window["mean"]] * 2
