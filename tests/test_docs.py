"""The generated tables of docs/ are those of the code, and links lead somewhere."""

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
specification = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
generate = importlib.util.module_from_spec(specification)
specification.loader.exec_module(generate)


@pytest.mark.parametrize("page", sorted((ROOT / "docs").glob("*.md")), ids=lambda page: page.name)
def test_generated_tables_are_fresh(page):
    text = page.read_text()
    assert generate.render(text) == text, f"{page.name} is stale: run make docs"


def test_every_table_is_shown_once():
    shown = [name for page in (ROOT / "docs").glob("*.md") for _, name, _ in generate.MARKED.findall(page.read_text())]
    assert sorted(shown) == sorted(generate.TABLES)


def test_a_stale_table_is_noticed():
    stale = "<!-- generated: shock kinds -->\nold\n<!-- end -->"
    assert "policy_rate" in generate.render(stale)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_to_files_exist(page):
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"
