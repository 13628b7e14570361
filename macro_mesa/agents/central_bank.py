"""The central bank: it moves the policy rate on last month's published statistics."""

import numpy as np

from macro_mesa.agents.base import clip, clip_columns
from macro_mesa.compiled import jit
from macro_mesa.population import Column, MacroAgent, Population
from macro_mesa.spaces import CENTRAL_BANK, SPACES, values

SPACE = SPACES[CENTRAL_BANK]
RATE_STEPS = np.array(values(CENTRAL_BANK, "rate_step"))


class CentralBank(MacroAgent):
    """The central bank, consolidated with a minimal treasury; see ``columns`` for its attributes.

    Reward: -[(inflation - target)^2 + lambda gap^2 + mu (rate change)^2], in percentage points.
    """

    agent_type = CENTRAL_BANK
    reward_names = ("inflation", "output_gap", "rate_change")
    columns = (
        Column("policy_rate", "f8", "annual", "Policy rate in force, dated shocks included"),
        Column("rate_setting", "f8", "annual", "Policy rate that it chose itself"),
        Column("rate_change", "f8", "annual", "Last change of the policy rate"),
        Column("reserves", "f8", "money", "Reserves owed to banks"),
        Column("advances", "f8", "money", "Advances to banks"),
        Column("equity", "f8", "money", "Advances less reserves: minus outside money"),
        Column("tax_rate", "f8", "share of wages", "Wage tax"),
    )

    @classmethod
    def observe(cls, population: Population) -> np.ndarray:
        """What the central bank knows: last month's published statistics and its own rate."""
        model = population.model
        observations = population.blank_observations()
        _observe(observations, population.table, model.economy, model.parameter_record, SPACE.low, SPACE.high)
        return observations

    @classmethod
    def apply(cls, population: Population, actions: np.ndarray, rows: np.ndarray | None = None) -> None:
        """Move the policy rate."""
        model = population.model
        _apply(population.table, actions, RATE_STEPS, model.economy, model.parameter_record)


@jit
def _observe(out, central_bank, economy, parameters, low, high):
    p = parameters[0]
    published = economy[0]
    # what it set itself: a dated shock is not undone by a rule that steers the rate it sees
    rate = central_bank[0].rate_setting
    out[0, 0] = 10.0 * rate
    out[0, 1] = 100.0 * central_bank[0].rate_change
    out[0, 2] = 10.0 * (published.inflation_3m - p.inflation_target)
    out[0, 3] = 10.0 * (published.inflation - p.inflation_target)
    out[0, 4] = 10.0 * published.observed_gap
    out[0, 5] = 10.0 * published.credit_growth
    out[0, 6] = 10.0 * (rate - p.lower_bound)
    out[0, 7] = 10.0 * published.output_growth
    clip_columns(out, low, high)


@jit
def _apply(central_bank, actions, rate_steps, economy, parameters):
    p = parameters[0]
    before = central_bank[0].policy_rate
    setting = clip(central_bank[0].rate_setting + rate_steps[actions[0, 0]], p.lower_bound, p.upper_bound)
    central_bank[0].rate_setting = setting
    # a dated shock comes on top of what the central bank sets
    central_bank[0].policy_rate = max(setting + economy[0].policy_rate_shock, p.lower_bound)
    central_bank[0].rate_change = central_bank[0].policy_rate - before


@jit
def _reward(out, central_bank, economy, parameters):
    p = parameters[0]
    published = economy[0]
    inflation = 100.0 * (published.inflation - p.inflation_target)
    gap = 100.0 * published.output_gap
    change = 100.0 * central_bank[0].rate_change
    out[0, 0] = -inflation * inflation
    out[0, 1] = -p.output_gap_weight * gap * gap
    out[0, 2] = -p.rate_change_weight * change * change


CentralBank.fill_rewards = staticmethod(_reward)
