"""A slump of demand that starts near the zero lower bound, with the bound and without it."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from macro_mesa.experiments.interventions import Become
from macro_mesa.experiments.paired import (
    BASELINE,
    MEASURES,
    Design,
    Findings,
    Histories,
    Intervened,
    Shocks,
    Window,
    arms_with,
    band,
    compare,
    judge,
    run_pairs,
    with_types,
)
from macro_mesa.experiments.statistics import clustered_estimate
from macro_mesa.spaces import CENTRAL_BANK

VARIABLES = (
    "policy_rate", "lending_rate", "inflation", "price_level", "gdp", "consumption", "unemployment", "output_gap",
)  # fmt: skip
BURN_IN = 60  # within a year the rate is at OPENING_RATE, wherever in its cycle an economy opens
MONTHS = 36
OPENING_RATE = 0.005
BOUNDS = {"bound at 0 %": 0.0, "bound at -5 %": -0.05}
WITH, WITHOUT = BOUNDS
TAYLOR = ", inertial Taylor rule"
SLUMP = "demand slump"
SHOCKS: dict[str, Shocks] = {SLUMP: [{"kind": "demand", "size": -0.1, "start": 1, "duration": 18}]}
WINDOWS = (
    Window("policy_rate", 6, 18, -1),
    Window("gdp", 1, 18, -1),
    Window("unemployment", 1, 18, +1),
    Window("price_level", 12, 24, -1),
)
# what the bound adds: with it less without it
COST_OF_BOUND = (
    Window("policy_rate", 6, 18, +1),
    Window("gdp", 6, 24, -1),
    Window("unemployment", 6, 24, +1),
    Window("price_level", 12, 24, -1),
)


def zero_lower_bound(design: Design) -> Findings:
    """Responses to the slump under both bounds, and their difference, every draw shared.

    Each arm meets it under its own central bank and under the inertial Taylor rule, whose neutral rate is the opening
    one.  Until the slump the rate is taken to that of the opening and held there.
    """
    own = {arm: choices for arm, choices in design.arms.items() if arm != "rule"}  # whose bank is that rule already
    taylor = arms_with(own, central_bank="inertial_taylor")
    arms = {**design.arms, **{f"{arm}{TAYLOR}": choices for arm, choices in taylor.items()}}
    found, months = {}, design.months or MONTHS
    for name, bound in BOUNDS.items():
        parameters = {**design.parameters, "opening_policy_rate": OPENING_RATE, "lower_bound": bound}
        held = {arm: [_held(choice, parameters) for choice in choices] for arm, choices in arms.items()}
        found[name] = run_pairs(design, held, SHOCKS, VARIABLES, BURN_IN, months, parameters)
    estimates = {
        arm: {
            **{name: judge(histories[arm], SLUMP, WINDOWS) for name, histories in found.items()},
            "cost of the bound": _cost(found, arm),
            "share of months at the bound": {
                twin: clustered_estimate((found[WITH][arm][twin]["policy_rate"] <= 1.0e-9).mean(axis=-1))
                for twin in (BASELINE, SLUMP)
            },
        }
        for arm in arms
    }
    words = {
        "opening_policy_rate": OPENING_RATE,
        "bounds": BOUNDS,
        "shock": "taste for consumption 10 log points lower for 18 months",
        "before": f"{BURN_IN} months: the rate is taken to the opening one within a year, then held",
        "cost of the bound": "response to the slump with the bound at zero less the response with the bound at -5 %",
    }
    return Findings(words, estimates, {"responses": _table(found)})


def _held(choice: Any, parameters: Mapping[str, Any]) -> Intervened:
    """A choice of policies whose central bank holds the opening rate until the fork."""
    own = with_types(choice).get(CENTRAL_BANK, "rule")
    return Intervened(with_types(choice, central_bank="constant"), {CENTRAL_BANK: Become(own, parameters)})


def _responses(histories: Histories, arm: str, window: Window) -> np.ndarray:
    branches = histories[arm]
    return window.of(branches[BASELINE][window.variable], branches[SLUMP][window.variable])


def _cost(found: dict[str, Histories], arm: str) -> dict[str, dict[str, object]]:
    return {
        f"{window.variable}, months {window.first}-{window.last}": window.estimate(
            _responses(found[WITH], arm, window) - _responses(found[WITHOUT], arm, window)
        )
        for window in COST_OF_BOUND
    }


def _table(found: dict[str, Histories]) -> pd.DataFrame:
    """Long form of the slump's twins, in levels of the rate and responses of all else.

    Columns: policies, bound, variable, unit, month, mean, low, high.
    """
    frames = []
    for name, histories in found.items():
        for arm, branches in histories.items():
            base, slump = branches[BASELINE], branches[SLUMP]
            level = 100.0 * slump["policy_rate"]
            frames.append(band(level, policies=arm, bound=name, variable="policy_rate_level", unit="%"))
            for variable in VARIABLES:
                sample = compare(variable, base[variable], slump[variable])
                unit = MEASURES[variable].unit
                frames.append(band(sample, policies=arm, bound=name, variable=variable, unit=unit))
    return pd.concat(frames, ignore_index=True)

