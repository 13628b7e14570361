"""What one economy of the page is built from, as one immutable value, and how each part of it is checked."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from macro_mesa import ConfigError, MacroModel, Parameters
from macro_mesa.policy import make_policy
from macro_mesa.shocks import Shock
from macro_mesa.spaces import AGENT_TYPES

# sizes at which a month and its pictures still feel live on two cores
SIZE_CAPS = {"num_households": 20_000, "num_firms": 4_000, "num_banks": 200}
MAX_SHOCKS = 20
LAST_SHOCK = 100_000  # month
LARGEST_SHOCK = 10_000  # times the default hazard; any other kind wrecks an economy long before
FIRST_SEED = 4

NOTHING, WITHOUT_SHOCKS, DEFAULTS = COMPARISONS = (
    "nothing",
    "the same economy without shocks",
    "default parameters, no shocks",
)
SIZES = ("num_households", "num_firms", "num_banks")


@dataclass(frozen=True)
class Settings:
    """An economy to build: ``parameters`` lists those that differ from config.py, ``policies`` one choice a type."""

    parameters: Mapping[str, Any] = field(default_factory=dict)
    policies: Mapping[str, str] = field(default_factory=lambda: dict.fromkeys(AGENT_TYPES, "rule"))
    shocks: tuple[Shock, ...] = ()
    seed: int = FIRST_SEED
    comparison: str = NOTHING

    def value(self, name: str) -> Any:
        """A parameter in force, changed or not."""
        return self.parameters.get(name, Parameters.model_fields[name].default)

    def with_parameter(self, name: str, value: Any) -> "Settings":
        """The same with one parameter changed; ``ConfigError`` says why a value is refused."""
        changed = {**self.parameters, name: value}
        checked = getattr(checked_parameters(changed), name)
        if checked == Parameters.model_fields[name].default:
            del changed[name]
        return replace(self, parameters=changed)

    def with_policy(self, agent_type: str, choice: str) -> "Settings":
        """The same with another policy of one agent type; what cannot be used is refused with the reason."""
        make_policy(agent_type, choice, checked_parameters(self.parameters))
        return replace(self, policies={**self.policies, agent_type: choice})

    def with_shocks(self, shocks: tuple[Shock, ...]) -> "Settings":
        """The same with other dated shocks."""
        if len(shocks) > MAX_SHOCKS:
            raise ConfigError(f"this page dates at most {MAX_SHOCKS} shocks, got {len(shocks)}")
        if any(max(shock.start, shock.duration) > LAST_SHOCK for shock in shocks):
            raise ConfigError(f"a shock on this page starts by month {LAST_SHOCK:,} and lasts no longer than that")
        if any(abs(shock.size) > LARGEST_SHOCK for shock in shocks):
            raise ConfigError(f"the size of a shock on this page is at most {LARGEST_SHOCK:,} either way")
        return replace(self, shocks=shocks)

    def baseline(self) -> "Settings | None":
        """What the economy is compared with: same seed, sizes and policies; None for no comparison."""
        if self.comparison == NOTHING:
            return None
        if self.comparison == WITHOUT_SHOCKS:
            return replace(self, shocks=())
        return replace(self, shocks=(), parameters={k: v for k, v in self.parameters.items() if k in SIZES})

    def as_scenario(self, months: int) -> dict[str, Any]:
        """The sections of a file for ``run_model.py --config``, in plain data."""
        return {
            "model": dict(self.parameters),
            "policy": self.common_policy or dict(self.policies),
            "shocks": [shock.as_dict() for shock in self.shocks],
            "training": {"sim_length": max(months, 1)},
        }

    @property
    def common_policy(self) -> str | None:
        """The choice of all agent types, if it is one and the same."""
        choices = set(self.policies.values())
        return choices.pop() if len(choices) == 1 else None


def opening_settings(pretrained: int) -> Settings:
    """What a page opens on: the learned economy, at the size it was learned in; rules if no policies are shipped."""
    if not pretrained:
        return Settings()
    return Settings({"num_households": 400, "num_firms": 40}, dict.fromkeys(AGENT_TYPES, "pretrained:1"))


def checked_parameters(values: Mapping[str, Any]) -> Parameters:
    """Validated parameters of an economy that this page can carry; ``ConfigError`` in one sentence."""
    for name, cap in SIZE_CAPS.items():
        if isinstance(values.get(name), int) and values[name] > cap:
            raise ConfigError(
                f"{name} is at most {cap:,} on this page, got {values[name]:,}; run larger economies from the shell"
            )
    return Parameters.create(values)


def checked_seed(text: str) -> int:
    """A seed as typed."""
    if not text.strip().isdecimal() or len(text.strip()) > 9:
        raise ConfigError(f"the seed must be a whole number from 0 to 999,999,999, got {text!r}")
    return int(text)


def build_model(settings: Settings) -> MacroModel:
    """The economy that the settings describe; raises ``ConfigError`` in one sentence if there is none."""
    checked_parameters(settings.parameters)
    return MacroModel(
        **settings.parameters, policy=dict(settings.policies), shocks=settings.shocks, rng=settings.seed
    )
