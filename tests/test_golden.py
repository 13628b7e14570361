"""Golden runs: a change of output is a decision.

Renew them on purpose with ``python -m pytest tests/test_golden.py --renew-golden`` and say why in the commit.
"""

from pathlib import Path

import pandas as pd
import pytest
from conftest import SIZES, economy, history

GOLDEN = Path(__file__).parent / "golden"
COLUMNS = [
    "month", "gdp", "price_level", "inflation", "unemployment", "policy_rate", "lending_rate", "deposit_rate",
    "credit", "new_loans", "consumption", "investment", "wage", "output_gap", "observed_gap", "gini_wealth",
    "bankruptcies", "bank_resolutions", "household_defaults", "write_offs", "capital", "inventories", "hours",
    "tax_rate", "outside_money", "approval_rate", "rationed",
]  # fmt: skip


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("policy", ["random", "rule"])
def test_two_years_are_as_recorded(policy, size, request):
    found = history(economy(size, 24, policy=policy, rng=42))[COLUMNS].reset_index(drop=True)
    path = GOLDEN / f"{policy}_{size[0]}.csv"
    if request.config.getoption("--renew-golden"):
        found.to_csv(path, index=False, lineterminator="\n")
    recorded = pd.read_csv(path)
    pd.testing.assert_frame_equal(found, recorded, check_dtype=False, rtol=1e-9, atol=1e-12)
