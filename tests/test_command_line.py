"""The command line: what it writes, what it refuses, and how it stops."""

import csv
import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from conftest import CONTRACT_COLUMNS, economy, history

import run_model
from macro_mesa import MacroModel
from macro_mesa.rules import RuleOfThumb
from macro_mesa.spaces import AGENT_TYPES
from policies.checkpoint import load_checkpoint, save_checkpoint

ROOT = Path(run_model.__file__).parent
TINY = ["--num-households", "10", "--num-firms", "3", "--num-banks", "2", "--sim-length", "8"]
TINY_TRAINING = [
    "--mode", "train", *TINY, "--epochs", "2", "--episodes", "2", "--set", "training.economies=2",
    "--set", "training.rollout_months=4", "--set", "training.validation_economies=1",
    "--set", "training.checkpoint_interval=1", "--set", "training.threads=1",
]  # fmt: skip
PLOTS = ["agent_rewards.png", "macro_variables.png", "policy_transmission.png", "training_curves.png"]

WRONG_FLAGS = {
    "unknown flag": ["--num-household", "5"],
    "unknown mode": ["--mode", "dance"],
    "wrong type": ["--epochs", "many"],
    "flag without value": ["--seed"],
    "unknown key": ["--set", "num_household=5"],
    "unknown section": ["--set", "modle.num_firms=5"],
    "no assignment": ["--set", "num_firms"],
    "wrong type in set": ["--set", "num_firms=many"],
    "a list for a number": ["--set", "num_firms=[1,2]"],
    "a mapping for a number": ["--set", "num_firms.x=1"],
    "NaN": ["--set", "default_hazard=NaN"],
    "infinity": ["--set", "default_hazard=.inf"],
    "zero households": ["--num-households", "0"],
    "negative firms": ["--num-firms", "-3"],
    "zero banks": ["--num-banks", "0"],
    "more banks than households": ["--num-households", "10", "--num-firms", "3", "--num-banks", "11"],
    "more firms than workers": ["--num-households", "10", "--num-firms", "10", "--num-banks", "2"],
    "zero months": ["--sim-length", "0"],
    "negative months": ["--sim-length", "-5"],
    "half a month": ["--set", "training.sim_length=1.5"],
    "zero workers": ["--workers", "0"],
    "zero episodes": ["--episodes", "0"],
    "negative seed": ["--seed", "-1"],
    "unknown policy": ["--policy", "best"],
    "policy of another type": ["--policy", "taylor"],
    "shock without a size": ["--shock", "kind=cost"],
    "shock without meaning": ["--shock", "war"],
    "shock of no kind": ["--shock", "kind=war,size=1,start=1"],
    "shock of no size": ["--shock", "kind=cost,size=nan,start=1"],
    "shock before the start": ["--shock", "kind=cost,size=1,start=0"],
    "unknown training key": ["--mode", "train", "--set", "training.epoch=5"],
    "zero epochs": ["--mode", "train", "--epochs", "0"],
    "training of the wrong type": ["--mode", "train", "--set", "training.economies=few"],
    "unknown agent type": ["--mode", "train", "--set", "ppo.hausehold.gamma=0.9"],
    "unknown ppo key": ["--mode", "train", "--set", "ppo.household.gama=0.9"],
    "gamma of one": ["--mode", "train", "--set", "ppo.household.gamma=1"],
    "ppo of the wrong type": ["--mode", "train", "--set", "ppo.household=3"],
    "eval of nothing": ["--mode", "eval"],
    "eval of a missing folder": ["--mode", "eval", "--model-path", "no/such/folder"],
    "simulation of a missing folder": ["--model-path", "no/such/folder"],
    "resuming a missing folder": ["--mode", "train", "--resume", "no/such/folder"],
    "experiment without a name": ["--mode", "experiment"],
    "unknown experiment": ["--mode", "experiment", "--experiment", "war"],
    "experiment of zero pairs": ["--mode", "experiment", "--experiment", "inequality", "--pairs", "0"],
    "experiment too short": ["--mode", "experiment", "--experiment", "monetary_shock", "--sim-length", "17"],
    "experiment on a missing run": ["--mode", "experiment", "--experiment", "ablation", "--model-path", "no/such/run"],
    "experiment on an unknown policy": ["--mode", "experiment", "--experiment", "ablation", "--policy", "best"],
    "experiment on a run and a policy": [
        "--mode", "experiment", "--experiment", "ablation", "--policy", "rule", "--model-path", "run",
    ],
    "resuming no experiment": ["--mode", "experiment", "--experiment", "inequality", "--resume", "no/such/folder"],
    "two runs to simulate": ["--model-path", "one", "two"],
    "two runs to evaluate": ["--mode", "eval", "--model-path", "one", "two"],
    "missing config": ["--config", "no/such/file.yaml"],
}
WRONG_CONFIGS = {
    "not YAML": "model: [1, 2",
    "not text": b"\xff\xfe\x00\x80",
    "empty": "",
    "a list": "- model",
    "a number": "5",
    "unknown section": "modle: {}",
    "unknown key": "model: {num_household: 5}",
    "wrong type": "model: {num_firms: many}",
    "a section of the wrong type": "model: 5",
    "NaN": "model: {default_hazard: .nan}",
    "a number for a key": "model: {1: 2}",
    "a number for a training key": "training: {1: 2}",
    "a number for a ppo key": "ppo: {household: {1: 2}}",
    "unknown agent type": "ppo: {hausehold: {gamma: 0.9}}",
    "shocks of the wrong type": "shocks: {kind: cost}",
    "no shock": "shocks: [5]",
    "a list for a shock's kind": "shocks: [{kind: [cost], size: 1.0, start: 1}]",
    "a number for a policy": "policy: 5",
    "a policy of nobody": "policy: {banker: rule}",
    "a null for a policy": "policy: {firm: null}",
}


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, str(ROOT / "run_model.py"), *map(str, arguments)]


def check_refusal(code: int, out: str, err: str) -> str:
    """Exit code 2 and one line on stderr, nothing else; returns the line."""
    assert code == 2, err
    assert out == ""
    lines = err.splitlines()
    assert len(lines) == 1, err
    assert lines[0].startswith("error: ")
    assert "Traceback" not in err
    return lines[0]


@pytest.fixture
def refused(tmp_path, capsys):
    """Runs a command in this process that must be refused and must write nothing."""

    def run(*arguments: str | Path, output: Path | None = None) -> str:
        folder = output or tmp_path / "output"
        code = run_model.main([*map(str, arguments), "--output-dir", str(folder)])
        line = check_refusal(code, *capsys.readouterr())
        assert not (tmp_path / "output").exists()
        return line

    return run


@pytest.fixture
def written(tmp_path, capsys, monkeypatch):
    """Runs a command in this process that must succeed; returns the folder it wrote, its figures left blank."""
    monkeypatch.setattr("visualization.plots.save_figure", lambda figure, path: path.touch())

    def run(*arguments: str | Path) -> Path:
        assert run_model.main([*map(str, arguments), "--output-dir", str(tmp_path / "output")]) == 0
        folder = Path(capsys.readouterr().out.splitlines()[-1])
        assert folder.is_dir()
        return folder

    return run


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """The run folder of a tiny training; the rate rise is shown on two pairs."""
    output = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_model, "HELD_OUT_PAIRS", 2)
        assert run_model.main([*TINY_TRAINING, "--output-dir", str(output)]) == 0
    (folder,) = output.iterdir()
    return folder


@pytest.fixture
def few_pairs(monkeypatch):
    monkeypatch.setattr(run_model, "HELD_OUT_PAIRS", 2)


def check_history(path: Path, months: int) -> pd.DataFrame:
    frame = pd.read_csv(path)
    assert set(CONTRACT_COLUMNS) <= set(frame.columns)
    assert frame.month.tolist() == list(range(months + 1))
    assert np.isfinite(frame.to_numpy()).all()
    assert frame.accounting_residual.max() < 1e-9
    return frame


def check_results(path: Path, seeds: list[int]) -> dict:
    results = json.loads(path.read_text())
    assert results["seeds"] == seeds
    for kind in AGENT_TYPES:
        for name in ("learned", "random", "rule"):
            found = results["returns"][kind][name]
            low, high = found["ci"]
            assert low <= found["mean"] <= high
    assert set(results["macro"]) == {"learned", "random", "rule"}
    return results


# --- what is refused
@pytest.mark.parametrize("arguments", WRONG_FLAGS.values(), ids=WRONG_FLAGS)
def test_wrong_flags_are_refused_in_one_line(arguments, refused):
    refused(*arguments)


@pytest.mark.parametrize("mode", ["simulate", "train"])
@pytest.mark.parametrize("content", WRONG_CONFIGS.values(), ids=WRONG_CONFIGS)
def test_wrong_settings_files_are_refused_in_one_line(content, mode, refused, tmp_path):
    path = tmp_path / "settings.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    # short, should one be taken after all
    refused("--mode", mode, "--config", path, "--epochs", "1", "--sim-length", "2")


def test_a_refusal_names_what_is_meant(refused):
    assert "did you mean num_households" in refused("--set", "num_household=5")
    line = refused(*WRONG_FLAGS["more banks than households"])
    assert "num_banks must be at most num_households (10), got 11" in line


@pytest.mark.parametrize("mode", ["eval", "simulate", "resume"])
@pytest.mark.parametrize("fault", ["empty", "truncated", "flipped", "pickle", "foreign", "other economy"])
def test_wrong_checkpoints_are_refused_in_one_line(fault, mode, trained, refused, tmp_path):
    folder = tmp_path / "run"
    which = folder / "models" / ("last" if mode == "resume" else "best")
    shutil.copytree(trained, folder)
    weights, manifest = which / "weights.safetensors", which / "manifest.json"
    if fault == "empty":
        shutil.rmtree(which)
        which.mkdir()
    elif fault == "truncated":
        weights.write_bytes(weights.read_bytes()[:-50])
    elif fault == "flipped":
        content = bytearray(weights.read_bytes())
        content[-5] ^= 1
        weights.write_bytes(content)
    elif fault == "pickle":
        weights.write_bytes(pickle.dumps({"household": 1}))
    elif fault == "foreign":
        manifest.write_text('{"format": "another project"}')
    else:
        arrays, meta = load_checkpoint(which)
        for kind in AGENT_TYPES:
            meta["spaces"][kind]["observations"].append("the future")
            meta["learners"][kind]["observation_size"] += 1
        save_checkpoint(which, arrays, meta)
    before = sorted(path for path in folder.rglob("*"))
    if mode == "resume":
        refused("--mode", "train", "--resume", folder)
    else:
        refused("--mode", mode, "--model-path", folder)
    assert sorted(path for path in folder.rglob("*")) == before


def test_a_folder_that_is_no_training_is_not_touched(refused, tmp_path):
    folder = tmp_path / "letters"
    folder.mkdir()
    refused("--mode", "train", "--resume", folder)
    assert list(folder.iterdir()) == []


def test_a_training_cannot_be_resumed_to_nothing(refused, trained):
    assert "epochs must be" in refused("--mode", "train", "--resume", trained, "--epochs", "0")


@pytest.mark.parametrize("mode", ["simulate", "train"])
def test_an_output_folder_that_cannot_be_is_refused(mode, refused, tmp_path):
    (tmp_path / "file").write_text("mine")
    line = refused("--mode", mode, *TINY, "--epochs", "1", output=tmp_path / "file" / "below")
    assert "cannot write to" in line
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write everywhere")
def test_an_output_folder_without_permission_is_refused(refused, tmp_path):
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o555)
    assert "cannot write to" in refused(*TINY, output=locked)


# --- simulate
def test_a_simulation_is_the_model_s_history(written):
    folder = written(*TINY, "--seed", "5", "--policy", "random", "--shock", "kind=demand,size=0.2,start=3,duration=2")
    frame = check_history(folder / "logs" / "simulation_history.csv", 8)
    shock = {"kind": "demand", "size": 0.2, "start": 3, "duration": 2}
    model = economy(months=8, rng=5, policy="random", shocks=[shock])
    np.testing.assert_allclose(frame.to_numpy(), history(model).to_numpy(), rtol=1e-12, atol=1e-15)
    assert (folder / "plots" / "macro_variables.png").exists()
    described = yaml.safe_load((folder / "config.yaml").read_text())
    assert described["model"]["num_households"] == 10
    assert described["shocks"] == [shock]
    assert json.loads((folder / "run.json").read_text())["seeds"] == {"run": 5}


def test_a_simulation_is_of_the_learned_economy_unless_told_otherwise(written, tmp_path):
    path = tmp_path / "settings.yaml"
    path.write_text("policy: random\n")
    for arguments, policy in (
        ((), "pretrained"), (("--policy", "rule"), "rule"), (("--config", path), "random"),
        (("--config", path, "--policy", "rule"), "rule"),
    ):  # fmt: skip
        folder = written(*arguments, "--sim-length", "2")
        described = yaml.safe_load((folder / "config.yaml").read_text())
        assert described["policy"] == policy
        assert [described["model"][f"num_{kind}"] for kind in ("households", "firms", "banks")] == [100, 20, 5]
    model = economy((100, 20, 5), months=2, rng=0, policy="pretrained")
    simulated = pd.read_csv(written("--sim-length", "2") / "logs" / "simulation_history.csv")
    np.testing.assert_allclose(simulated.to_numpy(), history(model).to_numpy(), rtol=1e-12, atol=1e-15)
    assert isinstance(MacroModel().policies["firm"], RuleOfThumb)  # the model itself keeps the rule


def test_settings_come_from_the_file_then_set_then_flags(written, tmp_path):
    path = tmp_path / "settings.yaml"
    path.write_text(
        "model: {num_households: 20, num_firms: 4, num_banks: 3}\n"
        "training: {sim_length: 5}\n"
        "policy: {firm: random}\n"
        "shocks: [{kind: cost, size: 0.1, start: 2}]\n"
    )
    folder = written("--config", path, "--set", "num_banks=1", "--set", "num_firms=5", "--num-firms", "6")
    described = yaml.safe_load((folder / "config.yaml").read_text())
    sizes = [described["model"][name] for name in ("num_households", "num_firms", "num_banks")]
    assert sizes == [20, 6, 1]
    assert described["policy"] == {"firm": "random"}
    check_history(folder / "logs" / "simulation_history.csv", 5)


def test_runs_never_share_a_folder(written):
    assert len({written(*TINY) for _ in range(3)}) == 3


def test_the_same_seed_is_the_same_file_and_another_is_another(written):
    one, two, other = (
        (written(*TINY, "--seed", seed) / "logs" / "simulation_history.csv").read_bytes() for seed in "112"
    )
    assert one == two != other


@pytest.mark.slow
def test_the_same_seed_is_the_same_file_in_other_processes(tmp_path):
    def simulate(seed):
        done = subprocess.run(
            command(*TINY, "--seed", seed, "--output-dir", tmp_path), capture_output=True, text=True, cwd=tmp_path
        )
        assert done.returncode == 0, done.stderr
        return (Path(done.stdout.splitlines()[-1]) / "logs" / "simulation_history.csv").read_bytes()

    one, two, other = (simulate(seed) for seed in (7, 7, 8))
    assert one == two != other


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [WRONG_FLAGS["unknown key"], WRONG_FLAGS["eval of a missing folder"]])
def test_a_process_refuses_as_main_does(arguments, tmp_path):
    done = subprocess.run(
        command(*arguments, "--output-dir", tmp_path / "output"), capture_output=True, text=True, cwd=tmp_path
    )
    check_refusal(done.returncode, done.stdout, done.stderr)
    assert list(tmp_path.iterdir()) == []


def test_help_lists_the_flags(capsys):
    with pytest.raises(SystemExit) as exit_:
        run_model.main(["--help"])
    assert exit_.value.code == 0
    out = capsys.readouterr().out
    assert all(flag in out for flag in ("--mode", "--epochs", "--model-path", "--resume", "--set", "--workers"))


# --- train, eval, resume
def test_a_training_writes_all_files_of_the_contract(trained):
    assert trained.name.startswith("experiment_")
    assert trained.name.endswith("_0")
    assert sorted(path.name for path in (trained / "plots").iterdir()) == PLOTS
    assert all((trained / "plots" / name).read_bytes().startswith(b"\x89PNG") for name in PLOTS)
    check_history(trained / "logs" / "simulation_history.csv", 8)
    check_results(trained / "results.json", [10_000, 10_001])
    statistics = json.loads((trained / "logs" / "train_stats.json").read_text())
    assert [entry["update"] for entry in statistics["updates"]] == [1, 2]
    run = json.loads((trained / "run.json").read_text())
    assert {"versions", "commit", "seeds", "command"} <= set(run)
    assert {"mesa", "torch", "numpy"} <= set(run["versions"])
    for name in ("best", "last"):
        _, meta = load_checkpoint(trained / "models" / name)
        assert meta["parameters"]["num_households"] == 10
    responses = pd.read_csv(trained / "logs" / "policy_transmission.csv")
    assert set(responses.policies) == {"learned", "rule of thumb"}
    rate = responses[responses.variable == "policy_rate"]
    assert rate[rate.month <= 12]["mean"].round(9).eq(1.0).all()
    assert rate[rate.month > 12]["mean"].round(9).eq(0.0).all()


def test_a_training_s_settings_may_be_used_again(trained):
    options = run_model.parse(["--config", str(trained / "config.yaml")])
    settings = run_model.configuration(options)
    assert settings["model"]["num_households"] == 10
    assert settings["training"]["economies"] == 2
    assert settings["training"]["epochs"] == 2


@pytest.mark.usefixtures("few_pairs")
def test_an_evaluation_compares_on_held_out_seeds(trained, written):
    folder = written("--mode", "eval", "--model-path", trained / "models" / "best", "--episodes", "2")
    results = check_results(folder / "results.json", [10_000, 10_001])
    assert results == json.loads((trained / "results.json").read_text())
    check_history(folder / "logs" / "simulation_history.csv", 8)
    assert sorted(path.name for path in (folder / "plots").iterdir()) == PLOTS
    other = written("--mode", "eval", "--model-path", trained, "--episodes", "1", "--held-out-seed", "20000")
    assert check_results(other / "results.json", [20_000])["returns"] != results["returns"]


def test_a_simulation_may_follow_a_checkpoint(trained, written):
    folder = written("--model-path", trained, *TINY, "--seed", "10000")
    with (folder / "logs" / "simulation_history.csv").open() as file:
        mine = list(csv.reader(file))
    with (trained / "logs" / "simulation_history.csv").open() as file:
        assert mine == list(csv.reader(file))


@pytest.mark.usefixtures("few_pairs", "written")
def test_a_training_is_resumed_to_more_epochs(trained, tmp_path, capsys):
    folder = tmp_path / "run"
    shutil.copytree(trained, folder)
    arguments = ["--mode", "train", "--resume", str(folder), "--epochs", "4", "--episodes", "1"]
    assert run_model.main(arguments) == 0
    assert capsys.readouterr().out.splitlines()[-1] == str(folder)
    statistics = json.loads((folder / "logs" / "train_stats.json").read_text())
    assert [entry["update"] for entry in statistics["updates"]] == [1, 2, 3, 4]
    assert load_checkpoint(folder / "models" / "last")[1]["update"] == 4
    check_results(folder / "results.json", [10_000])


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["1", "2"])
def test_ctrl_c_saves_and_the_training_goes_on(workers, tmp_path):
    arguments = [*TINY_TRAINING, "--epochs", "100000", "--output-dir", tmp_path, "--workers", workers]
    process = subprocess.Popen(command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        deadline = time.monotonic() + 900.0
        while not list(tmp_path.glob("*/models/last/manifest.json")):
            assert time.monotonic() < deadline
            assert process.poll() is None, process.communicate()
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=900)
    finally:
        process.kill()
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert "--resume" in err
    assert out.strip() == ""
    (folder,) = tmp_path.iterdir()
    done = load_checkpoint(folder / "models" / "last")[1]["update"]
    assert done >= 1
    updates = json.loads((folder / "logs" / "train_stats.json").read_text())["updates"]
    assert [entry["update"] for entry in updates] == list(range(1, done + 1))
    from policies.trainer import Trainer

    again = Trainer.load(folder / "models" / "last", epochs=done + 1)
    assert [statistics["update"] for statistics in again.run()] == [done + 1]
