"""A credit crisis: the default hazard jumps, and losses spread through banks to those it did not strike."""

from typing import Any

import numpy as np

from macro_mesa.experiments.paired import (
    BASELINE,
    Design,
    Findings,
    Shocks,
    Window,
    judge,
    response_table,
    run_pairs,
)
from macro_mesa.experiments.statistics import clustered_estimate

VARIABLES = (
    "spread", "new_loans", "approval_rate", "capital_ratio", "bank_resolutions", "household_defaults", "bankruptcies",
    "firms_struck", "firms_not_struck", "gdp", "unemployment", "policy_rate",
)  # fmt: skip
MONTHS = 36
DURATION = 6
SEVERITIES = {"hazard x 10": 9.0, "hazard x 30": 29.0}
SHOCKS: dict[str, Shocks] = {
    name: [{"kind": "default", "size": size, "start": 1, "duration": DURATION}] for name, size in SEVERITIES.items()
}
WINDOWS = (
    Window("household_defaults", 1, DURATION, +1),
    Window("bankruptcies", 1, DURATION, +1),
    Window("capital_ratio", 1, DURATION, -1),
    Window("bank_resolutions", 1, 12, +1),
    Window("spread", 3, 12, +1),
    Window("approval_rate", 3, 12, -1),
    Window("new_loans", 3, 12, -1),
    Window("gdp", 6, 18, -1),
    Window("unemployment", 6, 18, +1),
)


def credit_crisis(design: Design) -> Findings:
    """Responses to a hazard ten and thirty times its usual size for half a year."""
    histories = run_pairs(design, design.arms, SHOCKS, VARIABLES, horizon=design.months or MONTHS)
    estimates: dict[str, Any] = {
        arm: {
            shock: {**judge(branches, shock, WINDOWS), "contagion": contagion(branches[BASELINE], branches[shock])}
            for shock in SHOCKS
        }
        for arm, branches in histories.items()
    }
    words = {
        "shock": f"the default hazard of households and firms is multiplied for {DURATION} months",
        "contagion": (
            "failures of firms beyond the baseline's over the whole horizon, less those that the raised hazard struck "
            "itself; failures by arrears or negative equity, and later strikes on weakened firms"
        ),
    }
    return Findings(words, estimates, {"responses": response_table(histories, VARIABLES)})


def contagion(baseline: dict[str, np.ndarray], shocked: dict[str, np.ndarray]) -> dict[str, Any]:
    """Extra failures of firms: those struck directly in the months of the shock, and all others."""
    struck = (shocked["firms_struck"] - baseline["firms_struck"])[..., :DURATION].sum(axis=-1)
    failures = (shocked["bankruptcies"] - baseline["bankruptcies"]).sum(axis=-1)
    beyond = clustered_estimate(failures - struck) | {"unit": "firms", "expected": "above zero"}
    beyond["passed"] = bool(beyond["ci"][0] > 0.0)
    return {
        "struck_directly": clustered_estimate(struck) | {"unit": "firms"},
        "beyond": beyond,
    }
