"""MacroModel: its constructor, its determinism, saving, forking, and Mesa's own tools on it."""

import inspect
import json
import math
import shutil
from pathlib import Path

import mesa
import numpy as np
import pytest
from conftest import SIZES, SMALL, economy, history, run, sized

from macro_mesa import ConfigError, MacroModel, Parameters
from macro_mesa.agents import Household
from macro_mesa.population import Column
from macro_mesa.schedule import MONTH, Decision
from macro_mesa.spaces import AGENT_TYPES
from macro_mesa.state import MODEL


class Hermit(Household):
    columns = (Column("solitude", "f8", "months", "Months alone", 2.0),)


def same(one: MacroModel, other: MacroModel) -> bool:
    """Every column of every agent, every statistic ever published, bit for bit."""
    tables = all(np.array_equal(one.populations[k].table, other.populations[k].table) for k in AGENT_TYPES)
    ids = [[agent.unique_id for agent in model.agents] for model in (one, other)]
    return tables and sorted(ids[0]) == sorted(ids[1]) and history(one).equals(history(other))


# --- constructor
def test_runs_without_an_argument():
    model = run(MacroModel(), 2)
    assert [len(model.populations[kind]) for kind in AGENT_TYPES] == [100, 20, 5, 1]
    assert len(history(model)) == 3
    assert model.month == model.steps == 2


def test_every_parameter_is_a_named_keyword_with_its_default():
    parameters = inspect.signature(MacroModel).parameters
    assert set(parameters) == {*Parameters.model_fields, "policy", "shocks", "rng"}
    for name, field in Parameters.model_fields.items():
        assert parameters[name].default == field.default
        assert parameters[name].kind is inspect.Parameter.KEYWORD_ONLY


@pytest.mark.parametrize(
    ("keywords", "says"),
    [
        ({"num_household": 10}, "unknown key 'num_household'; did you mean .*num_households"),
        ({"polizy": "rule"}, "did you mean policy"),
        ({"num_households": math.nan}, "num_households"),
        ({"num_households": -100}, "num_households must be greater than or equal to 1, got -100"),
        ({"num_firms": 0}, "num_firms"),
        ({"num_banks": 101}, r"num_banks must be at most num_households \(100\), got 101"),
        ({"num_firms": 95}, "num_firms must be at most 94"),
        ({"default_hazard": math.nan}, "default_hazard must be a finite number"),
        ({"policy": "best"}, "policy of household must be one of"),
        ({"policy": {"banker": "rule"}}, "'banker' is none of"),
        ({"rng": -1}, "rng must be a whole number >= 0"),
        ({"rng": "seven"}, "rng must be a whole number"),
        ({"rng": True}, "rng must be a whole number"),
        ({"rng": 1.5}, "rng must be a whole number"),
        ({"shocks": [{"kind": "war", "size": 1.0, "start": 1}]}, "shock kind"),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_sentence(keywords, says):
    with pytest.raises(ConfigError, match=says) as refusal:
        MacroModel(**keywords)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("size", [(1, 1, 1), (2, 1, 2), (30, 28, 30)])
def test_the_smallest_and_the_oddest_economies_live(size):
    frame = history(economy(size, 60, policy="random"))
    assert np.isfinite(frame.to_numpy()).all()
    assert frame.accounting_residual.max() < 1e-9


# --- determinism
@pytest.mark.parametrize("policy", ["rule", "random", "learned"])
def test_the_same_seed_is_the_same_economy_and_another_is_another(policy, checkpoint):
    choice = checkpoint if policy == "learned" else policy
    one, two, other = (economy(SIZES[1], 24, rng=seed, policy=choice) for seed in (5, 5, 6))
    assert same(one, two)
    assert not history(one).equals(history(other))


def test_a_generator_serves_as_a_seed():
    one, two = (economy(SIZES[0], 6, rng=np.random.default_rng(8)) for _ in range(2))
    assert same(one, two)
    assert not same(one, economy(SIZES[0], 6, rng=np.random.default_rng(9)))


def test_without_a_seed_every_economy_is_another():
    one, other = (economy(SIZES[0], 6, rng=None) for _ in range(2))
    assert not same(one, other)


def test_the_month_is_the_design_s():
    order = [stage.agent_type if isinstance(stage, Decision) else stage.name for stage in MONTH]
    wanted = [
        "open month", "central_bank", "commercial_bank", "switch banks", "firm", "household", "hire and fire",
        "grant credit", "work", "trade goods", "service debts", "fail firms", "pay out", "resolve banks",
        "publish statistics",
    ]  # fmt: skip
    assert [name for name in order if name in wanted] == wanted


# --- fork
@pytest.mark.parametrize("policy", ["rule", "random", "learned"])
def test_a_twin_without_a_shock_stays_identical(policy, checkpoint):
    model = economy(SIZES[1], 12, policy=checkpoint if policy == "learned" else policy, rng=3)
    twin = model.fork()
    assert same(model, twin)
    run(twin, 24)
    assert len(history(model)) == 13  # the twin's months are its own
    run(model, 24)
    assert same(model, twin)


def test_a_twin_shares_no_state():
    model = economy(SIZES[1], 6)
    twin = model.fork()
    twin.households.deposits[:] += 1.0
    twin.firms[0].price = 9.0
    twin.add_shock("demand", 0.1, 8)
    assert (twin.households.deposits - model.households.deposits).min() == pytest.approx(1.0)
    assert model.firms.price[0] != 9.0
    assert model.shocks == []
    assert all(agent.model is twin for agent in twin.agents)
    assert twin.households[0].deposits == twin.households.deposits[0]


def test_twins_under_a_rate_shock_differ_by_the_shock_and_share_every_draw():
    model = economy(SIZES[1], 12, policy={"central_bank": "constant"}, rng=3)
    twin = model.fork()
    twin.add_shock("policy_rate", 0.01, start=13, duration=6)
    for month in range(13, 25):
        run(model, 1)
        run(twin, 1)
        on = 0.01 if month < 19 else 0.0
        assert twin.central_bank.policy_rate - model.central_bank.policy_rate == pytest.approx(on, abs=1e-12)
        for name in ("productivity", "taste", "cost"):
            assert twin.economy[name] == model.economy[name]
        np.testing.assert_array_equal(twin.firms.productivity, model.firms.productivity)
        for kind in AGENT_TYPES:
            np.testing.assert_array_equal(twin.action_draws(kind), model.action_draws(kind))
    assert not same(model, twin)


# --- save and load
@pytest.mark.parametrize("policy", ["rule", "random", "learned"])
def test_a_loaded_economy_goes_on_bit_for_bit(policy, checkpoint, tmp_path):
    choice = str(checkpoint) if policy == "learned" else policy
    shocks = [{"kind": "default", "size": 5_000.0, "start": 8}, {"kind": "policy_rate", "size": 0.01, "start": 20}]
    model = economy(SIZES[1], 12, policy=choice, shocks=shocks, rng=4, bank_pricing="spread")
    assert history(model).bankruptcies.sum() > 0  # replaced agents have ids of their own
    model.save(tmp_path / "model")
    loaded = MacroModel.load(tmp_path / "model")
    assert same(model, loaded)
    assert loaded.parameters == model.parameters
    assert (loaded.month, loaded.steps, loaded.time) == (model.month, model.steps, model.time)
    assert loaded.ledger.balance_sheet().equals(model.ledger.balance_sheet())
    assert loaded.ledger.flow_matrix().equals(model.ledger.flow_matrix())
    run(model, 24)
    run(loaded, 24)
    assert same(model, loaded)
    assert [model.random.random(), model.rng.random()] == [loaded.random.random(), loaded.rng.random()]


def test_a_loaded_economy_may_follow_another_policy(tmp_path):
    model = economy(SIZES[1], 6, policy="rule")
    model.save(tmp_path)
    other = run(MacroModel.load(tmp_path, policy="random"), 6)
    assert other.policy == "random"
    assert not same(run(model, 6), other)


def test_subclasses_and_changed_populations_are_saved(tmp_path):
    model = economy(SIZES[1], 3, policy="random")
    model.households.recast([2, 7], Hermit)
    model.households.solitude[:] = np.arange(100.0)
    model.save(tmp_path)
    loaded = MacroModel.load(tmp_path)
    assert [type(agent) for agent in loaded.households] == [type(agent) for agent in model.households]
    np.testing.assert_array_equal(loaded.households.solitude, np.arange(100.0))
    assert same(run(model, 3), run(loaded, 3))


def test_policy_objects_cannot_be_saved(tmp_path):
    class Mine:
        def act(self, observations, draws):
            return np.zeros(draws.shape, dtype=np.int64)

    with pytest.raises(ConfigError, match="policy object Mine cannot be saved"):
        economy(policy={"household": Mine()}).save(tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_a_model_saves_where_it_can_only(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot write"):
        economy().save(tmp_path / "file" / "model")


def damaged(folder: Path, how: str) -> None:
    description, arrays = folder / "model.json", folder / "state.safetensors"
    if how == "folder missing":
        shutil.rmtree(folder)
    elif how == "file missing":
        arrays.unlink()
    elif how == "truncated":
        arrays.write_bytes(arrays.read_bytes()[:-100])
    elif how == "no JSON":
        description.write_text("{")
    elif how == "foreign":
        description.write_text(json.dumps({"format": "something else"}))
    elif how == "other version":
        description.write_text(json.dumps(json.loads(description.read_text()) | {"version": 99}))
    elif how == "incomplete":
        content, meta = MODEL.read(folder)
        del meta["month"]
        MODEL.write(folder, content, meta)


@pytest.mark.parametrize(
    "how", ["folder missing", "file missing", "truncated", "no JSON", "foreign", "other version", "incomplete"]
)
def test_a_damaged_save_is_refused(how, tmp_path):
    folder = tmp_path / "model"
    economy().save(folder)
    damaged(folder, how)
    with pytest.raises(ConfigError) as refusal:
        MacroModel.load(folder)
    assert "\n" not in str(refusal.value)


# --- Mesa's tools
def test_batch_run_over_sizes_and_policies_in_two_processes():
    results = mesa.batch_run(
        MacroModel, parameters={**SMALL, "num_households": [10, 20], "policy": ["rule", "random"]}, rng=[1, 2],
        max_steps=3, number_processes=2, data_collection_period=-1, display_progress=False,
    )  # fmt: skip
    assert len(results) == 8
    for result in results:
        assert result["month"] == 3
        size = (result["num_households"], 3, 2)
        # mesa turns each entry of rng into the seed of a run
        assert result["gdp"] > 0.0
        assert result["num_households"] in (10, 20)
        assert result["accounting_residual"] < 1e-9
        assert size[0] in (10, 20)
    assert len({result["gdp"] for result in results}) == 8


def test_data_collector_takes_further_reporters():
    from macro_mesa.recorder import MacroDataCollector

    model = economy()
    model.datacollector = MacroDataCollector(
        model_reporters={"richest": lambda m: m.households.deposits.max()}, agent_reporters={"deposits": "deposits"},
    )  # fmt: skip
    model.agents.select(agent_type=Household)
    model.datacollector.agent_reporters.clear()
    run(model, 2)
    assert history(model).richest.iloc[-1] == model.households.deposits.max()
    assert history(model).month.tolist() == [1, 2]


def test_mesa_s_run_for_and_steps_agree_with_the_calendar():
    model = economy()
    model.run_for(5)
    assert model.month == model.steps == 5
    assert same(model, economy(months=5))


def test_the_opening_state_is_collected_before_the_first_month():
    model = MacroModel(**sized(*SIZES[1]), rng=1)
    assert history(model).month.tolist() == [0]
    assert model.ledger.residual() < 1e-12
    assert model.key != MacroModel(**sized(*SIZES[1]), rng=2).key
