"""What can be taken away: configuration, data, figures, and the command that makes the same again."""

import io
import re
import shlex
import zipfile
from collections.abc import Mapping
from functools import partial

import yaml
from matplotlib.figure import Figure

from visualization.dashboard.pictures import Draw
from visualization.dashboard.view import View
from visualization.plots import macro_variables
from visualization.style import DPI


def file_name(view: View, suffix: str) -> str:
    """The name of an exported file."""
    return f"macro-mesa-seed{view.settings.seed}-month{view.month}.{suffix}"


def configuration(view: View) -> str:
    """The economy on the screen as a file for ``run_model.py --config``."""
    head = f"# python run_model.py --mode simulate --seed {view.settings.seed} --config {file_name(view, 'yaml')}\n"
    return head + yaml.safe_dump(view.settings.as_scenario(view.month), sort_keys=False)


def command_line(view: View) -> str:
    """The command that runs the economy on the screen again, up to its month."""
    settings = view.settings
    start = ["python", "run_model.py", "--mode", "simulate", "--seed", str(settings.seed)]
    policy = settings.common_policy
    if policy is None:  # a mapping of types to policies fits in a file only
        return shlex.join([*start, "--config", file_name(view, "yaml")])
    words = [*start, "--sim-length", str(max(view.month, 1)), "--policy", policy]
    for name, value in settings.parameters.items():
        words += ["--set", f"{name}={str(value).lower() if isinstance(value, bool) else value}"]
    for shock in settings.shocks:
        words += ["--shock", ",".join(f"{key}={value}" for key, value in shock.as_dict().items())]
    return shlex.join(words)


def csv(view: View) -> str:
    """The history, a row a month."""
    return view.history.to_csv(index=False)


def parquet(view: View) -> bytes:
    """The same as Parquet."""
    content = io.BytesIO()
    view.history.to_parquet(content, index=False)
    return content.getvalue()


def all_series(view: View) -> Figure:
    """The macroeconomic figure of a run folder."""
    return macro_variables(view.history, view.parameters.inflation_target, view.parameters.natural_unemployment)


def figure_file(draw: Draw, form: str) -> bytes:
    """A figure as PNG or SVG."""
    content = io.BytesIO()
    draw().savefig(content, format=form, dpi=DPI)
    return content.getvalue()


def figure_archive(figures: Mapping[str, Draw], form: str) -> bytes:
    """Several figures in one zip file, named by what they show."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, draw in figures.items():
            stem = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
            archive.writestr(f"{stem}.{form}", figure_file(draw, form))
    return content.getvalue()


def series_file(view: View, form: str) -> bytes:
    """The figure of all series as PNG or SVG."""
    return figure_file(partial(all_series, view), form)
