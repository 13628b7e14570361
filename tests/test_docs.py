"""The generated tables of docs/ are those of the code, and links lead somewhere."""

import importlib.util
import json
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def module(name):
    """A program of docs/, which is no package."""
    specification = importlib.util.spec_from_file_location(name, ROOT / "docs" / f"{name}.py")
    found = sys.modules[name] = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(found)
    return found


generate, defences = module("generate"), module("defences")


PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_generated_tables_are_fresh(page):
    text = page.read_text()
    assert generate.render(text) == text, f"{page.name} is stale: run make docs"


def test_every_table_is_shown_once():
    shown = [name for page in PAGES for _, name, _ in generate.MARKED.findall(page.read_text())]
    assert sorted(shown) == sorted(generate.TABLES)


def test_a_stale_table_is_noticed():
    stale = "<!-- generated: shock kinds -->\nold\n<!-- end -->"
    assert "policy_rate" in generate.render(stale)


def anchors(page):
    """Names that a page's headings can be linked by."""
    prose = re.sub(r"(?ms)^```.*?^```$", "", page.read_text())  # a comment in code is no heading
    headings = re.findall(r"(?m)^#+ (.+)$", prose)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files_and_headings(page):
    for target, heading in re.findall(r"\]\((?!\w+:)([^)#]*)(?:#([^)]*))?\)", page.read_text()):
        linked = page.parent / target if target else page
        assert linked.exists(), f"{page.name} links to {target}"
        assert not heading or heading in anchors(linked), f"{page.name} links to {target}#{heading}"


@pytest.mark.parametrize("defence", defences.DEFENCES, ids=lambda defence: f"{defence.file}: {defence.intact}")
def test_every_defence_stands_where_it_was_taken_away(defence):
    assert (ROOT / defence.file).read_text().count(defence.intact) == 1


def test_every_defence_is_missed_by_a_test():
    tried = json.loads(defences.RESULTS.read_text())
    assert [row[:3] for row in tried] == [[d.file, d.intact, d.broken] for d in defences.DEFENCES]
    assert all(noticed for *_, noticed in tried)
