"""Economies of growing size under learned policies: a month, memory, building, and the books, on one core.

Every size runs in a process of its own, so that its memory is its own, and with a limit on what it may ask for.
"""

import json
import math
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from measuring import (
    Stopwatch,
    Target,
    agents_of,
    median,
    milliseconds,
    sized,
    table,
    thread_seconds,
    untrained_checkpoint,
)

# households: firms and banks in proportion
SIZES = {10**k: (10**k, 10 ** (k - 1), max(2, 5 * 10 ** (k // 2 - 1))) for k in range(2, 8)}
MONTHS = {100: 240, 1_000: 120, 10_000: 60, 100_000: 12, 1_000_000: 6, 10_000_000: 4}
GUARD = 20 * 2**30  # bytes of memory that a process may ask for
LIMITS = {1_000_000: (2.0, None), 10_000_000: (25.0, 20.0)}  # seconds a month, GiB
EXPONENT, RESIDUAL = 1.1, 1e-9


def one_size(households: int, checkpoint: str) -> dict[str, Any]:
    """Build one economy and run it; memory is the process's largest resident set."""
    from macro_mesa import MacroModel

    before = _peak()
    began = time.thread_time()
    model = MacroModel(**sized(*SIZES[households]), policy=checkpoint, rng=1)
    built = time.thread_time() - began
    model.step()
    seconds, watch = [], Stopwatch(model)
    for _ in range(MONTHS[households]):
        seconds.append(thread_seconds(watch.month))
    return {
        "agents": agents_of(model),
        "build": built,
        "seconds": seconds,
        "stages": {name: median(spent) for name, spent in watch.spent.items()},
        "gibibytes": _peak(),
        "before": before,
        "residual": max(model.datacollector.model_vars["accounting_residual"]),
    }


def _peak() -> float:
    """Largest resident set of this process so far, GiB (Linux)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def measure(quick: bool, repeats: int) -> dict[str, Any]:
    """Every size in its own process; the largest two are left out of a quick look."""
    found = {}
    sizes = [size for size in SIZES if size <= (100_000 if quick else 10**7)]
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = str(untrained_checkpoint(Path(folder)))
        for size in sizes:
            command = [sys.executable, __file__, str(size), checkpoint]
            answer = subprocess.run(command, check=True, capture_output=True, text=True, preexec_fn=_guard)
            found[str(size)] = json.loads(answer.stdout)
    return {"sizes": found}


def _guard() -> None:
    resource.setrlimit(resource.RLIMIT_DATA, (GUARD, GUARD))


def exponent(sizes: dict[str, Any], first: int = 10**4, last: int = 10**6) -> float | None:
    """Slope of log seconds a month on log households between two sizes; None without both."""
    ends = [sizes.get(str(size)) for size in (first, last)]
    if None in ends:
        return None
    start, end = (median(one["seconds"]) for one in ends)
    return math.log(end / start) / math.log(last / first)


def tables(result: dict[str, Any]) -> str:
    """A line a size, then the exponent."""
    rows = []
    for households, one in result["sizes"].items():
        month = median(one["seconds"])
        rows.append(
            (
                f"{int(households):,}", f"{one['agents']:,}", milliseconds(month),
                f"{1e9 * month / one['agents']:.0f}", f"{one['build']:.2f}",
                f"{one['gibibytes']:.2f}", f"{one['residual']:.0e}",
            )
        )  # fmt: skip
    head = ("households", "agents", "ms a month", "ns an agent", "s to build", "GiB, peak", "largest residual")
    slope = exponent(result["sizes"])
    note = "" if slope is None else f"\nExponent of the time from 10^4 to 10^6 households: {slope:.2f}.\n"
    return table(head, rows) + note


def targets(result: dict[str, Any]) -> list[Target]:
    """Seconds and memory of the large ones, the exponent, the books."""
    found = []
    for households, (seconds, gibibytes) in LIMITS.items():
        one = result["sizes"].get(str(households))
        if one is None:
            continue
        month = median(one["seconds"])
        promise = f"{households:,} households, learned policies: at most {seconds:g} s a month"
        found.append(Target(promise, f"{month:.2f} s", month <= seconds))
        if gibibytes is not None:
            promise = f"{households:,} households: builds and steps within {gibibytes:g} GiB"
            found.append(Target(promise, f"{one['gibibytes']:.1f} GiB", one["gibibytes"] <= gibibytes))
    slope = exponent(result["sizes"])
    if slope is not None:
        found.append(Target(f"exponent from 10^4 to 10^6: at most {EXPONENT}", f"{slope:.2f}", slope <= EXPONENT))
    worst = max(one["residual"] for one in result["sizes"].values())
    found.append(Target("accounting residual below 1e-9 at every size", f"{worst:.0e}", worst < RESIDUAL))
    return found


if __name__ == "__main__":
    print(json.dumps(one_size(int(sys.argv[1]), sys.argv[2])))
