"""What holds in every economy: any configuration, actions, shocks, entry and exit.

``MACRO_MESA_CASES=2000 pytest tests/test_properties.py`` tries as many cases of each property, other ones every time.
"""

import tempfile

import numpy as np
import pytest
import random_cases
from conftest import check_jobs, history, run, run_until
from hypothesis import assume, given
from hypothesis import strategies as st

from macro_mesa import ConfigError, MacroModel, Parameters
from macro_mesa.aggregates import ECONOMY_COLUMNS
from macro_mesa.schedule import MONTH
from macro_mesa.shocks import SHOCK_KINDS
from macro_mesa.spaces import AGENT_TYPES, SPACES

TOLERANCE = 1e-9  # relative to all deposits
SIZES = ("num_households", "num_firms", "num_banks")
# any two values within their own bounds make an economy, but for these, which others bound
TIED = {*SIZES, "opening_policy_rate", "lower_bound", "upper_bound", "resolution_trigger", "resolution_capital"}
EVENTS = ("nothing", "household enters", "household leaves", "firm enters", "firm leaves", "bank enters", "bank leaves")


def cases(number):
    return random_cases.cases(number, "MACRO_MESA_CASES")


class Stubborn:
    """The same choice for everybody in every month."""

    def __init__(self, choice):
        self.choice = choice

    def act(self, observations, draws):
        return np.tile(np.array(self.choice, dtype=np.int64), (len(draws), 1))


# --- what is drawn
@st.composite
def sizes(draw):
    households = draw(st.integers(1, 30))
    workers = max(1, round(0.94 * households))
    firms, banks = draw(st.integers(1, min(8, workers))), draw(st.integers(1, min(5, households)))
    return dict(zip(SIZES, (households, firms, banks), strict=True))


def value_of(name):
    """Any value of a parameter within its bounds; counts of months and quotes stay small."""
    field = Parameters.model_fields[name]
    if hasattr(field.annotation, "__args__"):
        return st.sampled_from(field.annotation.__args__)
    if field.annotation is bool:
        return st.booleans()
    bounds = {sign: getattr(entry, sign) for entry in field.metadata for sign in ("ge", "gt", "le", "lt")
              if getattr(entry, sign, None) is not None}  # fmt: skip
    low, high = bounds.get("ge", bounds.get("gt")), bounds.get("le", bounds.get("lt"))
    if field.annotation is int:
        return st.integers(low, min(high, low + 60))
    return st.floats(low, high, exclude_min="gt" in bounds, exclude_max="lt" in bounds, allow_subnormal=False)


@st.composite
def configurations(draw):
    """Sizes, and up to six parameters anywhere within their bounds."""
    names = draw(st.lists(st.sampled_from(sorted(set(Parameters.model_fields) - TIED)), max_size=6, unique=True))
    return draw(sizes()) | {name: draw(value_of(name)) for name in names}


@st.composite
def policies(draw):
    """For each type a rule, chance, or the same choice for ever."""
    stubborn = {kind: st.builds(Stubborn, st.tuples(*(st.integers(0, size - 1) for size in SPACES[kind].head_sizes)))
                for kind in AGENT_TYPES}  # fmt: skip
    return {kind: draw(st.one_of(st.sampled_from(["rule", "random"]), stubborn[kind])) for kind in AGENT_TYPES}


@st.composite
def shocks(draw):
    sizes_of = {"policy_rate": 0.2, "cost": 1.0, "productivity": 1.0, "demand": 1.0, "default": 5_000.0}
    assert sizes_of.keys() == SHOCK_KINDS.keys()
    kind = draw(st.sampled_from(sorted(sizes_of)))
    size = draw(st.floats(-sizes_of[kind], sizes_of[kind], allow_subnormal=False))
    return {"kind": kind, "size": size, "start": draw(st.integers(1, 12)), "duration": draw(st.integers(1, 12))}


# --- what is checked
def happen(model, event, place):
    """Let an agent come or go, unless it is the last of its type."""
    populations = {"household": model.households, "firm": model.firms, "bank": model.commercial_banks}
    population = populations.get(event.split()[0])
    if event.endswith("leaves") and len(population) > 1:
        model.remove_agent(population[place % len(population)])
    elif event == "household enters":
        model.add_households(2)
    elif event == "firm enters":
        model.add_firm()
    elif event == "bank enters":
        model.add_bank()


def check(model):
    """Books close, nobody has less than nothing, the labour force adds up, loans have two ends."""
    households, firms, banks = model.households, model.firms, model.commercial_banks
    total = max(households.deposits.sum() + firms.deposits.sum(), 1e-300)
    assert model.ledger.residual() < TOLERANCE
    for column in (households.deposits, firms.deposits, households.debt, firms.debt):
        assert column.min() >= -TOLERANCE * total
    assert firms.price.min() > 0.0
    assert min(firms.inventory.min(), firms.capital.min(), firms.wage_offer.min()) >= 0.0
    check_jobs(model)
    unemployed = len(households) - firms.employment.sum()
    if model.month:
        assert model.economy["unemployment"][0] == pytest.approx(unemployed / len(households), abs=1e-12)
    owed = np.zeros(len(banks))
    for borrowers in (households, firms):
        in_debt = borrowers.debt > 0.0
        assert ((borrowers.lender_id[in_debt] >= 0) & (borrowers.lender_id[in_debt] < len(banks))).all()
        owed += np.bincount(borrowers.lender_id, borrowers.debt, len(banks))
    np.testing.assert_allclose(banks.loans, owed, rtol=0.0, atol=TOLERANCE * max(total, owed.sum()))
    for kind in AGENT_TYPES:
        table = model.populations[kind].table
        assert all(np.isfinite(table[name]).all() for name in table.dtype.names)
        assert np.isfinite(model.populations[kind].reward()).all()
        assert np.isfinite(model.populations[kind].observe()).all()


# --- the properties
@cases(150)
@given(
    configurations(), policies(), st.lists(shocks(), max_size=3),
    st.lists(st.tuples(st.sampled_from(EVENTS), st.integers(0, 100)), min_size=1, max_size=12), st.integers(0, 9_999),
)  # fmt: skip
def test_any_economy_keeps_its_books(configuration, policy, dated, events, seed):
    try:
        model = MacroModel(**configuration, policy=policy, shocks=dated, rng=seed)
    except ConfigError:
        assume(False)
    check(model)
    for event, place in events:
        model.step()
        check(model)
        happen(model, event, place)
        if model.month:
            check_jobs(model)
            assert model.ledger.residual() < TOLERANCE
    assert np.isfinite(history(model).to_numpy()).all()


def is_money(column):
    """By the unit that the column itself names; opening loans are in opening prices and meet the price level."""
    return column.unit.startswith("money") and column.name != "opening_loans"


def scale_money(model, factor):
    """All money, prices and wages times ``factor``."""
    for population in model.populations.values():
        for column in filter(is_money, population.core.columns):
            getattr(population, column.name)[:] *= factor
    for column in ECONOMY_COLUMNS:
        if is_money(column) or column.name == "price_level":
            model.economy[column.name] *= factor
    model.history[0] *= factor
    model.history[2] += np.log(factor)
    if model.parameters.money_target == "nominal_path":
        model.parameter_record["outside_money_target"] *= factor  # the path is in opening money
    model.ledger.open_month()


@cases(25)
@given(
    sizes(), st.sampled_from(["rule", "random"]), st.sampled_from(["nominal_path", "real_balances"]),
    st.sampled_from([2.0**-20, 0.5, 2.0**10]), st.integers(0, 9_999),
)  # fmt: skip
def test_the_unit_of_money_does_not_matter(size, policy, target, factor, seed):
    """Powers of two are exact in floating point, so nothing but a hidden absolute amount can tell two units apart."""
    model = run(MacroModel(**size, policy=policy, money_target=target, rng=seed), 6)
    twin = model.fork()
    scale_money(twin, factor)
    for _ in range(12):
        model.step()
        twin.step()
    for kind, population in model.populations.items():
        for column in population.core.columns:
            scale = factor if is_money(column) else 1.0
            np.testing.assert_allclose(
                getattr(twin.populations[kind], column.name), scale * getattr(population, column.name),
                rtol=1e-7, atol=1e-9 * scale, err_msg=f"{kind} {column.name}",
            )  # fmt: skip
        np.testing.assert_allclose(twin.populations[kind].reward(), population.reward(), rtol=1e-6, atol=1e-8)


def permuted(model, rng):
    """A twin whose agents stand in other rows, and where each of them came from."""
    twin = model.fork()
    orders = {kind: rng.permutation(len(population)) for kind, population in model.populations.items()}
    for kind, order in orders.items():
        twin.populations[kind].table[:] = model.populations[kind].table[order]
    places = {kind: np.argsort(order) for kind, order in orders.items()}
    employed = twin.households.employed
    twin.households.employer_id[employed] = places["firm"][twin.households.employer_id[employed]]
    for clients in (twin.households, twin.firms):
        clients.bank_id[:] = places["commercial_bank"][clients.bank_id]
        clients.lender_id[:] = places["commercial_bank"][clients.lender_id]
    return twin, orders


REFERENCES = ("bank_id", "lender_id", "employer_id")


@cases(25)
@given(sizes(), st.sampled_from(["rule", "random"]), st.integers(0, 9_999))
def test_the_order_of_agents_does_not_matter_where_nothing_is_drawn(size, policy, seed):
    """Payments, resolution, statistics, tables, observations and rewards of agents in other rows."""
    model = run(MacroModel(**size, policy=policy, rng=seed), 8)
    run_until(model, "pay out")
    twin, orders = permuted(model, np.random.default_rng(seed))
    names = [getattr(stage, "name", "") for stage in MONTH]
    for stage in MONTH[names.index("pay out") :]:
        stage.run(model)
        stage.run(twin)
    for kind, population in model.populations.items():
        other = twin.populations[kind]
        for column in population.core.columns:
            if column.name not in REFERENCES:
                np.testing.assert_allclose(
                    getattr(other, column.name), getattr(population, column.name)[orders[kind]], rtol=1e-9, atol=1e-9,
                    err_msg=f"{kind} {column.name}",
                )  # fmt: skip
        np.testing.assert_allclose(other.reward(), population.reward()[orders[kind]], rtol=1e-9, atol=1e-9)
        if kind != "firm":  # a firm samples its rivals by row
            np.testing.assert_allclose(other.observe(), population.observe()[orders[kind]], rtol=1e-5, atol=1e-6)
    for column in ECONOMY_COLUMNS:
        if column.name != "accounting_residual":  # rounding alone
            assert twin.economy[column.name][0] == pytest.approx(model.economy[column.name][0], rel=1e-9, abs=1e-9)
    sheet = model.ledger.balance_sheet()
    np.testing.assert_allclose(twin.ledger.balance_sheet(), sheet, rtol=1e-9, atol=1e-9 * sheet.abs().to_numpy().max())
    np.testing.assert_allclose(twin.ledger.flow_matrix(), model.ledger.flow_matrix(), rtol=1e-9, atol=1e-9)


@cases(25)
@given(sizes(), st.integers(0, 9_999))
def test_policies_answer_each_agent_by_what_it_sees(size, seed):
    """Agents in another order, with their draws, choose the same."""
    model = run(MacroModel(**size, rng=seed), 3)
    rng = np.random.default_rng(seed)
    for kind, policy in model.policies.items():
        seen = model.populations[kind].observe()
        draws = model.action_draws(kind).copy()
        order = rng.permutation(len(seen))
        np.testing.assert_array_equal(policy.act(seen[order], draws[order]), policy.act(seen, draws)[order])


@cases(15)
@given(configurations(), st.sampled_from(["rule", "random"]), st.integers(0, 9_999), st.integers(0, 6))
def test_any_economy_is_saved_forked_and_repeated_exactly(configuration, policy, seed, months):
    try:
        model = run(MacroModel(**configuration, policy=policy, rng=seed), months)
    except ConfigError:
        assume(False)
    with tempfile.TemporaryDirectory() as folder:
        model.save(f"{folder}/model")
        loaded = MacroModel.load(f"{folder}/model")
    again = run(MacroModel(**configuration, policy=policy, rng=seed), months)
    followers = [run(each, 3) for each in (model.fork(), loaded, again)]
    run(model, 3)
    for each in followers:
        assert history(each).equals(history(model))
        for kind in AGENT_TYPES:
            np.testing.assert_array_equal(each.populations[kind].table, model.populations[kind].table)
