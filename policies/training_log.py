"""What a training writes as it goes: its statistics as JSON and for TensorBoard."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from macro_mesa.config import ConfigError
from macro_mesa.run_folder import RunFolder, write_json


class TrainingLog:
    """``train_stats.json``, its figure, and TensorBoard."""

    def __init__(self, folder: RunFolder, trainer: Any, updates: list[dict[str, Any]]) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._folder = folder
        self._trainer = trainer
        self._updates = updates
        self._board = SummaryWriter(folder.logs / "tensorboard", purge_step=trainer.update or None)

    def __call__(self, statistics: dict[str, Any]) -> None:
        """Note one update."""
        self._updates.append(statistics)
        for name, value in _flat(statistics):
            self._board.add_scalar(name, value, statistics["update"])
        if statistics["update"] % self._trainer.config.checkpoint_interval == 0:
            self._write()

    def _write(self) -> None:
        content = {"updates": self._updates, "baselines": self._trainer.baselines, "seconds": self._trainer.seconds}
        write_json(self._folder.logs / "train_stats.json", content)

    def close(self) -> None:
        """Write what there is."""
        self._board.close()
        if self._updates:
            self._write()


def _flat(statistics: Mapping[str, Any], prefix: str = "") -> list[tuple[str, float]]:
    """Numbers of nested mappings as ``type/diagnostic/part``."""
    found = []
    for key, value in statistics.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            found += _flat(value, f"{name}/")
        elif isinstance(value, list) and value and all(isinstance(part, int | float) for part in value):
            found += [(f"{name}/{number}", float(part)) for number, part in enumerate(value)]
        elif isinstance(value, int | float) and not isinstance(value, bool):
            found.append((name, float(value)))
    return found


def read_updates(path: Path, done: int) -> list[dict[str, Any]]:
    """The statistics of the updates that the checkpoint has seen."""
    try:
        return [entry for entry in json.loads(path.read_text())["updates"] if entry["update"] <= done]
    except (OSError, ValueError, KeyError) as error:
        raise ConfigError(f"cannot resume: {path} is missing or damaged ({error})") from None
