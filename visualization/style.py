"""One look for every figure: palette, panels, legends and axes, without touching matplotlib's global state."""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FuncFormatter, MaxNLocator, MultipleLocator

# Okabe and Ito's palette, told apart by every common form of colour vision; the yellow is too pale for lines
BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY = PALETTE = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#AA4499",
    "#E69F00",
    "#56B4E9",
)
GREY, INK, GRID = "#7A7A7A", "#222222", "#E6E6E6"
POLICY_COLOURS = {"learned": BLUE, "rule": VERMILION, "random": GREY}
# heads and policies also differ in dashes, for print in grey
DASHES = ("-", (0, (5, 1.5)), (0, (1.5, 1.2)), (0, (5, 1.5, 1.2, 1.5)))

DPI = 120
WIDTH = 12.0  # inches
SMALL, NORMAL, LARGE = 8.0, 9.0, 12.0  # points

AGENT_TITLES = {
    "household": "Households",
    "firm": "Firms",
    "commercial_bank": "Commercial banks",
    "central_bank": "Central bank",
}
VARIABLE_TITLES = {"gdp": "GDP", "inflation_3m": "Inflation, three months", "gini_wealth": "Gini of wealth"}


def new_figure(
    rows: int, columns: int, row_height: float, width: float = WIDTH, shares: Sequence[float] | None = None
) -> tuple[Figure, np.ndarray]:
    """A figure of empty panels, axes (rows, columns); sizes in inches, ``shares`` are the columns' relative widths."""
    layout = ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.08, wspace=0.02, hspace=0.03)
    figure = Figure(figsize=(width, rows * row_height), dpi=DPI, layout=layout, facecolor="white")
    return figure, figure.subplots(rows, columns, squeeze=False, width_ratios=shares)


def dress(axes: Axes, title: str, x_label: str, y_label: str, margin: float | None = 0.01) -> None:
    """Title, axis labels and the common look; two or more labelled artists are named in a row under the title.

    margin: share of the x-range left free on both sides; None keeps what the axes have.
    """
    set_title(axes, title, room=len(axes.get_legend_handles_labels()[1]) > 1)
    axes.set_xlabel(x_label, fontsize=SMALL, color=INK)
    axes.set_ylabel(y_label, fontsize=SMALL, color=INK)
    axes.tick_params(labelsize=SMALL, color=GREY, labelcolor=INK, length=3)
    axes.grid(color=GRID, linewidth=0.7)
    axes.set_axisbelow(True)
    if margin is not None:
        axes.margins(x=margin)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(GREY)
    _legend_above(axes)


def set_title(axes: Axes, title: str, room: bool) -> None:
    """Write the title, with ``room`` for a legend under it."""
    axes.set_title(title, loc="left", fontsize=NORMAL + 1, fontweight="bold", color=INK, pad=18 if room else 6)


def align_titles(panels: np.ndarray) -> None:
    """Lift the titles of a row of panels to one height where one of them has a legend; axes (rows, columns)."""
    for row in panels:
        if any(axes.get_legend() for axes in row):
            for axes in row:
                set_title(axes, axes.get_title("left"), room=True)


def _legend_above(axes: Axes) -> None:
    handles, labels = axes.get_legend_handles_labels()
    if len(handles) > 1:
        axes.legend(
            handles,
            labels,
            loc="lower left",
            bbox_to_anchor=(0.0, 1.0),
            ncols=len(handles),
            fontsize=SMALL - 0.5,
            frameon=False,
            borderpad=0.0,
            borderaxespad=0.3,
            handlelength=1.5,
            handletextpad=0.4,
            columnspacing=0.9,
        )


def percent_axis(axis: Axis) -> None:
    """Write decimals as per cent figures (0.02 as 2); the unit itself belongs in the axis label."""
    axis.set_major_formatter(FuncFormatter(lambda value, _: minus(f"{round(100 * value, 6):g}")))


def minus(number: str) -> str:
    """A number with a typographic minus sign, as matplotlib writes its own."""
    return number.replace("-", "\u2212")


def month_axis(axes: Axes, months: float) -> None:
    """Ticks at whole years, at most about six of them over ``months``; at whole months on short runs."""
    if months >= 24:
        axes.xaxis.set_major_locator(MultipleLocator(12 * math.ceil(months / 12 / 6)))
    else:
        axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True, min_n_ticks=1, steps=[1, 2, 3, 6, 10]))


def at_least(axes: Axes, span: float) -> None:
    """Widen the y-axis to ``span`` about its middle, so that noise of a near-constant series does not fill it."""
    low, high = axes.get_ylim()
    if high - low < span:
        middle = (low + high) / 2
        axes.set_ylim(middle - span / 2, middle + span / 2)


def hide_unused(panels: Sequence[Axes], used: int) -> None:
    """Remove the panels after the first ``used``."""
    for axes in panels[used:]:
        axes.remove()
