"""Claims 2 and 3: the credit channel, and the response of consumption to what households and firms can see."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from macro_mesa.config import ConfigError
from macro_mesa.evidence.estimates import estimate
from macro_mesa.evidence.preregistered import judge
from macro_mesa.evidence.simulations import COMPARED
from macro_mesa.experiments.statistics import clustered_interval

Results = Sequence[Sequence[Mapping[str, np.ndarray]]]  # by run and pair; levels by variant

LEVELS = ("policy_rate", "lending_rate", "deposit_rate", "unemployment", "approval_probability")  # in pp
RESPONSES = (
    "policy_rate", "lending_rate", "new_loans", "approval_probability", "new_household_loans", "consumption",
    "investment", "gdp", "unemployment", "price_level",
)  # fmt: skip
BLIND = "households_and_firms_blind"


class Pairs:
    """Twins of one variant: levels without and with the rise, (runs, pairs, 2, horizon, statistics).

    Raises ``ConfigError`` if a statistic that responses are measured against is zero throughout.
    """

    def __init__(self, results: Results, variant: str) -> None:
        self._levels = np.array([[pair[variant] for pair in run] for run in results])

    def series(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """A statistic without and with the rise, each (runs, pairs, horizon)."""
        column = self._levels[..., COMPARED.index(name)]
        return column[:, :, 0], column[:, :, 1]

    def response(self, name: str, first: int, last: int) -> np.ndarray:
        """Mean response in months ``first`` to ``last`` since the rise, (runs, pairs).

        Rates and shares in percentage points, the rest in per cent of the run's mean without the rise.
        """
        return self.by_month(name)[:, :, first - 1 : last].mean(axis=2)

    def cumulative(self, name: str, first: int, last: int) -> np.ndarray:
        """Response of the sum since the rise, mean over the months ``first`` to ``last``, per cent (runs, pairs)."""
        since = np.arange(1, self._levels.shape[3] + 1)
        return (self.by_month(name).cumsum(axis=2) / since)[:, :, first - 1 : last].mean(axis=2)

    def by_month(self, name: str) -> np.ndarray:
        """Response of every month, (runs, pairs, horizon)."""
        calm, shocked = self.series(name)
        if name in LEVELS:
            return 100.0 * (shocked - calm)
        base = calm.mean(axis=(1, 2), keepdims=True)
        if (base <= 0.0).any():
            raise ConfigError(f"a run's economies have no {name} at all: there is no response to measure")
        return 100.0 * (shocked - calm) / base


def _unit(name: str) -> str:
    return "pp" if name in LEVELS else "%"


def credit_channel(learned: Results, null: Results, fixed_spreads: Results) -> dict[str, Any]:
    """The claim from the pairs of the runs, and those of random policies (one run on the same seeds).

    ``fixed_spreads`` are pairs of the same households and firms with banks that charge the policy rate plus a
    fixed spread: pass-through by construction, for comparison.
    """
    sighted, random = Pairs(learned, "sighted"), Pairs(null, "sighted")
    first, twelfth = sighted.response("lending_rate", 1, 1), sighted.response("lending_rate", 12, 12)
    loans, random_loans = sighted.cumulative("new_loans", 3, 12), random.cumulative("new_loans", 3, 12)
    estimates = {
        "lending_rate_month_6": estimate(sighted.response("lending_rate", 6, 6), unit="pp"),
        "lending_rate_at_once": estimate(first - 0.5 * twelfth, unit="pp"),
        "lending_rate_month_12": estimate(twelfth, unit="pp"),
        "new_loans": estimate(loans, unit="%"),
        "new_loans_beyond_null": estimate(loans - random_loans, unit="%"),
        "approval_probability": estimate(sighted.response("approval_probability", 3, 12), unit="pp"),
        "risk_tolerance": estimate(sighted.response("risk_tolerance", 3, 12), unit="%"),
        "deposit_rate_month_12": estimate(sighted.response("deposit_rate", 12, 12), unit="pp"),
    }
    placebo = {
        "random_policies": _credit(random),
        "actions_repeated": _credit(Pairs(learned, "actions_repeated")),
        "banks_blind": _credit(Pairs(learned, "banks_blind")),
        "fixed_spreads": _credit(Pairs(fixed_spreads, "sighted")),
    }
    return judge("credit_channel", estimates, placebo)


def _credit(pairs: Pairs) -> dict[str, Any]:
    return {
        "lending_rate_month_12": estimate(pairs.response("lending_rate", 12, 12), unit="pp"),
        "new_loans": estimate(pairs.cumulative("new_loans", 3, 12), unit="%"),
        "approval_probability": estimate(pairs.response("approval_probability", 3, 12), unit="pp"),
    }


def consumption_response(learned: Results, null: Results) -> dict[str, Any]:
    """The claim from the pairs of the runs, and those of random policies (one run on the same seeds)."""
    sighted, blind = Pairs(learned, "sighted"), Pairs(learned, BLIND)
    estimates = {}
    for label, name in (("consumption", "consumption"), ("borrowing", "new_household_loans")):
        seen, unseen = sighted.response(name, 3, 9), blind.response(name, 3, 9)
        estimates[label] = estimate(seen, unit="%")
        estimates[f"{label}_blind"] = estimate(unseen, unit="%")
        estimates[f"{label}_by_sight"] = estimate(seen - unseen, unit="%")
        estimates[f"{label}_gone_blind"] = estimate(np.stack([seen, unseen], axis=2), share_gone, "share")
        households = Pairs(learned, "households_blind").response(name, 3, 9)
        estimates[f"{label}_households_blind"] = estimate(households, unit="%")
    estimates |= {
        "investment": estimate(sighted.response("investment", 10, 12), unit="%"),
        "output": estimate(sighted.response("gdp", 12, 18), unit="%"),
        "prices": estimate(sighted.response("price_level", 12, 18), unit="%"),
        "unemployment": estimate(sighted.response("unemployment", 12, 18), unit="pp"),
    }
    placebo = {
        "random_policies": _consumption(Pairs(null, "sighted")),
        "actions_repeated": _consumption(Pairs(learned, "actions_repeated")),
    }
    return judge("consumption_response", estimates, placebo)


def share_gone(means: np.ndarray) -> np.ndarray:
    """Share of a fall that is gone, from mean responses with and without sight (..., 2); NaN without a fall."""
    seen = np.where(means[..., 0] < 0.0, means[..., 0], np.nan)
    return 1.0 - means[..., 1] / seen


def _consumption(pairs: Pairs) -> dict[str, Any]:
    return {
        "consumption": estimate(pairs.response("consumption", 3, 9), unit="%"),
        "borrowing": estimate(pairs.response("new_household_loans", 3, 9), unit="%"),
        "output": estimate(pairs.response("gdp", 12, 18), unit="%"),
    }


def impulse_responses(variants: Mapping[str, Pairs]) -> list[dict[str, Any]]:
    """Mean and 95 % interval of every response by month, a record a variable, month and variant, for figures."""
    records = []
    for label, pairs in variants.items():
        for name in RESPONSES:
            sample = pairs.by_month(name)
            found = zip(sample.mean(axis=(0, 1)), *clustered_interval(sample), strict=True)
            for month, (mean, low, high) in enumerate(found, start=1):
                record = {"variable": name, "month": month, "policies": label, "unit": _unit(name)}
                records.append({**record, "mean": float(mean), "low": float(low), "high": float(high)})
    return records
