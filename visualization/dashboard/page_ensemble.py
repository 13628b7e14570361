"""The page of the ensemble: the economy of the settings from several seeds, as fan charts."""
# ruff: noqa: N802 - Solara names its components in CapWords

from functools import partial

import solara
from matplotlib.figure import Figure

from visualization.dashboard.charts import Charts
from visualization.dashboard.ensemble import MAX_MONTHS, MAX_SEEDS, Ensemble, Runs
from visualization.dashboard.figures import OVERVIEW
from visualization.dashboard.pictures import Draw
from visualization.macro_panels import PANELS
from visualization.plots import macro_panel

SHOWN = (*OVERVIEW, "credit", "demand")


@solara.component
def EnsemblePage(ensemble: Ensemble, start):  # type: ignore[no-untyped-def]
    """Number of seeds and months, Run and Cancel, a progress bar, and the fans."""
    running, runs = ensemble.running.value, ensemble.runs.value
    with solara.Div(classes=["economy-pick"]):
        solara.SliderInt(f"Seeds: {ensemble.seeds.value}", value=ensemble.seeds, min=2, max=MAX_SEEDS)
        solara.SliderInt(
            f"Months of the ensemble: {ensemble.months.value}", value=ensemble.months, min=12, max=MAX_MONTHS, step=12
        )
    with solara.Row(gap="8px"):
        solara.Button("Run ensemble", color="primary", disabled=running, on_click=start)
        solara.Button("Cancel", disabled=not running, on_click=ensemble.cancel)
    if running:
        solara.ProgressLinear(100.0 * ensemble.progress.value)
        solara.Text(f"{100 * ensemble.progress.value:.0f} % done")
    if ensemble.message.value:
        solara.Warning(ensemble.message.value)
    if runs is None:
        solara.Text("The economy of the settings, shocks included, is run from its seed and the seeds that follow.")
        return
    first, last = runs.settings.seed, runs.settings.seed + len(runs.histories) - 1
    solara.Text(f"Seeds {first} to {last}: line, the median; band, from the 10th to the 90th percentile.")
    Charts(fans(runs), [runs])


def fans(runs: Runs) -> dict[str, Draw]:
    """A fan chart a panel."""
    return {f"{PANELS[name].title}, {len(runs.histories)} seeds": partial(_fan, name, runs) for name in SHOWN}


def _fan(name: str, runs: Runs) -> Figure:
    months = len(runs.histories[0]) - 1
    target = runs.settings.value("inflation_target")
    spans = [
        (shock.start, min(shock.start + shock.duration, months))
        for shock in runs.settings.shocks
        if shock.start <= months
    ]
    return macro_panel(name, runs.histories, target, runs.settings.value("natural_unemployment"), spans)
