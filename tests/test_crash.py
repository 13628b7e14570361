"""kill -9, a full disk and a read-only folder: what was saved stays whole, and training goes on from it.

``make trust`` kills a training 25 times, ``MACRO_MESA_KILLS=25 pytest tests/test_crash.py`` does so after other waits
every time.
"""

import errno
import os
import resource
import signal
import time
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import SHORT_TRAINING, SMALL, economy
from random_cases import FULL, on_demand, tried

from macro_mesa import ConfigError, MacroModel
from macro_mesa.spaces import AGENT_TYPES
from policies.checkpoint import CheckpointError, load_checkpoint, save_checkpoint
from policies.config import TrainingConfig
from policies.trainer import Trainer, train

ON_DEMAND = on_demand("MACRO_MESA_KILLS")
KILLS = ON_DEMAND or (25 if FULL else 3)
INTERVAL = 2  # updates between checkpoints
PATIENCE = 900  # seconds without an update, on a busy machine
NOBODY = 65_534  # the user without rights
CONFIG = SHORT_TRAINING | {"epochs": 100_000, "checkpoint_interval": INTERVAL, "validation_interval": 5}
pytestmark = pytest.mark.filterwarnings("ignore:This process.*is multi-threaded:DeprecationWarning")
context = get_context("forkserver")
context.set_forkserver_preload(["policies.trainer"])


def train_on(models: Path, epochs: int, threads: int, told) -> None:
    """Start or resume a training, telling every update the moment it is done."""
    torch.set_num_threads(1)
    if (models / "last").exists() or (models / ".last.previous").exists():
        trainer = Trainer.load(models / "last", epochs)
    else:
        trainer = Trainer(SMALL, TrainingConfig(**CONFIG | {"epochs": epochs, "threads": threads}), seed=5)
    train(trainer, models, [lambda statistics: told.send(statistics["update"])])


def started(models: Path, epochs: int = 100_000, threads: int = 1):
    """A training in another process, and the pipe on which it tells its updates."""
    hears, told = context.Pipe(duplex=False)
    process = context.Process(target=train_on, args=(models, epochs, threads, told))
    process.start()
    told.close()
    return process, hears


def heard(hears) -> list[int]:
    """Updates told until the process ended."""
    updates = []
    try:
        while hears.poll(PATIENCE):
            updates.append(hears.recv())
    except EOFError:
        pass
    return updates


def killed_at_random(models: Path, rng, threads: int) -> list[int]:
    """Train for a few updates and kill -9, now between any two instructions, now just as a save begins.

    Returns the updates that it told.
    """
    process, hears = started(models, threads=threads)
    try:
        assert hears.poll(PATIENCE), "no update came"
        updates = [hears.recv()]
        start = time.monotonic()
        while len(updates) < 2 + rng.integers(4) and hears.poll(PATIENCE):
            updates.append(hears.recv())
        pace = (time.monotonic() - start) / max(1, len(updates) - 1)
        if rng.random() < 0.5:
            time.sleep(rng.uniform(0.0, INTERVAL * pace))
        else:
            saving, end = models / ".last.saving", time.monotonic() + 10.0 * INTERVAL * pace
            while not saving.exists() and time.monotonic() < end:
                pass  # a save takes milliseconds: a sleep would miss it
            time.sleep(rng.uniform(0.0, 2.0e-3))
    finally:
        process.kill()
        process.join()
    assert process.exitcode == -signal.SIGKILL
    return updates + heard(hears)


def last_update(models: Path) -> int:
    """The update from which the training goes on; 0 if it was killed before its first checkpoint was whole."""
    whole = (models / "last").exists() or (models / ".last.previous").exists()
    return load_checkpoint(models / "last")[1]["update"] if whole else 0


def learned(models: Path) -> dict[str, np.ndarray]:
    return load_checkpoint(models / "last")[0]


@pytest.mark.slow
@pytest.mark.trust
@tried(KILLS)
@pytest.mark.parametrize("threads", [1, 2])
def test_a_training_killed_at_random_goes_on_at_most_one_interval_behind(threads, tmp_path):
    """kill, resume, kill, resume ...: always from a whole checkpoint, and no update is skipped."""
    rng = np.random.default_rng(None if ON_DEMAND else threads)
    models, done, interrupted = tmp_path / "models", 0, 0
    for _ in range(KILLS):
        updates = killed_at_random(models, rng, threads)
        assert updates == list(range(updates[0], updates[-1] + 1))
        assert updates[0] - 1 == done  # it went on from the checkpoint
        done = last_update(models)
        due = updates[-1] - updates[-1] % INTERVAL
        # an update is told before it is saved: the save that was due with the last one may be the one interrupted
        assert done == due or (done == due - INTERVAL and updates[-1] == due)
        interrupted += (models / ".last.saving").exists() or (models / ".last.previous").exists()
    print(f"{KILLS} kills, {interrupted} of them in the middle of a save")
    process, hears = started(models, done + 1)
    assert heard(hears) == [done + 1]
    process.join()
    assert process.exitcode == 0


@pytest.mark.slow
@pytest.mark.parametrize("threads", [1, 2])
def test_updates_before_and_after_a_kill_are_those_of_one_run(threads, tmp_path):
    """N + M updates equal N, kill -9, resume, M, bit for bit, on one thread and on two."""
    end = 2 * INTERVAL + 1
    broken, whole = tmp_path / "broken", tmp_path / "whole"
    process, hears = started(broken, end, threads)
    while hears.recv() < INTERVAL + 1:
        assert hears.poll(PATIENCE)
    process.kill()
    process.join()
    for folder in (broken, whole):
        process, hears = started(folder, end)
        heard(hears)
        process.join()
        assert process.exitcode == 0
    expected, found = learned(whole), learned(broken)
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array, err_msg=name)


# --- the middle of a save
def in_a_child(action) -> int:
    """Exit code of ``action`` in a forked process, minus the signal that killed it."""
    child = os.fork()
    if child == 0:
        code = 70
        try:
            code = action() or 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


SAVERS = {
    "checkpoint": (
        lambda folder, number: save_checkpoint(folder, {"weight": np.full(5_000, float(number))}, {"number": number}),
        lambda folder: load_checkpoint(folder)[1]["number"],
    ),
    "model": (
        lambda folder, number: economy(months=number).save(folder),
        lambda folder: MacroModel.load(folder).month,
    ),
}


def every_saver(test):
    return pytest.mark.parametrize(("save", "number_in"), SAVERS.values(), ids=SAVERS)(test)


@every_saver
@pytest.mark.parametrize("function", ["replace", "fsync", "open", "mkdir"])
def test_a_save_killed_in_the_middle_leaves_the_old_or_the_new(save, number_in, function, tmp_path):
    """kill -9 before the n-th call that touches the disk, for every n."""
    folder = tmp_path / "saved"
    economy(months=1)  # the child inherits compiled loops
    for calls in range(10):
        save(folder, 1)

        def killed(calls=calls):
            original, made = getattr(os, function), []

            def until_killed(*arguments, **keywords):
                if len(made) == calls:
                    os.kill(os.getpid(), signal.SIGKILL)
                made.append(arguments)
                return original(*arguments, **keywords)

            setattr(os, function, until_killed)
            save(folder, 2)

        code = in_a_child(killed)
        assert number_in(folder) in (1, 2)
        if code == 0:
            assert number_in(folder) == 2
            assert calls > 0
            break
        assert code == -signal.SIGKILL
    else:
        raise AssertionError("a save never ended")
    save(folder, 1)
    assert [path.name for path in tmp_path.iterdir()] == ["saved"]


# --- no room, no right
def refused_with(save, folder: Path, says: str) -> int:
    """0 if saving is refused in one sentence that says so."""
    try:
        save(folder, 2)
    except (CheckpointError, ConfigError) as refusal:
        return 0 if says in str(refusal) and "\n" not in str(refusal) else 3
    return 4


@every_saver
def test_a_full_disk_is_a_clear_error_and_the_old_one_stays(save, number_in, tmp_path):
    folder = tmp_path / "saved"
    save(folder, 1)

    def on_a_full_disk():
        resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, 2_000))
        return refused_with(save, folder, os.strerror(errno.EFBIG))

    assert in_a_child(on_a_full_disk) == 0
    assert number_in(folder) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["saved"]  # nothing half-written is left


@every_saver
def test_a_read_only_folder_is_a_clear_error_and_the_old_one_stays(save, number_in, tmp_path):
    folder = tmp_path / "run" / "saved"
    save(folder, 1)
    tmp_path.chmod(0o755)
    (tmp_path / "run").chmod(0o555)

    def without_rights():
        if os.geteuid() == 0:
            os.setuid(NOBODY)
        return refused_with(save, folder, os.strerror(errno.EACCES))

    for parent in (tmp_path, *tmp_path.parents):
        if parent.stat().st_mode & 0o001 == 0 and os.geteuid() == 0 and parent.stat().st_uid == 0:
            parent.chmod(parent.stat().st_mode | 0o011)  # nobody must be able to get there
    try:
        assert in_a_child(without_rights) == 0
    finally:
        (tmp_path / "run").chmod(0o755)
    assert number_in(folder) == 1


def test_the_best_and_the_last_are_kept(tmp_path):
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        trainer = Trainer(SMALL, TrainingConfig(**CONFIG | {"epochs": 3, "validation_interval": 1}), seed=5)
        train(trainer, tmp_path, [])
    finally:
        torch.set_num_threads(threads)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["best", "last"]
    assert load_checkpoint(tmp_path / "last")[1]["update"] == 3
    best = economy(policy={kind: str(tmp_path / "best") for kind in AGENT_TYPES})
    best.step()
