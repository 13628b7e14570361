"""The sidebar's parameters: a few sliders in per cent, then every parameter of config.py by group."""
# ruff: noqa: N802 - Solara names its components in CapWords

from dataclasses import dataclass
from typing import Any

import solara
from solara.alias import rv

from macro_mesa import Parameters
from visualization.dashboard.fields import ParameterField
from visualization.dashboard.session import Session


@dataclass(frozen=True)
class Share:
    """A decimal set by a slider in per cent, from ``low`` to ``high``."""

    name: str
    label: str
    unit: str
    low: float
    high: float
    step: float


SHARES = (
    Share("inflation_target", "Inflation target", "% a year", 0.0, 6.0, 0.25),
    Share("opening_policy_rate", "Opening policy rate", "% a year", 0.0, 10.0, 0.25),
    Share("capital_requirement", "Capital requirement", "% of loans", 0.0, 20.0, 0.5),
    Share("taste_noise", "Demand noise", "% a month", 0.0, 5.0, 0.1),
)


def groups() -> dict[str, list[str]]:
    """Names of the parameters by their group, in the order of config.py."""
    found: dict[str, list[str]] = {}
    for name, entry in Parameters.model_fields.items():
        extra: Any = entry.json_schema_extra
        found.setdefault(extra["group"], []).append(name)
    return found


GROUPS = groups()
OPEN = next(iter(GROUPS))


@solara.component
def ParametersPanel(session: Session):
    """Sliders, and one group of fields at a time."""
    changed = session.settings.value.parameters
    opened = solara.use_reactive(OPEN)
    solara.HTML(tag="h2", unsafe_innerHTML="Parameters")
    for share in SHARES:
        _slider(session, share)
    names = {_title(group, len(set(GROUPS[group]) & set(changed))): group for group in GROUPS}
    titles = {group: title for title, group in names.items()}
    solara.Select(
        "Group of parameters", values=list(names), value=titles[opened.value],
        on_value=lambda title: opened.set(names[title]),
    )  # fmt: skip
    with solara.Column(gap="12px"):
        for name in GROUPS[opened.value]:
            ParameterField(session, name).key(name)
    if changed:
        solara.Text(f"Changed: {', '.join(changed)}", classes=["economy-help"])


def _title(group: str, changed: int) -> str:
    return group.capitalize() + (f" \u25cf {changed} changed" if changed else "")


def _slider(session: Session, share: Share) -> None:
    value = round(100 * session.settings.value.value(share.name), 6)
    label = f"{share.label}: {value:g} {share.unit}"
    rv.Slider(
        v_model=value, min=share.low, max=share.high, step=share.step, label=label, hide_details=True,
        thumb_label=True,
        on_v_model=lambda percent: session.forms.set_parameter(share.name, round(percent / 100, 8)),
    )  # fmt: skip
