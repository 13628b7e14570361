"""What the page says about the economy in words: month, key figures, whether the books close."""
# ruff: noqa: N802 - Solara names its components in CapWords

import solara

from macro_mesa.config import MONTHS_PER_YEAR
from visualization.dashboard.session import Snapshot

TOLERANCE = 1.0e-6  # of deposits; the model itself stops above it
GREEN, RED = "#00795C", "#B3261E"


@solara.component
def Header(snapshot: Snapshot):
    """Month and year, the shocks in force, and the accounting light."""
    solara.Text("Macro Mesa: an economy of households, firms, banks and a central bank", style={"color": "#666666"})
    year = max(snapshot.month - 1, 0) // MONTHS_PER_YEAR + 1
    with solara.Row(gap="16px", style={"align-items": "center", "flex-wrap": "wrap", "row-gap": "0"}):
        solara.HTML(tag="h1", unsafe_innerHTML=f"Month {snapshot.month}")
        solara.Text(f"year {year}" if snapshot.month else "the opening")
        AccountingLight(snapshot.residual)
    _shocks_in_words(snapshot)


@solara.component
def AccountingLight(residual: float):
    """Green while every balance sheet closes; the residual is a share of deposits."""
    closed = residual < TOLERANCE
    colour = GREEN if closed else RED
    with solara.Row(gap="8px", style={"align-items": "center"}):
        solara.HTML(
            tag="span",
            attributes={"aria-hidden": "true"},
            style={"width": "14px", "height": "14px", "border-radius": "50%", "background": colour},
        )
        words = "Books balance" if closed else "Books do not balance"
        solara.Text(f"{words}: residual {residual:.1e} of deposits", style={"color": colour})


def _shocks_in_words(snapshot: Snapshot) -> None:
    for shock in snapshot.shocks:
        last = shock.start + shock.duration - 1
        if last > snapshot.month:
            solara.Text(f"Policy rate {10_000 * shock.size:+.0f} bp in months {shock.start} to {last}.")
