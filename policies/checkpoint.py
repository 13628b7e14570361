"""Checkpoints: the learners' networks and whatever else the next update needs, as an archive in one folder."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from macro_mesa.archive import Archive

WEIGHTS = "weights.safetensors"
MANIFEST = "manifest.json"


class CheckpointError(ValueError):
    """A checkpoint that cannot be used; one sentence says which file and why."""


CHECKPOINT = Archive(
    "macro-mesa-checkpoint", 2, WEIGHTS, MANIFEST, CheckpointError,
    unsealed_versions=(1,), max_description_bytes=4 * 2**20, max_arrays_bytes=2**30,
)  # fmt: skip


def save_checkpoint(folder: Path, arrays: Mapping[str, np.ndarray], meta: Mapping[str, Any]) -> None:
    """Write a checkpoint in place of the folder's previous one, whole or not at all.

    Args:
        folder: the checkpoint's own folder; everything in it is replaced.
        arrays: tensors by name, of any shape.
        meta: what JSON can hold.

    Raises:
        CheckpointError: the folder cannot be written, or exists and is no checkpoint.
        ValueError, TypeError: meta is not JSON (NaN and infinity are not); nothing is written.
    """
    CHECKPOINT.write(folder, arrays, meta)


def load_checkpoint(folder: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Read a checkpoint and write nothing.

    Returns:
        Tensors by name, writable, and the meta that was saved with them.

    Raises:
        CheckpointError: a file is missing, too large, damaged, or of another format.
    """
    return CHECKPOINT.read(folder)


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
