"""The panels of the macroeconomic figure as a table, and how one is drawn."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from visualization import style
from visualization.style import BLUE, GREEN, GREY, INK, ORANGE, PURPLE, VERMILION

Series = Callable[[pd.DataFrame], pd.Series]


@dataclass(frozen=True)
class Line:
    """One line of a panel: its label, its colour and what it shows of a run's history."""

    label: str
    colour: str
    series: Series
    dashes: str | tuple = "-"


@dataclass(frozen=True)
class Panel:
    """One panel: title, unit, lines, and the reference it is read against."""

    title: str
    unit: str
    lines: tuple[Line, ...]
    percent: bool = False
    reference: str = ""  # "inflation_target", "natural_unemployment", "zero"
    span: float = 0.0  # least height of the y-axis, in the unit of the data
    from_zero: bool = False
    counts: bool = False


def column(name: str) -> Series:
    """A column as it stands."""
    return lambda history: history[name]


def after_opening(series: Series) -> Series:
    """A flow or a ratio that the opening, month 0, does not have yet."""
    return lambda history: series(history).where(history["month"] > 0)


def first_year_is_100(name: str) -> Series:
    """A flow as an index, the mean of its first twelve months 100."""

    def series(history: pd.DataFrame) -> pd.Series:
        values = after_opening(column(name))(history)
        first_year = values[history["month"] <= 12].mean()
        return 100.0 * values / first_year if first_year > 0 else values * np.nan

    return series


def opening_is_100(series: Series) -> Series:
    """A series as an index, its first value 100."""
    return lambda history: 100.0 * series(history) / series(history).iloc[0]


def past_year(name: str) -> Series:
    """Events in the last twelve months."""
    return lambda history: history[name].rolling(12, min_periods=1).sum()


def share_of_output(name: str, months: int) -> Series:
    """A nominal quantity over ``months`` of nominal output."""

    def series(history: pd.DataFrame) -> pd.Series:
        output = months * history["gdp"] * history["price_level"]
        return history[name] / output.where(output > 0)

    return series


def potential(history: pd.DataFrame) -> pd.Series:
    """Potential output, by the definition of the output gap: its log is log output less the gap."""
    return history["gdp"] / np.exp(history["output_gap"])


def real_wage(history: pd.DataFrame) -> pd.Series:
    """Wage over price level."""
    return history["wage"] / history["price_level"]


def opening(name: str) -> Series:
    """The first value, repeated."""
    return lambda history: pd.Series(history[name].iloc[0], index=history.index)


DOTS = (0, (1, 1.5))
PANELS: dict[str, Panel] = {
    "output": Panel(
        "Output", "units a month, real",
        (Line("GDP", BLUE, column("gdp")), Line("potential", ORANGE, potential, "--"),
         Line("opening", GREY, opening("gdp"), DOTS)),
    ),
    "inflation": Panel(
        "Inflation", "12-month change, %", (Line("inflation", BLUE, column("inflation")),),
        percent=True, reference="inflation_target",
    ),
    "unemployment": Panel(
        "Unemployment", "share of households, %", (Line("unemployment", BLUE, column("unemployment")),),
        percent=True, reference="natural_unemployment", from_zero=True,
    ),
    "rates": Panel(
        "Interest rates", "% a year",
        (Line("policy", INK, column("policy_rate")), Line("lending", VERMILION, column("lending_rate"), "--"),
         Line("deposit", GREEN, column("deposit_rate"), DOTS)),
        percent=True,
    ),
    "demand": Panel(
        "Consumption and investment", "real, first year = 100",
        (Line("consumption", BLUE, first_year_is_100("consumption")),
         Line("investment", ORANGE, first_year_is_100("investment"), "--")),
        span=10.0,
    ),
    "credit": Panel(
        "Credit outstanding", "% of yearly GDP",
        (Line("credit", BLUE, share_of_output("credit", 12)),), percent=True, span=0.1,
    ),
    "new_loans": Panel(
        "New loans", "% of monthly GDP",
        (Line("all", BLUE, after_opening(share_of_output("new_loans", 1))),
         Line("to households", ORANGE, after_opening(share_of_output("new_household_loans", 1)), "--")),
        percent=True, from_zero=True,
    ),
    "wages": Panel(
        "Prices and wages", "opening = 100",
        (Line("prices", INK, opening_is_100(column("price_level"))),
         Line("wage", BLUE, opening_is_100(column("wage")), "--"),
         Line("real wage", GREEN, opening_is_100(real_wage), DOTS)),
        span=10.0,
    ),
    "output_gap": Panel(
        "Output gap", "% of potential", (Line("output gap", BLUE, column("output_gap")),),
        percent=True, reference="zero", span=0.04,
    ),
    "failures": Panel(
        "Failures", "number in the past 12 months",
        (Line("firms", VERMILION, past_year("bankruptcies")),
         Line("households", BLUE, past_year("household_defaults"), "--"),
         Line("banks", INK, past_year("bank_resolutions"), DOTS)),
        from_zero=True, counts=True, span=4.0,
    ),
    "bank_capital": Panel(
        "Bank capital", "equity, % of loans", (Line("capital ratio", BLUE, after_opening(column("capital_ratio"))),),
        percent=True, span=0.04,
    ),
    "inequality": Panel(
        "Wealth inequality", "Gini coefficient, 0 to 1", (Line("Gini", PURPLE, after_opening(column("gini_wealth"))),),
        span=0.05, from_zero=True,
    ),
}  # fmt: skip


def runs_of(history: pd.DataFrame | Sequence[pd.DataFrame]) -> list[pd.DataFrame]:
    """The runs in a frame (split by ``seed`` if it has one) or in a sequence of frames, each indexed by month."""
    if isinstance(history, pd.DataFrame):
        frames = [run for _, run in history.groupby("seed")] if "seed" in history else [history]
    else:
        frames = list(history)
    if not frames:
        raise ValueError("a history needs at least one run")
    return [frame.set_index(pd.Index(frame["month"], name="index")) for frame in frames]


def draw_panel(
    axes: Axes,
    panel: Panel,
    runs: Sequence[pd.DataFrame],
    references: Mapping[str, float],
    shaded: Sequence[tuple[float, float]] = (),
    band_label: str | None = None,
) -> None:
    """Draw a panel: each line of one run, or the median and 10-90 % band of several."""
    runs = [run for run in runs if len(run)]
    if not runs:
        style.say(axes, "no month has been run yet")
        style.dress(axes, panel.title, "month", panel.unit)
        return
    for number, line in enumerate(panel.lines):
        values = pd.concat([line.series(run) for run in runs], axis=1)
        axes.plot(
            values.index,
            values.median(axis=1),
            color=line.colour,
            linestyle=line.dashes,
            linewidth=1.5,
            label=line.label,
            marker="o" if len(values) < 2 else None,
            markersize=3.5,
        )
        if len(runs) > 1:
            low, high = values.quantile(0.1, axis=1), values.quantile(0.9, axis=1)
            label = band_label if number == 0 else None
            axes.fill_between(values.index, low, high, color=line.colour, alpha=0.16, linewidth=0, label=label)
    if not any(np.isfinite(line.get_ydata()).any() for line in axes.lines):
        axes.set_yticks([])
        style.say(axes, "from month 1 on")
    _reference(axes, panel, references)
    for start, end in shaded:
        axes.axvspan(start, end, color=GREY, alpha=0.15, linewidth=0)
    style.dress(axes, panel.title, "month", panel.unit)
    _scale(axes, panel, float(max(run["month"].max() for run in runs)))


def _reference(axes: Axes, panel: Panel, references: Mapping[str, float]) -> None:
    """The line a panel is read against; inflation also has its band of a percentage point each side."""
    if panel.reference == "zero":
        axes.axhline(0.0, color=INK, linewidth=0.8)
    elif panel.reference == "inflation_target":
        target = references["inflation_target"]
        axes.axhspan(target - 0.01, target + 0.01, color=GREEN, alpha=0.15, linewidth=0, label="\u00b11 pp")
        axes.axhline(target, color=GREEN, linewidth=1.2, linestyle="--", label="target")
    elif panel.reference == "natural_unemployment":
        natural = references["natural_unemployment"]
        axes.axhline(natural, color=GREEN, linewidth=1.2, linestyle="--", label="natural rate")


def _scale(axes: Axes, panel: Panel, months: float) -> None:
    style.at_least(axes, panel.span)
    if panel.from_zero:
        axes.set_ylim(0.0, max(axes.get_ylim()[1], panel.span))
    if panel.percent:
        style.percent_axis(axes.yaxis)
    if panel.counts:
        axes.yaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    style.month_axis(axes, months)
