"""The policies shipped with the package."""

import json

import numpy as np
import pytest

from macro_mesa import ConfigError, MacroModel
from macro_mesa.experiments.evaluation import Episode, run_episode
from policies.learned import PRETRAINED

SEED = 10_100  # held out


def test_every_shipped_policy_beats_random_on_its_own_reward():
    shipped = json.loads((PRETRAINED / "index.json").read_text())
    random = run_episode(Episode("random", {}, SEED, 60)).returns
    for number in range(1, len(shipped) + 1):
        learned = run_episode(Episode(f"pretrained:{number}", {}, SEED, 60))
        for kind in ("household", "firm", "commercial_bank", "central_bank"):
            assert learned.returns[kind] > random[kind]
        assert learned.history["accounting_residual"].max() < 1e-9


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
