"""Agents are live views on columns, however their population changes."""

import numpy as np
import pytest
from conftest import SIZES, economy, history, run

from macro_mesa import MacroModel
from macro_mesa.agents import CentralBank, CommercialBank, Firm, Household
from macro_mesa.population import Column, StaleAgentError
from macro_mesa.spaces import values

LEAST, *_, MOST = values("household", "consumption")


class Saver(Household):
    """Sees nothing, always spends least, is paid for deposits, and counts its months."""

    columns = (Column("patience", "f8", "months", "Months it has waited", 3.0),)

    @classmethod
    def observe(cls, population):
        return np.zeros_like(super().observe(population))

    @classmethod
    def apply(cls, population, actions, rows=None):
        rows = np.arange(len(population)) if rows is None else rows
        super().apply(population, np.zeros_like(actions), rows)
        population.patience[rows] += 1.0

    @classmethod
    def reward(cls, population):
        return population.deposits.copy()


class Idler(Household):
    def decide(self):
        return (4, 0, 0)


class Counter(Firm):
    def decide(self):
        # as it would be written by a researcher: from its own observation, one agent at a time
        return (2, 0 if self.observation[1] > 0.67 else 2, self.unique_id % 3)


def test_views_read_and_write_their_columns():
    model = economy()
    household = model.households[4]
    household.wage = 1.25
    assert model.households.wage[4] == 1.25
    model.households.wage[4] = 1.5
    assert household.wage == 1.5
    assert household.row == 4
    model.central_bank.policy_rate = 0.07
    assert model.central_banks.policy_rate[0] == 0.07
    assert isinstance(household.employed, bool)
    assert isinstance(model.firms[0].employment, int)


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        (Household, "deposits debt wage employed bank_id"),
        (Firm, "deposits debt price inventory capital wage_offer employment bank_id"),
        (CommercialBank, "loans deposits reserves advances equity lending_rate deposit_rate"),
        (CentralBank, "policy_rate reserves advances equity"),
    ],
)
def test_agents_have_the_contract_s_attributes(kind, names):
    agent = economy().agents_by_type[kind][0]
    for name in names.split():
        assert getattr(agent, name) is not None


def test_agents_are_mesa_agents_of_their_types():
    model = economy(SIZES[1], opening="equal")
    assert len(model.agents) == 126
    assert {kind: len(agents) for kind, agents in model.agents_by_type.items()} == {
        Household: 100, Firm: 20, CommercialBank: 5, CentralBank: 1,
    }  # fmt: skip
    assert set(model.agents.select(agent_type=Firm)) == set(model.firms)
    rich = model.agents.select(agent_type=Household).select(lambda agent: agent.deposits > 4.0)
    assert len(rich) == 100
    assert len({agent.unique_id for agent in model.agents}) == 126


def test_an_unknown_column_names_the_known():
    with pytest.raises(AttributeError, match="household has no column 'depositz'; there are deposits"):
        _ = economy().households.depositz


def test_replace_retires_the_agent_and_keeps_its_books():
    model = economy()
    old = model.firms[1]
    money, old_id = old.deposits, old.unique_id
    model.firms.replace(1)
    new = model.firms[1]
    assert new.unique_id not in {old_id, *(agent.unique_id for agent in model.agents if agent is not new)}
    assert new.deposits == money
    assert model.firms.terminated.tolist() == [False, True, False]
    assert len(model.agents_by_type[Firm]) == 3
    assert old not in model.agents
    for use in (lambda: old.deposits, lambda: setattr(old, "deposits", 1.0), lambda: old.row, lambda: old.observation):
        with pytest.raises(StaleAgentError, match=f"Firm {old_id} has left"):
            use()
    assert new.deposits == money


def test_extend_keeps_agents_and_doubles_the_room():
    model = economy()
    first = model.households[0]
    before = model.households.table.copy()
    rows = model.households.extend(1)
    assert rows == range(10, 11)
    capacity = len(model.households._storage)
    assert capacity == 20
    model.households.extend(9)
    assert len(model.households._storage) == capacity
    model.households.extend(1)
    assert len(model.households._storage) == 2 * capacity
    assert len(model.households) == len(model.agents_by_type[Household]) == len(model.households.agents) == 21
    np.testing.assert_array_equal(model.households.table[:10], before)
    assert model.households.consumption_rate[10:].tolist() == [0.149] * 11
    assert not model.households.terminated.any()
    first.wage = 9.0
    assert model.households.wage[0] == 9.0


def test_discard_moves_the_last_agent_into_the_gap():
    model = economy()
    gone, moved, stays = model.households[2], model.households[9], model.households[8]
    model.households.savings_taste[:] = np.arange(10)
    assert model.households.discard(2) == 9
    assert len(model.households) == len(model.agents_by_type[Household]) == 9
    assert model.households.savings_taste.tolist() == [0, 1, 9, 3, 4, 5, 6, 7, 8]
    assert (moved.row, moved.savings_taste) == (2, 9.0)
    assert (stays.row, stays.savings_taste) == (8, 8.0)
    with pytest.raises(StaleAgentError):
        _ = gone.savings_taste
    assert model.households.discard(8) == 8  # the last one leaves nobody to move
    assert model.households.savings_taste.tolist() == [0, 1, 9, 3, 4, 5, 6, 7]


def test_an_entrant_on_a_used_row_starts_from_initial_values():
    model = economy()
    model.households.extend(1, Saver)
    model.households.patience[10] = 99.0
    model.households.hours[10] = 0.25
    model.households.discard(10)
    model.households.extend(1, Saver)
    assert model.households.patience[10] == 3.0
    assert model.households.hours[10] == 1.0


def test_observations_that_somebody_holds_stay_as_they_were():
    model = economy(SIZES[1], rng=4)
    held = model.households.observe()
    row, seen = model.households[0].observation, held.copy()
    run(model, 3)
    np.testing.assert_array_equal(held, seen)
    np.testing.assert_array_equal(row, seen[0])
    assert not np.array_equal(model.households.observe(), seen)


def test_observations_that_nobody_holds_are_written_over():
    model = economy(SIZES[1], rng=4)
    places = {model.households.observe().ctypes.data for _ in range(5)}
    assert len(places) == 1
    assert model.fork().households.observe().ctypes.data not in places


def test_a_subclass_sees_acts_and_is_rewarded_in_its_own_way_beside_the_others():
    model = economy(policy="random")
    model.households.recast([1, 5], Saver)
    assert set(model.households.classes) == {Household, Saver}
    assert len(model.agents_by_type[Saver]) == 2
    seen = model.households.observe()
    assert not seen[[1, 5]].any()
    assert seen[[0, 2, 3, 4, 6, 7, 8, 9]].any(axis=1).all()
    run(model, 2)
    assert model.households.patience[[0, 1, 5]].tolist() == [3.0, 5.0, 5.0]
    assert model.households[5].patience == 5.0
    assert model.households.consumption_rate[[1, 5]].tolist() == [LEAST, LEAST]
    rewards = model.households.reward()
    np.testing.assert_array_equal(rewards[[1, 5]], model.households.deposits[[1, 5]])
    others = [0, 2, 3, 4, 6, 7, 8, 9]
    np.testing.assert_array_equal(rewards[others], Household.reward(model.households)[others])


def test_a_model_class_may_be_made_of_subclasses_alone():
    class SaversOnly(MacroModel):
        agent_classes = {**MacroModel.agent_classes, "household": Saver}

    model = run(SaversOnly(num_households=10, num_firms=3, num_banks=2, policy="random", rng=1), 3)
    assert model.households.patience.tolist() == [6.0] * 10
    np.testing.assert_array_equal(model.households.reward(), model.households.deposits)
    assert history(model).accounting_residual.max() < 1e-9


def test_recasting_to_another_type_is_refused():
    with pytest.raises(TypeError, match="Counter must be a subclass of Household"):
        economy().households.recast([0], Counter)


def test_single_agents_may_decide_in_plain_python():
    model = economy(policy="rule")
    model.households.recast([3], Idler)
    model.firms.recast([0, 2], Counter)
    target, plans = model.firms.employment_target.copy(), model.firms.investment_plan.copy()
    crowded = model.firms.observe()[:, 1] > 0.67
    run(model, 1)
    assert (model.households[3].consumption_rate, model.households[3].hours) == (MOST, 0.5)
    assert np.delete(model.households.hours, 3).tolist() == [1.0] * 9  # the rule works full time
    for row in (0, 2):
        firm = model.firms[row]
        assert firm.price == firm.last_price
        assert firm.employment_target == max(1, target[row] + (-1 if crowded[row] else 1))
        multiple = values("firm", "investment")[firm.unique_id % 3]
        planned = multiple * model.parameters.depreciation_rate / 12.0
        worn = 1.0 - model.parameters.depreciation_rate / 12.0
        wanted = planned * (firm.capital - firm.investment) / worn
        step = model.parameters.investment_adjustment
        assert firm.investment_plan == pytest.approx(plans[row] + step * (wanted - plans[row]))


@pytest.mark.parametrize("decision", [(1, 0), (1, 0, 0, 0), (5, 0, 0), (-1, 0, 0)])
def test_a_decision_that_is_none_is_refused(decision):
    class Wrong(Household):
        def decide(self):
            return decision

    model = economy()
    model.households.recast([0], Wrong)
    with pytest.raises(ValueError, match=r"must (return|have shape)"):
        model.step()


def test_an_agent_without_its_own_decision_says_so():
    with pytest.raises(NotImplementedError, match="Household"):
        economy().households[0].decide()


def test_two_models_of_one_class_leave_each_other_alone():
    alone = history(economy(SIZES[1], 12, policy="random", rng=4))
    one = economy(SIZES[1], policy="random", rng=4)
    other = economy(SIZES[0], policy="rule", rng=5)
    for _ in range(12):
        other.step()
        one.step()
        other.firms.price[:] *= 1.01
    assert history(one).equals(alone)
    assert not set(one.agents) & set(other.agents)
    other.households.recast([0], Saver)
    assert "patience" in other.households.column_names
    assert "patience" not in one.households.column_names
