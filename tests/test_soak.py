"""Long runs in one process: no NaN, books that close, memory that stays flat, no handle or thread left behind.

``make trust``: 100 years from 20 seeds, 200 cycles of training and evaluation.
"""

import gc
import os
import threading
from pathlib import Path

import numpy as np
import pytest
from conftest import SHORT_TRAINING, SIZES, SMALL, check_jobs, economy, history
from random_cases import FULL, tried

from macro_mesa.experiments.evaluation import evaluate
from macro_mesa.spaces import AGENT_TYPES
from policies.config import TrainingConfig
from policies.trainer import Trainer, train

YEARS, SEEDS, CYCLES = (100, 20, 200) if FULL else (10, 3, 8)
RESIDUAL = 1e-9  # of deposits
GROWTH = 24.0  # MB from the first third on; an economy of 125 agents that is kept takes a hundredth, a training some
pytestmark = [
    pytest.mark.slow,
    pytest.mark.trust,
    pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads Linux's process table"),
]


def resident_megabytes() -> float:
    """Memory of this process now, garbage collected."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def handles() -> int:
    """Open files, pipes and sockets of this process."""
    return len(os.listdir("/proc/self/fd"))


def check_flat(memory: list[float]) -> str:
    """The last two thirds stay where the first third ended, to within ``GROWTH``; returns what was measured."""
    settled = max(memory[: max(1, len(memory) // 3)])
    assert memory[-1] - settled < GROWTH, memory
    return f"memory {settled:.0f} MB after a third, {memory[-1]:.0f} MB at the end"


@tried(SEEDS)
@pytest.mark.parametrize("policy", ["random", "pretrained"])
def test_a_century_under_every_seed(policy):
    memory, residual, before = [], 0.0, handles()
    for seed in range(SEEDS):
        model = economy(SIZES[1], rng=seed, policy=policy)
        for _ in range(YEARS):
            for _ in range(12):
                model.step()
            check_jobs(model)
            if seed == 0:
                memory.append(resident_megabytes())
        table = history(model)
        assert len(table) == 12 * YEARS + 1
        assert np.isfinite(table.to_numpy()).all()
        residual = max(residual, table["accounting_residual"].max())
        assert residual < RESIDUAL
        if seed == 0:
            within = check_flat(memory)
            memory = []
        memory.append(resident_megabytes())
    print(f"{policy}: {SEEDS} x {YEARS} years, residual {residual:.1e}; in one run {within}; over seeds "
          f"{check_flat(memory)}; handles {before} before, {handles()} after")  # fmt: skip
    assert handles() <= before


@tried(CYCLES)
def test_cycles_of_training_and_evaluation(tmp_path):
    memory, open_files, threads = [], [], []
    for cycle in range(CYCLES):
        trainer = Trainer(SMALL, TrainingConfig(**SHORT_TRAINING | {"epochs": 2, "threads": 2}), seed=cycle)
        train(trainer, tmp_path / "models", [])
        policies = {"learned": {kind: str(tmp_path / "models" / "best") for kind in AGENT_TYPES}}
        summary, _ = evaluate(policies, range(10_000, 10_002), 12, SMALL)
        assert all(np.isfinite(summary["returns"][kind]["learned"]["mean"]) for kind in AGENT_TYPES)
        del trainer
        memory.append(resident_megabytes())
        open_files.append(handles())
        threads.append(threading.active_count())
    third = CYCLES // 3
    print(f"{CYCLES} cycles: {check_flat(memory)}; handles {open_files[third]} and {open_files[-1]}, "
          f"threads {threads[third]} and {threads[-1]}")  # fmt: skip
    assert open_files[-1] <= max(open_files[: third + 1])
    assert threads[-1] <= max(threads[: third + 1])
