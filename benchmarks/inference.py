"""Learned policies inside the economy beside the bare networks, on one core, in turn.

The bare networks are those of the four types on ready-made observations that are already normalised.  Asked for a
rollout they sample and give log-probabilities and values; asked for a simulation the actors sample and nothing else.
The economy is asked the same, does all of its month besides, and in a rollout remembers it for the learners.
"""

from collections.abc import Callable
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
    untrained,
)

from macro_mesa import MacroModel
from macro_mesa.spaces import AGENT_TYPES, SPACES
from policies.config import TrainingConfig, ppo_configs
from policies.networks import ActorCritic, NumpyActorCritic
from policies.vector import LockstepEconomies

SIZES = {"11k": (10_000, 1_000, 50), "110k": (100_000, 10_000, 100)}
AGENT_MONTHS = 400_000
ROLLOUT_MONTHS = TrainingConfig().rollout_months  # the last of them is looked beyond, for the learners
LEAST = 0.5  # share of the bare networks' throughput


class BareNetworks:
    """The networks of every type of a model on observations that are there already, in numpy and in torch."""

    def __init__(self, model: MacroModel) -> None:
        random = np.random.default_rng(1)
        self.asked = []
        for kind in AGENT_TYPES:
            space, number = SPACES[kind], len(model.populations[kind])
            sizes = ppo_configs({})[kind].hidden_sizes
            network = ActorCritic(space.size, space.head_sizes, sizes, generator=torch.Generator().manual_seed(1))
            observations = random.standard_normal((number, space.size), dtype=np.float32)
            draws = random.random((number, len(space.heads)), dtype=np.float32)
            self.asked.append((network, NumpyActorCritic.from_torch(network), observations, draws))

    def rollout(self) -> None:
        """Actions, their log-probabilities and values."""
        for _, twin, observations, draws in self.asked:
            twin.act(observations, draws)
            twin.value(observations)

    def actors(self) -> None:
        """Actions."""
        for _, twin, observations, draws in self.asked:
            twin.choose(observations, draws)

    def torch_actors(self) -> None:
        """Actions by torch."""
        with torch.no_grad():
            for network, _, observations, _ in self.asked:
                for logits in network.actor(torch.from_numpy(observations)).split(network.head_sizes, dim=1):
                    # the exponential race: the fastest way to sample in torch
                    (logits.softmax(1) / torch.empty_like(logits).exponential_()).argmax(1)


def decide(model: MacroModel) -> None:
    """All types observe and choose; nothing comes of it."""
    for kind in AGENT_TYPES:
        observations = model.populations[kind].observe()
        model.policies[kind].act(observations, model.action_draws(kind))


def roll_out(economies: LockstepEconomies, months: int) -> None:
    """So many months of economies, recorded as for training."""
    economies.start_rollout(AGENT_TYPES, months)
    for month in range(months):
        economies.step()
        economies.close_month(month, {}, last=month == months - 1)


def measure(quick: bool, repeats: int) -> dict[str, Any]:
    """Processor milliseconds a month of each rival."""
    torch.set_num_threads(1)
    found = {}
    trainer = untrained()
    for name, size in list(SIZES.items())[: 1 if quick else None]:
        model = MacroModel(**sized(*size), policy=trainer.policies(), rng=1)
        twin = MacroModel(**sized(*size), policy="random", rng=1)  # the learners act in it, not the policies
        trained = LockstepEconomies([twin], trainer.learners, {kind: [None] for kind in AGENT_TYPES})
        months(model, 3)
        roll_out(trained, ROLLOUT_MONTHS)
        number = max(3, AGENT_MONTHS // agents_of(model) // (5 if quick else 1))
        bare = BareNetworks(model)
        work: dict[str, Callable[[], Any]] = {
            "month": lambda model=model, number=number: months(model, number),
            "decisions": lambda model=model, number=number: [decide(model) for _ in range(number)],
            "rollout": lambda trained=trained: roll_out(trained, ROLLOUT_MONTHS),
            "bare": lambda bare=bare, number=number: [bare.actors() for _ in range(number)],
            "bare rollout": lambda bare=bare, number=number: [bare.rollout() for _ in range(number)],
            "bare torch": lambda bare=bare, number=number: [bare.torch_actors() for _ in range(number)],
        }
        repeated = dict.fromkeys(work, number) | {"rollout": ROLLOUT_MONTHS}
        rivals = {
            rival: lambda task=task, number=repeated[rival]: thread_seconds(task) / number / MS
            for rival, task in work.items()
        }
        found[name] = {"agents": agents_of(model), **in_turn(rivals, repeats)}
    trainer.close()
    return {"milliseconds": found}


def tables(result: dict[str, Any]) -> str:
    """Medians and shares of the bare networks' throughput."""
    head = (
        "agents", "asked for", "whole month, ms", "bare networks, ms", "bare / month", "observe and choose, ms",
        "bare torch, ms", "million agent-steps/s",
    )  # fmt: skip
    rows = []
    for rounds in result["milliseconds"].values():
        agents = rounds["agents"]
        for asked, month, bare, decisions, by_torch in (
            ("actions, log-probabilities, values", "rollout", "bare rollout", None, None),
            ("actions alone", "month", "bare", "decisions", "bare torch"),
        ):
            rows.append(
                (
                    f"{agents:,}",
                    asked,
                    spread(rounds[month], 1),
                    spread(rounds[bare], 1),
                    spread(ratios(rounds[bare], rounds[month])),
                    spread(rounds[decisions], 1) if decisions else "",
                    spread(rounds[by_torch], 1) if by_torch else "",
                    f"{agents / median(rounds[month]) / 1e3:.2f}",
                )
            )
    return table(head, rows)


def targets(result: dict[str, Any]) -> list[Target]:
    """Half of the bare networks' throughput, the whole month included, both asked for all a rollout needs."""
    found = []
    for rounds in result["milliseconds"].values():
        share = median(ratios(rounds["bare rollout"], rounds["rollout"]))
        promise = f"learned policies, {rounds['agents']:,} agents: half of the bare networks' throughput"
        alone = median(ratios(rounds["bare"], rounds["month"]))
        measured = f"{share:.2f} of it, the whole month included ({alone:.2f} if only actions are asked for)"
        found.append(Target(promise, measured, share >= LEAST))
    return found
