"""Training as tasks of plain data: a worker runs one, a store keeps its networks, a checkpoint makes them a policy."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from macro_mesa.config import ConfigError
from policies.checkpoint import load_checkpoint, save_checkpoint
from policies.config import ppo_configs, training_config
from policies.learned import GREEDY
from policies.trained_experiments.design import TrainingDesign
from policies.trainer import Trainer

CONTINUED_RATE = 0.3  # share of the learning rate with which trained networks go on


@dataclass(frozen=True)
class Retraining:
    """A task: train an economy's agents; ``training`` and ``ppo`` hold every setting."""

    parameters: Mapping[str, Any]
    training: Mapping[str, Any]
    ppo: Mapping[str, Mapping[str, Any]]
    seed: int
    shocks: Sequence[Mapping[str, Any]] = ()


def retrain(task: Retraining) -> dict[str, Any]:
    """The policies at the end, ``arrays`` and ``meta`` of a checkpoint; the last ones, so nothing is picked."""
    trainer = Trainer(task.parameters, training_config(task.training), ppo_configs(task.ppo), task.seed, task.shocks)
    for _ in trainer.run():
        pass
    trainer.close()
    arrays, meta = trainer.learned()
    return {"arrays": arrays, "meta": meta}


def retraining(design: TrainingDesign, checkpoint: Path, changes: Mapping[str, Any], warm: bool) -> Retraining:
    """The task that trains in the way a checkpoint was trained, but for the design's settings and ``changes``.

    warm: go on from the checkpoint's networks, with lower learning rates and the last entropy bonuses.  Raises
    ``ConfigError`` for settings that cannot be used, ``CheckpointError`` for a checkpoint that does not say its own.
    """
    _, meta = load_checkpoint(checkpoint)
    own = {**meta.get("training", {}), "start_from": str(checkpoint) if warm else None}
    # one thread: tasks run side by side
    training = {**own, "threads": 1, **design.training, **changes}
    ppo = {
        kind: {**(continued(settings) if warm else settings), **design.ppo.get(kind, {})}
        for kind, settings in recorded_ppo(meta).items()
    }  # fmt: skip
    return Retraining(
        design.parameters,
        training_config(training).model_dump(mode="json"),
        {kind: config.model_dump(mode="json") for kind, config in ppo_configs(ppo).items()},
        design.seed,
        design.shocks,
    )


def recorded_ppo(meta: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The PPO settings that a checkpoint notes, by agent type; the defaults where it notes none."""
    return {kind: config.model_dump(mode="json") for kind, config in ppo_configs(meta.get("ppo", {})).items()}


def continued(own: Mapping[str, Any]) -> dict[str, Any]:
    """PPO settings with which a trained network goes on: a lower learning rate, the last entropy bonus throughout."""
    return {
        **own,
        "learning_rate": CONTINUED_RATE * own["learning_rate"],
        "entropy_coefficient": own["final_entropy_coefficient"],
    }


def checkpoint_of(choice: Any) -> Path | None:
    """The folder of a choice of policies that is a checkpoint, its most probable actions or not; None otherwise."""
    folder = Path(str(choice).removesuffix(f":{GREEDY}")) if isinstance(choice, str | Path) else None
    return folder if folder is not None and folder.is_dir() else None


def checkpoints_of(design: TrainingDesign, experiment: str) -> list[Path]:
    """The checkpoints of the first arm, one for each run; ``ConfigError`` if one of its choices is none."""
    found = [checkpoint_of(choice) for choice in design.arms[design.main]]
    if None in found:
        raise ConfigError(f"{experiment} retrains learned policies: give --model-path RUN instead of --policy")
    return [checkpoint for checkpoint in found if checkpoint is not None]


def keep(models: Path, name: str, policies: Mapping[str, Any]) -> str:
    """Write policies as a checkpoint below ``models`` and return its folder, a choice of policies.

    Its name ends with a hash of the networks: a stored result that depends on them does not outlive them.
    """
    digest = hashlib.sha256()
    for key, array in sorted(policies["arrays"].items()):
        digest.update(key.encode() + np.ascontiguousarray(array).tobytes())
    folder = models / f"{name.replace(' ', '_')}_{digest.hexdigest()[:10]}"
    save_checkpoint(folder, policies["arrays"], policies["meta"])
    return str(folder)
