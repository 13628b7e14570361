"""Nonsense of every kind ends in exit code 0 or 2 with one line: never a traceback, a hang or NaN.

``make trust`` tries 10,000 cases in all, the same in every run; ``MACRO_MESA_FUZZ=10000 pytest tests/test_fuzz.py`` as
many of each kind, other ones every time.
"""

import contextlib
import io
import os
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import random_cases
import torch
import yaml
from conftest import SHORT_TRAINING, SMALL, economy, run
from hypothesis import example, given
from hypothesis import strategies as st
from random_cases import FULL, no_hang

import run_model
from macro_mesa import ConfigError, MacroModel, Parameters
from macro_mesa.evidence.stylised_facts import MOMENTS
from macro_mesa.experiments.calibration import SETTINGS as CALIBRATION_SETTINGS
from macro_mesa.experiments.designs import DESIGNS
from macro_mesa.experiments.scenario import SECTIONS
from macro_mesa.experiments.sweep import SETTINGS as SWEEP_SETTINGS
from macro_mesa.experiments.sweep import run_sweep
from macro_mesa.shocks import SHOCK_KINDS
from macro_mesa.spaces import AGENT_TYPES
from macro_mesa.state import MODEL
from policies.checkpoint import CHECKPOINT, CheckpointError
from policies.config import PPO_DEFAULTS, TrainingConfig
from policies.trainer import Trainer

SECONDS = 60  # a case that takes longer hangs
TINY = ["--num-households", "6", "--num-firms", "2", "--num-banks", "2", "--sim-length", "3"]
FLAGS = [
    "--mode", "--epochs", "--sim-length", "--num-households", "--num-firms", "--num-banks", "--model-path", "--policy",
    "--episodes", "--held-out-seed", "--shock", "--seed", "--config", "--set", "--workers", "--resume", "--greedy",
    "--experiment", "--pairs", "--engine",
]  # fmt: skip
POLICIES = [
    "rule", "random", "taylor", "constant:0.03", "constant:x", "pretrained", "pretrained:99", "checkpoint", "/", "a/b",
]  # fmt: skip
FEW_RUNS = 6
FULL_CASES = 2_000  # of each of five kinds of nonsense
pytestmark = pytest.mark.trust


def cases(number):
    return random_cases.cases(FULL_CASES if FULL else number, "MACRO_MESA_FUZZ")


# --- nonsense; whole numbers are small or far out of bounds, so that no economy is large
numbers = st.sampled_from([-(10**30), -1, 0, 1, 2, 3, 7, 10**30]) | st.floats(width=32)
scalars = st.none() | st.booleans() | numbers | st.text(max_size=12) | st.sampled_from(["rule", "nan", "1e999", "0x10"])
junk = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(scalars, inner, max_size=3))
keys = st.sampled_from([*Parameters.model_fields, *TrainingConfig.model_fields, "gamma", "learning_rate"]) | st.text()
text = st.text(max_size=20) | scalars.map(str)
shock_texts = st.lists(
    st.tuples(st.sampled_from(["kind", "size", "start", "duration", "x"]), st.sampled_from([*SHOCK_KINDS]) | text),
    max_size=5,
).map(lambda pairs: ",".join(f"{key}={value}" for key, value in pairs))
assignments = st.builds(
    lambda section, key, value: f"{section}{key}={value}",
    st.sampled_from(["", "model.", "training.", "ppo.household.", "ppo.", "shocks.", "policy.", "x.", "."]),
    keys,
    text,
)
whole = st.sampled_from(["1", "2", "3", "0", "-1", "2.5"]) | text
values_of = {
    **dict.fromkeys(("--epochs", "--sim-length", "--num-households", "--num-firms", "--num-banks"), whole),
    **dict.fromkeys(("--episodes", "--held-out-seed", "--seed", "--workers", "--pairs"), whole),
    "--mode": st.sampled_from([*run_model.MODES]) | text,
    "--experiment": st.sampled_from([*run_model.ALL_EXPERIMENTS]) | text,
    "--shock": shock_texts | text,
    "--set": assignments | text,
    "--policy": st.sampled_from(POLICIES) | text,
}


@st.composite
def command_lines(draw):
    """A tiny simulation with nonsense behind it."""
    arguments = list(TINY)
    for flag in draw(st.lists(st.sampled_from(FLAGS) | text.map(lambda name: f"--{name}"), max_size=4)):
        arguments += [
            flag,
            *draw(st.lists(values_of.get(flag, text), min_size=0 if flag == "--greedy" else 1, max_size=1)),
        ]
    return arguments


@st.composite
def settings_files(draw):
    """Sections with known and unknown keys and values of any kind, or text that is no YAML."""
    if draw(st.integers(0, 4)) == 0:
        return draw(st.binary(max_size=60) | st.text(max_size=60).map(lambda found: found.encode(errors="replace")))
    shock = st.fixed_dictionaries({"kind": st.sampled_from([*SHOCK_KINDS]), "size": numbers, "start": numbers})
    ppo = st.dictionaries(
        st.sampled_from([*AGENT_TYPES, "bank"]),
        st.dictionaries(st.sampled_from([*PPO_DEFAULTS["firm"]]), junk, max_size=2),
    )
    of_section = {
        "model": st.dictionaries(st.sampled_from([*Parameters.model_fields]), numbers | junk, max_size=3),
        "training": st.dictionaries(st.sampled_from([*TrainingConfig.model_fields]), numbers | junk, max_size=2),
        "ppo": ppo,
        "shocks": st.lists(shock | junk, max_size=2),
        "policy": st.sampled_from(POLICIES)
        | st.dictionaries(st.sampled_from(AGENT_TYPES), st.sampled_from(POLICIES) | junk),
    }
    assert of_section.keys() == SECTIONS.keys()
    names = draw(st.lists(st.sampled_from([*SECTIONS, "modle"]), max_size=3, unique=True))
    content = {name: draw(of_section.get(name, junk) | junk) for name in names}
    return yaml.safe_dump(content).encode(errors="replace")


ranges = st.lists(numbers | st.just("log"), max_size=3) | st.fixed_dictionaries(
    {"low": numbers}, optional={"high": numbers, "levels": numbers, "log": st.booleans()}
)
studied = st.fixed_dictionaries({"separation_rate": st.just([0.01, 0.05])}) | st.dictionaries(
    st.sampled_from([*Parameters.model_fields]), ranges | st.lists(scalars, max_size=2), max_size=2
)
policy_lists = st.sampled_from(POLICIES) | st.lists(st.sampled_from(POLICIES) | junk, max_size=2)
values_of_studies = {
    "parameters": studied | junk,
    "policy": policy_lists | junk,
    "design": st.sampled_from([*DESIGNS]) | scalars,
    "seeds": numbers | st.lists(numbers, max_size=2),
    "outcomes": st.lists(st.sampled_from(["gdp", "sd_gdp", "unemployment"]) | scalars, max_size=2),
    "agent_tables": st.lists(st.sampled_from(AGENT_TYPES) | scalars, max_size=2),
    "model": st.dictionaries(st.sampled_from([*Parameters.model_fields]), numbers | junk, max_size=2),
    "moments": st.lists(st.sampled_from([*MOMENTS]) | scalars, max_size=3),
}


@st.composite
def study_files(draw):
    """A tiny sweep or calibration with a few of its keys replaced by nonsense, and the mode that reads it."""
    mode, known = draw(st.sampled_from([("sweep", SWEEP_SETTINGS), ("calibrate", CALIBRATION_SETTINGS)]))
    content = {"parameters": {"separation_rate": [0.01, 0.05]}, "seeds": 1, "burn_in": 0}
    for key in draw(st.lists(st.sampled_from([*known]) | text, max_size=2, unique=True)):
        content[key] = draw(values_of_studies.get(key, numbers) | numbers)
    return mode, yaml.safe_dump(content).encode(errors="replace")


# --- what may happen
def accepted(*settings, **more):
    """In place of what takes long: the settings were found good, and the command ends here."""
    raise SystemExit(0)


def few_runs(design, *rest):
    """A sweep, if it is small."""
    return run_sweep(design, *rest) if len(design.runs()) <= FEW_RUNS else accepted()


@pytest.fixture(scope="module", autouse=True)
def nothing_slow():
    """No figures, and no training, study or large sweep once its settings are accepted: those have their own tests."""
    import policies.trainer

    economy(months=2)  # compiled loops first: a case that compiles would seem to hang
    threads = torch.get_num_threads()
    torch.set_num_threads(1)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("visualization.plots.macro_variables", lambda *drawn: None)
        patch.setattr("visualization.plots.save_figure", lambda figure, path: path.touch())
        patch.setattr(policies.trainer, "train", lambda trainer, models, listeners: None)
        patch.setattr(run_model, "report", lambda *trained: None)
        patch.setattr(run_model, "_keeping_tasks", accepted)
        patch.setattr(run_model, "run_sweep", few_runs)
        patch.setattr(run_model.calibration, "calibrate", accepted)
        yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """An empty folder to work in, so that a path made of nonsense finds nothing."""
    folder = tmp_path_factory.mktemp("fuzz")
    before = Path.cwd()
    os.chdir(folder)
    yield folder
    os.chdir(before)


def check_command(arguments, output):
    """Exit 0 with a finite history, or 2 with one line."""
    out, err = io.StringIO(), io.StringIO()
    with no_hang(SECONDS), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = run_model.main([*arguments, "--output-dir", str(output)])
        except SystemExit as stop:  # --help
            code = stop.code
    assert code in (0, 2)
    if code == 2:
        (line,) = err.getvalue().splitlines()
        assert line.startswith("error: ")
        assert line.isprintable()
        assert "Traceback" not in line
        assert out.getvalue() == ""
    else:
        for path in output.rglob("simulation_history.csv"):
            assert np.isfinite(pd.read_csv(path).to_numpy()).all()
        for path in output.rglob("run-*.parquet"):
            assert np.isfinite(pd.read_parquet(path).select_dtypes("number").to_numpy()).all()
    shutil.rmtree(output, ignore_errors=True)
    return code


# --- the cases
@cases(120)
@given(command_lines())
def test_any_command_line(place, arguments):
    check_command(arguments, place / "output")


@cases(120)
@example(content=b"shocks:\n- null: null\n  false: null\n", mode="simulate")
@given(settings_files(), st.sampled_from(["simulate", "train", "evidence", "experiment"]))
def test_any_settings_file(place, content, mode):
    (place / "settings.yaml").write_bytes(content)
    arguments = [*TINY, "--mode", mode, "--config", "settings.yaml", "--set", "training.economies=1"]
    if mode == "experiment":
        arguments += ["--experiment", "monetary_shock", "--sim-length", "200"]
    check_command(arguments, place / "output")


@cases(120)
@given(study_files())
def test_any_study_s_settings(place, study):
    """Sweeps and calibrations: refused before anything runs, or run to a finite table."""
    mode, content = study
    (place / "study.yaml").write_bytes(content)
    months = "3" if mode == "sweep" else "100"
    check_command([*TINY, "--mode", mode, "--config", "study.yaml", "--sim-length", months], place / "output")


@pytest.fixture(scope="module")
def originals(tmp_path_factory, checkpoint):
    """A checkpoint, a training's state and a saved model, as arrays and meta."""
    folder = tmp_path_factory.mktemp("originals")
    trainer = Trainer(SMALL, TrainingConfig(**SHORT_TRAINING), seed=3)
    next(trainer.run())
    trainer.save_last(folder / "last")
    economy(months=2, policy="random").save(folder / "model")
    kinds = {
        "best": (CHECKPOINT, checkpoint),
        "last": (CHECKPOINT, folder / "last"),
        "model": (MODEL, folder / "model"),
    }
    return {kind: (archive, archive.read(path), path) for kind, (archive, path) in kinds.items()}


def spoil(content, rng, value):
    """A copy with one entry somewhere in it replaced, or left out."""
    if isinstance(content, dict) and content and rng.random() < 0.9:
        key = list(content)[rng.integers(len(content))]
        if rng.random() < 0.2:
            return {name: entry for name, entry in content.items() if name != key}
        return content | {key: spoil(content[key], rng, value)}
    if isinstance(content, list) and content and rng.random() < 0.9:
        place = int(rng.integers(len(content)))
        return [*content[:place], spoil(content[place], rng, value), *content[place + 1 :]]
    return value


def spoil_arrays(arrays, rng):
    """A copy with one array of other values, another shape or type, or gone."""
    arrays = dict(arrays)
    name = list(arrays)[rng.integers(len(arrays))]
    array = arrays.pop(name).copy()
    how = rng.integers(5)
    if how == 0 and array.size:
        array.flat[rng.integers(array.size)] = rng.choice([-1, 0, 1, 1e9 if array.dtype.kind == "f" else 99])
    elif how == 1 and array.dtype.kind == "f" and array.size:
        array.flat[rng.integers(array.size)] = rng.choice([np.nan, np.inf, -np.inf])
    elif how == 2:
        array = array[:-1] if array.ndim else array.reshape(1)
    elif how == 3:
        array = array.astype(np.float32 if array.dtype.kind != "f" else np.int64)
    return arrays | ({} if how == 4 else {name: array})


def refusal_of(function, *arguments):
    """The sentence with which something is refused, empty if it is not."""
    try:
        function(*arguments)
    except (ConfigError, CheckpointError, FloatingPointError) as refusal:
        return str(refusal)
    return ""


def open_and_use(kind, folder):
    if kind == "model":
        run(MacroModel.load(folder), 2)
    elif kind == "last":
        next(Trainer.load(folder, epochs=4).run(), None)
    else:
        run(MacroModel(**SMALL, policy=str(folder), rng=1), 2)


@cases(150)
@given(st.sampled_from(["best", "last", "model"]), st.integers(0, 2**32 - 1), junk)
def test_any_change_of_an_archive_whose_checksums_vouch_for_it(place, originals, kind, seed, value):
    """One wrong entry or array, sealed anew: refused in one sentence, or it makes a finite economy."""
    archive, (arrays, meta), _ = originals[kind]
    rng = np.random.default_rng(seed)
    folder = place / kind
    shutil.rmtree(folder, ignore_errors=True)
    if rng.random() < 0.5:
        arrays = spoil_arrays(arrays, rng)
    else:
        meta = spoil(meta, rng, value)
    try:
        archive.write(folder, arrays, meta)
    except (ValueError, TypeError):
        return  # no JSON
    with no_hang(SECONDS):
        assert "\n" not in refusal_of(open_and_use, kind, folder)


@cases(150)
@given(st.sampled_from(["best", "last", "model"]), st.booleans(), st.integers(0, 2**32 - 1))
def test_any_damage_of_an_archive_s_bytes(place, originals, kind, description, seed):
    """Bytes overwritten, cut out or added: refused, or nothing but white space was touched."""
    archive, (_, meta), path = originals[kind]
    folder = place / kind
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(path, folder)
    file = folder / (archive.description_file if description else archive.arrays_file)
    rng = np.random.default_rng(seed)
    content = bytearray(file.read_bytes())
    first = int(rng.integers(len(content)))
    last = min(len(content), first + int(rng.integers(1, 20)))
    how = rng.integers(3)
    content[first : last if how else first] = b"" if how == 1 else rng.bytes(int(rng.integers(1, 20)))
    file.write_bytes(content)
    refusal = refusal_of(archive.read, folder)
    assert "\n" not in refusal
    assert refusal or archive.read(folder)[1] == meta
