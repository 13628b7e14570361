"""Each experiment: what it hands back, and its own arithmetic by a second route."""

import json

import numpy as np
import pandas as pd
import pytest
from conftest import economy, history, run, sized

from macro_mesa.aggregates import gini
from macro_mesa.config import Parameters
from macro_mesa.experiments import monetary_shock as monetary
from macro_mesa.experiments import policy_rules as rules
from macro_mesa.experiments import zero_lower_bound as bound
from macro_mesa.experiments.ablation import ablations
from macro_mesa.experiments.credit_crisis import DURATION, contagion
from macro_mesa.experiments.evaluation import serially
from macro_mesa.experiments.inequality import Economy, lorenz_curve, run_economy
from macro_mesa.experiments.paired import BASELINE, MEASURES, Design
from macro_mesa.experiments.registry import EXPERIMENTS
from visualization.experiments import FIGURES, estimates_of, figures, print_estimates
from visualization.plots import save_figure

ECONOMY = sized(20, 4, 2)
SEEDS = (10_000, 10_001)
FEW_RULES = ("constant:0.02", "constant:0.04")
SIMPLE = rules.SIMPLE_RULES[:2]


def design(**changes) -> Design:
    arms = {"rule": ["rule"], "random": ["random"]}
    return Design(**{"arms": arms, "parameters": ECONOMY, "seeds": SEEDS, "execute": serially} | changes)


@pytest.fixture(scope="module")
def found():
    """The findings of every experiment at the smallest size, the contest with few candidates."""

    def of(name):
        if name not in done:
            months = max(EXPERIMENTS[name].least_months, 4)
            small = design(months=months)
            few = (FEW_RULES, SIMPLE, (1, 2))
            done[name] = rules.policy_rules(small, *few) if name == "policy_rules" else EXPERIMENTS[name].run(small)
        return done[name]

    done = {}
    return of


# --- what all hand back
@pytest.mark.parametrize("name", EXPERIMENTS)
def test_estimates_are_numbers_with_intervals_and_verdicts(name, found):
    findings = found(name)
    json.dumps({"design": findings.design, "estimates": findings.estimates}, allow_nan=False)
    estimates = dict(estimates_of(findings.estimates))
    assert len(estimates) >= 5
    for estimate in estimates.values():
        low, high = estimate["ci"]
        assert low - 1e-9 <= estimate["mean"] <= high + 1e-9
        if "passed" in estimate:
            assert estimate["passed"] == (low > 0.0 if estimate["expected"] == "above zero" else high < 0.0)
    for table in findings.tables.values():
        numbers = table.select_dtypes("number").to_numpy()
        assert np.isfinite(numbers).all()
        if "low" in table:
            assert (table.low <= table["mean"] + 1e-9).all()
            assert (table["mean"] <= table.high + 1e-9).all()


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_experiment_has_figures(name, found, tmp_path):
    drawn = figures(name, found(name).tables)
    assert name in FIGURES
    assert drawn
    for stem, figure in drawn.items():
        for axes in figure.axes:
            assert axes.lines or axes.containers
        assert " " not in stem
    path = save_figure(drawn[stem], tmp_path / f"{stem}.png")
    assert path.stat().st_size > 10_000


def test_an_experiment_of_another_package_is_drawn_by_its_responses(found):
    tables = {"responses": found("ablation").tables["responses"].query("policies == 'intact'")}
    (figure,) = figures("of_another_package", tables).values()
    assert len(figure.axes) == tables["responses"].variable.nunique()


def test_estimates_are_printed(found, capsys):
    findings = found("credit_crisis")
    results = {
        "arms": {"rule": ["rule"]}, "estimates": findings.estimates, "pairs": 2, "runs": {"rule": 1},
    }  # fmt: skip
    print_estimates("credit_crisis", results)
    out = capsys.readouterr().out
    assert "contagion" in out
    assert "random" not in out


# --- monetary shock
def test_shapes_are_zero_for_linear_responses_and_known_for_bent_ones():
    base = np.full((1, 6, 24), 2.0) + np.random.default_rng(0).normal(0, 0.01, (1, 6, 24))

    def histories(bend):
        branches = {BASELINE: {window.variable: base for window in monetary.WINDOWS}}
        for size in monetary.SIZES:
            shocked = {w.variable: base + 10 * size + bend * size**2 for w in monetary.WINDOWS}
            branches |= {monetary.label(size, duration): shocked for duration in monetary.DURATIONS}
        return {"arm": branches}

    differences = [name for name, measure in MEASURES.items() if measure.how == "difference"]
    tables = [monetary.shape_table(histories(bend)) for bend in (0.0, 100.0)]
    straight, bent = (table[table.variable.isin(differences)].set_index("test")["mean"] for table in tables)
    np.testing.assert_allclose(straight, 0.0, atol=1e-9)
    # 100 (100 s^2) in percentage points: twice 1 for 100 bp, twice 4 for 200 bp, 4 - 2 for both nonlinearities
    np.testing.assert_allclose(bent["asymmetry, 100 bp"], 2.0)
    np.testing.assert_allclose(bent["asymmetry, 200 bp"], 8.0)
    np.testing.assert_allclose(bent["nonlinearity, rises"], 2.0)
    np.testing.assert_allclose(bent["nonlinearity, falls"], 2.0)


def test_an_imposed_path_is_the_whole_difference(found):
    table = found("monetary_shock").tables["responses"]
    held = table[(table.variable == "policy_rate") & ~table.policies.str.endswith(monetary.RESPONDING)]
    for size in monetary.SIZES:
        for duration in monetary.DURATIONS:
            path = held[held.shock == monetary.label(size, duration)]
            expected = np.where(path.month <= duration, 100 * size, 0.0)
            for column in ("mean", "low", "high"):
                np.testing.assert_allclose(path[column], expected, atol=1e-9)
    responding = table[(table.variable == "policy_rate") & table.policies.str.endswith(monetary.RESPONDING)]
    assert set(responding.shock) == {"-100 bp, 12 months", "+100 bp, 12 months"}


# --- credit crisis
def test_contagion_is_what_was_not_struck_in_the_shock_s_months():
    zero = np.zeros((1, 2, 12))
    struck, failed = zero.copy(), zero.copy()
    struck[..., 0] = [[3, 5]]
    struck[..., DURATION] = 1  # a strike after the shock: on a weakened firm
    failed[..., 0], failed[..., DURATION] = [[4, 5]], 1
    baseline = {"firms_struck": zero, "bankruptcies": zero}
    found = contagion(baseline, {"firms_struck": struck, "bankruptcies": failed})
    assert found["struck_directly"]["mean"] == 4.0
    assert found["beyond"]["mean"] == 1.5


# --- inequality
@pytest.mark.parametrize("kind", ["pareto", "normal", "debtors"])
def test_the_gini_coefficient_is_twice_the_area_above_the_lorenz_curve(kind):
    random = np.random.default_rng(6)
    draw = {"pareto": lambda n: random.pareto(2.0, n), "normal": lambda n: random.normal(10, 1, n)}
    values = draw.get(kind, lambda n: random.normal(2, 2, n))(50)
    places = np.linspace(0.0, 1.0, 51)
    curve = lorenz_curve(values, places)
    area = float(((curve[1:] + curve[:-1]) / 2.0 * np.diff(places)).sum())
    assert 1.0 - 2.0 * area == pytest.approx(gini(values))


def test_lorenz_curves_of_known_distributions():
    places = np.array([0.0, 0.25, 0.5, 0.75, 0.875, 1.0])
    np.testing.assert_allclose(lorenz_curve(np.ones(4), places), places)
    np.testing.assert_allclose(lorenz_curve(np.array([0.0, 1.0, 0.0, 0.0]), places), [0, 0, 0, 0, 0.5, 1])
    np.testing.assert_allclose(lorenz_curve(np.array([-1.0, 0.0]), places), places)


def test_the_distribution_is_that_of_the_economy():
    found = run_economy(Economy("rule", {**ECONOMY, "ownership": "pareto"}, 5, 14))
    model = economy((20, 4, 2), 2, rng=5, ownership="pareto")
    income = np.zeros(20)
    for _ in range(12):
        income += run(model, 1).households.income
    assert found["gini_wealth"] == pytest.approx(history(model).gini_wealth.iloc[-1])
    np.testing.assert_array_equal(found["path"], history(model).gini_wealth.iloc[1:])
    assert found["gini_income"] == pytest.approx(gini(income))
    assert found["top_10_income"] == pytest.approx(np.sort(income)[-2:].sum() / income.sum())


def test_pareto_ownership_is_more_unequal(found):
    effect = found("inequality").estimates["rule"]["pareto less equal"]
    assert effect["gini_wealth"]["ci"][0] > 0.0
    assert effect["top_10_income"]["mean"] > 0.0


# --- lower bound
def test_the_rate_stays_at_or_above_each_bound(found):
    table = found("zero_lower_bound").tables["responses"].query("variable == 'policy_rate_level'")
    levels = table.groupby("bound")["low"].min()
    assert levels[bound.WITH] >= 0.0
    assert -5.0 <= levels[bound.WITHOUT] < 0.0


def test_the_slump_finds_the_rate_at_its_opening(found):
    table = found("zero_lower_bound").tables["responses"].query("variable == 'policy_rate_level' and month == 1")
    assert len(table) == table.groupby(["policies", "bound"]).ngroups > 2
    assert table["low"].min() >= 100 * bound.OPENING_RATE - 0.5  # one step away at most
    assert table["high"].max() <= 100 * bound.OPENING_RATE + 0.5


def test_the_bound_costs_the_difference_of_both_responses(found):
    estimates = found("zero_lower_bound").estimates["random"]
    for key in ("gdp, months 6-24", "policy_rate, months 6-18"):
        assert key in estimates["cost of the bound"]
    with_it, without = (estimates[name]["policy_rate, months 6-18"]["mean"] for name in (bound.WITH, bound.WITHOUT))
    assert estimates["cost of the bound"]["policy_rate, months 6-18"]["mean"] == pytest.approx(with_it - without)


# --- ablation
def test_agents_that_see_no_rates_lose_nothing_when_blind(found):
    """The rule of thumb of households and firms ignores interest rates."""
    estimates = found("ablation").estimates
    for arm in ("households rate-blind", "firms rate-blind", "households by rule", "firms by rule", "banks by rule"):
        for estimate in estimates[arm].values():
            assert estimate["less_intact"] == {"mean": 0.0, "ci": [0.0, 0.0], "by_run": [0.0]}
    assert any(entry["less_intact"]["mean"] != 0.0 for entry in estimates["all random"].values())
    assert len(ablations(["rule", "random"])["banks frozen"]) == 2


def test_half_of_a_response_is_gone_when_the_ablated_one_is_smaller():
    from macro_mesa.experiments.ablation import _gone
    from macro_mesa.experiments.paired import Window

    window, noise = Window("consumption", 3, 9, -1), np.random.default_rng(7).normal(0.0, 0.01, (1, 30))
    intact = -1.0 + noise
    assert _gone(window, intact, -0.3 + noise)["half_gone"]["passed"]
    assert not _gone(window, intact, -0.7 + noise)["half_gone"]["passed"]
    assert _gone(window, intact, -0.3 + noise)["less_intact"]["mean"] == pytest.approx(0.7)


# --- the contest
def test_a_loss_is_minus_the_central_bank_s_mean_reward():
    model, rewards = economy((20, 4, 2), rng=2, policy={"central_bank": "random"}), []
    for _ in range(30):
        rewards.append(run(model, 1).central_banks.reward()[0])
    found = rules.losses(history(model), model.parameters)
    assert found["loss"] == pytest.approx(-np.mean(rewards))
    assert found["loss"] == pytest.approx(found["inflation"] + found["output_gap"] + found["rate_change"])
    term = rules.run_term(rules.Term({"central_bank": "rule"}, "random", ECONOMY, 2, 6))
    assert term == rules.losses(history(model).iloc[24:], model.parameters)


def test_months_at_a_bound_are_counted():
    frame = pd.DataFrame({"policy_rate": [0.0, 0.0, 0.0025, 0.1, 0.05], "inflation": 0.02, "output_gap": 0.0})
    found = rules.losses(frame, Parameters())
    assert found["at_bound"] == 0.5
    assert found["inflation"] == found["output_gap"] == 0.0


def fake_terms(loss, calls=None):
    """An executor under which a rule's loss is a function of the rule and the seed."""

    def execute(function, tasks):
        if calls is not None:
            calls.append(len(tasks))
        return [{**dict.fromkeys(rules.PARTS, 0.0), "loss": loss(task.rule, task.seed)} for task in tasks]

    return execute


def test_successive_halving_finds_the_best_and_spends_little():
    candidates = [{"smoothing": float(k)} for k in range(40)]
    calls = []
    # training seeds add noise that is common to all candidates
    execute = fake_terms(lambda rule, seed: (rule["smoothing"] - 17.0) ** 2 + seed, calls)
    table = rules.search(design(execute=execute), candidates, (2, 6, 16))
    assert table.candidate[0] == 17
    assert table.loss[0] == pytest.approx(np.arange(16).mean())
    assert calls == [40 * 2, 10 * 4, 3 * 10]
    assert table.seeds.value_counts().to_dict() == {2: 30, 6: 7, 16: 3}


def test_the_search_meets_training_seeds_and_all_runs_the_contest_held_out_ones():
    seen = []

    def execute(function, tasks):
        seen.extend((task.policy, task.seed) for task in tasks)
        return fake_terms(lambda rule, seed: 1.0)(function, tasks)

    of_two = design(arms={"learned": ["rule", "random"]}, execute=execute)
    rules.search(of_two, FEW_RULES, (2, 4))
    assert set(seen) == {("rule", 0), ("random", 1), ("rule", 2), ("random", 3)}
    seen.clear()
    rules.contest(of_two, {"own": None})
    assert seen == [(policy, seed) for policy in ("rule", "random") for seed in SEEDS]


def test_the_gate_is_judged_run_by_run():
    """A rule that answers loses one less than the best constant rate in the first run, one more in the second."""

    def execute(function, tasks):
        for task in tasks:
            answers = isinstance(task.rule, dict)
            better = task.rule == SIMPLE[0] if answers else task.rule == "constant:0.03"
            gain = (1.0 if task.policy == "rule" else -1.0) if answers else 0.0
            yield {**dict.fromkeys(rules.PARTS, 0.0), "loss": 100.0 * (task.seed % 7) - gain + (0.0 if better else 5.0)}

    of_two = design(arms={"learned": ["rule", "random"]}, execute=execute)
    other = {**SIMPLE[0], "neutral_rate": 0.05}
    candidates = {rules.CONSTANT: ("constant:0.02", "constant:0.03"), rules.SIMPLE: (other, *SIMPLE)}
    found = rules.gate(of_two, candidates)
    assert [found[run]["mean"] for run in ("run 1", "run 2")] == pytest.approx([1.0, -1.0])
    assert [found[run]["passed"] for run in ("run 1", "run 2")] == [True, False]
    assert found["run 1"]["constant"] == "constant:0.03"
    assert "neutral_rate 0.05" not in found["run 1"]["rule"]


def test_the_verdict_of_the_contest_is_paired():
    """The own bank is better by exactly one on every seed, though seeds differ by far more."""
    known = {None: 4.0, "constant:0.02": 5.0, "taylor": 3.0}

    def loss(rule, seed):
        return 100.0 * (seed % 7) + (4.2 if isinstance(rule, dict) else known.get(rule, 9.0))

    execute = fake_terms(loss)
    found = rules.policy_rules(design(execute=execute), ("constant:0.02",), SIMPLE, (1, 2)).estimates
    assert found[rules.CONSTANT]["loss_less_own"]["mean"] == pytest.approx(1.0)
    assert found[rules.CONSTANT]["loss_less_own"]["passed"]
    assert not found["Taylor 1993"]["loss_less_own"]["passed"]
    assert found[rules.SIMPLE]["rule"] == SIMPLE[0]
    assert "loss_less_own" not in found[rules.OWN]
