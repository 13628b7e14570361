"""What counts: the thresholds of every claim, fixed before any held-out seed was run, and the verdicts by them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Test = Literal["interval above", "interval below", "at least", "at most"]

# sources of the thresholds
PASS_THROUGH = "de Bondt 2005: at most half at once, about full in the long run"
FOUR_OF_FIVE = "four of five runs"
SIGN = "a sign that standard theory gives"


@dataclass(frozen=True)
class Criterion:
    """One thing that must hold: ``estimate`` of a claim passes ``test`` against ``threshold``."""

    claim: str
    estimate: str
    test: Test
    threshold: float
    meaning: str
    source: str = SIGN


CRITERIA: tuple[Criterion, ...] = (
    Criterion("taylor_rule", "runs_with_taylor_principle", "at least", 0.8,
              "share of runs whose long-run response to inflation is above 1 (interval) and to the gap not below 0",
              f"Taylor 1993; {FOUR_OF_FIVE}"),
    Criterion("credit_channel", "lending_rate_month_6", "interval above", 0.0,
              "lending rate in month 6 of a policy rate 100 bp higher", PASS_THROUGH),
    Criterion("credit_channel", "lending_rate_at_once", "interval below", 0.0,
              "lending rate in month 1 less half its rise in month 12: gradual if below zero", PASS_THROUGH),
    Criterion("credit_channel", "new_loans", "interval below", 0.0,
              "cumulative new loans, mean of months 3-12"),
    Criterion("credit_channel", "new_loans_beyond_null", "interval below", 0.0,
              "the same less the response under random policies"),
    Criterion("credit_channel", "approval_probability", "interval below", 0.0,
              "chance that the same borrower is granted the same loan, mean of months 3-12"),
    Criterion("consumption_response", "consumption", "interval below", 0.0, "consumption, months 3-9"),
    Criterion("consumption_response", "borrowing", "interval below", 0.0, "new loans to households, months 3-9"),
    Criterion("consumption_response", "consumption_by_sight", "interval below", 0.0,
              "consumption, months 3-9, less the response of an economy whose households and firms see no rates"),
    Criterion("consumption_response", "borrowing_by_sight", "interval below", 0.0,
              "new loans to households, months 3-9, less the same"),
    Criterion("consumption_response", "consumption_gone_blind", "at least", 0.5,
              "share of the consumption response that is gone when households and firms see no rates"),
    Criterion("consumption_response", "borrowing_gone_blind", "at least", 0.5,
              "share of the borrowing response that is gone when households and firms see no rates"),
    Criterion("consumption_response", "investment", "interval below", 0.0, "investment, months 10-12"),
    Criterion("consumption_response", "output", "interval below", 0.0, "output, months 12-18"),
    Criterion("consumption_response", "prices", "interval below", 0.0, "price level, months 12-18"),
    Criterion("consumption_response", "unemployment", "interval above", 0.0, "unemployment, months 12-18"),
    Criterion("price_stickiness", "frequency_below_benchmark", "interval below", 0.0,
              "prices changed in a month, less the share that the myopic optimum on the same grid changes"),
    Criterion("price_stickiness", "pass_through_1", "at most", 0.5,
              "pass-through of a 5 % rise of costs in the first month in which firms see it", PASS_THROUGH),
    Criterion("price_stickiness", "pass_through_12", "at least", 0.8,
              "pass-through of it after 12 months", PASS_THROUGH),
    Criterion("business_cycles", "size_exponent", "interval above", -0.25,
              "elasticity of the volatility of output in the size of the population; idiosyncratic noise gives -0.5"),
    Criterion("business_cycles", "runs_with_spectral_peak", "at least", 0.8,
              "share of runs with a spectral peak at 6-32 quarters above 95 % of AR(1) surrogates", FOUR_OF_FIVE),
    Criterion("business_cycles", "runs_with_peak_when_frozen", "at most", 0.2,
              "the same when firms' hiring and investment no longer answer anything", FOUR_OF_FIVE),
)  # fmt: skip

CLAIMS = tuple(dict.fromkeys(criterion.claim for criterion in CRITERIA))


def holds(criterion: Criterion, estimate: Mapping[str, Any]) -> bool:
    """Whether an estimate passes; one that could not be made does not."""
    mean, (low, high) = estimate["mean"], estimate["ci"]
    if criterion.test == "interval above":
        return low is not None and low > criterion.threshold
    if criterion.test == "interval below":
        return high is not None and high < criterion.threshold
    if mean is None:
        return False
    return mean >= criterion.threshold if criterion.test == "at least" else mean <= criterion.threshold


def judge(
    claim: str, estimates: Mapping[str, Mapping[str, Any]], placebo: Mapping[str, Any], **more: Any
) -> dict[str, Any]:
    """A claim with its verdict: passed if all its criteria hold, else failed; there is nothing between.

    Estimates gain ``threshold``, ``test``, ``meaning``, ``source`` and ``passed``, None where nothing was
    preregistered.  Raises ``KeyError`` if the estimate of a criterion is missing.
    """
    criteria = {criterion.estimate: criterion for criterion in CRITERIA if criterion.claim == claim}
    missing = set(criteria) - set(estimates)
    if missing:
        raise KeyError(f"claim {claim} lacks the estimates {', '.join(sorted(missing))}")
    judged = {name: {**found, **_verdict(criteria.get(name), found)} for name, found in estimates.items()}
    passed = all(judged[name]["passed"] for name in criteria)
    return {"passed": passed, "estimates": judged, "placebo": dict(placebo), **more}


def _verdict(criterion: Criterion | None, estimate: Mapping[str, Any]) -> dict[str, Any]:
    if criterion is None:
        return {"threshold": None, "test": None, "passed": None}
    return {
        "threshold": criterion.threshold,
        "test": criterion.test,
        "meaning": criterion.meaning,
        "source": criterion.source,
        "passed": holds(criterion, estimate),
    }
