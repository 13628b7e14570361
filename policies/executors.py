"""Executors: run independent tasks here or in a pool of processes, with the same results in the same order."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any, TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")
SINGLE_THREADED = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


class Serial:
    """One task after the other, in this process."""

    def __call__(
        self, function: Callable[[Task], Result], tasks: Sequence[Task], done: Callable[[], Any] | None = None
    ) -> list[Result]:
        """Results in the order of ``tasks``; ``done`` is called after each."""
        results = []
        for task in tasks:
            results.append(function(task))
            if done:
                done()
        return results


class ProcessPool:
    """Tasks over ``workers`` spawned processes with one thread each; functions and tasks must be picklable."""

    def __init__(self, workers: int) -> None:
        self.workers = workers

    def __call__(
        self, function: Callable[[Task], Result], tasks: Sequence[Task], done: Callable[[], Any] | None = None
    ) -> list[Result]:
        """Results in the order of ``tasks``; ``done`` is called as each result is taken."""
        results = []
        before = {name: os.environ.get(name) for name in SINGLE_THREADED}
        os.environ.update(dict.fromkeys(SINGLE_THREADED, "1"))
        try:
            with ProcessPoolExecutor(self.workers, mp_context=get_context("spawn")) as pool:
                try:
                    for result in pool.map(function, tasks):
                        results.append(result)
                        if done:
                            done()
                except BaseException:
                    pool.shutdown(wait=False, cancel_futures=True)
                    raise
        finally:
            for name, value in before.items():
                if value is None:
                    os.environ.pop(name, None)
                else:
                    os.environ[name] = value
        return results


def executor(workers: int) -> Serial | ProcessPool:
    """Serial for one worker, a process pool for more."""
    return Serial() if workers == 1 else ProcessPool(workers)
