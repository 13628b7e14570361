"""The page of a policy: what it does as one of its inputs moves."""
# ruff: noqa: N802 - Solara names its components in CapWords

from functools import partial

import numpy as np
import solara
from matplotlib.figure import Figure

from macro_mesa.policy import Policy, make_policy
from macro_mesa.spaces import AGENT_TYPES, CENTRAL_BANK, SPACES
from visualization.dashboard.charts import Charts
from visualization.dashboard.page_agents import NAMES
from visualization.dashboard.pictures import Draw
from visualization.dashboard.view import View
from visualization.policy_slices import action_probabilities, rate_steps, slice_policy
from visualization.style import AGENT_TITLES, PANEL_WIDTH

MAX_STATES = 200  # agents over whose states the mean is taken


@solara.component
def PoliciesPage(view: View):
    """Pick an agent type and an input; one picture for each of its decisions."""
    kind = solara.use_reactive(CENTRAL_BANK)
    moved = solara.use_reactive("inflation_12m")
    names = [entry.name for entry in SPACES[kind.value].observations]

    def pick(title: str) -> None:
        moved.set(SPACES[NAMES[title]].observations[0].name)
        kind.set(NAMES[title])

    with solara.Div(classes=["economy-pick"]):
        solara.Select("Agent type", values=list(NAMES), value=AGENT_TITLES[kind.value], on_value=pick)
        solara.Select("Input that moves", values=names, value=moved.value, on_value=moved.set)
    entry = SPACES[kind.value].observations[names.index(moved.value)]
    choice = view.settings.policies[kind.value]
    solara.Text(
        f"Policy in force: {choice}. The picture shows the mean over the agents of month {view.frame.month}, with "
        f"{entry.name.replace('_', ' ')} ({entry.meaning}) set to each value of the axis."
    )
    if view.frame.month == 0:
        solara.Text("Nobody has seen anything yet: run a month.")
        return
    Charts(figures(view, kind.value, moved.value), [view.frame, kind.value, moved.value])


def figures(view: View, kind: str, moved: str) -> dict[str, Draw]:
    """A picture a head; the central bank's mean step against the classic rules as well."""
    policy, states = view.policies[kind], seen(view, kind)
    drawn: dict[str, Draw] = {
        f"{AGENT_TITLES[kind]}: chances of {head.replace('_', ' ')}": partial(
            _chances, policy, kind, states, moved, head
        )
        for head in SPACES[kind].head_names
    }
    if kind == CENTRAL_BANK:
        drawn["Mean rate step of the policy in force and of the Taylor rule"] = partial(_against_taylor, view, states)
    return drawn


def all_figures(view: View) -> dict[str, Draw]:
    """The first input of every type, for export."""
    drawn: dict[str, Draw] = {}
    if view.frame.month:
        for kind in AGENT_TYPES:
            drawn |= figures(view, kind, SPACES[kind].observations[0].name)
    return drawn


def seen(view: View, kind: str) -> np.ndarray:
    """What agents saw in the month shown, at most two hundred of them, evenly spread."""
    observations = view.frame.groups[kind].observation
    return observations[:: max(1, -(-len(observations) // MAX_STATES))]


def _chances(policy: Policy, kind: str, states: np.ndarray, moved: str, head: str) -> Figure:
    low, high = _range(kind, moved)
    return action_probabilities(slice_policy(policy, kind, states, moved, low, high), kind, head)


def _range(kind: str, moved: str) -> tuple[float | None, float | None]:
    """The central bank is one agent, so that its states span nothing: inflation and gap within 4 per cent."""
    if kind == CENTRAL_BANK and moved in ("inflation_3m", "inflation_12m", "output_gap"):
        return -0.4, 0.4
    return None, None


def _against_taylor(view: View, states: np.ndarray) -> Figure:
    taylor = make_policy(CENTRAL_BANK, "taylor", view.parameters)
    return rate_steps({"in force": view.policies[CENTRAL_BANK], "taylor": taylor}, states, width=PANEL_WIDTH)
