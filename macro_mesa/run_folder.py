"""Run folders: where a command writes, and how each run says how it was made."""

import json
import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import yaml

from macro_mesa.config import ConfigError

REPORTED_PACKAGES = ("macro-mesa", "mesa", "numpy", "numba", "pandas", "torch")


class RunFolder:
    """``experiment_<time>_<seed>/`` with its subfolders; raises ``ConfigError`` where it cannot be made."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.models = path / "models"
        self.plots = path / "plots"
        self.logs = path / "logs"
        try:
            for folder in (self.plots, self.logs):
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(f"cannot write to {path}: {error.strerror}; choose another --output-dir") from None

    @classmethod
    def create(cls, output_dir: Path, seed: int) -> "RunFolder":
        """A new folder below ``output_dir``, never an existing one."""
        stem = f"experiment_{datetime.now():%Y%m%d-%H%M%S}_{seed}"
        path = output_dir / stem
        number = 2
        while path.exists():
            path = output_dir / f"{stem}_{number}"
            number += 1
        return cls(path)

    def describe(self, command: list[str], seeds: Mapping[str, Any], configuration: Mapping[str, Any]) -> None:
        """Write ``run.json`` (versions, commit, seeds, command) and ``config.yaml``.

        Raises ``ConfigError`` where they stand already and tell of other seeds or another configuration.
        """
        if (self.path / "run.json").exists():
            self._check_same(seeds, configuration)
        write_json(
            self.path / "run.json",
            {
                "command": command,
                "started": datetime.now().astimezone().isoformat(timespec="seconds"),
                "seeds": dict(seeds),
                "commit": _commit(),
                "python": sys.version.split()[0],
                "platform": platform.platform(),
                "versions": {name: _version(name) for name in REPORTED_PACKAGES},
            },
        )
        text = yaml.safe_dump(dict(configuration), sort_keys=False)
        write_text(self.path / "config.yaml", text)

    def _check_same(self, seeds: Mapping[str, Any], configuration: Mapping[str, Any]) -> None:
        try:
            run = json.loads((self.path / "run.json").read_text())
            before = _flat({**run["seeds"], **yaml.safe_load((self.path / "config.yaml").read_text())})
            again = command_again(run["command"], self.path)
        except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError):
            raise ConfigError(f"{self.path} does not say how it was made: run.json or config.yaml is broken") from None
        now = _flat({**seeds, **yaml.safe_load(yaml.safe_dump(dict(configuration)))})
        for name in {**before, **now}:
            if before.get(name) != now.get(name):
                told = f"{name} {before.get(name)}, not {now.get(name)}"
                raise ConfigError(f"{self.path} was started with {told}; go on with {again}")


def _flat(entries: Mapping[str, Any]) -> dict[str, Any]:
    """Entries of sections as ``section.entry``."""
    flat: dict[str, Any] = {}
    for name, entry in entries.items():
        flat |= {f"{name}.{key}": value for key, value in entry.items()} if isinstance(entry, dict) else {name: entry}
    return flat


def command_again(command: Sequence[str], folder: Path) -> str:
    """The shell command that goes on where ``command`` stopped."""
    return shlex.join(["python", *command, *([] if "--resume" in command else ["--resume", str(folder)])])


def write_json(path: Path, content: Any) -> None:
    """Write JSON so that a reader never sees half of it; NaN is refused."""
    write_text(path, json.dumps(content, indent=1, allow_nan=False) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write a file under another name first, then move it into place."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_text(text)
        os.replace(temporary, path)
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror}") from None


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _commit() -> str | None:
    """The commit of the source tree, with a mark if it has changes; None outside a checkout."""
    source = Path(__file__).parent
    try:
        found = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=40"],
            cwd=source, capture_output=True, text=True, timeout=10,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
    return found.stdout.strip() or None
