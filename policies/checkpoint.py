"""Checkpoints: safetensors weights and a JSON manifest in one folder, whole or not at all.

Nothing is ever unpickled, so a checkpoint from a stranger can be read; a digest in the manifest
finds damage, which the safetensors format itself would load in silence.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

FORMAT = "macro-mesa-checkpoint"
VERSION = 1
WEIGHTS = "weights.safetensors"
MANIFEST = "manifest.json"
MAX_MANIFEST_BYTES = 4 * 2**20
MAX_HEADER_BYTES = 2**20
MAX_WEIGHTS_BYTES = 2**30


class CheckpointError(ValueError):
    """A checkpoint that cannot be used; one sentence says which file and why."""


def save_checkpoint(
    folder: Path, arrays: Mapping[str, np.ndarray], meta: Mapping[str, Any]
) -> None:
    """Writes a checkpoint in place of the folder's previous one.

    The new checkpoint is written and synced beside the old one, then the two change places by
    renaming. Interrupted anywhere, a whole checkpoint remains and `load_checkpoint` finds it.

    Args:
        folder: the checkpoint's own folder; everything in it is replaced.
        arrays: tensors by name, of any shape.
        meta: what JSON can hold.

    Raises:
        CheckpointError: the folder exists and is no checkpoint.
        ValueError, TypeError: meta is not JSON (NaN and infinity are not); nothing is written.
    """
    folder = folder.absolute()
    temporary, previous = _sibling(folder, "saving"), _sibling(folder, "previous")
    # order="C" copies what is not contiguous, which safetensors would write in the wrong order.
    weights = save({name: np.asarray(array, order="C") for name, array in arrays.items()})
    manifest = {
        "format": FORMAT,
        "version": VERSION,
        "weights_bytes": len(weights),
        "weights_sha256": hashlib.sha256(weights).hexdigest(),
        "tensors": _description(arrays),
        "meta": dict(meta),
    }
    text = json.dumps(manifest, indent=1, allow_nan=False).encode()
    if folder.exists() and not _replaceable(folder):
        raise CheckpointError(f"{folder} is not a checkpoint, it will not be overwritten")

    folder.parent.mkdir(parents=True, exist_ok=True)
    if previous.exists() and not folder.exists():
        os.replace(previous, folder)  # an earlier save was interrupted between its two renames
    for leftover in (temporary, previous):
        if leftover.exists():
            shutil.rmtree(leftover)
    temporary.mkdir()
    _write(temporary / WEIGHTS, weights)
    _write(temporary / MANIFEST, text)
    _sync_folder(temporary)
    if folder.exists():
        os.replace(folder, previous)
    os.replace(temporary, folder)
    _sync_folder(folder.parent)
    if previous.exists():
        shutil.rmtree(previous)


def load_checkpoint(folder: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Reads a checkpoint and writes nothing.

    Where a save was interrupted between its two renames, this is the checkpoint it was to replace.

    Returns:
        Tensors by name, writable, and the meta that was saved with them.

    Raises:
        CheckpointError: a file is missing, too large, damaged, or of another format.
    """
    folder = folder.absolute()
    if not folder.exists():
        previous = _sibling(folder, "previous")
        if not previous.exists():
            raise CheckpointError(f"{folder} does not exist")
        folder = previous
    manifest = _read_manifest(folder / MANIFEST)
    path = folder / WEIGHTS
    weights = _read(path, MAX_WEIGHTS_BYTES)
    header = int.from_bytes(weights[:8], "little")
    # A pickle or zip file, read as a header length, is far out of bounds.
    if len(weights) < 8 or header > min(MAX_HEADER_BYTES, len(weights) - 8):
        raise CheckpointError(f"{path} is cut off or no safetensors file; pickles are never read")
    if len(weights) != manifest["weights_bytes"]:
        raise CheckpointError(
            f"{path} has {len(weights)} bytes, {MANIFEST} records {manifest['weights_bytes']}"
        )
    if hashlib.sha256(weights).hexdigest() != manifest["weights_sha256"]:
        raise CheckpointError(f"{path} is damaged: its SHA-256 is not the one in {MANIFEST}")
    try:
        arrays = {name: np.array(array) for name, array in load(weights).items()}
    except (SafetensorError, KeyError) as error:
        raise CheckpointError(f"{path} is no safetensors file that numpy can read") from error
    found, recorded = _description(arrays), manifest["tensors"]
    for name in sorted(found.keys() | recorded.keys()):
        if found.get(name) != recorded.get(name):
            raise CheckpointError(
                f"{path} holds {name} as {found.get(name)}, {MANIFEST} has {recorded.get(name)}"
            )
    return arrays, manifest["meta"]


def below(arrays: Mapping[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    """The arrays whose names start with ``prefix``, named by what follows it."""
    return {name.removeprefix(prefix): x for name, x in arrays.items() if name.startswith(prefix)}


def require_arrays(arrays: Mapping[str, np.ndarray], shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Holds a checkpoint's tensors to the shapes a reader expects; -1 stands for any length.

    Raises:
        CheckpointError: a tensor is missing, of another shape, or holds NaN or infinity.
    """
    for name, shape in shapes.items():
        if name not in arrays:
            raise CheckpointError(f"the checkpoint has no tensor {name}")
        got = arrays[name].shape
        if len(got) != len(shape) or any(a not in (b, -1) for a, b in zip(shape, got, strict=True)):
            raise CheckpointError(f"tensor {name} has shape {got}, must be {shape}")
        if not np.isfinite(arrays[name]).all():
            raise CheckpointError(f"tensor {name} holds NaN or infinity")


def _read_manifest(path: Path) -> dict[str, Any]:
    try:
        manifest = json.loads(_read(path, MAX_MANIFEST_BYTES))
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise CheckpointError(f"{path} is not JSON") from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise CheckpointError(f"{path} is foreign: its format must be {FORMAT!r}")
    if manifest.get("version") != VERSION:
        raise CheckpointError(
            f"{path} has format version {manifest.get('version')!r}, must be {VERSION}"
        )
    kinds = {"weights_bytes": int, "weights_sha256": str, "tensors": dict, "meta": dict}
    for key, kind in kinds.items():
        if not isinstance(manifest.get(key), kind):
            raise CheckpointError(f"{path} has no valid {key!r}, must be of type {kind.__name__}")
    return manifest


def _read(path: Path, limit: int) -> bytes:
    if not path.is_file():
        raise CheckpointError(f"{path} is missing")
    size = path.stat().st_size
    if size > limit:
        raise CheckpointError(f"{path} has {size} bytes, at most {limit} are allowed")
    return path.read_bytes()


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":  # Windows cannot open a folder to sync it
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _replaceable(folder: Path) -> bool:
    return folder.is_dir() and ((folder / MANIFEST).is_file() or not any(folder.iterdir()))


def _sibling(folder: Path, role: str) -> Path:
    return folder.with_name(f".{folder.name}.{role}")


def _description(arrays: Mapping[str, np.ndarray]) -> dict[str, dict[str, Any]]:
    return {
        name: {"shape": list(array.shape), "dtype": array.dtype.name}
        for name, array in arrays.items()
    }
