"""Training throughput beside that of an environment that costs nothing: ``python benchmarks/training.py [--quick]``.

Both lines run the same four learners on the same numbers of agents, months and economies, all four types learning and
without early stopping by KL, so that both do the same gradient steps.  The second line's observations and rewards are
ready-made noise: what is left is inference and learning, the ceiling for any simulator.
"""

import argparse
import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import statistics
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from rich.console import Console
from rich.progress import track
from rich.table import Table

from macro_mesa.spaces import AGENT_TYPES, SPACES
from policies.buffer import Rollout
from policies.config import TrainingConfig, ppo_configs
from policies.ppo import PPOConfig, PPOLearner
from policies.trainer import Trainer

SIZE = {"num_households": 100, "num_firms": 20, "num_banks": 5}
AGENTS = dict(zip(AGENT_TYPES, (100, 20, 5, 1), strict=True))
PARTS = ("simulation", "inference", "learning")

Seconds = dict[str, float]


def learner_configs() -> dict[str, PPOConfig]:
    """The usual settings without early stopping."""
    return ppo_configs({kind: {"target_kl": None} for kind in AGENT_TYPES})


def economies(config: TrainingConfig) -> Iterator[Seconds]:
    """Seconds of each update of a real training run, without its baselines and validations."""
    trainer = Trainer(SIZE, config, learner_configs(), seed=1)
    trainer._warm_up()
    while True:
        yield trainer._one_update(0.0)["seconds"]


def nothing(config: TrainingConfig) -> Iterator[Seconds]:
    """The same on observations and rewards made beforehand."""
    random = np.random.default_rng(1)
    learners, rollouts = {}, {}
    for kind, ppo in learner_configs().items():
        space = SPACES[kind]
        learners[kind] = PPOLearner(kind, space.size, space.head_names, space.head_sizes, ppo, seed=1)
        rollout = Rollout.allocate(config.rollout_months, AGENTS[kind] * config.economies, space.size, len(space.heads))
        rollout.observation[:] = random.standard_normal(rollout.observation.shape)
        rollout.reward[:] = random.standard_normal(rollout.reward.shape)
        learners[kind].warm_up(rollout.observation)
        rollouts[kind] = rollout
    draws = {kind: random.random(rollout.action.shape, dtype=np.float32) for kind, rollout in rollouts.items()}
    while True:
        start = time.perf_counter()
        for month in range(config.rollout_months):
            for kind, rollout in rollouts.items():
                decision = learners[kind].act(rollout.observation[month], draws[kind][month])
                rollout.action[month] = decision.actions
                rollout.log_probability[month] = decision.log_probability
                rollout.value[month] = decision.value
        acted = time.perf_counter()
        with ThreadPoolExecutor(config.threads) as pool:
            for update in [pool.submit(learners[kind].update, rollout, 0.0) for kind, rollout in rollouts.items()]:
                update.result()
        yield {"simulation": 0.0, "inference": acted - start, "learning": time.perf_counter() - acted}


def row(name: str, agent_steps: int, found: list[Seconds]) -> list[str]:
    """Medians over rollouts as a line of the table."""
    totals = [sum(seconds.values()) for seconds in found]
    total = statistics.median(totals)
    shares = [f"{100 * statistics.median(seconds[part] for seconds in found) / total:.0f} %" for part in PARTS]
    spread = f"{agent_steps / max(totals) / 1e3:,.0f}-{agent_steps / min(totals) / 1e3:,.0f}"
    return [name, f"{total:.3g}", f"{agent_steps / total / 1e3:,.0f}", spread, *shares]


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--repeats", type=int, default=10, help="rollouts, of which the median is shown (default 10)")
    parser.add_argument("--threads", type=int, default=2, help="types that learn side by side (default 2)")
    parser.add_argument("--quick", action="store_true", help="three short rollouts")
    options = parser.parse_args()
    repeats, months = (3, 10) if options.quick else (options.repeats, 40)
    config = TrainingConfig(
        economies=16, rollout_months=months, staging="simultaneous", exploration_share=0.0, threads=options.threads
    )
    torch.set_num_threads(1)
    agents = sum(AGENTS.values())
    agent_steps = agents * config.economies * months
    table = Table(
        title=f"Training, {config.economies} economies x {agents} agents x {months} months a rollout, "
        f"median of {repeats}, {options.threads} threads"
    )
    for name in ("environment", "s a rollout", "1000 agent-steps/s", "range", *PARTS):
        table.add_column(name, justify="left" if name == "environment" else "right")
    for name, updates in (("the economy", economies(config)), ("costs nothing", nothing(config))):
        next(updates)  # compiles, and fills the caches
        found = [next(updates) for _ in track(range(repeats), name, console=Console(stderr=True))]
        table.add_row(*row(name, agent_steps, found))
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
