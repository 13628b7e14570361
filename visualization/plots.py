"""The figures of a run folder: a history, training statistics, impulse responses, returns.  Data in, Figure out."""

import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from macro_mesa.config import Parameters
from visualization import style
from visualization.macro_panels import PANELS, draw_panel, runs_of

Returns = Mapping[str, Mapping[str, Mapping[str, Any]]]
Components = Mapping[str, Mapping[str, Mapping[str, float]]]
DEFAULTS = Parameters()


def save_figure(figure: Figure, path: str | Path) -> Path:
    """Write a figure to ``path`` (its suffix is the format), making the folder; returns the path."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=style.DPI)
    return path


def png(figure: Figure, dpi: float = style.DPI) -> bytes:
    """A figure as a PNG image; half the work of ``Figure.savefig``, which draws everything twice."""
    figure.dpi = dpi
    image = io.BytesIO()
    FigureCanvasAgg(figure).print_png(image)
    return image.getvalue()


# --- the economy
def macro_variables(
    history: pd.DataFrame | Sequence[pd.DataFrame],
    inflation_target: float = DEFAULTS.inflation_target,
    natural_unemployment: float = DEFAULTS.natural_unemployment,
) -> Figure:
    """The main series of a run, or the median and the 10-90 % band of several runs.

    history: columns of simulation_history.csv, a row a month; several runs are a sequence of such frames or
        one frame with a column ``seed``.
    inflation_target, natural_unemployment: decimals, drawn as references.
    """
    runs = runs_of(history)
    columns = 3
    figure, panels = style.new_figure(math.ceil(len(PANELS) / columns), columns, row_height=2.7)
    references = {"inflation_target": inflation_target, "natural_unemployment": natural_unemployment}
    for axes, panel in zip(panels.flat, PANELS.values(), strict=False):
        draw_panel(axes, panel, runs, references)
    style.align_titles(panels)
    style.hide_unused(list(panels.flat), len(PANELS))
    if len(runs) > 1:
        figure.suptitle(
            f"{len(runs)} runs: median, and band from the 10th to the 90th percentile",
            fontsize=style.NORMAL,
            x=0.01,
            ha="left",
        )
    return figure


def macro_panel(
    name: str,
    history: pd.DataFrame | Sequence[pd.DataFrame],
    inflation_target: float = DEFAULTS.inflation_target,
    natural_unemployment: float = DEFAULTS.natural_unemployment,
    shaded: Sequence[tuple[float, float]] = (),
    width: float = style.PANEL_WIDTH,
) -> Figure:
    """One panel of ``macro_variables`` by its key in ``PANELS``; spans of months in ``shaded`` are greyed.

    Several runs show their median and the band from the 10th to the 90th percentile: a fan chart.
    width: inches; what is written keeps its size.
    """
    figure, axes = style.new_panel(width)
    references = {"inflation_target": inflation_target, "natural_unemployment": natural_unemployment}
    draw_panel(axes, PANELS[name], runs_of(history), references, shaded, band_label="10 to 90 % of runs")
    style.set_title(axes, PANELS[name].title, room=True)
    return figure


# --- training
def training_curves(train_stats: Mapping[str, Any]) -> Figure:
    """Learning diagnostics, a row an agent type: mean reward, entropy by head, explained variance, KL.

    train_stats: ``{"updates": [{"update": int, <agent type>: {diagnostics}, ...}], "baselines": {<agent type>:
        {"random": float, "rule": float}}}`` as in train_stats.json; a type may be missing from an update.
    """
    updates = train_stats["updates"]
    baselines = train_stats.get("baselines") or {}
    kinds = [kind for kind in style.AGENT_TITLES if any(update.get(kind) for update in updates)]
    figure, panels = style.new_figure(max(len(kinds), 1), 4, row_height=2.3, shares=(1.15, 1.3, 1, 1))
    numbers = [update["update"] for update in updates]
    first, last = (min(numbers), max(numbers)) if len(set(numbers)) > 1 else (0, 2 * max(numbers, default=1))
    for row, kind in zip(panels, kinds, strict=False):
        learning = [(update["update"], update[kind]) for update in updates if update.get(kind)]
        x = np.array([number for number, _ in learning], dtype=float)
        diagnostics = [entry for _, entry in learning]
        _reward_curve(row[0], x, diagnostics, baselines.get(kind) or {}, f"{style.AGENT_TITLES[kind]}: reward")
        _entropy_curves(row[1], x, diagnostics)
        _diagnostic_curve(row[2], x, diagnostics, "explained_variance", "Value function", "explained variance, share")
        _diagnostic_curve(row[3], x, diagnostics, "approx_kl", "Policy change", "approximate KL, nats")
        row[2].set_ylim(max(min(row[2].get_ylim()[0], -0.05), -1.0), 1.02)
        row[3].set_ylim(bottom=0.0)
        for axes in row:
            axes.set_xlim(first - 0.02 * (last - first), last + 0.02 * (last - first))
    style.align_titles(panels)
    if not kinds:
        for axes in panels.flat:
            style.dress(axes, "No agent type learned", "update", "no data")
    return figure


def _numbers(diagnostics: Sequence[Mapping[str, Any]], key: str, head: str | None = None) -> np.ndarray:
    """A diagnostic over updates, (updates,); NaN where an update lacks it."""
    entries = [entry.get(key) for entry in diagnostics]
    if head is not None:
        entries = [entry.get(head) if entry else None for entry in entries]
    return np.array([np.nan if entry is None else entry for entry in entries], dtype=float)


def _curve(axes: Axes, x: np.ndarray, y: np.ndarray, **look: Any) -> None:
    """A line, with markers while it is short enough to need them."""
    marker = "o" if np.isfinite(y).sum() < 12 else None
    axes.plot(x, y, linewidth=1.5, marker=marker, markersize=3.5, **look)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=5, integer=True, min_n_ticks=1))


def _reward_curve(
    axes: Axes, x: np.ndarray, diagnostics: Sequence[Mapping[str, Any]], baselines: Mapping[str, float], title: str
) -> None:
    _curve(axes, x, _numbers(diagnostics, "mean_reward"), color=style.BLUE, label="learning")
    for policy, value in baselines.items():
        if value is not None and math.isfinite(value):
            dashes = style.POLICY_DASHES.get(policy, style.DASHES[3])
            axes.axhline(value, color=style.POLICY_COLOURS.get(policy, style.INK), ls=dashes, lw=1.2, label=policy)
    style.dress(axes, title, "update", "mean reward a month")


def _entropy_curves(axes: Axes, x: np.ndarray, diagnostics: Sequence[Mapping[str, Any]]) -> None:
    heads = dict.fromkeys(head for entry in diagnostics for head in entry.get("entropy_fraction") or {})
    for number, head in enumerate(heads):
        look = {"color": style.PALETTE[number % 6], "linestyle": style.DASHES[number % 4]}
        _curve(axes, x, _numbers(diagnostics, "entropy_fraction", head), label=head.replace("_", " "), **look)
    axes.set_ylim(0.0, 1.05)
    style.dress(axes, "Entropy of choices", "update", "share of its maximum")


def _diagnostic_curve(
    axes: Axes, x: np.ndarray, diagnostics: Sequence[Mapping[str, Any]], key: str, title: str, unit: str
) -> None:
    _curve(axes, x, _numbers(diagnostics, key), color=style.GREEN)
    style.dress(axes, title, "update", unit)


# --- monetary transmission
def policy_transmission(responses: pd.DataFrame, shock: str) -> Figure:
    """Impulse responses with their 95 % bands, a panel a variable in the order of the frame.

    responses: a row a variable and month: ``variable``, ``month`` (since the shock), ``mean``, ``low``,
        ``high``, ``unit``, and optionally ``policies``, which draws one line for each of its values.
    shock: the shock in words, such as "+100 bp for 12 months"; it becomes the title.
    """
    variables = list(dict.fromkeys(responses["variable"]))
    columns = min(3, max(len(variables), 1))
    rows = math.ceil(len(variables) / columns) or 1
    figure, panels = style.new_figure(rows, columns, row_height=2.7 if rows > 1 else 3.4)
    for axes, variable in zip(panels.flat, variables, strict=False):
        _response(axes, responses[responses["variable"] == variable], str(variable))
    style.align_titles(panels)
    style.hide_unused(list(panels.flat), len(variables))
    figure.suptitle(
        f"Response to {shock}: mean and 95 % band", fontsize=style.LARGE, fontweight="bold", x=0.01, ha="left"
    )
    return figure


def _response(axes: Axes, response: pd.DataFrame, variable: str) -> None:
    groups = list(response.groupby("policies", sort=False)) if "policies" in response else [("", response)]
    for number, (policy, line) in enumerate(groups):
        line = line.sort_values("month")
        colour = style.POLICY_COLOURS.get(str(policy), style.PALETTE[number % len(style.PALETTE)])
        label = str(policy).replace("_", " ") or None
        axes.fill_between(line["month"], line["low"], line["high"], color=colour, alpha=0.18, linewidth=0)
        axes.plot(line["month"], line["mean"], color=colour, lw=1.6, ls=style.DASHES[number % 4], label=label)
    axes.axhline(0.0, color=style.INK, linewidth=0.8)
    unit = str(response["unit"].iloc[0])
    title = style.VARIABLE_TITLES.get(variable, variable.replace("_", " ").capitalize())
    style.dress(axes, title, "months after the shock", unit)
    style.month_axis(axes, float(response["month"].max() - response["month"].min()))


# --- rewards
def agent_rewards(returns: Returns, components: Components | None = None, unit: str = "reward a month") -> Figure:
    """Mean return of each policy with its interval, a panel an agent type, each on its own scale.

    returns: ``{agent type: {policy: {"mean": float, "ci": [low, high]}}}`` as in results.json.
    components: ``{agent type: {policy: {component: float}}}``; drawn as paired bars in a second row.
    unit: unit of the returns and their components.
    """
    kinds = [kind for kind in style.AGENT_TITLES if returns.get(kind)]
    rows = 2 if components else 1
    figure, panels = style.new_figure(rows, max(len(kinds), 1), row_height=2.6)
    for column, kind in enumerate(kinds):
        _return_intervals(panels[0, column], returns[kind], style.AGENT_TITLES[kind], unit)
        if components:
            _component_bars(panels[1, column], components.get(kind) or {}, unit, named=column == 0)
    style.align_titles(panels)
    return figure


def _return_intervals(axes: Axes, policies: Mapping[str, Mapping[str, Any]], title: str, unit: str) -> None:
    for height, (policy, entry) in enumerate(policies.items()):
        mean = float(np.nan if entry.get("mean") is None else entry["mean"])
        low, high = entry.get("ci") or (mean, mean)
        colour = style.POLICY_COLOURS.get(policy, style.INK)
        axes.plot([low, high], [height, height], color=colour, linewidth=2.2, solid_capstyle="butt")
        axes.plot([mean], [height], "o", color=colour, markersize=6)
        if math.isfinite(mean):
            axes.annotate(
                style.minus(f"{mean:,.0f}" if abs(mean) >= 1000 else f"{mean:.3g}"),
                (mean, height),
                xytext=(0, 7),
                textcoords="offset points",
                ha="center",
                fontsize=style.SMALL,
                color=style.INK,
            )
    axes.set_yticks(range(len(policies)), [name.replace("_", " ") for name in policies])
    axes.set_ylim(len(policies) - 0.4, -0.7)  # the first policy on top, with room for its number
    axes.xaxis.set_major_locator(MaxNLocator(nbins=4))
    style.compact_axis(axes.xaxis)
    axes.margins(x=0.18)
    style.dress(axes, title, unit, "policy", margin=None)


def _component_bars(axes: Axes, policies: Mapping[str, Mapping[str, float]], unit: str, named: bool) -> None:
    """A group of bars for each component of the reward, a bar for each policy."""
    names = list(dict.fromkeys(name for parts in policies.values() for name in parts))
    thickness = 0.8 / max(len(policies), 1)
    axes.use_sticky_edges = False  # room beside bars of zero
    for number, (policy, parts) in enumerate(policies.items()):
        heights = np.arange(len(names)) + (number - (len(policies) - 1) / 2) * thickness
        values = [parts.get(name, np.nan) for name in names]
        axes.barh(
            heights,
            values,
            thickness * 0.92,
            color=style.POLICY_COLOURS.get(policy, style.PALETTE[number % len(style.PALETTE)]),
            label=policy.replace("_", " ") if named else None,
        )
    axes.axvline(0.0, color=style.INK, linewidth=0.8)
    axes.set_yticks(range(len(names)), [name.replace("_", " ") for name in names])
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=4))
    style.compact_axis(axes.xaxis)
    style.dress(axes, "Components", unit, "", margin=None)
