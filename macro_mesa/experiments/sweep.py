"""Sweeps: many economies over a design of parameters, policies and seeds, each written to disk as it is done.

A run's model table is one Parquet file below ``model/``, and each agent type asked for has a folder of its own; a
folder is one dataset, partitioned by the point of the design.  What is there is not run again, so a sweep that was
killed goes on where it stopped.  Nothing is kept in memory: ``sweep_results`` reads the files one at a time.
"""

import io
import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from macro_mesa.config import ConfigError, Parameters, unknown_key
from macro_mesa.experiments import designs
from macro_mesa.experiments.designs import DESIGNS, Factor, read_factors
from macro_mesa.experiments.evaluation import FIRST_HELD_OUT_SEED
from macro_mesa.model import MacroModel
from macro_mesa.policy import make_policies
from macro_mesa.recorder import PUBLISHED
from macro_mesa.run_folder import write_json, write_text
from macro_mesa.shocks import read_shocks
from macro_mesa.spaces import AGENT_TYPES

# key of a settings file: value where the file has none
SETTINGS: dict[str, Any] = {
    "design": "grid", "parameters": {}, "samples": None, "seed": 0, "seeds": 1, "sim_length": 120, "burn_in": 0,
    "policy": "rule", "model": {}, "shocks": [], "agent_tables": [], "agent_interval": 1,
    "outcomes": ["gdp", "unemployment", "inflation", "credit", "gini_wealth", "sd_gdp"],
}  # fmt: skip
DEVIATION = "sd_"  # an outcome's prefix: standard deviation over months instead of the mean
MAX_RUNS = 1_000_000

# (function, tasks) -> (place, result, error) of each task as it finishes, as policies.executors gives them
Stream = Callable[[Callable[["Run"], Any], Iterable["Run"]], Iterator[tuple[int, Any, Exception | None]]]


@dataclass(frozen=True)
class Run:
    """One economy of a sweep; ``parameters`` are those of its point, ``model`` those that all share."""

    number: int
    point: int
    policy: Any
    seed: int
    parameters: Mapping[str, Any]
    model: Mapping[str, Any]
    months: int
    shocks: Sequence[Mapping[str, Any]] = ()
    agent_tables: Sequence[str] = ()
    agent_interval: int = 1

    def path(self, folder: Path, table: str = "model") -> Path:
        """Where its table of that name is."""
        return folder / table / f"point={self.point}" / f"run-{self.number}.parquet"

    def failure(self, folder: Path) -> Path:
        """Where its error is noted, should it fail."""
        return folder / "failed" / f"run-{self.number}.json"

    def open(self) -> MacroModel:
        """The economy at its opening."""
        return MacroModel(**{**self.model, **self.parameters}, policy=self.policy, shocks=self.shocks, rng=self.seed)

    def labels(self) -> dict[str, Any]:
        """What says which run a row belongs to: number, policy, seed and the point's parameters."""
        return {"run": self.number, "policy": label(self.policy), "seed": self.seed, **self.parameters}


@dataclass(frozen=True)
class Sweep:
    """A design of parameters, crossed with policies and seeds, and what to keep of each run."""

    design: str
    factors: tuple[Factor, ...]
    samples: int
    seed: int
    seeds: tuple[int, ...]
    months: int
    burn_in: int
    policies: tuple[Any, ...]
    model: Mapping[str, Any]
    shocks: tuple[Mapping[str, Any], ...]
    agent_tables: tuple[str, ...]
    agent_interval: int
    outcomes: tuple[str, ...]

    def points(self) -> list[dict[str, Any]]:
        """The values of the parameters at every point."""
        return designs.points(self.design, self.factors, self.samples, self.seed)

    def runs(self) -> list[Run]:
        """Every point under every policy with every seed; the seeds are the same everywhere."""
        cases = [
            (point, parameters, policy, seed)
            for point, parameters in enumerate(self.points())
            for policy in self.policies
            for seed in self.seeds
        ]
        return [
            Run(number, point, policy, seed, parameters, self.model, self.months, self.shocks, self.agent_tables,
                self.agent_interval)
            for number, (point, parameters, policy, seed) in enumerate(cases)
        ]  # fmt: skip


def label(policy: Any) -> str:
    """A policy choice as text."""
    if isinstance(policy, Mapping):
        return ", ".join(f"{kind}: {label(choice)}" for kind, choice in policy.items())
    return str(policy)


# --- settings
def read_sweep(settings: Mapping[str, Any]) -> Sweep:
    """A sweep from the keys of ``SETTINGS``; raises ``ConfigError``.

    ``seeds`` is a list, or the number of seeds from the first held-out one on; ``policy`` one choice or a list.
    """
    for key in settings:
        if key not in SETTINGS:
            raise ConfigError(f"sweep: {unknown_key(str(key), SETTINGS)}")
    given = SETTINGS | dict(settings)
    design = given["design"]
    if design not in DESIGNS:
        raise ConfigError(f"design must be one of {', '.join(DESIGNS)}, got {design!r}")
    for key, kind in (("model", dict), ("shocks", list), ("agent_tables", list), ("outcomes", list)):
        if not isinstance(given[key], kind):
            raise ConfigError(f"{key} must be a {'mapping' if kind is dict else 'list'}, got {given[key]!r}")
    samples = DESIGNS[design] if given["samples"] is None else whole(given, "samples", 1)
    if design == "sobol" and samples & (samples - 1):
        raise ConfigError(f"samples of a sobol design must be a power of 2, got {samples}")
    sweep = Sweep(
        design, read_factors(given["parameters"], design), samples, whole(given, "seed", 0),
        read_seeds(given["seeds"], FIRST_HELD_OUT_SEED), whole(given, "sim_length", 1), whole(given, "burn_in", 0),
        tuple(given["policy"]) if isinstance(given["policy"], list) else (given["policy"],),
        given["model"], tuple(given["shocks"]), tuple(given["agent_tables"]), whole(given, "agent_interval", 1),
        tuple(given["outcomes"]),
    )  # fmt: skip
    _check(sweep)
    return sweep


def _check(sweep: Sweep) -> None:
    parameters = Parameters.create(sweep.model)
    read_shocks(sweep.shocks)
    if not sweep.policies or not sweep.outcomes:
        raise ConfigError("policy and outcomes must not be empty lists")
    for policy in sweep.policies:
        make_policies(policy, parameters)
    for kind in sweep.agent_tables:
        if kind not in AGENT_TYPES:
            raise ConfigError(f"agent_tables must be of {', '.join(AGENT_TYPES)}, got {kind!r}")
    for outcome in sweep.outcomes:
        statistic = str(outcome).removeprefix(DEVIATION)
        if statistic not in PUBLISHED:
            raise ConfigError(f"outcomes: {unknown_key(statistic, PUBLISHED)}")
    if sweep.burn_in >= sweep.months:
        raise ConfigError(f"burn_in must be below sim_length {sweep.months}, got {sweep.burn_in}")
    levels = [len(factor.values) for factor in sweep.factors]
    number = math.prod(levels) if sweep.design == "grid" else sweep.samples * (len(levels) + 2)
    if number * len(sweep.seeds) * len(sweep.policies) > MAX_RUNS:
        raise ConfigError(f"a sweep has at most {MAX_RUNS} runs; take fewer samples, levels or seeds")


def whole(settings: Mapping[str, Any], key: str, least: int) -> int:
    """The whole number of a key; raises ``ConfigError``."""
    value = settings[key]
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ConfigError(f"{key} must be a whole number >= {least}, got {value!r}")
    return value


def read_seeds(seeds: Any, first: int) -> tuple[int, ...]:
    """A list of seeds, or so many from ``first`` on; raises ``ConfigError``."""
    if isinstance(seeds, int) and not isinstance(seeds, bool) and 1 <= seeds <= MAX_RUNS:
        return tuple(range(first, first + seeds))
    if isinstance(seeds, list) and seeds and len(set(map(repr, seeds))) == len(seeds):
        return tuple(whole({"seeds": seed}, "seeds", 0) for seed in seeds)
    raise ConfigError(f"seeds must be a list of different whole numbers, or their number, got {seeds!r}")


# --- a run
def simulate(run: Run) -> dict[str, bytes]:
    """Run one economy; its tables by name as Parquet, the opening first."""
    model = run.open()
    # as the model holds them, so that 1 and 1.0 make the same column in every file
    labels = run.labels() | {name: getattr(model.parameters, name) for name in run.parameters}
    snapshots: dict[str, list[pd.DataFrame]] = {kind: [] for kind in run.agent_tables}
    for month in range(run.months + 1):
        if month:
            model.step()
        if month % run.agent_interval == 0:
            for kind, frames in snapshots.items():
                frames.append(_agents(model, kind))
    tables = {agent_table(kind): pd.concat(frames, ignore_index=True) for kind, frames in snapshots.items()}
    tables["model"] = model.datacollector.get_model_vars_dataframe()
    return {name: _parquet(table, labels) for name, table in tables.items()}


def agent_table(kind: str) -> str:
    """Name of the table, and folder, of an agent type."""
    return f"agents_{kind}"


def _agents(model: MacroModel, kind: str) -> pd.DataFrame:
    """All agents of a type as they are now."""
    population = model.populations[kind]
    identity = {"month": model.month, "unique_id": [agent.unique_id for agent in population]}
    return pd.DataFrame({**identity, **{name: getattr(population, name).copy() for name in population.column_names}})


def _parquet(table: pd.DataFrame, labels: Mapping[str, Any]) -> bytes:
    columns = {name: np.full(len(table), value) for name, value in labels.items()}
    whole_table = pa.table({**columns, **{name: table[name].to_numpy() for name in table.columns}})
    content = io.BytesIO()
    pq.write_table(whole_table, content, compression="zstd")
    return content.getvalue()


# --- all runs
def run_sweep(sweep: Sweep, folder: Path, stream: Stream, done: Callable[[], Any] | None = None) -> None:
    """Run what is not in ``folder`` yet and write it there; a run that fails is noted, and the rest goes on."""
    _note_design(sweep, folder)
    missing = unfinished(sweep, folder)
    with closing(stream(simulate, missing)) as finished:  # type: ignore[type-var]
        for place, tables, error in finished:
            run = missing[place]
            if error is None:
                # the model table last: once it is there, the run is done
                for name, content in tables.items():
                    _write(run.path(folder, name), content)
                run.failure(folder).unlink(missing_ok=True)
            else:
                note = {"error": _sentence(error), "traceback": "".join(getattr(error, "__notes__", []))}
                run.failure(folder).parent.mkdir(exist_ok=True)
                write_json(run.failure(folder), {**run.labels(), "point": run.point, **note})
            if done:
                done()


def _note_design(sweep: Sweep, folder: Path) -> None:
    """Write ``design.csv``, a row a point; refuse to go on with another design than the one begun."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "design.csv"
    text = pd.DataFrame(sweep.points()).to_csv(index_label="point")
    if path.exists() and path.read_text() != text:
        raise ConfigError(f"{path} holds other points than these settings give; begin a new sweep")
    write_text(path, text)


def unfinished(sweep: Sweep, folder: Path) -> list[Run]:
    """The runs of a sweep that ``folder`` does not hold; those that failed are among them."""
    return [run for run in sweep.runs() if not run.path(folder).exists()]


def _sentence(error: Exception) -> str:
    return str(error) if isinstance(error, ConfigError) else f"{type(error).__name__}: {error}"


def _write(path: Path, content: bytes) -> None:
    """Write a file so that it is there whole or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(content)
        os.replace(temporary, path)
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror}") from None
