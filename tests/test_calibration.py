"""Calibration: finds what is known, the same for any number of workers, and goes on where it stopped."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from conftest import SMALL, economy, history

import run_model
from macro_mesa.config import ConfigError
from macro_mesa.evidence.stylised_facts import MOMENTS, united_states
from macro_mesa.experiments.calibration import (
    FARTHEST,
    Target,
    business_cycle,
    calibrate,
    finish_calibration,
    judge,
    measure,
    read_calibration,
    us_targets,
)
from policies.executors import Serial, executor

STREAM = Serial().stream
KNOWN = {"separation_rate": 0.02, "firm_payout": 0.7}


def settings(**changes) -> dict:
    default = {
        "parameters": {"separation_rate": [0.0, 0.1], "firm_payout": [0.0, 1.0]}, "trials": 6, "batch": 4,
        "seeds": [1, 2], "sim_length": 72, "burn_in": 12, "model": SMALL, "moments": ["sd_output", "okun_slope"],
    }  # fmt: skip
    return default | changes


def simple(**changes):
    """A calibration of the parameters themselves, whose best point is known."""
    targets = {name: Target(value, 0.1) for name, value in KNOWN.items()}
    return replace(read_calibration(settings(**changes)), targets=targets)


def itself(function, runs):
    """Hands back each point as its own moments."""
    return STREAM(parameters_of, runs)


def parameters_of(run):
    return dict(run.parameters)


def sometimes(function, runs):
    return STREAM(fail_above, runs)


def fail_above(run):
    if run.parameters["firm_payout"] > 0.5:
        raise FloatingPointError("too much")
    return dict(run.parameters)


def mean_unemployment(history: pd.DataFrame) -> dict[str, float]:
    return {"mean": float(history["unemployment"].mean())}


# --- the search
def test_the_search_finds_what_is_known(tmp_path):
    trials = calibrate(simple(trials=80), tmp_path, itself)
    best = min(trials, key=lambda trial: trial["loss"])
    assert best["loss"] < 0.1
    assert best["parameters"] == pytest.approx(KNOWN, abs=0.05)
    random = np.median([trial["loss"] for trial in trials[:10]])
    assert best["loss"] < 0.1 * random
    assert json.loads((tmp_path / "trials.json").read_text()) == trials


def test_an_interrupted_search_goes_on_to_the_same_trials(tmp_path):
    for name in ("whole", "stopped", "other"):
        (tmp_path / name).mkdir()
    whole = calibrate(simple(trials=30), tmp_path / "whole", itself)
    batches = []

    def stopping(function, runs):
        batches.append(runs)
        if len(batches) == 5:
            raise KeyboardInterrupt
        return itself(function, runs)

    with pytest.raises(KeyboardInterrupt):
        calibrate(simple(trials=30), tmp_path / "stopped", stopping)
    assert len(json.loads((tmp_path / "stopped" / "trials.json").read_text())) == 16
    assert calibrate(simple(trials=30), tmp_path / "stopped", itself) == whole
    assert calibrate(simple(trials=30, seed=1), tmp_path / "other", itself) != whole


def test_failed_trials_are_noted_and_avoided(tmp_path):
    trials = calibrate(simple(trials=40), tmp_path, sometimes)
    failed = [trial for trial in trials if "error" in trial]
    assert failed
    assert all(trial["error"] == "too much" for trial in failed)
    assert all(trial["parameters"]["firm_payout"] > 0.5 for trial in failed)
    assert calibrate(simple(trials=40), tmp_path, sometimes) == trials
    with pytest.raises(ConfigError, match="every trial of the calibration failed, the first with: too much"):
        finish_calibration(simple(), failed, sometimes)


@pytest.mark.slow
def test_the_search_does_not_depend_on_the_number_of_workers(tmp_path):
    calibration = read_calibration(settings())
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
    here = calibrate(calibration, tmp_path / "here", STREAM)
    with executor("process", 2) as execute:
        assert calibrate(calibration, tmp_path / "there", execute.stream) == here


# --- how a point is judged
def test_a_point_is_worth_its_medians_over_seeds():
    targets = {"mean": Target(0.1, 0.05)}
    calibration = replace(read_calibration(settings(seeds=[1, 2, 4])), moments=mean_unemployment, targets=targets)
    (found,) = judge(calibration, [{"separation_rate": 0.05}], calibration.seeds, STREAM)
    means = [
        history(economy(rng=seed, months=72, separation_rate=0.05)).iloc[13:]["unemployment"].mean()
        for seed in (1, 2, 4)
    ]  # fmt: skip
    assert found["moments"]["mean"] == pytest.approx(np.median(means), rel=1e-12)
    assert found["loss"] == pytest.approx(((np.median(means) - 0.1) / 0.05) ** 2, rel=1e-12)


def test_moments_that_are_far_or_do_not_exist_count_alike():
    calibration = simple()
    assert calibration.loss({"separation_rate": 0.02, "firm_payout": 0.7}) == 0.0
    assert calibration.loss({"separation_rate": 0.12, "firm_payout": 0.7}) == pytest.approx(0.5)
    for value in (float("nan"), 1e9):
        assert calibration.loss({"separation_rate": 0.02, "firm_payout": value}) == FARTHEST**2 / 2


def test_moments_of_a_history_are_those_of_the_data():
    """US quarters spread over three equal months give US moments."""
    data = united_states()
    months = data.loc[data.index.repeat(3)].reset_index(drop=True)
    columns = {
        "gdp": months["output"] / 3, "consumption": months["consumption"] / 3, "investment": months["investment"] / 3,
        "inventories": 0.0 * months["output"], "unemployment": months["unemployment"] / 100,
        "price_level": months["prices"], "policy_rate": months["rate"] / 100,
    }  # fmt: skip
    found, targets = business_cycle(pd.DataFrame(columns)), us_targets(list(MOMENTS))
    for name, target in targets.items():
        assert found[name] == pytest.approx(target.value, rel=1e-6)
        assert target.scale > 0.0


def test_a_run_leaves_out_opening_and_burn_in():
    run = read_calibration(settings()).runs([{}], [3])[0]
    expected = history(economy(rng=3, months=72)).iloc[13:]
    assert measure(mean_unemployment, 12, run) == mean_unemployment(expected)


# --- settings and the command
WRONG = {
    "an unknown key": {"trial": 5},
    "no parameters": {"parameters": {}},
    "a range of one": {"parameters": {"separation_rate": [0.1, 0.1]}},
    "no trials": {"trials": 0},
    "an unknown moment": {"moments": ["happiness"]},
    "no moments": {"moments": []},
    "held-out seeds": {"seeds": [10_000]},
    "too few months": {"sim_length": 60},
    "an unknown policy": {"policy": "best"},
}


@pytest.mark.parametrize("changes", WRONG.values(), ids=WRONG)
def test_wrong_settings_are_refused_in_one_line(changes, tmp_path, capsys):
    path = tmp_path / "calibration.yaml"
    path.write_text(yaml.safe_dump(settings(**changes)))
    assert run_model.main(["--mode", "calibrate", "--config", str(path), "--output-dir", str(tmp_path / "out")]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert len(err.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_the_command_writes_a_run_folder_and_resumes(tmp_path, capsys):
    path = tmp_path / "calibration.yaml"
    path.write_text(yaml.safe_dump(settings()))
    assert run_model.main(["--mode", "calibrate", "--config", str(path), "--output-dir", str(tmp_path / "out")]) == 0
    folder = Path(capsys.readouterr().out.splitlines()[-1])
    results = json.loads((folder / "results.json").read_text())
    trials = json.loads((folder / "trials.json").read_text())
    assert results["trials"] == len(trials) == 6
    assert results["loss"] == min(trial["loss"] for trial in trials)
    assert results["held_out_seeds"] == [10_000, 10_001]
    assert set(results["held_out"]["moments"]) == {"sd_output", "okun_slope"}
    (now,) = judge(read_calibration(settings()), [{}], [10_000, 10_001], STREAM)
    assert results["held_out"]["loss"]["now"] == now["loss"]
    assert (folder / "plots" / "calibration.png").read_bytes().startswith(b"\x89PNG")
    (folder / "trials.json").write_text(json.dumps(trials[:4]))
    assert run_model.main(["--mode", "calibrate", "--resume", str(folder)]) == 0
    assert json.loads((folder / "trials.json").read_text()) == trials
    (folder / "trials.json").write_text(json.dumps([{"parameters": {"quote_noise": 0.1}, "error": "x"}]))
    assert run_model.main(["--mode", "calibrate", "--resume", str(folder)]) == 2
    (folder / "trials.json").write_text("[{")
    assert run_model.main(["--mode", "calibrate", "--resume", str(folder)]) == 2
    assert "cannot resume" in capsys.readouterr().err


def test_the_examples_can_be_read():
    from macro_mesa.experiments.sweep import read_sweep

    examples = Path(run_model.__file__).parent / "examples"
    sweep = read_sweep(yaml.safe_load((examples / "sweep.yaml").read_text()))
    assert len(sweep.runs()) == 448
    calibration = read_calibration(yaml.safe_load((examples / "calibration.yaml").read_text()))
    assert calibration.batch == 8
