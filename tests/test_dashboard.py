"""What stands behind the page: session, archive, export, ensembles, presets, folders, live panels."""

import io
import json
import os
import shlex
import zipfile
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import yaml
from conftest import SMALL, economy, history
from solara.server import kernel_context
from solara.server.kernel import Kernel

import run_model
from macro_mesa import ConfigError, MacroModel
from macro_mesa.shocks import Shock
from macro_mesa.spaces import AGENT_TYPES
from visualization.dashboard import ensemble as ensemble_module
from visualization.dashboard import export, figures, page_policies
from visualization.dashboard import session as session_module
from visualization.dashboard.archive import Archive, observe_frame, record_last_month
from visualization.dashboard.ensemble import Ensemble
from visualization.dashboard.folders import (
    MAX_STATISTICS_BYTES,
    checkpoint_folder,
    read_statistics,
    run_folders,
    statistics_file,
)
from visualization.dashboard.live import LivePanels, new_panel
from visualization.dashboard.page import _watcher
from visualization.dashboard.pictures import Picture
from visualization.dashboard.presets import BASELINE, PRESETS, START, apply_preset, preset_of
from visualization.dashboard.session import RATE_SHOCK, Session
from visualization.dashboard.settings import (
    DEFAULTS,
    FIRST_SEED,
    WITHOUT_SHOCKS,
    Settings,
    build_model,
    opening_settings,
)
from visualization.dashboard.view import View

SMALL_SETTINGS = Settings(parameters=SMALL, seed=1)
RATE_RISE = Shock("policy_rate", 0.01, 3, 6)


def session_of(settings, months=0):
    """A session that shows this economy after so many months."""
    session = Session()
    session.settings.value = settings
    session.reset()
    session.step(months)
    assert session.message.value == ""
    return session


def view_of(session, month=None):
    return View(session.snapshot.value, month)


# --- settings
def test_the_default_settings_build_the_default_economy():
    assert build_model(Settings()).parameters == type(MacroModel().parameters)()


def test_only_changed_parameters_are_kept():
    settings = Settings().with_parameter("inflation_target", 0.03)
    assert settings.parameters == {"inflation_target": 0.03}
    assert settings.with_parameter("inflation_target", 0.02).parameters == {}


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_builds_and_is_recognised(name):
    settings = apply_preset(name, replace(SMALL_SETTINGS, seed=7))
    assert preset_of(settings) == name
    assert settings.seed == 7
    assert build_model(settings).parameters.num_households == SMALL["num_households"]


# --- the session
def test_the_rate_shock_starts_next_month_and_lasts_a_year():
    session, twin = session_of(SMALL_SETTINGS), session_of(SMALL_SETTINGS)
    session.raise_rate()
    shock = session.settings.value.shocks[0]
    assert (shock.kind, shock.size, shock.start, shock.duration) == ("policy_rate", RATE_SHOCK, 1, 12)
    session.step()
    twin.step()
    raised = session.snapshot.value.history["policy_rate"] - twin.snapshot.value.history["policy_rate"]
    assert raised.iloc[-1] == pytest.approx(RATE_SHOCK)


def test_a_shock_to_come_changes_the_running_economy_and_a_past_one_waits():
    session = session_of(SMALL_SETTINGS, 2)
    session.date_shocks((RATE_RISE,))
    assert session.built.value.shocks == (RATE_RISE,)
    session.step(4)
    dated = economy(months=6, shocks=[RATE_RISE])
    pd.testing.assert_frame_equal(session.snapshot.value.history, history(dated))
    session.date_shocks(())
    assert session.built.value.shocks == (RATE_RISE,)
    assert session.settings.value.shocks == ()


@pytest.mark.parametrize("comparison", [WITHOUT_SHOCKS, DEFAULTS])
def test_the_baseline_is_the_same_economy_from_the_same_seed(comparison):
    settings = replace(SMALL_SETTINGS, shocks=(RATE_RISE,))
    session = session_of(settings, 4)
    session.compare_with(comparison)
    session.step(2)
    pd.testing.assert_frame_equal(session.snapshot.value.baseline, history(economy(months=6)))
    pd.testing.assert_frame_equal(session.snapshot.value.history, history(economy(months=6, shocks=[RATE_RISE])))


def test_a_play_stops_when_nobody_watches():
    session = Session(watched=lambda: False)
    session.play()
    assert session.snapshot.value.month == 0
    assert not session.playing.value


def test_nobody_watches_once_the_last_page_has_gone():
    context = kernel_context.VirtualKernelContext(id="1", kernel=Kernel(), session_id="1")
    with context:
        watched = _watcher()
        assert not watched()
        context.page_status["page"] = kernel_context.PageStatus.CONNECTED
        assert watched()
        context.page_status["page"] = kernel_context.PageStatus.DISCONNECTED
        assert not watched()


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


# --- the archive
def archived(months, memory):
    model, archive = economy(), Archive(memory)
    record_last_month(model)
    archive.add(observe_frame(model))
    for _ in range(months):
        model.datacollector.slot = 0
        model.step()
        archive.add(observe_frame(model))
    return model, archive


def test_a_frame_is_the_economy_as_it_stood():
    model, archive = archived(5, 2**24)
    frame = archive.at(5)
    pd.testing.assert_frame_equal(frame.ledger().balance_sheet(), model.ledger.balance_sheet())
    pd.testing.assert_frame_equal(frame.ledger().flow_matrix(), model.ledger.flow_matrix())
    for kind in AGENT_TYPES:
        terms, _ = frame.rewards(kind)
        np.testing.assert_allclose(terms.sum(axis=1), model.populations[kind].reward())
    earlier = economy(months=3)
    np.testing.assert_array_equal(archive.at(3).households.table["deposits"], earlier.households.deposits)
    assert archive.at(3).firms.action.shape == (3, 3)


def test_the_archive_keeps_within_its_memory_and_still_answers():
    _, archive = archived(1, 2**24)
    size = archive.at(1).nbytes
    _, archive = archived(40, 10 * size)
    assert sum(frame.nbytes for frame in archive._frames.values()) <= 10 * size
    assert archive.stride > 1
    for month in range(41):
        assert month - archive.stride < archive.at(month).month <= month


# --- what is drawn
def test_the_sectors_lend_to_each_other_and_to_nobody_else():
    shares = figures.lending_shares(view_of(session_of(SMALL_SETTINGS, 6)))
    assert list(shares.index) == [1, 2, 3, 4, 5, 6]
    assert set(shares) == {"household", "firm", "bank", "central bank"}
    np.testing.assert_allclose(shares.sum(axis=1), 0.0, atol=1e-9)


def test_a_live_panel_draws_on_its_background_until_the_year_ends():
    session, panels = session_of(SMALL_SETTINGS, 2), LivePanels()
    assert isinstance(panels.panel("rates", view_of(session, 1)), type(new_panel("rates", view_of(session))))
    pictures, stages = [], []
    for _ in range(11):
        drawn = panels.panel("rates", view_of(session))
        assert isinstance(drawn, Picture)
        pictures.append(drawn.content)
        stages.append(panels._stages["rates"])
        session.step()
    assert len(set(pictures)) == len(pictures)
    assert len({id(stage) for stage in stages}) < len(stages)
    assert stages[-1].month == 12
    # the lines of the last picture are those of the history
    line, artist = stages[-1].series[0]
    np.testing.assert_array_equal(artist.get_ydata(), line.series(view_of(session, 12).history))
    session.reset()
    session.step(5)
    panels.panel("rates", view_of(session))
    assert panels._stages["rates"] is not stages[-1]


def test_the_live_panels_end_with_the_same_month():
    session, panels = session_of(SMALL_SETTINGS, 10), LivePanels()
    for _ in range(9):
        session.step(3)
        for name in figures.OVERVIEW:
            panels.panel(name, view_of(session))
        assert len({stage.last for stage in panels._stages.values()}) == 1
        assert panels._stages["rates"].last >= session.snapshot.value.month


def test_policy_pictures_need_a_month_of_decisions():
    session = session_of(SMALL_SETTINGS)
    assert page_policies.all_figures(view_of(session)) == {}
    session.step()
    assert len(page_policies.all_figures(view_of(session))) == 11


# --- export
@pytest.mark.parametrize(
    "settings",
    [
        SMALL_SETTINGS,
        Settings(
            {**SMALL, "ownership": "pareto", "money_anchor": False, "taste_noise": 0.02},
            dict.fromkeys(AGENT_TYPES, "random"), (RATE_RISE, Shock("demand", -0.05, 2, 2)), seed=11,
        ),
        Settings(SMALL, {**dict.fromkeys(AGENT_TYPES, "rule"), "central_bank": "taylor"}, (RATE_RISE,), seed=3),
    ],
)  # fmt: skip
def test_the_command_and_the_file_run_the_economy_on_the_screen_again(settings, tmp_path, monkeypatch):
    session = session_of(settings, 5)
    view = view_of(session, 4)
    monkeypatch.chdir(tmp_path)
    scenario = tmp_path / export.file_name(view, "yaml")
    scenario.write_text(export.configuration(view))
    by_file = f"python run_model.py --mode simulate --seed {settings.seed} --config {scenario}"
    for command in (export.command_line(view), by_file):
        assert run_model.main(shlex.split(command)[2:]) == 0
    for folder in (tmp_path / "experiments").iterdir():
        again = pd.read_csv(folder / "logs" / "simulation_history.csv")
        pd.testing.assert_frame_equal(again, view.history.reset_index(drop=True), check_dtype=False)


def test_exported_data_are_the_history():
    view = view_of(session_of(SMALL_SETTINGS, 3))
    expected = view.history.reset_index(drop=True)
    pd.testing.assert_frame_equal(pd.read_parquet(io.BytesIO(export.parquet(view))), expected)
    pd.testing.assert_frame_equal(pd.read_csv(io.StringIO(export.csv(view))), expected, check_dtype=False)
    assert yaml.safe_load(export.configuration(view))["training"] == {"sim_length": 3}


def test_exported_figures_are_files_of_their_kind():
    view = view_of(session_of(SMALL_SETTINGS, 3))
    drawn = dict(list(figures.overview(view).items())[:2])
    for form, begins in (("png", b"\x89PNG"), ("svg", b"<?xml")):
        with zipfile.ZipFile(io.BytesIO(export.figure_archive(drawn, form))) as archive:
            assert archive.namelist() == [f"output.{form}", f"inflation.{form}"]
            assert all(archive.read(name).startswith(begins) for name in archive.namelist())


# --- ensembles
def test_an_ensemble_is_the_economy_from_successive_seeds():
    ensemble = Ensemble()
    ensemble.seeds.value, ensemble.months.value = 3, 4
    ensemble.run(replace(SMALL_SETTINGS, seed=5))
    assert ensemble.message.value == ""
    for seed, found in zip((5, 6, 7), ensemble.runs.value.histories, strict=True):
        pd.testing.assert_frame_equal(found, history(economy(months=4, rng=seed)))


def test_a_cancelled_ensemble_says_how_far_it_came(monkeypatch):
    ensemble = Ensemble()
    ensemble.seeds.value, ensemble.months.value = 5, 3
    monkeypatch.setattr(ensemble_module, "REPORT", -1.0)
    ensemble.progress.subscribe(lambda done: ensemble.cancel() if done > 0.5 else None)
    ensemble.run(SMALL_SETTINGS)
    assert "cancelled: 2 of 5" in ensemble.message.value
    assert len(ensemble.runs.value.histories) == 2


@pytest.mark.parametrize(
    ("seeds", "months", "households", "words"),
    [(1, 12, 100, "2 to 50 seeds"), (5, 0, 100, "1 to 600 months"), (50, 600, 20_000, "too many for this page")],
)
def test_an_ensemble_that_would_take_too_long_is_refused(seeds, months, households, words):
    ensemble = Ensemble()
    ensemble.seeds.value, ensemble.months.value = seeds, months
    ensemble.run(Settings({"num_households": households}))
    assert words in ensemble.message.value
    assert ensemble.runs.value is None


# --- folders
def test_run_folders_are_found_and_read(tmp_path):
    folder = tmp_path / "experiments" / "experiment_20260101-120000_1"
    (folder / "logs").mkdir(parents=True)
    (folder / "models" / "best").mkdir(parents=True)
    (folder / "logs" / "train_stats.json").write_text(json.dumps({"updates": []}))
    roots = [tmp_path]
    assert run_folders(roots) == ["experiments/experiment_20260101-120000_1"]
    text = run_folders(roots)[0]
    assert checkpoint_folder(text, roots) == str(folder / "models" / "best")
    assert read_statistics(statistics_file(text, roots)) == {"updates": []}


@pytest.mark.parametrize("content", ["", "[]", '{"updates": 3}', "\xff", "[" * 200_000])
def test_damaged_statistics_are_one_sentence(tmp_path, content):
    path = tmp_path / "train_stats.json"
    path.write_text(content, encoding="latin-1")
    with pytest.raises(ConfigError, match=r"train_stats\.json"):
        read_statistics(path)


def test_statistics_too_large_are_not_read(tmp_path):
    path = tmp_path / "train_stats.json"
    with path.open("wb") as file:
        file.truncate(MAX_STATISTICS_BYTES + 1)  # a sparse file takes no room
    with pytest.raises(ConfigError, match="larger than"):
        read_statistics(path)


@pytest.mark.parametrize("name", ["", " ", "a\0b", "x" * 2_000])
def test_a_name_that_no_folder_has_is_refused(name, tmp_path):
    with pytest.raises(ConfigError, match="name a run folder"):
        statistics_file(name, [tmp_path])


def test_a_shock_far_away_is_refused():
    for shock in (Shock("cost", 0.1, 10**400, 1), Shock("cost", 0.1, 1, 10**400)):
        with pytest.raises(ConfigError, match="starts by month 100,000"):
            SMALL_SETTINGS.with_shocks((shock,))
    with pytest.raises(ConfigError, match="size must be a finite number"):
        Shock("cost", 10**400, 1, 1)
    with pytest.raises(ConfigError, match="at most 10,000 either way"):
        SMALL_SETTINGS.with_shocks((Shock("cost", -1e308, 1, 1),))
    with pytest.raises(ConfigError, match="at most 20 shocks"):
        SMALL_SETTINGS.with_shocks((RATE_RISE,) * 21)


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_links_do_not_lead_out_of_the_roots(tmp_path):
    outside, root = tmp_path / "outside", tmp_path / "root"
    (outside / "logs").mkdir(parents=True)
    (outside / "logs" / "train_stats.json").write_text('{"updates": []}')
    root.mkdir()
    (root / "run").symlink_to(outside)
    (root / "half").mkdir()
    (root / "half" / "logs").symlink_to(outside / "logs")
    for read in (statistics_file, checkpoint_folder):
        with pytest.raises(ConfigError, match="outside"):
            read("run", [root])
    with pytest.raises(ConfigError, match="no logs"):
        statistics_file("half", [root])
    (root / "half" / "models").mkdir()
    (root / "half" / "models" / "best").symlink_to(outside)
    with pytest.raises(ConfigError, match="outside"):
        checkpoint_folder("half", [root])


def test_a_page_without_shipped_policies_opens_on_rules():
    assert opening_settings(0) == Settings()
    assert set(opening_settings(5).policies.values()) == {"pretrained:1"}


def opened(preset, seed, months):
    """The history of the page's own economy under a preset."""
    model = build_model(apply_preset(preset, replace(opening_settings(5), seed=seed)))
    for _ in range(months):
        model.step()
    return model.datacollector.get_model_vars_dataframe()


def test_the_page_opens_on_the_baseline():
    assert preset_of(opening_settings(5)) == preset_of(opening_settings(0)) == BASELINE


def test_the_first_year_of_the_page_is_no_slump():
    """A seed may open in a boom or a slump; the page's own does not, and the first months are like later ones."""
    unemployment = np.array([opened(BASELINE, seed, 60).unemployment for seed in range(16)])
    year = unemployment[:, 1:13]
    assert ((year[FIRST_SEED] >= 0.02) & (year[FIRST_SEED] <= 0.10)).all()
    assert ((year.mean(axis=0) > 0.03) & (year.mean(axis=0) < 0.08)).all()
    assert np.mean((year >= 0.02) & (year <= 0.10)) >= 0.9
    assert year.mean() == pytest.approx(unemployment[:, 13:].mean(), abs=0.015)


def test_the_zero_lower_bound_is_met():
    """Under the page's own policies, in most economies; at rest it is not."""
    met, rest = (
        [(opened(preset, seed, 66).policy_rate[START:] < 1e-9).any() for seed in range(8)]
        for preset in ("Zero lower bound", BASELINE)
    )
    assert sum(met) >= 5
    assert sum(rest) <= 2
