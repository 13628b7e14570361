"""Speed of a month by policy and size, and where the time goes: ``python benchmarks/simulation.py [--quick]``.

Columns: milliseconds a month, its spread over repeats, thousand agent-steps a second, and the month's parts: agents
(observe and act), inference (the policy), markets (all stages), collection (statistics, and for learned policies the
transitions that a learner would need).  "one by one" is the learned policy asked agent by agent.
"""

import argparse
import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from macro_mesa import MacroModel
from macro_mesa.schedule import MONTH, Decision
from macro_mesa.spaces import SPACES
from policies.buffer import Rollout
from policies.config import TrainingConfig
from policies.trainer import Trainer

# agents, the central bank left out: households, firms, banks
SIZES = {"125": (100, 20, 5), "1.1k": (1_000, 100, 10), "11k": (10_000, 1_000, 50), "110k": (100_000, 10_000, 100)}
POLICIES = ("random", "rule", "learned", "one by one")
PARTS = ("agents", "inference", "markets", "collection")
AGENT_STEPS = 200_000  # a repeat takes about so many, and at least three months
SLOW_AGENT_STEPS = 20_000  # the same, one by one


class OneByOne:
    """A policy asked once for every agent, as an agent's own step method would."""

    def __init__(self, policy: Any) -> None:
        self._policy = policy

    def act(self, observations: np.ndarray, draws: np.ndarray) -> np.ndarray:
        answers = [self._policy.act(observations[i : i + 1], draws[i : i + 1]) for i in range(len(observations))]
        return np.concatenate(answers)


def untrained_checkpoint(folder: Path) -> Path:
    """Networks of the usual size that have learned nothing."""
    trainer = Trainer({"num_households": 10, "num_firms": 2, "num_banks": 2}, TrainingConfig(economies=1))
    trainer._warm_up()
    trainer.save_best(folder / "best")
    return folder / "best"


def build(size: tuple[int, int, int], policy: str, checkpoint: Path) -> MacroModel:
    """An economy of this size, with the named kind of policy for all types."""
    households, firms, banks = size
    choice = policy if policy in ("random", "rule") else str(checkpoint)
    model = MacroModel(num_households=households, num_firms=firms, num_banks=banks, policy=choice, rng=1)
    if policy == "one by one":
        model.policies = {kind: OneByOne(one) for kind, one in model.policies.items()}
    return model


def record_transitions(model: MacroModel, months: int) -> None:
    """Let the recorder write what a learner of all four types would need."""
    model.datacollector.record_into(
        {
            kind: Rollout.allocate(months, len(population), SPACES[kind].size, len(SPACES[kind].heads))
            for kind, population in model.populations.items()
        }
    )


def one_month(model: MacroModel, spent: dict[str, float]) -> None:
    """``MacroModel.step`` with a stopwatch."""
    clock = time.perf_counter
    start = clock()

    def note(part: str) -> None:
        nonlocal start
        now = clock()
        spent[part] += now - start
        start = now

    model.begin_month()
    for stage in MONTH:
        if isinstance(stage, Decision):
            kind = stage.agent_type
            population = model.populations[kind]
            observations, draws = population.observe(), model.action_draws(kind)
            note("agents")
            actions = model.policies[kind].act(observations, draws)
            note("inference")
            population.apply(actions)
            note("agents")
            model.datacollector.record_decision(kind, observations, actions)
            note("collection")
        else:
            stage.run(model)
            note("markets")
    model.end_month()
    note("collection")


def measure(model: MacroModel, policy: str, repeats: int, share: float) -> list[dict[str, float]]:
    """Seconds a month by part, one entry a repeat."""
    agents = sum(len(population) for population in model.populations.values())
    wanted = SLOW_AGENT_STEPS if policy == "one by one" else AGENT_STEPS
    months = min(240, max(3, round(share * wanted / agents)))
    if policy != "one by one":
        one_month(model, dict.fromkeys(PARTS, 0.0))  # compiles, and touches the memory once
    found = []
    for _ in range(repeats):
        if policy in ("learned", "one by one"):
            record_transitions(model, months)
        spent = dict.fromkeys(PARTS, 0.0)
        for _ in range(months):
            one_month(model, spent)
        found.append({part: seconds / months for part, seconds in spent.items()})
    return found


def milliseconds(seconds: float) -> str:
    """Three digits, without an exponent."""
    return f"{1e3 * seconds:,.0f}" if seconds >= 0.1 else f"{1e3 * seconds:.3g}"


def row(size: str, policy: str, agents: int, found: list[dict[str, float]]) -> list[str]:
    """Medians over repeats as a line of the table."""
    totals = [sum(parts.values()) for parts in found]
    total = statistics.median(totals)
    shares = [f"{100 * statistics.median(parts[name] for parts in found) / total:.0f} %" for name in PARTS]
    spread = f"{milliseconds(min(totals))}-{milliseconds(max(totals))}"
    return [size, policy, milliseconds(total), spread, f"{agents / total / 1e3:,.0f}", *shares]


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--repeats", type=int, default=5, help="repeats, of which the median is shown (default 5)")
    parser.add_argument("--quick", action="store_true", help="two short repeats, without the largest size")
    options = parser.parse_args()
    repeats, share = (2, 0.1) if options.quick else (options.repeats, 1.0)
    sizes = dict(list(SIZES.items())[:-1]) if options.quick else SIZES
    table = Table(title=f"A month of the economy, median of {repeats} repeats, 1 thread")
    for name in ("agents", "policy", "ms a month", "range", "1000 agent-steps/s", *PARTS):
        table.add_column(name, justify="left" if name == "policy" else "right")
    cases = [(size, policy) for size in sizes for policy in POLICIES]
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = untrained_checkpoint(Path(folder))
        for size, policy in track(cases, "measuring", console=Console(stderr=True)):
            model = build(SIZES[size], policy, checkpoint)
            agents = sum(len(population) for population in model.populations.values())
            table.add_row(*row(size, policy, agents, measure(model, policy, repeats, share)))
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
