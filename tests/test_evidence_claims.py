"""Each claim's estimator against something whose answer is known: a rule, a made-up response, a made-up process."""

import numpy as np
import pytest
from conftest import SIZES, economy, run, sized

from macro_mesa import ConfigError
from macro_mesa.config import Parameters
from macro_mesa.evidence import business_cycles as cycles
from macro_mesa.evidence import channels, taylor_rule
from macro_mesa.evidence import price_stickiness as prices
from macro_mesa.evidence.simulations import (
    COMPARED,
    VARIANTS,
    CostRise,
    RateRise,
    Undisturbed,
    approval_probability,
    run_cost_rise,
    run_history,
    run_rate_rise,
    run_undisturbed,
)  # fmt: skip
from macro_mesa.evidence.simulations import History as HistoryTask
from macro_mesa.markets import credit_market
from macro_mesa.rules import ConstantRate, SimpleRule
from macro_mesa.spaces import CENTRAL_BANK, SPACES

PARAMETERS = sized(*SIZES[1])
SPACE = SPACES[CENTRAL_BANK]


# --- the Taylor rule
def states(number: int, seed: int = 0) -> np.ndarray:
    """Observations near the target, where the grid of steps does not bind."""
    observations = np.random.default_rng(seed).normal(0.0, 0.05, (number, SPACE.size)).astype(np.float32)
    observations[:, SPACE.column("policy_rate")] += 0.3
    observations[:, SPACE.column("distance_to_bound")] = observations[:, SPACE.column("policy_rate")]
    return observations


def seeds_of_states(policy, seeds: int = 6, months: int = 200) -> list[dict]:
    found = []
    for seed in range(seeds):
        observations = states(months, seed)
        draws = np.random.default_rng([seed, 9]).random((months, 1), dtype=np.float32)
        found.append({"observations": observations, "steps": policy.act(observations, draws)[:, 0]})
    return found


@pytest.mark.parametrize(("inflation", "gap", "smoothing"), [(0.5, 0.5, 0.85), (1.0, 0.0, 0.9), (-0.4, 0.5, 0.85)])
def test_the_query_and_the_ordered_logit_recover_a_known_rule(inflation, gap, smoothing):
    rule = SimpleRule(Parameters(), inflation, gap, smoothing)
    found = taylor_rule.taylor_rule({"a": rule}, {"a": seeds_of_states(rule)}, placebos=2)
    estimates = found["estimates"]
    assert estimates["phi_inflation"]["mean"] == pytest.approx(1.0 + inflation, abs=0.1)
    assert estimates["phi_gap"]["mean"] == pytest.approx(gap, abs=0.1)
    assert estimates["smoothing"]["mean"] == pytest.approx(smoothing, abs=0.03)
    assert found["passed"] is (inflation > 0.0)
    logit = found["runs"]["a"]["ordered_logit"]
    assert logit["phi_inflation"] == pytest.approx(1.0 + inflation, abs=0.5)
    assert logit["phi_gap"] == pytest.approx(gap, abs=0.5)


def test_a_constant_rate_and_an_inverted_rule_are_no_taylor_rules():
    class Inverted(SimpleRule):
        def act(self, observations, draws):
            return 4 - super().act(observations, draws)

    constant, inverted = ConstantRate(Parameters(), 0.03), Inverted(Parameters(), 0.5, 0.5, 0.85)
    for policy in (constant, inverted):
        assert taylor_rule.taylor_rule({"a": policy}, {"a": seeds_of_states(policy)}, placebos=2)["passed"] is False
    nothing = taylor_rule.ordered_logit([{"observations": states(50), "steps": np.full(50, 2)}])
    assert nothing["phi_inflation"] is None


def test_placebos_seldom_obey_and_permuted_inflation_is_noise():
    rule = SimpleRule(Parameters(), 0.5, 0.5, 0.85)
    placebo = taylor_rule.taylor_rule({"a": rule}, {"a": seeds_of_states(rule)}, placebos=30)["placebo"]
    assert placebo["untrained_networks"]["share_that_obeys"] < 0.3
    assert placebo["permuted_inputs"]["share_that_obeys"] < 0.3
    assert abs(placebo["z_of_inflation_permuted_in_time"]["a"]) < 3.0


def test_an_untrained_network_chooses_almost_uniformly():
    observations = states(300)
    network = taylor_rule.UntrainedNetwork(observations, np.random.default_rng(0))
    (probabilities,) = network.probabilities(observations)
    assert probabilities.shape == (300, 5)
    np.testing.assert_allclose(probabilities, 0.2, atol=0.02)
    draws = np.random.default_rng(1).random((300, 1), dtype=np.float32)
    assert set(network.act(observations, draws)[:, 0]) == {0, 1, 2, 3, 4}


def test_the_expected_step_of_a_network_is_that_of_its_draws():
    observations = states(20)
    network = taylor_rule.UntrainedNetwork(observations, np.random.default_rng(0))
    by_draws = type("ByDraws", (), {"act": lambda self, o, d: network.act(o, d)})()
    np.testing.assert_allclose(
        taylor_rule.expected_step(network, observations), taylor_rule.expected_step(by_draws, observations), atol=2e-4
    )


# --- the channels
def made_up(runs: int = 3, pairs: int = 12, **responses: dict[str, float]) -> list[list[dict]]:
    """Pairs whose statistics are 100 (rates .05) without the rise and move by ``responses`` per variant with it."""
    random = np.random.default_rng(0)
    found = []
    for _ in range(runs):
        row = []
        for _ in range(pairs):
            pair = {}
            for variant in VARIANTS:
                levels = np.full((2, 18, len(COMPARED)), 100.0) + random.normal(0, 0.05, (2, 18, len(COMPARED)))
                for name in channels.LEVELS:
                    levels[:, :, COMPARED.index(name)] = 0.05 + random.normal(0, 1e-5, (2, 18))
                for name, size in responses.get(variant, {}).items():
                    column = COMPARED.index(name)
                    levels[1, :, column] += size * levels[0, :, column] if name not in channels.LEVELS else size
                pair[variant] = levels
            row.append(pair)
        found.append(row)
    return found


TRANSMISSION = {
    "new_loans": -0.05, "approval_probability": -0.02, "consumption": -0.01, "new_household_loans": -0.08,
    "investment": -0.03, "gdp": -0.01, "price_level": -0.01, "unemployment": 0.01,
}  # fmt: skip


def gradual(results: list[list[dict]], variant: str = "sighted", last: float = 0.01) -> list[list[dict]]:
    """Let the lending rate rise evenly to ``last`` over the horizon."""
    for row in results:
        for pair in row:
            pair[variant][1, :, COMPARED.index("lending_rate")] += np.linspace(0.0, last, 18)
    return results


def test_transmission_that_is_there_passes_and_is_measured_in_its_unit():
    learned, null = gradual(made_up(sighted=TRANSMISSION)), made_up(runs=1)
    credit = channels.credit_channel(learned, null, gradual(made_up()))
    consumption = channels.consumption_response(learned, null)
    assert credit["passed"] is True
    assert consumption["passed"] is True
    assert credit["estimates"]["new_loans"]["mean"] == pytest.approx(-5.0, abs=0.1)
    assert credit["estimates"]["approval_probability"]["mean"] == pytest.approx(-2.0, abs=0.01)
    assert credit["estimates"]["lending_rate_month_6"]["mean"] == pytest.approx(100 * 0.01 * 5 / 17, abs=0.01)
    assert consumption["estimates"]["consumption"]["mean"] == pytest.approx(-1.0, abs=0.05)
    assert consumption["estimates"]["unemployment"]["mean"] == pytest.approx(1.0, abs=0.01)
    assert consumption["estimates"]["consumption_gone_blind"]["mean"] == pytest.approx(1.0, abs=0.1)


@pytest.mark.parametrize("missing", list(TRANSMISSION))
def test_transmission_that_lacks_one_thing_fails(missing):
    responses = {name: size for name, size in TRANSMISSION.items() if name != missing}
    learned, null = gradual(made_up(sighted=responses)), made_up(runs=1)
    passed = (
        channels.credit_channel(learned, null, made_up())["passed"],
        channels.consumption_response(learned, null)["passed"],
    )
    assert not all(passed)


def test_what_the_null_does_as_well_is_no_credit_channel():
    learned, null = gradual(made_up(sighted=TRANSMISSION)), made_up(runs=1, sighted={"new_loans": -0.06})
    credit = channels.credit_channel(learned, null, made_up())
    assert credit["estimates"]["new_loans"]["passed"] is True
    assert credit["estimates"]["new_loans_beyond_null"]["passed"] is False
    assert credit["passed"] is False


def test_a_rate_that_jumps_at_once_is_not_gradual():
    learned = made_up(sighted={**TRANSMISSION, "lending_rate": 0.01})
    credit = channels.credit_channel(learned, made_up(runs=1), made_up())
    assert credit["estimates"]["lending_rate_month_6"]["passed"] is True
    assert credit["estimates"]["lending_rate_at_once"]["passed"] is False


def test_a_response_that_blind_agents_share_fails():
    blind = {"consumption": -0.008, "new_household_loans": -0.01}
    learned = made_up(sighted=TRANSMISSION, households_and_firms_blind=blind)
    estimates = channels.consumption_response(learned, made_up(runs=1))["estimates"]
    assert estimates["consumption_gone_blind"]["mean"] == pytest.approx(0.2, abs=0.06)
    assert estimates["consumption_gone_blind"]["passed"] is False
    assert estimates["borrowing_gone_blind"]["passed"] is True


def test_responses_by_month_are_the_levels_compared_by_hand():
    results = made_up(runs=2, pairs=3, sighted={"consumption": -0.02})
    pairs = channels.Pairs(results, "sighted")
    column = COMPARED.index("consumption")
    base = np.mean([pair["sighted"][0, :, column] for pair in results[1]])
    by_hand = 100 * (results[1][2]["sighted"][1, 4, column] - results[1][2]["sighted"][0, 4, column]) / base
    assert pairs.by_month("consumption")[1, 2, 4] == pytest.approx(by_hand)
    assert pairs.response("consumption", 5, 5)[1, 2] == pytest.approx(by_hand)
    sums = [pair.sum() for pair in results[1][2]["sighted"][:, :4, column]]
    assert pairs.cumulative("consumption", 4, 4)[1, 2] == pytest.approx(100 * (sums[1] - sums[0]) / (4 * base))
    records = channels.impulse_responses({"learned": pairs})
    (record,) = [r for r in records if r["variable"] == "consumption" and r["month"] == 5]
    assert record["mean"] == pytest.approx(pairs.by_month("consumption")[:, :, 4].mean())
    assert record["low"] <= record["mean"] <= record["high"]


def test_a_response_of_nothing_is_refused_in_words():
    results = made_up(runs=1, pairs=2)
    for pair in results[0]:
        pair["sighted"][:, :, COMPARED.index("new_loans")] = 0.0
    with pytest.raises(ConfigError, match="no new_loans"):
        channels.Pairs(results, "sighted").response("new_loans", 3, 9)


# --- the simulations behind them
def rate_rise(**changes) -> dict[str, np.ndarray]:
    defaults = {
        "policy": "rule", "parameters": PARAMETERS, "seed": 10_001, "burn_in": 6, "horizon": 5, "size": 0.01,
        "duration": 3, "variants": tuple(VARIANTS),
    }  # fmt: skip
    return run_rate_rise(RateRise(**defaults | changes))


def test_the_imposed_path_is_the_whole_difference_between_twins():
    found = rate_rise()
    rate = COMPARED.index("policy_rate")
    for levels in found.values():
        np.testing.assert_allclose(levels[1, :, rate] - levels[0, :, rate], [0.01, 0.01, 0.01, 0.0, 0.0])
    model = economy(SIZES[1], months=6, rng=10_001, policy={CENTRAL_BANK: "constant"})
    run(model, 5)
    vars_ = model.datacollector.model_vars
    np.testing.assert_array_equal(found["sighted"][0, :, COMPARED.index("gdp")], vars_["gdp"][-5:])


def test_a_rise_of_nothing_changes_nothing():
    for levels in rate_rise(size=0.0).values():
        np.testing.assert_array_equal(levels[0], levels[1])


def test_repeated_actions_leave_prices_and_lending_standards_where_they_were():
    levels = rate_rise()["actions_repeated"]
    tolerance = COMPARED.index("risk_tolerance")
    np.testing.assert_array_equal(levels[0, :, tolerance], levels[1, :, tolerance])
    # revenues, and with them the weights of the index, may move a little; posted prices do not
    prices_ = levels[:, :, COMPARED.index("price_level")]
    np.testing.assert_allclose(prices_[0], prices_[1], rtol=5e-3)


def test_the_approval_probability_is_that_of_the_credit_market():
    """Second route: the compiled tests of the market itself, borrower by borrower."""
    borrowers, lenders = economy(SIZES[1], months=18, rng=5), economy(SIZES[1], months=30, rng=6)
    banks = lenders.commercial_banks.table
    banks["risk_tolerance"][:] = [0.5, 0.7, 1.0, 0.6, 1.5]
    banks["equity"][0] = 0.0
    households, firms = borrowers.households.table, borrowers.firms.table
    p, level = borrowers.parameter_record[0], float(borrowers.economy["price_level"][0])
    granted = []
    for i in range(len(households)):
        if households[i]["exclusion"] == 0 and households[i]["arrears"] == 0:
            amount = households[i]["wage"]
            granted.append(
                credit_market.has_headroom(households, i, banks, amount, p)
                and credit_market.household_is_sound(households, i, banks, amount, p)
            )
    for f in range(len(firms)):
        if firms[f]["arrears"] == 0:
            amount = p["investment_loan_share"] * level * p["depreciation_rate"] / 12.0 * firms[f]["capital"]
            granted.append(
                credit_market.has_headroom(firms, f, banks, amount, p)
                and credit_market.firm_is_sound(firms, f, banks, amount, level, p)
            )
    found = approval_probability(borrowers, lenders)
    assert found == pytest.approx(np.mean(granted))
    assert 0.0 < found < 1.0


def test_a_history_is_the_economy_s_own():
    found = run_history(HistoryTask("rule", PARAMETERS, 10_002, burn_in=5, months=7))
    model = economy(SIZES[1], months=12, rng=10_002)
    np.testing.assert_array_equal(found["gdp"], model.datacollector.model_vars["gdp"][-7:])
    assert found["observations"].shape == (7, SPACE.size)
    rates = np.array(model.datacollector.model_vars["policy_rate"][-8:])
    expected = np.clip(rates[:-1] + taylor_rule.RATE_STEPS[found["steps"]], 0.0, 0.1)
    np.testing.assert_allclose(rates[1:], expected, atol=1e-12)


def test_without_disturbances_the_economy_is_larger_by_its_scale():
    one, two = (run_undisturbed(Undisturbed("rule", PARAMETERS, 10_003, 6, 9, scale))["gdp"] for scale in (1, 2))
    assert one.shape == (9,)
    assert two.mean() / one.mean() == pytest.approx(2.0, rel=0.15)
    frozen = run_undisturbed(Undisturbed("rule", PARAMETERS, 10_003, 6, 9, 1, frozen=True))["gdp"]
    assert (frozen != one).any()


# --- prices
def test_costs_that_rise_show_in_prices_and_the_decisions_are_recorded():
    found = run_cost_rise(CostRise("rule", PARAMETERS, 10_004, burn_in=6, months=10, horizon=6, size=0.3))
    assert found["price"].shape == found["steps"].shape == found["cost"].shape == (10, 20)
    assert found["response"].shape == (6,)
    assert found["response"][-1] > 0.01
    moved = found["price"][1:] / found["price"][:-1] - 1.0
    np.testing.assert_allclose(moved, prices.PRICE_STEPS[found["steps"][:-1]], atol=1e-9)


def calvo(chance: float, months: int = 600, firms: int = 80, seed: int = 0) -> np.ndarray:
    random = np.random.default_rng(seed)
    return np.where(random.random((months, firms)) < chance, random.choice([0, 1, 3, 4], (months, firms)), 2)


def test_the_hazard_of_calvo_s_firms_is_flat_and_that_of_taylor_s_is_not():
    counts = prices.hazard_counts(prices.changes(calvo(0.25)))
    at_risk, struck = np.split(counts, 2)
    np.testing.assert_allclose(struck / at_risk, 0.25, atol=0.04)
    assert abs(prices.hazard_slope(counts)) < 0.004
    fixed_term = np.full((600, 80), 2)
    fixed_term[::6] = 3  # every price changes twice a year
    assert prices.hazard_slope(prices.hazard_counts(prices.changes(fixed_term))) > 0.1


def test_ages_count_from_the_first_change_seen():
    changed = np.array([[0, 1, 0, 0, 1, 0]], dtype=bool).T
    assert prices.ages(changed)[:, 0].tolist() == [0, 0, 1, 2, 3, 1]


def test_the_myopic_optimum_follows_costs_within_the_grid():
    cost = np.full((40, 3), 1.0)
    cost[20:] = 1.05
    price = 1.5 * np.ones((40, 3))
    steps, path = prices.myopic_prices(price, cost, markup=1.5)
    assert (steps[:20] == 2).all()  # at the optimum nothing moves
    assert (steps[20] == 4).all()  # the largest step first
    assert path[-1, 0] == pytest.approx(np.log(1.5 * 1.05), abs=0.006)
    never, _ = prices.myopic_prices(price, cost, menu_cost=1.0, markup=1.5)
    assert (never == 2).all()


def price_results(chance: float, response: list[float]) -> list[list[dict]]:
    """One run of six seeds of Calvo prices with noisy costs, so that the myopic optimum moves prices often."""
    row = []
    for seed in range(6):
        steps = calvo(chance, 60, 40, seed)
        cost = np.exp(np.random.default_rng(seed).normal(0.0, 0.02, steps.shape))
        row.append({"price": 1.5 * np.ones(steps.shape), "steps": steps, "cost": cost, "response": np.array(response)})
    return [row]


FULL = [0.01, 0.02, 0.03, *[0.045] * 9]


def test_sticky_prices_pass_and_flexible_ones_do_not():
    sticky = prices.price_stickiness(price_results(0.1, FULL), 0.05, 0.02)
    assert sticky["passed"] is True
    assert sticky["calvo"] is True
    assert sticky["estimates"]["frequency"]["mean"] == pytest.approx(0.1, abs=0.02)
    assert sticky["estimates"]["pass_through_12"]["mean"] == pytest.approx(0.045 / np.log(1.05))
    assert sticky["estimates"]["share_of_cuts"]["mean"] == pytest.approx(0.5, abs=0.1)
    flexible = prices.price_stickiness(price_results(0.99, FULL), 0.05, 0.02)
    assert flexible["estimates"]["frequency_below_benchmark"]["passed"] is False
    rigid = prices.price_stickiness(price_results(0.1, [0.001] * 12), 0.05, 0.02)
    assert rigid["passed"] is False
    immediate = prices.price_stickiness(price_results(0.1, [0.045] * 12), 0.05, 0.02)
    assert immediate["estimates"]["pass_through_1"]["passed"] is False


def test_prices_that_never_change_have_no_hazard():
    never = prices.price_stickiness(price_results(0.0, FULL), 0.05, 0.02)
    assert never["estimates"]["hazard_slope"]["mean"] is None
    assert never["estimates"]["size_of_changes"]["mean"] is None
    assert never["calvo"] is False


# --- cycles
def made_up_cycles(runs: int, seeds: int, quarters: int, scale: int, shrinks: bool, peak: bool, frozen: bool = False):
    """AR(1) output, or an AR(2) that cycles every 16 quarters, whose deviation shrinks with the scale or not."""
    found = []
    for r in range(runs):
        row = []
        for s in range(seeds):
            random = np.random.default_rng([r, s, scale, int(frozen)])
            size = 0.01 / (np.sqrt(scale) if shrinks else 1.0)
            first, second = (2 * np.sqrt(0.8) * np.cos(2 * np.pi / 16), -0.8) if peak else (0.9, 0.0)
            y = np.zeros(quarters + 50)
            for t in range(2, len(y)):
                y[t] = first * y[t - 1] + second * y[t - 2] + size * random.normal()
            row.append({"gdp": np.repeat(np.exp(y[50:]) / 3.0, 3)})
        found.append(row)
    return found


def cycle_claim(shrinks: bool, peak: bool, peak_frozen: bool) -> dict:
    results = {scale: made_up_cycles(5, 8, 120, scale, shrinks, peak) for scale in (1, 2, 4)}
    return cycles.business_cycles(results, made_up_cycles(5, 8, 120, 1, shrinks, peak_frozen, frozen=True))


def test_endogenous_cycles_pass():
    found = cycle_claim(shrinks=False, peak=True, peak_frozen=False)
    assert found["passed"] is True
    assert found["estimates"]["size_exponent"]["mean"] == pytest.approx(0.0, abs=0.1)
    for peak in found["peaks"]:
        assert peak["period"] == pytest.approx(16.0, abs=3.0)


@pytest.mark.parametrize(
    ("shrinks", "peak", "peak_frozen", "failing"),
    [
        (True, True, False, "size_exponent"),
        (False, False, False, "runs_with_spectral_peak"),
        (False, True, True, "runs_with_peak_when_frozen"),
    ],
)
def test_cycles_that_lack_one_thing_fail(shrinks, peak, peak_frozen, failing):
    found = cycle_claim(shrinks, peak, peak_frozen)
    assert found["passed"] is False
    assert [name for name, entry in found["estimates"].items() if entry["passed"] is False] == [failing]
    if shrinks:
        assert found["estimates"]["size_exponent"]["mean"] == pytest.approx(-0.5, abs=0.1)


def test_ar1_series_are_found_to_peak_as_often_as_chance_allows():
    random, found = np.random.default_rng(5), []
    for _ in range(40):
        y = np.zeros((4, 120))
        for t in range(1, 120):
            y[:, t] = 0.85 * y[:, t - 1] + random.normal(size=4)
        found.append(cycles.spectral_peak(y)["p_value"] < 0.05)
    assert np.mean(found) <= 0.15
