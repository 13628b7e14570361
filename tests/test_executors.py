"""Executors: the same results everywhere, errors that stay with their task, workers that end when told to."""

import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from conftest import SMALL

from macro_mesa.config import ConfigError
from macro_mesa.experiments.evaluation import Episode, run_episode
from policies.executors import AHEAD, ENGINES, SINGLE_THREADED, Executor, ProcessPool, Ray, Serial, executor

ROOT = Path(__file__).parent.parent
BEFORE = os.environ.get("MKL_NUM_THREADS")
ENGINES_AND_WORKERS = [("serial", 1), ("process", 2), ("ray", 2)]


def local_ray() -> Any:
    """Ray, where the tests are asked to start one: it needs seconds of both processors and must not be starved."""
    if not os.environ.get("MACRO_MESA_RAY"):
        pytest.skip("set MACRO_MESA_RAY=1 to test on a local Ray")
    return pytest.importorskip("ray")


@pytest.fixture(scope="module", autouse=True)
def importable_in_workers():
    """Ray's workers start elsewhere and would not find this file."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(__file__).parent))
        yield


@pytest.fixture(scope="module", params=ENGINES_AND_WORKERS, ids=lambda pair: f"{pair[0]}-{pair[1]}")
def execute(request, importable_in_workers) -> Executor:
    engine, workers = request.param
    if engine == "ray":
        local_ray()
    with executor(engine, workers) as made:
        if engine == "ray":
            start_ray(made)
        yield made


def start_ray(execute: Ray) -> None:
    """Wait for Ray: a machine under load may not start it within its thirty seconds."""
    for _ in range(3):
        try:
            execute(square, [1])
            return
        except ConfigError as error:
            refusal = error
    raise refusal


class UnpicklableError(Exception):
    def __init__(self, one, two):
        super().__init__(f"{one} {two}")


def square(number):
    if number == 3:
        raise ConfigError("three is not allowed")
    if number == 4:
        raise UnpicklableError("four", "neither")
    return number**2


def nap(seconds):
    time.sleep(seconds)
    return seconds


def die(number):
    if number == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def die_once(path):
    if not path.exists():
        path.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return os.getpid()


def threads(_):
    return [os.environ.get(name) for name in SINGLE_THREADED]


# --- what all executors share
@pytest.mark.slow
def test_episodes_are_the_same_on_every_executor(execute):
    episodes = [Episode(policy, SMALL, seed, 6) for policy in ("rule", "random") for seed in (1, 2)]
    expected = [run_episode(episode) for episode in episodes]
    told = []
    found = execute(run_episode, episodes, lambda: told.append(1))
    assert len(told) == len(episodes)
    for mine, theirs in zip(expected, found, strict=True):
        assert mine.returns == theirs.returns
        assert mine.history.equals(theirs.history)


@pytest.mark.slow
def test_errors_stay_with_their_task(execute):
    finished = {done.place: done for done in execute.stream(square, iter(range(7)))}
    assert sorted(finished) == list(range(7))
    assert {place: done.result for place, done in finished.items() if done.error is None} == {
        place: place**2 for place in (0, 1, 2, 5, 6)
    }
    error = finished[3].error
    assert type(error) is ConfigError
    assert str(error) == "three is not allowed"
    assert "in square" in error.__notes__[0]
    assert str(finished[4].error) in ("four neither", "UnpicklableError: four neither")


@pytest.mark.slow
def test_the_first_error_ends_a_call_and_the_next_call_works(execute):
    with pytest.raises(ConfigError, match="three is not allowed"):
        execute(square, [*range(4), *range(5, 100)])
    assert execute(square, [1, 2]) == [1, 4]
    assert execute(square, []) == []


@pytest.mark.slow
def test_results_come_as_they_finish_and_tasks_are_taken_as_workers_are_free(execute):
    taken = []

    def tasks():
        for number in count(10):
            taken.append(number)
            yield number

    with closing(execute.stream(square, tasks())) as finished:
        for _ in range(5):
            next(finished)
            ahead = AHEAD * getattr(execute, "workers", 1)
            assert len(taken) <= 5 + ahead
    if not isinstance(execute, Serial):
        with closing(execute.stream(nap, [30.0, 0.0])) as finished:
            assert next(finished).place == 1


@pytest.mark.slow
def test_a_task_has_one_thread_and_the_environment_is_left_as_it_was(execute):
    if not isinstance(execute, Serial):
        assert execute(threads, [0, 1])[1] == ["1"] * len(SINGLE_THREADED)
    assert os.environ.get("MKL_NUM_THREADS") == BEFORE


@pytest.mark.slow
def test_ray_repeats_the_task_of_an_actor_that_died(execute, tmp_path):
    if not isinstance(execute, Ray):
        pytest.skip("a process pool ends instead")
    assert len(execute(die_once, [tmp_path / "died"])) == 1


@pytest.mark.slow
def test_closing_ends_workers_in_the_midst_of_a_task(execute):  # the last of those that share an executor
    if isinstance(execute, Serial):
        pytest.skip("has no workers")
    finished = execute.stream(nap, [0.0, 3000.0, 3000.0])
    next(finished)
    start = time.monotonic()
    finished.close()
    assert time.monotonic() - start < 900.0


# --- workers
@pytest.mark.slow
def test_two_pools_do_not_end_each_other():
    with ProcessPool(2) as one, ProcessPool(2) as other:
        assert one(square, [1, 2]) == other(square, [1, 2])
        one.close()
        assert other(square, [5, 6]) == [25, 36]


@pytest.mark.slow
def test_a_process_that_dies_is_one_sentence():
    with ProcessPool(2) as execute:
        with pytest.raises(ConfigError, match="a worker process died"):
            execute(die, [0, 1, 2])
        assert execute(square, [5]) == [25]


@pytest.mark.slow
def test_ray_runs_on_the_processors_there_are():
    ray = local_ray()
    ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    try:
        with Ray(2) as execute:  # the second actor never stands
            assert execute(square, [5, 6, 7]) == [25, 36, 49]
        assert ray.is_initialized()  # whoever started Ray ends it
    finally:
        ray.shutdown()


# --- which executor
def test_the_executor_of_an_engine(monkeypatch):
    assert [type(executor(engine, 2)) for engine in ENGINES[:2]] == [Serial, ProcessPool]
    assert isinstance(executor("process", 1), Serial)
    assert isinstance(executor(1), Serial)
    assert executor(3).workers == 3
    with pytest.raises(ConfigError, match="--engine must be one of serial, process, ray, got 'threads'"):
        executor("threads", 2)
    monkeypatch.setattr("policies.executors.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="needs Ray, which is not installed"):
        executor("ray", 2)


@pytest.mark.slow
def test_a_cluster_that_is_not_there_is_one_sentence(monkeypatch):
    local_ray()
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    with Ray(1) as execute, pytest.raises(ConfigError, match=r"cannot reach Ray at RAY_ADDRESS=127\.0\.0\.1:1"):
        execute(square, [1])


INTERRUPTED = """
import os, sys, time
sys.path.insert(0, {tests!r})
from test_executors import nap
from policies.executors import executor

if __name__ == "__main__":
    try:
        with executor({engine!r}, 2) as execute:
            for done in execute.stream(nap, [0.0] + [300.0] * 9):
                print("started", flush=True)
    except KeyboardInterrupt:
        sys.exit(130)
"""


SLOW_TO_START = """
if __name__ == "__mp_main__":
    from multiprocessing import current_process
    if current_process().name == "Worker-1":  # one line, however many workers start
        print("started", flush=True)
    time.sleep(30.0)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("engine", "more"),
    [*((engine, "") for engine in ENGINES), pytest.param("process", SLOW_TO_START, id="process-starting")],
)
def test_ctrl_c_in_a_terminal_ends_it_quietly(engine, more, tmp_path):
    if engine == "ray":
        local_ray()
    script = tmp_path / "script.py"
    script.write_text(INTERRUPTED.format(tests=str(ROOT / "tests"), engine=engine) + more)
    process = subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a background job would ignore Ctrl-C
    )  # fmt: skip
    try:
        assert process.stdout.readline() == "started\n", process.communicate()
        time.sleep(0.5)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the workers too
        out, err = process.communicate(timeout=900)
    finally:
        process.kill()
    assert process.returncode == 130
    assert out == ""
    assert "Traceback" not in err, err
