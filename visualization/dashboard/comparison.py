"""Two economies from the same seed in one picture, and what is different between them."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from visualization import style
from visualization.macro_panels import PANELS, Panel
from visualization.style import GREY, INK

LEFT = 0.68  # inches: differences have long numbers
Spans = Sequence[tuple[float, float]]


def comparison_panel(name: str, scenario: pd.DataFrame, baseline: pd.DataFrame, shaded: Spans = ()) -> Figure:
    """A panel of ``PANELS`` with the scenario in colour and the baseline dotted beside it; histories by month."""
    panel = PANELS[name]
    figure, axes = style.new_panel(left=LEFT)
    for line in _economic(panel):
        base = line.series(baseline)
        axes.plot(scenario["month"], line.series(scenario), color=line.colour, linewidth=1.6, label=line.label)
        axes.plot(baseline["month"], base, color=line.colour, linewidth=1.3, linestyle=style.DASHES[2], alpha=0.75)
    axes.plot([], [], color=GREY, linewidth=1.3, linestyle=style.DASHES[2], label="baseline")
    return _dressed(figure, panel, panel.title, panel.unit, scenario, shaded)


def difference_panel(name: str, scenario: pd.DataFrame, baseline: pd.DataFrame, shaded: Spans = ()) -> Figure:
    """Scenario less baseline: percentage points where the panel is in per cent, else per cent of the baseline."""
    panel = PANELS[name]
    figure, axes = style.new_panel(left=LEFT)
    for line in _economic(panel):
        with_shock, without = line.series(scenario).to_numpy(), line.series(baseline).to_numpy()
        axes.plot(
            scenario["month"], _difference(panel, with_shock, without), color=line.colour, linewidth=1.6,
            linestyle=line.dashes, label=line.label,
        )  # fmt: skip
    axes.axhline(0.0, color=INK, linewidth=0.8)
    unit = "percentage points" if panel.percent else "% of baseline"
    return _dressed(figure, panel, f"{panel.title}: difference", unit, scenario, shaded, difference=True)


def _economic(panel: Panel):  # type: ignore[no-untyped-def]
    """The lines that an economy moves; the opening value is a mark, not a series."""
    return [line for line in panel.lines if line.label != "opening"]


def _difference(panel: Panel, scenario: np.ndarray, baseline: np.ndarray) -> np.ndarray:
    if panel.percent:
        return 100.0 * (scenario - baseline)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(baseline != 0.0, 100.0 * (scenario / baseline - 1.0), np.nan)


def _dressed(
    figure: Figure, panel: Panel, title: str, unit: str, history: pd.DataFrame, shaded: Spans, difference: bool = False
) -> Figure:
    axes = figure.axes[0]
    for start, end in shaded:
        axes.axvspan(start, end, color=GREY, alpha=0.15, linewidth=0)
    style.dress(axes, title, "month", unit)
    style.set_title(axes, title, room=True)
    if difference:
        style.at_least(axes, 0.1)
    else:
        style.at_least(axes, panel.span)
        if panel.percent:
            style.percent_axis(axes.yaxis)
    style.month_axis(axes, float(history["month"].max()))
    return figure
