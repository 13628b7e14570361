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
    """``TimeoutError`` after so many seconds."""

    def stop(number, frame):
        raise TimeoutError(f"hangs: more than {seconds} s")

    previous = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, previous)
