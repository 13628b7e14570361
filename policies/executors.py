"""Executors: run independent tasks here, in a pool of processes or on a Ray cluster, always with the same results.

A task is a picklable argument of a picklable function.  Its result depends on nothing else, so it does not matter
where and in which order tasks run.  Workers start with the first task and stay until the executor is closed.
"""

import logging
import os
import pickle
import signal
import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager
from importlib.util import find_spec
from multiprocessing import resource_tracker
from multiprocessing.context import SpawnContext, SpawnProcess
from typing import Any, NamedTuple

from macro_mesa.config import ConfigError

ENGINES = ("serial", "process", "ray")
SINGLE_THREADED = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
WORKER_LOST = "a worker process died, perhaps for want of memory; fewer --workers or a smaller economy need less"
AHEAD = 2  # tasks handed out for each process: none waits for work, and results not yet taken stay few


class Finished[R](NamedTuple):
    """A task that is done: its place among the tasks, and either its result or the exception it raised."""

    place: int
    result: R | None
    error: Exception | None


class Executor(ABC):
    """Runs a function on many tasks; also a context manager that closes it."""

    @abstractmethod
    def stream[T, R](self, function: Callable[[T], R], tasks: Iterable[T]) -> Iterator[Finished[R]]:
        """Tasks as they finish, in any order; they are taken from ``tasks`` as workers become free.

        What a task raises is handed over, with the worker's traceback as a note, and the other tasks go on.
        Closing the iterator before its end cancels what still runs.  Raises ``ConfigError`` if a worker is lost.
        """

    def __call__[T, R](
        self, function: Callable[[T], R], tasks: Sequence[T], done: Callable[[], Any] | None = None
    ) -> list[R]:
        """Results in the order of ``tasks``; ``done`` is called after each.  The first error cancels the rest."""
        results: list[Any] = [None] * len(tasks)
        with closing(self.stream(function, tasks)) as finished:  # type: ignore[type-var]
            for place, result, error in finished:
                if error is not None:
                    raise error
                results[place] = result
                if done:
                    done()
        return results

    def close(self) -> None:  # noqa: B027 (the serial one has nothing to close)
        """Stop the workers at once, in the midst of a task too; the next task starts new ones."""

    def __enter__(self) -> "Executor":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


class Serial(Executor):
    """One task after the other, in this process."""

    def stream[T, R](self, function: Callable[[T], R], tasks: Iterable[T]) -> Iterator[Finished[R]]:
        """In the order of ``tasks``."""
        for place, task in enumerate(tasks):
            yield Finished(place, *attempt(function, task))


class ProcessPool(Executor):
    """Tasks over ``workers`` spawned processes with one thread each."""

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._pool: ProcessPoolExecutor | None = None
        self._context = _RememberingContext()

    def stream[T, R](self, function: Callable[[T], R], tasks: Iterable[T]) -> Iterator[Finished[R]]:
        """As they finish; a process that dies, for want of memory perhaps, ends it with a ``ConfigError``."""
        queue = enumerate(tasks)
        running: dict[Future[Any], int] = {}
        try:
            while True:
                while len(running) < AHEAD * self.workers and (upcoming := next(queue, None)):
                    running[self._started().submit(attempt, function, upcoming[1])] = upcoming[0]
                if not running:
                    return
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    yield Finished(running.pop(future), *future.result())
        except BrokenProcessPool:
            self.close()
            raise ConfigError(WORKER_LOST) from None
        finally:
            if running:
                self.close()

    def _started(self) -> ProcessPoolExecutor:
        if self._pool is None:
            self._pool = ProcessPoolExecutor(self.workers, self._context)
        return self._pool

    def close(self) -> None:
        """Cancel waiting tasks and terminate the processes."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._context.terminate()
            self._pool = None


class Worker(SpawnProcess):
    """A fresh interpreter of one thread that Ctrl-C passes by: whoever hands out its tasks answers for it."""

    def start(self) -> None:
        """Start it with the interrupt blocked, which it inherits: a signal ignored later would find it importing."""
        resource_tracker.ensure_running()  # lifts the block when it starts itself
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            with single_threaded_children():
                super().start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


class _RememberingContext(SpawnContext):
    """Starts fresh interpreters and remembers them, since a pool cannot end its processes in the midst of a task."""

    def __init__(self) -> None:
        super().__init__()
        self._processes: list[Worker] = []

    def Process(self, *arguments: Any, **keywords: Any) -> Worker:  # type: ignore[override]  # noqa: N802
        """A process to start."""
        self._processes.append(Worker(*arguments, **keywords))
        return self._processes[-1]

    def terminate(self) -> None:
        """End all processes and wait for that."""
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.join()
        self._processes.clear()


class Ray(Executor):
    """Tasks over ``workers`` Ray actors of one CPU each, here or on the cluster that ``RAY_ADDRESS`` names.

    An actor gets tasks once it stands, so a cluster with fewer free CPUs than workers runs on those it has.  A lost
    actor is started again and its task repeated.  Raises ``ConfigError`` if Ray is not installed or not reached.
    """

    def __init__(self, workers: int) -> None:
        if find_spec("ray") is None:
            raise ConfigError("--engine ray needs Ray, which is not installed: pip install -e '.[ray]'")
        self.workers = workers
        self._actors: list[Any] = []
        self._owns_ray = False

    def stream[T, R](self, function: Callable[[T], R], tasks: Iterable[T]) -> Iterator[Finished[R]]:
        """As they finish."""
        import ray

        queue = enumerate(tasks)
        starting = {actor.ready.remote(): actor for actor in self._started()}
        running: dict[Any, tuple[int, Any]] = {}
        ended = False
        try:
            shared = ray.put(function)
            while running or not ended:
                (call,), _ = ray.wait([*running, *starting], num_returns=1)
                answer = ray.get(call)
                place, actor = running.pop(call) if call in running else (-1, starting.pop(call))
                if upcoming := next(queue, None):
                    running[actor.run.remote(shared, upcoming[1])] = (upcoming[0], actor)
                else:
                    ended = True
                if place >= 0:
                    yield Finished(place, *answer)
        except ray.exceptions.RayError as error:
            self.close()
            raise ConfigError(f"Ray could not run a task: {_one_line(error)}") from None
        finally:
            if running:
                self.close()

    def _started(self) -> list[Any]:
        if not self._actors:
            import ray

            self._connect()
            # Ray gives an actor of one CPU one thread
            actor = ray.remote(num_cpus=1, max_restarts=3, max_task_retries=3)(_Actor)
            self._actors = [actor.remote() for _ in range(self.workers)]
        return self._actors

    def _connect(self) -> None:
        """Join the cluster of ``RAY_ADDRESS``, or start Ray on this machine with a CPU for each worker."""
        import ray

        if ray.is_initialized():
            return
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is reported to anybody
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # the coming default; ends a warning
        address = os.environ.get("RAY_ADDRESS", "local")
        own: dict[str, Any] = {"num_cpus": self.workers, "include_dashboard": False} if address == "local" else {}
        try:
            with single_threaded_children():
                ray.init(address=address, logging_level=logging.ERROR, log_to_driver=False, **own)
        except Exception as error:  # Ray raises plain ones here, when it does not start within its thirty seconds say
            ray.shutdown()
            raise ConfigError(f"cannot reach Ray at RAY_ADDRESS={address}: {_one_line(error)}") from None
        self._owns_ray = True

    def close(self) -> None:
        """Leave Ray, which ends the actors, and Ray itself if it was started here."""
        if not self._actors:
            return
        import ray

        if self._owns_ray:
            ray.shutdown()
        else:
            for actor in self._actors:
                ray.kill(actor)
        self._actors, self._owns_ray = [], False


class _Actor:
    """A worker on a Ray cluster."""

    def ready(self) -> None:
        """Answered once the actor has its CPU."""

    def run(self, function: Callable[[Any], Any], task: Any) -> tuple[Any, Exception | None]:
        """The task's result or error."""
        return attempt(function, task)


def attempt[T, R](function: Callable[[T], R], task: T) -> tuple[R | None, Exception | None]:
    """A task's result and error, one of them None; the error can be pickled and has its traceback as a note."""
    try:
        return function(task), None
    except Exception as error:
        error.add_note(traceback.format_exc())
        return None, _picklable(error)


def _picklable(error: Exception) -> Exception:
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # a class of exceptions that cannot be made anew may raise anything here
        substitute = RuntimeError(f"{type(error).__name__}: {error}")
        substitute.add_note("\n".join(error.__notes__))
        return substitute
    return error


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]


@contextmanager
def single_threaded_children() -> Iterator[None]:
    """Processes started inside use one thread each for numpy's and numba's loops."""
    before = {name: os.environ.get(name) for name in SINGLE_THREADED}
    os.environ.update(dict.fromkeys(SINGLE_THREADED, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def executor(engine: str | int = "process", workers: int = 1) -> Executor:
    """The executor of an engine: ``serial``, ``process`` or ``ray``; a pool of one process is serial.

    ``executor(workers)`` is short for ``executor("process", workers)``.  Raises ``ConfigError``.
    """
    if isinstance(engine, int):
        return executor("process", engine)
    if engine not in ENGINES:
        raise ConfigError(f"--engine must be one of {', '.join(ENGINES)}, got {engine!r}")
    if engine == "ray":
        return Ray(workers)
    return Serial() if engine == "serial" or workers == 1 else ProcessPool(workers)
