"""The dashboard without a browser: every button, bad settings, and two sessions side by side."""

import subprocess
import sys
import time

import ipyvuetify as v
import ipywidgets
import pytest
import solara

import app
from visualization.dashboard import charts
from visualization.dashboard import session as session_module
from visualization.dashboard.session import RATE_SHOCK, Session
from visualization.dashboard.settings import build_model, default_settings


@solara.component
def Whole():  # noqa: N802
    with solara.AppLayout():
        app.Page()


class Browser:
    """A rendered page and what a person does with it."""

    def __init__(self):
        self.box, self.context = solara.render(Whole(), handle_error=False)

    def click(self, label):
        self.button(label).click()

    def button(self, label):
        return next(button for button in self.context.find(v.Btn).widgets if label in button.children)

    def write(self, label, text):
        field = next(field for field in self.context.find(v.TextField).widgets if field.label == label)
        field.v_model = text
        field.fire_event("focusout")

    def choose(self, policy):
        self.context.find(v.Select).widget.v_model = policy

    @property
    def month(self):
        return self.context.find(solara.widgets.HTML, tag="h1").widget.unsafe_innerHTML

    @property
    def errors(self):
        return [alert.children[0] for alert in self.context.find(v.Alert).widgets]

    @property
    def pictures(self):
        return [image.value for image in self.context.find(ipywidgets.Image).widgets]


@pytest.fixture
def page(monkeypatch):
    monkeypatch.setattr(charts, "LIVE_PANELS", charts.LIVE_PANELS[:1])  # one picture draws quicker than six
    browser = Browser()
    yield browser
    browser.context.close()


@pytest.fixture
def whole_page():
    browser = Browser()
    yield browser
    browser.context.close()


def wait_for(condition, seconds=30.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def test_the_module_offers_a_page():
    assert app.page is app.Page


def test_every_picture_follows_the_economy(whole_page):
    before = whole_page.pictures
    assert len(before) == len(charts.LIVE_PANELS) >= 4
    whole_page.click("Step")
    assert not set(before) & set(whole_page.pictures)


def test_step_run_and_reset(page):
    assert page.month == "Month 0"
    page.click("Step")
    assert page.month == "Month 1"
    page.click("Run 12 months")
    assert page.month == "Month 13"
    page.click("Reset")
    assert page.month == "Month 0"
    assert page.errors == []


def test_play_runs_in_the_background_until_paused(page):
    page.click("Play")
    wait_for(lambda: page.month not in ("Month 0", "Month 3"))
    assert page.button("Step").disabled
    page.click("Pause")
    wait_for(lambda: any("Play" in button.children for button in page.context.find(v.Btn).widgets))
    time.sleep(3 * session_module.PAUSE)
    stopped = page.month
    time.sleep(3 * session_module.PAUSE)
    assert page.month == stopped


@pytest.mark.parametrize(
    ("label", "text", "words"),
    [
        ("Households", "0", "num_households must be greater than or equal to 1"),
        ("Households", "50000", "num_households is at most 20,000"),
        ("Firms", "99", "num_firms must be at most"),
        ("Random seed", "-1", "rng must be a whole number"),
    ],
)
def test_a_bad_value_is_explained_and_the_economy_kept(page, label, text, words):
    page.click("Step")
    page.write(label, text)
    page.click("Reset")
    assert words in page.errors[0]
    assert page.month == "Month 1"
    page.write(label, "5")
    page.click("Step")
    assert page.errors == []
    assert page.month == "Month 2"


def test_a_missing_checkpoint_is_explained(page):
    page.choose("checkpoint folder")
    page.click("Apply and reset")
    assert "name the checkpoint folder" in page.errors[0]
    page.write("Checkpoint folder", "no such folder")
    page.click("Apply and reset")
    assert "no such folder" in page.errors[0]


def test_settings_take_effect_on_reset(page):
    page.write("Households", "60")
    page.choose("random")
    page.click("Reset")
    page.click("Step")
    assert page.button("Apply and reset").disabled
    assert page.month == "Month 1"


def test_sessions_do_not_share_an_economy(page):
    other = Browser()
    page.click("Step")
    assert (page.month, other.month) == ("Month 1", "Month 0")
    other.context.close()


# --- the session behind the page
def test_the_rate_shock_starts_next_month_and_lasts_a_year():
    session, twin = Session(), Session()
    session.raise_rate()
    shock = session.snapshot.value.shocks[0]
    assert (shock.kind, shock.size, shock.start, shock.duration) == ("policy_rate", RATE_SHOCK, 1, 12)
    session.step()
    twin.step()
    raised = session.snapshot.value.history["policy_rate"] - twin.snapshot.value.history["policy_rate"]
    assert raised.iloc[-1] == pytest.approx(RATE_SHOCK)


def test_a_play_stops_when_nobody_watches():
    session = Session(watched=lambda: False)
    session.play()
    assert session.snapshot.value.month == 0
    assert not session.playing.value


def test_a_page_stops_at_its_last_month(monkeypatch):
    monkeypatch.setattr(session_module, "MAX_MONTHS", 2)
    session = Session()
    session.step(5)
    assert session.snapshot.value.month == 2
    assert "stops at month 2" in session.message.value


def test_an_unforeseen_failure_becomes_a_message(monkeypatch):
    session = Session()

    def fail():
        raise FloatingPointError("the books do not close")

    monkeypatch.setattr(session._model, "step", fail)
    session.play()
    assert session.message.value == "FloatingPointError: the books do not close"
    assert not session.playing.value


def test_the_default_settings_build_the_default_economy():
    model = build_model(default_settings())
    assert model.parameters == type(model.parameters)()


def test_the_page_needs_no_torch():
    check = "import app, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
