"""One browser session: its economy, what the page shows of it, and the commands that change it."""

import asyncio
import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import solara

from macro_mesa import ConfigError, MacroModel, Parameters
from macro_mesa.config import MONTHS_PER_YEAR
from macro_mesa.shocks import Shock
from visualization.dashboard.settings import build_model, default_settings

logger = logging.getLogger(__name__)

MAX_MONTHS = 1200  # a page left open stops here
PAUSE = 0.1  # seconds between pictures, so that clicks are heard
RATE_SHOCK, RATE_SHOCK_MONTHS = 0.01, MONTHS_PER_YEAR


@dataclass(frozen=True, eq=False)
class Snapshot:
    """The state of an economy between two months; drawing it never races with a step."""

    month: int = 0
    history: pd.DataFrame = field(default_factory=pd.DataFrame)
    parameters: Parameters = field(default_factory=Parameters)
    shocks: tuple[Shock, ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)  # what the economy was built from

    @property
    def residual(self) -> float:
        """Largest accounting violation of the last month, a share of deposits."""
        return float(self.history["accounting_residual"].iloc[-1])


class Session:
    """An economy and its page state: ``snapshot``, ``playing``, ``message`` and ``settings`` are reactive."""

    def __init__(self) -> None:
        self.settings = solara.Reactive(default_settings())
        self.playing = solara.Reactive(False)
        self.months_a_picture = solara.Reactive(1)
        self.message = solara.Reactive("")
        self._lock = threading.Lock()  # the playing thread and clicks take turns
        self._model = build_model(self.settings.peek())
        self.snapshot = solara.Reactive(self._observe(self.settings.peek()))

    # --- commands
    def step(self, months: int = 1) -> None:
        """Run some months and show the last one."""
        self._attempt(lambda: self._run(months))

    def reset(self) -> None:
        """Replace the economy by one built from the settings; keep the old one if they are of no use."""
        self.playing.value = False
        self._attempt(self._rebuild)

    def raise_rate(self) -> None:
        """Add 100 bp to the policy rate for twelve months, from the next month on."""
        self._attempt(self._shock)

    def change(self, name: str, value: Any) -> None:
        """Change a setting; it takes effect on Reset."""
        self.settings.value = {**self.settings.peek(), name: value}

    async def play(self) -> None:
        """Run until paused, a picture every few months; meant for a background task."""
        while self.playing.peek():
            self.step(self.months_a_picture.peek())
            await asyncio.sleep(PAUSE)

    # --- what they do
    def _attempt(self, command: Callable[[], None]) -> None:
        """Carry out a command; whatever goes wrong stops the play and becomes a message on the page."""
        message = ""
        try:
            command()
        except ConfigError as error:
            message = str(error)
        except Exception as error:
            logger.exception("a command of the page failed")
            message = f"{type(error).__name__}: {error}"
        if message:
            self.playing.value = False
        self.message.value = message

    def _run(self, months: int) -> None:
        with self._lock:
            months = min(months, MAX_MONTHS - self._model.month)
            for _ in range(months):
                self._model.step()
            snapshot = self._observe(self.snapshot.peek().settings)
        self.snapshot.value = snapshot
        if snapshot.month >= MAX_MONTHS:
            raise ConfigError(f"this page stops at month {MAX_MONTHS:,}; Reset begins again")

    def _rebuild(self) -> None:
        settings = self.settings.peek()
        with self._lock:
            self._model = build_model(settings)
            snapshot = self._observe(settings)
        self.snapshot.value = snapshot

    def _shock(self) -> None:
        with self._lock:
            self._model.add_shock("policy_rate", RATE_SHOCK, self._model.month + 1, RATE_SHOCK_MONTHS)
            snapshot = self._observe(self.snapshot.peek().settings)
        self.snapshot.value = snapshot

    def _observe(self, settings: Mapping[str, Any]) -> Snapshot:
        model: MacroModel = self._model
        history = model.datacollector.get_model_vars_dataframe()
        return Snapshot(model.month, history, model.parameters, tuple(model.shocks), settings)
