"""Run folders that a person names on the page: only those below the allowed roots are ever read."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from macro_mesa import ConfigError

MAX_STATISTICS_BYTES = 64 * 2**20
MAX_LISTED = 50
MAX_NAME = 1_000  # characters


def allowed_folder(text: str, roots: Sequence[Path]) -> Path:
    """The folder that ``text`` names, seen from the first root; links are followed before it is judged."""
    text = text.strip()
    if not text or "\0" in text or len(text) > MAX_NAME:
        raise ConfigError("name a run folder, such as experiments/experiment_20260101-120000_1")
    folder = (roots[0] / text).resolve()
    if not any(folder.is_relative_to(root.resolve()) for root in roots):
        raise ConfigError(f"{text} is outside the folders that this page may read: {', '.join(map(str, roots))}")
    if not os.path.isdir(folder):  # unlike Path.is_dir it takes a name too long for any folder
        raise ConfigError(f"{text} is not a folder")
    return folder


def checkpoint_folder(text: str, roots: Sequence[Path]) -> str:
    """The checkpoint in a run folder (its best one) or the folder itself, as a policy choice."""
    folder = allowed_folder(text, roots)
    best = folder / "models" / "best"
    chosen = best if best.is_dir() else folder
    return str(allowed_folder(str(chosen), roots))


def statistics_file(text: str, roots: Sequence[Path]) -> Path:
    """The training statistics of a run folder."""
    path = (allowed_folder(text, roots) / "logs" / "train_stats.json").resolve()
    if not any(path.is_relative_to(root.resolve()) for root in roots) or not path.is_file():
        raise ConfigError(f"{text} holds no logs/train_stats.json: it is no training run, or has not saved yet")
    return path


def read_statistics(path: Path) -> dict[str, Any]:
    """The content of a ``train_stats.json``; ``ConfigError`` if it is too large, damaged or of another kind."""
    if path.stat().st_size > MAX_STATISTICS_BYTES:
        raise ConfigError(f"{path.name} is larger than the {MAX_STATISTICS_BYTES >> 20} MB that this page reads")
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"{path.name} cannot be read: {error}") from None
    if not isinstance(content, dict) or not isinstance(content.get("updates"), list):
        raise ConfigError(f"{path.name} is no training statistics: it has no list of updates")
    return content


def run_folders(roots: Sequence[Path]) -> list[str]:
    """Run folders in ``experiments/`` below the first root, the newest first, at most fifty."""
    found = [path for path in (roots[0] / "experiments").glob("experiment_*") if path.is_dir()]
    found.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    return [str(path.relative_to(roots[0])) for path in found[:MAX_LISTED]]
