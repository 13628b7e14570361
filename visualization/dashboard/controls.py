"""The controls: the run buttons above the charts, and the settings in the sidebar."""
# ruff: noqa: N802 - Solara names its components in CapWords

import solara

from macro_mesa.config import MONTHS_PER_YEAR
from visualization.dashboard.session import Session
from visualization.dashboard.settings import CHECKPOINT_FOLDER, COUNTS, POLICIES, SHARES, Share


@solara.component
def RunButtons(session: Session):
    """Play or Pause, Step, Run 12 months, Reset, and the rate shock."""
    playing = session.playing.value
    with solara.Row(gap="8px", style={"flex-wrap": "wrap"}):
        solara.Button(
            "Pause" if playing else "Play", color="primary", on_click=lambda: session.playing.set(not playing)
        )
        solara.Button("Step", disabled=playing, on_click=session.step)
        solara.Button("Run 12 months", disabled=playing, on_click=lambda: session.step(MONTHS_PER_YEAR))
        solara.Button("Reset", on_click=session.reset)
        solara.Button("Raise the rate by 100 bp for 12 months", outlined=True, on_click=session.raise_rate)


@solara.component
def SettingsPanel(session: Session):
    """Sizes, policy and parameters of the next economy."""
    settings = session.settings.value
    with solara.Column(gap="12px", style={"padding": "0 12px"}):
        solara.HTML(tag="h3", unsafe_innerHTML="Settings")
        changed = settings != session.snapshot.value.settings
        solara.Text(
            "Changed: press Reset to build this economy." if changed else "They take effect on Reset.",
            style={"color": "#B34700" if changed else "#666666"},
        )
        solara.Select(
            "Policy of all agents",
            values=list(POLICIES),
            value=settings["policy"],
            on_value=lambda value: session.change("policy", value),
        )
        if settings["policy"] == CHECKPOINT_FOLDER:
            solara.InputText(
                "Checkpoint folder",
                value=settings["checkpoint"],
                on_value=lambda value: session.change("checkpoint", value),
            )
        for count in COUNTS:
            _input_count(session, count.name, count.label)
        for share in SHARES:
            _slider(session, share)
        solara.SliderInt("Months a picture while playing", value=session.months_a_picture, min=1, max=12)


def _input_count(session: Session, name: str, label: str) -> None:
    value = session.settings.value[name]
    solara.InputInt(label, value=value, on_value=lambda value: session.change(name, value))


def _slider(session: Session, share: Share) -> None:
    """A slider in per cent for a decimal setting."""
    solara.SliderFloat(
        share.label,
        value=round(100 * session.settings.value[share.name], 6),
        min=share.low,
        max=share.high,
        step=share.step,
        on_value=lambda value: session.change(share.name, round(value / 100, 8)),
    )
