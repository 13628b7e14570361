"""One browser session: its economy, what the page shows of it, and the commands that change it."""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd
import solara

from macro_mesa import ConfigError, MacroModel, Parameters
from macro_mesa.config import MONTHS_PER_YEAR
from macro_mesa.shocks import Shock
from visualization.dashboard.archive import Archive, observe_frame, record_last_month
from visualization.dashboard.ensemble import Ensemble
from visualization.dashboard.forms import Forms
from visualization.dashboard.messages import sentence
from visualization.dashboard.settings import Settings, build_model, opening_settings

logger = logging.getLogger(__name__)

MAX_MONTHS = 1200  # a page left open stops here
PAUSE = 0.02  # seconds between pictures, so that clicks are heard
RATE_SHOCK, RATE_SHOCK_MONTHS = 0.01, MONTHS_PER_YEAR


@dataclass(frozen=True, eq=False)
class Snapshot:
    """The state of an economy between two months; drawing it never races with a step."""

    month: int = 0
    history: pd.DataFrame = field(default_factory=pd.DataFrame)
    baseline: pd.DataFrame | None = None  # history of the economy it is compared with
    archive: Archive = field(default_factory=Archive)
    parameters: Parameters = field(default_factory=Parameters)
    settings: Settings = field(default_factory=Settings)  # what the economy was built from
    policies: Mapping[str, Any] = field(default_factory=dict)


class Session:
    """An economy and the state of its page; every attribute that the page shows is reactive.

    watched: says whether anybody still looks at the page; a play stops when nobody does.
    pretrained: how many shipped policies there are to pick.
    roots: folders that run folders may be read from; names are seen from the first.
    """

    def __init__(
        self, watched: Callable[[], bool] = lambda: True, pretrained: int = 0, roots: Sequence[Path] = ()
    ) -> None:
        self.watched = watched
        self._player: object = None
        self.pretrained = pretrained
        self.roots = tuple(roots) or (Path.cwd(),)
        opening = opening_settings(pretrained)
        self.settings = solara.Reactive(opening)
        self.built = solara.Reactive(opening)
        self.playing = solara.Reactive(False)
        self.months_a_picture = solara.Reactive(3)
        self.cursor: solara.Reactive[int | None] = solara.Reactive(None)  # the month replayed, None for the latest
        self.tab = solara.Reactive(0)
        self.run_folder = solara.Reactive("")  # whose learning curves are shown
        self.message = solara.Reactive("")
        self.forms = Forms(self)
        self.ensemble = Ensemble(watched)
        self._lock = threading.Lock()  # the playing thread and clicks take turns
        self.snapshot = solara.Reactive(self._open(opening))

    # --- commands
    def step(self, months: int = 1) -> None:
        """Run some months and show the last one."""
        self.cursor.value = None
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
        shock = Shock("policy_rate", RATE_SHOCK, self.snapshot.peek().month + 1, RATE_SHOCK_MONTHS)
        self._attempt(lambda: self.date_shocks((*self.settings.peek().shocks, shock)))

    def compare_with(self, comparison: str) -> None:
        """Choose what the economy is compared with; takes effect at once, from the first month."""
        self.settings.value = replace(self.settings.peek(), comparison=comparison)
        self._attempt(self._compare)

    def date_shocks(self, shocks: tuple[Shock, ...]) -> None:
        """Replace the dated shocks; those still to come change the running economy, others wait for Reset."""
        self.settings.value = self.settings.peek().with_shocks(shocks)
        with self._lock:
            built = self.built.peek()
            month = self._model.month
            if any(shock.start <= month for shock in set(shocks) ^ set(built.shocks)):
                return
            self._model.shocks = list(shocks)
            self.built.value = replace(built, shocks=shocks)
            snapshot = self._observe()
        self.snapshot.value = snapshot

    def play(self) -> None:
        """Run until paused, a picture every few months; meant for a background thread."""
        player = self._player = object()  # a newer play takes over from this one
        self.cursor.value = None
        self.playing.value = True
        while self.playing.peek() and self._player is player and self.watched():
            self._attempt(lambda: self._run(self.months_a_picture.peek(), playing=True))
            time.sleep(PAUSE)
        if self._player is player:
            self.pause()

    def close(self) -> None:
        """Stop what runs in the background: the page is gone."""
        self.pause()
        self.ensemble.cancel()

    # --- what they do
    def _attempt(self, command: Callable[[], None]) -> None:
        """Carry out a command; whatever goes wrong stops the play and becomes a message on the page."""
        message = ""
        try:
            command()
        except Exception as error:
            message = sentence(error, logger)
        if message:
            self.pause()
        self.message.value = message

    def _run(self, months: int, playing: bool = False) -> None:
        with self._lock:
            if playing and not self.playing.peek():  # a Reset came while this month waited for its turn
                return
            model = self._model
            for _ in range(min(months, MAX_MONTHS - model.month)):
                self._month()
            snapshot = self._observe()
        if self._model is model:
            self.snapshot.value = snapshot
        if snapshot.month >= MAX_MONTHS:
            raise ConfigError(f"this page stops at month {MAX_MONTHS:,}; Reset begins again")

    def _month(self) -> None:
        """One month of the economy, and of the one beside it."""
        self._model.datacollector.slot = 0
        self._model.step()
        self._archive.add(observe_frame(self._model))
        if self._baseline is not None:
            self._baseline.step()

    def _rebuild(self) -> None:
        self.forms.require_none_open()
        settings = self.settings.peek()
        with self._lock:
            snapshot = self._open(settings)
        self.cursor.value = None
        self.built.value = settings
        self.snapshot.value = snapshot

    def _open(self, settings: Settings) -> Snapshot:
        """Build the economy and the one beside it."""
        model, baseline = build_model(settings), settings.baseline()
        self._baseline = None if baseline is None else build_model(baseline)
        record_last_month(model)
        self._model: MacroModel = model
        self._archive = Archive()
        self._archive.add(observe_frame(model))
        return self._observe(settings)

    def _compare(self) -> None:
        with self._lock:
            built = replace(self.built.peek(), comparison=self.settings.peek().comparison)
            settings = built.baseline()
            baseline = None if settings is None else build_model(settings)
            if baseline is not None:
                for _ in range(self._model.month):
                    baseline.step()
            self._baseline = baseline
            self.built.value = built
            snapshot = self._observe()
        self.snapshot.value = snapshot

    def _observe(self, settings: Settings | None = None) -> Snapshot:
        model, baseline = self._model, self._baseline
        return Snapshot(
            model.month,
            model.datacollector.get_model_vars_dataframe(),
            None if baseline is None else baseline.datacollector.get_model_vars_dataframe(),
            self._archive,
            model.parameters,
            self.built.peek() if settings is None else settings,
            model.policies,
        )
