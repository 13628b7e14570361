"""What an economy of learned agents has to hold to be alive and worth learning in: bounds, and whether they hold."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from macro_mesa.config import Parameters
from macro_mesa.spaces import AGENT_TYPES

LEAST_OUTPUT = 0.93  # of the opening's
OUTPUT_DRIFT = 0.05  # largest distance of the last quarter of the months from the second
UNEMPLOYMENT = (0.03, 0.09)
INFLATION_DISTANCE = 0.01  # from the target
BOUND_SHARE = 0.10  # of the months in which the policy rate may stand at a bound
WAGE_DISTANCE = 0.10  # of the real wage from the opening's
RATE_STEP = 0.0005  # annual: nearer to a bound than this is at it


def checks(
    histories: Sequence[pd.DataFrame], returns: Mapping[str, Mapping[str, Any]], parameters: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Every bound with its figure: ``name``, ``figure``, ``bound`` as text, ``holds``.

    histories: of the learned policies, one a seed, the opening first; means are over seeds and months.
    returns: by agent type and policy (``learned``, ``random``, ``rule``) an estimate with ``mean`` and ``ci``.
    """
    p = Parameters.create(parameters)
    months = len(histories[0]) - 1
    second, last = _quarter(histories, months, 1), _quarter(histories, months, 3)
    opening = pd.concat([history.iloc[:1] for history in histories])
    everything = pd.concat([history.iloc[1:] for history in histories])
    output, before = last.gdp.mean() / opening.gdp.mean(), last.gdp.mean() / second.gdp.mean() - 1.0
    wage = _real_wage(last) / _real_wage(opening) - 1.0
    rate = everything.policy_rate
    at_bound = float(((rate < p.lower_bound + RATE_STEP) | (rate > p.upper_bound - RATE_STEP)).mean())
    unemployment, inflation = everything.unemployment.mean(), everything.inflation.mean()
    low, high = UNEMPLOYMENT
    found = [
        _check(
            "output at the end, share of the opening's",
            f"{output:.2f}",
            f"at least {LEAST_OUTPUT}",
            output >= LEAST_OUTPUT,
        ),
        _check(
            "output at the end, against the second quarter",
            f"{before:+.1%}",
            f"within {OUTPUT_DRIFT:.0%}",
            abs(before) <= OUTPUT_DRIFT,
        ),
        _check("unemployment", f"{unemployment:.1%}", f"{low:.0%} to {high:.0%}", low <= unemployment <= high),
        _check(
            "inflation",
            f"{inflation:.1%}",
            f"within 1 point of {p.inflation_target:.1%}",
            abs(inflation - p.inflation_target) <= INFLATION_DISTANCE,
        ),
        _check(
            "months with the policy rate at a bound",
            f"{at_bound:.1%}",
            f"at most {BOUND_SHARE:.0%}",
            at_bound <= BOUND_SHARE,
        ),
        _check(
            "real wage at the end, against the opening",
            f"{wage:+.1%}",
            f"within {WAGE_DISTANCE:.0%}",
            abs(wage) <= WAGE_DISTANCE,
        ),
    ]
    for opponent in ("random", "rule"):
        found += [_beats(kind, returns[kind]["learned"], returns[kind][opponent], opponent) for kind in AGENT_TYPES]
    return found


def _check(name: str, figure: str, bound: str, holds: bool) -> dict[str, Any]:
    return {"name": name, "figure": figure, "bound": bound, "holds": bool(holds)}


def _beats(kind: str, learned: Mapping[str, Any], opponent: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Whether a type earns more than under other policies by intervals that do not overlap."""
    gain = learned["mean"] - opponent["mean"]
    words = {"random": "random play", "rule": "rule of thumb"}[name]
    bound = "above it, intervals apart"
    return _check(
        f"{kind.replace('_', ' ')}: return over {words}", f"{gain:+,.1f}", bound, learned["ci"][0] > opponent["ci"][1]
    )


def _quarter(histories: Sequence[pd.DataFrame], months: int, number: int) -> pd.DataFrame:
    """The months of one quarter of every history, 0 to 3, at least one month each."""
    edges = np.linspace(0, months, 5).round().astype(int)
    first, end = edges[number], max(edges[number + 1], edges[number] + 1)
    return pd.concat([history.iloc[1 + first : 1 + end] for history in histories])


def _real_wage(months: pd.DataFrame) -> float:
    return float((months.wage / months.price_level).mean())
