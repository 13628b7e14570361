"""Money comes from somewhere and goes somewhere: every month, under every policy, rule and shock."""

from pathlib import Path

import numpy as np
import pytest
from conftest import SIZES, economy, history, run, run_until, sized

from macro_mesa import MacroModel
from macro_mesa.ledger import FLOWS, SECTORS
from macro_mesa.schedule import MONTH, Decision
from macro_mesa.shocks import SHOCK_KINDS

TOLERANCE = 1e-9  # relative to all deposits
# a wave in which nearly every borrower defaults, so that firms fail and banks are resolved
WAVE = {"kind": "default", "size": 5_000.0, "start": 30, "duration": 2}
SCENARIOS = {
    "spread": {"bank_pricing": "spread"},
    "fire_sale": {"bankruptcy_rule": "fire_sale"},
    "bail_in": {"resolution_rule": "bail_in"},
    "inside_money": {"money_anchor": False},
    "pareto": {"ownership": "pareto"},
    "harsh": {"grace_months": 0, "recovery_share": 0.0, "minimum_debt_cut": 1.0, "default_recovery": 0.0},
    "everything": {
        "bank_pricing": "spread", "bankruptcy_rule": "fire_sale", "resolution_rule": "bail_in",
        "money_anchor": False, "ownership": "pareto",
    },
}  # fmt: skip
SHOCK_SIZES = {"policy_rate": 0.03, "cost": 0.3, "productivity": -0.3, "demand": 0.5, "default": 5_000.0}


def stocks(model: MacroModel) -> dict[str, float]:
    """Totals by sector, added up in numpy from the agents."""
    households, firms, banks, central_bank = (
        model.households, model.firms, model.commercial_banks, model.central_bank,
    )  # fmt: skip
    return {
        "household deposits": households.deposits.sum(),
        "household debt": households.debt.sum(),
        "firm deposits": firms.deposits.sum(),
        "firm debt": firms.debt.sum(),
        "bank equity": banks.equity.sum(),
        "reserves": banks.reserves.sum(),
        "advances": banks.advances.sum(),
        "outside money": -central_bank.equity,
    }


def check_identities(model: MacroModel) -> None:
    """Balance sheets recomputed from the agents, each against its counterpart."""
    households, firms, banks, central_bank = (
        model.households, model.firms, model.commercial_banks, model.central_bank,
    )  # fmt: skip
    number = len(banks)
    deposits = np.bincount(households.bank_id, households.deposits, number)
    deposits += np.bincount(firms.bank_id, firms.deposits, number)
    loans = np.bincount(households.lender_id, households.debt, number)
    loans += np.bincount(firms.lender_id, firms.debt, number)
    margin = {"rtol": 0.0, "atol": TOLERANCE * deposits.sum()}
    np.testing.assert_allclose(banks.deposits, deposits, **margin)
    np.testing.assert_allclose(banks.loans, loans, **margin)
    np.testing.assert_allclose(
        banks.equity, banks.loans + banks.reserves - banks.deposits - banks.advances, **margin
    )  # fmt: skip
    np.testing.assert_allclose(central_bank.reserves, banks.reserves.sum(), **margin)
    np.testing.assert_allclose(central_bank.advances, banks.advances.sum(), **margin)
    np.testing.assert_allclose(central_bank.equity, central_bank.advances - central_bank.reserves, **margin)
    price_level = history(model).price_level.iloc[-1]
    real = price_level * (firms.capital.sum() + firms.inventory.sum())
    net_worth = (households.deposits - households.debt).sum() + (firms.deposits - firms.debt).sum() + real
    net_worth += banks.equity.sum() + central_bank.equity
    np.testing.assert_allclose(net_worth, real, **margin)
    assert min(households.deposits.min(), firms.deposits.min(), households.debt.min(), firms.debt.min()) > -1e-9
    assert min(firms.inventory.min(), firms.capital.min()) >= 0.0


def check_tables(model: MacroModel) -> None:
    """The two checks of the design on the ledger's own tables."""
    sheet, flows = model.ledger.balance_sheet(), model.ledger.flow_matrix()
    margin = TOLERANCE * sheet.loc["deposits", ["household", "firm"]].sum()
    assert flows.index[:-1].tolist() == list(FLOWS)
    assert flows.columns[:-1].tolist() == list(SECTORS)
    body = flows.to_numpy()[:-1, :-1]
    assert np.abs(body).sum() > 0.0
    np.testing.assert_allclose(body.sum(axis=0), 0.0, atol=margin)
    np.testing.assert_allclose(body.sum(axis=1), 0.0, atol=margin)
    np.testing.assert_allclose(flows["sum"], 0.0, atol=margin)
    np.testing.assert_allclose(sheet.loc[["deposits", "loans", "reserves", "advances"], "sum"], 0.0, atol=margin)
    real = sheet.loc[["capital", "inventories"], "sum"].sum()
    assert real > 0.0
    assert sheet.loc["net worth", "sum"] == pytest.approx(real, abs=margin)
    assert model.ledger.residual() < TOLERANCE


def check_long_run(model: MacroModel, months: int = 240) -> None:
    """All checks at months 1, 12 and the last, the audit's own in every month."""
    for month in sorted({1, 12, months}):
        run(model, month - model.month)
        check_tables(model)
        check_identities(model)
    frame = history(model)
    assert frame.accounting_residual.max() < TOLERANCE
    assert np.isfinite(frame.to_numpy()).all()


def assert_failures_happened(model: MacroModel) -> None:
    frame = history(model)
    assert frame.bankruptcies.sum() > 0
    assert frame.bank_resolutions.sum() > 0
    assert frame.household_defaults.sum() > 0
    assert frame.write_offs.max() > 0.0


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("policy", ["random", "rule", "learned"])
def test_books_close_through_failures(size, policy, checkpoint: Path):
    choice = checkpoint if policy == "learned" else policy
    model = economy(size, policy=choice, shocks=[WAVE], rng=size[0])
    check_long_run(model)
    assert_failures_happened(model)


@pytest.mark.parametrize("policy", ["random", "rule"])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_books_close_under_every_rule(scenario, policy):
    model = economy(SIZES[1], policy=policy, shocks=[WAVE], rng=5, **SCENARIOS[scenario])
    check_long_run(model, 120)
    assert_failures_happened(model)


@pytest.mark.parametrize("kind", SHOCK_KINDS)
def test_books_close_under_every_shock(kind):
    shocks = [{"kind": kind, "size": SHOCK_SIZES[kind], "start": 5, "duration": 12}]
    check_long_run(economy(SIZES[1], policy="rule", shocks=shocks, rng=6), 60)


@pytest.mark.parametrize("seed", range(3))
def test_books_close_on_other_seeds(seed):
    check_long_run(economy(SIZES[1], policy="random", rng=100 + seed))


def test_resolutions_go_through_the_books_as_their_rule_says():
    """Injection makes outside money, bail-in costs depositors, a fire sale costs the owners."""

    def flows_of_the_wave(**rules):
        """The first month of the wave in which a bank was resolved and a firm had failed."""
        model = economy(SIZES[1], shocks=[WAVE], rng=5, **rules)
        while True:
            before = stocks(model)
            flows = run(model, 1).ledger.flow_matrix()
            if model.commercial_banks.resolved.any() and model.firms.bankrupt.any():
                return flows, before, model
            assert model.month < 60, "the wave broke no bank"

    flows, _, _ = flows_of_the_wave()
    assert flows.loc["bank resolution", "bank"] > 0.0
    assert flows.loc["bank resolution", "bank"] == -flows.loc["bank resolution", "central bank"]
    assert flows.loc["equity issue", "household"] == 0.0
    flows, before, model = flows_of_the_wave(resolution_rule="bail_in")
    assert flows.loc["bank resolution", "bank"] == 0.0
    lost = model.ledger.revaluations[1]
    assert lost > 0.0
    after = stocks(model)
    gained = -flows.loc["change in deposits", "household"]
    assert after["household deposits"] == pytest.approx(before["household deposits"] + gained - lost)
    flows, _, _ = flows_of_the_wave(bankruptcy_rule="fire_sale")
    assert flows.loc["equity issue", "household"] == pytest.approx(-flows.loc["equity issue", "firm capital"])
    assert flows.loc["equity issue", "household"] < 0.0


def test_flows_follow_from_what_the_agents_remember():
    """Every transaction again from agents' own columns, and each sector's sum from its change of stocks."""
    model = economy(SIZES[1], 6, policy="rule", default_hazard=0.0, rng=2)
    wages_before = history(model).wage.iloc[-1]
    before = stocks(model)
    households, firms, banks = model.households, model.firms, model.commercial_banks
    owed = firms.interest.copy()
    run(model, 1)
    after = stocks(model)
    flows, frame = model.ledger.flow_matrix(), history(model).iloc[-1]
    assert frame.write_offs == 0.0  # so that debt changes by lending and repayment alone
    assert not np.array_equal(owed, firms.interest)
    spent, revenue = households.spending.sum(), firms.revenue.sum()
    dividends = firms.dividends.sum() + banks.dividends.sum()
    unemployed = len(households) - households.employed.sum()
    benefits = model.parameters.benefit_replacement * wages_before * unemployed
    tax = frame.tax_rate * firms.wage_bill.sum()
    expected = {
        ("consumption", "household"): -spent,
        ("consumption", "firm current"): spent,
        ("investment", "firm capital"): spent - revenue,
        ("wages", "household"): firms.wage_bill.sum(),
        ("loan interest", "bank"): banks.interest_income.sum(),
        ("deposit interest", "bank"): -banks.interest_expense.sum(),
        ("corridor interest", "bank"): banks.corridor_income.sum(),
        ("operating cost", "household"): banks.operating_cost.sum(),
        ("dividends", "household"): dividends,
        ("unemployment benefit", "household"): benefits,
        ("wage tax", "central bank"): tax,
    }
    for (flow, sector), amount in expected.items():
        assert flows.loc[flow, sector] == pytest.approx(amount, rel=1e-10), flow
    assert unemployed > 0
    change = {name: after[name] - before[name] for name in after}
    paid = flows.loc["loan interest"]
    income = households.income.sum() - spent + paid["household"]
    assert change["household deposits"] - change["household debt"] == pytest.approx(income, abs=1e-9)
    profit = revenue - firms.wage_bill.sum() - firms.interest.sum() - firms.dividends.sum()
    invested = revenue - spent
    assert change["firm deposits"] - change["firm debt"] == pytest.approx(profit - invested, abs=1e-9)
    retained = banks.profit.sum() - banks.dividends.sum()
    assert change["bank equity"] == pytest.approx(retained, abs=1e-9)
    made = benefits - tax + banks.corridor_income.sum()
    assert change["outside money"] == pytest.approx(made, abs=1e-9)
    assert change["reserves"] - change["advances"] == pytest.approx(made, abs=1e-9)


@pytest.mark.parametrize(
    ("population", "column"),
    [
        ("households", "deposits"), ("households", "debt"), ("firms", "deposits"), ("firms", "debt"),
        ("commercial_banks", "loans"), ("commercial_banks", "deposits"), ("commercial_banks", "equity"),
        ("commercial_banks", "reserves"), ("commercial_banks", "advances"),
        ("central_banks", "reserves"), ("central_banks", "advances"), ("central_banks", "equity"),
    ],
)  # fmt: skip
def test_a_leak_is_found(population, column):
    model = economy(SIZES[1], 3)
    getattr(getattr(model, population), column)[0] += 0.01
    with pytest.raises(FloatingPointError, match="books do not close in month 4"):
        model.step()
    assert model.ledger.residual() > 1e-6


def test_a_small_leak_is_seen_at_once():
    model = economy(SIZES[1], 3)
    assert model.ledger.residual() < 1e-12
    model.households.deposits[7] += 1e-5
    assert model.ledger.residual() > TOLERANCE


def test_money_given_without_a_booking_is_found_although_every_balance_sheet_holds():
    model = economy(SIZES[1], 3)
    run_until(model, "trade goods")
    gift, household = 0.5, model.households[0]
    bank = model.commercial_banks[household.bank_id]
    household.deposits += gift
    bank.deposits += gift
    bank.reserves += gift
    model.central_bank.reserves += gift
    model.central_bank.equity -= gift
    rest = [stage for stage in MONTH if not isinstance(stage, Decision)]
    names = [stage.name for stage in rest]
    for stage in rest[names.index("trade goods") :]:
        stage.run(model)
    assert model.ledger.residual() > 1e-5


def test_the_opening_balance_sheet_is_the_design_s():
    sheet = economy(SIZES[1], opening="equal").ledger.balance_sheet().round(1)
    assert sheet.loc["deposits"].tolist() == [454.8, 94.0, -548.8, 0.0, 0.0]
    assert sheet.loc["loans"].tolist() == [-200.0, -299.2, 499.2, 0.0, 0.0]
    assert sheet.loc["reserves", ["bank", "central bank"]].tolist() == [99.5, -99.5]
    assert sheet.loc["capital", "firm"] == 1222.0
    assert sheet.loc["net worth"].tolist() == [254.8, 1063.8, 49.9, -99.5, 1269.0]


def test_openings_of_any_size_have_the_same_ratios():
    def a_household(size):
        model = MacroModel(**sized(*size), opening="equal", rng=1)
        return model.ledger.balance_sheet().to_numpy() / size[0]

    np.testing.assert_allclose(a_household((100, 20, 5)), a_household((400, 80, 5)), rtol=1e-12, atol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
def test_fifty_years_of_random_play_close_the_books(seed):
    model = economy(SIZES[2], 600, policy="random", rng=200 + seed)
    frame = history(model)
    assert len(frame) == 601
    assert frame.accounting_residual.max() < TOLERANCE
    assert np.isfinite(frame.to_numpy()).all()
    check_identities(model)
    for population in model.populations.values():
        assert all(np.isfinite(population.table[name]).all() for name in population.table.dtype.names)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_output_never_stays_below_half_of_full_employment(seed):
    model = economy(SIZES[2], 600, policy="rule", rng=300 + seed)
    # a worker makes one unit a month at the opening's capital intensity
    below = history(model).gdp < 0.5 * model.parameters.num_households
    assert not below.rolling(12).sum().ge(12).any()
    assert np.isfinite(history(model).to_numpy()).all()
