"""The page of downloads, and the command line that makes the same again."""
# ruff: noqa: N802 - Solara names its components in CapWords

from collections.abc import Callable
from functools import partial

import solara

from visualization.dashboard import export, figures, page_policies
from visualization.dashboard.page_ensemble import fans
from visualization.dashboard.pictures import Draw
from visualization.dashboard.session import Session
from visualization.dashboard.view import View

Download = tuple[str, str, Callable[[], str | bytes]]  # label, file name, content
PICTURES = {
    "Overview": figures.overview,
    "Markets": figures.markets,
    "Balance sheets": figures.balance_sheets,
    "Distributions": figures.distributions,
    "Credit network": figures.network,
    "Policies": page_policies.all_figures,
}
ENSEMBLE = "Ensemble"


@solara.component
def ExportPage(session: Session, view: View):
    """Configuration, data and figures of what is on the screen."""
    command = solara.use_memo(lambda: export.command_line(view), [view])
    solara.HTML(tag="h3", unsafe_innerHTML="The command that runs this economy again")
    solara.Preformatted(command, class_="economy-command")
    if view.settings.common_policy is None:
        solara.Text("Agent types follow several policies: put the configuration file where the command runs.")
    solara.HTML(tag="h3", unsafe_innerHTML="Configuration and data")
    _downloads(solara.use_memo(lambda: data(view), [view]))
    solara.HTML(tag="h3", unsafe_innerHTML="Figures")
    _downloads(solara.use_memo(lambda: series(view), [view]))
    runs = session.ensemble.runs.value
    pages = [*PICTURES, *([ENSEMBLE] if runs else [])]
    page = solara.use_reactive(pages[0])
    solara.Select("Figures of the page", values=pages, value=page.value, on_value=page.set)

    def drawn() -> dict[str, Draw]:
        return dict(fans(runs) if page.value == ENSEMBLE and runs else PICTURES[page.value](view))

    _downloads(solara.use_memo(lambda: archives(view, page.value, drawn()), [view, page.value, runs]))


def data(view: View) -> list[Download]:
    """Configuration and history."""
    return [
        ("Configuration (YAML)", export.file_name(view, "yaml"), partial(export.configuration, view)),
        ("Data (CSV)", export.file_name(view, "csv"), partial(export.csv, view)),
        ("Data (Parquet)", export.file_name(view, "parquet"), partial(export.parquet, view)),
    ]


def series(view: View) -> list[Download]:
    """The figure of all series."""
    return [
        (f"All series ({form.upper()})", export.file_name(view, form), partial(export.series_file, view, form))
        for form in ("png", "svg")
    ]


def archives(view: View, page: str, drawn: dict[str, Draw]) -> list[Download]:
    """The figures of a page, each in a file of its own."""
    stem = page.lower().replace(" ", "-")
    return [
        (
            f"{page} as {form.upper()} (zip)",
            export.file_name(view, f"{stem}-{form}.zip"),
            partial(export.figure_archive, drawn, form),
        )
        for form in ("png", "svg")
    ]


def _downloads(entries: list[Download]) -> None:
    with solara.Row(gap="8px", style={"flex-wrap": "wrap", "row-gap": "8px"}):
        for label, name, content in entries:
            solara.FileDownload(content, filename=name, label=label).key(name)
