"""How far a training has come, as its checkpoint records it: checked before anything is built on it."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from policies.config import checked

Count = Annotated[int, Field(ge=0, le=2**53)]
AgentType = Literal["household", "firm", "commercial_bank", "central_bank"]


class TrainingState(BaseModel):
    """The counters and scores of a training after some update."""

    model_config = ConfigDict(frozen=True, strict=True, allow_inf_nan=False)

    seed: Count
    update: Count
    episodes: Count
    agent_steps: Count
    best_score: float | None
    scored_types: list[AgentType]
    baselines: dict[AgentType, dict[Literal["random", "rule"], float]]
    horizons: list[Annotated[int, Field(ge=1, le=1_000_000)]]
    notes: dict[str, Any] = {}


def read_training_state(meta: Mapping[str, Any]) -> TrainingState:
    """The state in a checkpoint's meta; raises ``ConfigError`` that names the entry and what it must be."""
    known = {name: meta[name] for name in TrainingState.model_fields if name in meta}
    return checked(TrainingState, known, "the training's state")
