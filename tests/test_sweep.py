"""Sweeps: what a run writes, what a resumed sweep recomputes, and what is said of failures."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.dataset as ds
import pytest
import yaml
from conftest import SMALL, economy, history

import run_model
from macro_mesa.config import ConfigError
from macro_mesa.experiments.sweep import SETTINGS, read_sweep, run_sweep, simulate, unfinished
from macro_mesa.experiments.sweep_results import finish_sweep, run_table, sensitivities, summary
from policies.executors import Serial, executor

ROOT = Path(run_model.__file__).parent
STREAM = Serial().stream


def settings(**changes) -> dict:
    default = {
        "design": "grid", "parameters": {"separation_rate": [0.01, 0.03], "bank_pricing": ["posted_rate", "spread"]},
        "seeds": [1, 2], "sim_length": 5, "model": SMALL, "outcomes": ["gdp", "sd_inflation"],
    }  # fmt: skip
    return default | changes


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def boom(run):
    if run.point == 1:
        raise FloatingPointError("the books do not close")
    return simulate(run)


def fail(run):
    raise ValueError("nothing works")


def failing(function):
    return lambda _, tasks: STREAM(function, tasks)


# --- what is written
def test_a_run_is_the_model_s_history_with_its_labels(tmp_path):
    sweep = read_sweep(settings(agent_tables=["firm", "household"], agent_interval=2))
    run_sweep(sweep, tmp_path, STREAM)
    run = sweep.runs()[6]
    model = economy(rng=1, months=5, separation_rate=0.03, bank_pricing="spread")
    table = pd.read_parquet(run.path(tmp_path), partitioning=None)
    assert table.iloc[0, :5].to_dict() == {
        "run": 6, "policy": "rule", "seed": 1, "separation_rate": 0.03, "bank_pricing": "spread",
    }  # fmt: skip
    pd.testing.assert_frame_equal(table.iloc[:, 5:], history(model).reset_index(drop=True), check_exact=True)
    firms = pd.read_parquet(run.path(tmp_path, "agents_firm"), partitioning=None)
    assert firms["month"].unique().tolist() == [0, 2, 4]
    early = economy(rng=1, months=4, separation_rate=0.03, bank_pricing="spread")
    last = firms[firms["month"] == 4]
    np.testing.assert_array_equal(last["price"], early.firms.price)
    assert last["unique_id"].tolist() == [agent.unique_id for agent in early.firms]
    assert set(early.firms.column_names) <= set(firms.columns)
    assert {path.name for path in tmp_path.iterdir()} == {"agents_firm", "agents_household", "design.csv", "model"}


def test_the_tables_are_one_dataset(tmp_path):
    # 0 and 0.02 are an integer and a number in YAML, but one column
    sweep = read_sweep(settings(parameters={"inflation_target": [0, 0.02]}, policy=["rule", "random"]))
    run_sweep(sweep, tmp_path, STREAM)
    table = ds.dataset(tmp_path / "model", partitioning="hive").to_table().to_pandas()
    frame = pd.read_parquet(tmp_path / "model")
    assert len(table) == len(frame) == 2 * 2 * 2 * 6
    assert table["inflation_target"].dtype == float
    assert set(table.groupby(["point", "policy", "seed"]).size()) == {6}
    means = table[table["month"] > 0].groupby(["point", "policy", "seed"])["gdp"].mean()
    runs = run_table(sweep, tmp_path)
    np.testing.assert_allclose(means, runs.sort_values(["point", "policy", "seed"])["gdp"])
    summed = summary(sweep, runs)
    assert summed["runs"].tolist() == [2] * 4
    np.testing.assert_allclose(
        summed.sort_values(["point", "policy"])["gdp"], means.groupby(["point", "policy"]).mean()
    )  # fmt: skip


def test_other_tools_read_the_dataset(tmp_path):
    run_sweep(read_sweep(settings()), tmp_path, STREAM)
    import duckdb
    import polars

    pattern = str(tmp_path / "model" / "**" / "*.parquet")
    expected = pd.read_parquet(tmp_path / "model")["gdp"].sum()
    total = polars.scan_parquet(tmp_path / "model").filter(polars.col("point") >= 0).select(polars.col("gdp").sum())
    assert total.collect().item() == pytest.approx(expected)
    assert duckdb.sql(f"select sum(gdp), max(point) from '{pattern}'").fetchall()[0] == pytest.approx((expected, 3))


def test_burn_in_is_left_out_of_outcomes(tmp_path):
    sweep = read_sweep(settings(burn_in=2, seeds=[3]))
    run_sweep(sweep, tmp_path, STREAM)
    outcomes = run_table(sweep, tmp_path).iloc[0]
    frame = history(economy(rng=3, months=5, separation_rate=0.01)).iloc[3:]
    assert outcomes["gdp"] == pytest.approx(frame["gdp"].mean(), rel=1e-12)
    assert outcomes["sd_inflation"] == pytest.approx(frame["inflation"].std(ddof=1), rel=1e-12)


# --- failures
def test_a_failed_run_is_noted_and_the_rest_goes_on(tmp_path):
    sweep = read_sweep(settings())
    told = []
    run_sweep(sweep, tmp_path, failing(boom), lambda: told.append(1))
    assert len(told) == 8
    note = json.loads((tmp_path / "failed" / "run-2.json").read_text())
    assert note["error"] == "FloatingPointError: the books do not close"
    assert (note["run"], note["point"], note["seed"], note["separation_rate"]) == (2, 1, 1, 0.01)
    assert "in boom" in note["traceback"]
    results, indices = finish_sweep(sweep, tmp_path, tmp_path)
    assert set(results["failed"]) == {"2", "3"}
    assert (results["runs"], results["points"]) == (8, 4)
    assert np.isfinite(indices["value"]).all()
    summed = pd.read_csv(tmp_path / "summary.csv")
    assert summed["runs"].tolist() == [2, 0, 2, 2]
    assert summed["gdp"].isna().tolist() == [False, True, False, False]
    # whatever was wrong has been mended
    assert [run.number for run in unfinished(sweep, tmp_path)] == [2, 3]
    run_sweep(sweep, tmp_path, STREAM)
    assert finish_sweep(sweep, tmp_path, tmp_path)[0]["failed"] == {}
    assert list((tmp_path / "failed").iterdir()) == []


def test_parameters_that_exclude_each_other_fail_at_their_points_alone(tmp_path):
    sweep = read_sweep(settings(parameters={"num_banks": [2, 11]}, seeds=[1]))
    run_sweep(sweep, tmp_path, STREAM)
    results, _ = finish_sweep(sweep, tmp_path, tmp_path)
    assert results["failed"] == {"1": "num_banks must be at most num_households (10), got 11"}


def test_a_sweep_of_failures_is_an_error(tmp_path):
    sweep = read_sweep(settings())
    run_sweep(sweep, tmp_path, failing(fail))
    with pytest.raises(ConfigError, match="every run of the sweep failed, the first with: ValueError: nothing works"):
        finish_sweep(sweep, tmp_path, tmp_path)


# --- the same results, whoever runs them, in one go or not
@pytest.mark.slow
def test_two_processes_write_the_same_bytes(tmp_path):
    sweep = read_sweep(settings(agent_tables=["firm"]))
    run_sweep(sweep, tmp_path / "here", STREAM)
    with executor("process", 2) as execute:
        run_sweep(sweep, tmp_path / "there", execute.stream)
    assert files(tmp_path / "here") == files(tmp_path / "there")


def test_what_is_there_is_not_run_again(tmp_path):
    sweep = read_sweep(settings())
    run_sweep(sweep, tmp_path, STREAM)
    before = files(tmp_path)
    sweep.runs()[3].path(tmp_path).unlink()
    run_sweep(sweep, tmp_path, lambda function, tasks: STREAM(function, check_only(tasks, 3)))
    assert files(tmp_path) == before
    with pytest.raises(ConfigError, match=r"design\.csv holds other points"):
        run_sweep(read_sweep(settings(parameters={"separation_rate": [0.02]})), tmp_path, STREAM)


def check_only(tasks, number):
    assert [task.number for task in tasks] == [number]
    return tasks


@pytest.mark.slow
def test_a_killed_sweep_goes_on_to_the_same_bytes(tmp_path):
    path = tmp_path / "sweep.yaml"
    path.write_text(yaml.safe_dump(settings(design="morris", samples=8, seeds=3, parameters={
        "separation_rate": [0.01, 0.03], "quote_noise": [0.05, 0.2, "log"],
    }, sim_length=60)))  # fmt: skip
    arguments = [sys.executable, str(ROOT / "run_model.py"), "--mode", "sweep", "--workers", "2"]

    def start(*more):
        return subprocess.Popen(
            [*arguments, *map(str, more)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            start_new_session=True,
        )  # fmt: skip

    for attempt in range(10):  # a busy machine may kill it too late
        killed = start("--config", path, "--output-dir", tmp_path / f"killed{attempt}")
        while len(list(tmp_path.glob(f"killed{attempt}/*/data/model/*/run-*"))) < 5 and killed.poll() is None:
            time.sleep(0.01)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(killed.pid, signal.SIGKILL)
        out, err = killed.communicate()
        (folder,) = (tmp_path / f"killed{attempt}").iterdir()
        done = {file: file.stat().st_mtime_ns for file in folder.glob("data/model/*/run-*")}
        if len(done) < 72:
            break
    assert 5 <= len(done) < 72, err
    out, err = start("--resume", folder).communicate(timeout=900)
    assert out.splitlines()[-1] == str(folder), err
    assert {file: file.stat().st_mtime_ns for file in done} == done
    out, err = start("--config", path, "--output-dir", tmp_path / "whole").communicate(timeout=900)
    whole = Path(out.splitlines()[-1])
    assert files(folder / "data") == files(whole / "data")
    assert (folder / "results.json").read_bytes() == (whole / "results.json").read_bytes()
    assert (folder / "plots" / "sensitivity.png").read_bytes().startswith(b"\x89PNG")


# --- the command
def test_the_command_writes_a_run_folder(tmp_path, capsys):
    path = tmp_path / "sweep.yaml"
    path.write_text(yaml.safe_dump(settings(policy=["rule", {"firm": "random"}])))
    arguments = ["--mode", "sweep", "--config", str(path), "--sim-length", "4", "--set", "num_firms=4"]
    assert run_model.main([*arguments, "--output-dir", str(tmp_path)]) == 0
    folder = Path(capsys.readouterr().out.splitlines()[-1])
    assert {"config.yaml", "run.json", "results.json", "plots", "data"} <= {p.name for p in folder.iterdir()}
    described = yaml.safe_load((folder / "config.yaml").read_text())
    assert described["sim_length"] == 4
    assert described["model"]["num_firms"] == 4
    results = json.loads((folder / "results.json").read_text())
    assert set(results["sensitivity"]) == {"rule", "firm: random"}
    assert set(results["sensitivity"]["rule"]["gdp"]) == {"separation_rate", "bank_pricing"}
    assert len(list((folder / "plots").iterdir())) == 2
    before = files(folder)
    assert run_model.main(["--mode", "sweep", "--resume", str(folder)]) == 0  # nothing is left to do
    assert files(folder) == before


WRONG = {
    "an unknown key": {"desing": "grid"},
    "an unknown design": {"design": "halton"},
    "no parameters": {"parameters": {}},
    "parameters as a list": {"parameters": ["separation_rate"]},
    "an unknown parameter": {"parameters": {"separation": [0.1]}},
    "a value out of bounds": {"parameters": {"separation_rate": [0.1, 7.0]}},
    "a value of the wrong type": {"parameters": {"num_firms": [2.5]}},
    "an unknown choice": {"parameters": {"bank_pricing": ["spread", "markup"]}},
    "no values": {"parameters": {"separation_rate": []}},
    "a single value": {"parameters": {"separation_rate": 0.1}},
    "repeated values": {"parameters": {"separation_rate": [0.1, 0.1]}},
    "a grid's range without levels": {"parameters": {"separation_rate": {"low": 0.1, "high": 0.2}}},
    "one level": {"parameters": {"separation_rate": {"low": 0.1, "high": 0.2, "levels": 1}}},
    "an empty range": {"design": "lhs", "parameters": {"separation_rate": [0.2, 0.1]}},
    "a logarithm of zero": {"design": "lhs", "parameters": {"separation_rate": [0, 0.1, "log"]}},
    "infinity": {"design": "lhs", "parameters": {"separation_rate": [0.1, float("inf")]}},
    "a sobol design of one": {"design": "sobol", "parameters": {"separation_rate": [0.1, 0.2]}},
    "samples of no power of two": {"design": "sobol", "samples": 12},
    "no samples": {"design": "lhs", "samples": 0},
    "seeds below zero": {"seeds": [-1]},
    "no seeds": {"seeds": 0},
    "repeated seeds": {"seeds": [1, 1]},
    "seeds as text": {"seeds": "many"},
    "half a month": {"sim_length": 1.5},
    "a burn-in of everything": {"burn_in": 5},
    "an unknown policy": {"policy": ["rule", "best"]},
    "no policy": {"policy": []},
    "an unknown base parameter": {"model": {"num_firm": 3}},
    "a shock of no kind": {"shocks": [{"kind": "war", "size": 1.0, "start": 1}]},
    "a model as a list": {"model": [1]},
    "an unknown outcome": {"outcomes": ["happiness"]},
    "an unknown agent type": {"agent_tables": ["banker"]},
    "too many runs": {"parameters": {"separation_rate": {"low": 0.1, "high": 0.2, "levels": 1000}}, "seeds": 2000},
}


@pytest.mark.parametrize("changes", WRONG.values(), ids=WRONG)
def test_wrong_settings_are_refused_in_one_line(changes, tmp_path, capsys):
    with pytest.raises(ConfigError) as refusal:
        read_sweep(settings(**changes))
    assert "\n" not in str(refusal.value)
    path = tmp_path / "sweep.yaml"
    path.write_text(yaml.safe_dump(settings(**changes)))
    assert run_model.main(["--mode", "sweep", "--config", str(path), "--output-dir", str(tmp_path / "out")]) == 2
    out, err = capsys.readouterr()
    assert (out, err) == ("", f"error: {refusal.value}\n")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "arguments",
    [[], ["--config", "no/such.yaml"], ["--resume", "no/such/folder"], ["--resume", "."], ["--engine", "threads"],
     ["--set", "ppo.household.gamma=0.9"]],
)  # fmt: skip
def test_wrong_flags_of_a_sweep_are_refused_in_one_line(arguments, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if arguments[:1] in (["--engine"], ["--set"]):
        Path("sweep.yaml").write_text(yaml.safe_dump(settings()))
        arguments = [*arguments, "--config", "sweep.yaml"]
    assert run_model.main(["--mode", "sweep", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert len(err.splitlines()) == 1


def test_every_setting_has_a_default():
    sweep = read_sweep({"parameters": {"separation_rate": [0.01]}})
    assert (sweep.design, sweep.seeds, sweep.months, sweep.policies) == ("grid", (10_000,), 120, ("rule",))
    assert set(SETTINGS["outcomes"]) == set(sweep.outcomes)


def test_seeds_are_the_same_at_every_point():
    sweep = read_sweep(settings(design="lhs", samples=3, parameters={"quote_noise": [0.05, 0.2]}, seeds=2))
    assert [run.seed for run in sweep.runs()] == [10_000, 10_001] * 3
    assert [run.point for run in sweep.runs()] == [0, 0, 1, 1, 2, 2]


def test_sensitivities_are_of_complete_points_only(tmp_path):
    sweep = read_sweep(settings())
    run_sweep(sweep, tmp_path, STREAM)
    runs = run_table(sweep, tmp_path)
    complete = sensitivities(sweep, summary(sweep, runs))
    runs.loc[0, "error"], runs.loc[0, "gdp"] = "gone", 1e6  # one of the two seeds of the first point
    assert not sensitivities(sweep, summary(sweep, runs)).equals(complete)
    assert (sensitivities(sweep, summary(sweep, runs))["value"].dropna() <= 1.0 + 1e-9).all()
