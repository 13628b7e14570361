"""Pictures on the page: drawn again only when what they show has changed, with a name for those who cannot see them."""
# ruff: noqa: N802 - Solara names its components in CapWords

from collections.abc import Mapping
from typing import Any

import solara
from solara.alias import rv, rw

from visualization.dashboard.pictures import LiveDraw, picture

WIDE = 8.0  # inches from which a picture is scrolled on a phone, not shrunk until nobody can read it
SHOWN = 125  # pixels an inch takes at most, so that letters have one size on all pages


@solara.component
def Chart(name: str, draw: LiveDraw, dependencies: list[Any]):
    """One picture; ``name`` is what a screen reader says."""
    shown = solara.use_memo(lambda: picture(draw), [name, *dependencies])
    if shown.fault:
        solara.Warning(f"{name} cannot be drawn: {shown.fault}")
    else:
        wide = " economy-wide" if shown.width > WIDE else ""
        with rv.Html(
            tag="figure", class_=f"economy-chart{wide}", style_=f"max-width: {SHOWN * shown.width:.0f}px",
            attributes={"role": "img", "aria-label": f"Chart: {name}"},
        ):  # fmt: skip
            rw.Image(value=shown.content, format="png")


@solara.component
def Charts(figures: Mapping[str, LiveDraw], dependencies: list[Any], wide: bool = False):
    """Pictures in one column on a phone, two on a tablet, three on a wide screen (``wide``: one and two)."""
    columns = {"default": 12, "large": 12, "xlarge": 6} if wide else {"default": 12, "medium": 6, "xlarge": 4}
    with solara.ColumnsResponsive(**columns):
        for name, draw in figures.items():
            Chart(name, draw, dependencies).key(name)
