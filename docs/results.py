"""Write docs/results.md from results.json files: ``python docs/results.py [RUN_FOLDER ...]``.

Run folders named on the command line, of ``--mode evidence`` and ``--mode experiment``, are first copied to
docs/results/: their results.json and figures.  The page is then written from what stands there and nothing else.
"""

import json
import shutil
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from macro_mesa.config import ConfigError
from macro_mesa.run_folder import write_json, write_text
from visualization.scorecard import CLAIM_TITLES, headline, interval, number, placebo_lines

FOLDER = Path(__file__).parent
RESULTS = FOLDER / "results"
EVIDENCE = "evidence"
CRITERION_HEAD = ("what must hold", "estimate", "95 % interval", "threshold", "source", "verdict")

CAPTION = "Means, 95 % intervals in brackets."
JUDGED = (
    " Where theory gives a sign: pass if the interval excludes zero on that side; where agents are ablated, random or "
    "follow rules, a fail says that the response is not there."
)


# --- what stands in docs/results/
def keep(run: Path, results: Path) -> None:
    """Copy a run's results and figures to ``results``/<evidence or the experiment's name>; raises ``ConfigError``."""
    try:
        content = json.loads((run / "results.json").read_text())
    except (OSError, ValueError) as error:
        raise ConfigError(f"{run} holds no results.json that can be read ({error})") from None
    if "claims" not in content and "experiment" not in content:
        raise ConfigError(f"{run} is neither of --mode evidence nor of --mode experiment")
    if "arms" in content:
        # where checkpoints lay on some machine is of no use to a reader
        content["arms"] = {label: [_run_name(choice) for choice in runs] for label, runs in content["arms"].items()}
    target = results / content.get("experiment", EVIDENCE)
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    write_json(target / "results.json", content)
    for figure in sorted((run / "plots").glob("*.png")):
        shutil.copy(figure, target / figure.name)


def _run_name(choice: Any) -> str:
    """The last telling part of a checkpoint's path."""
    path = Path(str(choice))
    return path.parent.parent.name if path.parent.name == "models" else path.name


# --- the page
def page(results: Path) -> str:
    """The Markdown of everything in ``results``; raises ``ConfigError`` where there is nothing."""
    found = {path.parent.name: json.loads(path.read_text()) for path in sorted(results.glob("*/results.json"))}
    if not found:
        raise ConfigError(f"there are no results in {results}; name run folders: python docs/results.py RUN_FOLDER ...")
    parts = [
        "# Results\n",
        "Written by `make results` from the results.json files in docs/results/; not edited by hand. "
        "Thresholds were fixed before the held-out seeds were run (`macro_mesa/evidence/preregistered.py`). "
        "A claim passes if all its criteria hold, and fails otherwise.\n",
    ]
    if EVIDENCE in found:
        parts += evidence(found.pop(EVIDENCE), _figures(results / EVIDENCE))
    for name, content in found.items():
        parts += experiment(content, _figures(results / name))
    return "\n".join(parts)


def _figures(folder: Path) -> list[str]:
    """Links to a folder's figures, the one of its own name first."""
    paths = sorted(folder.glob("*.png"), key=lambda path: (path.stem != folder.name, path.stem))
    return [f"![{path.stem.replace('_', ' ')}](results/{folder.name}/{path.name})\n" for path in paths]


def evidence(results: Mapping[str, Any], figures: Sequence[str]) -> Iterator[str]:
    """Verdicts first, then what fails, then every claim with its numbers, then the moments."""
    claims = results["claims"]
    yield "## Evidence\n"
    yield f"{headline(results)}.\n"
    if results["caveat"]:
        yield f"Note: {results['caveat']}.\n"
    verdicts = [(CLAIM_TITLES[name], _verdict(claim["passed"]), _held(claim)) for name, claim in claims.items()]
    share = results["facts"]["share_within"]["learned"]["real"]
    facts = _verdict(results["facts"]["passed"])
    verdicts.append(("Moments as in US data", facts, f"{100 * share:.0f} % of the moments within the US ranges"))
    yield table(("claim", "verdict", "criteria that hold"), verdicts)
    yield from sorted(figures, key=lambda figure: "scorecard" not in figure)
    yield "### What fails\n"
    yield "\n".join(failures(results)) + "\n"
    for name, claim in claims.items():
        yield f"### {CLAIM_TITLES[name]}: {_verdict(claim['passed'])}\n"
        yield table(CRITERION_HEAD, _criteria(claim))
        yield table(("also measured", "estimate", "95 % interval", "by run"), _descriptive(claim))
        yield "\n".join(f"- {line}" for line in placebo_lines(claim)) + "\n"
    yield "### Moments\n"
    yield table(("moment", "US", "US, twenty-year windows", *_policies(results)), _moments(results))
    yield "### Do the runs agree?\n"
    runs = (f"run {run}" for run in results["runs"])
    yield table(("mean of", *runs, "apart", "threshold", "verdict"), _agreement(results))


def failures(results: Mapping[str, Any]) -> list[str]:
    """A sentence for each criterion that does not hold, or one that says that all do."""
    found = []
    for name, claim in results["claims"].items():
        for estimate in claim["estimates"].values():
            if estimate["passed"] is False:
                reached = f"{number(estimate['mean'])} {estimate['unit']}, interval {interval(estimate['ci'])}"
                asked = f"{estimate['test']} {number(estimate['threshold'])}"
                found.append(f"- {CLAIM_TITLES[name]}: {estimate['meaning']} is {reached}; asked was {asked}.")
    if not results["facts"]["passed"]:
        within = 100 * results["facts"]["share_within"]["learned"]["real"]
        found.append(f"- Moments as in US data: {within:.0f} % lie within the US ranges; asked were two thirds.")
    return found or ["Every criterion holds."]


def _held(claim: Mapping[str, Any]) -> str:
    judged = [entry["passed"] for entry in claim["estimates"].values() if entry["passed"] is not None]
    return f"{sum(judged)} of {len(judged)}"


def _criteria(claim: Mapping[str, Any]) -> Iterator[Sequence[str]]:
    for entry in claim["estimates"].values():
        if entry["passed"] is not None:
            threshold = f"{entry['test']} {number(entry['threshold'])}"
            shown = f"{number(entry['mean'])} {entry['unit']}", interval(entry["ci"])
            yield (entry["meaning"], *shown, threshold, entry["source"], _verdict(entry["passed"]))


def _descriptive(claim: Mapping[str, Any]) -> Iterator[Sequence[str]]:
    for name, entry in claim["estimates"].items():
        if entry["passed"] is None:
            runs = ", ".join(number(run) for run in entry["by_run"])
            yield name.replace("_", " "), f"{number(entry['mean'])} {entry['unit']}", interval(entry["ci"]), runs


def _agreement(results: Mapping[str, Any]) -> Iterator[Sequence[str]]:
    for entry in results["agreement"]["statistics"].values():
        apart, threshold = (f"{number(entry[key])} {entry['unit']}" for key in ("distance", "threshold"))
        yield entry["title"], *map(number, entry["by_run"]), apart, f"below {threshold}", _verdict(entry["passed"])


def _policies(results: Mapping[str, Any]) -> list[str]:
    return list(results["facts"]["samples"])


def _moments(results: Mapping[str, Any]) -> Iterator[Sequence[str]]:
    for moment in results["facts"]["moments"].values():
        medians = [
            f"**{number(moment[policy]['hp'])}**" if moment[policy]["within"] else number(moment[policy]["hp"])
            for policy in _policies(results)
        ]
        yield moment["title"], number(moment["us"]["hp"]), interval(moment["us"]["range"]), *medians


def experiment(results: Mapping[str, Any], figures: Sequence[str]) -> Iterator[str]:
    """A paired experiment: its size in words, its figures, and its estimates: cases down, measures across."""
    runs = max(results["runs"].values())
    first = results["seeds"][0]
    yield f"## Experiment: {results['experiment'].replace('_', ' ')}\n"
    yield f"{results['pairs']} pairs on held-out seeds from {first}, {runs} training run{'s' * (runs != 1)}.\n"
    words = {name: text for name, text in results["design"].items() if isinstance(text, str)}
    if words:
        yield "".join(f"- {name.replace('_', ' ')}: {text}\n" for name, text in words.items())
    yield from figures
    found = list(_estimates(results["estimates"]))
    judged = any(entry.get("passed") is not None for *_, entry in found)
    yield f"{CAPTION}{JUDGED if judged else ''}\n"
    for cells in _tables(found):
        columns = list(dict.fromkeys(column for case in cells.values() for column in case))
        rows = [(name, *(case.get(column, "") for column in columns)) for name, case in cells.items()]
        yield table(("", *columns), rows)


def _estimates(
    entries: Mapping[str, Any], case: tuple[str, ...] = (), column: str | None = None
) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Case, measure and entry of every estimate; what stands below an estimate is of the same measure."""
    for name, entry in entries.items():
        if not isinstance(entry, Mapping):
            continue
        label = name.replace("_", " ")
        if "ci" not in entry:
            yield from _estimates(entry, (*case, label), column)
            continue
        below, measure = (case, _measure(label, entry)) if column is None else ((*case, label), column)
        yield ", ".join(below), measure, entry
        yield from _estimates(entry, below, measure)


def _measure(label: str, entry: Mapping[str, Any]) -> str:
    return f"{label} ({entry['unit']})" if entry.get("unit") else label


def _cell(entry: Mapping[str, Any]) -> str:
    found = f"{number(entry['mean'])} ({interval(entry['ci'])})"
    if entry.get("passed") is None:
        return found
    asked = "" if entry["passed"] else f", asked: {entry['expected']}"
    return f"{found} {_verdict(entry['passed'])}{asked}"


def _tables(found: Iterable[tuple[str, str, Mapping[str, Any]]]) -> list[dict[str, dict[str, str]]]:
    """Cells by case and measure, a table for each group of cases that have a measure in common."""
    cases: dict[str, dict[str, str]] = {}
    for case, column, entry in found:
        cases.setdefault(case, {})[column] = _cell(entry)
    tables: list[dict[str, dict[str, str]]] = []
    for case, cells in cases.items():
        shared = (each for each in tables if any(cells.keys() & row.keys() for row in each.values()))
        home = next(shared, None)
        if home is None:
            tables.append(home := {})
        home[case] = cells
    return tables


def _verdict(passed: bool) -> str:
    return "pass" if passed else "**fail**"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


def main(runs: Sequence[str]) -> int:
    """Keep the runs' results, then write the page; exit code 2 with one line on bad input."""
    try:
        for run in runs:
            keep(Path(run), RESULTS)
        write_text(FOLDER / "results.md", page(RESULTS))
    except ConfigError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(FOLDER / "results.md")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
