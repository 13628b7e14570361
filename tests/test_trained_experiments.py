"""Experiments that train: who learns and who does not, known gains, and what the commands write."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import SHORT_TRAINING, SIZES, SMALL, economy

import run_model
from macro_mesa.agents import Household
from macro_mesa.config import ConfigError, Parameters
from macro_mesa.experiments import policy_rules
from macro_mesa.experiments.interventions import FixedHeads
from macro_mesa.policy import make_policy
from macro_mesa.rules import RuleOfThumb, SimpleRule
from macro_mesa.spaces import AGENT_TYPES, SPACES
from policies.checkpoint import CheckpointError, load_checkpoint
from policies.config import TrainingConfig, ppo_configs, training_config
from policies.trained_experiments import best_response, blind, deviations, registry
from policies.trained_experiments.design import TrainingDesign
from policies.trained_experiments.deviations import Deviation, OneDeviates, Unilateral
from policies.trained_experiments.retraining import keep
from policies.trainer import Trainer
from visualization.experiments import figures
from visualization.plots import save_figure

RATES = ("lending_rate", "deposit_rate")
PRIVATE = AGENT_TYPES[:3]
TINY = ["--pairs", "2", "--epochs", "1", "--set", "training.economies=2", "--set", "training.rollout_months=4"]


pytestmark = pytest.mark.usefixtures("one_thread")


def trainer(seed=7, **settings) -> Trainer:
    short = SHORT_TRAINING | {"staging": "simultaneous", "epochs": 1}
    return Trainer(SMALL, TrainingConfig(**short | settings), seed=seed)


def trained(**settings) -> Trainer:
    each = trainer(**settings)
    for _ in each.run():
        pass
    return each


def state(each: Trainer, kind: str) -> dict[str, np.ndarray]:
    return {name: a for name, a in each.learners[kind].state()[0].items() if name.startswith(("network.", "adam."))}


def same(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(one[name], other[name]) for name in one)


# --- fixed types
def test_fixed_types_act_by_their_policy_and_keep_their_bits():
    each = trainer(fixed={"firm": "random", "central_bank": {"smoothing": 0.9, "neutral_rate": 0.01}})
    before = {kind: state(each, kind) for kind in AGENT_TYPES}
    (statistics,) = each.run()
    learned = {kind for kind in AGENT_TYPES if not same(before[kind], state(each, kind))}
    assert learned == {"household", "commercial_bank"}
    assert set(AGENT_TYPES) & set(statistics) == {"household", "commercial_bank"}
    seats = each.plan.seats(0.0)
    assert isinstance(seats["central_bank"][0], SimpleRule)
    assert seats["firm"] == [each.plan.fixed["firm"]] * 2
    assert each.plan.exploring(0.0) == []


@pytest.mark.parametrize("staging", ["simultaneous", "private_first", "central_bank_last", "sequential"])
def test_rates_jump_under_a_fixed_central_bank_as_they_did_before_it(staging):
    settings = {"economies": 4, "sim_length": 60, "exploration_share": 0.5, "fixed": {"central_bank": "taylor"}}
    plan = trainer(staging=staging, **settings).plan
    assert plan.surprised(0.0) == plan.surprised(0.9) == [0, 2]
    assert [bool(plan.new_model(economy, 0, 0.5).shocks) for economy in range(4)] == [True, False, True, False]


def test_a_checkpoint_holds_no_policy_of_fixed_types(tmp_path):
    trained(fixed={"central_bank": "taylor"}).save_best(tmp_path / "best")
    policy = dict.fromkeys(PRIVATE, str(tmp_path / "best"))
    assert economy(policy={**policy, "central_bank": "taylor"}, months=2).month == 2
    with pytest.raises(CheckpointError, match="holds no policy for central_bank"):
        economy(policy=str(tmp_path / "best"))


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"fixed": {"household": {"smoothing": 0.5}}}, "fixed.household must be the name of a policy"),
        ({"fixed": {"central_bank": {"speed": 0.5}}}, "fixed.central_bank has coefficients inflation_response"),
        ({"fixed": {"firm": "taylor"}}, "exists for central_bank only"),
        ({"fixed": dict.fromkeys(AGENT_TYPES, "rule")}, "training: fixed"),
        ({"fixed": {"baker": "rule"}}, "training: fixed.baker"),
        ({"blind": {"household": ["colour"]}}, "blind.household names 'colour'"),
    ],
)
def test_wrong_settings_are_one_sentence(settings, sentence):
    with pytest.raises(ConfigError) as refusal:
        Trainer(SMALL, training_config(SHORT_TRAINING | settings))
    assert sentence in str(refusal.value)
    assert "\n" not in str(refusal.value)


# --- start
def test_a_warm_start_takes_over_networks_and_scales(checkpoint):
    each = trainer(start_from=str(checkpoint))
    each._start()
    arrays, _ = load_checkpoint(checkpoint)
    for kind in AGENT_TYPES:
        own = each.learners[kind].state()[0]
        taken = {name.removeprefix(f"{kind}."): array for name, array in arrays.items() if name.startswith(f"{kind}.")}
        assert all(np.array_equal(own[name], array) for name, array in taken.items())
        assert {name.split(".")[0] for name in taken} == {"network", "normalizer"}
        saved = make_policy(kind, checkpoint, Parameters())
        seen = np.random.default_rng(1).normal(size=(5, SPACES[kind].size)).astype(np.float32)
        for one, other in zip(each.policies()[kind].probabilities(seen), saved.probabilities(seen), strict=True):
            np.testing.assert_array_equal(one, other)


def test_a_start_of_other_sizes_is_refused(checkpoint):
    ppo = ppo_configs({"household": {"hidden_sizes": (8,)}})
    each = Trainer(SMALL, TrainingConfig(**SHORT_TRAINING, start_from=str(checkpoint)), ppo)
    with pytest.raises(CheckpointError, match="tensor network"):
        next(each.run())


# --- blindness
def test_nothing_is_learned_from_blind_columns_and_the_checkpoint_remembers(tmp_path):
    each = trainer(blind={"household": RATES})
    columns = [SPACES["household"].column(name) for name in RATES]
    first = state(each, "household")["network.actor.0.weight"]
    for _ in each.run():
        pass
    last = state(each, "household")["network.actor.0.weight"]
    np.testing.assert_array_equal(first[:, columns], last[:, columns])
    others = np.setdiff1d(np.arange(first.shape[1]), columns)
    assert (first[:, others] != last[:, others]).any(axis=0).sum() > len(others) / 2
    each.save_best(tmp_path / "best")
    each.save_last(tmp_path / "last")
    seen = np.random.default_rng(2).normal(size=(6, first.shape[1])).astype(np.float32)
    changed = seen.copy()
    changed[:, columns] += 1.0
    for policy in (make_policy("household", tmp_path / "best", Parameters()), each.policies()["household"]):
        for one, other in zip(policy.probabilities(seen), policy.probabilities(changed), strict=True):
            np.testing.assert_array_equal(one, other)
    sighted = make_policy("firm", tmp_path / "best", Parameters())
    wide, wider = (np.full((1, SPACES["firm"].size), value, dtype=np.float32) for value in (0.0, 1.0))
    assert not np.array_equal(sighted.probabilities(wide)[0], sighted.probabilities(wider)[0])
    np.testing.assert_array_equal(Trainer.load(tmp_path / "last").learners["household"].normalizer.blind, columns)


def test_blind_agents_may_start_from_sighted_ones(checkpoint):
    each = trainer(start_from=str(checkpoint), blind={"firm": ("lending_rate",)})
    each._start()
    assert each.learners["firm"].normalizer.blind.tolist() == [SPACES["firm"].column("lending_rate")]
    assert each.learners["household"].normalizer.blind.size == 0


# --- deviations
def test_only_the_deviating_row_acts_by_its_own_policy():
    model = economy(SIZES[1], 3)
    shared, own = RuleOfThumb("household", model.parameters), make_policy("household", "random", model.parameters)
    seen, draws = model.households.observe(), model.action_draws("household").copy()
    actions = OneDeviates(shared, own, 7).act(seen, draws)
    expected = shared.act(seen, draws).copy()
    np.testing.assert_array_equal(np.delete(actions, 7, axis=0), np.delete(expected, 7, axis=0))
    np.testing.assert_array_equal(actions[7], own.act(seen[7:8], draws[7:8])[0])


@pytest.mark.parametrize("kind", AGENT_TYPES)
def test_who_keeps_to_the_shared_policy_gains_exactly_nothing(kind):
    deviants = {"the same": "rule", "random": "random"}
    found = deviations.run_unilateral(Unilateral("rule", kind, deviants, SMALL, 5, 6, 0.9))
    assert found["the same"] == found[deviations.SHARED]
    assert found["random"] != found[deviations.SHARED]


def test_the_own_return_is_the_discounted_sum_of_one_agent_s_rewards():
    found = deviations.run_unilateral(Unilateral("rule", "household", {}, SMALL, 11, 4, 0.5))
    model = economy(rng=11, months=deviations.BURN_IN)
    row = deviations.deviating_row(11, len(model.households))
    total = 0.0
    for month in range(4):
        model.step()
        total += 0.5**month * model.households.reward()[row]
    assert found[deviations.SHARED] == pytest.approx(total, rel=1e-12)


@pytest.mark.slow
def test_a_deviator_finds_a_known_gain(tmp_path, monkeypatch):
    """Households paid for the hours they offer, all but one held to half time: full time gains half a unit a month."""
    monkeypatch.setattr(Household, "reward", classmethod(lambda cls, population: population.hours.astype(float)))
    head = SPACES["household"].head_names.index("labor_supply")
    half_time = {"household": FixedHeads(RuleOfThumb("household", Parameters()), {head: 0})}
    # each month is a bandit of its own: a short horizon, and no limit on how far an update may go
    ppo = {"sample_fraction": 1.0, "minibatch_size": 64, "learning_rate": 3e-3, "target_kl": None, "gamma": 0.5}
    ppo |= {"hidden_sizes": (64, 64)}
    settings = ppo_configs({"household": {**ppo, "epochs": 8}})
    training = {**best_response.TRAINING, "epochs": 20, "economies": 4, "rollout_months": 24, "sim_length": 48}
    alike = SMALL | {"opening": "equal"}
    task = Deviation(
        half_time, "household", None, alike, training, settings["household"].model_dump(mode="json"), 3
    )
    policies = deviations.train_deviator(task)
    folder = keep(tmp_path, "household", policies)
    gamma, months = 0.9, 20
    deviants = {"trained": folder, "random": "random"}
    found = [
        deviations.run_unilateral(Unilateral(half_time, "household", deviants, alike, seed, months, gamma))
        for seed in range(10_000, 10_004)
    ]
    annuity = (1.0 - gamma**months) / (1.0 - gamma)
    for one in found:
        assert one[deviations.SHARED] == pytest.approx(0.5 * annuity)
    gains = {way: np.mean([one[way] - one[deviations.SHARED] for one in found]) for way in deviants}
    assert 0.85 * 0.5 * annuity < gains["trained"] <= 0.5 * annuity + 1e-9
    assert gains["random"] < 0.75 * 0.5 * annuity
    again = deviations.train_deviator(task)
    assert same(policies["arrays"], again["arrays"])


def test_the_best_way_is_chosen_on_other_seeds_and_the_shared_policy_is_among_them():
    held_out = {deviations.SHARED: np.array([[1.0, 2.0]]), "trained afresh": np.array([[9.0, 9.0]])}
    held_out["random"] = np.zeros((1, 2))
    worse = {deviations.SHARED: np.array([[1.0]]), "trained afresh": np.array([[0.0]])}
    found = best_response._estimates(held_out, worse)
    assert found["best response"]["chosen"] == [deviations.SHARED]
    assert found["best response"]["gain"]["mean"] == 0.0
    better = {**worse, "trained afresh": np.array([[2.0]])}
    found = best_response._estimates(held_out, better)
    assert found["best response"]["gain"]["mean"] == 7.5
    assert found["best response"]["gain"]["share_of_random_loss"] == 5.0


# --- commands
@pytest.fixture
def command(checkpoint, tmp_path, capsys, monkeypatch):
    """Runs an experiment on the checkpoint, which must keep its bytes; returns the folder written and its results."""

    def run(*arguments: str) -> tuple[Path, dict]:
        before = {path: path.read_bytes() for path in checkpoint.iterdir()}
        output = ["--output-dir", str(tmp_path / "output")]
        code = run_model.main(["--mode", "experiment", *arguments, "--model-path", str(checkpoint), *output])
        out, err = capsys.readouterr()
        assert code == 0, err
        assert {path: path.read_bytes() for path in checkpoint.iterdir()} == before
        folder = Path(out.splitlines()[-1])
        return folder, json.loads((folder / "results.json").read_text())

    return run


@pytest.mark.slow
def test_best_response_command(command):
    folder, results = command("--experiment", "best_response", "--sim-length", "12", *TINY)
    assert set(results["estimates"]) == set(AGENT_TYPES)
    for kind in AGENT_TYPES:
        found = results["estimates"][kind]
        low, high = found["best response"]["gain"]["ci"]
        assert low <= found["best response"]["gain"]["mean"] <= high
        assert found["best response"]["chosen"][0] in found
    assert (folder / "plots" / "best_response.png").stat().st_size > 10_000
    ways = pd.read_csv(folder / "logs" / "gains.csv").groupby("agent_type")["way"].apply(set)
    assert ways["firm"] == {"best response", "trained on", "trained afresh", "most probable actions"}
    assert len(list((folder / "models").iterdir())) == 2 * len(AGENT_TYPES)


@pytest.mark.slow
def test_lucas_command_and_what_was_frozen(command, monkeypatch):
    monkeypatch.setattr(policy_rules, "CONSTANT_RATES", ("constant:0.02", "constant:0.04"))
    monkeypatch.setattr(policy_rules, "SIMPLE_RULES", ({"smoothing": 0.85}, {"smoothing": 0.5}))
    monkeypatch.setattr(policy_rules, "ROUNDS", (1,))
    rule = "training.fixed.central_bank={smoothing: 0.9, inflation_response: 1.0, neutral_rate: 0.01}"
    folder, results = command("--experiment", "lucas", "--sim-length", "12", *TINY, "--set", rule)
    banks = ["learned", "best constant rate", "Taylor 1993", "optimised simple rule", "given rule"]
    estimates = results["estimates"]
    assert list(estimates["retrained"]) == list(estimates["frozen"]) == banks
    assert list(estimates["cross play"]["best constant rate"]) == ["frozen", *banks]
    for bank in banks:
        # the diagonal and the first column of the table are the two comparisons
        assert estimates["cross play"][bank][bank]["mean"] == estimates["retrained"][bank]["loss"]["mean"]
        assert estimates["cross play"][bank]["frozen"]["mean"] == estimates["frozen"][bank]["loss"]["mean"]
    assert "loss_less_learned" not in estimates["retrained"]["learned"]
    assert results["design"]["rules"]["best constant rate"] in policy_rules.CONSTANT_RATES
    assert results["design"]["rules"]["optimised simple rule"] in policy_rules.SIMPLE_RULES
    retrained = estimates["retrained"]
    less = retrained["best constant rate"]["loss_less_learned"]
    difference = retrained["best constant rate"]["loss"]["mean"] - retrained["learned"]["loss"]["mean"]
    assert less["mean"] == pytest.approx(difference)
    simple = retrained["optimised simple rule"]
    margin = retrained["learned"]["loss"]["mean"] - 1.1 * simple["loss"]["mean"]
    assert simple["learned_within_10_percent"]["mean"] == pytest.approx(margin)
    for sets in results["design"]["private_agents"].values():
        _, meta = load_checkpoint(Path(sets[0]["household"]))
        assert set(meta["learners"]) == set(PRIVATE)
    assert (folder / "plots" / "lucas.png").stat().st_size > 10_000


@pytest.mark.slow
def test_ablation_with_agents_retrained_blind(command, tmp_path):
    folder, results = command("--experiment", "ablation", *TINY, "--warm-start", "--pairs", "1")
    label = "all retrained, households and firms rate-blind"
    assert label in results["estimates"]
    (retrained,) = results["design"]["retrained"][label]
    arrays, meta = load_checkpoint(Path(retrained))
    assert arrays["household.normalizer.blind"].tolist() == [SPACES["household"].column(name) for name in RATES]
    assert "commercial_bank.normalizer.blind" not in arrays
    assert meta["update"] == 1
    assert label in set(pd.read_csv(folder / "logs" / "responses.csv")["policies"])


@pytest.mark.parametrize("training", [{}, {"epochs": 3}])
def test_only_with_epochs_does_the_ablation_train(training, monkeypatch):
    chosen = []
    plain = registry.Experiment(lambda design: chosen.append("plain"), 1)
    monkeypatch.setitem(registry.EXPERIMENTS, "ablation", plain)
    monkeypatch.setattr(blind, "ablation_with_retrained", lambda design: chosen.append("retrained"))
    registry.ablation(TrainingDesign({"learned": []}, SMALL, [], map, training=training))
    assert chosen == (["retrained"] if training else ["plain"])


def test_rules_cannot_be_retrained(capsys, tmp_path):
    arguments = ["--mode", "experiment", "--experiment", "lucas", "--policy", "rule", "--output-dir", str(tmp_path)]
    assert run_model.main([*arguments, *TINY]) == 2
    assert "give --model-path" in capsys.readouterr().err


def test_figures_of_made_up_tables(tmp_path):
    gains = [(kind, way, 0.5, 0.1, 0.9, 7.0) for kind in AGENT_TYPES for way in ("best response", "trained on")]
    rules = [(p, bank, "loss", 2.0, 1.0, 3.0) for p in ("retrained", "frozen") for bank in ("learned", "constant")]
    cross = [(b, p, 2.0, 1.0, 3.0) for b in ("learned", "constant") for p in ("frozen", "learned", "constant")]
    tables = {
        "gains": pd.DataFrame(gains, columns=["agent_type", "way", "gain", "low", "high", "random_loss"]),
        "rules": pd.DataFrame(rules, columns=["private", "bank", "part", "mean", "low", "high"]),
        "cross_play": pd.DataFrame(cross, columns=["bank", "private", "mean", "low", "high"]),
    }
    for experiment in ("best_response", "lucas"):
        (figure,) = figures(experiment, tables).values()
        save_figure(figure, tmp_path / f"{experiment}.png")
        assert (tmp_path / f"{experiment}.png").stat().st_size > 10_000
