"""The page: header, buttons, charts; settings in the sidebar."""
# ruff: noqa: N802 - Solara names its components in CapWords

from collections.abc import Callable

import solara
import solara.lab
from solara.server import kernel_context

from visualization.dashboard.charts import Charts
from visualization.dashboard.controls import RunButtons, SettingsPanel
from visualization.dashboard.session import Session
from visualization.dashboard.status import Header

# settings stand left of the economy on a wide screen, below it on a narrow one
CSS = """
.economy { display: grid; grid-template-columns: 300px minmax(0, 1fr); column-gap: 32px; align-items: start;
  max-width: 1800px; margin: 0 auto; padding: 12px; }
.economy-message { grid-column: 1 / -1; position: sticky; top: 0; z-index: 5; background: white; }
.economy-settings { order: -1; }
.economy-message { order: -2; }
@media (max-width: 960px) {
  .economy { grid-template-columns: minmax(0, 1fr); padding: 0 12px; row-gap: 24px; }
  .economy-settings { order: 1; }
}
.economy .v-alert { color: #8C1D18 !important; margin-bottom: 12px; }
.economy .v-btn { text-transform: none; letter-spacing: 0; }
.economy .v-input__slider .v-input__slot { flex-wrap: wrap; }
.economy .v-input__slider .v-slider { flex: 1 0 100%; margin: 0; }
"""


@solara.component
def Page():
    """A macroeconomy of one's own: built when the page opens, gone when it closes."""
    session = solara.use_memo(lambda: Session(_watcher()), [])
    play = solara.lab.use_task(session.play, dependencies=None)
    solara.use_effect(lambda: session.pause, [])  # the play ends with the browser session
    solara.Title("Macro Mesa")
    solara.Style(CSS)
    with solara.Div(classes=["economy"]):
        Message(session.message.value)
        with solara.Column(gap="16px", classes=["economy-main"]):
            Header(session.snapshot.value)
            RunButtons(session, play)
            Charts(session.snapshot.value)
        SettingsPanel(session)


def _watcher() -> Callable[[], bool]:
    """Tell whether a browser shows this session; always true where no server runs."""
    if not kernel_context.has_current_context():
        return lambda: True
    context = kernel_context.get_current_context()
    return lambda: kernel_context.PageStatus.CONNECTED in list(context.page_status.values())


@solara.component
def Message(text: str):
    """What went wrong, in sight wherever the page is scrolled to; nothing if nothing did."""
    with solara.Div(classes=["economy-message"]):
        if text:
            solara.Error(text)
