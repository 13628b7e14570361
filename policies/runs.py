"""Trained runs as experiments take them: their checkpoints, and the economy they were trained in."""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from macro_mesa.config import ConfigError
from policies.checkpoint import load_checkpoint
from policies.learned import GREEDY, PRETRAINED


def best_checkpoint(path: Path) -> Path:
    """A checkpoint folder, or the best one of a run folder."""
    best = path / "models" / "best"
    return best if best.is_dir() else path


def shipped_checkpoints() -> list[Path]:
    """The checkpoints that come with the package, one for each training run."""
    index = PRETRAINED / "index.json"
    if not index.is_file():
        raise ConfigError("no policies are shipped with this version; give --model-path or --policy")
    return [PRETRAINED / name for name in json.loads(index.read_text())]


def learned_choice(checkpoint: Path, greedy: bool = False) -> str:
    """The choice of policies that a checkpoint is; ``greedy`` takes the most probable actions."""
    return f"{checkpoint}:{GREEDY}" if greedy else str(checkpoint)


def most_probable(choice: Any) -> Any:
    """The choice that takes a checkpoint's most probable actions; rules have no others than their own."""
    return learned_choice(choice, greedy=True) if Path(str(choice)).is_dir() else choice


def run_name(choice: Any) -> str:
    """The run folder of a checkpoint, or the checkpoint's own name."""
    path = Path(str(choice))
    return path.parent.parent.name if path.parent.name == "models" else path.name


def common_parameters(checkpoints: Sequence[Path]) -> dict[str, Any]:
    """Parameters of the economy that all of them were trained in; ``ConfigError`` if there are several."""
    trained = [load_checkpoint(checkpoint)[1].get("parameters", {}) for checkpoint in checkpoints]
    if any(other != trained[0] for other in trained):
        raise ConfigError("the runs of --model-path were trained in economies of different parameters")
    return trained[0]


def manifests(choices: Iterable[Any]) -> list[str]:
    """The manifests of the checkpoints among choices of policies, on which results depend besides their names."""
    folders = [Path(str(choice).removesuffix(f":{GREEDY}")) for choice in choices]
    return [(folder / "manifest.json").read_text() for folder in folders if folder.is_dir()]
