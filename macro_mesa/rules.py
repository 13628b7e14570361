"""Policies written by hand: a rule of thumb for every agent type, and the central bank's classic rules.

They see the same observations and choose from the same grids as learned policies.  A rule that wants a
change between two grid points mixes them with the economy's draws, so that its mean is what it wants.
"""

from collections.abc import Callable
from functools import partial

import numpy as np

from macro_mesa.config import ConfigError, Parameters
from macro_mesa.spaces import CENTRAL_BANK, COMMERCIAL_BANK, FIRM, HOUSEHOLD, SPACES, values


def _see(agent_type: str, observations: np.ndarray, *names: str) -> list[np.ndarray]:
    """Columns of ``observations`` by name."""
    return [observations[:, SPACES[agent_type].column(name)] for name in names]


def household_rule(observations: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """Spend more the larger the buffer of deposits, borrow now and then, work full time."""
    deposits, debt, employed, excluded = _see(HOUSEHOLD, observations, "deposits", "debt", "employed", "excluded")
    consumption = np.clip(np.floor(1.7 + 2.0 * deposits + draws[:, 0]), 0, 4)
    # one loan of a month's wage every four months keeps the opening debt of three monthly wages
    chance = np.where(debt < 1.5, 0.25, 0.0)
    borrowing = (employed > 0.5) & (excluded < 0.5) & (draws[:, 1] < chance)
    return np.stack([consumption, borrowing, np.ones_like(consumption)], axis=1).astype(np.int64)


def firm_rule(observations: np.ndarray, draws: np.ndarray, inventory_target: float) -> np.ndarray:
    """Price over unit cost and against inventories, hire for sales, invest by utilisation."""
    relative_price, inventory, unit_cost, vacancies, utilization = _see(
        FIRM, observations, "relative_price", "inventory", "unit_cost", "vacancies", "utilization"
    )
    pressure = 12.0 * (unit_cost - 2.0 / 3.0) - 1.5 * (inventory - 4.0 / 3.0 * inventory_target) - 0.5 * relative_price
    price = np.clip(np.floor(2.0 + pressure + draws[:, 0]), 0, 4)
    shortage = inventory_target - inventory - 6.0 * np.maximum(unit_cost - 0.72, 0.0)
    hiring = np.clip(np.floor(1.0 + np.clip(shortage, -0.3, 0.3) + draws[:, 1]), 0, 2)
    # a firm that cannot fill its posts does not open more of them
    hiring = np.where((vacancies > 0.0) & (hiring > 1), 1, hiring)
    investment = np.clip(np.floor(1.05 + 2.5 * utilization + draws[:, 2]), 0, 2)
    return np.stack([price, hiring, investment], axis=1).astype(np.int64)


def bank_rule(observations: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """Keep a margin over the own deposit rate, pay for deposits when short of them, lend by capital."""
    capital, liquidity, lending, deposit, rivals, nonperforming = _see(
        COMMERCIAL_BANK, observations,
        "capital_ratio", "liquidity", "lending_rate", "deposit_rate", "relative_deposit_rate", "nonperforming",
    )  # fmt: skip
    # observations of rates and ratios are tenfold
    wanted_margin = 0.35 + 0.5 * np.maximum(1.0 - capital, 0.0) + 0.2 * nonperforming
    gap = (wanted_margin - (lending - deposit)) * 10.0
    lending_step = np.clip(np.floor(2.0 + gap + draws[:, 0]), 0, 4)
    wish = 2.0 * (0.15 - liquidity) - 0.5 * rivals
    deposit_step = np.clip(np.floor(2.0 + np.clip(wish, -1.0, 1.0) + draws[:, 1]), 0, 4)
    tolerance = np.where(capital < 0.85, 0, np.where(capital > 1.05, 2, 1))
    return np.stack([lending_step, deposit_step, tolerance], axis=1).astype(np.int64)


def bank_spread_rule(observations: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """The middle spreads, and standards by capital, for banks that price by spread."""
    (capital,) = _see(COMMERCIAL_BANK, observations, "capital_ratio")
    tolerance = np.where(capital < 0.85, 0, np.where(capital > 1.05, 2, 1))
    middle = np.full(len(observations), 2)
    return np.stack([middle, middle, tolerance], axis=1).astype(np.int64)


class RuleOfThumb:
    """The hand-written behaviour of an agent type; the central bank's is the inertial Taylor rule."""

    def __init__(self, agent_type: str, parameters: Parameters) -> None:
        banks = bank_spread_rule if parameters.bank_pricing == "spread" else bank_rule
        firms = partial(firm_rule, inventory_target=parameters.inventory_target)
        rules: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
            HOUSEHOLD: household_rule, FIRM: firms, COMMERCIAL_BANK: banks
        }  # fmt: skip
        if agent_type == CENTRAL_BANK:
            rules[CENTRAL_BANK] = SimpleRule(parameters, smoothing=0.85).act
        self.act = rules[agent_type]


class SimpleRule:
    """i = rho i(-1) + (1 - rho) [r* + pi + phi_pi (pi - pi*) + phi_y gap], Taylor (1993) with rho = 0.

    ``inflation_response`` .5 and ``gap_response`` .5 are Taylor's; ``neutral_rate`` is real, annual; inflation is
    that of the last ``inflation_months``, 12 or 3.  It moves by the central bank's own steps and sees what a learned
    central bank sees.
    """

    def __init__(
        self,
        parameters: Parameters,
        inflation_response: float = 0.5,
        gap_response: float = 0.5,
        smoothing: float = 0.0,
        neutral_rate: float | None = None,
        inflation_months: float = 12,
    ) -> None:
        if inflation_months not in (3, 12):
            raise ConfigError(f"inflation_months must be 3 or 12, got {inflation_months}")
        self._inflation = f"inflation_{inflation_months:g}m"
        self._target = parameters.inflation_target
        opening_real_rate = parameters.opening_policy_rate - parameters.inflation_target
        self._neutral_rate = opening_real_rate if neutral_rate is None else neutral_rate
        self._inflation_response = inflation_response
        self._gap_response = gap_response
        self._smoothing = smoothing

    def desired_change(self, observations: np.ndarray) -> np.ndarray:
        """Change of the rate, annual decimals (n,), that the rule asks for."""
        rate, inflation, gap = _see(CENTRAL_BANK, observations, "policy_rate", self._inflation, "output_gap")
        excess, gap, rate = inflation / 10.0, gap / 10.0, rate / 10.0
        desired = self._neutral_rate + self._target + (1.0 + self._inflation_response) * excess
        return (1.0 - self._smoothing) * (desired + self._gap_response * gap - rate)

    def act(self, observations: np.ndarray, draws: np.ndarray) -> np.ndarray:
        """The step whose mean over the draws is the desired change."""
        return nearest_step(self.desired_change(observations), draws)


class ConstantRate:
    """Moves to a rate and stays there."""

    def __init__(self, parameters: Parameters, rate: float) -> None:
        self._rate = rate

    def act(self, observations: np.ndarray, draws: np.ndarray) -> np.ndarray:
        """Steps towards the rate, none within half a step of it."""
        (rate,) = _see(CENTRAL_BANK, observations, "policy_rate")
        return nearest_step(self._rate - rate / 10.0, np.full_like(draws, 0.5))


def nearest_step(change: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """Index of the rate step for a desired change (n,), rounded up with the chance of its remainder."""
    steps = values(CENTRAL_BANK, "rate_step")
    size = steps[1] - steps[0]
    index = np.floor(change[:, None] / size + len(steps) // 2 + draws[:, :1])
    return np.clip(index, 0, len(steps) - 1).astype(np.int64)
