"""Training in several processes: the same bits as in one, going on after a stop, and ends without orphans."""

import json
import os
import signal

import numpy as np
import pytest
from conftest import SHORT_TRAINING, SMALL

from macro_mesa import ConfigError
from macro_mesa.spaces import AGENT_TYPES
from policies.config import TrainingConfig
from policies.residents import Elsewhere, Here, together
from policies.trainer import Trainer

pytestmark = pytest.mark.usefixtures("one_thread")
CLOCK = ("seconds", "months_per_second", "agent_steps_per_second")
GROUPED = SHORT_TRAINING | {"economies": 3, "rollout_groups": 2, "central_bank_start": 0.5, "central_bank_economies": 5}


class Adder:
    """Adds to a sum of its own."""

    def __init__(self, start: int) -> None:
        if start < 0:
            raise ValueError("it starts below zero")
        self.sum = start

    def add(self, number: int) -> int:
        self.sum += number
        return self.sum

    def fail(self) -> None:
        raise ConfigError("it cannot be done")

    def process(self) -> int:
        return os.getpid()

    def die(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def close(self) -> None:
        self.sum = 0


def test_residents_keep_their_state_raise_here_what_they_raise_and_die_in_a_sentence():
    crew = [Here(Adder(1)), Elsewhere(Adder, 10)]
    assert together(crew, "add", [(1,), (2,)]) == [2, 12]
    assert together(crew, "add", [(1,), (2,)]) == [3, 14]
    here, process = together(crew, "process", [(), ()])
    assert here == os.getpid() != process
    with pytest.raises(ConfigError, match="it cannot be done"):
        crew[1].call("fail")()
    assert crew[1].call("add", 1)() == 15
    for method in ("die", "sum"):
        with pytest.raises(ConfigError, match="a worker process died"):
            crew[1].call(method)()
    crew[1].close()
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)


def test_an_object_that_cannot_be_made_says_so_when_it_is_asked():
    unmade = Elsewhere(Adder, -1)
    with pytest.raises(ValueError, match="it starts below zero"):
        unmade.call("add", 1)()
    unmade.close()


def test_a_worker_ends_when_the_pipe_to_it_is_closed():
    worker = Elsewhere(Adder, 10)
    assert worker.call("add", 1)() == 11
    worker._connection.close()
    worker._process.join(timeout=60)
    assert worker._process.exitcode == 0


# --- training
def statistics(trainer: Trainer, updates: int) -> list[str]:
    """So many updates' statistics as text, without what the clock says."""
    runs = trainer.run()
    return [json.dumps({k: v for k, v in next(runs).items() if k not in CLOCK}) for _ in range(updates)]


def everything(trainer: Trainer) -> dict[str, np.ndarray]:
    """All arrays of learners and economies."""
    found = {}
    for member in trainer._everywhere("pack"):
        for number, (_, arrays) in member.items():
            found |= {f"{number}.{name}": array for name, array in arrays.items()}
    for kind, learner in trainer.learners.items():
        found |= {f"{kind}.{name}": array for name, array in learner.state()[0].items()}
    return found


def require_same(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> None:
    assert one.keys() == other.keys()
    for name, array in one.items():
        np.testing.assert_array_equal(other[name], array, err_msg=name)


@pytest.mark.slow
def test_two_processes_train_as_one_does_and_either_goes_on_where_the_other_stopped(tmp_path):
    alone = Trainer(SMALL, TrainingConfig(**GROUPED), seed=7)
    expected = statistics(alone, 4)
    both = Trainer(SMALL, TrainingConfig(**GROUPED), seed=7, workers=2)
    assert statistics(both, 4) == expected
    require_same(everything(alone), everything(both))
    both.close()

    first = Trainer(SMALL, TrainingConfig(**GROUPED), seed=7, workers=2)
    found = statistics(first, 1)
    first.save_last(tmp_path / "last")
    first.close()
    second = Trainer.load(tmp_path / "last")
    found += statistics(second, 2)
    second.save_last(tmp_path / "last")
    third = Trainer.load(tmp_path / "last", workers=3)
    assert found + statistics(third, 1) == expected
    require_same(everything(alone), everything(third))
    third.close()


def test_groups_are_the_economies_of_one_group_but_for_rounding():
    """Rows of another number may round otherwise in a matrix product, so only the first month is compared."""
    settings = SHORT_TRAINING | {"economies": 4, "staging": "simultaneous", "exploration_share": 0.0}
    found = {}
    for groups in (1, 2, 4):
        trainer = Trainer(SMALL, TrainingConfig(**settings | {"rollout_groups": groups}), seed=7)
        trainer._warm_up()
        found[groups] = [trainer.share.pack()[k][1]["household.wage"] for k in range(4)]
        rolled = trainer._roll_out(AGENT_TYPES)
        assert len(rolled) == groups
        order = [k for group in range(groups) for k in range(group, 4, groups)]
        first = np.concatenate([group.rollouts["household"].observation[0] for group in rolled])
        agents = len(first) // 4
        found[groups].append(np.concatenate([first[place * agents :][:agents] for place in np.argsort(order)]))
    for groups in (2, 4):
        for one, other in zip(found[1], found[groups], strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.slow
def test_a_training_whose_worker_is_killed_ends_in_a_sentence():
    trainer = Trainer(SMALL, TrainingConfig(**GROUPED), seed=7, workers=2)
    runs = trainer.run()
    next(runs)
    process = trainer.crew[1]._process
    os.kill(process.pid, signal.SIGKILL)
    with pytest.raises(ConfigError, match="a worker process died"):
        next(runs)
    trainer.close()
    assert not process.is_alive()


@pytest.mark.slow
def test_grouped_training_still_learns():
    """The loss of the critics falls within a few updates."""
    settings = SHORT_TRAINING | {"economies": 4, "rollout_groups": 2, "epochs": 12, "staging": "simultaneous"}
    trainer = Trainer(SMALL, TrainingConfig(**settings), seed=7)
    errors = [update["household"]["value_loss"] for update in trainer.run()]
    assert np.mean(errors[-3:]) < np.mean(errors[:3])
