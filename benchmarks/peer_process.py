"""BAM Engine in a process of its own: times as many periods as each line of its input asks for.

``python peer_process.py households firms banks``; answers in processor seconds.
"""

import logging
import sys
import time

import bamengine
from bamengine.events._internal import goods_market


def main(households: int, firms: int, banks: int) -> None:
    """Build the economy, then answer."""
    if not goods_market.HAS_NUMBA:
        sys.exit("BAM Engine does not find numba: it would run without its compiled loops")
    economy = bamengine.Simulation.init(n_firms=firms, n_households=households, n_banks=banks, seed=1)
    logging.disable()
    for line in sys.stdin:
        before = time.thread_time()
        for _ in range(int(line)):
            economy.step()
        print(time.thread_time() - before, flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
