"""Policies without learning: the protocol, the registry, and what each rule does with what it sees."""

import numpy as np
import pytest
from conftest import SIZES, economy, history, run

from macro_mesa import ConfigError, Parameters
from macro_mesa.policy import MixedPolicy, Policy, RandomPolicy, available_policies, make_policies, make_policy
from macro_mesa.rules import ConstantRate, RuleOfThumb, SimpleRule, nearest_step
from macro_mesa.spaces import AGENT_TYPES, CENTRAL_BANK, HOUSEHOLD, SPACES, values

STEPS = np.array(values(CENTRAL_BANK, "rate_step"))


def seen(number: int = 1, **columns: float) -> np.ndarray:
    """What a central bank sees; names not given are zero."""
    observations = np.zeros((number, SPACES[CENTRAL_BANK].size), dtype=np.float32)
    for name, value in columns.items():
        observations[:, SPACES[CENTRAL_BANK].column(name)] = value
    return observations


def all_draws(number: int = 10_001) -> np.ndarray:
    return np.linspace(0.0, 1.0, number, endpoint=False, dtype=np.float32)[:, None]


class Always:
    """A policy of a researcher's own: the first choice of every head."""

    def act(self, observations, draws):
        return np.zeros(draws.shape, dtype=np.int64)


def test_action_counts_are_the_mission_s():
    counts = {kind: int(np.prod(space.head_sizes)) for kind, space in SPACES.items()}
    assert counts == {"central_bank": 5, "household": 30, "firm": 45, "commercial_bank": 75}


@pytest.mark.parametrize("kind", AGENT_TYPES)
@pytest.mark.parametrize("name", ["random", "rule"])
def test_built_in_policies_keep_the_protocol(kind, name):
    policy = make_policy(kind, name, Parameters())
    assert isinstance(policy, Policy)
    space, rng = SPACES[kind], np.random.default_rng(0)
    low = [entry.low for entry in space.observations]
    high = [entry.high for entry in space.observations]
    observations = rng.uniform(low, high, (500, space.size)).astype(np.float32)
    draws = rng.random((500, len(space.heads)), dtype=np.float32)
    actions = policy.act(observations, draws)
    assert actions.shape == draws.shape
    assert actions.dtype == np.int64
    assert (actions >= 0).all()
    assert (actions < space.head_sizes).all()
    np.testing.assert_array_equal(actions, policy.act(observations, draws))  # no state, no randomness of its own


@pytest.mark.parametrize("kind", AGENT_TYPES)
def test_random_takes_every_choice_alike(kind):
    space, draws = SPACES[kind], np.repeat(all_draws(12_000), len(SPACES[kind].heads), axis=1)
    actions = RandomPolicy(kind).act(np.zeros((12_000, space.size)), draws)
    for head, size in enumerate(space.head_sizes):
        np.testing.assert_allclose(np.bincount(actions[:, head], minlength=size), 12_000 / size, atol=2)
    edge = np.full((1, len(space.heads)), np.nextafter(np.float32(1), np.float32(0)))
    assert RandomPolicy(kind).act(np.zeros((1, space.size)), edge).tolist() == [[n - 1 for n in space.head_sizes]]


# --- registry
def test_the_registry_has_the_built_in_and_the_installed_policies():
    assert {"rule", "random", "constant", "taylor", "inertial_taylor", "checkpoint", "pretrained"} <= set(
        available_policies()
    )


def test_a_checkpoint_folder_is_found_through_the_entry_point(checkpoint):
    for choice in (checkpoint, str(checkpoint), f"checkpoint:{checkpoint}", f"{checkpoint}:greedy"):
        policy = make_policy(HOUSEHOLD, choice, Parameters())
        assert type(policy).__name__ == "LearnedPolicy"
    sampled, greedy = (
        history(economy(SIZES[1], 6, policy=choice)) for choice in (checkpoint, f"{checkpoint}:greedy")
    )  # fmt: skip
    assert not sampled.equals(greedy)


@pytest.mark.parametrize(
    ("choice", "says"),
    [
        ("rool", "must be one of .*random.*rule.* or a checkpoint folder; got rool"),
        ("constant", "exists for central_bank only"),
        ("taylor", "exists for central_bank only"),
        (5, "must be a name, a folder or a Policy"),
        (None, "must be a name, a folder or a Policy"),
        ("./no/such/folder", "does not exist"),
        ({"hausehold": "rule"}, "'hausehold' is none of household"),
        ({"household": "best"}, "policy of household must be one of"),
        ({"household": {}}, "shares above 0"),
        ({"household": {"rule": 0.0}}, "shares above 0"),
        ({"household": {"rule": "half"}}, "shares above 0"),
        ({"household": {"rool": 1.0}}, "must be one of"),
        ({"central_bank": "constant:high"}, "constant:0.03"),
    ],
)
def test_what_is_no_policy_is_refused(choice, says):
    with pytest.raises(ValueError, match=says) as refusal:
        make_policies(choice, Parameters())
    assert "\n" not in str(refusal.value)
    assert isinstance(refusal.value, ConfigError) or type(refusal.value).__name__ == "CheckpointError"


def test_types_left_out_of_a_mapping_follow_the_rule():
    policies = make_policies({"firm": "random"}, Parameters())
    assert isinstance(policies["firm"], RandomPolicy)
    assert all(not isinstance(policies[kind], RandomPolicy) for kind in AGENT_TYPES if kind != "firm")
    implicit = history(economy(SIZES[1], 6, policy={"firm": "random"}))
    explicit = dict.fromkeys(AGENT_TYPES, "rule") | {"firm": "random"}
    assert implicit.equals(history(economy(SIZES[1], 6, policy=explicit)))


def test_a_policy_of_ones_own_acts_for_the_whole_type():
    model = economy(SIZES[1], 1, policy={"household": Always()})
    assert set(model.households.consumption_rate) == {values("household", "consumption")[0]}
    assert set(model.households.hours) == {0.5}


@pytest.mark.parametrize("wrong", [np.full((100, 3), 7), np.full((100, 3), -1), np.zeros((100, 2), int)])
def test_actions_that_do_not_exist_are_refused(wrong):
    class Wrong:
        def act(self, observations, draws):
            return wrong

    with pytest.raises(ValueError, match="actions of household must have shape"):
        economy(SIZES[1], 1, policy={"household": Wrong()})


def test_a_mixed_population_acts_by_shares_row_by_row():
    observations, draws = np.zeros((1000, 14), dtype=np.float32), np.full((1000, 3), 0.999, dtype=np.float32)
    policy = MixedPolicy({Always(): 1.0, RandomPolicy(HOUSEHOLD): 1.0})
    actions = policy.act(observations, draws)
    first = (actions == 0).all(axis=1)
    assert (first | (actions == [4, 2, 1]).all(axis=1)).all()
    assert 495 <= first.sum() <= 505
    np.testing.assert_array_equal(first[:50], (policy.act(observations[:50], draws[:50]) == 0).all(axis=1))
    assert 23 <= first[:50].sum() <= 27  # a small population is mixed as evenly


def test_half_the_households_learned_half_by_rule(checkpoint):
    mixed = {"household": {str(checkpoint): 0.5, "rule": 0.5}}
    model = economy(SIZES[1], 12, policy=mixed)
    assert history(model).accounting_residual.max() < 1e-9
    pure = [history(economy(SIZES[1], 12, policy={"household": choice})) for choice in (checkpoint, "rule")]
    assert not any(history(model).equals(frame) for frame in pure)


# --- central bank
@pytest.mark.parametrize("smoothing", [0.0, 0.85, 0.95])
@pytest.mark.parametrize(
    ("rate", "inflation", "gap"), [(0.03, 0.02, 0.0), (0.03, 0.023, 0.0), (0.03, 0.02, 0.008), (0.031, 0.019, -0.002)]
)
def test_the_mean_step_over_draws_is_the_taylor_rule_s(rate, inflation, gap, smoothing):
    rule = SimpleRule(Parameters(), smoothing=smoothing)
    observations = seen(10_000, policy_rate=10 * rate, inflation_12m=10 * (inflation - 0.02), output_gap=10 * gap)
    steps = STEPS[rule.act(observations, all_draws(10_000))[:, 0]]
    taylor = 0.01 + inflation + 0.5 * (inflation - 0.02) + 0.5 * gap
    expected = (1 - smoothing) * (taylor - rate)
    assert abs(expected) < 0.005
    assert steps.mean() == pytest.approx(expected, abs=2e-6)
    assert len(np.unique(steps)) <= 2


def test_coefficients_are_found_again_by_regression():
    rng, number = np.random.default_rng(0), 40_000
    inflation, gap = rng.normal(0, 0.002, number), rng.normal(0, 0.002, number)
    rule = SimpleRule(Parameters(), inflation_response=0.7, gap_response=0.3, smoothing=0.5)
    observations = seen(number, policy_rate=0.3, inflation_12m=10 * inflation, output_gap=10 * gap)
    steps = STEPS[rule.act(observations, rng.random((number, 1), dtype=np.float32))[:, 0]]
    slopes = np.linalg.lstsq(np.column_stack([np.ones(number), inflation, gap]), steps, rcond=None)[0]
    assert slopes[0] == pytest.approx(0.0, abs=5e-5)
    assert slopes[1:] == pytest.approx([0.5 * 1.7, 0.5 * 0.3], abs=0.015)


@pytest.mark.parametrize(("months", "desired"), [(12, 0.015), (3, 0.03)])
def test_a_rule_answers_the_inflation_it_names(months, desired):
    observations = seen(policy_rate=0.3, inflation_12m=0.1, inflation_3m=0.2)
    rule = SimpleRule(Parameters(), gap_response=0.0, inflation_months=months)
    assert rule.desired_change(observations) == pytest.approx(desired, abs=1e-6)


def test_a_rule_knows_two_inflations():
    with pytest.raises(ConfigError, match="inflation_months must be 3 or 12, got 6"):
        SimpleRule(Parameters(), inflation_months=6)


def test_steps_end_at_the_grid():
    draws = np.array([[0.0], [0.5], [0.999]], dtype=np.float32)
    assert nearest_step(np.full(3, 0.3), draws)[:, 0].tolist() == [4, 4, 4]
    assert nearest_step(np.full(3, -0.3), draws)[:, 0].tolist() == [0, 0, 0]
    assert nearest_step(np.zeros(3), draws)[:, 0].tolist() == [2, 2, 2]


@pytest.mark.parametrize("rate", [0.0, 0.0225, 0.05, 0.1])
def test_constant_goes_to_its_rate_and_stays(rate):
    model = economy(SIZES[0], 24, policy={"central_bank": f"constant:{rate}"})
    path = history(model).policy_rate.to_numpy()
    assert np.abs(np.diff(path)).max() <= 0.005 + 1e-12
    arrival = np.abs(path - rate).argmin()
    np.testing.assert_allclose(path[arrival:], rate, atol=1e-12)
    assert (np.diff(np.abs(path - rate)[: arrival + 1]) < 0).all()
    assert ConstantRate(Parameters(), rate).act(seen(policy_rate=10 * rate), np.zeros((1, 1))).tolist() == [[2]]


def test_constant_without_an_argument_holds_the_opening_rate():
    model = economy(SIZES[1], 12, opening="equal", policy={"central_bank": "constant"}, opening_policy_rate=0.045)
    path = history(model).policy_rate
    np.testing.assert_allclose(path, 0.045, atol=1e-12)


def test_taylor_raises_the_rate_in_an_inflation():
    model = economy(SIZES[1], opening="equal", policy={"central_bank": "taylor"})
    assert SimpleRule(Parameters()).desired_change(model.central_banks.observe()) == pytest.approx(0.0, abs=1e-7)
    model.economy["inflation"] = 0.06
    assert SimpleRule(Parameters()).desired_change(model.central_banks.observe()) == pytest.approx(0.06, abs=1e-6)
    run(model, 1)
    assert model.central_bank.policy_rate == pytest.approx(0.035)


@pytest.mark.parametrize("name", ["taylor", "inertial_taylor", "rule"])
def test_the_central_bank_sees_last_month_s_statistics_only(name):
    """A shock of this month moves prices and output now, and the rate not before next month."""
    model = economy(SIZES[1], 6, policy={"central_bank": name}, rng=2, lower_bound=-0.05)
    shocked = model.fork()
    shocked.add_shock("cost", 0.5, model.month + 1, 12)
    shocked.add_shock("demand", 0.5, model.month + 1, 12)
    run(model, 1)
    run(shocked, 1)
    assert history(shocked).consumption.iloc[-1] != history(model).consumption.iloc[-1]
    assert shocked.central_bank.policy_rate == model.central_bank.policy_rate
    run(model, 11)
    run(shocked, 11)
    assert not np.array_equal(history(shocked).policy_rate, history(model).policy_rate)


def test_what_the_central_bank_sees_is_what_was_published():
    model = economy(SIZES[1], 30, rng=3)
    last = history(model).iloc[-1]
    sees = dict(zip([o.name for o in SPACES[CENTRAL_BANK].observations], model.central_banks.observe()[0], strict=True))
    expected = {
        "policy_rate": 10 * last.policy_rate,
        "rate_change": 100 * (last.policy_rate - history(model).policy_rate.iloc[-2]),
        "inflation_3m": 10 * (last.inflation_3m - 0.02),
        "inflation_12m": 10 * (last.inflation - 0.02),
        "output_gap": 10 * last.observed_gap,
        "credit_growth": 10 * last.credit_growth,
        "distance_to_bound": 10 * last.policy_rate,
        "output_growth": 10 * last.output_growth,
    }
    assert sees == pytest.approx(expected, rel=1e-5, abs=1e-6)


def test_firms_see_what_an_hour_cost_last_month():
    model = economy(SIZES[1], 12, policy="random", rng=4)
    shocked = model.fork()
    shocked.add_shock("cost", 0.05, model.month + 1, 12)
    column, seen = SPACES["firm"].column("labor_cost"), []
    for each in (model, shocked):
        before = each.firms.observe()[:, column]
        firms, p, e = run(each, 1).firms, each.parameters, each.economy[0]
        made = e["productivity"] * np.exp(firms.productivity)
        made *= (firms.capital / (p.opening_capital * np.maximum(firms.employment, 1))) ** (1 - p.labor_share)
        expected = 10 * np.log(firms.wage_offer * (1 + e["cost"]) / (firms.price * made * p.opening_wage))
        seen.append((before, firms.observe()[:, column]))
        np.testing.assert_allclose(seen[-1][1], np.clip(expected, -10, 10), rtol=1e-5, atol=1e-5)
    (calm_before, calm), (before, after) = seen
    np.testing.assert_array_equal(before, calm_before)
    assert np.median(after - calm) == pytest.approx(10 * np.log(1.05), rel=0.02)


# --- observations and rewards
@pytest.mark.parametrize("kind", AGENT_TYPES)
def test_observations_are_within_their_bounds_and_move(kind):
    model = economy(SIZES[1], policy="random", rng=1)
    space, over_time = SPACES[kind], []
    for _ in range(24):
        over_time.append(run(model, 1).populations[kind].observe())
    found = np.concatenate(over_time)
    assert found.dtype == np.float32
    assert np.isfinite(found).all()
    assert (found >= [entry.low for entry in space.observations]).all()
    assert (found <= [entry.high for entry in space.observations]).all()
    rare = {"excluded", "refused", "nonperforming"}
    for number, entry in enumerate(space.observations):
        if entry.name not in rare:
            assert np.ptp(found[:, number]) > 1e-4, entry.name


def test_nobody_s_policy_depends_on_the_unit_of_money():
    """Ten times the money and prices, the same observations: nothing absolute is seen."""
    nominal = [
        "deposits", "debt", "wage", "income", "debt_service", "loan_request", "shopping_price", "price",
        "last_price", "wage_offer", "hourly_cost", "wage_bill", "revenue", "loans", "reserves", "advances", "equity",
        "nonperforming", "new_loans",
    ]  # fmt: skip
    model = economy(SIZES[1], 12, policy="random", rng=5)
    before = {kind: population.observe() for kind, population in model.populations.items()}
    for population in model.populations.values():
        for name in set(nominal) & set(population.column_names):
            getattr(population, name)[:] *= 10.0
    for name in ("price_level", "wage", "credit", "outside_money"):
        model.economy[name] *= 10.0
    for kind, population in model.populations.items():
        if kind != "firm":
            np.testing.assert_allclose(population.observe(), before[kind], rtol=1e-5, atol=1e-5)
    after = model.firms.observe()
    own_scale = [n for n, o in enumerate(SPACES["firm"].observations) if o.name != "labor_cost"]
    np.testing.assert_allclose(after[:, own_scale], before["firm"][:, own_scale], rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(after, before["firm"], rtol=1e-5, atol=1e-5)


def test_rewards_are_the_design_s():
    model = economy(SIZES[1], 6, policy="random", rng=3)
    p, level = model.parameters, model.economy["price_level"][0]
    last, households, firms, banks = history(model).iloc[-1], model.households, model.firms, model.commercial_banks
    change = 100 * model.central_bank.rate_change
    loss = (100 * (last.inflation - 0.02)) ** 2 + p.output_gap_weight * (100 * last.output_gap) ** 2
    assert model.central_banks.reward()[0] == pytest.approx(-loss - p.rate_change_weight * change**2)
    hours = households.hours * households.employed
    expected = np.log(np.maximum(households.consumption, 0.01) / p.consumption_reference)
    expected -= p.labor_disutility * hours**2 / 2 + p.debt_disutility * (households.debt / households.wage) ** 2
    savings = np.log(np.maximum(households.deposits, 0.05 * households.wage) / level)
    expected += p.savings_utility * households.savings_taste * savings - p.default_penalty * households.defaulted
    np.testing.assert_allclose(households.reward(), expected)
    wear = level * p.depreciation_rate / 12 * firms.capital
    profit = firms.revenue - firms.wage_bill - firms.interest - wear
    equity = firms.deposits + level * (firms.capital + firms.inventory) - firms.debt
    cost_of_equity = (p.equity_premium + model.economy["deposit_rate"][0]) / 12
    expected = (profit - cost_of_equity * equity) / (level * firms.opening_sales)
    expected -= p.inventory_cost * firms.inventory / firms.opening_sales
    expected -= p.menu_cost * (firms.price != firms.last_price) + p.bankruptcy_penalty * firms.bankrupt
    np.testing.assert_allclose(firms.reward(), expected)
    income = banks.interest_income - banks.interest_expense + banks.corridor_income - banks.operating_cost
    short = np.clip(1 - banks.equity / banks.loans / p.capital_target, 0, 1)
    expected = p.bank_profit_weight * (income - banks.loan_losses) / (level * banks.opening_loans)
    expected -= p.capital_shortfall_weight * short + p.resolution_penalty * banks.resolved
    np.testing.assert_allclose(banks.reward(), expected)


@pytest.mark.parametrize("pricing", ["posted_rate", "spread"])
def test_banks_move_their_rates_or_follow_the_policy_rate(pricing):
    class Highest:
        def act(self, observations, draws):
            return np.tile([4, 4, 2], (len(draws), 1))

    model = economy(SIZES[1], 2, opening="equal", bank_pricing=pricing, policy={"commercial_bank": Highest()})
    banks, rate = model.commercial_banks, model.central_bank.policy_rate
    rise = 2 * values("commercial_bank", "lending_rate")[-1]  # two months
    lending, deposit = (0.055 + rise, 0.02 + rise) if pricing == "posted_rate" else (rate + 0.06, rate - 0.02)
    np.testing.assert_allclose(banks.lending_rate, lending)
    np.testing.assert_allclose(banks.deposit_rate, max(deposit, 0.0), atol=1e-12)
    assert set(banks.risk_tolerance) == {1.5}


def shares(agent_type, head, seen, size=1_000, **sizes):
    """Chances of the choices of a rule's head for one agent that sees ``seen``, zero elsewhere."""
    observations = np.zeros((size, SPACES[agent_type].size), dtype=np.float32)
    for name, value in seen.items():
        observations[:, SPACES[agent_type].column(name)] = value
    draws = np.repeat(np.linspace(0.0, 1.0, size, endpoint=False, dtype=np.float32)[:, None], 3, axis=1)
    actions = RuleOfThumb(agent_type, Parameters(**sizes)).act(observations, draws)
    place = SPACES[agent_type].head_names.index(head)
    return np.bincount(actions[:, place], minlength=SPACES[agent_type].head_sizes[place]) / size


def mean(chances):
    return float(np.arange(len(chances)) @ chances)


AT_REST = {"unit_cost": 0.588, "inventory": 0.2, "hours_called": 0.95, "vacancy_fill": 1.0}


def test_a_firm_by_rule_prices_over_cost_and_against_stocks():
    assert mean(shares("firm", "price", AT_REST)) == pytest.approx(2.0, abs=0.01)
    assert mean(shares("firm", "price", AT_REST | {"unit_cost": 0.65})) > 2.5
    assert mean(shares("firm", "price", AT_REST | {"inventory": 1.2})) < 1.5
    assert mean(shares("firm", "price", AT_REST | {"relative_price": 1.0})) < 2.0
    assert mean(shares("firm", "investment", AT_REST | {"utilization": 0.5})) > 1.5


def test_a_firm_by_rule_hires_when_short_and_dismisses_when_idle():
    assert shares("firm", "hiring", AT_REST).tolist() == [0.0, 1.0, 0.0]
    short = AT_REST | {"inventory": 0.0, "hours_called": 1.0}
    assert shares("firm", "hiring", short)[2] > 0.0
    assert shares("firm", "hiring", short | {"vacancies": 0.1})[2] == 0.0  # its open posts first
    assert shares("firm", "hiring", AT_REST | {"hours_called": 0.6})[0] > 0.0


def test_small_firms_by_rule_take_a_step_of_a_worker_less_often():
    short = AT_REST | {"inventory": 0.0, "hours_called": 1.0}
    large, small = (
        shares("firm", "hiring", short, num_households=1_000, num_firms=firms)[2] for firms in (10, 200)
    )
    workers = 0.94 * 1_000 / 200
    assert small * 1.0 == pytest.approx(large * 0.05 * workers, rel=0.1)  # the same workers in the mean


def test_a_household_by_rule_spends_less_of_a_fuller_buffer_and_in_an_inflation():
    usual = {"inflation": 0.2, "employed": 1.0, "debt": 0.9}
    spends = [mean(shares("household", "consumption", usual | {"deposits": deposits})) for deposits in (-0.2, 0.0, 0.2)]
    assert spends[0] > spends[1] > spends[2]
    assert mean(shares("household", "consumption", usual | {"inflation": 0.6})) < spends[1]
    borrows = [shares("household", "borrowing", usual | {"debt": debt})[1] for debt in (0.5, 0.9, 2.0)]
    assert borrows[0] > borrows[1] > borrows[2] == 0.0
    assert shares("household", "borrowing", usual | {"employed": 0.0})[1] == 0.0


def test_a_bank_by_rule_widens_its_margin_when_capital_is_missing():
    sound = {"capital_ratio": 1.0, "liquidity": 0.2, "lending_rate": 0.33, "deposit_rate": 0.3}
    weak = sound | {"capital_ratio": 0.8}

    def steps(head, seen):
        return mean(shares("commercial_bank", head, seen))

    assert steps("lending_rate", weak) > steps("lending_rate", sound)
    assert steps("deposit_rate", weak) < steps("deposit_rate", sound)
    assert steps("deposit_rate", sound | {"liquidity": 0.0}) > 2.0
    assert shares("commercial_bank", "risk_tolerance", weak)[0] == 1.0
