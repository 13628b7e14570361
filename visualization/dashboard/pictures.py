"""Pictures as they travel to the browser."""

import io
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from matplotlib.figure import Figure

from visualization.dashboard.messages import sentence

logger = logging.getLogger(__name__)

DPI = 132  # sharp on phones, where the picture is shrunk
QUICK = {"compress_level": 1}  # the picture travels a short way


@dataclass(frozen=True)
class Picture:
    """A figure as PNG and its width in inches; or nothing, and the sentence that says why."""

    content: bytes = b""
    width: float = 0.0
    fault: str = ""


Draw = Callable[[], Figure]
LiveDraw = Callable[[], Figure | Picture]
Figures = Mapping[str, Draw]


def png(write: Callable[[io.BytesIO], None]) -> bytes:
    """What ``write`` writes."""
    content = io.BytesIO()
    write(content)
    return content.getvalue()


def picture(draw: LiveDraw) -> Picture:
    """A drawn figure as PNG; whatever goes wrong becomes a sentence in its place."""
    try:
        drawn = draw()
        if isinstance(drawn, Picture):
            return drawn
        content = png(lambda out: drawn.savefig(out, format="png", dpi=DPI, pil_kwargs=QUICK))
        return Picture(content, float(drawn.get_figwidth()))
    except Exception as error:
        return Picture(fault=sentence(error, logger))
