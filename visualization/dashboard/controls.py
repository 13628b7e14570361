"""The controls above the charts: run, seed, render interval, replay."""
# ruff: noqa: N802 - Solara names its components in CapWords

from collections.abc import Callable

import solara

from macro_mesa.config import MONTHS_PER_YEAR
from visualization.dashboard.fields import TextField
from visualization.dashboard.session import Session

MAX_INTERVAL = 12


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
def RunSettings(session: Session):
    """Seed, months between two pictures, and the month that is shown."""
    with solara.Div(classes=["economy-run"]):
        TextField(session, "seed", "Seed", str(session.settings.value.seed), session.forms.type_seed, "")
        interval = session.months_a_picture
        solara.SliderInt(f"Months between pictures: {interval.value}", value=interval, min=1, max=MAX_INTERVAL)
        Replay(session)


@solara.component
def Replay(session: Session):
    """A slider over the months already run; nothing is simulated again."""
    latest, cursor = session.snapshot.value.month, session.cursor.value

    def show(month: int) -> None:
        session.cursor.value = None if month >= latest else month

    shown = latest if cursor is None else min(cursor, latest)
    solara.SliderInt(
        f"Replay: month {shown} of {latest}",
        value=shown,
        min=0,
        max=max(latest, 1),
        on_value=show,
        disabled=latest == 0 or session.playing.value,
    )
