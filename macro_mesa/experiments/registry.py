"""The experiments by name.

Another one is a function of a ``Design`` and a line here, or a line in a table of a package that may import more
than this one: the economy knows no learner, so experiments that train cannot stand here.
"""

from collections.abc import Callable
from dataclasses import dataclass

from macro_mesa.experiments import credit_crisis, inequality, inflation_shock, monetary_shock, zero_lower_bound
from macro_mesa.experiments.ablation import ablation
from macro_mesa.experiments.paired import Design, Findings, last_month
from macro_mesa.experiments.policy_rules import policy_rules


@dataclass(frozen=True)
class Experiment:
    """What runs it, and the fewest months (``--sim-length``) that it can judge by."""

    run: Callable[[Design], Findings]
    least_months: int


EXPERIMENTS = {
    "inflation_shock": Experiment(inflation_shock.inflation_shock, last_month(*inflation_shock.WINDOWS.values())),
    "monetary_shock": Experiment(monetary_shock.monetary_shock, last_month(monetary_shock.WINDOWS)),
    "policy_rules": Experiment(policy_rules, 1),
    "credit_crisis": Experiment(credit_crisis.credit_crisis, last_month(credit_crisis.WINDOWS)),
    "inequality": Experiment(inequality.inequality, inequality.YEAR),
    "zero_lower_bound": Experiment(
        zero_lower_bound.zero_lower_bound, last_month(zero_lower_bound.WINDOWS, zero_lower_bound.COST_OF_BOUND)
    ),
    "ablation": Experiment(ablation, last_month(monetary_shock.WINDOWS)),
}
