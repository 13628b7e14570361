"""The controls: the run buttons above the charts, and the settings in the sidebar."""
# ruff: noqa: N802 - Solara names its components in CapWords

from collections.abc import Callable

import solara

from macro_mesa.config import MONTHS_PER_YEAR
from visualization.dashboard.session import Session
from visualization.dashboard.settings import CHECKPOINT_FOLDER, COUNTS, POLICIES, SHARES, Share


@solara.component
def RunButtons(session: Session, play: Callable[[], None]):
    """Play or Pause, Step, Run 12 months, Reset, and the rate shock; ``play`` starts the background task."""
    playing = session.playing.value
    with solara.Row(gap="8px", style={"flex-wrap": "wrap", "row-gap": "8px"}):
        solara.Button("Pause" if playing else "Play", color="primary", on_click=session.pause if playing else play)
        solara.Button("Step", disabled=playing, on_click=session.step)
        solara.Button("Run 12 months", disabled=playing, on_click=lambda: session.step(MONTHS_PER_YEAR))
        solara.Button("Reset", on_click=session.reset)
        solara.Button("Raise the rate by 100 bp for 12 months", outlined=True, on_click=session.raise_rate)


@solara.component
def SettingsPanel(session: Session):
    """Sizes, policy and parameters of the next economy."""
    settings = session.settings.value
    changed = settings != session.snapshot.value.settings
    with solara.Column(gap="12px", classes=["economy-settings"]):
        solara.HTML(tag="h2", unsafe_innerHTML="Settings")
        solara.Button("Apply and reset", color="primary", disabled=not changed, on_click=session.reset)
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
        months = session.months_a_picture
        solara.SliderInt(f"Months between pictures: {months.value}", value=months, min=1, max=12)


def _input_count(session: Session, name: str, label: str) -> None:
    value = session.settings.value[name]
    solara.InputInt(label, value=value, on_value=lambda value: session.change(name, value))


def _slider(session: Session, share: Share) -> None:
    """A slider in per cent for a decimal setting."""
    value = round(100 * session.settings.value[share.name], 6)
    solara.SliderFloat(
        f"{share.label}: {value:g} {share.unit}",
        value=value,
        min=share.low,
        max=share.high,
        step=share.step,
        on_value=lambda value: session.change(share.name, round(value / 100, 8)),
    )
