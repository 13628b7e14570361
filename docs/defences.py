"""Take each defence away and see a test notice: ``python docs/defences.py`` writes docs/defences.json.

Works on a copy of the project.  Words after the command choose defences by file or content: ``docs/defences.py yaml``.
"""

import importlib
import json
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
RESULTS = Path(__file__).with_name("defences.json")
SECONDS = 300.0  # a test that takes longer hangs
MEMORY = 12 * 2**30  # bytes of address space: what reads without end is stopped
SLOW_TO_IMPORT = (
    "torch",
    "numba",
    "pandas",
    "statsmodels.api",
    "pydantic",
    "mesa",
    "solara",
    "matplotlib.figure",
    "altair",
)


@dataclass(frozen=True)
class Defence:
    """What stands in a file, what is put in its place, and the tests that should notice (arguments of pytest)."""

    file: str
    intact: str
    broken: str
    tests: tuple[str, ...]


def chosen(file: str, words: str = "") -> tuple[str, ...]:
    """The tests of a file whose names fit."""
    return (f"tests/{file}.py", *(("-k", words) if words else ()))


def defences(file: str, tests: tuple[str, ...], *edits: tuple[str, str]) -> list[Defence]:
    """Edits of one file that the same tests should notice."""
    return [Defence(file, intact, broken, tests) for intact, broken in edits]


CHECKPOINTS = chosen("test_checkpoint")
WHOLE = ("tests/test_checkpoint.py", "tests/test_hostile_files.py", "-k", "interrupt or replaces")
HEADER = "header > min(MAX_HEADER_BYTES, len(content) - 8)"
VERSION = "type(version) is not int or version not in (self.version, *self.unsealed_versions)"
NOT_JSON = 'raise self.error(f"{path} is not JSON: {error}") from error'
PREVIOUS = 'raise self.error(f"{folder} does not exist")'
EMPLOYERS = "not np.array_equal(households.employed, employers >= 0)"
LINKS = "any(path.is_relative_to(root.resolve()) for root in roots)"

DEFENCES = [
    *defences(
        "macro_mesa/archive.py", CHECKPOINTS,
        (HEADER, "header > len(content) - 8"),
        (HEADER, "header > MAX_HEADER_BYTES"),
        (HEADER, "False"),
        ("size > limit", "False"),
        ("file.read(size)", "file.read()"),
        ('len(content) != description[self._key("bytes")]', "False"),
        ('hashlib.sha256(content).hexdigest() != description[self._key("sha256")]', "False"),
        ("found.get(name) != recorded.get(name)", "False"),
        ('found.get("format") != self.format', "False"),
        ("json.JSONDecodeError, RecursionError)", "json.JSONDecodeError)"),
        (NOT_JSON, "raise"),
        ("(SafetensorError, KeyError)", "SafetensorError"),
        ("(SafetensorError, KeyError)", "KeyError"),
        ("allow_nan=False", "allow_nan=True"),
        ("folder.exists() and not self._is_replaceable(folder)", "False"),
        ("previous.exists() and not folder.exists()", "False"),
    ),
    *defences(
        "macro_mesa/archive.py", chosen("test_hostile_files", "version or flipped or without or elsewhere or pipes"),
        (VERSION, VERSION.removeprefix("type(version) is not int or ")),
        (VERSION, "False"),
        ("not isinstance(found.get(key), kind)", "False"),
        ("sorted(found.keys() - kinds.keys())", "[]"),
        ("found.pop(SEAL) != seal(found)", "not found.pop(SEAL)"),
        ("not path.is_file()", "not path.exists()"),
    ),
    *defences(
        "macro_mesa/archive.py", WHOLE,
        ("            os.replace(folder, previous)\n        os", "            shutil.rmtree(folder)\n        os"),
        ("if not previous.exists():\n                " + PREVIOUS, PREVIOUS),
        ("        os.fsync(file.fileno())\n", ""),
        ("            _sync_folder(temporary)\n", ""),
        ("        _sync_folder(folder.parent)\n", ""),
    ),
    *defences(
        "macro_mesa/archive.py", chosen("test_crash", "full_disk"),
        ("shutil.rmtree(temporary, ignore_errors=True)", "pass"),
    ),
    *defences(
        "macro_mesa/state.py", chosen("test_hostile_files", "saved_model_that_cannot"),
        ("not np.isfinite(table[name]).all()", "False"),
        ("column.min() < 0 or column.max() >= len(banks)", "column.max() >= len(banks)"),
        ("column.min() < 0 or column.max() >= len(banks)", "column.min() < 0"),
        (f"{EMPLOYERS} or employers.max() >= len(firms)", EMPLOYERS),
        (f"{EMPLOYERS} or employers.max() >= len(firms)", "employers.max() >= len(firms)"),
        ("if not np.array_equal(np.bincount(", "if False and not np.array_equal(np.bincount("),
        ("not model.ledger.residual() < BOOKS_CLOSE", "False"),
        (" or (collected and got.ndim != 1)", ""),
        ("got.shape != shape", "False"),
        (" or got.dtype.kind not in kinds", ""),
        ("not 0 <= value <= limit", "False"),
        ('(type(value) is not int and not (name == "time" and type(value) is float))', "False"),
        (', "key": 2**64 - 1', ""),
        ('description["size"] != size', "False"),
        (" or size < 1", ""),
    ),
    *defences(
        "policies/checkpoint.py", chosen("test_checkpoint", "required_arrays"),
        ("name not in arrays", "False"),
        ("len(got) != len(shape) or any(a not in (b, -1) for a, b in zip(shape, got, strict=True))", "False"),
        ("not np.isfinite(arrays[name]).all()", "False"),
    ),
    *defences(
        "macro_mesa/experiments/bounded_yaml.py", chosen("test_hostile_files", "yaml or endless"),
        ("len(text) > MAX_CHARACTERS", "False"),
        ("file.read(MAX_CHARACTERS + 1)", "file.read()"),
        ("_entries(node, {}) > MAX_ENTRIES", "_entries(node, {}) < 0"),
        ("len(node.value) > MAX_DIGITS", "False"),
        ("yaml.SafeLoader", "yaml.UnsafeLoader"),
        ("except RecursionError", "except ZeroDivisionError"),
        ("(ValueError, KeyError, TypeError, AttributeError, OverflowError)", "ZeroDivisionError"),
        ("counted[id(node)] = MAX_ENTRIES + 1", "counted[id(node)] = 0"),
    ),
    *defences(
        "policies/training_state.py", chosen("test_hostile_files", "training_that_cannot"),
        ("ge=0, le=2**53", "le=2**53"),
        ("ge=1, le=1_000_000", "le=1_000_000"),
        ("ge=1, le=1_000_000", "ge=1"),
        ("strict=True, ", ""),
    ),
    *defences(
        "policies/learned.py", chosen("test_hostile_files", "policy_that_cannot"),
        ("normalizer.variance.min() < 0.0", "False"),
        ("not all(np.isfinite(array).all() for array in arrays.values())", "False"),
        ("described != space_description(agent_type)", "False"),
        ("(KeyError, ValueError, TypeError, IndexError)", "ZeroDivisionError"),
    ),
    *defences(
        "policies/trainer.py", chosen("test_trainer", "gone_after"),
        ("gc.unfreeze()", "pass"),
    ),
    *defences(
        "visualization/dashboard/folders.py", chosen("test_dashboard", "folder or statistics or links"),
        ("not any(folder.is_relative_to(root.resolve()) for root in roots)", "False"),
        ("(roots[0] / text).resolve()", "(roots[0] / text).absolute()"),
        ("str(allowed_folder(str(chosen), roots))", "str(chosen)"),
        (f"not {LINKS} or not path.is_file()", "not path.is_file()"),
        ("path.stat().st_size > MAX_STATISTICS_BYTES", "False"),
        ('not isinstance(content, dict) or not isinstance(content.get("updates"), list)', "False"),
        ('"\\0" in text', "False"),
        ("len(text) > MAX_NAME", "False"),
    ),
    *defences(
        "visualization/dashboard/settings.py", chosen("test_app", "bad_value"),
        ("values[name] > cap", "False"),
        ("len(text.strip()) > 9", "False"),
    ),
    *defences(
        "visualization/dashboard/settings.py", chosen("test_dashboard", "shock"),
        ("len(shocks) > MAX_SHOCKS", "False"),
        ("max(shock.start, shock.duration) > LAST_SHOCK", "False"),
        ("abs(shock.size) > LARGEST_SHOCK", "False"),
    ),
    *defences(
        "app.py", chosen("test_dashboard_server", "does_not_answer"),
        ("\nbe_patient()\n", "\n"),
    ),
]  # fmt: skip


def left_out(folder: str, names: list[str]) -> set[str]:
    """What a copy of the project can do without: hidden folders and runs."""
    return {name for name in names if name.startswith(".") or (name == "experiments" and Path(folder) == ROOT)}


class Diary:
    """A pytest plugin that writes down which test has begun; with ``-x``, the last one is the one that failed."""

    def __init__(self, page: Path) -> None:
        self.page = page

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Note the test's name."""
        self.page.write_text(nodeid.removeprefix("tests/"))


def noticed_by(defence: Defence, copy: Path) -> str:
    """The test that fails, or hangs, where the defence is missing; empty if none does."""
    path, diary = copy / defence.file, Diary(copy / "diary")
    text = path.read_text()
    path.write_text(text.replace(defence.intact, defence.broken))
    try:
        passed = run(defence.tests, diary)
    finally:
        path.write_text(text)
    return "" if passed else diary.page.read_text()


def run(tests: tuple[str, ...], diary: Diary) -> bool:
    """Whether the tests pass, in a process of their own."""
    child = os.fork()  # with what is slow to import
    if child == 0:
        os.setsid()
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        os._exit(pytest.main(["-x", "-q", "-p", "no:cacheprovider", *tests], plugins=[diary]))
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        finished, status = os.waitpid(child, os.WNOHANG)
        if finished:
            code = os.waitstatus_to_exitcode(status)
            if code > pytest.ExitCode.TESTS_FAILED:
                raise RuntimeError(f"pytest {' '.join(tests)} did not run: exit code {code}")
            return code == pytest.ExitCode.OK
        time.sleep(0.1)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return False


def main() -> int:
    """Try the defences chosen, or all; 1 if one is not missed."""
    words = sys.argv[1:] or [""]
    found = {tuple(row[:3]): row[3] for row in json.loads(RESULTS.read_text())} if RESULTS.exists() else {}
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "project"
        shutil.copytree(ROOT, copy, ignore=left_out)
        compiler = copy / "macro_mesa" / "compiled.py"  # no defence stands in a compiled loop: keep those there are
        compiler.write_text(compiler.read_text().replace("\n_clear_stale_cache()\n", "\n"))
        os.chdir(copy)
        os.environ["PYTHONPATH"] = sys.path[0] = str(copy)
        sys.dont_write_bytecode = True
        for name in SLOW_TO_IMPORT:
            importlib.import_module(name)
        tried = [defence for defence in DEFENCES if any(word in f"{defence.file} {defence.intact}" for word in words)]
        for tests in dict.fromkeys(defence.tests for defence in tried):
            if not run(tests, Diary(copy / "diary")):
                raise RuntimeError(f"pytest {' '.join(tests)} fails with every defence in its place")
            for defence in (defence for defence in tried if defence.tests == tests):
                noticed = found[defence.file, defence.intact, defence.broken] = noticed_by(defence, copy)
                print(defence.file, repr(defence.intact), "->", noticed or "NOBODY NOTICES", flush=True)
                rows = [[d.file, d.intact, d.broken, found.get((d.file, d.intact, d.broken), "")] for d in DEFENCES]
                RESULTS.write_text(json.dumps(rows, indent=1) + "\n")
    return int(any(not noticed for *_, noticed in rows))


if __name__ == "__main__":
    sys.exit(main())
