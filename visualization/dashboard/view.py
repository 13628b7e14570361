"""What the pages draw: an economy as it stood in one of the months that have been run."""

from functools import cached_property

import pandas as pd

from visualization.dashboard.archive import Frame
from visualization.dashboard.session import Snapshot


class View:
    """A snapshot seen from ``month``, its latest or an earlier one; nothing after it is visible."""

    def __init__(self, snapshot: Snapshot, cursor: int | None = None) -> None:
        self.snapshot = snapshot
        self.month = snapshot.month if cursor is None else min(cursor, snapshot.month)
        self.parameters = snapshot.parameters
        self.settings = snapshot.settings
        self.policies = snapshot.policies

    @cached_property
    def history(self) -> pd.DataFrame:
        """A row a month, the opening first."""
        return self.snapshot.history.iloc[: self.month + 1]

    @cached_property
    def baseline(self) -> pd.DataFrame | None:
        """The same of the economy it is compared with, if there is one."""
        return None if self.snapshot.baseline is None else self.snapshot.baseline.iloc[: self.month + 1]

    @cached_property
    def frame(self) -> Frame:
        """The agents, in this month or the last kept one before it."""
        return self.snapshot.archive.at(self.month)

    @property
    def spans(self) -> list[tuple[float, float]]:
        """Months under a dated shock, (first, last) so far."""
        return self.spans_until(self.month)

    def spans_until(self, month: int) -> list[tuple[float, float]]:
        """The same up to a month that may still come."""
        return [
            (shock.start, min(shock.start + shock.duration, month))
            for shock in self.settings.shocks
            if shock.start <= month
        ]

    @property
    def economy(self) -> tuple[object, object]:
        """Whose months these are: another after Reset, or under other shocks."""
        return self.snapshot.archive, self.settings.shocks

    @property
    def residual(self) -> float:
        """Largest accounting violation of the month, a share of deposits."""
        return float(self.history["accounting_residual"].iloc[-1])
