"""Ready-made scenarios, each a few changes of the default economy; sizes as in ``macro_mesa.experiments``."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from macro_mesa.shocks import Shock
from visualization.dashboard.settings import SIZES, Settings

# two years to settle, then the shock
START = 25


@dataclass(frozen=True)
class Preset:
    """A scenario: one sentence, parameters that differ from their defaults, dated shocks."""

    sentence: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    shocks: tuple[Shock, ...] = ()


BASELINE = "Baseline"
PRESETS = {
    BASELINE: Preset("The economy at rest; its own small disturbances are all that moves it."),
    "Inflation shock": Preset(
        "Costs rise by 5 % of the wage bill for a year.", shocks=(Shock("cost", 0.05, START, 12),)
    ),
    "Credit crisis": Preset(
        "Borrowers default ten times as often for half a year.", shocks=(Shock("default", 9.0, START, 6),)
    ),
    "Zero lower bound": Preset(
        "Demand falls by a fifth for two years; most learned central banks cut the rate to zero, and can cut no more.",
        shocks=(Shock("demand", -0.2, START, 24),),
    ),
    "Rate rise": Preset(
        "The policy rate is 100 basis points above what the central bank sets, for a year.",
        shocks=(Shock("policy_rate", 0.01, START, 12),),
    ),
    "Unequal ownership": Preset(
        "A few households own most of the firms and banks (a Pareto tail).", {"ownership": "pareto"}
    ),
}


def apply_preset(name: str, settings: Settings) -> Settings:
    """The preset on the sizes, policies, seed and comparison of ``settings``; its other changes go."""
    preset = PRESETS[name]
    sizes = {key: value for key, value in settings.parameters.items() if key in SIZES}
    return Settings(
        {**sizes, **preset.parameters}, settings.policies, preset.shocks, settings.seed, settings.comparison
    )


def preset_of(settings: Settings) -> str | None:
    """The preset that the settings are, whatever their sizes, policies and seed."""
    for name in PRESETS:
        if apply_preset(name, settings) == settings:
            return name
    return None
