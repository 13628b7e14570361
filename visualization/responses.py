"""Impulse responses with their bands, as a grid of panels; used by all experiments."""

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from visualization import style

TITLES = {
    "gdp": "Output",
    "price_level": "Price level",
    "new_household_loans": "New loans to households",
    "spread": "Lending rate less policy rate",
    "bankruptcies": "Failed firms",
    "firms_struck": "Failed firms, struck by default",
    "firms_not_struck": "Failed firms, arrears or equity",
    "bank_resolutions": "Banks resolved",
    "household_defaults": "Households in default",
    "gini_wealth": "Gini of wealth",
    "policy_rate_level": "Policy rate, level",
}


def response_grid(
    responses: pd.DataFrame,
    title: str,
    line: str = "policies",
    columns: int = 4,
    shock_months: int = 0,
    reference: bool = True,
) -> Figure:
    """A panel for each variable in the order of the frame, a line with its band for each value of the column ``line``.

    responses: a row a variable, line and month: ``variable``, ``line``, ``month`` (since the shock), ``mean``, ``low``,
        ``high``, ``unit``.
    shock_months: length of the shock, shaded.
    """
    variables = list(dict.fromkeys(responses["variable"]))
    rows = math.ceil(len(variables) / columns)
    figure, panels = style.new_figure(rows, min(columns, len(variables)), row_height=2.5 if rows > 1 else 3.3)
    looks = line_looks(list(dict.fromkeys(responses[line])))
    for axes, variable in zip(panels.flat, variables, strict=False):
        draw_responses(axes, responses[responses["variable"] == variable], line, looks, shock_months, reference)
    style.hide_unused(list(panels.flat), len(variables))
    name_lines(figure, panels.flat[0], title)
    return figure


def response_matrix(
    responses: pd.DataFrame,
    groups: Mapping[str, Sequence[str]],
    title: str,
    line: str = "policies",
    shock_months: int = 0,
) -> Figure:
    """A row for each variable, a column for each group of lines; every line is named in its column's first panel.

    responses: as in ``response_grid``.  groups: heading of a column to the values of ``line`` it shows.
    """
    variables = list(dict.fromkeys(responses["variable"]))
    figure, panels = style.new_figure(len(variables), len(groups), row_height=2.1)
    for number, (heading, lines) in enumerate(groups.items()):
        looks = line_looks(lines)
        for axes, variable in zip(panels[:, number], variables, strict=True):
            chosen = responses[(responses["variable"] == variable) & responses[line].isin(lines)]
            draw_responses(axes, chosen, line, looks, shock_months, sort=lines)
            if number:
                axes.set_ylabel("")
        panels[0, number].legend(
            loc="lower left", bbox_to_anchor=(0.0, 1.12), fontsize=style.SMALL - 0.5, frameon=False, title=heading,
            alignment="left", title_fontproperties={"weight": "bold", "size": style.NORMAL},
        )  # fmt: skip
    figure.suptitle(title, fontsize=style.LARGE, fontweight="bold", x=0.01, ha="left")
    return figure


def line_looks(lines: Sequence[Hashable]) -> dict[Hashable, dict[str, Any]]:
    """Colour and dashes of each line; policies keep their own colours."""
    own = {line: style.POLICY_COLOURS[str(line)] for line in lines if str(line) in style.POLICY_COLOURS}
    free = [colour for colour in style.PALETTE if colour not in own.values()]
    looks: dict[Hashable, dict[str, Any]] = {}
    for number, line in enumerate(lines):
        colour = own.get(line) or free[(number - len([one for one in lines[:number] if one in own])) % len(free)]
        looks[line] = {"color": colour, "linestyle": style.DASHES[number % len(style.DASHES)]}
    return looks


def draw_responses(
    axes: Axes,
    responses: pd.DataFrame,
    line: str,
    looks: Mapping[Hashable, Mapping[str, Any]],
    shock_months: int = 0,
    reference: bool = True,
    sort: Sequence[str] | None = None,
) -> None:
    """One variable's lines with their bands; months of the shock are shaded."""
    if shock_months:
        axes.axvspan(0.5, shock_months + 0.5, color=style.GREY, alpha=0.1, linewidth=0)
    if reference:
        axes.axhline(0.0, color=style.INK, linewidth=0.8)
    for value in sort or list(dict.fromkeys(responses[line])):
        found = responses[responses[line] == value].sort_values("month")
        colour = looks[value]["color"]
        axes.fill_between(found["month"], found["low"], found["high"], color=colour, alpha=0.16, linewidth=0)
        axes.plot(found["month"], found["mean"], linewidth=1.6, label=str(value), **looks[value])
    variable = str(responses["variable"].iloc[0])
    style.dress(axes, title_of(variable), "months since the shock", str(responses["unit"].iloc[0]))
    style.month_axis(axes, float(np.ptp(responses["month"])))
    without_legend(axes)


def without_legend(axes: Axes) -> None:
    """Take off the panel's own legend, and the room for it: the figure has one for all."""
    legend = axes.get_legend()
    if legend:
        legend.remove()
    style.set_title(axes, axes.get_title("left"), room=False)


def name_lines(figure: Figure, axes: Axes, title: str) -> None:
    """The figure's title, and under it one legend for all panels where there are several lines."""
    handles, labels = axes.get_legend_handles_labels()
    if len(handles) < 2:
        figure.suptitle(title, fontsize=style.LARGE, fontweight="bold", x=0.01, ha="left")
        return
    figure.legend(
        handles, labels, loc="outside upper left", ncols=min(len(handles), 4), fontsize=style.NORMAL, frameon=False,
        title=title, alignment="left", title_fontproperties={"weight": "bold", "size": style.LARGE},
    )  # fmt: skip


def title_of(variable: str) -> str:
    """A variable's name in words."""
    return TITLES.get(variable, variable.replace("_", " ").capitalize())
