"""Every measurement of speed by one command: ``python benchmarks [parts] [--quick]``.

Each part prints its table, stores its figures in ``benchmarks/results/`` and renews its place in
``docs/performance.md``; ``--quick`` stores nothing.  The last table sets every target beside its figure.
"""

import argparse
import json
import os
import re
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

# before numpy is imported: one thread is what is measured
os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["NUMBA_NUM_THREADS"] = "1"

import bounds
import inference
import peer
import scaling
import stages
import sweeping
import training
from measuring import Target, machine, table

from macro_mesa.config import ConfigError

FOLDER = Path(__file__).parent
RESULTS = FOLDER / "results"
PAGE = FOLDER.parent / "docs" / "performance.md"
PARTS: dict[str, ModuleType] = {
    "peer": peer,
    "inference": inference,
    "training": training,
    "scaling": scaling,
    "sweep": sweeping,
    "stages": stages,
    "bounds": bounds,
}
MARKED = re.compile(r"(<!-- measured: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python benchmarks", description="Measure the speed of Macro Mesa.")
    parser.add_argument("parts", nargs="*", metavar="part", help=f"of {', '.join(PARTS)}; all unless given")
    parser.add_argument("--quick", action="store_true", help="short and rough; stores nothing")
    parser.add_argument("--repeats", type=int, default=None, help="rounds, of which the median counts (7, quick 3)")
    parser.add_argument("--render", action="store_true", help="write the page from the stored figures, measure nothing")
    given = parser.parse_args()
    for part in given.parts:
        if part not in PARTS:
            parser.error(f"there is no part {part!r}; there are {', '.join(PARTS)}")
    if given.repeats is not None and given.repeats < 1:
        parser.error(f"--repeats must be at least 1, got {given.repeats}")
    return given


def stored() -> dict[str, dict[str, Any]]:
    """What was measured last, by part."""
    return {part: json.loads(path.read_text()) for part in PARTS if (path := RESULTS / f"{part}.json").exists()}


def target_table(results: dict[str, dict[str, Any]]) -> str:
    """Every target, its figure, and whether it holds."""
    found: list[Target] = [one for part, result in results.items() for one in PARTS[part].targets(result)]
    rows = [(one.promise, one.measured, "yes" if one.holds else "**no**") for one in found]
    return table(("target", "measured", "holds"), rows)


def section(part: str, results: dict[str, dict[str, Any]]) -> str:
    """A part's table and where it was measured."""
    where = results[part]["machine"]
    packages = f"Python {where['python']}, numpy {where['numpy']}, numba {where['numba']}, torch {where['torch']}"
    return (
        f"{PARTS[part].tables(results[part])}\n"
        f"*{where['processor']}, {where['cores']} cores, load {where['load']} at the start; {packages}.*\n"
    )


def render(text: str, results: dict[str, dict[str, Any]]) -> str:
    """``text`` with every measured table as stored; ``KeyError`` for an unknown part."""

    def renewed(found: re.Match[str]) -> str:
        part = found[2]
        if part == "targets":
            body = target_table(results)
        else:
            body = section(part, results) if part in results or part not in PARTS else "Not measured yet.\n"
        return f"{found[1]}\n{body}\n{found[3]}"

    return MARKED.sub(renewed, text)


def main() -> int:
    given = options()
    results = {} if given.quick else stored()
    for part in () if given.render else given.parts or PARTS:
        print(f"== {part}: {PARTS[part].__doc__.splitlines()[0]}", flush=True)  # type: ignore[union-attr]
        where, began = machine(), time.perf_counter()
        try:
            result = PARTS[part].measure(given.quick, given.repeats or (3 if given.quick else 7))
        except ConfigError as error:
            print(f"error: {error}", file=sys.stderr)
            return 2
        results[part] = {"machine": where, **result}
        print(f"{section(part, results)}({time.perf_counter() - began:.0f} s)\n", flush=True)
        if not given.quick:
            RESULTS.mkdir(exist_ok=True)
            (RESULTS / f"{part}.json").write_text(json.dumps(results[part], indent=1) + "\n")
    print(target_table(results))
    if not given.quick:
        PAGE.write_text(render(PAGE.read_text(), results))
    return 0


if __name__ == "__main__":
    sys.exit(main())
