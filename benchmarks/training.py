"""Training end to end on two cores beside the same learners alone on one core, in turn.

Both do the same gradient steps for the same numbers of agents, months and economies: all four types learn, without
early stopping by KL.  The second's observations and rewards are ready-made noise: an environment that costs nothing,
so that what is left is inference and learning on one core.
"""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from measuring import Target, in_turn, median, ratios, sized, spread, table

from macro_mesa.spaces import AGENT_TYPES, SPACES
from policies.buffer import Rollout
from policies.config import TrainingConfig, ppo_configs
from policies.ppo import PPOConfig, PPOLearner
from policies.trainer import Trainer

SIZE = (100, 20, 5)
AGENTS = dict(zip(AGENT_TYPES, (100, 20, 5, 1), strict=True))
ECONOMIES = 16
PARTS = ("simulation", "inference", "learning")
CORES = {"economy, 2 cores": 2, "economy, 1 core": 1, "costless, 1 core": 1}

Round = dict[str, float]


def learner_configs() -> dict[str, PPOConfig]:
    """The usual settings without early stopping."""
    return ppo_configs({kind: {"target_kl": None} for kind in AGENT_TYPES})


def settings(months: int, cores: int) -> TrainingConfig:
    """All four types learning, in groups of economies for so many cores."""
    return TrainingConfig(
        economies=ECONOMIES, rollout_months=months, staging="simultaneous", exploration_share=0.0,
        rollout_groups=cores, threads=1,
    )  # fmt: skip


def economies(months: int, cores: int) -> Callable[[], Round]:
    """An update of a real training run, without its baselines and validations."""
    trainer = Trainer(sized(*SIZE), settings(months, cores), learner_configs(), seed=1, workers=cores)
    trainer._warm_up()
    return lambda: trainer._one_update(0.0)["seconds"]


def costless(months: int) -> Callable[[], Round]:
    """The same learners' update on observations and rewards made beforehand."""
    random = np.random.default_rng(1)
    learners, rollouts = {}, {}
    for kind, ppo in learner_configs().items():
        space = SPACES[kind]
        learners[kind] = PPOLearner(kind, space.size, space.head_names, space.head_sizes, ppo, seed=1)
        rollout = Rollout.allocate(months, AGENTS[kind] * ECONOMIES, space.size, len(space.heads))
        rollout.observation[:] = random.standard_normal(rollout.observation.shape)
        rollout.reward[:] = random.standard_normal(rollout.reward.shape)
        learners[kind].warm_up(rollout.observation)
        rollouts[kind] = rollout
    draws = {kind: random.random(rollout.action.shape, dtype=np.float32) for kind, rollout in rollouts.items()}

    def update() -> Round:
        start = time.perf_counter()
        for month in range(months):
            for kind, rollout in rollouts.items():
                decision = learners[kind].act(rollout.observation[month], draws[kind][month])
                rollout.action[month] = decision.actions
                rollout.log_probability[month] = decision.log_probability
                rollout.value[month] = decision.value
        acted = time.perf_counter()
        for kind, rollout in rollouts.items():
            learners[kind].update(rollout, 0.0)
        return {"simulation": 0.0, "inference": acted - start, "learning": time.perf_counter() - acted}

    return update


def measure(quick: bool, repeats: int) -> dict[str, Any]:
    """Seconds of an update by part, round by round."""
    torch.set_num_threads(1)
    months = 10 if quick else 40
    updates = {name: costless(months) if "costless" in name else economies(months, n) for name, n in CORES.items()}
    parts: dict[str, list[Round]] = {name: [] for name in updates}

    def timed(name: str) -> Callable[[], float]:
        def one() -> float:
            before = time.perf_counter()
            parts[name].append(updates[name]())
            return time.perf_counter() - before

        return one

    for update in updates.values():
        update()  # compiles, and fills the caches
    found = in_turn({name: timed(name) for name in updates}, repeats)
    return {"agent_steps": sum(AGENTS.values()) * ECONOMIES * months, "seconds": found, "parts": parts}


def tables(result: dict[str, Any]) -> str:
    """Medians, speed against the costless environment, and where the time goes."""
    steps, rows = result["agent_steps"], []
    bare = result["seconds"]["costless, 1 core"]
    for name, seconds in result["seconds"].items():
        total = median(seconds)
        shares = [
            f"{100 * median(one[part] for one in result['parts'][name]) / total:.0f} %" for part in PARTS
        ]
        rows.append((name, spread(seconds), f"{steps / total / 1e3:.0f}", spread(ratios(bare, seconds)), *shares))
    head = ("environment", "s an update", "1000 agent-steps/s", "speed, costless = 1", *PARTS)
    return table(head, rows)


def targets(result: dict[str, Any]) -> list[Target]:
    """Faster on two cores than the learner alone on one."""
    seconds = result["seconds"]
    speed = median(ratios(seconds["costless, 1 core"], seconds["economy, 2 cores"]))
    promise = f"training, {ECONOMIES} x 125 agents on two cores: faster than the learner alone on one"
    return [Target(promise, f"{speed:.2f} times as fast", speed > 1.0)]
