"""The evidence on one page: every claim with its estimates, thresholds and verdicts; moments; the main responses."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from rich.console import Console
from rich.table import Table

from visualization import style
from visualization.responses import draw_responses, line_looks, response_grid

CLAIM_TITLES = {
    "taylor_rule": "A learned Taylor rule",
    "credit_channel": "The credit channel",
    "consumption_response": "Consumption responds to rates",
    "price_stickiness": "Sticky prices",
    "business_cycles": "Business cycles without shocks",
}
SHOWN = ("lending_rate", "new_loans", "consumption", "gdp")  # responses on the page
# lines of placebos that compare whole economies: what is shown of each
COMPARED = ("lending_rate_month_12", "new_loans", "approval_probability", "consumption", "borrowing")
ROW = 0.235  # inches
PASS, FAIL = style.GREEN, style.VERMILION
BLIND = "rate-blind"


def scorecard(results: Mapping[str, Any]) -> Figure:
    """The page for ``results``, the contents of the evidence's results.json."""
    rows = list(_rows(results["claims"]))
    heights = (len(rows) * ROW + 0.6, 0.245 * len(results["facts"]["moments"]) + 0.9, 2.6)
    figure = Figure(figsize=(13.0, sum(heights) + 0.9), dpi=style.DPI, layout="constrained", facecolor="white")
    parts: Any = figure.subfigures(3, 1, height_ratios=heights)
    claims, facts, responses = parts
    figure.suptitle(headline(results), fontsize=style.LARGE + 2, fontweight="bold", x=0.01, ha="left")
    if results["caveat"]:
        figure.text(0.99, 0.002, results["caveat"], fontsize=style.SMALL, color=FAIL, ha="right", va="bottom")
    _draw_claims(claims, rows)
    _draw_moments(facts, results["facts"])
    _draw_responses(responses, results)
    return figure


def headline(results: Mapping[str, Any]) -> str:
    """How many claims passed, on what."""
    passed = sum(claim["passed"] for claim in results["claims"].values())
    runs, pairs = len(results["runs"]), results["seeds"]["pairs"]
    sizes = results["economy"]
    return (
        f"{passed} of {len(results['claims'])} claims pass: {runs} training run{'s' * (runs != 1)}, "
        f"{pairs} held-out seeds from {results['seeds']['first']}, {sizes['num_households']} households, "
        f"{sizes['num_firms']} firms, {sizes['num_banks']} banks"
    )


def all_responses(results: Mapping[str, Any]) -> Figure:
    """Every response to the rate rise, a panel a variable."""
    rise = round(10_000 * results["plan"]["rate_rise"])
    months = results["plan"]["rate_rise_months"]
    title = f"Response to a policy rate {rise} bp higher for {months} months: mean and 95 % band over runs and seeds"
    return response_grid(pd.DataFrame(results["responses"]), title, shock_months=months)


# --- claims
def _rows(claims: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Rows of the table of claims: headings, criteria, and lines of placebos."""
    for name, claim in claims.items():
        yield "claim", {"text": CLAIM_TITLES.get(name, name), "passed": claim["passed"]}
        for estimate in claim["estimates"].values():
            if estimate["passed"] is not None:
                yield "criterion", estimate
        for line in placebo_lines(claim):
            yield "placebo", {"text": line}


def _draw_claims(figure: SubFigure, rows: Sequence[tuple[str, dict[str, Any]]]) -> None:
    """Text to the left, to the right each estimate with its interval as distance from its own threshold."""
    text, forest = figure.subplots(1, 2, width_ratios=(4.6, 1.0), sharey=True)
    for axes in (text, forest):
        axes.set_ylim(len(rows) - 0.4, -1.4)
        axes.set_yticks([])
        for side in axes.spines.values():
            side.set_visible(False)
    text.set_xlim(0.0, 1.0)
    text.set_xticks([])
    forest.set_xlim(-1.15, 1.15)
    forest.set_xticks([0.0], ["threshold"], fontsize=style.SMALL)
    forest.plot([0.0, 0.0], [-0.5, len(rows) - 0.4], color=style.INK, linewidth=0.8)
    for x, heading, side in (
        (0.015, "what must hold", "left"), (0.66, "estimate", "right"), (0.78, "95 % interval", "right"),
        (0.94, "threshold", "right"), (0.995, "verdict", "right"),
    ):  # fmt: skip
        text.text(x, -0.9, heading, fontsize=style.SMALL, color=style.GREY, ha=side, va="center")
    forest.text(0.0, -0.9, "estimate, interval, runs", fontsize=style.SMALL, color=style.GREY, ha="center", va="center")
    for height, (kind, row) in enumerate(rows):
        if kind == "claim":
            _heading(text, height, row)
        elif kind == "placebo":
            text.text(0.03, height, row["text"], fontsize=style.SMALL - 0.7, color=style.GREY, va="center")
        else:
            _criterion(text, forest, height, row)
    _leave_layout_alone(text, forest)


def _leave_layout_alone(*panels: Axes) -> None:
    """Texts inside a panel need no room of their own; measuring hundreds of them would take most of the time."""
    for axes in panels:
        for text in axes.texts:
            text.set_in_layout(False)


def _heading(axes: Axes, height: float, row: Mapping[str, Any]) -> None:
    axes.axhline(height - 0.5, color=style.GRID, linewidth=1.0)
    look: dict[str, Any] = {"fontsize": style.NORMAL + 0.5, "fontweight": "bold", "va": "center"}
    axes.text(0.0, height, row["text"], color=style.INK, **look)
    axes.text(0.995, height, _verdict(row["passed"]).upper(), color=_colour(row["passed"]), ha="right", **look)


def _criterion(text: Axes, forest: Axes, height: float, estimate: Mapping[str, Any]) -> None:
    colour = _colour(estimate["passed"])
    look: dict[str, Any] = {"fontsize": style.SMALL, "va": "center"}
    text.text(0.015, height, estimate["meaning"], color=style.INK, **look)
    text.text(0.66, height, f"{number(estimate['mean'])} {estimate['unit']}", ha="right", color=style.INK, **look)
    text.text(0.78, height, interval(estimate["ci"]), ha="right", color=style.INK, **look)
    text.text(0.94, height, f"{estimate['test']} {number(estimate['threshold'])}", ha="right", color=style.INK, **look)
    text.text(0.995, height, _verdict(estimate["passed"]), ha="right", color=colour, fontweight="bold", **look)
    if estimate["mean"] is None:
        forest.text(0.0, height, "not defined", ha="center", color=style.GREY, backgroundcolor="white", **look)
        return
    ends = [end for end in (estimate["mean"], *estimate["ci"], *estimate["by_run"]) if end is not None]
    reach = max(max(abs(end - estimate["threshold"]) for end in ends), 1.0e-12)

    def place(value: float) -> float:
        return (value - estimate["threshold"]) / reach

    for run in estimate["by_run"]:
        if run is not None:
            forest.plot(place(run), height, "o", color=style.GREY, markersize=2.5, alpha=0.6, markeredgewidth=0)
    if None not in estimate["ci"]:
        forest.plot([place(end) for end in estimate["ci"]], [height, height], color=colour, linewidth=2.0)
    forest.plot(place(estimate["mean"]), height, "o", color=colour, markersize=5)


def _verdict(passed: bool) -> str:
    return "pass" if passed else "fail"


def _colour(passed: bool) -> str:
    return PASS if passed else FAIL


def number(value: float | None) -> str:
    """A number in three digits with a typographic minus; a dash where there is none."""
    if value is None:
        return "\u2013"
    return style.minus(f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}" if abs(value) >= 0.0005 else "0")


def interval(ends: Sequence[float | None]) -> str:
    """An interval, or a dash."""
    return "\u2013" if None in ends else f"{number(ends[0])} to {number(ends[1])}"


def placebo_lines(claim: Mapping[str, Any]) -> list[str]:
    """What the same estimators give where there is nothing to find, a line a placebo."""
    lines = []
    for name, entry in claim["placebo"].items():
        label = name.replace("_", " ")
        if isinstance(entry, Mapping) and "share_that_obeys" in entry:
            lines.append(f"placebo, {label}: {100 * entry['share_that_obeys']:.0f} % obey the Taylor principle")
        elif isinstance(entry, Mapping) and any(key in entry for key in COMPARED):
            parts = [_brief(key, entry[key]) for key in COMPARED if key in entry]
            lines.append(f"null, {label}: {'; '.join(parts)}")
        elif isinstance(entry, Mapping):
            parts = [f"{key.replace('_', ' ')} {number(value)}" for key, value in entry.items() if _plain(value)]
            if parts:
                lines.append(f"null, {label}: {', '.join(parts)}")
    return lines


def _plain(value: Any) -> bool:
    return value is None or isinstance(value, int | float)


def _brief(name: str, estimate: Mapping[str, Any]) -> str:
    return f"{name.replace('_', ' ')} {number(estimate['mean'])} {estimate['unit']} ({interval(estimate['ci'])})"


# --- moments
def _draw_moments(figure: SubFigure, facts: Mapping[str, Any]) -> None:
    """Each moment on the scale of the US twenty-year range: the range is the bar from 0 to 1."""
    policies = [policy for policy in style.POLICY_COLOURS if policy in facts["samples"]]
    text, axes = figure.subplots(1, 2, width_ratios=(3.0, 2.0), sharey=True)
    share = facts["share_within"]["learned"]["real"]
    title = (
        f"Moments against US data, 1959\u20132009: {100 * share:.0f} % within the range of twenty-year windows "
        f"(two thirds pass: {_verdict(facts['passed'])}; moments with * do not count)"
    )
    figure.suptitle(title, fontsize=style.NORMAL + 1, fontweight="bold", x=0.01, ha="left")
    places = (0.58, 0.74, *(0.74 + 0.13 * (k + 1) / len(policies) * 2 for k in range(len(policies))))
    headings = ("US", "US, windows", *policies)
    text.set_xlim(0.0, 1.02)
    for x, heading in zip(places, headings, strict=True):
        text.text(x, -0.9, heading, fontsize=style.SMALL, color=style.GREY, ha="right", va="center")
    axes.axvspan(0.0, 1.0, color=style.GREY, alpha=0.18, linewidth=0)
    for height, moment in enumerate(facts["moments"].values()):
        _moment(text, axes, height, moment, policies, places)
    for one in (text, axes):
        one.set_ylim(len(facts["moments"]) - 0.4, -1.4)
        one.set_yticks([])
        for side in one.spines.values():
            side.set_visible(False)
    text.set_xticks([])
    axes.set_xlim(-3.2, 4.2)
    axes.set_xticks([0.0, 1.0], ["US low", "US high"], fontsize=style.SMALL)
    note = "medians of samples (HP); grey: the US range; arrows: beyond"
    axes.text(0.5, -0.9, note, fontsize=style.SMALL, color=style.GREY, ha="center", va="center")
    _leave_layout_alone(text, axes)


def _moment(
    text: Axes, axes: Axes, height: int, moment: Mapping[str, Any], policies: Sequence[str], places: Sequence[float]
) -> None:
    low, high = moment["us"]["range"]
    look: dict[str, Any] = {"fontsize": style.SMALL, "va": "center"}
    text.text(0.015, height, moment["title"] + ("" if moment["real"] else " *"), color=style.INK, **look)
    text.text(places[0], height, f"{style.minus(f'{moment["us"]["hp"]:.2f}')}", ha="right", color=style.INK, **look)
    window = style.minus(f"{low:.2f} to {high:.2f}")
    text.text(places[1], height, window, ha="right", color=style.INK, **look)
    for number_, (policy, x) in enumerate(zip(policies, places[2:], strict=True)):
        median, within = moment[policy]["hp"], moment[policy]["within"]
        shown = "\u2013" if median is None else style.minus(f"{median:.2f}")
        text.text(x, height, shown, ha="right", color=_colour(within), fontweight="bold" if within else None, **look)
        if median is not None:
            place = (median - low) / (high - low)
            marker = "<" if place < -3.0 else ">" if place > 4.0 else "os^"[number_ % 3]
            axes.plot(min(max(place, -3.0), 4.0), height, marker, color=style.POLICY_COLOURS[policy], markersize=5)


# --- responses
def _draw_responses(figure: SubFigure, results: Mapping[str, Any]) -> None:
    responses = pd.DataFrame(results["responses"])
    figure.suptitle("Responses to the rate rise: mean and 95 % band", fontsize=style.NORMAL + 1, fontweight="bold",
                    x=0.01, ha="left")  # fmt: skip
    panels = figure.subplots(1, len(SHOWN), squeeze=False)[0]
    looks = line_looks(list(dict.fromkeys(responses["policies"])))
    for axes, variable in zip(panels, SHOWN, strict=True):
        found = responses[responses["variable"] == variable]
        draw_responses(axes, found, "policies", looks, results["plan"]["rate_rise_months"])
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower left", ncols=len(labels), fontsize=style.SMALL, frameon=False)


# --- text
def print_verdicts(results: Mapping[str, Any]) -> None:
    """Every criterion with its estimate and verdict."""
    table = Table(title=headline(results))
    for name in ("claim", "what must hold", "estimate", "95 % interval", "threshold", "verdict"):
        table.add_column(name, justify="right" if name in ("estimate", "95 % interval") else "left")
    for name, claim in results["claims"].items():
        table.add_row(CLAIM_TITLES.get(name, name), "", "", "", "", _verdict(claim["passed"]).upper())
        for estimate in claim["estimates"].values():
            if estimate["passed"] is not None:
                threshold = f"{estimate['test']} {number(estimate['threshold'])}"
                shown = f"{number(estimate['mean'])} {estimate['unit']}", interval(estimate["ci"]), threshold
                table.add_row("", estimate["meaning"], *shown, _verdict(estimate["passed"]))
    Console(width=150).print(table)
