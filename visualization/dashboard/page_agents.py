"""The page of one agent: its state, what it saw, what it chose with which chances, and what it earned."""
# ruff: noqa: N802 - Solara names its components in CapWords

from typing import Any

import numpy as np
import pandas as pd
import solara

from macro_mesa.spaces import AGENT_TYPES, DEPOSIT_SPREADS, LENDING_SPREADS, SPACES
from visualization.dashboard.archive import Group
from visualization.dashboard.tables import Table
from visualization.dashboard.view import View
from visualization.policy_slices import choice_name, probabilities
from visualization.style import AGENT_TITLES

NAMES = {title: kind for kind, title in AGENT_TITLES.items()}


@solara.component
def AgentsPage(view: View):
    """Pick an agent; three tables about it."""
    kind = solara.use_reactive(AGENT_TYPES[0])
    row = solara.use_reactive(0)
    frame = view.frame
    group = frame.groups[kind.value]
    chosen = min(row.value, len(group.table) - 1)

    def pick(title: str) -> None:
        kind.set(NAMES[title])
        row.set(0)

    with solara.Div(classes=["economy-pick"]):
        solara.Select("Agent type", values=list(NAMES), value=AGENT_TITLES[kind.value], on_value=pick)
        solara.SliderInt(
            f"Agent {chosen + 1} of {len(group.table)}", value=chosen, min=0, max=max(len(group.table) - 1, 1),
            on_value=row.set, disabled=len(group.table) == 1,
        )  # fmt: skip
    solara.Text(f"{AGENT_TITLES[kind.value]}, agent number {group.unique_id[chosen]}, month {frame.month}")
    if frame.month:
        policy = view.policies[kind.value]
        Table(f"Choices and their chances in month {frame.month}", choices(view, policy, kind.value, chosen))
        Table(f"Reward of month {frame.month}", rewards(view, kind.value, chosen))
        Table(f"Seen when it decided in month {frame.month}", observations(group, kind.value, chosen))
    else:
        solara.Text("Nobody has decided anything yet: run a month.")
    Table(f"State at the end of month {frame.month}", state(group, chosen))


def state(group: Group, row: int) -> pd.DataFrame:
    """Every column of the agent."""
    columns = group.agent_class.columns
    return pd.DataFrame(
        {
            "attribute": [_words(column.name) for column in columns],
            "value": [number(group.table[column.name][row]) for column in columns],
            "unit": [column.unit for column in columns],
            "meaning": [column.meaning for column in columns],
        }
    )


def observations(group: Group, kind: str, row: int) -> pd.DataFrame:
    """What it saw, as its policy sees it."""
    entries = SPACES[kind].observations
    return pd.DataFrame(
        {
            "observation": [_words(entry.name) for entry in entries],
            "value": [number(value) for value in group.observation[row]],
            "unit": [entry.unit for entry in entries],
            "meaning": [entry.meaning for entry in entries],
        }
    )


def choices(view: View, policy: Any, kind: str, row: int) -> pd.DataFrame:
    """Each head: what was chosen, and the chance of every choice under the policy in force."""
    group = view.frame.groups[kind]
    chances = probabilities(policy, kind, group.observation[row : row + 1])
    rows = []
    for number_of_head, head in enumerate(SPACES[kind].heads):
        chosen = int(group.action[row, number_of_head])
        labels = [choice_name(value, head.unit) for value in meanings(head.name, head.values, view)]
        spread = ", ".join(
            f"{label}: {100 * chance:.0f} %" for label, chance in zip(labels, chances[number_of_head][0], strict=True)
        )
        rows.append((_words(head.name), labels[chosen], spread, head.meaning))
    return pd.DataFrame(rows, columns=["choice of", "chosen", "chances", "meaning"])


def meanings(head: str, values: tuple[float, ...], view: View) -> tuple[float, ...]:
    """What the choices of a head mean: a bank's may be spreads instead of steps."""
    if view.parameters.bank_pricing == "spread":
        return {"lending_rate": LENDING_SPREADS, "deposit_rate": DEPOSIT_SPREADS}.get(head, values)
    return values


def rewards(view: View, kind: str, row: int) -> pd.DataFrame:
    """The terms of its reward and their sum."""
    terms, names = view.frame.rewards(kind)
    rows = [(_words(name), number(value)) for name, value in zip(names, terms[row], strict=True)]
    return pd.DataFrame([*rows, ("sum", number(terms[row].sum()))], columns=["term", "reward"])


def number(value: Any) -> str:
    """A value in four digits; yes or no where it is one or the other."""
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, int | np.integer):
        return f"{value:,}"
    return f"{value + 0.0:,.4g}".replace("-", "\u2212")


def _words(name: str) -> str:
    return name.replace("_", " ")
