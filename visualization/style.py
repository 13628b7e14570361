"""One look for every figure: palette, panels, legends and axes, without touching matplotlib's global state."""

import math
import textwrap
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
# lines also differ in dashes, for print in grey
DASHES = ("-", (0, (5, 1.5)), (0, (1.5, 1.2)), (0, (5, 1.5, 1.2, 1.5)))
POLICY_DASHES = {"learned": "-", "rule": DASHES[1], "random": DASHES[2]}

DPI = 120
WIDTH = 12.0  # inches
PANEL_WIDTH = 4.4  # inches; its letters can still be read where a phone shows it 390 pixels wide
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


def new_panel(
    width: float = PANEL_WIDTH, height: float = 2.7, left: float = 0.55, bottom: float = 0.43, top: float = 0.46
) -> tuple[Figure, Axes]:
    """A figure of one panel; sizes and margins in inches.

    Fixed margins are quicker to draw than a layout engine's, and keep panels side by side in line.
    """
    figure = Figure(figsize=(width, height), dpi=DPI, facecolor="white")
    box = (left / width, bottom / height, 1.0 - (left + 0.16) / width, 1.0 - (bottom + top) / height)
    return figure, figure.add_axes(box)


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


def head(figure: Figure, title: str, note: str = "") -> None:
    """Title and note in the upper left corner of the figure, where a panel's own title would be cut off."""
    width, height = figure.get_size_inches()
    figure.text(0.1 / width, 1.0 - 0.2 / height, title, fontsize=NORMAL + 1, fontweight="bold", color=INK)
    figure.text(0.1 / width, 1.0 - 0.27 / height, note, fontsize=SMALL - 1.0, color=INK, va="top")


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


def say(axes: Axes, sentence: str) -> None:
    """A sentence in place of data: why there is nothing to see."""
    axes.text(
        0.5, 0.5, textwrap.fill(sentence, 40), transform=axes.transAxes, ha="center", va="center",
        fontsize=NORMAL, color=GREY,
    )  # fmt: skip
    if not axes.has_data():
        axes.set_xticks([])
        axes.set_yticks([])


def significant(number: float, digits: int = 2) -> str:
    """A number at so many significant digits, without an exponent where it is of common size."""
    if number == 0 or not math.isfinite(number):
        return "0" if number == 0 else "\u2013"
    decimals = max(digits - 1 - math.floor(math.log10(abs(number))), 0)
    return minus(f"{number:,.{decimals}f}" if decimals < 7 else f"{number:.1e}")


def compact_axis(axis: Axis) -> None:
    """Write thousands as k, so that long numbers do not run into each other."""
    axis.set_major_formatter(
        FuncFormatter(lambda value, _: minus(f"{value / 1000:,g}k" if abs(value) >= 10_000 else f"{value:g}"))
    )


def minus(number: str) -> str:
    """A number with a typographic minus sign, as matplotlib writes its own."""
    return number.replace("-", "\u2212")


def policy_colour(name: str, number: int) -> str:
    """The colour of a policy, its own or the ``number``-th of the palette."""
    return POLICY_COLOURS.get(name, PALETTE[number % len(PALETTE)])


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
