"""A sweep of 32 runs on one worker process and on two, in turn; both start their processes beforehand."""

import tempfile
from pathlib import Path
from typing import Any

from measuring import Target, in_turn, median, ratios, spread, table, wall_seconds

from macro_mesa.experiments.sweep import read_sweep, run_sweep
from policies.executors import ProcessPool

RUNS, MONTHS = 32, 240
LEAST = 1.7


def measure(quick: bool, repeats: int) -> dict[str, Any]:
    """Seconds of the whole sweep, files included."""
    settings = {
        "design": "grid",
        "parameters": {"reserve_ratio": [0.02 + 0.02 * k for k in range(4)]},
        "seeds": RUNS // 4,
        "sim_length": MONTHS // (4 if quick else 1),
        "policy": "rule",
        "model": {"num_households": 1_000, "num_firms": 100, "num_banks": 10},
    }
    sweep = read_sweep(settings)
    with ProcessPool(1) as one, ProcessPool(2) as two, tempfile.TemporaryDirectory() as folder:
        places = iter(Path(folder) / str(number) for number in range(10**6))
        pools = {"1 worker": one, "2 workers": two}
        for pool in pools.values():  # start the processes and load the compiled loops
            run_sweep(sweep, next(places), pool.stream)
        found = in_turn(
            {
                name: lambda pool=pool: wall_seconds(lambda: run_sweep(sweep, next(places), pool.stream))
                for name, pool in pools.items()
            },
            repeats,
        )
    return {"runs": len(sweep.runs()), "months": sweep.months, "seconds": found}


def tables(result: dict[str, Any]) -> str:
    """Medians and the gain."""
    seconds = result["seconds"]
    rows = [(name, spread(times), f"{result['runs'] / median(times):.1f}") for name, times in seconds.items()]
    gain = spread(ratios(seconds["1 worker"], seconds["2 workers"]))
    size = f"{result['runs']} runs of {result['months']} months, 1,110 agents each"
    return table(("", "s", "runs a second"), rows) + f"\n{size}; two workers are {gain} times as fast as one.\n"


def targets(result: dict[str, Any]) -> list[Target]:
    """Two workers beside one."""
    gain = median(ratios(result["seconds"]["1 worker"], result["seconds"]["2 workers"]))
    return [Target(f"two workers on a sweep of {RUNS} runs: at least {LEAST} times one", f"{gain:.2f}", gain >= LEAST)]
