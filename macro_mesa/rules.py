"""Policies written by hand: a rule of thumb for every agent type, and the central bank's classic rules.

They see the same observations and choose from the same grids as learned policies.  A rule that wants a
change between two grid points mixes them with the economy's draws, so that its mean is what it wants.
"""

from collections.abc import Callable
from functools import partial

import numpy as np

from macro_mesa.config import ConfigError, Parameters
from macro_mesa.spaces import CENTRAL_BANK, COMMERCIAL_BANK, FIRM, HOUSEHOLD, SPACES, values

HIRING_STEP = values(FIRM, "hiring")[-1]


def _see(agent_type: str, observations: np.ndarray, *names: str) -> list[np.ndarray]:
    """Columns of ``observations`` by name."""
    return [observations[:, SPACES[agent_type].column(name)] for name in names]


def household_rule(observations: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """Spend steadily out of a buffer of deposits, owe three to four monthly wages, work full time.

    A fuller buffer raises spending by about half as much: the share spent falls.  When prices rise fast households
    hold back, to restore what their deposits are worth (Deaton 1977).
    """
    deposits, debt, employed, excluded, inflation = _see(
        HOUSEHOLD, observations, "deposits", "debt", "employed", "excluded", "inflation"
    )
    share = 2.05 - 5.0 * deposits - 1.5 * (inflation - 0.2)
    consumption = np.clip(np.floor(share + draws[:, 0]), 0, 4)
    # a loan of a month's wage every three months keeps the debt that it aims at
    chance = np.clip(0.3 + 2.0 * (0.97 - debt), 0.0, 1.0)
    borrowing = (employed > 0.5) & (excluded < 0.5) & (draws[:, 1] < chance)
    return np.stack([consumption, borrowing, np.ones_like(consumption)], axis=1).astype(np.int64)


def firm_rule(observations: np.ndarray, draws: np.ndarray, inventory_target: float, mean_workers: float) -> np.ndarray:
    """Price over unit cost and against inventories, keep workers for the hours called, invest by utilisation.

    ``mean_workers`` of a firm tell how large a step of at least one worker is: small firms take it less often.
    """
    relative_price, inventory, unit_cost, vacancies, utilization, called, size = _see(
        FIRM, observations,
        "relative_price", "inventory", "unit_cost", "vacancies", "utilization", "hours_called", "size",
    )  # fmt: skip
    pressure = 12.0 * (unit_cost - 0.588) - (inventory - inventory_target) - 0.5 * relative_price
    price = np.clip(np.floor(2.0 + pressure + draws[:, 0]), 0, 4)
    # all hours called and an empty store ask for more workers, idle hours for fewer; a firm with open posts waits
    shortage = np.clip(1.0 - inventory / max(inventory_target, 1.0e-9), 0.0, 1.0) * (called > 0.99) * (vacancies == 0.0)
    wanted = 0.15 * shortage + np.minimum(called - 0.85, 0.0)
    workers = np.maximum(mean_workers * np.exp(size), 1.0)
    step = HIRING_STEP * workers
    wanted *= step / np.maximum(np.round(step), 1.0)
    hiring = np.floor(1.0 + wanted + draws[:, 1])
    investment = np.clip(np.floor(1.18 + 0.8 * utilization + draws[:, 2]), 0, 2)
    return np.stack([price, hiring, investment], axis=1).astype(np.int64)


def bank_rule(observations: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """Lend at what deposits cost and missing capital asks for, pay for deposits when short of them, lend by capital.

    Competition leaves no margin to a bank whose capital is on target.  Deposits pay 3 % where reserves are a fifth of
    them.
    """
    capital, liquidity, lending, deposit, rivals, nonperforming = _see(
        COMMERCIAL_BANK, observations,
        "capital_ratio", "liquidity", "lending_rate", "deposit_rate", "relative_deposit_rate", "nonperforming",
    )  # fmt: skip
    missing = np.maximum(1.0 - capital, 0.0)
    # observations of rates and ratios are tenfold
    wanted_margin = 0.03 + 4.0 * missing + 0.2 * nonperforming
    gap = (wanted_margin - (lending - deposit)) * 10.0
    lending_step = np.clip(np.floor(2.0 + gap + draws[:, 0]), 0, 4)
    wish = 2.0 * (0.2 - liquidity) + (0.3 - deposit) - 0.5 * rivals - 10.0 * missing
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
    """The hand-written behaviour of an agent type; the central bank's is a Taylor rule that moves slowly.

    Its neutral real rate, 3 %, is where the rates of long runs rest; an inertia of .98 a month is .94 a quarter
    (Rudebusch 2002: about .9 in estimated rules).
    """

    def __init__(self, agent_type: str, parameters: Parameters) -> None:
        banks = bank_spread_rule if parameters.bank_pricing == "spread" else bank_rule
        workers = parameters.opening_workers / parameters.num_firms
        firms = partial(firm_rule, inventory_target=parameters.inventory_target, mean_workers=workers)
        rules: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
            HOUSEHOLD: household_rule, FIRM: firms, COMMERCIAL_BANK: banks
        }  # fmt: skip
        if agent_type == CENTRAL_BANK:
            rules[CENTRAL_BANK] = SimpleRule(
                parameters, gap_response=0.25, smoothing=0.98, neutral_rate=0.03
            ).act
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
