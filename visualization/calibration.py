"""A calibration: how the search went, and where the moments lie against data.  Results in, Figure out."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from visualization import style
from visualization.style import BLUE, GREY, VERMILION


def calibration(results: Mapping[str, Any], titles: Mapping[str, str] | None = None) -> Figure:
    """Losses of a search and, on held-out seeds, the moments before and after it.

    results: contents of a calibration's ``results.json``.
    titles: names of moments to print instead of their keys.
    """
    moments = results["held_out"]["moments"]
    figure, panels = style.new_figure(1, 2, row_height=1.6 + 0.24 * max(len(moments), 6), shares=(1.0, 1.4))
    _draw_search(panels[0, 0], results["losses"])
    _draw_moments(panels[0, 1], moments, titles or {})
    style.align_titles(panels)
    return figure


def _draw_search(axes: Axes, losses: list[float | None]) -> None:
    found = np.array([np.nan if loss is None else loss for loss in losses], dtype=float)
    trials = np.arange(1, len(found) + 1)
    best = np.fmin.accumulate(found)
    axes.plot(trials, found, "o", color=GREY, markersize=3.0, alpha=0.6, label="trial")
    axes.step(trials, best, where="post", color=BLUE, linewidth=1.6, label="best so far")
    if np.nanmin(found) > 0.0:
        axes.set_yscale("log")
    style.dress(axes, "The search", "trial", "mean squared distance from the targets")


def _draw_moments(axes: Axes, moments: Mapping[str, Mapping[str, Any]], titles: Mapping[str, str]) -> None:
    places = np.arange(len(moments))
    axes.axvspan(-1.0, 1.0, color=GREY, alpha=0.15, linewidth=0.0)
    axes.axvline(0.0, color=GREY, linewidth=1.0)
    marks = (("now", "as it is", "s", VERMILION), ("best", "calibrated", "o", BLUE))
    for which, name, marker, colour in marks:
        distances = [
            np.nan if moment[which] is None else (moment[which] - moment["target"]) / moment["scale"]
            for moment in moments.values()
        ]
        axes.plot(distances, places, marker, color=colour, label=name, markersize=5.0)
    axes.set_yticks(places, [titles.get(name, name.replace("_", " ")) for name in moments])
    axes.set_ylim(len(moments) - 0.4, -0.6)
    axes.set_xscale("symlog", linthresh=2.0)
    axes.set_xticks([-10, -2, -1, 0, 1, 2, 10], ["\u221210", "\u22122", "\u22121", "0", "1", "2", "10"])
    axes.minorticks_off()
    style.dress(
        axes, "Moments on held-out seeds", "distance from the target (1: half the range of twenty-year windows)", "",
        margin=None,
    )  # fmt: skip
