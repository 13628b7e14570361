"""The README's table of findings, from the results that stand in docs/results/."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
# claim: what was asked, and the estimates that answer it, with the words around each
CLAIMS: dict[str, tuple[str, tuple[tuple[str, str], ...]]] = {
    "taylor_rule": (
        "Do central banks learn a Taylor rule?",
        (("phi_inflation", "long-run answer to a point of inflation"),),
    ),
    "credit_channel": (
        "Do rates travel through banks?",
        (("lending_rate_month_6", "lending rate after six months"), ("new_loans", "new loans")),
    ),
    "consumption_response": (
        "Do households and firms answer?",
        (
            ("consumption", "consumption"),
            ("investment", "investment"),
            ("output", "output"),
            ("unemployment", "unemployment"),
        ),
    ),
    "price_stickiness": (
        "Are prices sticky?",
        (("pass_through_1", "of a cost rise passed on after a month"), ("pass_through_12", "after a year")),
    ),
    "business_cycles": (
        "Are there cycles without shocks?",
        (("runs_with_spectral_peak", "of runs with a spectral peak"),),
    ),
}


def rows() -> list[tuple[str, str, str]]:
    """Question, verdict and figures: the five claims, moments, the contest of central banks, the runs' agreement."""
    evidence = _results("evidence")
    found = [
        (question, _held(evidence["claims"][claim]), _figures(evidence["claims"][claim]["estimates"], wanted))
        for claim, (question, wanted) in CLAIMS.items()
    ]
    share = evidence["facts"]["share_within"]["learned"]["real"]
    moments = (
        "Do its moments match US data?",
        _verdict(evidence["facts"]["passed"]),
        f"{10 * share:.0f} of 10 lie in the range of the data",
    )
    return [*found, moments, _contest(), _agreement(evidence["agreement"])]


def _results(name: str) -> Any:
    return json.loads((RESULTS / name / "results.json").read_text())


def _verdict(passed: bool) -> str:
    return "yes" if passed else "**no**"


def _held(claim: Mapping[str, Any]) -> str:
    """The verdict, and how many of the criteria hold."""
    judged = [estimate["passed"] for estimate in claim["estimates"].values() if estimate["passed"] is not None]
    return f"{_verdict(claim['passed'])}, {sum(judged)} of {len(judged)} criteria"


def _figures(estimates: Mapping[str, Any], wanted: tuple[tuple[str, str], ...]) -> str:
    return "; ".join(_figure(estimates[name], words) for name, words in wanted)


def _figure(estimate: Mapping[str, Any], words: str) -> str:
    unit = {"%": " %", "pp": " points", "pp a pp": "", "of runs": "", "of the rise": ""}[estimate["unit"]]
    low, high = estimate["ci"]
    interval = "" if low is None else f" [{low:.2f}, {high:.2f}]"
    sign = "+" if unit and estimate["mean"] > 0 else ""
    value = f"{sign}{estimate['mean']:.2f}{unit}{interval}"
    return f"{value} {words}" if estimate["unit"].startswith("of") else f"{words} {value}"


def _contest() -> tuple[str, str, str]:
    """The learned central bank against the best constant rate, under frozen private agents."""
    estimates = _results("policy_rules")["estimates"]
    own, constant = estimates["own"]["loss"], estimates["best constant rate"]["loss"]
    taylor = estimates["Taylor 1993"]["loss"]
    figures = (
        f"loss a month {own['mean']:.1f}, Taylor's rule {taylor['mean']:.1f}, best constant rate {constant['mean']:.1f}"
    )
    return (
        "Is the learned central bank the better one?",
        _verdict(own["mean"] < min(constant["mean"], taylor["mean"])),
        figures,
    )


def _agreement(agreement: Mapping[str, Any]) -> tuple[str, str, str]:
    statistics = agreement["statistics"]
    apart = "; ".join(
        f"{statistics[name]['title']} {statistics[name]['distance']:.1f} {_unit(statistics[name]['unit'])} apart"
        for name in ("gdp", "capital", "unemployment")
    )
    return "Do five training runs agree?", _verdict(agreement["passed"]), apart


def _unit(unit: str) -> str:
    return {"%": "%"}.get(unit, "points")
