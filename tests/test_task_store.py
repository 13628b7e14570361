"""The task store: results survive a kill, are read back exactly, and damaged ones are made again."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from macro_mesa import ConfigError
from macro_mesa.task_store import read_result, resumable, task_key, write_result
from policies.executors import ProcessPool, Serial


@dataclass(frozen=True)
class Work:
    number: int
    diary: Path  # every computation leaves a line here
    fails: bool = False


def compute(work: Work) -> dict:
    if work.fails and not (work.diary.parent / "repaired").exists():
        raise RuntimeError("killed")
    with work.diary.open("a") as diary:
        diary.write(f"{work.number}\n")
    return {"square": work.number**2, "path": np.arange(work.number)}


def computed(diary: Path) -> list[int]:
    return [int(line) for line in diary.read_text().split()] if diary.exists() else []


def test_results_are_computed_once_and_read_back_in_order(tmp_path):
    diary, ticks = tmp_path / "diary", []
    execute = resumable(Serial(), tmp_path / "store")
    tasks = [Work(number, diary) for number in (3, 1, 2)]
    first = execute(compute, tasks)
    again = execute(compute, [*tasks, Work(4, diary)], lambda: ticks.append(1))
    assert [result["square"] for result in first] == [9, 1, 4]
    assert [result["square"] for result in again] == [9, 1, 4, 16]
    np.testing.assert_array_equal(again[0]["path"], [0, 1, 2])
    assert computed(diary) == [3, 1, 2, 4]
    assert len(ticks) == 4  # the stored ones count as done


def test_what_was_finished_before_a_failure_is_kept(tmp_path):
    diary = tmp_path / "diary"
    execute = resumable(Serial(), tmp_path / "store")
    tasks = [Work(1, diary), Work(2, diary), Work(3, diary, fails=True), Work(4, diary)]
    with pytest.raises(RuntimeError, match="killed"):
        execute(compute, tasks)
    (tmp_path / "repaired").touch()
    assert [result["square"] for result in execute(compute, tasks)] == [1, 4, 9, 16]
    assert computed(diary) == [1, 2, 3, 4]


def test_workers_write_their_own_results(tmp_path):
    diary = tmp_path / "diary"
    tasks = [Work(number, diary) for number in range(4)]
    assert [r["square"] for r in resumable(ProcessPool(2), tmp_path / "store")(compute, tasks)] == [0, 1, 4, 9]
    assert sorted(computed(diary)) == [0, 1, 2, 3]
    resumable(Serial(), tmp_path / "store")(compute, tasks)  # another executor, the same results
    assert len(computed(diary)) == 4


def test_equal_tasks_share_a_result(tmp_path):
    diary = tmp_path / "diary"
    results = resumable(Serial(), tmp_path / "store")(compute, [Work(2, diary), Work(2, diary)])
    assert [result["square"] for result in results] == [4, 4]
    assert computed(diary) == [2]


@pytest.mark.parametrize("damage", ["cut", "flip", "empty"])
def test_a_damaged_result_is_computed_again_with_a_note(tmp_path, damage):
    diary, store = tmp_path / "diary", tmp_path / "store"
    execute = resumable(Serial(), store)
    execute(compute, [Work(50, diary)])
    (path,) = store.iterdir()
    content = bytearray(path.read_bytes())
    if damage == "flip":
        content[len(content) // 2] ^= 0xFF
    path.write_bytes({"cut": bytes(content[:40]), "flip": bytes(content), "empty": b""}[damage])
    with pytest.warns(UserWarning, match="again"):
        (result,) = execute(compute, [Work(50, diary)])
    assert result["square"] == 2500
    assert computed(diary) == [50, 50]
    assert not [path for path in store.iterdir() if path.name.startswith(".")]


def test_a_key_depends_on_everything_that_a_result_depends_on(tmp_path):
    diary = tmp_path / "diary"
    keys = {
        task_key(compute, Work(1, diary)),
        task_key(compute, Work(2, diary)),
        task_key(compute, Work(1, tmp_path / "other")),
        task_key(computed, Work(1, diary)),
        task_key(compute, Work(1, diary), {"checkpoint": "aa"}),
        task_key(compute, Work(1, diary), {"checkpoint": "bb"}),
    }
    assert len(keys) == 6
    assert task_key(compute, {"a": 1, "b": (1, 2)}) == task_key(compute, {"b": [1, 2], "a": np.int64(1)})


@pytest.mark.parametrize("task", [object(), {"x": {1, 2}}, lambda: 0])
def test_tasks_are_plain_data(task):
    with pytest.raises(TypeError, match="plain data"):
        task_key(compute, task)


def test_every_kind_of_result_comes_back_as_it_was(tmp_path):
    frame = pd.DataFrame(
        {"variable": ["gdp", "rate"], "mean": [0.1, np.nan], "n": [1, 2], "yes": [True, False]},
        index=pd.Index([4, 5], name="month"),
    )
    result = {
        "frame": frame, "array": np.arange(6, dtype=np.float32).reshape(2, 3), "nothing": None, "text": "a",
        "list": [1, 2.5, {"deep": np.array([True])}], "mapping": {"array": 1},
    }  # fmt: skip
    write_result(tmp_path / "r.result", result)
    back = read_result(tmp_path / "r.result")
    pd.testing.assert_frame_equal(back.pop("frame"), frame)
    assert back["array"].dtype == np.float32
    np.testing.assert_array_equal(back.pop("array"), result["array"])
    assert back["list"][2]["deep"].tolist() == [True]
    back["list"][2] = result["list"][2] = None
    assert back == {key: value for key, value in result.items() if key not in ("frame", "array")}


@pytest.mark.parametrize("result", [object(), {1: 2}, np.array([object()])])
def test_results_are_plain_data(tmp_path, result):
    with pytest.raises(TypeError, match="stored"):
        write_result(tmp_path / "r.result", result)
    assert list(tmp_path.iterdir()) == []


def test_a_store_that_cannot_be_written_is_an_error_in_words(tmp_path):
    (tmp_path / "file").write_text(json.dumps({}))
    with pytest.raises(ConfigError, match="cannot keep results"):
        resumable(Serial(), tmp_path / "file" / "store")(compute, [])
