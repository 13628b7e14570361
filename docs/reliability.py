"""Write docs/reliability.md from a run of the tests at full size: ``python docs/reliability.py``.

Every row is a test that tries a fault or a claim, counted as it ran; words after the command are arguments of pytest
(``-n 2 --dist loadfile --no-loadscope-reorder`` for two processes).
"""

import json
import os
import re
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent
PAGE = Path(__file__).with_name("reliability.md")
DEFENCES = Path(__file__).with_name("defences.json")  # written by docs/defences.py
# what each file of tests is about; files in the order of the page
PARTS = {
    "test_soak": "Long runs in one process",  # before others leave memory in which it would lose some unseen
    "test_dashboard_server": "The dashboard under hostile input",
    "test_fuzz": "Nonsense as input",
    "test_crash": "Crashes, full disks, read-only folders",
    "test_hostile_files": "Files from strangers",
    "test_checkpoint": "Checkpoints",
    "test_properties": "What holds in every economy",
    "test_second_routes": "Results by a second route",
    "test_env": "The reinforcement-learning environments",
    "test_conformance": "Conformance with Mesa, PettingZoo, Gymnasium and Stable-Baselines3",
}
HEAD = """# Reliability

Faults tried and survived, claims tested. Written by `python docs/reliability.py` from the run it made; each example
that a random test drew, each kill, seed, cycle and session is a case.

- Continuous integration (`.ci/run`) runs every row: `make test` all of them, `make trust` once more at the size shown
  here what has a full size: 10,000 cases of nonsense as input, 25 kills each on one thread and on two, 100 years from
  20 seeds under random and learned policies, 200 cycles of training and evaluation, 50 dashboard sessions at once. The
  cases drawn are the same in every run; the moments of the kills are not.
- On demand, other cases every time: `MACRO_MESA_FUZZ=10000` of each kind of nonsense, `MACRO_MESA_CASES=2000` of each
  property, `MACRO_MESA_KILLS=25`, before `pytest` with the file of tests.
- `python docs/defences.py` takes each defence away, for the table at the end; `make test` checks that none is missing.
"""


class Count:
    """A pytest plugin: cases tried and survived, by file, line and test function."""

    def __init__(self) -> None:
        self.tried: Counter[tuple[str, int, str]] = Counter()
        self.survived: Counter[tuple[str, int, str]] = Counter()

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Count a test that has run, or that broke before it could; skipped ones do not count."""
        path, line, name = report.location
        test = Path(path).stem, line or 0, name.partition("[")[0]
        cases = dict(report.user_properties).get("cases", 1)  # a process that died tells none
        if report.failed or (report.when == "call" and report.passed):
            self.tried[test] += cases
        if report.when == "call" and report.passed:
            self.survived[test] += cases


def sentence(name: str) -> str:
    """``test_a_firm_s_price`` as "a firm's price"."""
    return re.sub(r" s\b", "'s", name.removeprefix("test_").replace("_", " "))


def page(count: Count) -> str:
    """The page: a table for every part."""
    parts = [HEAD]
    for file, title in PARTS.items():
        tests = sorted(test for test in count.tried if test[0] == file)
        rows = [f"| {sentence(test[2])} | {count.tried[test]:,} | {count.survived[test]:,} |" for test in tests]
        table = ["| fault or claim | tried | survived |", "|---|---:|---:|", *rows]
        parts.append("\n".join([f"## {title}\n", *table, ""]))
    tried, survived = count.tried.total(), count.survived.total()
    parts.append(f"In all {tried:,} cases tried, {survived:,} survived.\n")
    parts.append(defences(json.loads(DEFENCES.read_text())))
    return "\n".join(parts)


def defences(rows: list[list[str]]) -> str:
    """A table of what was taken out of the code, and which test noticed."""
    noticed = sum(bool(test) for *_, test in rows)
    head = f"""## Defences taken away

Each stood in the code, was replaced on a copy of the project, and a test failed: {noticed} of {len(rows)}. Written by
`python docs/defences.py`.

| file | defence | replaced by | test that fails |
|---|---|---|---|
"""
    return head + "".join(
        f"| {Path(file).name} | {code(intact)} | {code(broken)} | {test or 'none'} |\n"
        for file, intact, broken, test in rows
    )


def code(text: str) -> str:
    """Code in a cell of a table."""
    return f"`{' '.join(text.split())}`" if text.strip() else "nothing"


def main() -> int:
    """Run the tests and write the page; the exit code is pytest's."""
    os.environ.setdefault("MACRO_MESA_TRUST", "1")
    count = Count()
    files = [str(ROOT / "tests" / f"{file}.py") for file in PARTS]
    code = pytest.main(["-q", "-p", "no:cacheprovider", "--rootdir", str(ROOT), *files, *sys.argv[1:]], plugins=[count])
    if code in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):  # not a run that was stopped
        PAGE.write_text(page(count))
        print(f"wrote {PAGE.name}")
    return int(code)


if __name__ == "__main__":
    sys.exit(main())
