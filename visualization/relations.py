"""The textbook scatters: Taylor, Phillips, Okun and Beveridge, each with its fitted line.  Data in, Figure out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.stats import linregress

from visualization import style
from visualization.macro_panels import runs_of
from visualization.style import BLUE, GREEN, INK, VERMILION

Series = Callable[[pd.DataFrame], pd.Series]

FEWEST_POINTS = 3  # a line through two is no fit


@dataclass(frozen=True)
class Relation:
    """One scatter: what stands on each axis, in per cent or percentage points."""

    title: str
    x_label: str
    y_label: str
    x: Series
    y: Series
    first_month: int  # the first month for which both exist


def percent(name: str) -> Series:
    """A column of decimals in per cent."""
    return lambda history: 100.0 * history[name]


def quarter(values: pd.Series) -> pd.Series:
    """Mean of the last three months; a month alone is noisy."""
    return values.rolling(3).mean()


def output_growth(history: pd.DataFrame) -> pd.Series:
    """Twelve-month growth of the quarter's output, %."""
    output = np.log(quarter(history["gdp"].where(history["gdp"] > 0)))
    return 100.0 * output.diff(12)


def unemployment_change(history: pd.DataFrame) -> pd.Series:
    """Twelve-month change of the quarter's unemployment, percentage points."""
    return 100.0 * quarter(history["unemployment"]).diff(12)


def vacancy_rate(history: pd.DataFrame) -> pd.Series:
    """Open posts over the labour force, %."""
    return 100.0 * history["vacancies"] / history["labor_force"]


RELATIONS: dict[str, Relation] = {
    "taylor": Relation(
        "Taylor rule", "inflation, 12-month change, %", "policy rate, % a year",
        percent("inflation"), percent("policy_rate"), 1,
    ),
    "phillips": Relation(
        "Phillips curve", "unemployment, %", "inflation, 12-month change, %",
        percent("unemployment"), percent("inflation"), 1,
    ),
    "okun": Relation(
        "Okun's law", "growth of output over 12 months, %", "change of unemployment, pp",
        output_growth, unemployment_change, 15,
    ),
    "beveridge": Relation(
        "Beveridge curve", "unemployment, %", "open posts, % of labour force",
        percent("unemployment"), vacancy_rate, 1,
    ),
}  # fmt: skip


def macro_relation(
    name: str,
    history: pd.DataFrame | Sequence[pd.DataFrame],
    inflation_target: float = 0.02,
    neutral_rate: float = 0.01,
    labor_force: int = 100,
    width: float = style.PANEL_WIDTH,
) -> Figure:
    """One scatter by its key in ``RELATIONS``: a point a month, the least-squares line, its slope, the correlation r.

    history: columns of simulation_history.csv; several runs (a sequence, or a column ``seed``) are pooled.
    inflation_target, neutral_rate: decimals; the neutral rate is real, for the line of Taylor (1993).
    labor_force: households, the base of the vacancy rate.
    width: inches; what is written keeps its size.
    """
    figure, axes = style.new_panel(width, 3.2)
    draw_relation(axes, name, history, inflation_target, neutral_rate, labor_force)
    return figure


def macro_relations(
    history: pd.DataFrame | Sequence[pd.DataFrame],
    inflation_target: float = 0.02,
    neutral_rate: float = 0.01,
    labor_force: int = 100,
) -> Figure:
    """The four scatters on one sheet; arguments as in ``macro_relation``."""
    figure, panels = style.new_figure(2, 2, row_height=3.4, width=9.0)
    for axes, name in zip(panels.flat, RELATIONS, strict=True):
        draw_relation(axes, name, history, inflation_target, neutral_rate, labor_force)
    style.align_titles(panels)
    return figure


def draw_relation(
    axes: Axes,
    name: str,
    history: pd.DataFrame | Sequence[pd.DataFrame],
    inflation_target: float,
    neutral_rate: float,
    labor_force: int,
) -> None:
    """Draw a scatter of ``RELATIONS``."""
    relation = RELATIONS[name]
    x, y = _points(relation, history, labor_force)
    axes.plot(x, y, "o", color=BLUE, markersize=3.5, markeredgewidth=0, alpha=0.45, label=f"{len(x):,} months")
    if len(x) < FEWEST_POINTS:
        style.say(axes, f"needs at least {FEWEST_POINTS} months, from month {relation.first_month} on")
    else:
        _fitted_line(axes, x, y)
        if name == "taylor":
            _taylor_1993(axes, x, inflation_target, neutral_rate)
        if name == "okun":
            axes.axhline(0.0, color=INK, linewidth=0.8)
            axes.axvline(0.0, color=INK, linewidth=0.8)
    style.dress(axes, relation.title, relation.x_label, relation.y_label, margin=0.03)
    style.set_title(axes, relation.title, room=True)


def _points(
    relation: Relation, history: pd.DataFrame | Sequence[pd.DataFrame], labor_force: int
) -> tuple[np.ndarray, np.ndarray]:
    """The finite points of all runs, (n,) each; the opening, month 0, has no flows yet."""
    points = []
    for run in runs_of(history):
        months = run.assign(labor_force=labor_force)
        both = np.column_stack([relation.x(months), relation.y(months)]).astype(float)
        points.append(both[(run["month"] > 0) & np.isfinite(both).all(axis=1)])
    x, y = np.concatenate(points).T
    return x, y


def _fitted_line(axes: Axes, x: np.ndarray, y: np.ndarray) -> None:
    if np.ptp(x) < 1.0e-9:
        axes.plot([], [], " ", label="no line: x never changes")
        return
    fit = linregress(x, y)
    correlation = style.minus(f"{fit.rvalue:.2f}") if np.ptp(y) > 1.0e-9 else "undefined"
    ends = np.array([x.min(), x.max()])
    label = f"slope {style.significant(fit.slope)}, r = {correlation}"
    axes.plot(ends, fit.intercept + fit.slope * ends, color=VERMILION, linewidth=1.8, label=label)


def _taylor_1993(axes: Axes, x: np.ndarray, target: float, neutral_rate: float) -> None:
    """Taylor's rule without an output gap, where it asks for a rate of zero or more."""
    inflation = np.linspace(x.min(), x.max(), 50)
    rate = 100.0 * neutral_rate + inflation + 0.5 * (inflation - 100.0 * target)
    axes.plot(inflation, np.maximum(rate, 0.0), color=GREEN, linestyle="--", linewidth=1.3, label="Taylor, no gap")
