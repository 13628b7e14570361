"""What a sweep found: the table of its runs, means over seeds, and which parameters the outcomes are sensitive to."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from macro_mesa.config import ConfigError
from macro_mesa.experiments import designs
from macro_mesa.experiments.statistics import estimate
from macro_mesa.experiments.sweep import DEVIATION, Sweep, label
from macro_mesa.run_folder import write_json, write_text


def run_table(sweep: Sweep, folder: Path) -> pd.DataFrame:
    """A row a run: its labels, ``point``, ``error`` (None if it is done) and its outcomes (NaN if it failed)."""
    rows = []
    for run in sweep.runs():
        path, note = run.path(folder), run.failure(folder)
        error = json.loads(note.read_text())["error"] if note.exists() else None
        outcomes = _outcomes(path, sweep) if path.exists() else dict.fromkeys(sweep.outcomes, np.nan)
        rows.append({**run.labels(), "point": run.point, "error": error, **outcomes})
    return pd.DataFrame(rows)


def _outcomes(path: Path, sweep: Sweep) -> dict[str, float]:
    statistics = sorted({outcome.removeprefix(DEVIATION) for outcome in sweep.outcomes})
    months = pq.read_table(path, columns=statistics, partitioning=None).to_pandas().iloc[sweep.burn_in + 1 :]
    return {
        outcome: float(months[outcome].mean() if outcome in months else months[outcome.removeprefix(DEVIATION)].std())
        for outcome in sweep.outcomes
    }


def summary(sweep: Sweep, runs: pd.DataFrame) -> pd.DataFrame:
    """A row a point and policy: the parameters, how many runs were done, and the means of outcomes over seeds."""
    names = [factor.name for factor in sweep.factors]
    groups = runs.groupby(["point", "policy"], sort=False)
    parts = [groups[names].first(), groups["error"].agg(lambda errors: int(errors.isna().sum())).rename("runs")]
    return pd.concat([*parts, groups[list(sweep.outcomes)].mean()], axis=1).reset_index()


def sensitivities(sweep: Sweep, summed: pd.DataFrame) -> pd.DataFrame:
    """Indices of every outcome under every policy: ``policy output parameter index value low high unit``."""
    frames = []
    for policy in map(label, sweep.policies):
        table = summed[summed["policy"] == policy]
        for outcome in sweep.outcomes:
            values = np.where(table["runs"] == len(sweep.seeds), table[outcome], np.nan)
            found = designs.sensitivity(sweep.design, sweep.factors, sweep.samples, sweep.seed, values)
            unit = f"change of {outcome}" if sweep.design == "morris" else "share of variance"
            frames.append(found.assign(policy=policy, output=outcome, unit=unit))
    columns = ["policy", "output", *designs.INDEX_COLUMNS, "unit"]
    return pd.concat(frames, ignore_index=True)[columns]


def finish_sweep(sweep: Sweep, data: Path, folder: Path) -> tuple[dict[str, Any], pd.DataFrame]:
    """Write ``runs.csv``, ``summary.csv``, ``sensitivity.csv`` and ``results.json`` of the runs in ``data``.

    Returns the results and the sensitivity indices.  Raises ``ConfigError`` if every run failed.
    """
    runs = run_table(sweep, data)
    failed = runs[runs["error"].notna()]
    if len(failed) == len(runs):
        raise ConfigError(f"every run of the sweep failed, the first with: {failed['error'].iloc[0]}")
    summed = summary(sweep, runs)
    indices = sensitivities(sweep, summed)
    for name, table in {"runs": runs, "summary": summed, "sensitivity": indices}.items():
        write_text(folder / f"{name}.csv", table.to_csv(index=False))
    results = {
        "design": sweep.design, "points": len(sweep.points()), "runs": len(runs),
        "seeds": list(sweep.seeds), "months": sweep.months, "burn_in": sweep.burn_in,
        "failed": {str(run): error for run, error in zip(failed["run"], failed["error"], strict=True)},
        "outcomes": {policy: _estimates(sweep, table) for policy, table in summed.groupby("policy", sort=False)},
        "sensitivity": {policy: _nested(table) for policy, table in indices.groupby("policy", sort=False)},
    }  # fmt: skip
    write_json(folder / "results.json", results)
    return results, indices


def _estimates(sweep: Sweep, table: pd.DataFrame) -> dict[str, Any]:
    """Each outcome's mean over points with its interval, and its least and largest value."""
    found = {}
    for outcome in sweep.outcomes:
        values = table[outcome].dropna().to_numpy(dtype=float)
        if len(values):
            found[outcome] = {**estimate(values), "range": [float(values.min()), float(values.max())]}
    return found


def _nested(table: pd.DataFrame) -> dict[str, Any]:
    """Indices by outcome, parameter and name; None where there is no number."""
    nested: dict[str, Any] = {}
    for row in table.to_dict("records"):
        value, low, high = (float(row[name]) if np.isfinite(row[name]) else None for name in ("value", "low", "high"))
        indices = nested.setdefault(row["output"], {}).setdefault(row["parameter"], {})
        indices[row["index"]] = {"value": value, "ci": [low, high]}
    return nested
