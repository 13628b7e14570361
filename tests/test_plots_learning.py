"""Learning curves of several runs, and sensitivity bars."""

import numpy as np
import pandas as pd
import pytest
from test_plots_economy import assert_draws, assert_writes, words

from visualization import style
from visualization.learning import learning_curve, learning_curves, learning_table
from visualization.sensitivity import sensitivity_bars

FIRM = "firm"


def training(updates, level=0.0, kinds=(FIRM,), baselines=None):
    """Statistics of a run whose reward grows by one each update."""
    entries = [{"update": u, **{kind: {"mean_reward": level + u} for kind in kinds}} for u in range(1, updates + 1)]
    return {"updates": entries, "baselines": baselines or {}}


def line(figure, label):
    return next(artist for artist in figure.axes[0].lines if artist.get_label() == label)


# --- learning
def test_the_median_and_the_band_of_three_runs(tmp_path):
    runs = [training(5, level) for level in (0.0, 1.0, 10.0)]
    figure = learning_curves(runs)
    np.testing.assert_allclose(line(figure, "median of 3 runs").get_ydata(), np.arange(1, 6) + 1.0)
    band = figure.axes[0].collections[0].get_paths()[0].vertices
    assert band[:, 1].max() == pytest.approx(5.0 + np.quantile([0.0, 1.0, 10.0], 0.9))
    assert_draws(figure, tmp_path)


def test_runs_of_different_length_are_aligned_by_update():
    table = learning_table([training(2), training(4, 1.0)], FIRM, "mean_reward")
    np.testing.assert_array_equal(table.index, [1, 2, 3, 4])
    np.testing.assert_array_equal(table[0].isna(), [False, False, True, True])


def test_baselines_are_the_mean_of_the_runs():
    runs = [training(2, baselines={FIRM: {"rule": value, "random": None}}) for value in (1.0, 2.0)]
    figure = learning_curves(runs)
    assert line(figure, "rule").get_ydata()[0] == 1.5
    assert "random" not in words(figure)


def test_a_panel_each_type_side_by_side_or_below_each_other(tmp_path):
    runs = [training(3, kinds=style.AGENT_TITLES)] * 2
    wide, narrow = learning_curves(runs), learning_curves(runs, width=style.PANEL_WIDTH)
    assert [axes.get_title("left") for axes in wide.axes] == list(style.AGENT_TITLES.values())
    assert narrow.get_figheight() > wide.get_figheight()
    assert_draws(wide, tmp_path)


@pytest.mark.parametrize("runs", [[], [{"updates": []}], [{"updates": [{"update": 1}]}]])
def test_no_learning_says_so(runs, tmp_path):
    figure = learning_curves(runs)
    assert "no agent type has learned yet" in words(figure)
    assert_draws(figure, tmp_path)


def test_an_unknown_diagnostic_says_so(tmp_path):
    figure = learning_curves([training(3)], "colour", "shade")
    assert "not written down" in words(figure)
    assert_draws(figure, tmp_path)


def test_a_part_of_a_diagnostic_alone(tmp_path):
    updates = [{"update": u, FIRM: {"entropy_fraction": {"price": 1.0 / u, "hiring": None}}} for u in (1, 2)]
    figure = learning_curve([{"updates": updates}] * 2, FIRM, "entropy_fraction/price", "share")
    np.testing.assert_allclose(line(figure, "median of 2 runs").get_ydata(), [1.0, 0.5])
    assert_draws(figure, tmp_path)
    unknown = learning_curve([{"updates": updates}], FIRM, "entropy_fraction/hiring", "share")
    assert "not written down" in words(unknown)


def test_one_update_is_a_point():
    assert line(learning_curves([training(1)]), "learning").get_marker() == "o"


# --- sensitivity
def sobol(**columns):
    rows = [("beta", "S1", 0.1), ("beta", "ST", 0.2), ("alpha", "S1", 0.5), ("alpha", "ST", 0.7)]
    table = pd.DataFrame(rows, columns=["parameter", "index", "value"])
    return table.assign(low=table["value"] - 0.05, high=table["value"] + 0.05, **columns)


def test_the_most_important_parameter_is_on_top(tmp_path):
    figure = sensitivity_bars(sobol())
    axes = figure.axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["alpha", "beta"]
    assert axes.yaxis_inverted()
    np.testing.assert_allclose(sorted(bar.get_width() for bar in axes.patches), [0.1, 0.2, 0.5, 0.7])
    assert words(figure) == "first order | total"
    intervals = np.concatenate([lines.get_segments() for lines in axes.collections])
    np.testing.assert_allclose(np.ptp(intervals[:, :, 0], axis=1), 0.1)
    assert figure.get_figwidth() == style.PANEL_WIDTH
    assert_writes(figure, tmp_path)


def test_a_panel_an_output():
    figure = sensitivity_bars(pd.concat([sobol(output="GDP"), sobol(output="inflation")]))
    assert [axes.get_title("left") for axes in figure.axes] == ["GDP", "inflation"]


def test_total_effects_rank_before_larger_spreads():
    table = sobol().assign(index=["sigma", "mu_star"] * 2, value=[9.0, 0.2, 0.1, 0.7], unit="pp")
    axes = sensitivity_bars(table).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["alpha", "beta"]
    assert axes.get_xlabel() == "pp"


def test_an_index_without_interval_has_no_whisker():
    table = sobol().assign(low=np.nan, high=np.nan, index=["mu_star", "sigma"] * 2)
    figure = sensitivity_bars(table, unit="units")
    assert not any(len(lines.get_segments()) for lines in figure.axes[0].collections)


@pytest.mark.parametrize("table", [sobol().iloc[:0], sobol().assign(value=np.nan), sobol(output="GDP").iloc[:0]])
def test_no_index_says_so(table):
    assert "no index was estimated" in words(sensitivity_bars(table))
