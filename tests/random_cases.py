"""How much is tried, and what may take how long."""

import contextlib
import os
import signal
from collections.abc import Callable, Iterator

from hypothesis import HealthCheck, settings

FULL = bool(int(os.environ.get("MACRO_MESA_TRUST", "0")))  # make trust


def on_demand(variable: str) -> int:
    """How many cases the environment's ``variable`` asks for, other ones every time; 0 if it does not."""
    return int(os.environ.get(variable, "0"))


def tried(number: int) -> Callable[[Callable], Callable]:
    """Note how many cases a test tries, for docs/reliability.py."""

    def note(test: Callable) -> Callable:
        test.cases = number  # type: ignore[attr-defined]
        return test

    return note


def cases(number: int, variable: str) -> Callable[[Callable], Callable]:
    """So many cases, the same in every run, or as many others as ``variable`` asks for."""
    wanted = on_demand(variable)
    limits = settings(
        max_examples=wanted or number, derandomize=not wanted, deadline=None, database=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    return lambda test: tried(limits.max_examples)(limits(test))


@contextlib.contextmanager
def no_hang(seconds: int) -> Iterator[None]:
    """``TimeoutError`` after so many seconds of this process's work, or twenty times as many on a busy machine."""

    def stop(number, frame):
        raise TimeoutError(f"hangs: more than {seconds} s")

    timers = {signal.SIGPROF: (signal.ITIMER_PROF, seconds), signal.SIGALRM: (signal.ITIMER_REAL, 20 * seconds)}
    previous = {number: signal.signal(number, stop) for number in timers}
    for timer, limit in timers.values():
        signal.setitimer(timer, limit)
    try:
        yield
    finally:
        for number, (timer, _) in timers.items():
            signal.setitimer(timer, 0)
            signal.signal(number, previous[number])
