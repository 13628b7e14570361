"""Objects that live in this process or in one of their own, and are called in the same way in both."""

import gc
from collections.abc import Callable, Sequence
from functools import partial
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any

from macro_mesa.config import ConfigError
from policies.executors import WORKER_LOST, Worker, attempt


class Here:
    """An object in this process: a call is done when it returns."""

    def __init__(self, resident: Any) -> None:
        self.resident = resident

    def call(self, method: str, *arguments: Any) -> Callable[[], Any]:
        """A function that returns what the method has returned."""
        answer = getattr(self.resident, method)(*arguments)
        return lambda: answer

    def close(self) -> None:
        """Close the object."""
        self.resident.close()


class Elsewhere:
    """The object that ``make(*arguments)`` returns in a spawned process with one thread, which ends with this one.

    One call at a time: its answer must be taken before the next.
    """

    def __init__(self, make: Callable[..., Any], *arguments: Any) -> None:
        self._connection, theirs = Pipe()
        self._process = Worker(target=_serve, args=(theirs, make, arguments), daemon=True)
        self._process.start()
        theirs.close()  # so that the end of the process is the end of the pipe

    def call(self, method: str, *arguments: Any) -> Callable[[], Any]:
        """A function that waits for what the method returns, or raises what it raised."""
        try:
            self._connection.send((method, arguments))
        except OSError:
            raise ConfigError(WORKER_LOST) from None
        return self._answer

    def _answer(self) -> Any:
        try:
            result, error = self._connection.recv()
        except (EOFError, OSError):
            raise ConfigError(WORKER_LOST) from None
        if error is not None:
            raise error
        return result

    def close(self) -> None:
        """End the process at once, in the midst of a call too."""
        self._process.terminate()
        self._process.join()
        self._connection.close()


def together(residents: Sequence[Here | Elsewhere], method: str, arguments: Sequence[tuple[Any, ...]]) -> list[Any]:
    """Call a method of all residents side by side, each with arguments of its own; their results in order.

    The first resident is the one in this process: it works while the others do.
    """
    calls = [
        resident.call(method, *own) for resident, own in zip(reversed(residents), reversed(arguments), strict=True)
    ]
    return [answer() for answer in reversed(calls)]


def _called(resident: Any, method: str, arguments: tuple[Any, ...]) -> Any:
    return getattr(resident, method)(*arguments)


def _serve(calls: Connection, make: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    """Answer calls until the other end of the pipe is closed."""
    resident, failure = attempt(lambda given: make(*given), arguments)
    gc.collect()
    gc.freeze()  # what stays does not put off the collection of what comes and goes
    try:
        while True:
            method, given = calls.recv()
            calls.send((None, failure) if failure else attempt(partial(_called, resident, method), given))
    except (EOFError, OSError):
        return  # the process that asks is gone
