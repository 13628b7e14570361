"""The page: header, buttons, charts; settings in the sidebar."""
# ruff: noqa: N802 - Solara names its components in CapWords

import solara
import solara.lab

from visualization.dashboard.charts import Charts
from visualization.dashboard.controls import RunButtons, SettingsPanel
from visualization.dashboard.session import Session
from visualization.dashboard.status import Header


@solara.component
def Page():
    """A macroeconomy of one's own: built when the page opens, gone when it closes."""
    session = solara.use_memo(Session, [])
    solara.lab.use_task(session.play, dependencies=[session.playing.value])
    solara.use_effect(lambda: lambda: session.playing.set(False), [])
    solara.Title("Macro Mesa")
    with solara.Sidebar():
        SettingsPanel(session)
    with solara.Column(gap="16px", style={"padding": "16px", "max-width": "1600px"}):
        Header(session.snapshot.value)
        RunButtons(session)
        if session.message.value:
            solara.Error(session.message.value)
        Charts(session.snapshot.value)
