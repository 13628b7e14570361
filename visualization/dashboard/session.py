"""One browser session: its economy, what the page shows of it, and the commands that change it."""

import logging
import threading
import time
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
    """An economy and its page state: ``snapshot``, ``playing``, ``message`` and ``settings`` are reactive.

    watched: says whether anybody still looks at the page; a play stops when nobody does.
    """

    def __init__(self, watched: Callable[[], bool] = lambda: True) -> None:
        self._watched = watched
        self._player: object = None
        self.settings = solara.Reactive(default_settings())
        self.playing = solara.Reactive(False)
        self.months_a_picture = solara.Reactive(3)
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
        self.pause()
        self._attempt(self._rebuild)

    def pause(self) -> None:
        """Stop playing after the month that runs."""
        self.playing.value = False

    def raise_rate(self) -> None:
        """Add 100 bp to the policy rate for twelve months, from the next month on."""
        self._attempt(self._shock)

    def change(self, name: str, value: Any) -> None:
        """Change a setting; it takes effect on Reset."""
        self.settings.value = {**self.settings.peek(), name: value}

    def play(self) -> None:
        """Run until paused, a picture every few months; meant for a background thread."""
        player = self._player = object()  # a newer play takes over from this one
        self.playing.value = True
        while self.playing.peek() and self._player is player and self._watched():
            self._attempt(lambda: self._run(self.months_a_picture.peek(), playing=True))
            time.sleep(PAUSE)
        if self._player is player:
            self.pause()

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
            self.pause()
        self.message.value = message

    def _run(self, months: int, playing: bool = False) -> None:
        with self._lock:
            if playing and not self.playing.peek():  # a Reset came while this month waited for its turn
                return
            model = self._model
            months = min(months, MAX_MONTHS - model.month)
            for _ in range(months):
                model.step()
            snapshot = self._observe(self.snapshot.peek().settings)
        if self._model is model:
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
