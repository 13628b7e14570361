"""The panels of the overview, whose axes hold still for a while, so that mostly only lines are drawn anew.

Axes, ticks and words take ten times as long to draw as the lines; they are kept as a background (matplotlib's
"blitting") until the data leave the axes, the months end, or another economy comes.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.image import imsave
from matplotlib.lines import Line2D

from macro_mesa.config import MONTHS_PER_YEAR
from visualization import style
from visualization.dashboard.pictures import DPI, QUICK, Picture, png
from visualization.dashboard.view import View
from visualization.macro_panels import PANELS, Line, draw_panel, runs_of
from visualization.plots import macro_panel


def new_panel(name: str, view: View) -> Figure:
    """A panel of ``PANELS`` on a figure of its own."""
    parameters = view.parameters
    return macro_panel(name, view.history, parameters.inflation_target, parameters.natural_unemployment, view.spans)


@dataclass
class Stage:
    """A panel drawn without its series: the canvas, the picture of it, and the artists that move."""

    canvas: FigureCanvasAgg
    background: Any
    series: list[tuple[Line, Line2D]]
    economy: object  # whose history it is, and under which shocks
    month: int
    last: int  # month that its axis ends with

    def fits(self, view: View, last: int) -> bool:
        """Whether the view goes on where this one ended, within its axes; its data are set then."""
        if view.economy != self.economy or view.month < self.month or last != self.last:
            return False
        low, high = self.canvas.figure.axes[0].get_ylim()
        for line, artist in self.series:
            values = line.series(view.history).to_numpy()
            if not ((values >= low) & (values <= high) | np.isnan(values)).all():
                return False
            artist.set_data(view.history["month"].to_numpy(), values)
        self.month = view.month
        return True

    def picture(self) -> Picture:
        """The lines on their background, as PNG."""
        figure = self.canvas.figure
        self.canvas.restore_region(self.background)
        for _, artist in self.series:
            figure.axes[0].draw_artist(artist)
        pixels = self.canvas.buffer_rgba()
        content = png(lambda out: imsave(out, pixels, format="png", pil_kwargs=QUICK))
        return Picture(content, float(figure.get_figwidth()))


class LivePanels:
    """The panels of one session, by name."""

    def __init__(self) -> None:
        self._stages: dict[str, Stage] = {}
        self._economy: object = None
        self._months = range(0)  # those that the axes were made for

    def panel(self, name: str, view: View) -> Figure | Picture:
        """The panel of this name, as the view sees the economy."""
        if view.month < 2:  # a month or two are drawn as dots, or as a sentence in place of data
            return new_panel(name, view)
        stage, last = self._stages.get(name), self._last(view)
        if stage is None or not stage.fits(view, last):
            stage = self._stages[name] = set_stage(name, view, last)
        return stage.picture()

    def _last(self, view: View) -> int:
        """The month that the axes of all panels end with: room for a quarter more months, in whole years."""
        if view.economy != self._economy or view.month not in self._months:
            self._economy = view.economy
            years = 5 * view.month // 4 // MONTHS_PER_YEAR + 1
            self._months = range(view.month, MONTHS_PER_YEAR * years + 1)
        return self._months[-1]


def set_stage(name: str, view: View, last: int) -> Stage:
    """Draw all but the series of a panel, with an axis until month ``last``."""
    panel, parameters = PANELS[name], view.parameters
    references = {
        "inflation_target": parameters.inflation_target, "natural_unemployment": parameters.natural_unemployment,
    }  # fmt: skip
    figure, axes = style.new_panel()
    figure.set_dpi(DPI)
    draw_panel(axes, panel, runs_of(view.history), references, view.spans_until(last))
    style.set_title(axes, panel.title, room=True)
    axes.set_xlim(-0.01 * last, last)
    style.month_axis(axes, last)
    series = list(zip(panel.lines, axes.lines, strict=False))
    for _, artist in series:
        artist.set_animated(True)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return Stage(canvas, canvas.copy_from_bbox(figure.bbox), series, view.economy, view.month, last)
