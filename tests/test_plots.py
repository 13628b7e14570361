"""Figures: drawn from real runs and from statistics with holes, labelled, and written to disk."""

import io
import math

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

from macro_mesa import MacroModel
from macro_mesa.spaces import SPACES
from visualization.macro_panels import PANELS, potential, runs_of
from visualization.plots import (
    agent_rewards,
    macro_panel,
    macro_variables,
    png,
    policy_transmission,
    save_figure,
    training_curves,
)

PNG = b"\x89PNG"


def history(policy="rule", seed=1, months=15):
    model = MacroModel(policy=policy, rng=seed)
    for _ in range(months):
        model.step()
    return model.datacollector.get_model_vars_dataframe()


@pytest.fixture(scope="module")
def rule_run():
    return history()


@pytest.fixture(scope="module")
def runs():
    return [history("random", seed) for seed in (1, 2, 3)]


def assert_labelled(figure: Figure):
    assert figure.axes
    for axes in figure.axes:
        assert axes.get_xlabel(), axes.get_title("left")
        assert axes.get_title("left")


def assert_saves(figure: Figure, folder):
    path = save_figure(figure, folder / "plots" / "figure.png")
    assert path.read_bytes()[:4] == PNG
    assert path.stat().st_size > 5_000


def line(axes, label):
    return next(artist for artist in axes.lines if artist.get_label() == label)


# --- macro_variables
def test_one_run_shows_its_series(rule_run, tmp_path):
    figure = macro_variables(rule_run, inflation_target=0.03)
    assert_labelled(figure)
    assert all(axes.get_ylabel() for axes in figure.axes)
    output, inflation = figure.axes[:2]
    np.testing.assert_allclose(line(output, "GDP").get_ydata(), rule_run["gdp"])
    assert line(inflation, "target").get_ydata()[0] == 0.03
    assert_saves(figure, tmp_path)


def test_several_runs_show_median_and_band(runs):
    figure = macro_variables(runs)
    expected = np.median([run["unemployment"] for run in runs], axis=0)
    np.testing.assert_allclose(line(figure.axes[2], "unemployment").get_ydata(), expected)
    assert figure.axes[0].collections  # the band


def test_a_seed_column_splits_a_frame_into_runs(runs):
    frame = pd.concat([run.assign(seed=number) for number, run in enumerate(runs)])
    assert len(runs_of(frame)) == len(runs)
    drawn = line(macro_variables(frame).axes[0], "GDP").get_ydata()
    np.testing.assert_allclose(drawn, np.median([run["gdp"] for run in runs], axis=0))


def test_the_opening_alone_can_be_drawn():
    demand = macro_variables(history(months=0)).axes[4]
    assert demand.texts[0].get_text() == "from month 1 on"


def test_no_run_is_refused():
    with pytest.raises(ValueError, match="at least one run"):
        macro_variables([])


def test_potential_output_closes_the_gap(rule_run):
    np.testing.assert_allclose(np.log(rule_run["gdp"] / potential(rule_run)), rule_run["output_gap"], atol=1e-12)


@pytest.mark.parametrize("name", PANELS)
def test_a_single_panel(name, rule_run):
    figure = macro_panel(name, rule_run, shaded=[(3, 8)])
    assert_labelled(figure)
    assert figure.axes[0].get_title("left") == PANELS[name].title


def test_a_png_is_the_figure_drawn_once(rule_run, tmp_path):
    figure = macro_panel("output", rule_run)
    image = pixels(png(figure, dpi=100))
    assert image.shape[:2] == (270, 440)
    saved = pixels(save_figure(figure, tmp_path / "figure.png").read_bytes())
    assert saved.shape[:2] == (324, 528)


def pixels(content):
    return imread(io.BytesIO(content), format="png")


# --- training_curves
def diagnostics(kind, update):
    return {
        "mean_reward": -1.0 / update,
        "explained_variance": 0.5,
        "approx_kl": 0.01,
        "entropy_fraction": dict.fromkeys(SPACES[kind].head_names, 0.9),
    }


def statistics(updates):
    baselines = {kind: {"random": -1.0, "rule": 0.5} for kind in SPACES}
    entries = [{"update": u, **{kind: diagnostics(kind, u) for kind in SPACES}} for u in range(1, updates + 1)]
    return {"updates": entries, "baselines": baselines}


@pytest.mark.parametrize("updates", [1, 2, 30])
def test_training_curves_have_a_row_a_type(updates):
    figure = training_curves(statistics(updates))
    assert len(figure.axes) == 4 * len(SPACES)
    assert_labelled(figure)
    assert line(figure.axes[0], "rule").get_ydata()[0] == 0.5


def test_training_curves_leave_holes_where_a_type_did_not_learn(tmp_path):
    stats = statistics(4)
    for update in stats["updates"]:
        del update["central_bank"]
    del stats["updates"][1]["firm"], stats["updates"][2]["household"]["mean_reward"]
    stats["updates"][0]["firm"]["explained_variance"] = math.nan
    stats["updates"][3]["commercial_bank"]["entropy_fraction"] = None
    stats["baselines"]["household"]["rule"] = None
    figure = training_curves(stats)
    assert len(figure.axes) == 12
    household, firm = figure.axes[0], figure.axes[4]
    np.testing.assert_array_equal(np.isnan(line(household, "learning").get_ydata()), [False, False, True, False])
    np.testing.assert_array_equal(line(firm, "learning").get_xdata(), [1, 3, 4])
    assert_saves(figure, tmp_path)


def test_training_curves_of_nothing(tmp_path):
    assert_saves(training_curves({"updates": []}), tmp_path)


# --- policy_transmission
def responses(policies=None):
    frame = pd.DataFrame(
        [
            {"variable": variable, "month": month, "mean": -0.1 * month, "unit": unit}
            for variable, unit in (("gdp", "%"), ("inflation", "pp"), ("lending_rate", "pp"), ("credit", "%"))
            for month in range(25)
        ]
    )
    frame = frame.assign(low=frame["mean"] - 0.2, high=frame["mean"] + 0.2)
    return frame if policies is None else pd.concat([frame.assign(policies=name) for name in policies])


def test_impulse_responses_carry_their_units(tmp_path):
    figure = policy_transmission(responses(), "+100 bp for 12 months")
    assert_labelled(figure)
    assert [axes.get_ylabel() for axes in figure.axes] == ["%", "pp", "pp", "%"]
    assert "+100 bp" in figure.get_suptitle()
    assert_saves(figure, tmp_path)


def test_impulse_responses_under_several_policies():
    figure = policy_transmission(responses(["learned", "rule"]), "+100 bp")
    assert [text.get_text() for text in figure.axes[0].get_legend().get_texts()] == ["learned", "rule"]


# --- agent_rewards
RETURNS = {
    kind: {
        "learned": {"mean": 1.25, "ci": [1.0, 1.5]},
        "random": {"mean": -2.0, "ci": [-2.5, -1.5]},
        "rule": {"mean": math.nan, "ci": None},
    }
    for kind in SPACES
}


def test_returns_are_printed_with_their_intervals(tmp_path):
    figure = agent_rewards(RETURNS)
    assert len(figure.axes) == len(SPACES)
    assert_labelled(figure)
    assert "1.25" in [text.get_text() for text in figure.axes[0].texts]
    np.testing.assert_array_equal(figure.axes[0].lines[0].get_xdata(), [1.0, 1.5])
    assert_saves(figure, tmp_path)


def test_reward_components_fill_a_second_row(tmp_path):
    parts = {"household": {"learned": {"consumption": 0.4, "labor": -0.2}, "rule": {"consumption": 0.3}}}
    figure = agent_rewards(RETURNS, parts)
    assert len(figure.axes) == 2 * len(SPACES)
    bars = [bar.get_width() for bar in figure.axes[len(SPACES)].patches]
    np.testing.assert_allclose(bars, [0.4, -0.2, 0.3, math.nan])
    assert_saves(figure, tmp_path)
