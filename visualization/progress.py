"""What a long command shows in the terminal: progress bars and the closing table."""

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

TITLES = {"household": "households", "firm": "firms", "commercial_bank": "banks", "central_bank": "central bank"}


def _console() -> Console:
    """Progress goes to stderr, so that stdout ends with the folder's path."""
    return Console(stderr=True)


class TaskProgress:
    """A bar over a known number of tasks; call it after each."""

    def __init__(self, title: str, total: int) -> None:
        self._progress = Progress(
            TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
            console=_console(),
        )  # fmt: skip
        self._task = self._progress.add_task(title, total=total)

    def __enter__(self) -> "TaskProgress":
        self._progress.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._progress.stop()

    def __call__(self) -> None:
        """One task is done."""
        self._progress.advance(self._task)


class TrainingProgress:
    """A bar over updates with speed, the split of time, and the latest mean rewards."""

    def __init__(self, total: int, done: int) -> None:
        self._progress = Progress(
            TextColumn("training"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
            TextColumn("{task.fields[speed]}"), TextColumn("{task.fields[rewards]}"),
            console=_console(), refresh_per_second=2,
        )  # fmt: skip
        self._task = self._progress.add_task("training", total=total, completed=done, speed="", rewards="")
        self._total = total

    def __enter__(self) -> "TrainingProgress":
        self._progress.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._progress.stop()

    def __call__(self, statistics: Mapping[str, Any]) -> None:
        """One update is done."""
        speed, rewards = training_line(statistics)
        self._progress.update(self._task, completed=statistics["update"], speed=speed, rewards=rewards)
        # a log file gets a line now and then instead of a bar
        if not sys.stderr.isatty() and statistics["update"] % 25 == 0:
            print(f"update {statistics['update']}/{self._total}  {speed}  {rewards}", file=sys.stderr, flush=True)


def training_line(statistics: Mapping[str, Any]) -> tuple[str, str]:
    """Speed with the split of time, and mean rewards a month, as text."""
    seconds = statistics["seconds"]
    total = sum(seconds.values()) or 1.0
    split = " ".join(f"{part} {100 * spent / total:.0f}%" for part, spent in seconds.items())
    rewards = " ".join(
        f"{title} {statistics[kind]['mean_reward']:.2f}" for kind, title in TITLES.items() if kind in statistics
    )
    return f"{statistics['months_per_second']:.0f} months/s ({split})", f"reward a month: {rewards}"


def print_results(results: Mapping[str, Any]) -> None:
    """Learned against random and rule-of-thumb policies: returns with intervals, and the economy under each."""
    console = Console(width=110)
    seeds, months = len(results["seeds"]), results["months"]
    table = Table(title=f"Episode return on {seeds} held-out seeds, {months} months (95 % interval)")
    policies = list(next(iter(results["returns"].values())))
    table.add_column("agent type")
    for policy in policies:
        table.add_column(policy, justify="right")
    for kind, title in TITLES.items():
        cells = [_with_interval(results["returns"][kind][policy]) for policy in policies]
        table.add_row(title, *cells)
    console.print(table)
    macro = Table(title="The economy: mean (standard deviation over months)")
    macro.add_column("statistic")
    for policy in policies:
        macro.add_column(policy, justify="right")
    for name, (title, factor, unit) in MACRO_ROWS.items():
        cells = [_with_deviation(results["macro"][policy][name], factor, unit) for policy in policies]
        macro.add_row(title, *cells)
    console.print(macro)
    print_checks(results["checks"], console)


def print_checks(checks: Sequence[Mapping[str, Any]], console: Console) -> None:
    """In plain words, what holds of the bounds for a living economy and what does not."""
    table = Table(title=f"What holds: {sum(check['holds'] for check in checks)} of {len(checks)}")
    for heading in ("", "asked", "found", ""):
        table.add_column(heading)
    for check in checks:
        verdict = "holds" if check["holds"] else "[bold]does not hold[/bold]"
        table.add_row(check["name"], check["bound"], check["figure"], verdict)
    console.print(table)


# statistic: title, factor, unit
MACRO_ROWS = {
    "gdp": ("output", 1.0, " units"),
    "unemployment": ("unemployment", 100.0, " %"),
    "inflation": ("inflation, 12 months", 100.0, " %"),
    "policy_rate": ("policy rate", 100.0, " %"),
    "lending_rate": ("lending rate", 100.0, " %"),
    "bankruptcies": ("bankruptcies a month", 1.0, ""),
}


def _with_interval(estimate: Mapping[str, Any]) -> str:
    low, high = estimate["ci"]
    return f"{estimate['mean']:,.1f} [{low:,.1f}, {high:,.1f}]"


def _with_deviation(moments: Mapping[str, float], factor: float, unit: str) -> str:
    return f"{factor * moments['mean']:.1f} ({factor * moments['sd']:.1f}){unit}"
