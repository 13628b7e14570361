"""Where a month goes, stage by stage, by policy and size, on one core.

"one by one" is the learned policy asked agent by agent, as an agent's own step method would ask it.
"""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from measuring import Stopwatch, agents_of, median, months, sized, table, thread_seconds, untrained_checkpoint

from macro_mesa import MacroModel

# households, firms, banks
SIZES = {"125": (100, 20, 5), "11k": (10_000, 1_000, 50), "110k": (100_000, 10_000, 100)}
POLICIES = ("random", "rule", "learned")
AGENT_MONTHS = 600_000


class OneByOne:
    """A policy asked once for every agent."""

    def __init__(self, policy: Any) -> None:
        self._policy = policy

    def act(self, observations: np.ndarray, draws: np.ndarray) -> np.ndarray:
        answers = [self._policy.act(observations[i : i + 1], draws[i : i + 1]) for i in range(len(observations))]
        return np.concatenate(answers)


def measure(quick: bool, repeats: int) -> dict[str, Any]:
    """Median processor seconds of every stage, by size and policy; of whole months, one by one."""
    stages: dict[str, dict[str, dict[str, float]]] = {}
    agents, singly = {}, {}
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = str(untrained_checkpoint(Path(folder)))
        for name, size in list(SIZES.items())[: 2 if quick else None]:
            stages[name] = {}
            for policy in POLICIES:
                model = MacroModel(**sized(*size), policy=checkpoint if policy == "learned" else policy, rng=1)
                agents[name] = agents_of(model)
                watch = Stopwatch(model)
                for _ in range(min(240, max(5, AGENT_MONTHS // agents[name] // (5 if quick else 1)))):
                    watch.month()
                # the first month compiles, and touches the memory once
                stages[name][policy] = {stage: median(spent[1:]) for stage, spent in watch.spent.items()}
            model.policies = {kind: OneByOne(one) for kind, one in model.policies.items()}
            singly[name] = thread_seconds(lambda model=model: months(model, 1))
    return {"agents": agents, "stages": stages, "one by one": singly}


def tables(result: dict[str, Any]) -> str:
    """Nanoseconds an agent of the whole economy, stage by stage; then totals."""
    stages, agents = result["stages"], result["agents"]
    columns = [(size, policy) for size in stages for policy in POLICIES]
    names = list(stages[columns[0][0]][columns[0][1]])
    shown = [name for name in names if not name.startswith(("central_bank", "commercial_bank"))]
    rows: list[tuple[str, ...]] = []
    for label, members in [
        *((name, [name]) for name in shown),
        ("banks' and central bank's decisions", [name for name in names if name not in shown]),
        ("**the month**", names),
    ]:
        cells = [1e9 * sum(stages[size][policy][name] for name in members) / agents[size] for size, policy in columns]
        rows.append((label, *(f"{cell:.0f}" for cell in cells)))
    total = [sum(stages[size][policy].values()) for size, policy in columns]
    rows.append(("ms a month", *(f"{1e3 * one:.3g}" for one in total)))
    head = ("ns an agent of the economy", *(f"{agents[size]:,} {policy}" for size, policy in columns))
    singly = ", ".join(
        f"{1e3 * seconds:,.3g} ms at {agents[size]:,} agents" for size, seconds in result["one by one"].items()
    )
    return table(head, rows) + f"\nThe learned policies asked agent by agent instead: {singly}.\n"


def targets(result: dict[str, Any]) -> list[Any]:
    """Nothing is promised of single stages."""
    return []
