"""What carries monetary policy: the response to a rate rise when types act at random, by rule, blind or frozen."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from macro_mesa.experiments.interventions import RATE_COLUMNS, Blind, Freeze, Intervention
from macro_mesa.experiments.monetary_shock import HELD, RATE_RISE, WINDOWS
from macro_mesa.experiments.paired import (
    BASELINE,
    Design,
    Findings,
    Intervened,
    Window,
    arms_with,
    judge,
    response_table,
    run_pairs,
)
from macro_mesa.experiments.statistics import clustered_estimate
from macro_mesa.spaces import COMMERCIAL_BANK, FIRM, HOUSEHOLD

PRIVATE = {HOUSEHOLD: "households", FIRM: "firms", COMMERCIAL_BANK: "banks"}
BLIND = {kind: Blind(columns) for kind, columns in RATE_COLUMNS.items()}
FROZEN = dict.fromkeys(PRIVATE, Freeze())
(RISE,) = RATE_RISE
VARIABLES = tuple(window.variable for window in WINDOWS)


def ablations(choices: Sequence[Any]) -> dict[str, list[Any]]:
    """The arms: policies with some types replaced from the start, or under an intervention from the fork on."""
    held = arms_with({"intact": choices}, central_bank="constant")
    intact = held["intact"]
    arms = {**held, "all random": arms_with(held, **dict.fromkeys(PRIVATE, "random"))["intact"]}
    arms |= {"all frozen": _under(intact, FROZEN), "all rate-blind": _under(intact, BLIND)}
    for kind, name in PRIVATE.items():
        arms |= {
            f"{name} rate-blind": _under(intact, {kind: BLIND[kind]}),
            f"{name} frozen": _under(intact, {kind: FROZEN[kind]}),
            f"{name} by rule": arms_with(held, **{kind: "rule"})["intact"],
        }
    return arms


def _under(choices: Sequence[Any], interventions: Mapping[str, Intervention]) -> list[Intervened]:
    return [Intervened(choice, interventions) for choice in choices]


def ablation(design: Design, retrained: Mapping[str, Sequence[Any]] | None = None) -> Findings:
    """Responses of every ablation of the first arm, and how much of the intact response is gone.

    retrained: further arms by label, policies that were trained without something.
    """
    further = arms_with(retrained or {}, central_bank="constant")
    arms = {**ablations(design.arms[design.main]), **further}
    histories = run_pairs(design, arms, RATE_RISE, VARIABLES)
    intact = histories["intact"]
    estimates: dict[str, Any] = {arm: judge(branches, RISE, WINDOWS) for arm, branches in histories.items()}
    for arm, branches in histories.items():
        if arm != "intact":
            for window, found in zip(WINDOWS, estimates[arm].values(), strict=True):
                found |= _gone(window, _response(window, intact), _response(window, branches))
    words = {
        "shock": f"policy rate {RISE}",
        "central_bank": HELD,
        "random": "uniform choices, from the opening on",
        "by rule": "the rule of thumb, from the opening on",
        "rate-blind": "from the fork on, interest rates in the observation are those of other months and agents",
        "frozen": "from the fork on, choices are drawn with their frequencies over the burn-in, whatever is observed",
        **({"retrained": {label: list(choices) for label, choices in retrained.items()}} if retrained else {}),
        "less_intact": "ablated response less the intact one, paired",
        "half_gone": "half of the intact response less the ablated one, in the expected direction; above zero if more "
        "than half of the response is gone",
    }
    return Findings(words, estimates, {"responses": response_table(histories, VARIABLES)})


def _response(window: Window, branches: Mapping[str, Mapping[str, np.ndarray]]) -> np.ndarray:
    return window.of(branches[BASELINE][window.variable], branches[RISE][window.variable])


def _gone(window: Window, intact: np.ndarray, ablated: np.ndarray) -> dict[str, Any]:
    half = clustered_estimate(window.sign * (0.5 * intact - ablated))
    return {
        "less_intact": clustered_estimate(ablated - intact),
        "half_gone": half | {"expected": "above zero", "passed": half["ci"][0] > 0.0},
    }
