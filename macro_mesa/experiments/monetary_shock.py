"""A policy rate that is higher or lower for a while: four sizes, four durations, asymmetry and linearity."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from macro_mesa.experiments.paired import (
    BASELINE,
    MEASURES,
    Design,
    Findings,
    Histories,
    Shocks,
    Window,
    arms_with,
    judge,
    response_table,
    run_pairs,
)
from macro_mesa.experiments.statistics import clustered_estimate

VARIABLES = (
    "policy_rate", "lending_rate", "deposit_rate", "spread", "new_household_loans", "new_loans", "consumption",
    "investment", "gdp", "unemployment", "price_level", "inflation",
)  # fmt: skip
RESPONSES = (
    "policy_rate", "lending_rate", "new_household_loans", "consumption", "investment", "gdp", "unemployment",
    "price_level",
)  # fmt: skip
SIZES = (-0.02, -0.01, 0.01, 0.02)  # annual
DURATIONS = (3, 6, 12, 18)  # months
RESPONDING = ", bank responding"
# what theory expects of a rate rise of a year
WINDOWS = (
    Window("lending_rate", 1, 6, +1),
    Window("new_household_loans", 3, 12, -1),
    Window("new_loans", 3, 12, -1),
    Window("consumption", 3, 9, -1),
    Window("investment", 3, 12, -1),
    Window("gdp", 12, 18, -1),
    Window("unemployment", 12, 18, +1),
    Window("price_level", 12, 18, -1),
)
HELD = (
    "the central bank holds the opening rate in both twins and the shock is added to it, so the imposed path is the "
    "whole difference"
)


def label(size: float, duration: int) -> str:
    """A rate shock in words, such as "+100 bp, 12 months"."""
    return f"{10_000 * size:+.0f} bp, {duration} months"


def rate_shock(size: float, duration: int) -> Shocks:
    """A policy rate higher by ``size`` (annual decimal) for so many months from the fork on."""
    return [{"kind": "policy_rate", "size": size, "start": 1, "duration": duration}]


RATE_RISE = {label(0.01, 12): rate_shock(0.01, 12)}


def rate_rise(design: Design) -> pd.DataFrame:
    """Responses to 100 bp for 12 months, the central bank holding its rate: the table of an evaluation's figure."""
    held = arms_with(design.arms, central_bank="constant")
    return response_table(run_pairs(design, held, RATE_RISE, RESPONSES), RESPONSES)


def monetary_shock(design: Design) -> Findings:
    """All sizes and durations under a held rate; +-100 bp for a year also with the bank of each arm responding."""
    branches = {label(size, duration): rate_shock(size, duration) for size in SIZES for duration in DURATIONS}
    histories = run_pairs(design, arms_with(design.arms, central_bank="constant"), branches, VARIABLES)
    responding = {f"{arm}{RESPONDING}": choices for arm, choices in design.arms.items()}
    year = {label(size, 12): rate_shock(size, 12) for size in (-0.01, 0.01)}
    histories |= run_pairs(design, responding, year, VARIABLES)
    rise, fall = label(0.01, 12), label(-0.01, 12)
    estimates = {
        arm: {rise: judge(branches, rise, WINDOWS), fall: judge(branches, fall, _mirrored(WINDOWS))}
        for arm, branches in histories.items()
    }
    shapes = shape_table({arm: histories[arm] for arm in design.arms})
    words = {
        "central_bank": HELD,
        "bank_responding": f"arms named {RESPONDING!r} let each arm's own bank respond on top of the shock",
        "asymmetry": "response to the rise plus response to the fall of the same size; zero if they mirror each other",
        "nonlinearity": "response to 200 bp less twice the response to 100 bp; zero if responses are linear",
    }
    return Findings(words, estimates, {"responses": response_table(histories, VARIABLES), "shapes": shapes})


def _mirrored(windows: tuple[Window, ...]) -> list[Window]:
    return [Window(window.variable, window.first, window.last, -window.sign) for window in windows]


def shape_table(histories: Histories) -> pd.DataFrame:
    """Asymmetry and nonlinearity by arm, duration and variable.

    Columns: policies, duration, variable, months, test, mean, low, high, unit.
    """
    rows = []
    for arm, branches in histories.items():
        for duration in DURATIONS:
            for window in WINDOWS:
                for test, sample in _shapes(branches, window, duration).items():
                    found = clustered_estimate(sample)
                    months = f"{window.first}-{window.last}"
                    unit = MEASURES[window.variable].unit
                    rows.append((arm, duration, window.variable, months, test, found["mean"], *found["ci"], unit))
    names = ["policies", "duration", "variable", "months", "test", "mean", "low", "high", "unit"]
    return pd.DataFrame(rows, columns=names)


def _shapes(branches: Mapping[str, Mapping[str, Any]], window: Window, duration: int) -> dict[str, np.ndarray]:
    response = {
        size: window.of(branches[BASELINE][window.variable], branches[label(size, duration)][window.variable])
        for size in SIZES
    }
    return {
        "asymmetry, 100 bp": response[0.01] + response[-0.01],
        "asymmetry, 200 bp": response[0.02] + response[-0.02],
        "nonlinearity, rises": response[0.02] - 2.0 * response[0.01],
        "nonlinearity, falls": response[-0.02] - 2.0 * response[-0.01],
    }
