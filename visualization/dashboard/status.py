"""What the page says about the economy in words: month, year, shocks in force, whether the books close."""
# ruff: noqa: N802 - Solara names its components in CapWords

import solara

from macro_mesa.config import MONTHS_PER_YEAR
from visualization.dashboard.view import View

TOLERANCE = 1.0e-6  # of deposits; the model itself stops above it
GREEN, RED = "#00795C", "#B3261E"


@solara.component
def Header(view: View):
    """Month and year, the size of the economy, the shocks in force, and the accounting light."""
    solara.Text("Macro Mesa: an economy of households, firms, banks and a central bank", style={"color": "#666666"})
    year = max(view.month - 1, 0) // MONTHS_PER_YEAR + 1
    parameters = view.parameters
    with solara.Row(gap="16px", style={"align-items": "center", "flex-wrap": "wrap", "row-gap": "0"}):
        solara.HTML(tag="h1", unsafe_innerHTML=f"Month {view.month}")
        solara.Text(f"year {year}" if view.month else "the opening")
        solara.Text(
            f"{parameters.num_households:,} households, {parameters.num_firms:,} firms, "
            f"{parameters.num_banks:,} banks, seed {view.settings.seed}"
        )
        AccountingLight(view.residual)
    forces = [shock for shock in view.settings.shocks if shock.is_on(view.month)]
    if forces:
        words = ", ".join(f"{shock.kind.replace('_', ' ')} {shock.size:+g}" for shock in forces)
        solara.Text(f"Shock in force: {words}.", style={"color": "#8C5A00"})


@solara.component
def AccountingLight(residual: float):
    """Green while every balance sheet closes; the residual is a share of deposits."""
    closed = residual < TOLERANCE
    colour = GREEN if closed else RED
    with solara.Row(gap="8px", style={"align-items": "center"}):
        solara.HTML(
            tag="span",
            attributes={"aria-hidden": "true"},
            style=f"width: 14px; height: 14px; border-radius: 50%; display: inline-block; background: {colour}",
        )
        words = "Books balance" if closed else "Books do not balance"
        solara.Text(f"{words}: residual {residual:.1e} of deposits", style={"color": colour})
