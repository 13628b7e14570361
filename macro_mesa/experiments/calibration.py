"""Calibration: Optuna looks for parameters under which the economy's moments come near to those of data.

Points are asked for in batches of a fixed size and judged on the same training seeds, and the sampler of a batch is
seeded by its number: the result depends neither on the number of workers nor on interruptions.  Every finished batch
is kept in ``trials.json``.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pandas as pd
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState, create_trial

from macro_mesa.config import ConfigError, Parameters, unknown_key
from macro_mesa.evidence import stylised_facts
from macro_mesa.experiments.designs import Factor, read_factors
from macro_mesa.experiments.evaluation import FIRST_HELD_OUT_SEED
from macro_mesa.experiments.sweep import Run, Stream, label, read_seeds, whole
from macro_mesa.policy import make_policies
from macro_mesa.run_folder import write_json
from macro_mesa.shocks import read_shocks

# key of a settings file: value where the file has none; 120 months are dropped, 203 quarters remain
SETTINGS: dict[str, Any] = {
    "parameters": {}, "trials": 200, "batch": 8, "seed": 0, "seeds": 4, "sim_length": 729, "burn_in": 120,
    "policy": "rule", "model": {}, "shocks": [], "moments": list(stylised_facts.MOMENTS),
}  # fmt: skip
LEAST_QUARTERS = 20
# distance of a moment that does not exist, in units of its scale, and the largest that counts
FARTHEST = 10.0

Moments = Callable[[pd.DataFrame], dict[str, float]]


@dataclass(frozen=True)
class Target:
    """What a moment should be, and the distance that counts as one."""

    value: float
    scale: float


@dataclass(frozen=True)
class Calibration:
    """Parameters to find, the moments to match, and how to judge a point."""

    factors: tuple[Factor, ...]
    targets: Mapping[str, Target]
    trials: int
    batch: int
    seed: int
    seeds: tuple[int, ...]
    months: int
    burn_in: int
    policy: Any
    model: Mapping[str, Any]
    shocks: tuple[Mapping[str, Any], ...] = ()
    moments: Moments | None = None  # the business cycle's unless given

    def runs(self, points: Sequence[Mapping[str, Any]], seeds: Iterable[int]) -> list[Run]:
        """Every point with every seed."""
        cases = [(point, parameters, seed) for point, parameters in enumerate(points) for seed in seeds]
        return [
            Run(number, point, self.policy, seed, parameters, self.model, self.months, self.shocks)
            for number, (point, parameters, seed) in enumerate(cases)
        ]  # fmt: skip

    def loss(self, moments: Mapping[str, float]) -> float:
        """Mean squared distance from the targets, in units of their scales."""
        return float(np.mean([distance**2 for distance in self.distances(moments).values()]))

    def distances(self, moments: Mapping[str, float]) -> dict[str, float]:
        """Signed distance of every moment from its target in units of its scale, at most ``FARTHEST``."""
        found = {}
        for name, target in self.targets.items():
            distance = (moments[name] - target.value) / target.scale
            found[name] = float(np.clip(distance, -FARTHEST, FARTHEST)) if np.isfinite(distance) else FARTHEST
        return found


# --- settings
def read_calibration(settings: Mapping[str, Any]) -> Calibration:
    """A calibration from the keys of ``SETTINGS``; raises ``ConfigError``.

    ``parameters`` are ranges or lists as in a sweep; ``seeds`` a list, or the number of training seeds from 0 on.
    """
    for key in settings:
        if key not in SETTINGS:
            raise ConfigError(f"calibration: {unknown_key(str(key), SETTINGS)}")
    given = SETTINGS | dict(settings)
    for key, kind in (("model", dict), ("shocks", list), ("moments", list)):
        if not isinstance(given[key], kind):
            raise ConfigError(f"{key} must be a {'mapping' if kind is dict else 'list'}, got {given[key]!r}")
    calibration = Calibration(
        read_factors(given["parameters"], "lhs"), us_targets(given["moments"]), whole(given, "trials", 1),
        whole(given, "batch", 1), whole(given, "seed", 0), read_seeds(given["seeds"], 0),
        whole(given, "sim_length", 1), whole(given, "burn_in", 0), given["policy"], given["model"],
        tuple(given["shocks"]),
    )  # fmt: skip
    make_policies(calibration.policy, Parameters.create(calibration.model))
    read_shocks(calibration.shocks)
    if any(seed >= FIRST_HELD_OUT_SEED for seed in calibration.seeds):
        raise ConfigError(f"seeds of a calibration must be below {FIRST_HELD_OUT_SEED}; the others are held out")
    if calibration.months - calibration.burn_in < 3 * LEAST_QUARTERS:
        raise ConfigError(f"sim_length must be at least burn_in and {3 * LEAST_QUARTERS} months more")
    return calibration


def us_targets(names: Sequence[str]) -> dict[str, Target]:
    """Moments of the United States 1959-2009; one is half the range over twenty-year windows.

    Raises ``ConfigError`` for a name that ``stylised_facts.MOMENTS`` does not have.
    """
    if not names:
        raise ConfigError("moments must name at least one")
    for name in names:
        if name not in stylised_facts.MOMENTS:
            raise ConfigError(f"moments: {unknown_key(str(name), stylised_facts.MOMENTS)}")
    values = stylised_facts.moments(stylised_facts.cycles(stylised_facts.united_states(), stylised_facts.hp_cycle))
    ranges = stylised_facts.us_ranges()
    return {name: Target(values[name], (ranges[name][1] - ranges[name][0]) / 2.0) for name in names}


# --- a run
def business_cycle(history: pd.DataFrame) -> dict[str, float]:
    """The moments of ``stylised_facts`` from a monthly history: quarterly, cycles by the HP filter."""
    quarters = stylised_facts.quarterly({name: history[name].to_numpy() for name in history.columns})
    return stylised_facts.moments(stylised_facts.cycles(quarters, stylised_facts.hp_cycle))


def measure(moments: Moments, burn_in: int, run: Run) -> dict[str, float]:
    """The moments of one economy, its opening and ``burn_in`` months left out."""
    model = run.open()
    for _ in range(run.months):
        model.step()
    return moments(model.datacollector.get_model_vars_dataframe().iloc[burn_in + 1 :])


def judge(
    calibration: Calibration, points: Sequence[Mapping[str, Any]], seeds: Sequence[int], stream: Stream,
    done: Callable[[], Any] | None = None,
) -> list[dict[str, Any]]:  # fmt: skip
    """What each point is worth: ``parameters``, ``moments`` (medians over seeds) and ``loss``, or ``error``."""
    runs = calibration.runs(points, seeds)
    found: list[dict[str, float] | None] = [None] * len(runs)
    errors: dict[int, str] = {}
    function = partial(measure, calibration.moments or business_cycle, calibration.burn_in)
    with closing(stream(function, runs)) as finished:  # type: ignore[type-var]
        for place, moments, error in finished:
            found[place] = moments
            if error is not None:
                # of several the first in order, whoever was quicker
                errors[place] = str(error) or type(error).__name__
            if done:
                done()
    judged: list[dict[str, Any]] = []
    for point, parameters in enumerate(points):
        places = range(point * len(seeds), (point + 1) * len(seeds))
        failed = [errors[place] for place in places if place in errors]
        if failed:
            judged.append({"parameters": dict(parameters), "error": failed[0]})
            continue
        medians = pd.DataFrame([found[place] for place in places]).median()
        moments = {name: float(medians[name]) for name in calibration.targets}
        judged.append({"parameters": dict(parameters), "moments": moments, "loss": calibration.loss(moments)})
    return judged


# --- the search
def calibrate(
    calibration: Calibration, folder: Path, stream: Stream, done: Callable[[], Any] | None = None
) -> list[dict[str, Any]]:  # fmt: skip
    """Search, going on with the batches in ``folder``; returns all trials as ``judge`` gives them.

    Raises ``ConfigError`` if ``folder`` holds trials of other parameters.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    distributions = {factor.name: _distribution(factor) for factor in calibration.factors}
    study = optuna.create_study(direction="minimize")
    trials = _read_trials(folder / "trials.json", distributions)
    study.add_trials([_finished(trial, distributions) for trial in trials])
    while len(trials) < calibration.trials:
        # anew for each batch: what it asks for follows from the seed and the trials before, not from its past
        entropy = np.random.SeedSequence([calibration.seed, len(trials)])
        study.sampler = optuna.samplers.TPESampler(
            seed=int(entropy.generate_state(1)[0]), multivariate=True, constant_liar=True
        )
        asked = [study.ask(distributions) for _ in range(min(calibration.batch, calibration.trials - len(trials)))]
        judged = judge(calibration, [trial.params for trial in asked], calibration.seeds, stream, done)
        for trial, found in zip(asked, judged, strict=True):
            state = TrialState.COMPLETE if "loss" in found else TrialState.FAIL
            study.tell(trial, found.get("loss"), state=state)
        trials += judged
        write_json(folder / "trials.json", [_without_nan(trial) for trial in trials])
    return trials


def trials_done(folder: Path) -> int:
    """How many trials ``folder`` holds."""
    path = folder / "trials.json"
    return len(json.loads(path.read_text())) if path.exists() else 0


def _distribution(factor: Factor) -> BaseDistribution:
    if factor.values:
        return CategoricalDistribution(factor.values)
    if Parameters.model_fields[factor.name].annotation is int:
        return IntDistribution(int(factor.low), int(factor.high), log=factor.log)
    return FloatDistribution(factor.low, factor.high, log=factor.log)


def _read_trials(path: Path, distributions: Mapping[str, BaseDistribution]) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    try:
        trials = json.loads(path.read_text())
        strange = any(set(trial["parameters"]) != set(distributions) for trial in trials)
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"cannot resume: {path} is damaged ({error})") from None
    if strange:
        raise ConfigError(f"cannot resume: {path} holds trials of other parameters")
    return trials


def _finished(trial: Mapping[str, Any], distributions: Mapping[str, BaseDistribution]) -> optuna.trial.FrozenTrial:
    state = TrialState.COMPLETE if "loss" in trial else TrialState.FAIL
    return create_trial(
        state=state, value=trial.get("loss"), params=trial["parameters"], distributions=dict(distributions)
    )


def _without_nan(trial: Mapping[str, Any]) -> dict[str, Any]:
    if "moments" not in trial:
        return dict(trial)
    moments = {name: value if np.isfinite(value) else None for name, value in trial["moments"].items()}
    return {**trial, "moments": moments}


# --- results
def finish_calibration(
    calibration: Calibration, trials: Sequence[Mapping[str, Any]], stream: Stream, done: Callable[[], Any] | None = None
) -> dict[str, Any]:
    """The contents of ``results.json``: the best point beside the parameters as they are, on held-out seeds too.

    Raises ``ConfigError`` if every trial failed.
    """
    complete = [trial for trial in trials if "loss" in trial]
    if not complete:
        raise ConfigError(f"every trial of the calibration failed, the first with: {trials[0]['error']}")
    best = min(complete, key=lambda trial: trial["loss"])
    held_out = range(FIRST_HELD_OUT_SEED, FIRST_HELD_OUT_SEED + len(calibration.seeds))
    now, found = judge(calibration, [{}, best["parameters"]], held_out, stream, done)
    if "loss" not in now or "loss" not in found:
        raise ConfigError(f"an economy failed on the held-out seeds: {now.get('error', found.get('error'))}")
    return {
        "best": best["parameters"], "loss": best["loss"], "trials": len(trials), "failed": len(trials) - len(complete),
        "losses": [trial.get("loss") for trial in trials],
        "held_out": {
            "loss": {"now": now["loss"], "best": found["loss"]},
            "moments": {
                name: {
                    "target": target.value, "scale": target.scale,
                    **{which: _without_nan(point)["moments"][name] for which, point in (("now", now), ("best", found))},
                }
                for name, target in calibration.targets.items()
            },
        },
        "seeds": list(calibration.seeds), "held_out_seeds": list(held_out), "months": calibration.months,
        "burn_in": calibration.burn_in, "policy": label(calibration.policy),
    }  # fmt: skip
