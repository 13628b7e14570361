"""The gallery: every call draws, the page shows them all, and no picture is left over."""

import importlib.util
import sys
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from test_plots_economy import assert_writes

DOCS = Path(__file__).parents[1] / "docs"
specification = importlib.util.spec_from_file_location("gallery", DOCS / "gallery.py")
gallery = importlib.util.module_from_spec(specification)
sys.modules["gallery"] = gallery  # where its data classes look for their module
specification.loader.exec_module(gallery)

SMALL = gallery.Extent(months=30, economies=2, pairs=2, runs=2, updates=2, trajectories=2, screened_months=3)


@pytest.fixture(scope="module")
def data():
    return gallery.material(SMALL)


@pytest.mark.slow
@pytest.mark.parametrize("entry", gallery.ENTRIES, ids=lambda entry: entry.name)
def test_every_call_draws(entry, data, tmp_path):
    figure = gallery.draw(entry, data)
    assert isinstance(figure, Figure)
    assert_writes(figure, tmp_path)


@pytest.mark.slow
def test_the_page_explains_every_name(data):
    listed = {name.strip("`") for line in gallery.NAMES for name in line.split(", ")}
    explained = " ".join([*listed, *gallery.NAMES.values()])
    assert [name for name in data if name not in explained] == []


def test_the_page_is_what_its_entries_say():
    assert (DOCS / "gallery.md").read_text() == gallery.page(), "docs/gallery.md is stale: run make gallery"


def test_a_picture_for_every_entry_and_none_left_over():
    drawn = {path.stem for path in (DOCS / "gallery").glob("*.png")}
    assert drawn == {entry.name for entry in gallery.ENTRIES}
