"""The policies shipped with the package."""

import json

import numpy as np
import pytest

from macro_mesa import ConfigError, MacroModel
from macro_mesa.experiments.evaluation import Episode, run_episode
from policies import pretraining
from policies.checkpoint import load_checkpoint
from policies.learned import PRETRAINED

SEED = 10_100  # held out


SIZE = {"num_households": 400, "num_firms": 40}  # of the economies that they were trained in


def returns(policy):
    """Mean returns by type over three held-out seeds."""
    episodes = [run_episode(Episode(policy, SIZE, SEED + number, 240)) for number in range(3)]
    assert max(episode.history["accounting_residual"].max() for episode in episodes) < 1e-9
    return {kind: np.mean([episode.returns[kind] for episode in episodes]) for kind in episodes[0].returns}


def test_shipped_policies_beat_random_on_their_own_rewards():
    shipped = json.loads((PRETRAINED / "index.json").read_text())
    random = returns("random")
    learned = [returns(f"pretrained:{number}") for number in range(1, len(shipped) + 1)]
    for kind in random:
        assert all(run[kind] > random[kind] for run in learned)


def test_shipped_central_banks_and_households_beat_the_rules_of_thumb():
    shipped = json.loads((PRETRAINED / "index.json").read_text())
    rule = returns("rule")
    learned = [returns(f"pretrained:{number}") for number in range(1, len(shipped) + 1)]
    assert all(run["central_bank"] > rule["central_bank"] for run in learned)
    assert np.mean([run["household"] for run in learned]) > rule["household"]  # not in every run


def test_pretrained_is_the_first_and_acts_in_other_sizes():
    first, named = (MacroModel(policy=name, rng=SEED) for name in ("pretrained", "pretrained:1"))
    for _ in range(6):
        first.step()
        named.step()
    assert np.array_equal(first.firms.price, named.firms.price)
    MacroModel(num_households=300, num_firms=40, policy="pretrained", rng=SEED).step()


@pytest.mark.parametrize("name", ["pretrained:0", "pretrained:99", "pretrained:x"])
def test_a_policy_that_is_not_shipped_is_refused(name):
    with pytest.raises(ConfigError, match="numbered 1 to"):
        MacroModel(policy=name)


TINY = """
model: {num_households: 40, num_firms: 8, num_banks: 2}
training: {epochs: 2, sim_length: 6, economies: 2, rollout_months: 4, validation_economies: 1}
ppo: {}
"""


def test_other_seeds_are_trained_into_a_place_of_their_own_and_act(tmp_path, monkeypatch):
    (tmp_path / "tiny.yaml").write_text(TINY)
    monkeypatch.setattr(pretraining, "CONFIG", tmp_path / "tiny.yaml")
    shipped = (PRETRAINED / "index.json").read_text()
    target = tmp_path / "replication"
    arguments = ["--seeds", "7", "6", "--workers", "1", "--folder", str(tmp_path / "runs"), "--target", str(target)]
    monkeypatch.setattr("sys.argv", ["pretraining", *arguments])
    pretraining.main()
    assert json.loads((target / "index.json").read_text()) == ["7", "6"]
    assert (PRETRAINED / "index.json").read_text() == shipped
    seeds = [load_checkpoint(target / seed)[1]["seed"] for seed in ("7", "6")]
    assert seeds == [7, 6]
    MacroModel(num_households=40, num_firms=8, num_banks=2, policy=str(target / "6"), rng=SEED).step()
