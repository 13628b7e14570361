"""Scatters, distributions, accounts and the credit network: right numbers, and a sentence where data are odd."""

import numpy as np
import pandas as pd
import pytest
from conftest import economy, history
from matplotlib.figure import Figure

from macro_mesa.aggregates import gini
from visualization import style
from visualization.accounts import account_matrix, net_lending, sectoral_balances
from visualization.credit_network import credit_network, places
from visualization.distributions import distribution, distributions, fit_tail, lorenz, lorenz_curve, rank_size
from visualization.plots import macro_panel, save_figure
from visualization.relations import RELATIONS, macro_relation, macro_relations, output_growth, unemployment_change

SIZE = (20, 4, 2)


@pytest.fixture(scope="module")
def model():
    return economy(SIZE, months=30)


def words(figure: Figure) -> str:
    """Everything a figure says, in legends and in the panels."""
    texts = [text for axes in figure.axes for text in axes.texts]
    legends = [axes.get_legend() for axes in figure.axes if axes.get_legend()]
    texts += [text for legend in legends for text in legend.get_texts()]
    return " | ".join(text.get_text() for text in texts).replace("\n", " ")


def assert_draws(figure: Figure, folder):
    """It has titles and labels, and can be written."""
    for axes in figure.axes:
        assert axes.get_title("left")
        assert axes.get_xlabel()
        assert axes.get_ylabel()
    assert_writes(figure, folder)


def assert_writes(figure: Figure, folder):
    """It can be written to a file that holds a picture."""
    assert save_figure(figure, folder / "figure.png").stat().st_size > 5_000


# --- scatters
def months(**columns):
    frame = pd.DataFrame(columns)
    steady = {"gdp": 90.0, "inflation": 0.02, "unemployment": 0.05, "policy_rate": 0.03, "vacancies": 4.0}
    return frame.assign(**{name: value for name, value in steady.items() if name not in frame}, month=range(len(frame)))


@pytest.mark.parametrize("name", RELATIONS)
def test_scatters_of_a_run(name, model, tmp_path):
    assert_draws(macro_relation(name, history(model), labor_force=20), tmp_path)


def test_the_line_recovers_a_phillips_curve():
    unemployment = np.linspace(0.02, 0.08, 40)
    figure = macro_relation("phillips", months(unemployment=unemployment, inflation=0.05 - 0.5 * unemployment))
    assert "slope \u22120.50, r = \u22121.00" in words(figure)
    assert "39 months" in words(figure)  # the opening has no flows


def test_okuns_changes_are_over_twelve_months():
    run = months(gdp=1.01 ** np.arange(30), unemployment=0.1 - 0.001 * np.arange(30))
    np.testing.assert_allclose(output_growth(run).dropna(), 1200.0 * np.log(1.01))
    np.testing.assert_allclose(unemployment_change(run).dropna(), -1.2)
    assert output_growth(run).first_valid_index() == RELATIONS["okun"].first_month - 1  # month 0 counts here


def test_vacancies_are_a_share_of_the_labour_force():
    figure = macro_relation("beveridge", months(unemployment=[0.05, 0.04, 0.06, 0.05]), labor_force=50)
    np.testing.assert_allclose(figure.axes[0].lines[0].get_ydata(), 8.0)


def test_runs_are_pooled():
    run = months(unemployment=[0.05, 0.04, 0.06])
    assert "4 months" in words(macro_relation("phillips", [run, run]))


@pytest.mark.parametrize("name", RELATIONS)
@pytest.mark.parametrize("length", [0, 1, 2])
def test_short_runs_say_so(name, length, tmp_path):
    figure = macro_relation(name, months(unemployment=np.full(length, 0.05)))
    assert "needs at least 3 months" in words(figure)
    assert_draws(figure, tmp_path)


def test_constant_and_missing_data(tmp_path):
    constant = macro_relation("taylor", months(inflation=[0.02] * 9))
    assert "no line: x never changes" in words(constant)
    flat = macro_relation("taylor", months(inflation=np.linspace(0.0, 0.02, 9)))
    assert "r = undefined" in words(flat)
    missing = macro_relation("taylor", months(inflation=[np.nan] * 9))
    assert "needs at least 3 months" in words(missing)
    for figure in (constant, flat, missing):
        assert_draws(figure, tmp_path)


def test_all_four_scatters(model, tmp_path):
    figure = macro_relations(history(model), labor_force=20)
    assert [axes.get_title("left") for axes in figure.axes] == [relation.title for relation in RELATIONS.values()]
    assert_draws(figure, tmp_path)


# --- fan charts
def test_a_fan_chart_names_its_band(model):
    runs = [history(model), history(economy(SIZE, months=30, rng=2))]
    assert "10 to 90 % of runs" in words(macro_panel("rates", runs))
    assert "10 to 90 %" not in words(macro_panel("rates", runs[:1]))


def test_a_panel_without_months_says_so(model, tmp_path):
    figure = macro_panel("wages", history(model).iloc[:0])
    assert "no month has been run yet" in words(figure)
    assert_draws(figure, tmp_path)


# --- distributions
def test_the_lorenz_curve_gives_the_gini():
    wealth = np.random.default_rng(1).lognormal(0.0, 1.0, 500)
    population, share = lorenz_curve(wealth)
    np.testing.assert_allclose(1.0 - 2.0 * np.trapezoid(share, population), gini(wealth), atol=1e-12)


def test_debtors_push_the_lorenz_curve_below_zero():
    assert lorenz_curve(np.array([3.0, -1.0, 2.0]))[1].min() == pytest.approx(-0.25)


def test_a_lorenz_curve_needs_something_to_share():
    with pytest.raises(ValueError, match="positive total"):
        lorenz_curve(np.zeros(3))


def test_lorenz_names_each_gini(tmp_path):
    figure = lorenz({"income": np.ones(10), "wealth": np.array([0.0, 0.0, 0.0, 8.0]), "debt": np.zeros(4)})
    assert "income 0.00" in words(figure)
    assert "wealth 0.75" in words(figure)
    assert "no positive total: debt" in words(figure)
    assert_draws(figure, tmp_path)


def test_the_rank_fit_recovers_a_pareto_tail():
    fit = fit_tail(np.random.default_rng(1).pareto(1.1, 20_000) + 1.0, share=0.1)
    assert abs(fit.exponent - 1.1) < 2.0 * fit.standard_error
    assert fit.standard_error == pytest.approx(fit.exponent * np.sqrt(2.0 / 2_000))


def test_the_rank_fit_is_exact_for_exact_ranks():
    ranks = np.arange(1, 31)
    assert fit_tail((ranks - 0.5) ** -0.8, share=1.0).exponent == pytest.approx(1.25)


@pytest.mark.parametrize("sizes", [[], [0.0, -1.0], [5.0] * 30, [1.0, 2.0, 3.0], [np.nan] * 20])
def test_no_tail_no_fit(sizes, tmp_path):
    assert fit_tail(np.array(sizes)) is None
    figure = rank_size(np.array(sizes))
    assert "no fit" in words(figure) or "nothing of positive size" in words(figure)
    assert_draws(figure, tmp_path)


def test_rank_and_size_are_drawn_with_the_fit(tmp_path):
    figure = rank_size(np.random.default_rng(1).pareto(1.1, 200) + 1.0)
    assert "(n = 100)" in words(figure)
    assert_draws(figure, tmp_path)


def test_a_histogram_counts_everyone(model, tmp_path):
    figure = distribution(model.firms.employment, "Firm sizes", "workers", "firms")
    assert figure.axes[0].patches[0].get_data().values.sum() == len(model.firms)
    assert f"mean {style.significant(model.firms.employment.mean(), 3)}" in words(figure)
    assert_draws(figure, tmp_path)


@pytest.mark.parametrize("values", [[], [np.nan, np.inf], [1.0], [2.5, 2.5, 2.5], [1e-9, 1e9]])
def test_odd_values_are_counted_all_the_same(values, tmp_path):
    figure = distributions({"Odd": (np.array(values), "money", "firms")})
    assert ("no firms to count" in words(figure)) == (not np.isfinite(values).any())
    assert_draws(figure, tmp_path)


# --- accounts
FINANCIAL = ["deposits", "loans", "reserves", "advances"]


def entries(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.axes[0].texts]


def test_the_flow_matrix_shows_its_zero_sums(model, tmp_path):
    table = model.ledger.flow_matrix()
    figure = account_matrix(table, "Transactions", "money a month")
    assert entries(figure).count("0") == sum(table.shape) - 1
    red, green, _ = figure.axes[0].images[0].get_array()[-1, -1]
    assert green > red
    assert_writes(figure, tmp_path)


def test_a_sum_that_is_not_zero_is_not_hidden():
    table = pd.DataFrame({"household": [1.0, 1.0], "sum": [0.2, 0.2]}, index=["wages", "sum"])
    assert entries(account_matrix(table, "Transactions", "money")) == ["1.000", "0.200", "1.000", "0.200"]


@pytest.mark.parametrize(
    ("table", "text"),
    [
        (pd.DataFrame(), "no entries"),
        (pd.DataFrame({"sum": [0.0]}, index=["sum"]), "0"),
        (pd.DataFrame({"household": [np.nan]}, index=["wages"]), "\u2013"),
    ],
)
def test_odd_matrices(table, text):
    assert entries(account_matrix(table, "Balance sheet", "money")) == [text]


def test_the_balance_sheet_is_written_out(model):
    table = model.ledger.balance_sheet()
    decimals = 1 if table.abs().to_numpy().max() < 1_000 else 0
    worth = table.loc["net worth", "household"]
    assert style.minus(f"{worth:,.{decimals}f}") in entries(account_matrix(table, "Balance sheet", "money"))


def test_net_lending_is_the_change_of_net_financial_wealth():
    model = economy(SIZE, months=6)
    before = model.ledger.balance_sheet().loc[FINANCIAL].sum()
    model.step()
    after = model.ledger.balance_sheet().loc[FINANCIAL].sum()
    lending = net_lending(model.ledger.flow_matrix())
    assert not model.ledger.revaluations.any()  # write-offs would change stocks without a transaction
    assert lending.sum() == pytest.approx(0.0, abs=1e-9)
    np.testing.assert_allclose(lending, (after - before)[lending.index], atol=1e-8)


def test_surpluses_mirror_deficits(tmp_path):
    balances = pd.DataFrame({"household": [2.0, -1.0, 3.0], "firm": [-2.0, 1.0, -3.0]}, index=[1, 2, 3])
    figure = sectoral_balances(balances, months=1)
    heights = np.concatenate([area.get_paths()[0].vertices[:, 1] for area in figure.axes[0].collections])
    assert (heights.min(), heights.max()) == (-3.0, 3.0)
    assert_draws(figure, tmp_path)


@pytest.mark.parametrize("length", [0, 1, 12])
def test_too_few_months_for_balances(length, tmp_path):
    balances = pd.DataFrame({"household": np.zeros(length), "firm": np.zeros(length)}, index=range(1, length + 1))
    figure = sectoral_balances(balances)
    assert "needs 13 months" in words(figure)
    assert_draws(figure, tmp_path)


# --- credit network
def clockwise(points):
    """Angles from the top (n,), 0..2 pi."""
    return np.arctan2(*points.T) % (2.0 * np.pi)


def test_firms_stand_around_their_bank():
    partner = np.array([1, 0, 1, 2, 0, 1])
    firms, banks = (clockwise(points) for points in places(partner, 4))
    assert (np.diff(firms[np.argsort(partner, kind="stable")]) > 0.1).all()  # bank by bank, so no two lines cross
    for bank in range(3):
        assert banks[bank] == pytest.approx(firms[partner == bank].mean())
    assert banks[3] > firms.max()  # a bank without firms has a place of its own


def test_the_credit_network_of_an_economy(model, tmp_path):
    firms, banks = pd.DataFrame(model.firms.table), pd.DataFrame(model.commercial_banks.table)
    figure = credit_network(firms, banks)
    loans = figure.axes[0].collections[0].get_segments()
    assert len(loans) == (model.firms.debt > 0).sum() > 0
    assert_writes(figure, tmp_path)


@pytest.mark.parametrize("firms", [0, 1, 3])
def test_a_network_without_debt_or_firms(firms, tmp_path):
    columns = {"lender_id": 0, "bank_id": 0, "debt": 0.0, "arrears": 0, "employment": np.zeros(firms)}
    figure = credit_network(pd.DataFrame(columns), pd.DataFrame({"loans": [0.0], "equity": [0.0]}))
    assert ("no credit network" in words(figure)) == (firms == 0)
    assert_writes(figure, tmp_path)


# --- numbers
@pytest.mark.parametrize(
    ("number", "text"),
    [(0.0, "0"), (-0.284, "\u22120.28"), (12345.6, "12,346"), (0.0056, "0.0056"), (np.nan, "\u2013")],
)
def test_significant_digits(number, text):
    assert style.significant(number) == text
