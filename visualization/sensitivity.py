"""Which parameters matter: sensitivity indices as bars with their intervals.  Table in, Figure out."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from visualization import style
from visualization.style import BLUE, INK, ORANGE, PALETTE

INDEX_NAMES = {
    "S1": "first order",
    "ST": "total",
    "mu_star": "mean absolute effect",
    "sigma": "standard deviation of effects",
}
RANKED_BY = ("ST", "mu_star")  # which index says how important a parameter is; else the largest does
INDEX_COLOURS = {"S1": ORANGE, "ST": BLUE, "mu_star": BLUE, "sigma": ORANGE}


def sensitivity_bars(
    indices: pd.DataFrame, title: str = "Sensitivity", unit: str = "share of variance", width: float = style.PANEL_WIDTH
) -> Figure:
    """Bars of sensitivity indices with their intervals, the most important parameter on top; a panel an output.

    indices: a row a parameter and index; columns ``parameter``, ``index`` (``S1`` and ``ST`` of Sobol,
        ``mu_star`` and ``sigma`` of Morris, or any other name), ``value``, ``low`` and ``high`` (NaN where an
        index has no interval), in ``unit`` or that of a column ``unit``; with a column ``output`` where there
        are several.
    width: inches of a panel; panels stand side by side, at most three in a row.
    """
    outputs = list(indices.groupby("output", sort=False)) if "output" in indices else [(title, indices)]
    columns = min(3, max(len(outputs), 1))
    bars = max((len(table) for _, table in outputs), default=0)
    figure, panels = style.new_figure(
        -(-len(outputs) // columns) or 1, columns, row_height=1.1 + 0.2 * max(bars, 3), width=columns * width
    )
    for axes, (output, table) in zip(panels.flat, outputs, strict=False):
        _draw_bars(axes, table)
        of = str(table["unit"].iloc[0]) if "unit" in table else unit
        style.dress(axes, title if len(outputs) == 1 else str(output), of, "", margin=None)
        axes.grid(visible=False, axis="y")
    style.align_titles(panels)
    style.hide_unused(list(panels.flat), max(len(outputs), 1))
    if not outputs:
        style.say(panels[0, 0], "no index was estimated")
        style.dress(panels[0, 0], title, unit, "")
    return figure


def _draw_bars(axes: Axes, table: pd.DataFrame) -> None:
    table = table[np.isfinite(table["value"].to_numpy(dtype=float))]
    if not len(table):
        style.say(axes, "no index was estimated")
        return
    ranked = table[table["index"].isin(RANKED_BY)] if table["index"].isin(RANKED_BY).any() else table
    importance = ranked.groupby("parameter")["value"].max().reindex(table["parameter"].unique())
    parameters = list(importance.sort_values(ascending=False, kind="stable").index)
    names = list(dict.fromkeys(table["index"]))
    thickness = 0.8 / len(names)
    for number, name in enumerate(names):
        bars = table[table["index"] == name]
        heights = np.array([parameters.index(parameter) for parameter in bars["parameter"]])
        heights = heights + (number - (len(names) - 1) / 2.0) * thickness
        axes.barh(
            heights, bars["value"], 0.92 * thickness, label=INDEX_NAMES.get(str(name), str(name)),
            color=INDEX_COLOURS.get(str(name), PALETTE[number % len(PALETTE)]),
        )  # fmt: skip
        known = bars[["low", "high"]].notna().all(axis=1).to_numpy()
        axes.hlines(heights[known], bars["low"][known], bars["high"][known], color=INK, linewidth=1.2)
    axes.axvline(0.0, color=INK, linewidth=0.8)
    axes.set_yticks(range(len(parameters)), [str(parameter).replace("_", " ") for parameter in parameters])
    axes.set_ylim(len(parameters) - 0.4, -0.6)
