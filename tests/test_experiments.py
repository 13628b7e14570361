"""Evaluation and paired experiments against recomputation by hand."""

import math

import numpy as np
import pytest
from conftest import SIZES, SMALL, economy, history, run, sized

from macro_mesa import ConfigError
from macro_mesa.experiments.evaluation import Episode, evaluate, macro_moments, run_episode, serially
from macro_mesa.experiments.statistics import estimate, interval
from macro_mesa.run_folder import RunFolder, write_json, write_text
from macro_mesa.spaces import AGENT_TYPES
from policies.executors import ProcessPool, executor

SMALL_ECONOMY = sized(*SIZES[1])


# --- statistics
def test_the_interval_of_a_mean_is_the_normal_one_for_a_large_sample():
    sample = np.random.default_rng(0).normal(5.0, 2.0, 400)
    low, high = interval(sample)
    margin = 1.96 * sample.std() / math.sqrt(400)
    assert low == pytest.approx(sample.mean() - margin, abs=0.03)
    assert high == pytest.approx(sample.mean() + margin, abs=0.03)
    assert interval(sample) == (low, high)  # no randomness of its own


@pytest.mark.parametrize("sample", [[3.0], [3.0, 3.0, 3.0]])
def test_the_interval_of_what_does_not_vary_is_a_point(sample):
    assert estimate(np.array(sample)) == {"mean": 3.0, "ci": [3.0, 3.0]}


def test_intervals_cover_the_mean_as_often_as_they_say():
    rng = np.random.default_rng(1)
    hits = [low <= 0.0 <= high for low, high in (interval(rng.normal(0, 1, 40), resamples=400) for _ in range(200))]
    assert 0.88 <= np.mean(hits) <= 0.99


# --- evaluation
def test_an_episode_adds_up_each_month_s_rewards():
    result = run_episode(Episode("random", SMALL_ECONOMY, seed=4, months=6))
    model, expected = economy(SIZES[1], policy="random", rng=4), dict.fromkeys(AGENT_TYPES, 0.0)
    for _ in range(6):
        run(model, 1)
        for kind in AGENT_TYPES:
            expected[kind] += model.populations[kind].reward().mean()
    assert result.returns == pytest.approx(expected)
    assert result.history.equals(history(model))
    for kind in AGENT_TYPES:
        assert sum(result.components[kind].values()) == pytest.approx(result.returns[kind])


def test_an_evaluation_compares_policies_on_the_same_seeds():
    summary, histories = evaluate({"one": "rule", "same": "rule", "other": "random"}, [1, 2, 3], 6, SMALL)
    returns = summary["returns"]
    for kind in AGENT_TYPES:
        assert returns[kind]["one"] == returns[kind]["same"] != returns[kind]["other"]
        alone = [run_episode(Episode("random", SMALL, seed, 6)).returns[kind] for seed in (1, 2, 3)]
        assert returns[kind]["other"]["mean"] == pytest.approx(np.mean(alone))
        low, high = returns[kind]["other"]["ci"]
        assert min(alone) - 1e-9 <= low <= high <= max(alone) + 1e-9
    assert summary["seeds"] == [1, 2, 3]
    assert histories["one"][1].equals(history(economy(months=6, rng=2)))
    moments = macro_moments(histories["other"])
    frames = [frame.iloc[1:] for frame in histories["other"]]
    assert moments == summary["macro"]["other"]
    assert moments["gdp"]["mean"] == pytest.approx(np.mean([frame.gdp.mean() for frame in frames]))
    assert moments["gdp"]["sd"] == pytest.approx(np.mean([frame.gdp.std(ddof=1) for frame in frames]))


def test_an_evaluation_under_a_shock_is_another():
    shock = {"kind": "productivity", "size": -0.3, "start": 1, "duration": 6}
    (calm, _), (shocked, _) = (evaluate({"rule": "rule"}, [1], 6, SMALL, shocks=s) for s in ((), [shock]))
    assert shocked["macro"]["rule"]["gdp"]["mean"] < calm["macro"]["rule"]["gdp"]["mean"]


@pytest.mark.slow
def test_results_do_not_depend_on_the_executor():
    arguments = ({"rule": "rule", "random": "random"}, [1, 2, 3], 6, SMALL)
    told = []

    def pooled(function, tasks):
        return ProcessPool(2)(function, tasks, lambda: told.append(1))

    (here, histories), (there, others) = evaluate(*arguments, serially), evaluate(*arguments, pooled)
    assert here == there
    assert all(a.equals(b) for name in histories for a, b in zip(histories[name], others[name], strict=True))
    assert len(told) == 6


def test_one_worker_needs_no_pool():
    assert executor(1)(abs, [-1, 2, -3]) == [1, 2, 3]
    assert isinstance(executor(3), ProcessPool)


# --- run folders
def test_run_folders_are_new_and_described(tmp_path):
    one, two = (RunFolder.create(tmp_path, 5) for _ in range(2))
    assert one.path != two.path
    one.describe(["run_model.py"], {"run": 5}, {"model": {"num_firms": 3}})
    assert (one.path / "config.yaml").read_text() == "model:\n  num_firms: 3\n"
    assert sorted(path.name for path in one.path.iterdir()) == ["config.yaml", "logs", "plots", "run.json"]


def test_nan_is_never_written_as_json(tmp_path):
    write_json(tmp_path / "results.json", {"mean": 1.0})
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "results.json", {"mean": math.nan})
    assert (tmp_path / "results.json").read_text() == '{\n "mean": 1.0\n}\n'
    assert len(list(tmp_path.iterdir())) == 1


def test_a_file_that_cannot_be_written_is_a_refusal(tmp_path):
    with pytest.raises(ConfigError, match="cannot write"):
        write_text(tmp_path / "missing" / "file", "text")
