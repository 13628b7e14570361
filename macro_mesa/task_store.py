"""Results of tasks on disk, so that a long computation that was killed goes on where it stopped.

``resumable`` wraps an executor, a callable ``(function, tasks, done) -> results``.  Each result is written by the
worker that made it, under a hash of the task, the moment it is made; what is there already is read, not computed.
"""

import hashlib
import io
import json
import os
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from macro_mesa.config import ConfigError

Task = TypeVar("Task")
Execute = Callable[..., list[Any]]

PACKAGE = Path(__file__).parent
ANALYSIS = ("evidence",)  # folders whose changes leave stored simulations valid, but for the task's own module
STRUCTURE = "structure"
CHECKSUM = hashlib.sha256().digest_size


def resumable(execute: Execute, folder: Path, depends_on: Any = None) -> Execute:
    """An executor like ``execute`` that keeps every result in ``folder`` and computes only what is missing.

    Tasks are plain data: dataclasses, mappings, sequences, paths, strings, numbers, None.  Results are mappings and
    lists of such data, numpy arrays and pandas frames.  Functions are those of a module, not lambdas.
    ``depends_on`` is further plain data that results depend on, such as the checksums of checkpoints.  A change of
    the package's source makes other results too.  Raises ``ConfigError`` if ``folder`` cannot be written,
    ``TypeError`` for tasks or results that are no plain data.
    """

    def execute_what_is_missing(
        function: Callable[[Task], Any], tasks: Sequence[Task], done: Callable[[], Any] | None = None
    ) -> list[Any]:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(f"cannot keep results in {folder}: {error.strerror}") from None
        paths = [folder / f"{task_key(function, task, depends_on)}.result" for task in tasks]
        found = {path: _read_if_sound(path) for path in dict.fromkeys(paths)}
        missing = {path: task for path, task in zip(paths, tasks, strict=True) if found[path] is None}
        if done:
            for path in paths:
                if path not in missing:
                    done()
        execute(_Keeping(function), list(missing.items()), done)
        for path in missing:
            found[path] = read_result(path)
        return [found[path] for path in paths]

    return execute_what_is_missing


@dataclass(frozen=True)
class _Keeping:
    """A function that writes its result to the task's file; sent to worker processes."""

    function: Callable[[Any], Any]

    def __call__(self, kept_task: tuple[Path, Any]) -> None:
        path, task = kept_task
        write_result(path, self.function(task))


def _read_if_sound(path: Path) -> Any:
    """The stored result, or None if there is none or it is damaged."""
    if not path.exists():
        return None
    try:
        return read_result(path)
    except ValueError as error:
        warnings.warn(f"a stored result is damaged and computed again: {error}", stacklevel=3)
        return None


# --- keys
def task_key(function: Callable[..., Any], task: Any, depends_on: Any = None) -> str:
    """Hash of what a result depends on: function, task, ``depends_on`` and the package's source."""
    name = f"{function.__module__}.{function.__qualname__}"
    content = json.dumps([name, plain(task), plain(depends_on)], sort_keys=True)
    return hashlib.sha256((_source_digest(function.__module__) + content).encode()).hexdigest()[:32]


def plain(value: Any) -> Any:
    """``value`` as JSON data; dataclasses carry their names.  Raises ``TypeError`` for anything else."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Path):
        return str(value)
    if is_dataclass(value) and not isinstance(value, type):
        return {type(value).__qualname__: {f.name: plain(getattr(value, f.name)) for f in fields(value)}}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, range | list | tuple):
        return [plain(item) for item in value]
    raise TypeError(f"a stored task is made of plain data, not of {type(value).__name__}")


@cache
def _source_digest(module: str) -> str:
    """Hash of the package's source files, the analysis left out, and of the task's own module."""
    sources = [path for path in PACKAGE.rglob("*.py") if path.relative_to(PACKAGE).parts[0] not in ANALYSIS]
    own = getattr(sys.modules.get(module), "__file__", None)
    digest = hashlib.sha256()
    for source in sorted({*sources, *([Path(own)] if own else [])}):
        digest.update(source.read_bytes())
    return digest.hexdigest()


# --- results
def write_result(path: Path, result: Any) -> None:
    """Write a result to ``path``, whole or not at all: its SHA-256, then a zip of arrays and the structure as JSON."""
    arrays: dict[str, np.ndarray] = {}
    structure = json.dumps(_take_apart(result, arrays))
    content = io.BytesIO()
    np.savez_compressed(content, **{STRUCTURE: np.frombuffer(structure.encode(), np.uint8)}, **arrays)  # type: ignore[arg-type]
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_bytes(hashlib.sha256(content.getvalue()).digest() + content.getvalue())
        os.replace(temporary, path)
    except OSError as error:
        raise ConfigError(f"cannot keep a result in {path.parent}: {error.strerror}") from None


def read_result(path: Path) -> Any:
    """The result that ``write_result`` wrote; raises ``ValueError`` if a byte of it has changed."""
    stored = path.read_bytes()
    checksum, content = stored[:CHECKSUM], stored[CHECKSUM:]
    if hashlib.sha256(content).digest() != checksum:
        raise ValueError(f"the checksum of {path.name} does not match")
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        return _put_together(json.loads(arrays[STRUCTURE].tobytes()), arrays)


def _take_apart(value: Any, arrays: dict[str, np.ndarray]) -> Any:
    """``value`` as JSON, its arrays moved to ``arrays`` and named there."""
    if isinstance(value, np.ndarray):
        if value.dtype.hasobject:
            raise TypeError("a stored array holds numbers, not objects")
        name = f"array_{len(arrays)}"
        arrays[name] = value
        return {"array": name}
    if isinstance(value, pd.DataFrame):
        columns = [[name, _column(value[name], arrays)] for name in value.columns]
        return {"frame": columns, "index": _column(value.index.to_series(), arrays), "name": value.index.name}
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise TypeError("a stored mapping has strings as keys")
        return {"mapping": {key: _take_apart(item, arrays) for key, item in value.items()}}
    if isinstance(value, list | tuple):
        return {"list": [_take_apart(item, arrays) for item in value]}
    if value is None or isinstance(value, bool | int | float | str | np.generic):
        return {"value": plain(value)}
    raise TypeError(f"a stored result is made of plain data, arrays and frames, not of {type(value).__name__}")


def _column(column: pd.Series, arrays: dict[str, np.ndarray]) -> Any:
    """A frame's column: numbers as an array, text as a list."""
    numbers = pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column)
    return _take_apart(column.to_numpy() if numbers else column.tolist(), arrays)


def _put_together(structure: dict[str, Any], arrays: Mapping[str, np.ndarray]) -> Any:
    if "array" in structure:
        return arrays[structure["array"]]
    if "frame" in structure:
        index = pd.Index(_put_together(structure["index"], arrays), name=structure["name"])
        columns = {name: _put_together(column, arrays) for name, column in structure["frame"]}
        return pd.DataFrame(columns, index=index)
    if "mapping" in structure:
        return {key: _put_together(item, arrays) for key, item in structure["mapping"].items()}
    if "list" in structure:
        return [_put_together(item, arrays) for item in structure["list"]]
    return structure["value"]
