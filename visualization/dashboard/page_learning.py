"""The page of a training run: its curves, live while it trains."""
# ruff: noqa: N802 - Solara names its components in CapWords

import logging
import threading
from typing import Any

import solara
from matplotlib.figure import Figure

from visualization.dashboard.charts import Charts
from visualization.dashboard.folders import read_statistics, run_folders, statistics_file
from visualization.dashboard.messages import sentence
from visualization.dashboard.session import Session
from visualization.plots import training_curves

logger = logging.getLogger(__name__)
INTERVAL = 3.0  # seconds between two looks at the file


@solara.component
def LearningPage(session: Session):
    """Pick a run folder; its curves are drawn again whenever the run saves."""
    found = solara.use_memo(lambda: run_folders(session.roots), [])
    folder = session.run_folder
    statistics: solara.Reactive[tuple[Any, str]] = solara.use_reactive((None, ""))
    if found:
        solara.Select(
            "Run folders found", values=found, value=folder.value if folder.value in found else None,
            on_value=lambda new: folder.set(new or ""),
        )  # fmt: skip
    fault = statistics.value[1]
    solara.InputText(
        "Run folder", value=folder, error=fault or False,
        message="a folder of run_model.py --mode train, such as experiments/experiment_20260101-120000_1",
    )  # fmt: skip
    solara.use_thread(
        lambda cancelled: watch(session, folder.value, statistics, cancelled), [folder.value],
        intrusive_cancel=False,
    )  # fmt: skip
    content = statistics.value[0]
    if content is not None:
        updates = len(content["updates"])
        solara.Text(f"{updates} updates so far; this page looks again every {INTERVAL:g} seconds.")
        Charts({"Learning curves of every agent type": lambda: curves(content)}, [content], wide=True)


def curves(content: dict[str, Any]) -> Figure:
    """The figure of a run folder."""
    return training_curves(content)


def watch(
    session: Session, text: str, statistics: solara.Reactive[tuple[Any, str]], cancelled: threading.Event
) -> None:
    """Read the run's statistics now and whenever they change, until the page turns to something else."""
    seen = 0
    while text and not cancelled.is_set() and session.watched():
        try:
            path = statistics_file(text, session.roots)
            stamp = path.stat().st_mtime_ns
            if stamp != seen:
                statistics.value = (read_statistics(path), "")
                seen = stamp
        except Exception as error:
            statistics.value = (None, sentence(error, logger))
            return
        cancelled.wait(INTERVAL)
