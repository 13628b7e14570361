"""What the parts of the benchmark share: clocks, repeats in turn, economies, networks without learning, tables."""

import gc
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numba
import numpy as np
import torch

from macro_mesa import MacroModel
from macro_mesa.schedule import MONTH, Decision
from policies.config import TrainingConfig
from policies.trainer import Trainer

NS, MS = 1e-9, 1e-3


@dataclass(frozen=True)
class Target:
    """Something the project promises, what was measured, and whether it holds."""

    promise: str
    measured: str
    holds: bool


def thread_seconds(work: Callable[[], Any]) -> float:
    """Processor seconds of this thread: what one core takes, whoever else is on the machine."""
    before = time.thread_time()
    work()
    return time.thread_time() - before


def wall_seconds(work: Callable[[], Any]) -> float:
    """Seconds on the wall, for work on several cores."""
    before = time.perf_counter()
    work()
    return time.perf_counter() - before


def in_turn(rivals: Mapping[str, Callable[[], float]], repeats: int) -> dict[str, list[float]]:
    """Each rival's own measurement ``repeats`` times, all rivals in every round, so that they meet the same weather."""
    found: dict[str, list[float]] = {name: [] for name in rivals}
    for _ in range(repeats):
        for name, measurement in rivals.items():
            gc.collect()
            found[name].append(measurement())
    return found


def ratios(first: Sequence[float], second: Sequence[float]) -> list[float]:
    """``first`` over ``second``, round by round."""
    return [a / b for a, b in zip(first, second, strict=True)]


def median(values: Iterable[float]) -> float:
    """The middle one."""
    return statistics.median(values)


def spread(values: Sequence[float], digits: int = 2) -> str:
    """Median, least and largest."""
    return f"{median(values):.{digits}f} ({min(values):.{digits}f}-{max(values):.{digits}f})"


def milliseconds(seconds: float) -> str:
    """Three digits, without an exponent."""
    return f"{1e3 * seconds:,.0f}" if seconds >= 0.1 else f"{1e3 * seconds:.3g}"


def table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A Markdown table; every column but the first is aligned to the right."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "".join("| " + " | ".join(str(cell) for cell in line) + " |\n" for line in lines)


def machine() -> dict[str, Any]:
    """What the figures were measured on, and how busy it was."""
    model = next(
        (line.split(":")[1].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")),
        platform.processor(),
    )
    return {
        "processor": model,
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "numba": numba.__version__,
        "torch": torch.__version__,
    }


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines() if Path(path).exists() else []


def sized(households: int, firms: int, banks: int) -> dict[str, int]:
    """The keywords of an economy's size."""
    return {"num_households": households, "num_firms": firms, "num_banks": banks}


def agents_of(model: MacroModel) -> int:
    """Agents of all types, the central bank among them."""
    return sum(len(population) for population in model.populations.values())


def untrained() -> Trainer:
    """Learners of networks of the usual size that have learned nothing but the scales of observations."""
    trainer = Trainer(sized(10, 2, 2), TrainingConfig(economies=1))
    trainer._warm_up()
    return trainer


def untrained_checkpoint(folder: Path) -> Path:
    """Their policies in a file."""
    untrained().save_best(folder / "best")
    return folder / "best"


def months(model: MacroModel, number: int) -> None:
    """So many months."""
    for _ in range(number):
        model.step()


class Stopwatch:
    """``MacroModel.step`` with the processor time of each stage, by name."""

    def __init__(self, model: MacroModel) -> None:
        self.model = model
        self.spent: dict[str, list[float]] = {}
        self._start = 0.0

    def _note(self, part: str) -> None:
        now = time.thread_time()
        self.spent.setdefault(part, []).append(now - self._start)
        self._start = time.thread_time()

    def month(self) -> None:
        """One month, timed."""
        model = self.model
        self._start = time.thread_time()
        model.begin_month()
        for stage in MONTH:
            if isinstance(stage, Decision):
                kind = stage.agent_type
                population = model.populations[kind]
                observations = population.observe()
                self._note(f"{kind}: observe")
                draws = model.action_draws(kind)
                self._note(f"{kind}: draw")
                actions = model.policies[kind].act(observations, draws)
                self._note(f"{kind}: choose")
                population.apply(actions)
                self._note(f"{kind}: act")
                model.datacollector.record_decision(kind, observations, actions)
            else:
                stage.run(model)
                self._note(stage.name)
        model.end_month()
        self._note("collect data")
