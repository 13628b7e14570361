"""The dashboard in a real browser: it comes up, runs, explains a bad value, and fits a phone."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from importlib.util import find_spec
from pathlib import Path

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
MISSING = [name for name, found in (("chromium", CHROMIUM), ("playwright", find_spec("playwright"))) if not found]

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(bool(MISSING) and "CI" not in os.environ, reason=f"not installed: {', '.join(MISSING)}"),
]

ROOT = Path(__file__).parents[1]
OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"]


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def wait_until_ready(address, server):
    for _ in range(300):
        assert server.poll() is None, "the server ended"
        try:
            urllib.request.urlopen(f"{address}/readyz", timeout=1)
        except (urllib.error.URLError, TimeoutError):
            time.sleep(0.2)
        else:
            return
    pytest.fail("the server did not come up")


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    port = free_port()
    command = [sys.executable, "-m", "solara", "run", "app.py", "--host", "127.0.0.1", "--port", str(port)]
    log = tmp_path_factory.mktemp("server") / "log"
    with log.open("w") as output:
        server = subprocess.Popen(
            [*command, "--no-open", "--production"], cwd=ROOT, stdout=output, stderr=subprocess.STDOUT
        )
        try:
            wait_until_ready(f"http://127.0.0.1:{port}", server)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            server.wait(20)
    assert "Traceback" not in log.read_text()


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser, address, request):
    page = browser.new_page(viewport={"width": getattr(request, "param", 1280), "height": 900})
    faults = []
    page.on("pageerror", lambda fault: faults.append(fault))
    page.goto(address)
    page.get_by_text("Month 0", exact=True).wait_for()
    yield page
    page.close()
    assert not faults


def click(page, label):
    page.get_by_role("button", name=label, exact=True).click()


def test_step_play_pause_and_reset(page):
    click(page, "Step")
    page.get_by_text("Month 1", exact=True).wait_for()
    click(page, "Run 12 months")
    page.get_by_text("Month 13", exact=True).wait_for()
    click(page, "Play")
    page.get_by_text("Month 19", exact=True).wait_for()
    click(page, "Pause")
    page.get_by_role("button", name="Play", exact=True).wait_for()
    click(page, "Reset")
    page.get_by_text("Month 0", exact=True).wait_for()
    assert page.locator("img").count() >= 4


def test_a_bad_value_shows_one_sentence(page):
    field = page.get_by_label("Firms")
    field.fill("99")
    field.press("Tab")
    click(page, "Apply and reset")
    page.get_by_text("num_firms must be at most").wait_for()
    assert page.get_by_text("Traceback").count() == 0


@pytest.mark.parametrize("page", [390, 1280], indirect=True)
def test_the_page_needs_no_sideways_scrolling(page):
    page.locator("img").nth(3).wait_for()
    width = page.viewport_size["width"]
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    boxes = [image.bounding_box() for image in page.locator("img").all()]
    assert all(box["x"] >= 0 and box["x"] + box["width"] <= width for box in boxes)
