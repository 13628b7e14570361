"""What bounds each stage of a month, and how far it is from that bound: a roofline of one core.

The bound of a stage is what its necessary work takes when each part runs as fast as this machine can: bytes of
records read and written back at the measured bandwidth, random visits at the measured rate of independent cache misses,
logarithms, keyed draws, sorted values and multiply-adds at the rates of plain loops over arrays in the cache.  A stage
cannot beat the largest of these parts; the sum is what it takes if nothing overlaps.
"""

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from measuring import NS, Stopwatch, Target, agents_of, median, sized, table, untrained_checkpoint

from macro_mesa import MacroModel
from macro_mesa.aggregates import sorted_by_digits
from macro_mesa.compiled import jit
from macro_mesa.random_streams import fill_first, shuffle

SIZE = (1_000_000, 100_000, 500)
LINE = 64  # bytes of a cache line
HEADS = 3


@dataclass(frozen=True)
class Work:
    """Necessary work of a stage, a household: lines of its record streamed in and out, and the costly operations."""

    lines_read: float = 0.0
    lines_written: float = 0.0
    bytes_beside: float = 0.0  # of arrays other than the records
    visits: float = 0.0  # of records or arrays at random places
    logarithms: float = 0.0
    draws: float = 0.0  # keyed draws
    sorted: float = 0.0
    multiply_adds: float = 0.0
    tanh: float = 0.0

    def parts(self, rates: dict[str, float]) -> dict[str, float]:
        """Nanoseconds of each part."""
        moved = LINE * (self.lines_read + self.lines_written) + self.bytes_beside
        return {
            "bandwidth": moved * rates["byte"],
            "random visits": self.visits * rates["random visit"],
            "logarithms": self.logarithms * rates["logarithm"],
            "draws": self.draws * rates["keyed draw"],
            "sorting": self.sorted * rates["sorted value"],
            "arithmetic": self.multiply_adds * rates["multiply-add"] + self.tanh * rates["tanh"],
        }


def works(households: np.ndarray, inputs: int, hidden: int, outputs: int) -> dict[str, Work]:
    """The stages that visit every household; ``households`` is the table, for the shares that take part."""
    jobless = 1.0 - float(households["employed"].mean())
    asking = float((households["loan_request"] > 0.0).mean())
    layers = inputs * hidden + hidden * hidden + hidden * outputs
    return {
        "open month": Work(lines_read=1),
        "switch banks": Work(draws=1),
        "quote loans": Work(lines_read=1, lines_written=1, draws=1, logarithms=3),
        "household: observe": Work(lines_read=3, bytes_beside=4 * inputs * 2, logarithms=4),
        "household: draw": Work(bytes_beside=4 * HEADS, draws=1),
        "household: choose": Work(
            bytes_beside=4 * inputs + 4 * HEADS + 8 * HEADS, multiply_adds=layers, tanh=2 * hidden + outputs
        ),
        "household: act": Work(lines_read=1, lines_written=1, bytes_beside=8 * HEADS),
        "hire and fire": Work(lines_read=1, lines_written=1, draws=1, visits=2 * jobless),
        "grant credit": Work(lines_read=2, lines_written=1, visits=3 * asking),
        "work": Work(lines_read=2, lines_written=2),
        "trade goods": Work(lines_read=4, lines_written=2, draws=1, logarithms=5, visits=4),
        "service debts": Work(lines_read=2, lines_written=2, draws=1),
        "pay out": Work(lines_read=2, lines_written=2),
        "publish statistics": Work(lines_read=3, sorted=1),
    }  # fmt: skip


# --- what this core can do
@jit
def _visit(values, places):
    total = 0.0
    for i in range(len(places)):
        total += values[places[i]]
    return total


@jit
def _logarithms(out, values):
    for i in range(len(values)):
        out[i] = -np.log(values[i])


def fastest(work: Callable[[], Any], repeats: int = 7) -> float:
    """Least processor seconds of a call."""
    work()
    found = []
    for _ in range(repeats):
        before = time.thread_time()
        work()
        found.append(time.thread_time() - before)
    return min(found)


def rates() -> dict[str, float]:
    """Nanoseconds of each kind of work on this core, now."""
    random = np.random.default_rng(1)
    large, small = 2**24, 2**14
    source, target = random.random(large), np.empty(large)
    places = np.arange(large, dtype=np.int32)
    shuffle(places, np.uint64(1), 1, 1)
    few, out = source[:small].copy(), np.empty(small)
    a, b = random.random((64, 64), dtype=np.float32), random.random((64, 2048), dtype=np.float32)
    product = np.empty((64, 2048), np.float32)
    wide = b.copy()

    def hundred(function: Callable[[], Any]) -> Callable[[], Any]:
        return lambda: [function() for _ in range(100)]

    return {
        name: seconds / number / NS
        for name, seconds, number in (
            ("byte", fastest(lambda: np.copyto(target, source)), 2 * 8 * large),
            ("random visit", fastest(lambda: _visit(source, places)), large),
            ("logarithm", fastest(hundred(lambda: _logarithms(out, few))), 100 * small),
            ("keyed draw", fastest(hundred(lambda: fill_first(out, np.uint64(1), 1, 1, 0))), 100 * small),
            ("sorted value", fastest(lambda: sorted_by_digits(source[: 2**20])), 2**20),
            ("multiply-add", fastest(hundred(lambda: np.matmul(a, b, out=product))), 100 * 64 * 64 * 2048),
            ("tanh", fastest(hundred(lambda: np.tanh(b, out=wide))), 100 * b.size),
        )
    }


def measure(quick: bool, repeats: int) -> dict[str, Any]:
    """Rates, and nanoseconds a household of every stage of a large economy under learned policies."""
    size = (100_000, 10_000, 100) if quick else SIZE
    with tempfile.TemporaryDirectory() as folder:
        model = MacroModel(**sized(*size), policy=str(untrained_checkpoint(Path(folder))), rng=1)
    watch = Stopwatch(model)
    for _ in range(repeats + 1):
        watch.month()
    network = model.policies["household"]._network  # type: ignore[attr-defined]
    inputs, hidden, outputs = network.observation_size, len(network.actor[0][0]), len(network.actor[-1][0])
    found = rates()
    bounds = {
        stage: work.parts(found) for stage, work in works(model.households.table, inputs, hidden, outputs).items()
    }
    taken = {stage: median(watch.spent[stage][1:]) / size[0] / NS for stage in bounds}
    return {"households": size[0], "agents": agents_of(model), "rates": found, "bounds": bounds, "taken": taken}


def tables(result: dict[str, Any]) -> str:
    """The rates, then each stage beside its bounds."""
    speeds = table(("work", "ns each"), [(name, f"{rate:.3g}") for name, rate in result["rates"].items()])
    rows = []
    for stage, parts in result["bounds"].items():
        taken, largest = result["taken"][stage], max(parts.values())
        by = max(parts, key=lambda part: parts[part])
        total = sum(parts.values())
        distances = (f"{taken / largest:.1f}", f"{taken / total:.1f}")
        rows.append((stage, f"{taken:.0f}", by, f"{largest:.0f}", f"{total:.0f}", *distances))
    head = (
        "stage", "taken, ns a household", "bound by", "bound, ns", "all parts, ns", "taken / bound", "taken / parts",
    )  # fmt: skip
    number = f"\n{result['households']:,} households, {result['agents']:,} agents, learned policies.\n\n"
    return speeds + number + table(head, rows)


def targets(result: dict[str, Any]) -> list[Target]:
    """Nothing is promised of single stages."""
    return []
