"""What a policy does as one of its inputs moves: chances of every choice, and mean rate steps.  Data in, Figure out."""

import re
from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.figure import Figure

from macro_mesa.policy import Policy
from macro_mesa.spaces import CENTRAL_BANK, SPACES, Head
from visualization import style
from visualization.style import DASHES, INK

DRAWS = 60  # for policies that tell no probabilities
SEED = 0
LONGEST_LABEL = 62  # letters that a panel's axis has room for
SHADES = colormaps["cividis"]  # its lightness rises evenly, so that it holds in grey


# --- what a policy does
def probabilities(policy: Policy, agent_type: str, observations: np.ndarray) -> list[np.ndarray]:
    """Chances of every choice, one (n, choices) array a head, for observations, float32 (n, size).

    A policy with a method ``probabilities`` tells them itself; of any other, actions on evenly spread draws
    are counted.
    """
    tell = getattr(policy, "probabilities", None)
    if tell is not None:
        return list(tell(observations))
    sizes = SPACES[agent_type].head_sizes
    levels = (np.arange(DRAWS) + 0.5) / DRAWS
    # every head in an order of its own, so that heads are independent as in the economy
    draws = np.random.default_rng(SEED).permuted(np.tile(levels[:, None], len(sizes)), axis=0).astype(np.float32)
    counts = [np.zeros((len(observations), size)) for size in sizes]
    rows = np.arange(len(observations))
    for draw in draws:
        actions = policy.act(observations, np.tile(draw, (len(observations), 1)))
        for head, count in enumerate(counts):
            count[rows, actions[:, head]] += 1.0 / DRAWS
    return counts


def slice_policy(
    policy: Policy,
    agent_type: str,
    observations: np.ndarray,
    moved: str,
    low: float | None = None,
    high: float | None = None,
    points: int = 41,
) -> pd.DataFrame:
    """Chances of every choice while one input moves, the mean over the given observations.

    observations: (n, size), states that agents were in; only the input ``moved`` is replaced.
    low, high: range of the input in the unit of ``SPACES``; its 1st to 99th percentile where not given,
        widened to its bounds if it does not vary.
    Returns a row a point (index: the input), columns (head, value of the choice).  ``KeyError`` for an input
    or an agent type that does not exist.
    """
    space = SPACES[agent_type]
    column = space.column(moved)
    observations = np.atleast_2d(observations).astype(np.float32)
    seen = np.quantile(observations[:, column], (0.01, 0.99))
    if seen[0] == seen[1]:
        seen = np.array([space.low[column], space.high[column]])
    grid = np.linspace(seen[0] if low is None else low, seen[1] if high is None else high, points, dtype=np.float32)
    moved_states = np.tile(observations, (points, 1))
    moved_states[:, column] = np.repeat(grid, len(observations))
    chances = probabilities(policy, agent_type, moved_states)
    means = [chance.reshape(points, len(observations), -1).mean(axis=1) for chance in chances]
    names = [(head.name, value) for head in space.heads for value in head.values]
    columns = pd.MultiIndex.from_tuples(names, names=["head", "choice"])
    return pd.DataFrame(np.hstack(means), index=pd.Index(grid, name=moved), columns=columns)


# --- figures
def action_probabilities(
    chances: pd.DataFrame, agent_type: str, head: str, width: float = style.PANEL_WIDTH
) -> Figure:
    """Chances of a head's choices as areas that add up to one, against the input that moves.

    chances: as ``slice_policy`` returns it.  ``KeyError`` for a head that does not exist.
    width: inches; what is written keeps its size.
    """
    entry = _head(agent_type, head)
    title = f"{style.AGENT_TITLES[agent_type]}: {head.replace('_', ' ')}"
    figure, axes = style.new_panel(width)
    x, label = _natural(agent_type, chances.index)
    areas = chances[head].to_numpy().T
    if np.isfinite(areas).all() and len(x) > 1:
        shades = SHADES(np.linspace(0.05, 0.95, len(areas)))
        names = [choice_name(value, entry.unit) for value in entry.values]
        axes.stackplot(x, areas, colors=shades, labels=names, edgecolor="white", linewidth=0.6)
        axes.set_ylim(0.0, 1.0)
    else:
        style.say(axes, "the policy tells no probabilities here")
    style.percent_axis(axes.yaxis)
    style.dress(axes, title, label, "probability, %", margin=0.0)
    axes.grid(visible=False)
    return figure


def rate_steps(
    policies: Mapping[str, Policy],
    observations: np.ndarray,
    inputs: Mapping[str, tuple[float, float]] | None = None,
    width: float = 3.0 * style.PANEL_WIDTH,
) -> Figure:
    """Mean step of the policy rate as one input of the central bank moves, a panel an input, a line a policy.

    policies: by the name shown, such as ``{"learned": ..., "taylor": ...}``.
    observations: (n, size), states of the central bank that the mean is taken over.
    inputs: ranges (low, high) in the unit of ``SPACES`` by the input's name; three- and twelve-month inflation within
        4 points of the target and a gap within 4 % where not given.
    width: inches; panels stand side by side from 3.6 inches each on, else below each other.
    """
    inputs = dict.fromkeys(("inflation_3m", "inflation_12m", "output_gap"), (-0.4, 0.4)) if inputs is None else inputs
    columns = max(min(len(inputs), int(width // 3.6)), 1)
    figure, panels = style.new_figure(-(-len(inputs) // columns) or 1, columns, row_height=2.9, width=width)
    for axes, (name, (low, high)) in zip(panels.flat, inputs.items(), strict=False):
        label = name
        for number, (policy_name, policy) in enumerate(policies.items()):
            chances = slice_policy(policy, CENTRAL_BANK, observations, name, low, high)["rate_step"]
            steps = 10_000.0 * chances.to_numpy() @ chances.columns.to_numpy(dtype=float)
            x, label = _natural(CENTRAL_BANK, chances.index)
            axes.plot(
                x, steps, color=style.policy_colour(policy_name, number), linestyle=DASHES[number % len(DASHES)],
                linewidth=1.8, label=policy_name.replace("_", " "),
            )  # fmt: skip
        axes.axhline(0.0, color=INK, linewidth=0.8)
        style.dress(axes, "Central bank: mean rate step", label, "basis points a month")
    style.align_titles(panels)
    style.hide_unused(list(panels.flat), len(inputs))
    return figure


def choice_name(value: float, unit: str) -> str:
    """What a choice means, short enough for a legend."""
    if unit == "annual":
        return style.minus(f"{10_000 * value:+g} bp") if value else "0"
    if unit.startswith("share"):
        return style.minus(f"{100 * value:g} %")
    return f"{value:g}"


def _head(agent_type: str, name: str) -> Head:
    heads = {head.name: head for head in SPACES[agent_type].heads}
    if name not in heads:
        raise KeyError(f"no head {name!r} for {agent_type}; there are {', '.join(heads)}")
    return heads[name]


def _natural(agent_type: str, points: pd.Index) -> tuple[np.ndarray, str]:
    """The moved input in a unit that people read, and the label of its axis."""
    observation = SPACES[agent_type].observations[SPACES[agent_type].column(str(points.name))]
    x = points.to_numpy(dtype=float)
    name = observation.meaning if len(observation.meaning) <= LONGEST_LABEL else observation.name.replace("_", " ")
    scaled = re.fullmatch(r"(\d+) x (annual|log|share)", observation.unit)
    if scaled is None:
        return x, f"{name} ({observation.unit})"
    unit = "% a year" if scaled[2] == "annual" else "%"
    return 100.0 * x / float(scaled[1]), f"{name} ({unit})"
