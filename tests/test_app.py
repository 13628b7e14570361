"""The dashboard without a browser: every control, bad values, and two sessions side by side."""

import subprocess
import sys
import threading
import time

import ipyvuetify as v
import ipywidgets
import pytest
import solara
import solara.server.settings

import app
from visualization.dashboard import figures
from visualization.dashboard.page import Guarded
from visualization.dashboard.pictures import picture
from visualization.dashboard.settings import WITHOUT_SHOCKS


@solara.component
def Whole():  # noqa: N802
    with solara.AppLayout():
        app.Page()


def walk(widget):
    """Everything that a widget holds, texts included."""
    for child in getattr(widget, "children", ()):
        yield child
        yield from walk(child)


class Browser:
    """A rendered page and what a person does with it."""

    def __init__(self, component=None):
        self.box, self.context = solara.render(component or Whole(), handle_error=False)

    def click(self, label):
        self.button(label).click()

    def button(self, label):
        return next(button for button in self.context.find(v.Btn).widgets if label in button.children)

    def field(self, label):
        return next(field for field in self.context.find(v.TextField).widgets if field.label.startswith(label))

    def write(self, label, text):
        field = self.field(label)
        field.v_model = text
        field.fire_event("focusout")

    def select(self, label):
        return next(field for field in self.context.find(v.Select).widgets if field.label == label)

    def choose(self, label, value):
        self.select(label).v_model = value

    def slide(self, label, value):
        slider = next(field for field in self.context.find(v.Slider).widgets if field.label.startswith(label))
        slider.v_model = value

    def open(self, title):
        tabs = self.context.find(v.Tabs).widget
        titles = [tab.children[0] for tab in self.context.find(v.Tab).widgets]
        tabs.v_model = titles.index(title)

    @property
    def texts(self):
        return " ".join(child for child in walk(self.box) if isinstance(child, str))

    @property
    def tables(self):
        found = self.context.find(solara.widgets.HTML, tag="div").widgets
        return [html.unsafe_innerHTML for html in found if "<table" in html.unsafe_innerHTML]

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
    monkeypatch.setattr(figures, "OVERVIEW", figures.OVERVIEW[:1])  # one picture draws quicker than four
    browser = Browser()
    yield browser
    browser.context.close()


@pytest.fixture
def whole_page():
    browser = Browser()
    yield browser
    browser.context.close()


def wait_for(condition, seconds=900.0):  # a busy machine is no failure
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def test_the_module_offers_a_page():
    assert app.page is app.Page
    assert app.shipped_policies() >= 1


def test_every_picture_follows_the_economy(whole_page):
    before = whole_page.pictures
    assert len(before) == len(figures.OVERVIEW) == 4
    whole_page.click("Step")
    assert not set(before) & set(whole_page.pictures)


def test_step_run_and_reset(page):
    assert page.month == "Month 0"
    page.click("Step")
    assert page.month == "Month 1"
    page.click("Run 12 months")
    assert page.month == "Month 13"
    assert "year 2" in page.texts
    assert "Books balance" in page.texts
    page.click("Reset")
    assert page.month == "Month 0"
    assert page.errors == []


def test_play_runs_in_the_background_until_paused(page):
    before = threading.active_count()
    page.click("Play")
    wait_for(lambda: page.month not in ("Month 0", "Month 3"))
    assert page.button("Step").disabled
    page.click("Pause")
    wait_for(lambda: any("Play" in button.children for button in page.context.find(v.Btn).widgets))
    wait_for(lambda: threading.active_count() <= before)  # the month under way is shown too
    stopped = int(page.month.split()[1])
    page.click("Step")
    assert page.month == f"Month {stopped + 1}"


@pytest.mark.parametrize(
    ("label", "text", "words"),
    [
        ("Number of households", "0", "num_households must be greater than or equal to 1"),
        ("Number of households", "50000", "num_households is at most 20,000"),
        ("Number of firms", "390", "num_firms must be at most"),
        ("Number of firms", "many", "num_firms must be a number"),
        ("Seed", "-1", "the seed must be a whole number"),
        ("Seed", "1" * 10, "the seed must be a whole number"),
        ("Seed", "9" * 100_000, "at most 500 characters"),
        ("Number of households", "9" * 450, "num_households is at most 20,000"),
        ("Number of households", "[" * 450, "must be a number"),
        ("Number of households", "NaN", "num_households must be"),
        ("Number of households", {"a": 1}, "num_households must be a number"),
    ],
)
def test_a_bad_value_is_refused_beside_its_field_and_the_economy_kept(page, label, text, words):
    page.click("Step")
    page.write(label, text)
    field = page.field(label)
    assert field.error
    assert field.v_model == str(text)[:500]
    assert words in field.messages[0]
    page.click("Reset")
    assert words in page.errors[0]
    assert page.month == "Month 1"
    page.write(label, "50")
    assert not page.field(label).error
    page.click("Reset")
    assert page.errors == []
    assert page.month == "Month 0"


def test_a_parameter_is_marked_where_it_is_changed_and_takes_effect_on_reset(page):
    assert page.button("Apply and reset").disabled
    page.write("Number of households", "60")
    assert "changed from 100" in page.field("Number of households").messages[0]
    page.click("Apply and reset")
    assert page.button("Apply and reset").disabled
    assert "60 households" in page.texts
    groups = page.select("Group of parameters").items
    page.choose("Group of parameters", next(title for title in groups if "Banking" in title))
    assert "Equity a bank must hold" in page.field("Capital requirement").messages[0]
    page.slide("Capital requirement", 10.0)
    assert page.field("Capital requirement").v_model == "0.1"


def test_a_policy_for_each_type(page):
    page.choose("All agents", "random")
    page.choose("Central bank", "taylor")
    page.click("Apply and reset")
    page.click("Step")
    assert page.errors == []
    assert page.select("All agents").v_model == "several"
    assert page.select("Firms").v_model == "random"
    assert page.button("Apply and reset").disabled


def test_a_run_folder_is_read_only_below_the_roots(page, monkeypatch):
    page.choose("Households", "run folder")
    field = page.field("Run folder for households")
    assert "name a run folder" in field.messages[0]
    for folder, words in [
        ("/etc", "outside the folders"), ("../..", "outside"), ("no such folder", "not a folder"),
        ("x/" * 240, "not a folder"), ("x" * 300, "not a folder"), ("a\0b", "name a run folder"),
    ]:  # fmt: skip
        page.write("Run folder for households", folder)
        assert words in page.field("Run folder for households").messages[0]
    page.write("Run folder for households", "policies/pretrained/1")
    assert not page.field("Run folder for households").error
    page.click("Apply and reset")
    page.click("Step")
    assert page.errors == []


def test_a_policy_that_the_list_does_not_offer_is_refused(page):
    """A list can be made to send anything; a path must not come in this way."""
    for label, choice, words in (
        ("Households", "policies/pretrained/1", "the policy must be one of"),
        ("All agents", "/etc", "the policy must be one of"),
        ("Firms", 7, "text is expected here, got 7"),
    ):
        page.choose(label, choice)
        page.click("Reset")
        assert words in " ".join(page.errors)
        page.choose(label, "random")
        page.click("Reset")
        assert page.errors == []


@pytest.mark.parametrize(("label", "text"), [("From month", "9" * 400), ("Months", "1000000"), ("Size", "1e999")])
def test_a_shock_out_of_sight_is_refused(page, label, text):
    page.click("Add a shock")
    page.write(f"{label} of shock 1", text)
    assert page.field(f"{label} of shock 1").error
    assert page.errors == []
    page.write(f"{label} of shock 1", "3")
    page.click("Step")
    assert page.month == "Month 1"


def test_presets_date_shocks_that_can_be_edited(page):
    page.choose("Scenario", "Rate rise")
    assert page.field("From month of shock 1").v_model == "25"
    page.write("From month of shock 1", "2")
    page.write("Size of shock 1", "0.02")
    assert page.select("Scenario").v_model == "own settings"
    page.write("Months of shock 1", "none")
    assert "must be a number" in page.field("Months of shock 1").messages[0]
    page.write("Months of shock 1", "0")
    assert "shock duration must be" in page.field("Months of shock 1").messages[0]
    page.write("Months of shock 1", "6")
    page.click("Step")
    page.click("Step")
    assert "policy rate +0.02" in page.texts
    page.write("From month of shock 1", "1")
    assert "take effect on Reset" in page.texts
    page.click("Remove shock 1")
    assert "take effect on Reset" in page.texts
    page.click("Reset")
    assert page.select("Scenario").v_model == "Baseline"


def test_compare_draws_both_and_their_difference(page):
    page.choose("Compare with", WITHOUT_SHOCKS)
    page.click("Raise the rate by 100 bp for 12 months")
    page.click("Run 12 months")
    assert page.errors == []
    assert len(page.pictures) == 2


def test_every_page_shows_its_content(page):
    counts = {"Markets": 10, "Balance sheets": 3, "Distributions": 6, "Credit network": 1, "Policies": 2}
    page.click("Run 12 months")
    for title, number in counts.items():
        page.open(title)
        assert len(page.pictures) == number, title
        assert page.errors == [], title
    page.open("Agents")
    assert len(page.tables) == 4
    page.choose("Agent type", "Central bank")
    assert "rate step" in page.tables[0]
    page.open("Export")
    assert page.button("Data (Parquet)")
    page.open("Learning")
    page.write("Run folder", "nowhere")
    wait_for(lambda: "nowhere is not a folder" in " ".join(page.field("Run folder").messages))


def test_pages_before_the_first_month(page):
    for title in ("Markets", "Balance sheets", "Distributions", "Credit network", "Agents", "Policies", "Export"):
        page.open(title)
        assert page.errors == [], title


def test_replay_shows_an_earlier_month_and_step_goes_on_from_the_latest(page):
    page.click("Run 12 months")
    page.slide("Replay", 5)
    page.slide("Replay", 12)
    latest = page.pictures  # the axes hold still once they have seen both months
    page.slide("Replay", 5)
    assert page.month == "Month 5"
    assert page.pictures != latest
    page.slide("Replay", 12)
    assert page.pictures == latest
    page.slide("Replay", 0)
    page.click("Step")
    assert page.month == "Month 13"


def test_an_ensemble_runs_in_the_background(page):
    page.open("Ensemble")
    page.slide("Seeds", 2)
    page.slide("Months of the ensemble", 12)
    page.click("Run ensemble")
    wait_for(lambda: "Seeds 4 to 5" in page.texts and len(page.pictures) == 6)


def test_the_page_opens_on_the_learned_economy_and_rules_are_one_choice_away(page):
    for label in ("All agents", "Households", "Firms", "Commercial banks", "Central bank"):
        assert page.select(label).v_model == "pretrained:1"
    assert "400 households, 40 firms, 5 banks" in page.texts
    assert page.select("Scenario").v_model == "Baseline"
    page.choose("All agents", "rule")
    page.click("Apply and reset")
    page.click("Step")
    assert page.errors == []
    for label in ("All agents", "Households", "Firms", "Commercial banks", "Central bank"):
        assert page.select(label).v_model == "rule"
    assert "400 households, 40 firms, 5 banks" in page.texts


def test_the_opening_can_be_chosen(page):
    groups = page.select("Group of parameters").items
    page.choose("Group of parameters", next(title for title in groups if title.startswith("Opening")))
    assert page.select("Opening").v_model == "stationary"
    page.choose("Opening", "equal")
    page.click("Apply and reset")
    assert page.errors == []
    assert page.select("Opening").v_model == "equal"
    assert page.button("Apply and reset").disabled


def test_sessions_do_not_share_an_economy(page):
    other = Browser()
    page.click("Step")
    page.write("Number of households", "60")
    assert (page.month, other.month) == ("Month 1", "Month 0")
    assert other.field("Number of households").v_model == "400"
    other.context.close()


def test_a_picture_that_cannot_be_drawn_says_why():
    def fail():
        raise ZeroDivisionError("no months")

    assert picture(fail).fault == "ZeroDivisionError: no months"


def test_a_page_that_fails_becomes_a_sentence():
    def fail():
        raise ZeroDivisionError("no months")

    browser = Browser(Guarded(fail))
    assert "This page cannot be shown: ZeroDivisionError: no months" in browser.errors[0]
    browser.context.close()


def test_the_page_tells_nobody_that_it_runs():
    assert not solara.server.settings.telemetry.mixpanel_enable


def test_the_page_needs_no_torch():
    check = "import app, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
