"""Learning over several training runs: is it the method or the seed?  Statistics in, Figure out."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from visualization import style
from visualization.style import BLUE

TrainingStatistics = Mapping[str, Any]


def learning_curves(
    runs: Sequence[TrainingStatistics],
    diagnostic: str = "mean_reward",
    unit: str = "reward a month",
    width: float = 9.0,
) -> Figure:
    """A diagnostic over updates, a panel an agent type: every run thin, their median bold, the band from 10 to 90 %.

    runs: contents of ``train_stats.json``, one a run, as in ``plots.training_curves``; runs may differ in length.
    diagnostic: a number of each update and type, such as ``mean_reward`` or ``explained_variance``, in ``unit``;
        ``entropy_fraction/price`` is a part of one.
    width: inches; panels stand side by side from 3.6 inches each on, else below each other.
    """
    kinds = [kind for kind in style.AGENT_TITLES if any(_updates(run, kind) for run in runs)]
    columns = 2 if width >= 7.2 and len(kinds) > 1 else 1
    figure, panels = style.new_figure(-(-len(kinds) // columns) or 1, columns, row_height=2.7, width=width)
    for axes, kind in zip(panels.flat, kinds, strict=False):
        _draw(axes, runs, kind, diagnostic, unit)
    style.align_titles(panels)
    style.hide_unused(list(panels.flat), max(len(kinds), 1))
    if not kinds:
        style.say(panels[0, 0], "no agent type has learned yet")
        style.dress(panels[0, 0], "Learning", "update", unit)
    return figure


def learning_curve(
    runs: Sequence[TrainingStatistics],
    kind: str,
    diagnostic: str = "mean_reward",
    unit: str = "reward a month",
    width: float = style.PANEL_WIDTH,
) -> Figure:
    """One panel of ``learning_curves``, quick to draw: a diagnostic of the agent type ``kind``."""
    figure, axes = style.new_panel(width)
    _draw(axes, runs, kind, diagnostic, unit)
    style.set_title(axes, style.AGENT_TITLES[kind], room=True)
    return figure


def learning_table(runs: Sequence[TrainingStatistics], kind: str, diagnostic: str) -> pd.DataFrame:
    """A diagnostic of an agent type: a row an update, a column a run; NaN where a run lacks it."""
    series = [
        pd.Series({number: _value(entry, diagnostic) for number, entry in _updates(run, kind).items()}, dtype=float)
        for run in runs
    ]
    table = pd.concat(series, axis=1, keys=range(len(series))) if series else pd.DataFrame()
    return table.sort_index()


def _updates(run: TrainingStatistics, kind: str) -> dict[int, Mapping[str, Any]]:
    """What a type's updates say, by their numbers."""
    return {update["update"]: update[kind] for update in run["updates"] if update.get(kind)}


def _value(entry: Mapping[str, Any], diagnostic: str) -> float | None:
    """A diagnostic of an update; ``entropy_fraction/price`` is the part ``price`` of ``entropy_fraction``."""
    name, _, part = diagnostic.partition("/")
    found = entry.get(name)
    return (found or {}).get(part) if part else found


def _draw(axes: Axes, runs: Sequence[TrainingStatistics], kind: str, diagnostic: str, unit: str) -> None:
    _draw_curves(axes, learning_table(runs, kind, diagnostic))
    if diagnostic == "mean_reward":
        _draw_baselines(axes, runs, kind)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=True, min_n_ticks=1))
    style.dress(axes, style.AGENT_TITLES[kind], "update", unit)


def _draw_curves(axes: Axes, curves: pd.DataFrame) -> None:
    updates = curves.index.to_numpy()
    marker = "o" if len(curves) < 2 else None
    number = curves.notna().any().sum()
    if not number:
        style.say(axes, "this was not written down")
    elif number > 1:
        low, high = curves.quantile(0.1, axis=1), curves.quantile(0.9, axis=1)
        axes.fill_between(updates, low, high, color=BLUE, alpha=0.16, linewidth=0, label="10 to 90 %")
        axes.plot(updates, curves.to_numpy(), color=BLUE, linewidth=0.6, alpha=0.5)
    label = f"median of {number} runs" if number > 1 else "learning"
    axes.plot(updates, curves.median(axis=1), color=BLUE, linewidth=1.8, marker=marker, markersize=4, label=label)


def _draw_baselines(axes: Axes, runs: Sequence[TrainingStatistics], kind: str) -> None:
    """What the untrained policies earn, the mean of the runs that measured it."""
    for name in ("rule", "random"):
        found = [((run.get("baselines") or {}).get(kind) or {}).get(name) for run in runs]
        values = [value for value in found if value is not None and np.isfinite(value)]
        if values:
            colour, dashes = style.POLICY_COLOURS[name], style.POLICY_DASHES[name]
            axes.axhline(float(np.mean(values)), color=colour, linestyle=dashes, linewidth=1.2, label=name)
