"""The page: header, controls and tabs; scenario, policies and parameters in the sidebar."""
# ruff: noqa: N802 - Solara names its components in CapWords

import logging
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import solara
import solara.lab
from solara.server import kernel_context

from visualization.dashboard import figures
from visualization.dashboard.charts import Charts
from visualization.dashboard.controls import RunButtons, RunSettings
from visualization.dashboard.live import LivePanels
from visualization.dashboard.messages import sentence
from visualization.dashboard.page_agents import AgentsPage
from visualization.dashboard.page_ensemble import EnsemblePage
from visualization.dashboard.page_export import ExportPage
from visualization.dashboard.page_learning import LearningPage
from visualization.dashboard.page_policies import PoliciesPage
from visualization.dashboard.parameters import ParametersPanel
from visualization.dashboard.policies import PoliciesPanel
from visualization.dashboard.scenario import ScenarioPanel
from visualization.dashboard.session import Session
from visualization.dashboard.status import Header
from visualization.dashboard.style_sheet import CSS
from visualization.dashboard.view import View

logger = logging.getLogger(__name__)


@solara.component
def Dashboard(pretrained: int = 0, roots: Sequence[Path] = ()):
    """A macroeconomy of one's own: built when the page opens, gone when it closes.

    pretrained: how many shipped policies there are to pick.
    roots: folders that run folders may be read from; the working folder if none is given.
    """
    session = solara.use_memo(lambda: Session(_watcher(), pretrained, roots), [])
    play = solara.lab.use_task(session.play, dependencies=None)
    run_ensemble = solara.lab.use_task(
        lambda: session.ensemble.run(session.settings.peek()), dependencies=None
    )
    solara.use_effect(lambda: session.close, [])  # what runs in the background ends with the browser session
    snapshot, cursor = session.snapshot.value, session.cursor.value
    view = solara.use_memo(lambda: View(snapshot, cursor), [snapshot, cursor])
    solara.Title("Macro Mesa")
    solara.Style(CSS)
    with solara.Div(classes=["economy"]):
        Message(session.message.value)
        with solara.Column(gap="8px", classes=["economy-main"]):
            Header(view)
            RunButtons(session, play)
            RunSettings(session)
            Pages(session, view, run_ensemble)
        Sidebar(session)


@solara.component
def Sidebar(session: Session):
    """What the next economy is built from."""
    pending = session.settings.value != session.built.value
    with solara.Column(gap="12px", classes=["economy-settings"]):
        solara.Button("Apply and reset", color="primary", disabled=not pending, on_click=session.reset)
        ScenarioPanel(session)
        PoliciesPanel(session)
        ParametersPanel(session)


@solara.component
def Pages(session: Session, view: View, run_ensemble: Callable[[], None]):
    """One tab a page; only the one that is looked at is drawn."""
    live = solara.use_memo(LivePanels, [])
    live_overview = solara.use_memo(lambda: partial(figures.live_overview, live), [])
    contents = {
        "Overview": lambda: FigurePage(live_overview, view),
        "Markets": lambda: FigurePage(figures.markets, view),
        "Balance sheets": lambda: FigurePage(figures.balance_sheets, view, wide=True),
        "Distributions": lambda: FigurePage(figures.distributions, view),
        "Credit network": lambda: FigurePage(figures.network, view, wide=True),
        "Agents": lambda: AgentsPage(view),
        "Policies": lambda: PoliciesPage(view),
        "Learning": lambda: LearningPage(session),
        "Ensemble": lambda: EnsemblePage(session.ensemble, run_ensemble),
        "Export": lambda: ExportPage(session, view),
    }
    chosen = session.tab.value
    drawn, set_drawn = solara.use_state(chosen)
    solara.use_effect(lambda: set_drawn(chosen), [chosen])  # the old page goes before the new one is drawn
    with solara.lab.Tabs(value=session.tab):
        for title in contents:
            solara.lab.Tab(title)
    with solara.Column(gap="12px", classes=["economy-page"]):
        if drawn == chosen:
            Guarded(list(contents.values())[chosen]).key(str(chosen))
        else:
            solara.Text("Drawing…")


@solara.component
def Guarded(content: Callable[[], None]):
    """A page whose unforeseen failure is a sentence, with a way back."""
    failure, clear = solara.use_exception()
    if failure is None:
        Unguarded(content)
    else:
        solara.Error(f"This page cannot be shown: {sentence(failure, logger)}")
        solara.Button("Try again", on_click=clear)


@solara.component
def Unguarded(content: Callable[[], None]):
    """What stands on a page."""
    content()


@solara.component
def FigurePage(drawn, view: View, wide: bool = False):  # type: ignore[no-untyped-def]
    """The pictures of a page."""
    Charts(drawn(view), [view], wide)


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
