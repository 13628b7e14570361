"""The dashboard in a real browser: it comes up, runs, explains a bad value, and fits a phone."""

import os
import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest
from live_server import served

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
MISSING = [name for name, found in (("chromium", CHROMIUM), ("playwright", find_spec("playwright"))) if not found]

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(bool(MISSING) and "CI" not in os.environ, reason=f"not installed: {', '.join(MISSING)}"),
]

OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"]


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    with served(tmp_path_factory.mktemp("server") / "log") as (address, _):
        yield address


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        yield browser
        browser.close()


PATIENCE = 600_000  # milliseconds; a busy machine is no failure


def open_page(browser, address, width=1280):
    """A page that has come up; ``page.faults`` collects what its console complains about."""
    page = browser.new_page(viewport={"width": width, "height": 900}, accept_downloads=True)
    page.set_default_timeout(PATIENCE)
    page.faults = []
    page.on("pageerror", lambda fault: page.faults.append(str(fault)))
    page.on("console", lambda message: page.faults.append(message.text) if message.type == "error" else None)
    page.on("request", lambda request: page.faults.append(request.url) if leaves(request.url) else None)
    page.goto(address)
    is_month(page, 0)
    page.locator("figure img").nth(3).wait_for()
    return page


def leaves(url):
    """Whether a request goes out to the network."""
    return not url.startswith(("http://127.0.0.1", "ws://127.0.0.1", "data:", "blob:"))


@pytest.fixture
def page(browser, address, request):
    page = open_page(browser, address, getattr(request, "param", 1280))
    yield page
    page.close()
    assert not page.faults


def click(page, label):
    page.get_by_role("button", name=label, exact=True).click()


def is_month(page, month):
    page.get_by_text(f"Month {month}", exact=True).wait_for()


def is_past_month(page, month):
    """Wait for a later month; a playing page shows none of them for long."""
    later = "month => Number(/\\bMonth (\\d+)/.exec(document.body.innerText)?.[1]) > month"
    page.wait_for_function(later, arg=month)


def turn_to(page, tab):
    page.get_by_role("tab", name=tab, exact=True).click()


def fill(page, label, text):
    field = page.get_by_label(label, exact=True)
    field.fill(text)
    field.press("Tab")


def choose(page, label, option):
    """Open a list and pick; a page that is drawn anew in between may close it."""
    from playwright.sync_api import TimeoutError as Closed

    found = page.get_by_role("option", name=option, exact=True)
    for _ in range(10):
        page.get_by_role("button", name=label).first.click()
        try:
            return found.click(timeout=PATIENCE / 10)
        except Closed:
            page.keyboard.press("Escape")
    raise AssertionError(f"{label} never offered {option}")


def pictures(page):
    """What is in the pictures of the page, as the addresses of their contents."""
    return [image.get_attribute("src") for image in page.locator("figure img").all()]


def test_step_play_pause_and_reset(page):
    before = pictures(page)
    click(page, "Step")
    is_month(page, 1)
    page.wait_for_function(
        "before => document.querySelector('figure img')?.src !== before", arg=before[0], timeout=PATIENCE
    )
    click(page, "Run 12 months")
    is_month(page, 13)
    click(page, "Play")
    is_past_month(page, 18)
    click(page, "Pause")
    page.get_by_role("button", name="Play", exact=True).wait_for()
    click(page, "Reset")
    is_month(page, 0)
    page.wait_for_function("document.querySelectorAll('figure img').length === 4")


def test_a_bad_value_is_refused_beside_its_field(page):
    fill(page, "Number of firms (agents)", "390")
    page.get_by_text("num_firms must be at most").wait_for()
    click(page, "Reset")
    page.get_by_role("alert").filter(has_text="num_firms must be at most").first.wait_for()
    assert page.get_by_text("Traceback").count() == 0
    fill(page, "Number of firms (agents)", "10")
    page.get_by_text("changed from 20").wait_for()
    click(page, "Apply and reset")
    page.get_by_text("400 households, 10 firms").wait_for()


def test_a_shock_is_applied_compared_and_replayed(page):
    choose(page, "Scenario", "Rate rise")
    fill(page, "From month of shock 1", "2")
    choose(page, "Compare with", "the same economy without shocks")
    click(page, "Run 12 months")
    is_month(page, 12)
    page.get_by_text("Shock in force: policy rate +0.01").wait_for()
    page.locator("figure img").nth(7).wait_for()
    page.get_by_label("Chart: Interest rates, difference").wait_for()
    slider = page.get_by_role("slider", name="Replay")
    slider.focus()
    slider.press("Home")
    is_month(page, 0)
    click(page, "Step")
    is_month(page, 13)


def test_exports_are_downloaded(page):
    click(page, "Step")
    is_month(page, 1)
    turn_to(page, "Export")
    page.get_by_text("python run_model.py --mode simulate --seed 4 --sim-length 1").wait_for()
    for label, begins in [
        ("Configuration (YAML)", b"# python run_model.py"), ("Data (CSV)", b"month,"), ("Data (Parquet)", b"PAR1"),
        ("All series (PNG)", b"\x89PNG"), ("Overview as SVG (zip)", b"PK"),
    ]:  # fmt: skip
        with page.expect_download() as download:
            click(page, label)
        assert Path(download.value.path()).read_bytes().startswith(begins), label


def test_every_tab_shows_its_content(page):
    click(page, "Run 12 months")
    is_month(page, 12)
    for tab, chart in [
        ("Markets", "Chart: Beveridge curve"), ("Balance sheets", "Chart: Flow matrix, month 12"),
        ("Distributions", "Chart: Posted prices"), ("Credit network", "Chart: Credit network, month 12"),
        ("Policies", "Chart: Central bank: chances of rate step"),
    ]:  # fmt: skip
        turn_to(page, tab)
        page.get_by_label(chart, exact=True).locator("img").wait_for()
    turn_to(page, "Agents")
    page.get_by_text("Reward of month 12").wait_for()
    turn_to(page, "Learning")
    fill(page, "Run folder", "/etc")
    page.get_by_text("outside the folders that this page may read").first.wait_for()
    turn_to(page, "Ensemble")
    click(page, "Run ensemble")
    page.get_by_text("Seeds 4 to 13").wait_for()
    page.get_by_label("Chart: Inflation, 10 seeds").wait_for()


def test_two_sessions_do_not_touch_each_other_and_a_reload_begins_anew(page, browser, address):
    other = open_page(browser, address)
    click(page, "Run 12 months")
    is_month(page, 12)
    click(other, "Step")
    is_month(other, 1)
    is_month(page, 12)
    other.close()
    click(page, "Step")
    is_month(page, 13)
    page.reload()
    is_month(page, 0)
    assert not other.faults


WITHIN = """width => document.documentElement.scrollWidth <= width && [...document.querySelectorAll('figure img')]
    .map(image => image.getBoundingClientRect()).every(box => box.left >= 0 && box.right <= width)"""


@pytest.mark.parametrize("page", [390, 1280], indirect=True)
def test_the_page_needs_no_sideways_scrolling(page):
    click(page, "Step")
    is_month(page, 1)
    for tab, sign in [
        ("Overview", page.get_by_label("Chart: Inflation")),
        ("Balance sheets", page.get_by_label("Chart: Flow matrix, month 1")),
        ("Agents", page.get_by_text("Reward of month 1")), ("Export", page.get_by_text("Data (CSV)")),
    ]:  # fmt: skip
        turn_to(page, tab)
        sign.first.wait_for()
        page.wait_for_function(WITHIN, arg=page.viewport_size["width"])  # once it has settled


def test_every_control_has_a_name(page):
    page.get_by_role("button", name="Add a shock").click()
    page.get_by_label("Size of shock 1", exact=True).wait_for()
    for role in ("button", "textbox", "slider", "combobox", "tab"):
        for control in page.get_by_role(role).all():
            if control.is_visible():
                name = control.get_attribute("aria-label") or control.inner_text() or labels(control)
                assert name, control.evaluate("node => node.outerHTML")


def labels(control):
    """The text of the labels that belong to a control."""
    return control.evaluate("node => [...(node.labels || [])].map(label => label.innerText).join(' ')")
