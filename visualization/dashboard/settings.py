"""What the page lets a person set, as a table, and how an economy is built from it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from macro_mesa import ConfigError, MacroModel, Parameters

POLICIES = ("rule", "random", "pretrained", "checkpoint folder")
CHECKPOINT_FOLDER = POLICIES[-1]

# sizes at which a month and its pictures still feel live on two cores
SIZE_CAPS = {"num_households": 20_000, "num_firms": 4_000, "num_banks": 200}


@dataclass(frozen=True)
class Count:
    """A whole number to type."""

    name: str
    label: str


@dataclass(frozen=True)
class Share:
    """A decimal set by a slider in per cent, from ``low`` to ``high``."""

    name: str
    label: str
    unit: str
    low: float
    high: float
    step: float


COUNTS = (
    Count("num_households", "Households"),
    Count("num_firms", "Firms"),
    Count("num_banks", "Commercial banks"),
    Count("seed", "Random seed"),
)
SHARES = (
    Share("inflation_target", "Inflation target", "% a year", 0.0, 6.0, 0.25),
    Share("opening_policy_rate", "Opening policy rate", "% a year", 0.0, 10.0, 0.25),
    Share("capital_requirement", "Capital requirement", "% of loans", 0.0, 20.0, 0.5),
    Share("taste_noise", "Demand noise", "% a month", 0.0, 5.0, 0.1),
)


def default_settings() -> dict[str, Any]:
    """The values the page opens with: the defaults of the model, seed 1."""
    fields = Parameters.model_fields
    names = [entry.name for entry in COUNTS + SHARES if entry.name != "seed"]
    return {name: fields[name].default for name in names} | {"seed": 1, "policy": "rule", "checkpoint": ""}


def build_model(settings: Mapping[str, Any]) -> MacroModel:
    """The economy that the settings describe; raises ``ConfigError`` in one sentence if there is none."""
    for name, cap in SIZE_CAPS.items():
        if settings[name] > cap:
            raise ConfigError(
                f"{name} is at most {cap:,} on this page, got {settings[name]:,}; run larger economies from the shell"
            )
    parameters = {key: value for key, value in settings.items() if key not in ("seed", "policy", "checkpoint")}
    return MacroModel(**parameters, policy=_policy(settings), rng=settings["seed"])


def _policy(settings: Mapping[str, Any]) -> str:
    if settings["policy"] != CHECKPOINT_FOLDER:
        return settings["policy"]
    folder = settings["checkpoint"].strip()
    if not folder:
        raise ConfigError("name the checkpoint folder that the policy is read from")
    return folder
