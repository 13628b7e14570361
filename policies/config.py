"""How a training run goes: economies, rollouts, stages, and one PPO configuration for each agent type."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from macro_mesa.config import ConfigError, Parameters, explain
from macro_mesa.spaces import AGENT_TYPES, CENTRAL_BANK, COMMERCIAL_BANK, FIRM, HOUSEHOLD, SPACES
from policies.ppo import PPOConfig

# Defaults that differ by type; sources in docs/decisions.md.
PPO_DEFAULTS: dict[str, dict[str, Any]] = {
    HOUSEHOLD: {"gamma": 0.98, "minibatch_size": 2048, "learning_rate": 1e-3, "epochs": 3, "peer_baseline": True, "entropy_coefficient": 0.006, "final_entropy_coefficient": 0.001, "hidden_sizes": (32, 32)},
    FIRM: {"gamma": 0.98, "gae_lambda": 1.0, "minibatch_size": 1024, "learning_rate": 1.2e-3, "peer_baseline": True, "entropy_coefficient": 0.008, "final_entropy_coefficient": 0.002, "hidden_sizes": (32, 32)},
    COMMERCIAL_BANK: {"gamma": 0.99, "learning_rate": 1.2e-3, "gae_lambda": 0.97, "minibatch_size": 512, "entropy_coefficient": 0.004, "final_entropy_coefficient": 0.001, "hidden_sizes": (32, 32)},
    CENTRAL_BANK: {"gamma": 0.95, "learning_rate": 1e-3, "minibatch_size": 512, "epochs": 8, "entropy_coefficient": 0.01, "final_entropy_coefficient": 0.002},
}  # fmt: skip

# Agents of an economy that a type learns from in an update: those of a month share one macroeconomy, so more of them
# cost time and tell little.
LEARNED_FROM = {HOUSEHOLD: 24, FIRM: 32}


AgentType = Literal["household", "firm", "commercial_bank", "central_bank"]


class TrainingConfig(BaseModel):
    """The training of all four types together."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    epochs: int = Field(default=500, ge=1, le=1_000_000, description="updates: one rollout and its learning each")
    sim_length: int = Field(default=120, ge=2, le=100_000, description="months of an episode")
    economies: int = Field(default=16, ge=1, le=1024, description="economies stepped in lockstep")
    rollout_groups: int = Field(
        default=1,
        ge=1,
        le=64,
        description="groups of economies, each in lockstep; so many worker processes roll out side by side, and "
        "results depend on the groups but not on the processes",
    )
    rollout_months: int = Field(default=40, ge=2, le=10_000, description="months between updates")
    staging: Literal["simultaneous", "private_first", "central_bank_last", "sequential"] = Field(
        default="central_bank_last",
        description="who learns when: all at once; private agents first, then the central bank too; the same, but "
        "private agents rest once it learns; or households, then firms and banks, then the central bank",
    )
    central_bank_start: float = Field(
        default=0.4, ge=0, le=1, description="share of training after which a staged central bank learns"
    )
    central_bank_economies: int | None = Field(
        default=None,
        ge=1,
        le=4096,
        description="economies once a staged central bank learns, which sees one transition a month in each; private "
        "agents then learn from as many of their number as before; null: as many as before it",
    )
    exploration_share: float = Field(
        default=0.7,
        ge=0,
        le=1,
        description="share of economies with rate surprises, with a fixed central bank too; kept under exploratory "
        "rates while private agents learn beside the central bank",
    )
    exploration_neutral_rate: float = Field(
        default=0.03, ge=-0.1, le=0.2, description="neutral real rate of the exploratory Taylor rule, annual"
    )
    indexation_spread: float = Field(
        default=0.5,
        ge=0,
        le=1.5,
        description="half-width of the range around wage_indexation from which every economy of a central bank that "
        "learns among resting private agents draws its own, so that the rate that holds inflation on target differs",
    )
    demand_spread: float = Field(
        default=0.1,
        ge=0,
        le=0.5,
        description="half-width of the range around 0 from which each of these economies draws what is added to the "
        "log taste for consumption as long as the episode lasts, so that the rate that closes the output gap differs",
    )
    checkpoint_interval: int = Field(default=10, ge=1, le=100_000, description="updates between checkpoints")
    validation_interval: int = Field(default=25, ge=1, le=100_000, description="updates between validations")
    validation_economies: int = Field(default=4, ge=1, le=100, description="economies of a validation")
    threads: int = Field(default=2, ge=1, le=64, description="types that learn at the same time, one thread each")
    start_from: str | None = Field(
        default=None, description="checkpoint whose networks and observation scales the types start with"
    )
    fixed: dict[AgentType, str | dict[str, float]] = Field(
        default={},
        max_length=len(AGENT_TYPES) - 1,
        description="types that never learn: the policy each follows, or the central bank's coefficients of a simple rule",
    )
    blind: dict[AgentType, tuple[str, ...]] = Field(
        default={}, description="observations by type that are held at their mean, in training and ever after"
    )

    @field_validator("blind")
    @classmethod
    def _observed(cls, blind: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        for kind, names in blind.items():
            known = [entry.name for entry in SPACES[kind].observations]
            for name in names:
                if name not in known:
                    raise ValueError(f"training: blind.{kind} names {name!r}; it observes {', '.join(known)}")
        return blind

    def own_progress(self, agent_type: str, progress: float) -> float:
        """Share of a type's own schedules done.

        A staged central bank's begin when it does; those of private agents end there, so that it meets agents who
        have settled and who still answer it.
        """
        start = self.central_bank_start
        if self.staging == "simultaneous" or CENTRAL_BANK in self.fixed or start == 0.0:
            return progress
        if agent_type != CENTRAL_BANK:
            return min(1.0, progress / start)
        return max(0.0, progress - start) / (1.0 - start) if start < 1.0 else 0.0

    def economies_at(self, progress: float) -> int:
        """Economies stepped in lockstep at a share of training done."""
        late = self.staging != "simultaneous" and progress >= self.central_bank_start
        return self.central_bank_economies or self.economies if late else self.economies

    def learning_types(self, progress: float) -> tuple[str, ...]:
        """Who learns at a share of training done; all that may, where a stage is of fixed types alone."""
        free = tuple(kind for kind in AGENT_TYPES if kind not in self.fixed)
        return tuple(kind for kind in self._stage(progress) if kind in free) or free

    def acting_types(self, progress: float) -> tuple[str, ...]:
        """Whose learners act at a share of training done: those that learn, and those that rest after it."""
        if self.private_agents_rest(progress):
            return tuple(kind for kind in AGENT_TYPES if kind not in self.fixed)
        return self.learning_types(progress)

    def private_agents_rest(self, progress: float) -> bool:
        """Whether the central bank learns alone, among agents who have learned before."""
        return self.staging == "central_bank_last" and CENTRAL_BANK in self.learning_types(progress)

    def _stage(self, progress: float) -> tuple[str, ...]:
        central_bank = progress >= self.central_bank_start
        if self.staging == "simultaneous":
            return AGENT_TYPES
        if self.staging == "sequential" and progress < self.central_bank_start / 2:
            return (HOUSEHOLD,)
        if self.staging == "central_bank_last" and central_bank:
            return (CENTRAL_BANK,)
        return AGENT_TYPES if central_bank else (HOUSEHOLD, FIRM, COMMERCIAL_BANK)


def ppo_configs(changes: Mapping[str, Any], parameters: Mapping[str, Any] | None = None) -> dict[str, PPOConfig]:
    """A PPO configuration for each agent type from its defaults and ``{type: {key: value}}``.

    ``parameters`` of the economy say how many agents there are: of many, a smaller share is learned from.
    """
    for kind, values in changes.items():
        if kind not in AGENT_TYPES:
            raise ConfigError(f"ppo has sections {', '.join(AGENT_TYPES)}, got {kind!r}")
        if not isinstance(values, Mapping):
            raise ConfigError(f"ppo.{kind} must be a mapping of settings, got {values!r}")
    sizes = Parameters.create(parameters or {})
    agents = {HOUSEHOLD: sizes.num_households, FIRM: sizes.num_firms}
    shares = {kind: {"sample_fraction": min(1.0, number / agents[kind])} for kind, number in LEARNED_FROM.items()}
    return {
        kind: checked(
            PPOConfig, {**PPO_DEFAULTS[kind], **shares.get(kind, {}), **changes.get(kind, {})}, f"ppo.{kind}"
        )
        for kind in AGENT_TYPES
    }


def training_config(values: Mapping[str, Any]) -> TrainingConfig:
    """A validated training configuration; raises ``ConfigError``."""
    return checked(TrainingConfig, values, "training")


def checked(model: type[Any], values: Mapping[str, Any], section: str) -> Any:
    """A pydantic model of ``values``; raises ``ConfigError`` that names the section and the key."""
    try:
        return model(**{str(key): value for key, value in values.items()})
    except ValidationError as error:
        raise ConfigError(f"{section}: {explain(error, model)}") from None
