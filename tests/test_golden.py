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
    compare(history(economy(size, 24, policy=policy, rng=42)), f"{policy}_{size[0]}", request)


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_the_economy_before_the_stationary_opening_is_still_there(size, request):
    """Recorded before there was another opening: all agents alike, and one visit a seeker whatever the firms' size."""
    model = economy(size, 24, policy="random", rng=42, opening="equal", usual_firm_size=1.0)
    compare(history(model), f"random_equal_{size[0]}", request)


def compare(frame, name, request):
    """The history against the recorded one, or written in its place."""
    found = frame[COLUMNS].reset_index(drop=True)
    path = GOLDEN / f"{name}.csv"
    if request.config.getoption("--renew-golden"):
        found.to_csv(path, index=False, lineterminator="\n")
    recorded = pd.read_csv(path)
    pd.testing.assert_frame_equal(found, recorded, check_dtype=False, rtol=1e-9, atol=1e-12)
