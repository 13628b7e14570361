"""The live charts: one picture a panel, drawn again only when its economy has moved."""
# ruff: noqa: N802 - Solara names its components in CapWords

import solara

from visualization.dashboard.session import Snapshot
from visualization.plots import macro_panel

LIVE_PANELS = ("output", "inflation", "unemployment", "rates", "credit", "demand")
DPI = 150  # sharp on phones, where the picture is shrunk


@solara.component
def Charts(snapshot: Snapshot):
    """The live panels in one column on a phone, two on a tablet, three on a wide screen."""
    with solara.ColumnsResponsive(default=12, medium=6, xlarge=4):
        for name in LIVE_PANELS:
            Chart(name, snapshot).key(name)


@solara.component
def Chart(name: str, snapshot: Snapshot):
    """One panel of the macroeconomic figure; months under a shock are grey."""

    def draw():
        parameters = snapshot.parameters
        spans = [
            (shock.start, min(shock.start + shock.duration, snapshot.month))
            for shock in snapshot.shocks
            if shock.start <= snapshot.month
        ]
        return macro_panel(
            name, snapshot.history, parameters.inflation_target, parameters.natural_unemployment, spans
        )

    figure = solara.use_memo(draw, [name, snapshot])
    solara.FigureMatplotlib(figure, dependencies=[name, snapshot], format="png", dpi=DPI)
