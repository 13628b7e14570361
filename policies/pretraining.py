"""Train the policies that ship with the package: one configuration, five seeds.

``python -m policies.pretraining`` (``make pretrained``) trains each seed in a process of its own, goes on where an
interrupted run stopped, and puts the last policies of every run in ``policies/pretrained``.  Other seeds, trained for a
replication, go elsewhere: ``--seeds 6 7 --target experiments/replication``.
"""

import argparse
import os
import shutil
from functools import partial
from pathlib import Path
from typing import Any

from macro_mesa.experiments.scenario import read_scenario
from macro_mesa.run_folder import write_json
from policies.config import ppo_configs, training_config
from policies.executors import executor
from policies.learned import PRETRAINED
from policies.trainer import Trainer, train

CONFIG = PRETRAINED / "training.yaml"
SEEDS = (1, 2, 3, 4, 5)


class Curve:
    """What a run went through: means over each rollout, by update, as columns that JSON can hold."""

    def __init__(self) -> None:
        self.columns: dict[str, list[float]] = {}

    def __call__(self, statistics: dict[str, Any]) -> None:
        """Note one update."""
        values = {"update": statistics["update"], **statistics["macro"]}
        for kind in statistics["stage"].split("+"):
            values[f"{kind}_reward"] = statistics[kind]["mean_reward"]
        for name, value in values.items():
            self.columns.setdefault(name, []).append(float(f"{value:.4g}"))


def train_seed(seed: int, settings: dict[str, Any], folder: Path) -> Path:
    """Train one seed to its end in ``folder``, from its last checkpoint if there is one; returns what to ship."""
    last, shipped = folder / f"{seed}" / "last", folder / f"{seed}" / "shipped"
    curve = Curve()
    if last.is_dir():
        trainer = Trainer.load(last)
        curve.columns = trainer.notes.get("curve", {})
    else:
        trainer = Trainer(
            settings["model"],
            training_config(settings["training"]),
            ppo_configs(settings["ppo"], settings["model"]),
            seed,
        )
    trainer.notes["curve"] = curve.columns
    train(trainer, last.parent, [curve, partial(_tell, seed, trainer.config.epochs)])
    trainer.save_best(shipped)
    return shipped


def _tell(seed: int, epochs: int, statistics: dict[str, Any]) -> None:
    if statistics["update"] % 20 == 0:
        found = ", ".join(f"{name} {value:.3g}" for name, value in statistics["macro"].items())
        print(f"seed {seed}: {statistics['update']}/{epochs}: {found}", flush=True)


def main() -> None:
    """Train all seeds and ship them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes, one seed each")
    parser.add_argument("--folder", type=Path, default=Path("experiments") / "pretraining", help="where runs are kept")
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    parser.add_argument("--target", type=Path, default=PRETRAINED, help="where policies go, in a folder a seed")
    options = parser.parse_args()
    run = partial(train_seed, settings=read_scenario(CONFIG), folder=options.folder)
    folders = executor(min(options.workers, len(options.seeds)))(run, list(options.seeds))
    for seed, folder in zip(options.seeds, folders, strict=True):
        shutil.copytree(folder, options.target / str(seed), dirs_exist_ok=True)
    write_json(options.target / "index.json", [str(seed) for seed in options.seeds])


if __name__ == "__main__":
    main()
