"""Pictures on the page: drawn again only when what they show has changed, with a name for those who cannot see them."""
# ruff: noqa: N802 - Solara names its components in CapWords

import io
import logging
from collections.abc import Callable, Mapping
from typing import Any

import solara
from matplotlib.figure import Figure
from solara.alias import rv, rw

from visualization.dashboard.messages import sentence

logger = logging.getLogger(__name__)

DPI = 132  # sharp on phones, where the picture is shrunk
SHOWN = 125  # pixels an inch takes at most, so that letters have one size on all pages
QUICK = {"compress_level": 1}  # the picture travels a short way

Draw = Callable[[], Figure]


def picture(draw: Draw) -> tuple[bytes, float, str]:
    """A figure as PNG and its width in inches, or the sentence that says why there is none."""
    try:
        content = io.BytesIO()
        figure = draw()
        figure.savefig(content, format="png", dpi=DPI, pil_kwargs=QUICK)
    except Exception as error:
        return b"", 0.0, sentence(error, logger)
    return content.getvalue(), float(figure.get_figwidth()), ""


@solara.component
def Chart(name: str, draw: Draw, dependencies: list[Any]):
    """One picture; ``name`` is what a screen reader says."""
    image, width, fault = solara.use_memo(lambda: picture(draw), [name, *dependencies])
    if fault:
        solara.Warning(f"{name} cannot be drawn: {fault}")
    else:
        with rv.Html(
            tag="figure", class_="economy-chart", style_=f"max-width: {SHOWN * width:.0f}px",
            attributes={"role": "img", "aria-label": f"Chart: {name}"},
        ):  # fmt: skip
            rw.Image(value=image, format="png")


@solara.component
def Charts(figures: Mapping[str, Draw], dependencies: list[Any], wide: bool = False):
    """Pictures in one column on a phone, two on a tablet, three on a wide screen (``wide``: one and two)."""
    columns = {"default": 12, "large": 12, "xlarge": 6} if wide else {"default": 12, "medium": 6, "xlarge": 4}
    with solara.ColumnsResponsive(**columns):
        for name, draw in figures.items():
            Chart(name, draw, dependencies).key(name)
