"""The sidebar's scenario: ready-made ones, what it is compared with, the table of dated shocks and their time line."""
# ruff: noqa: N802 - Solara names its components in CapWords

import solara

from macro_mesa.shocks import SHOCK_KINDS, Shock
from visualization.dashboard.fields import TextField
from visualization.dashboard.presets import PRESETS, preset_of
from visualization.dashboard.session import Session
from visualization.dashboard.settings import COMPARISONS

OWN = "own settings"
COLOURS = {
    "policy_rate": "#222222", "cost": "#D55E00", "productivity": "#009E73", "demand": "#0072B2", "default": "#AA4499",
}  # fmt: skip
YEARS_AHEAD = 60  # months that the time line shows at least


@solara.component
def ScenarioPanel(session: Session):
    """Presets, comparison, shocks."""
    settings = session.settings.value
    preset = preset_of(settings)
    solara.HTML(tag="h2", unsafe_innerHTML="Scenario")
    solara.Select(
        "Scenario", values=[*PRESETS, *([] if preset else [OWN])], value=preset or OWN,
        on_value=lambda name: None if name == OWN else session.forms.choose_preset(name),
    )  # fmt: skip
    solara.Text(PRESETS[preset].sentence if preset else "Changed by hand.", classes=["economy-help"])
    solara.Select(
        "Compare with", values=list(COMPARISONS), value=settings.comparison, on_value=session.compare_with
    )
    solara.HTML(tag="h3", unsafe_innerHTML="Dated shocks")
    ShockTable(session)


@solara.component
def ShockTable(session: Session):
    """One row a shock, every cell editable; a past shock waits for Reset."""
    shocks = session.settings.value.shocks
    for number, shock in enumerate(shocks):
        ShockRow(session, number, shock).key(f"shock-{number}")
    solara.Button("Add a shock", outlined=True, small=True, on_click=session.forms.add_shock)
    if shocks:
        TimeLine(shocks, session.snapshot.value.month)
    if shocks != session.built.value.shocks:
        solara.Text("Some of these begin in months already run: they take effect on Reset.", classes=["economy-help"])


@solara.component
def ShockRow(session: Session, number: int, shock: Shock):
    """The cells of one shock."""
    forms = session.forms
    with solara.Div(classes=["economy-shock"], style={"border-left": f"4px solid {COLOURS[shock.kind]}"}):
        solara.Select(
            f"Shock {number + 1}", values=list(SHOCK_KINDS), value=shock.kind, dense=True,
            on_value=lambda kind: forms.change_shock(number, "kind", kind),
        )  # fmt: skip
        with solara.Div(classes=["economy-shock-cells"]):
            for part, label in (("size", "Size"), ("start", "From month"), ("duration", "Months")):
                _cell(session, number, part, f"{label} of shock {number + 1}", f"{getattr(shock, part):g}")
        solara.Text(f"size: {SHOCK_KINDS[shock.kind]}", classes=["economy-help"])
        solara.Button(
            f"Remove shock {number + 1}", text=True, small=True, on_click=lambda: forms.remove_shock(number)
        )


def _cell(session: Session, number: int, part: str, label: str, text: str) -> None:
    TextField(
        session, f"shock {number} {part}", label, text,
        lambda typed: session.forms.change_shock(number, part, typed), "",
    )  # fmt: skip


@solara.component
def TimeLine(shocks: tuple[Shock, ...], month: int):
    """Bars of the shocks over the months, and where the economy stands."""
    last = max(YEARS_AHEAD, month, *(shock.start + shock.duration for shock in shocks))
    # numbers and names of kinds only: nothing that a person typed reaches this markup
    bars = "".join(
        f'<div style="position:relative;height:10px"><div title="{shock.kind}" style="position:absolute;height:8px;'
        f"left:{100 * (shock.start - 1) / last:.2f}%;width:{max(100 * shock.duration / last, 1):.2f}%;"
        f'background:{COLOURS[shock.kind]}"></div></div>'
        for shock in shocks
    )
    place = f"position:absolute;top:0;bottom:0;left:{100 * month / last:.2f}%"
    now = f'<div style="{place};border-left:2px solid #0072B2"></div>'
    words = "; ".join(
        f"{shock.kind} in months {shock.start} to {shock.start + shock.duration - 1}" for shock in shocks
    )
    solara.HTML(
        tag="div",
        attributes={"role": "img", "aria-label": f"Time line of shocks: {words}; now month {month}"},
        style="position:relative;border-bottom:1px solid #7A7A7A;padding:4px 0;overflow:hidden",
        unsafe_innerHTML=bars + now,
    )
    solara.Text(f"month 0 to {last}; the blue line is month {month}", classes=["economy-help"])
