"""Learned policies inside the economy beside the bare networks, on one core, in turn.

The bare networks are those of the four types on ready-made observations that are already normalised: forward pass of
the actor, sampling and nothing else.  The economy with learned policies does all of its month besides.
"""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from measuring import (
    MS,
    Target,
    agents_of,
    in_turn,
    median,
    months,
    ratios,
    sized,
    spread,
    table,
    thread_seconds,
    untrained_checkpoint,
)

from macro_mesa import MacroModel
from macro_mesa.spaces import AGENT_TYPES, SPACES
from policies.networks import ActorCritic, NumpyActorCritic

SIZES = {"11k": (10_000, 1_000, 50), "110k": (100_000, 10_000, 100)}
AGENT_MONTHS = 400_000
LEAST = 0.5  # share of the bare networks' throughput


def bare_networks(model: MacroModel) -> Any:
    """A function that asks bare numpy networks once for every type of ``model``, and the same for torch."""
    random = np.random.default_rng(1)
    numpy_calls, torch_calls = [], []
    for kind in AGENT_TYPES:
        space, number = SPACES[kind], len(model.populations[kind])
        weights = torch.Generator().manual_seed(1)
        network = ActorCritic(space.size, space.head_sizes, generator=weights)
        twin = NumpyActorCritic.from_torch(network)
        observations = random.standard_normal((number, space.size), dtype=np.float32)
        draws = random.random((number, len(space.heads)), dtype=np.float32)
        numpy_calls.append((twin, observations, draws))
        torch_calls.append((network, torch.from_numpy(observations), space.head_sizes))

    def ask_numpy() -> None:
        for twin, observations, draws in numpy_calls:
            twin.act(observations, draws)

    def ask_torch() -> None:
        with torch.no_grad():
            for network, observations, head_sizes in torch_calls:
                for logits in network.actor(observations).split(head_sizes, dim=1):
                    # the exponential race: the fastest way to sample in torch
                    (logits.softmax(1) / torch.empty_like(logits).exponential_()).argmax(1)

    return ask_numpy, ask_torch


def measure(quick: bool, repeats: int) -> dict[str, Any]:
    """Processor milliseconds a month: economy with learned policies, its decisions alone, bare networks."""
    torch.set_num_threads(1)
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = str(untrained_checkpoint(Path(folder)))
        for name, size in list(SIZES.items())[: 1 if quick else None]:
            model = MacroModel(**sized(*size), policy=checkpoint, rng=1)
            months(model, 3)
            number = max(3, AGENT_MONTHS // agents_of(model) // (5 if quick else 1))
            ask_numpy, ask_torch = bare_networks(model)

            def economy(model: MacroModel = model, number: int = number) -> float:
                return thread_seconds(lambda: months(model, number)) / number / MS

            def decisions(model: MacroModel = model, number: int = number) -> float:
                def decide() -> None:
                    for kind in AGENT_TYPES:
                        observations = model.populations[kind].observe()
                        model.policies[kind].act(observations, model.action_draws(kind))

                return thread_seconds(lambda: [decide() for _ in range(number)]) / number / MS

            def bare(ask: Any = ask_numpy, number: int = number) -> float:
                return thread_seconds(lambda: [ask() for _ in range(number)]) / number / MS

            def bare_torch(ask: Any = ask_torch, number: int = number) -> float:
                return thread_seconds(lambda: [ask() for _ in range(number)]) / number / MS

            rivals = {"month": economy, "decisions": decisions, "bare": bare, "bare torch": bare_torch}
            found[name] = {"agents": agents_of(model), **in_turn(rivals, repeats)}
    return {"milliseconds": found}


def tables(result: dict[str, Any]) -> str:
    """Medians and shares of the bare networks' throughput."""
    rows = []
    for rounds in result["milliseconds"].values():
        rows.append(
            (
                f"{rounds['agents']:,}",
                *(spread(rounds[name], 1) for name in ("month", "decisions", "bare", "bare torch")),
                spread(ratios(rounds["bare"], rounds["decisions"])),
                spread(ratios(rounds["bare"], rounds["month"])),
                f"{rounds['agents'] / median(rounds['month']) / 1e3:.2f}",
            )
        )
    head = (
        "agents", "whole month, ms", "observe and choose, ms", "bare networks, ms", "bare torch, ms",
        "bare / observe and choose", "bare / month", "million agent-steps/s",
    )  # fmt: skip
    return table(head, rows)


def targets(result: dict[str, Any]) -> list[Target]:
    """Half of the bare networks' throughput, the whole month included."""
    found = []
    for rounds in result["milliseconds"].values():
        share = median(ratios(rounds["bare"], rounds["month"]))
        promise = f"learned policies, {rounds['agents']:,} agents: half of the bare networks' throughput"
        found.append(Target(promise, f"{share:.2f} of it, the whole month included", share >= LEAST))
    return found
