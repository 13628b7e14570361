"""Do the training runs agree: one configuration, several seeds, the same economy?"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

Histories = Sequence[Mapping[str, np.ndarray]]  # by seed

# statistic: (title, unit of the distance between runs, what it must stay below)
COMPARED: dict[str, tuple[str, str, float]] = {
    "gdp": ("output", "%", 10.0),
    "capital": ("capital", "%", 10.0),
    "unemployment": ("unemployment", "pp", 2.0),
    "inflation": ("inflation", "pp", 2.0),
}


def agreement(histories: Mapping[str, Histories]) -> dict[str, Any]:
    """Means over all months and seeds of each run, and how far the furthest two runs are apart.

    histories: of ``simulations.run_history``, by run and seed.  Quantities are compared in per cent of the runs' mean,
    shares and rates in percentage points; a single run agrees with itself.
    """
    found: dict[str, Any] = {}
    for name, (title, unit, threshold) in COMPARED.items():
        by_run = [float(np.mean([history[name].mean() for history in seeds])) for seeds in histories.values()]
        distance = 100.0 * (max(by_run) - min(by_run))
        if unit == "%":
            distance /= abs(float(np.mean(by_run)))
        found[name] = {
            "title": title, "by_run": by_run, "distance": distance, "unit": unit, "threshold": threshold,
            "passed": distance < threshold,
        }  # fmt: skip
    return {"passed": all(entry["passed"] for entry in found.values()), "statistics": found}
