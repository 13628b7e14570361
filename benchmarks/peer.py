"""A month beside one of BAM Engine, the fastest economy of its kind in Python, on one core, in turn.

Both with all decisions: this project's agents observe, draw random actions and carry them out; BAM Engine's follow
its rules.  BAM Engine runs in a process of its own, with the compiled loops of its ``fast`` extra; that extra adds
numba, which is here anyway.
"""

import contextlib
import subprocess
import sys
from pathlib import Path
from typing import Any

from measuring import MS, Target, in_turn, median, months, ratios, sized, spread, table, thread_seconds

from macro_mesa import MacroModel
from macro_mesa.config import ConfigError

# households, firms, banks; both economies have the same numbers
SIZES = {610: (500, 100, 10), 12_200: (10_000, 2_000, 200), 30_500: (25_000, 5_000, 500)}
AGENT_MONTHS = 600_000  # about as many in a round
WARM_UP = 24
PROGRAM = Path(__file__).with_name("peer_process.py")


class Peer:
    """BAM Engine in a process of its own, which answers how long it took for so many periods."""

    def __init__(self, households: int, firms: int, banks: int) -> None:
        command = [sys.executable, str(PROGRAM), *map(str, (households, firms, banks))]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def seconds(self, periods: int) -> float:
        """Processor seconds of so many periods; raises ``ConfigError`` if there is no peer."""
        asked, answered = self._process.stdin, self._process.stdout
        if self._process.poll() is None and asked and answered:
            with contextlib.suppress(BrokenPipeError):
                print(periods, file=asked, flush=True)
                if answer := answered.readline():
                    return float(answer)
        raise ConfigError("BAM Engine is not installed: pip install -e '.[bench]' -c constraints.txt")

    def close(self) -> None:
        """End the process."""
        self._process.communicate()


def measure(quick: bool, repeats: int) -> dict[str, Any]:
    """Processor milliseconds a month of both, by size and round."""
    found = {}
    for agents, size in SIZES.items():
        own, peer = MacroModel(**sized(*size), policy="random", rng=1), Peer(*size)
        number = max(5, AGENT_MONTHS // agents // (5 if quick else 1))
        months(own, WARM_UP)
        peer.seconds(WARM_UP)

        def own_round(model: MacroModel = own, number: int = number) -> float:
            return thread_seconds(lambda: months(model, number)) / number / MS

        def peer_round(peer: Peer = peer, number: int = number) -> float:
            return peer.seconds(number) / number / MS

        found[str(agents)] = in_turn({"own": own_round, "peer": peer_round}, repeats)
        peer.close()
    return {"milliseconds": found}


def tables(result: dict[str, Any]) -> str:
    """Medians, ranges and ratios."""
    rows = []
    for agents, rounds in result["milliseconds"].items():
        ratio = ratios(rounds["own"], rounds["peer"])
        speed = int(agents) / median(rounds["own"]) / 1e3
        rows.append((f"{int(agents):,}", spread(rounds["own"]), spread(rounds["peer"]), spread(ratio), f"{speed:.2f}"))
    head = ("agents", "this project, ms a month", "bamengine[fast], ms a period", "ratio", "million agent-steps/s")
    return table(head, rows)


def targets(result: dict[str, Any]) -> list[Target]:
    """At most the peer's time at every size."""
    found = []
    for agents, rounds in result["milliseconds"].items():
        ratio = median(ratios(rounds["own"], rounds["peer"]))
        promise = f"random policies, {int(agents):,} agents: at most bamengine[fast]'s time"
        found.append(Target(promise, f"{ratio:.2f} of it", ratio <= 1.0))
    return found
