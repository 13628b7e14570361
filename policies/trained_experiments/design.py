"""What experiments that train are given beyond a ``Design``; loads no torch."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from macro_mesa.experiments.paired import Design


@dataclass(frozen=True)
class TrainingDesign(Design):
    """A design with the settings of its training.

    training: settings of the section ``training`` that replace an experiment's or a run's own, ``epochs`` among them.
    ppo: the same of the section ``ppo``, by agent type.
    seed: of all training.
    models: folder for the checkpoints that it leaves.
    warm_start: retrain agents from the run's networks, where an experiment would otherwise begin afresh.
    """

    training: Mapping[str, Any] = field(default_factory=dict)
    ppo: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    seed: int = 0
    models: Path = Path("models")
    warm_start: bool = False
