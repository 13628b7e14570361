"""Experiments from the command line: runs and pairs, what is written, how one stops and goes on."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
import yaml

import run_model
from macro_mesa.experiments.scenario import read_scenario
from macro_mesa.shocks import SHOCK_KINDS, read_shocks
from policies.executors import Serial

ROOT = Path(run_model.__file__).parent
CREDIT_CRISIS = ["--mode", "experiment", "--experiment", "credit_crisis", "--pairs", "2", "--sim-length", "18"]
TINY = ["--num-households", "10", "--num-firms", "3", "--num-banks", "2"]


@pytest.fixture
def runs(checkpoint, tmp_path) -> list[str]:
    """Two run folders, as two trainings leave them."""
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        shutil.copytree(checkpoint, folder / "models" / "best")
    return [str(folder) for folder in folders]


@pytest.fixture
def written(tmp_path, capsys, monkeypatch):
    """Runs a command that must succeed; returns the folder it wrote, its figures left blank."""
    monkeypatch.setattr("visualization.plots.save_figure", lambda figure, path: path.touch())

    def run(*arguments: str) -> Path:
        assert run_model.main([*arguments, "--output-dir", str(tmp_path / "output")]) == 0
        return Path(capsys.readouterr().out.splitlines()[-1])

    return run


def test_an_experiment_over_several_runs(runs, written, checkpoint):
    folder = written(*CREDIT_CRISIS, "--model-path", *runs, "--held-out-seed", "12000")
    results = json.loads((folder / "results.json").read_text())
    assert results["experiment"] == "credit_crisis"
    assert results["seeds"] == [12_000, 12_001]
    assert results["runs"] == {"learned": 2, "rule": 1}
    assert results["arms"]["learned"] == [f"{run}/models/best" for run in runs]
    assert set(results["estimates"]) == {"learned", "rule"}
    names = ["config.yaml", "logs", "plots", "results.json", "run.json"]
    assert sorted(path.name for path in folder.iterdir()) == names
    assert [path.name for path in (folder / "logs").iterdir()] == ["responses.csv"]
    assert sorted(path.name for path in (folder / "plots").iterdir()) == ["hazard_x_10.png", "hazard_x_30.png"]
    settings = yaml.safe_load((folder / "config.yaml").read_text())
    assert settings["model"]["num_households"] == 10  # the economy that the runs were trained in
    assert read_scenario(folder / "config.yaml")["training"] == {"sim_length": 18}
    # two equal runs are no more than one: means agree
    alone = written(*CREDIT_CRISIS, "--model-path", runs[0], "--held-out-seed", "12000")
    once, twice = (pd.read_csv(one / "logs" / "responses.csv") for one in (alone, folder))
    pd.testing.assert_series_equal(once["mean"], twice["mean"])


def test_shipped_policies_are_the_default_and_policies_may_be_named():
    options = run_model.parse(["--mode", "experiment", "--experiment", "inequality"])
    arms, _ = run_model.experiment_arms(options, run_model.configuration(options))
    shipped = json.loads((ROOT / "policies" / "pretrained" / "index.json").read_text())
    assert [Path(choice).name for choice in arms["learned"]] == shipped
    assert arms["rule"] == ["rule"]
    options = run_model.parse(["--mode", "experiment", "--experiment", "inequality", "--policy", "random", *TINY])
    arms, parameters = run_model.experiment_arms(options, run_model.configuration(options))
    assert arms == {"random": ["random"], "rule": ["rule"]}
    assert parameters == {"num_households": 10, "num_firms": 3, "num_banks": 2}


def test_runs_of_other_economies_are_not_pooled(runs, capsys, monkeypatch):
    from policies import runs as trained_runs

    original = trained_runs.load_checkpoint

    def other_economy(path):
        arrays, meta = original(path)
        return arrays, {**meta, "parameters": {**meta["parameters"], "num_firms": len(str(path))}}

    shutil.move(runs[1], runs[1] + "_longer")
    monkeypatch.setattr(trained_runs, "load_checkpoint", other_economy)
    assert run_model.main([*CREDIT_CRISIS, "--model-path", runs[0], runs[1] + "_longer"]) == 2
    assert "different parameters" in capsys.readouterr().err


def test_an_interrupted_experiment_goes_on_with_what_is_done(written, tmp_path, capsys, monkeypatch):
    arguments = [*CREDIT_CRISIS, "--policy", "rule", *TINY, "--pairs", "3"]
    done = []

    def stream(self, function, tasks):
        for finished in original(self, function, tasks):
            if len(done) == 2:
                raise KeyboardInterrupt
            done.append(finished.place)
            yield finished

    original = Serial.stream
    monkeypatch.setattr(Serial, "stream", stream)
    assert run_model.main([*arguments, "--output-dir", str(tmp_path / "output")]) == 130
    out, err = capsys.readouterr()
    (folder,) = (tmp_path / "output").iterdir()
    assert out == ""
    assert f"--resume {folder}" in err
    kept = list((folder / "tasks").iterdir())
    assert len(kept) >= 2
    monkeypatch.setattr(Serial, "stream", original)
    stamps = {path: path.stat().st_mtime_ns for path in kept}
    changes = {"with pairs 3, not 4": ["--pairs", "4"], "with model.num_firms 3, not 4": ["--num-firms", "4"]}
    for told, others in changes.items():
        assert run_model.main([*arguments, *others, "--resume", str(folder)]) == 2
        assert told in capsys.readouterr().err
    resumed = written(*arguments, "--resume", str(folder))
    assert resumed == folder
    assert not (folder / "tasks").exists()
    assert len(stamps) == len(kept)
    whole = written(*arguments)
    assert (whole / "results.json").read_text() == (folder / "results.json").read_text()


@pytest.mark.slow
def test_results_do_not_depend_on_the_workers(written):
    one, two = (written(*CREDIT_CRISIS, "--policy", "rule", *TINY, "--workers", str(n)) for n in (1, 2))
    assert (one / "results.json").read_bytes() == (two / "results.json").read_bytes()
    assert (one / "logs" / "responses.csv").read_bytes() == (two / "logs" / "responses.csv").read_bytes()


# --- scenarios
def test_the_example_scenario_dates_every_kind_of_shock_and_runs(written):
    path = ROOT / "examples" / "shocks.yaml"
    shocks = read_shocks(read_scenario(path)["shocks"])
    assert {shock.kind for shock in shocks} == set(SHOCK_KINDS)
    months = max(shock.start + shock.duration for shock in shocks)
    folder = written("--config", str(path), "--sim-length", str(months))
    history = pd.read_csv(folder / "logs" / "simulation_history.csv")
    assert len(history) == months + 1
    described = yaml.safe_load((folder / "config.yaml").read_text())
    assert [shock.as_dict() for shock in shocks] == described["shocks"]
