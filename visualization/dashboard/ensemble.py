"""The same economy from several seeds, run in the background: for fan charts."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import pandas as pd
import solara

from macro_mesa import ConfigError
from visualization.dashboard.messages import sentence
from visualization.dashboard.settings import Settings, build_model, checked_parameters

logger = logging.getLogger(__name__)

MAX_SEEDS, MAX_MONTHS = 50, 600
MAX_AGENT_MONTHS = 50_000_000  # some minutes on one core
REPORT, LEAST_MOVE = 0.25, 0.02  # seconds between two moves of the progress bar, and how far it moves


@dataclass(frozen=True, eq=False)
class Runs:
    """Histories of the same settings, a frame a seed."""

    settings: Settings
    histories: tuple[pd.DataFrame, ...]


class Ensemble:
    """An ensemble and its state on the page: ``running``, ``progress`` (0 to 1), ``runs`` and ``message``."""

    def __init__(self, watched: Callable[[], bool] = lambda: True) -> None:
        self._watched = watched
        self._cancelled = False
        self._reported = 0.0
        self.seeds = solara.Reactive(10)
        self.months = solara.Reactive(120)
        self.running = solara.Reactive(False)
        self.progress = solara.Reactive(0.0)
        self.message = solara.Reactive("")
        self.runs: solara.Reactive[Runs | None] = solara.Reactive(None)

    def cancel(self) -> None:
        """Stop after the month that runs; the seeds that are done stay."""
        self._cancelled = True

    def run(self, settings: Settings) -> None:
        """Run seeds from that of ``settings`` on; meant for a background thread."""
        if self.running.peek():
            return
        self._cancelled = False
        self.message.value = ""
        self.progress.value = 0.0
        self.running.value = True
        try:
            self._run(settings, self.seeds.peek(), self.months.peek())
        except Exception as error:
            self.message.value = sentence(error, logger)
        finally:
            self.running.value = False

    def _run(self, settings: Settings, seeds: int, months: int) -> None:
        require_feasible(settings, seeds, months)
        histories: list[pd.DataFrame] = []
        for number in range(seeds):
            history = self._history(replace(settings, seed=settings.seed + number), months, number / seeds, 1 / seeds)
            if history is None:
                self.message.value = f"cancelled: {number} of {seeds} seeds are done"
                break
            histories.append(history)
        if len(histories) > 1:
            self.runs.value = Runs(settings, tuple(histories))

    def _history(self, settings: Settings, months: int, done: float, share: float) -> pd.DataFrame | None:
        """One seed's history, None if it was cancelled; ``done`` and ``share`` place it on the progress bar."""
        model = build_model(settings)
        for month in range(months):
            if self._cancelled or not self._watched():
                return None
            model.step()
            progress = done + share * (month + 1) / months
            # a page that is drawn for every month would take longer than the months
            if progress - self.progress.peek() >= LEAST_MOVE and time.monotonic() - self._reported > REPORT:
                self._reported = time.monotonic()
                self.progress.value = progress
                time.sleep(0.01)  # let other pages have the interpreter
        return model.datacollector.get_model_vars_dataframe()


def require_feasible(settings: Settings, seeds: int, months: int) -> None:
    """Refuse what would keep the server busy for too long."""
    if not 2 <= seeds <= MAX_SEEDS:
        raise ConfigError(f"an ensemble has 2 to {MAX_SEEDS} seeds, got {seeds}")
    if not 1 <= months <= MAX_MONTHS:
        raise ConfigError(f"an ensemble runs 1 to {MAX_MONTHS} months, got {months}")
    parameters = checked_parameters(settings.parameters)
    agents = parameters.num_households + parameters.num_firms + parameters.num_banks + 1
    if agents * months * seeds > MAX_AGENT_MONTHS:
        raise ConfigError(
            f"{seeds} seeds of {agents:,} agents over {months} months are too many for this page: at most "
            f"{MAX_AGENT_MONTHS:,} months of agents; use fewer seeds, or --mode sweep from the shell"
        )
