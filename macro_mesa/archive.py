"""Folders of arrays and JSON, whole or not at all: data, never code.

An archive is a safetensors file and a JSON description that carries the checksums of both.  Nothing in it is ever
unpickled, run or used as a path, and every size is bounded before it is read, so that an archive from a stranger can
be opened.  The checksums find damage; they do not say who wrote it.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

MAX_DESCRIPTION_BYTES = 16 * 2**20
MAX_HEADER_BYTES = 100_000_000  # what safetensors itself allows; an economy of a training state takes 19 kB
MAX_ARRAYS_BYTES = 16 * 2**30
SEAL = "sha256"


@dataclass(frozen=True)
class Archive:
    """A kind of archive: what its files are called, and the error its faults are raised as, in one sentence."""

    format: str
    version: int
    arrays_file: str
    description_file: str
    error: type[ValueError]
    unsealed_versions: tuple[int, ...] = ()  # from before the description had a checksum of its own; read all the same
    max_description_bytes: int = MAX_DESCRIPTION_BYTES
    max_arrays_bytes: int = MAX_ARRAYS_BYTES

    def write(self, folder: Path, arrays: Mapping[str, np.ndarray], meta: Mapping[str, Any]) -> None:
        """Write an archive in place of the folder's previous one.

        The new one is written and synced beside the old one, then the two change places by renaming.  Interrupted
        anywhere, a whole archive remains and ``read`` finds it.  ``meta`` is what JSON can hold.  Raises ``error`` if
        the folder cannot be written or holds something else; ValueError or TypeError if meta is not JSON (NaN and
        infinity are not); the old archive then stands as it was.
        """
        folder = folder.absolute()
        # order="C" copies what is not contiguous, which safetensors would write in the wrong order
        content = save({name: np.asarray(array, order="C") for name, array in arrays.items()})
        description = {
            "format": self.format,
            "version": self.version,
            self._key("bytes"): len(content),
            self._key("sha256"): hashlib.sha256(content).hexdigest(),
            "tensors": _shapes(arrays),
            "meta": dict(meta),
        }
        text = json.dumps(description | {SEAL: seal(description)}, indent=1, allow_nan=False).encode()
        if folder.exists() and not self._is_replaceable(folder):
            raise self.error(f"{folder} is not a {self.format}, it will not be overwritten")
        try:
            self._swap(folder, {self.arrays_file: content, self.description_file: text})
        except OSError as error:
            raise self.error(f"cannot write {folder}: {error.strerror or error}") from error

    def read(self, folder: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Arrays by name, writable, and the meta saved with them; writes nothing.

        Where a save was interrupted between its two renames, this is the archive it was to replace.  Raises ``error``
        if a file is missing, too large, damaged, or of another format.
        """
        folder = folder.absolute()
        if not folder.exists():
            previous = _sibling(folder, "previous")
            if not previous.exists():
                raise self.error(f"{folder} does not exist")
            folder = previous
        description = self._read_description(folder / self.description_file)
        return self._read_arrays(folder / self.arrays_file, description), description["meta"]

    # --- writing
    def _swap(self, folder: Path, files: Mapping[str, bytes]) -> None:
        temporary, previous = _sibling(folder, "saving"), _sibling(folder, "previous")
        folder.parent.mkdir(parents=True, exist_ok=True)
        if previous.exists() and not folder.exists():
            os.replace(previous, folder)  # an earlier save was interrupted between its two renames
        for leftover in (temporary, previous):
            if leftover.exists():
                shutil.rmtree(leftover)
        temporary.mkdir()
        try:
            for name, content in files.items():
                _write(temporary / name, content)
            _sync_folder(temporary)
        except OSError:
            shutil.rmtree(temporary, ignore_errors=True)  # half an archive would only fill the disk
            raise
        if folder.exists():
            os.replace(folder, previous)
        os.replace(temporary, folder)
        _sync_folder(folder.parent)
        if previous.exists():
            shutil.rmtree(previous)

    def _is_replaceable(self, folder: Path) -> bool:
        return folder.is_dir() and ((folder / self.description_file).is_file() or not any(folder.iterdir()))

    def _key(self, what: str) -> str:
        return f"{self.arrays_file.partition('.')[0]}_{what}"

    # --- reading
    def _read_description(self, path: Path) -> dict[str, Any]:
        try:
            found = json.loads(self._read(path, self.max_description_bytes))
        except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
            raise self.error(f"{path} is not JSON") from error
        except ValueError as error:
            if isinstance(error, self.error):
                raise
            raise self.error(f"{path} is not JSON: {error}") from error  # a number of too many digits
        if not isinstance(found, dict) or found.get("format") != self.format:
            raise self.error(f"{path} is foreign: its format must be {self.format!r}")
        version = found.get("version")
        if type(version) is not int or version not in (self.version, *self.unsealed_versions):
            raise self.error(f"{path} has format version {version!r}, must be {self.version}")
        kinds = {
            "format": str, "version": int, self._key("bytes"): int, self._key("sha256"): str, "tensors": dict,
            "meta": dict,
        }  # fmt: skip
        if version == self.version:
            kinds[SEAL] = str
        for key, kind in kinds.items():
            if not isinstance(found.get(key), kind):
                raise self.error(f"{path} has no valid {key!r}, must be of type {kind.__name__}")
        if unknown := sorted(found.keys() - kinds.keys()):
            raise self.error(f"{path} has an unknown key {unknown[0]!r}")
        if version == self.version and found.pop(SEAL) != seal(found):
            raise self.error(f"{path} is damaged: its SHA-256 is not the one it records")
        return found

    def _read_arrays(self, path: Path, description: Mapping[str, Any]) -> dict[str, np.ndarray]:
        content = self._read(path, self.max_arrays_bytes)
        header = int.from_bytes(content[:8], "little")
        # a pickle or zip file, read as a header length, is far out of bounds; so is any file below 8 bytes
        if header > min(MAX_HEADER_BYTES, len(content) - 8):
            raise self.error(f"{path} is cut off or no safetensors file; pickles are never read")
        if len(content) != description[self._key("bytes")]:
            recorded = description[self._key("bytes")]
            raise self.error(f"{path} has {len(content)} bytes, {self.description_file} records {recorded}")
        if hashlib.sha256(content).hexdigest() != description[self._key("sha256")]:
            raise self.error(f"{path} is damaged: its SHA-256 is not the one in {self.description_file}")
        try:
            arrays = {name: np.array(array) for name, array in load(content).items()}
        except (SafetensorError, KeyError) as error:
            raise self.error(f"{path} is no safetensors file that numpy can read") from error
        found, recorded = _shapes(arrays), description["tensors"]
        for name in sorted(found.keys() | recorded.keys()):
            if found.get(name) != recorded.get(name):
                raise self.error(
                    f"{path} holds {name} as {found.get(name)}, {self.description_file} has {recorded.get(name)}"
                )
        return arrays

    def _read(self, path: Path, limit: int) -> bytes:
        """The whole file; a folder, device or pipe is none."""
        if not path.is_file():
            raise self.error(f"{path} is missing")
        try:
            with path.open("rb") as file:
                size = os.fstat(file.fileno()).st_size
                if size > limit:
                    raise self.error(f"{path} has {size} bytes, at most {limit} are allowed")
                return file.read(size)  # never the limit: Python reserves what it is asked to read
        except OSError as error:
            raise self.error(f"cannot read {path}: {error.strerror or error}") from error


def seal(description: Mapping[str, Any]) -> str:
    """SHA-256 of the description's own content, whatever its white space."""
    return hashlib.sha256(json.dumps(description, separators=(",", ":")).encode()).hexdigest()


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


def _sibling(folder: Path, role: str) -> Path:
    return folder.with_name(f".{folder.name}.{role}")


def _shapes(arrays: Mapping[str, np.ndarray]) -> dict[str, dict[str, Any]]:
    return {name: {"shape": list(array.shape), "dtype": array.dtype.name} for name, array in arrays.items()}
