"""Entry and exit between months: the books close, references hold, nothing is conjured."""

import numpy as np
import pytest

from macro_mesa import MacroModel
from macro_mesa.agents import Firm, Household
from macro_mesa.population import Column, StaleAgentError


def real_assets(model):
    sheet = model.ledger.balance_sheet()
    return float(sheet.loc[["capital", "inventories"], "sum"].sum())


def check(model):
    """Every identity that entry and exit could break."""
    sheet = model.ledger.balance_sheet()
    assert sheet.loc[["deposits", "loans", "reserves", "advances"], "sum"].abs().max() < 1e-7
    assert sheet.loc["net worth", "sum"] == pytest.approx(real_assets(model))
    households, firms, banks = model.households, model.firms, model.commercial_banks
    assert np.array_equal(households.employed, households.employer_id >= 0)
    jobs = np.bincount(households.employer_id[households.employed], minlength=len(firms))
    assert np.array_equal(firms.employment, jobs)
    assert households.ownership.sum() == pytest.approx(1.0)
    for clients in (households, firms):
        assert clients.bank_id.min() >= 0
        assert clients.bank_id.max() < len(banks)
        assert clients.lender_id.max() < len(banks)
    for name, clients_hold in (("deposits", "deposits"), ("loans", "debt")):
        key = "bank_id" if name == "deposits" else "lender_id"
        held = sum(
            np.bincount(getattr(c, key), getattr(c, clients_hold), minlength=len(banks)) for c in (households, firms)
        )
        assert getattr(banks, name) == pytest.approx(held, abs=1e-9)
    assert banks.equity == pytest.approx(banks.loans + banks.reserves - banks.deposits - banks.advances)


@pytest.fixture
def model():
    economy = MacroModel(policy="random", rng=5)
    for _ in range(12):
        economy.step()
    return economy


def test_a_household_enters_with_nothing_and_finds_its_place(model):
    deposits = model.households.deposits.sum()
    rows = model.add_households(7)
    assert list(rows) == list(range(100, 107))
    assert model.households.deposits.sum() == pytest.approx(deposits)
    assert not model.households.employed[100:].any()
    check(model)
    for _ in range(24):
        model.step()
    assert model.households.employed[100:].any()


def test_a_household_leaves_its_wealth_to_the_others(model):
    leaver = model.households[3]
    wealth = model.households.deposits.sum() - model.households.debt.sum()
    written_off = max(0.0, leaver.debt - leaver.deposits)
    leaver.remove()
    assert len(model.households) == 99
    assert model.households.deposits.sum() - model.households.debt.sum() == pytest.approx(wealth + written_off)
    with pytest.raises(StaleAgentError):
        _ = leaver.deposits
    check(model)


def test_a_firm_is_born_by_splitting_the_largest(model):
    before = {name: getattr(model.firms, name).sum() for name in ("capital", "inventory", "deposits", "debt")}
    firm = model.add_firm()
    assert isinstance(firm, Firm)
    for name, total in before.items():
        assert getattr(model.firms, name).sum() == pytest.approx(total)
    check(model)


def test_a_firm_that_leaves_pays_its_debt_and_its_owners(model):
    firm = model.firms[4]
    jobs = firm.employment
    unemployed = int((~model.households.employed).sum())
    firm.remove()
    assert len(model.firms) == 19
    assert int((~model.households.employed).sum()) == unemployed + jobs
    check(model)


def test_banks_split_and_merge(model):
    equity = model.commercial_banks.equity.sum()
    model.add_bank()
    assert len(model.commercial_banks) == 6
    check(model)
    model.commercial_banks[2].remove()
    model.commercial_banks[0].remove()
    assert len(model.commercial_banks) == 4
    assert model.commercial_banks.equity.sum() == pytest.approx(equity)
    check(model)


def test_the_last_of_a_type_cannot_leave():
    model = MacroModel(num_households=2, num_firms=1, num_banks=1, rng=1)
    for agent in (model.firms[0], model.commercial_banks[0], model.central_bank):
        with pytest.raises(ValueError, match="needs its last"):
            agent.remove()


def test_years_of_coming_and_going():
    model = MacroModel(policy="random", rng=3)
    random = np.random.default_rng(0)

    def someone(population):
        return population[int(random.integers(len(population)))]

    moves = [
        lambda: model.add_households(3),
        lambda: someone(model.households).remove(),
        lambda: model.add_firm(),
        lambda: someone(model.firms).remove(),
        lambda: model.add_bank(),
        lambda: someone(model.commercial_banks).remove(),
    ]
    for month in range(120):
        model.step()
        moves[month % len(moves)]()
        check(model)
    history = model.datacollector.get_model_vars_dataframe()
    assert history["accounting_residual"].max() < 1e-9
    assert len(model.agents) == 1 + len(model.households) + len(model.firms) + len(model.commercial_banks)


def test_newcomers_may_be_of_another_class(model):
    class Saver(Household):
        columns = (Column("patience", "f8", "-", "How patient it is", 0.5),)

    rows = model.add_households(2, Saver)
    model.households[rows[0]].patience = 0.9
    assert isinstance(model.households[rows[0]], Saver)
    assert model.households.patience[rows.start :].tolist() == [0.9, 0.5]
    model.households[0].remove()  # the last newcomer moves into the free row, its columns with it
    assert model.households[0].patience == 0.5
    model.step()
    check(model)
