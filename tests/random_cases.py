"""How many random cases a property is tried on, and what may take how long."""

import contextlib
import os
import signal
from collections.abc import Callable, Iterator

from hypothesis import HealthCheck, settings


def cases(number: int, variable: str) -> Callable:
    """So many cases, the same in every run; the environment's ``variable`` asks for more, other ones every time."""
    wanted = int(os.environ.get(variable, "0"))
    limits = settings(
        max_examples=wanted or number, derandomize=not wanted, deadline=None, database=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip

    def limit(test: Callable) -> Callable:
        limited = limits(test)
        limited.cases = limits.max_examples  # for docs/reliability.py
        return limited

    return limit


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
