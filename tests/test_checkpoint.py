"""A checkpoint is whole or refused."""

import hashlib
import io
import json
import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from macro_mesa.archive import MAX_HEADER_BYTES, SEAL, seal
from policies.checkpoint import (
    CHECKPOINT,
    MANIFEST,
    WEIGHTS,
    CheckpointError,
    load_checkpoint,
    require_arrays,
    save_checkpoint,
)

ARRAYS = {
    "weight": np.arange(12, dtype=np.float32).reshape(3, 4),
    "transposed": np.arange(6.0).reshape(2, 3).T,
    "count": np.array(7, dtype=np.int64),
    "empty": np.zeros((0, 2)),
}
META = {"updates": 3, "generator": {"state": 2**127 + 1}, "names": ["a", "b"]}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "runs" / "best"
    save_checkpoint(path, ARRAYS, META)
    return path


def edit_manifest(folder: Path, **changes) -> None:
    """Other entries, with a checksum that vouches for them."""
    manifest = json.loads((folder / MANIFEST).read_text()) | changes
    del manifest[SEAL]
    (folder / MANIFEST).write_text(json.dumps(manifest | {SEAL: seal(manifest)}))


def replace_weights(folder: Path, content: bytes) -> None:
    """Other weights, with a manifest that vouches for them."""
    (folder / WEIGHTS).write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    edit_manifest(folder, weights_bytes=len(content), weights_sha256=digest)


def test_what_is_saved_is_loaded(folder):
    arrays, meta = load_checkpoint(folder)
    assert meta == META
    assert arrays.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(arrays[name], array)
        assert (arrays[name].dtype, arrays[name].shape) == (array.dtype, array.shape)
        assert arrays[name].flags.writeable
    assert sorted(path.name for path in folder.parent.iterdir()) == ["best"]


def test_saving_replaces_everything(folder):
    save_checkpoint(folder, {"other": np.ones(2)}, {})
    arrays, meta = load_checkpoint(folder)
    assert (list(arrays), meta) == (["other"], {})
    assert sorted(path.name for path in folder.parent.iterdir()) == ["best"]


@pytest.mark.parametrize("function", ["replace", "fsync"])
@pytest.mark.parametrize("calls", range(4))
def test_an_interrupted_save_leaves_a_whole_checkpoint(folder, monkeypatch, function, calls):
    original = getattr(os, function)
    made: list[tuple] = []

    def interrupted(*arguments):
        if len(made) == calls:
            raise OSError("power cut")
        made.append(arguments)
        return original(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(os, function, interrupted)
        if function == "replace" and calls >= 2:  # a save renames twice
            save_checkpoint(folder, {"new": np.ones(3)}, {"updates": 4})
        else:
            with pytest.raises(CheckpointError, match="power cut"):
                save_checkpoint(folder, {"new": np.ones(3)}, {"updates": 4})
    _, meta = load_checkpoint(folder)
    renamed = calls >= 2 if function == "replace" else calls == 3  # the folder's sync comes last
    assert meta["updates"] == (4 if renamed else 3)

    save_checkpoint(folder, {"newer": np.zeros(1)}, {"updates": 5})
    assert load_checkpoint(folder)[1] == {"updates": 5}
    assert sorted(path.name for path in folder.parent.iterdir()) == ["best"]


def test_a_second_interruption_still_leaves_the_first_checkpoint(folder, monkeypatch):
    # As after a crash between the two renames of a save.
    os.replace(folder, folder.with_name(".best.previous"))
    assert load_checkpoint(folder)[1] == META

    def interrupted(descriptor):
        raise OSError("power cut")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", interrupted)
        with pytest.raises(CheckpointError, match="power cut"):
            save_checkpoint(folder, {}, {"updates": 4})
    assert load_checkpoint(folder)[1] == META


def test_meta_that_is_not_json_is_refused_before_anything_is_written(folder):
    for bad, error in ({"x": float("nan")}, ValueError), ({"x": object()}, TypeError):
        with pytest.raises(error):
            save_checkpoint(folder, {}, bad)
    assert load_checkpoint(folder)[1] == META
    assert sorted(path.name for path in folder.parent.iterdir()) == ["best"]


def test_a_folder_that_is_no_checkpoint_is_not_overwritten(tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.tex").write_text("years of work")
    with pytest.raises(CheckpointError, match="is not a macro-mesa-checkpoint"):
        save_checkpoint(tmp_path / "thesis", ARRAYS, META)
    assert (tmp_path / "thesis" / "chapter.tex").read_text() == "years of work"


def test_every_flipped_byte_of_the_weights_is_noticed(folder):
    content = bytearray((folder / WEIGHTS).read_bytes())
    for position in range(len(content)):
        content[position] ^= 1
        (folder / WEIGHTS).write_bytes(content)
        with pytest.raises(CheckpointError, match=WEIGHTS):
            load_checkpoint(folder)
        content[position] ^= 1
    (folder / WEIGHTS).write_bytes(content)
    load_checkpoint(folder)


@pytest.mark.parametrize("name", [WEIGHTS, MANIFEST])
@pytest.mark.parametrize("kept", [0, 5, 50])
def test_truncated_files_are_refused(folder, name, kept):
    (folder / name).write_bytes((folder / name).read_bytes()[:kept])
    with pytest.raises(CheckpointError, match=name):
        load_checkpoint(folder)


def test_missing_folder_and_files_are_refused(folder):
    with pytest.raises(CheckpointError, match="elsewhere does not exist"):
        load_checkpoint(folder / "elsewhere")
    for name in (WEIGHTS, MANIFEST):
        (folder / name).unlink()
        with pytest.raises(CheckpointError, match=f"{name} is missing"):
            load_checkpoint(folder)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"format": "stable-baselines3"}, "is foreign"),
        ({"version": 3}, "version 3, must be 2"),
        ({"meta": None}, "no valid 'meta'"),
        ({"weights_sha256": "0" * 64}, "SHA-256"),
        ({"weights_bytes": 3}, "records 3"),
        ({"tensors": {}}, "holds count"),
    ],
)
def test_foreign_and_inconsistent_manifests_are_refused(folder, changes, message):
    edit_manifest(folder, **changes)
    with pytest.raises(CheckpointError, match=message):
        load_checkpoint(folder)


@pytest.mark.parametrize("content", [b"[]", b"\xff\xfe", b"{", b"[" * 200_000, b'{"a": ' + b"9" * 5_000 + b"}"])
def test_manifests_that_are_no_json_object_are_refused(folder, content):
    (folder / MANIFEST).write_bytes(content)
    with pytest.raises(CheckpointError, match=MANIFEST):
        load_checkpoint(folder)


def test_a_manifest_too_large_is_not_read(folder):
    with (folder / MANIFEST).open("ab") as file:
        file.truncate(CHECKPOINT.max_description_bytes + 1)
    with pytest.raises(CheckpointError, match="at most"):
        load_checkpoint(folder)


def test_a_tensor_of_another_shape_than_recorded_is_refused(folder):
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["tensors"]["weight"]["shape"] = [4, 3]
    edit_manifest(folder, tensors=manifest["tensors"])
    with pytest.raises(CheckpointError, match="holds weight"):
        load_checkpoint(folder)


class Payload:
    """Touches a file when unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


@pytest.mark.parametrize("kind", ["pickle", "npy", "zip"])
def test_a_pickle_in_disguise_is_refused_and_never_run(folder, tmp_path, kind):
    trap = tmp_path / "executed"
    content = pickle.dumps(Payload(trap))
    if kind == "npy":
        file = io.BytesIO()
        np.save(file, np.array([Payload(trap)], dtype=object), allow_pickle=True)
        content = file.getvalue()
    if kind == "zip":
        content = b"PK\x03\x04" + content
    replace_weights(folder, content)
    with pytest.raises(CheckpointError, match="pickles are never read"):
        load_checkpoint(folder)
    assert not trap.exists()


def with_header(header: bytes, tensors: bytes = b"") -> bytes:
    """A safetensors file."""
    return len(header).to_bytes(8, "little") + header + tensors


def test_a_header_beyond_its_bound_is_refused_though_the_file_is_sound(folder):
    content = (folder / WEIGHTS).read_bytes()
    length = int.from_bytes(content[:8], "little")
    header, tensors = content[8 : 8 + length], content[8 + length :]
    replace_weights(folder, with_header(header.ljust(MAX_HEADER_BYTES), tensors))
    assert load_checkpoint(folder)[1] == META  # white space up to the bound is no harm
    replace_weights(folder, with_header(header.ljust(MAX_HEADER_BYTES + 8), tensors))
    with pytest.raises(CheckpointError, match="no safetensors file"):
        load_checkpoint(folder)


def test_the_state_of_hundreds_of_economies_can_be_read_again(tmp_path):
    """64 economies have 12,000 arrays, and a header of more than a megabyte."""
    arrays = {f"economy.{number // 200}.{'column' * 10}.{number}": np.zeros(1) for number in range(12_000)}
    save_checkpoint(tmp_path / "many", arrays, META)
    assert load_checkpoint(tmp_path / "many")[0].keys() == arrays.keys()


@pytest.mark.parametrize(
    "content",
    [
        with_header(b"{{{{"),
        with_header(b'{"x": {"dtype": "BF16", "shape": [1], "data_offsets": [0, 2]}}', bytes(2)),
        with_header(b'{"x": {"dtype": "F99", "shape": [1], "data_offsets": [0, 2]}}', bytes(2)),
        with_header(b'{"x": {"dtype": "F32", "shape": [9], "data_offsets": [0, 36]}}', bytes(4)),
    ],
    ids=["no JSON", "a type that numpy has not", "a type that nobody has", "cut off"],
)
def test_a_safetensors_header_with_nonsense_is_refused(folder, content):
    replace_weights(folder, content)
    with pytest.raises(CheckpointError, match="is no safetensors file that numpy can read"):
        load_checkpoint(folder)


@pytest.mark.parametrize("header", [100, 2**40])
def test_a_header_longer_than_its_file_is_refused(folder, header):
    replace_weights(folder, header.to_bytes(8, "little") + b"{}")
    with pytest.raises(CheckpointError, match="pickles are never read"):
        load_checkpoint(folder)


@pytest.mark.skipif(not Path("/proc/cpuinfo").exists(), reason="reads Linux's process table")
def test_a_file_is_read_up_to_the_size_it_admits_to():
    assert Path("/proc/cpuinfo").stat().st_size == 0
    assert CHECKPOINT._read(Path("/proc/cpuinfo"), 10) == b""


def test_required_arrays_are_held_to_shape_and_finiteness():
    require_arrays(ARRAYS, {"weight": (3, 4), "count": (), "empty": (-1, 2)})
    for shapes, message in (
        ({"absent": ()}, "no tensor absent"),
        ({"weight": (4, 3)}, r"shape \(3, 4\), must be \(4, 3\)"),
        ({"weight": (12,)}, r"shape \(3, 4\)"),
    ):
        with pytest.raises(CheckpointError, match=message):
            require_arrays(ARRAYS, shapes)
    with pytest.raises(CheckpointError, match="NaN or infinity"):
        require_arrays({"x": np.array([1.0, np.nan])}, {"x": (2,)})
