"""The sidebar's policies: who decides how."""
# ruff: noqa: N802 - Solara names its components in CapWords

import solara

from macro_mesa.spaces import AGENT_TYPES
from visualization.dashboard.fields import TextField
from visualization.dashboard.folders import run_folders
from visualization.dashboard.forms import RUN_FOLDER, policy_choices
from visualization.dashboard.session import Session
from visualization.style import AGENT_TITLES

ALL = "All agents"
MEANING = "pretrained: learned, one of the shipped training runs; rule: rules of thumb; random: by lot."


@solara.component
def PoliciesPanel(session: Session):
    """One pick for all agents, or one for each type."""
    solara.HTML(tag="h2", unsafe_innerHTML="Policies")
    common = session.settings.value.common_policy
    offered = [choice for choice in policy_choices("", session.pretrained) if choice != RUN_FOLDER]
    own = common if common in offered else "several"
    solara.Select(
        ALL, values=[*offered, *(["several"] if own == "several" else [])], value=own,
        on_value=lambda choice: _pick_all(session, choice),
    )  # fmt: skip
    solara.Text(MEANING, classes=["economy-help"], style={"margin-bottom": "8px"})
    for agent_type in AGENT_TYPES:
        PolicyPicker(session, agent_type).key(agent_type)


def _pick_all(session: Session, choice: str) -> None:
    if choice != "several":
        for agent_type in AGENT_TYPES:
            session.forms.pick_policy(agent_type, choice)


@solara.component
def PolicyPicker(session: Session, agent_type: str):
    """The policy of one agent type; what cannot be used is refused with the reason."""
    title, key = AGENT_TITLES[agent_type], f"policy of {agent_type}"
    choice = session.settings.value.policies[agent_type]
    refusal = session.forms.refused.value.get(key)
    offered = policy_choices(agent_type, session.pretrained)
    found = solara.use_memo(lambda: run_folders(session.roots), [])
    named = choice in offered and (refusal is None or refusal.text in offered)
    solara.Select(
        title, values=offered, value=choice if named else RUN_FOLDER, dense=True,
        on_value=lambda new: session.forms.pick_policy(agent_type, new),
    )  # fmt: skip
    if refusal and named:
        solara.Text(refusal.reason, classes=["economy-refusal"])
    if not named:
        TextField(
            session, key, f"Run folder for {title.lower()}", choice if choice not in offered else "",
            lambda text: session.forms.type_folder(agent_type, text),
            f"for instance {found[0]}" if found else "below the working folder",
        )  # fmt: skip
