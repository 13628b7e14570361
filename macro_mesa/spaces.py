"""What each agent type sees and chooses, as tables: name, unit, bounds, meaning; heads of actions.

Observations are float32 of order one: an agent's books are divided by its own nominal scale (wage, sales
times price), rates are multiplied by ten or a hundred as the unit says, and every entry is clipped to its
bounds.  Actions are one integer a head; the heads of a type are chosen together, independently given the
observation.  Learners read shapes and names here and nowhere else.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

HOUSEHOLD, FIRM, COMMERCIAL_BANK, CENTRAL_BANK = AGENT_TYPES = (
    "household",
    "firm",
    "commercial_bank",
    "central_bank",
)


@dataclass(frozen=True)
class Observation:
    """One entry of an observation vector."""

    name: str
    unit: str
    low: float
    high: float
    meaning: str


@dataclass(frozen=True)
class Head:
    """One factor of an action: ``values[k]`` is what choosing ``k`` means, in ``unit``."""

    name: str
    unit: str
    values: tuple[float, ...]
    meaning: str


@dataclass(frozen=True)
class Space:
    """The observation vector and the action heads of an agent type."""

    observations: tuple[Observation, ...]
    heads: tuple[Head, ...]

    @property
    def size(self) -> int:
        """Length of the observation vector."""
        return len(self.observations)

    @cached_property
    def low(self) -> np.ndarray:
        """Lower bounds, float32 (size,)."""
        return np.array([entry.low for entry in self.observations], dtype=np.float32)

    @cached_property
    def high(self) -> np.ndarray:
        """Upper bounds, float32 (size,)."""
        return np.array([entry.high for entry in self.observations], dtype=np.float32)

    @cached_property
    def choices(self) -> np.ndarray:
        """Number of choices of each head, int64 (heads,)."""
        return np.array(self.head_sizes)

    @property
    def head_sizes(self) -> tuple[int, ...]:
        """Number of choices of each head."""
        return tuple(len(head.values) for head in self.heads)

    @property
    def head_names(self) -> tuple[str, ...]:
        """Names of the heads, in order."""
        return tuple(head.name for head in self.heads)

    def column(self, name: str) -> int:
        """Position of an observation by its name; ``KeyError`` names the ones that exist."""
        names = [entry.name for entry in self.observations]
        if name not in names:
            raise KeyError(f"no observation {name!r}; there are {', '.join(names)}")
        return names.index(name)


_O = Observation

SPACES: dict[str, Space] = {
    CENTRAL_BANK: Space(
        observations=(
            _O("policy_rate", "10 x annual", -1.0, 5.0, "the policy rate that it set itself"),
            _O("rate_change", "pp", -1.0, 1.0, "its own last change of the rate"),
            _O("inflation_3m", "10 x annual", -5.0, 5.0, "three-month inflation, annualised, less the target"),
            _O("inflation_12m", "10 x annual", -5.0, 5.0, "twelve-month inflation less the target"),
            _O("output_gap", "10 x log", -5.0, 5.0, "observed gap: last quarter's output over potential at trend productivity"),
            _O("credit_growth", "10 x log", -5.0, 5.0, "twelve-month growth of credit"),
            _O("distance_to_bound", "10 x annual", 0.0, 5.0, "policy rate less its lower bound"),
            _O("output_growth", "10 x log", -5.0, 5.0, "output this quarter over the quarter before"),
        ),
        heads=(Head("rate_step", "annual", (-0.005, -0.0025, 0.0, 0.0025, 0.005), "change of the policy rate"),),
    ),
    COMMERCIAL_BANK: Space(
        observations=(
            _O("capital_ratio", "10 x share", -2.0, 10.0, "equity over loans"),
            _O("liquidity", "share", -2.0, 5.0, "reserves less advances over deposits"),
            _O("lending_rate", "10 x annual", 0.0, 5.0, "own posted lending rate"),
            _O("deposit_rate", "10 x annual", 0.0, 5.0, "own posted deposit rate"),
            _O("relative_lending_rate", "100 x annual", -10.0, 10.0, "own lending rate less the market mean"),
            _O("relative_deposit_rate", "100 x annual", -10.0, 10.0, "own deposit rate less the market mean"),
            _O("policy_rate", "10 x annual", -1.0, 5.0, "the policy rate, just announced"),
            _O("rate_change", "pp", -0.5, 0.5, "its last change, as far as the central bank's own steps go"),
            _O("nonperforming", "10 x share", 0.0, 10.0, "share of own loans in arrears"),
            _O("approval_rate", "share", 0.0, 1.0, "share of last month's applications approved"),
            _O("applications", "share of clients", 0.0, 2.0, "applications last month over clients"),
            _O("market_share", "x number of banks", 0.0, 10.0, "share of all loans, times the number of banks"),
            _O("deposit_share", "x number of banks", 0.0, 10.0, "share of all deposits, times the number of banks"),
            _O("inflation", "10 x annual", -5.0, 5.0, "published twelve-month inflation"),
            _O("unemployment", "10 x share", 0.0, 10.0, "published unemployment"),
        ),
        heads=(
            Head("lending_rate", "annual", (-0.001, -0.0003, 0.0, 0.0003, 0.001), "change of the posted lending rate (posted_rate)"),
            Head("deposit_rate", "annual", (-0.001, -0.0003, 0.0, 0.0003, 0.001), "change of the posted deposit rate (posted_rate)"),
            Head("risk_tolerance", "multiple", (0.5, 1.0, 1.5), "multiple of the usual debt-service and leverage caps"),
        ),
    ),
    HOUSEHOLD: Space(
        observations=(
            _O("deposits", "log months of wage", -5.0, 5.0, "log of deposits over own wage, less two"),
            _O("debt", "months of wage / 4", 0.0, 10.0, "debt over own wage"),
            _O("debt_service", "share of wage", 0.0, 3.0, "debt service over own wage"),
            _O("relative_wage", "log", -3.0, 3.0, "own wage over the mean wage"),
            _O("employed", "0 or 1", 0.0, 1.0, "has a job"),
            _O("spell", "log months", 0.0, 2.0, "log(1 + months unemployed) / 3"),
            _O("lending_rate", "10 x annual", 0.0, 5.0, "loan rate that it was quoted"),
            _O("deposit_rate", "10 x annual", 0.0, 5.0, "own bank's deposit rate"),
            _O("price_change", "10 x log", -3.0, 3.0, "change of the prices it paid last month"),
            _O("inflation", "10 x annual", -5.0, 5.0, "published twelve-month inflation"),
            _O("unemployment", "10 x share", 0.0, 10.0, "published unemployment"),
            _O("excluded", "0 or 1", 0.0, 1.0, "barred from credit after a default"),
            _O("income", "log", -3.0, 3.0, "log of last month's income over own wage"),
            _O("savings_taste", "-", -1.0, 1.0, "own taste for savings less one"),
        ),
        heads=(
            Head("consumption", "share of cash on hand a month", (0.119, 0.133, 0.149, 0.167, 0.187), "budget for goods"),
            Head("borrowing", "months of wage", (0.0, 1.0, 2.0), "loan applied for"),
            Head("labor_supply", "hours", (0.5, 1.0), "hours offered, full time 1"),
        ),
    ),
    FIRM: Space(
        observations=(
            _O("relative_price", "10 x log", -10.0, 10.0, "own price over the mean of a few sampled ones"),
            _O("inventory", "months of sales", 0.0, 10.0, "inventory over expected sales"),
            _O("sales_growth", "log", -3.0, 3.0, "last month's sales over expected sales"),
            _O("unit_cost", "share of price", 0.0, 5.0, "wage bill a unit made over the price"),
            _O("liquidity", "months of sales", 0.0, 10.0, "deposits over the worth of expected sales"),
            _O("leverage", "share of assets", 0.0, 3.0, "debt over assets"),
            _O("utilization", "log", -3.0, 3.0, "sales over what a normally staffed firm of its capital makes"),
            _O("vacancy_fill", "share", 0.0, 1.0, "share of last month's vacancies filled, one if there were none"),
            _O("lending_rate", "10 x annual", 0.0, 5.0, "loan rate that it was quoted"),
            _O("refused", "0 or 1", 0.0, 1.0, "last loan application refused"),
            _O("inflation", "10 x annual", -5.0, 5.0, "published twelve-month inflation"),
            _O("size", "log", -5.0, 5.0, "log of employment over the mean firm's"),
            _O("vacancies", "share of target", 0.0, 1.0, "share of the employment target unfilled"),
            _O("capital_intensity", "log", -5.0, 5.0, "capital for each worker over its opening value"),
            _O("labor_cost", "10 x log", -10.0, 10.0, "cost of what makes a unit, cost push and productivity included, over own price and its opening value"),
            _O("price_change", "100 x log", -5.0, 5.0, "own last price change"),
            _O("hours_called", "share", 0.0, 1.0, "share of its workers' hours called last month"),
            _O("deposit_rate", "10 x annual", 0.0, 5.0, "published mean deposit rate, what its owners forgo"),
            _O("investment", "multiple of depreciation", 0.0, 5.0, "own investment plan"),
            _O("relative_capital", "log", -5.0, 5.0, "capital for each worker over that of all firms together"),
            _O("loan_rate", "10 x annual", 0.0, 5.0, "rate of its own debt"),
        ),
        heads=(
            Head("price", "share", (-0.02, -0.01, 0.0, 0.01, 0.02), "change of the posted price"),
            Head("hiring", "share, at least one worker", (-0.05, 0.0, 0.05), "change of the employment target"),
            Head("investment", "multiple of depreciation", (0.0, 1.0, 2.0), "investment that plans move towards"),
        ),
    ),
}

# The two other meanings of the bank's rate heads, when it prices by spread over the policy rate.
LENDING_SPREADS = (0.005, 0.015, 0.025, 0.04, 0.06)
DEPOSIT_SPREADS = (0.0, 0.005, 0.01, 0.015, 0.02)


def values(agent_type: str, head: str) -> tuple[float, ...]:
    """What the choices of a head mean; ``KeyError`` for an unknown type or head."""
    for entry in SPACES[agent_type].heads:
        if entry.name == head:
            return entry.values
    raise KeyError(f"no head {head!r} for {agent_type}; there are {', '.join(SPACES[agent_type].head_names)}")
