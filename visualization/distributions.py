"""Who has how much: Lorenz curves, rank and size, histograms.  Arrays in, Figure out."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from macro_mesa.aggregates import gini
from visualization import style
from visualization.style import BLUE, DASHES, GREY, INK, PALETTE, VERMILION

FEWEST_IN_TAIL = 10


def _finite(values: np.ndarray) -> np.ndarray:
    values = np.asarray(values, dtype=float).ravel()
    return values[np.isfinite(values)]


# --- Lorenz
def lorenz_curve(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cumulative shares of agents and of ``values`` (n,), both (n + 1,); below zero where debtors come first.

    Raises ``ValueError`` unless the total is positive.
    """
    ordered = np.sort(_finite(values))
    total = ordered.sum()
    if not total > 0.0:
        raise ValueError("a Lorenz curve needs a positive total")
    return np.linspace(0.0, 1.0, len(ordered) + 1), np.concatenate([[0.0], np.cumsum(ordered)]) / total


def lorenz(quantities: Mapping[str, np.ndarray], width: float = style.PANEL_WIDTH) -> Figure:
    """Lorenz curves with their Gini coefficients, one a quantity.

    quantities: values of all agents, (n,), by name, such as ``{"wealth": ..., "income": ...}``.
    width: inches; what is written keeps its size.
    """
    figure, axes = style.new_panel(width, 3.6)
    axes.plot([0.0, 1.0], [0.0, 1.0], color=GREY, linewidth=1.0)
    without = []
    for number, (name, values) in enumerate(quantities.items()):
        values = _finite(values)
        if values.sum() > 0.0:
            label = f"{name} {gini(values):.2f}"
            colour, dashes = PALETTE[number % len(PALETTE)], DASHES[number % len(DASHES)]
            axes.plot(*lorenz_curve(values), color=colour, linestyle=dashes, linewidth=1.8, label=label)
        else:
            without.append(name)
    if without or not quantities:
        style.say(axes, f"no positive total: {', '.join(without)}" if without else "no quantity was given")
    style.percent_axis(axes.xaxis)
    style.percent_axis(axes.yaxis)
    style.dress(axes, "Lorenz curve, Gini coefficients", "agents from the poorest on, %", "share of the total, %")
    style.set_title(axes, "Lorenz curve, Gini coefficients", room=True)
    return figure


# --- rank and size
@dataclass(frozen=True)
class TailFit:
    """A power law fitted to the largest sizes: P(size > s) ~ s ** -exponent."""

    exponent: float
    standard_error: float
    intercept: float  # of log(rank - 1/2)
    sizes: np.ndarray  # the fitted ones, the largest first


def fit_tail(sizes: np.ndarray, share: float = 0.5) -> TailFit | None:
    """The tail exponent by least squares of log(rank - 1/2) on log size; None if there is no tail to fit.

    The half corrects the bias in small samples and the standard error is exponent sqrt(2 / n), both by
    Gabaix and Ibragimov (2011), "Rank - 1/2".

    sizes: (n,); only positive ones count.
    share: which of the largest are fitted, 0..1; at least ten and not all alike.
    """
    ordered = np.sort(_finite(sizes))[::-1]
    ordered = ordered[ordered > 0.0]
    tail = ordered[: math.ceil(share * len(ordered))]
    if len(tail) < FEWEST_IN_TAIL or tail[0] == tail[-1]:
        return None
    slope, intercept = np.polyfit(np.log(tail), np.log(np.arange(1, len(tail) + 1) - 0.5), 1)
    return TailFit(float(-slope), float(-slope * math.sqrt(2.0 / len(tail))), float(intercept), tail)


def rank_size(
    sizes: np.ndarray, title: str = "Firm sizes", unit: str = "workers", share: float = 0.5,
    width: float = style.PANEL_WIDTH,
) -> Figure:  # fmt: skip
    """Rank against size on logarithmic axes, with the power law of the tail (``fit_tail``).

    sizes: (n,), in ``unit``; pool the agents of several runs where one holds too few.
    share: which of the largest are fitted, 0..1.
    width: inches; what is written keeps its size.
    """
    figure, axes = style.new_panel(width, 3.2)
    ordered = np.sort(_finite(sizes))[::-1]
    ordered = ordered[ordered > 0.0]
    if len(ordered):
        ranks = np.arange(1, len(ordered) + 1)
        axes.loglog(ordered, ranks, "o", color=BLUE, markersize=3.5, markeredgewidth=0, alpha=0.6, label="data")
        _tail_line(axes, fit_tail(ordered, share))
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0) if ordered[0] < 100.0 * ordered[-1] else (1.0,)))
            axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
            axis.set_minor_formatter(NullFormatter())
    else:
        style.say(axes, "nothing of positive size")
    style.dress(axes, f"{title}: rank and size", f"size, {unit}", "rank, 1 is the largest", margin=0.05)
    style.set_title(axes, f"{title}: rank and size", room=True)
    return figure


def _tail_line(axes: Axes, fit: TailFit | None) -> None:
    if fit is None:
        axes.plot([], [], " ", label=f"no fit: fewer than {FEWEST_IN_TAIL} in the tail, or all alike")
        return
    ends = np.array([fit.sizes[-1], fit.sizes[0]])
    ranks = np.exp(fit.intercept - fit.exponent * np.log(ends)) + 0.5
    label = f"exponent {fit.exponent:.2f} \u00b1 {fit.standard_error:.2f} (n = {len(fit.sizes)})"
    axes.plot(ends, ranks, color=VERMILION, linewidth=1.8, label=label)


# --- histograms
def distribution(
    values: np.ndarray, title: str, unit: str, counted: str = "agents", width: float = style.PANEL_WIDTH
) -> Figure:
    """Histogram of one quantity with its median and mean.

    values: (n,), in ``unit``.
    counted: what the bars count, such as "households".
    width: inches; what is written keeps its size.
    """
    figure, axes = style.new_panel(width)
    draw_distribution(axes, values, title, unit, counted)
    return figure


def distributions(quantities: Mapping[str, tuple[np.ndarray, str, str]], width: float = style.WIDTH) -> Figure:
    """Histograms side by side: ``{title: (values, unit, counted)}`` as in ``distribution``; three a row."""
    columns = min(3, max(len(quantities), 1))
    rows = math.ceil(len(quantities) / columns) or 1
    figure, panels = style.new_figure(rows, columns, row_height=2.9, width=width)
    for axes, (title, (values, unit, counted)) in zip(panels.flat, quantities.items(), strict=False):
        draw_distribution(axes, values, title, unit, counted)
    style.align_titles(panels)
    style.hide_unused(list(panels.flat), len(quantities))
    return figure


def draw_distribution(axes: Axes, values: np.ndarray, title: str, unit: str, counted: str) -> None:
    """Draw a histogram with its median and mean."""
    values = _finite(values)
    if len(values):
        counts, edges = np.histogram(values, _bins(values))
        axes.stairs(counts, edges, fill=True, facecolor=BLUE, edgecolor="white", alpha=0.75, linewidth=0.6)
        median, mean = np.median(values), values.mean()
        axes.axvline(median, color=INK, linewidth=1.5, label=f"median {style.significant(median, 3)}")
        axes.axvline(mean, color=VERMILION, linewidth=1.5, linestyle="--", label=f"mean {style.significant(mean, 3)}")
        axes.set_ylim(0.0, 1.05 * counts.max())
    else:
        style.say(axes, f"no {counted} to count")
    style.dress(axes, title, unit, counted, margin=0.02)
    style.set_title(axes, title, room=True)


def _bins(values: np.ndarray) -> np.ndarray:
    """Edges of the bars: one a whole number where there are few of them, else about sqrt(n) of one width."""
    low, high = values.min(), values.max()
    if (values == np.round(values)).all() and high - low <= 40:
        return np.arange(low - 0.5, high + 1.0)
    return np.histogram_bin_edges(values, int(np.clip(math.sqrt(len(values)), 5, 40)))
