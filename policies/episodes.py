"""The economies of a training: their seeds, who acts in them, and when one takes another's place."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from macro_mesa.config import ConfigError, Parameters
from macro_mesa.model import MacroModel
from macro_mesa.policy import Policy, make_policy
from macro_mesa.rules import RuleOfThumb, SimpleRule
from macro_mesa.spaces import AGENT_TYPES, CENTRAL_BANK
from policies.config import TrainingConfig
from policies.rate_paths import NoisyTaylor, WanderingRate, rate_surprises

MOST_INDEXATION = 1.5  # of wage_indexation, see macro_mesa.config
TRAINING_SEEDS = 9_000  # seeds below are trained on, from here to 9,999 validated on


class Beginning(NamedTuple):
    """An episode that begins in an economy's place once so many months of a rollout are over."""

    month: int
    economy: int
    episode: int


class Calendar:
    """When the economies' episodes end; the next ones are numbered month by month, economy by economy."""

    def __init__(self, sim_length: int) -> None:
        self.sim_length = sim_length
        self.episodes = 0
        self.ages: list[int] = []  # months behind each economy
        self.horizons: list[int] = []  # months at which its episode ends

    def open(self, number: int) -> list[Beginning]:
        """Keep so many economies; the ends of those that are added are spread over an episode."""
        present = len(self.horizons)
        added = range(present, number)
        self.horizons[number:] = [max(1, self.sim_length * (economy + 1) // number) for economy in added]
        self.ages[number:] = [0] * len(added)
        return [self._next(0, economy) for economy in added]

    def advance(self, months: int) -> list[Beginning]:
        """Turn the calendar by a rollout; the episodes that begin in it."""
        begun = []
        for month in range(1, months + 1):
            for economy in range(len(self.ages)):
                self.ages[economy] += 1
                if self.ages[economy] >= self.horizons[economy]:
                    self.ages[economy], self.horizons[economy] = 0, self.sim_length
                    begun.append(self._next(month, economy))
        return begun

    def _next(self, month: int, economy: int) -> Beginning:
        self.episodes += 1
        return Beginning(month, economy, self.episodes - 1)


class TrainingPlan:
    """What follows from a training's settings alone, and is therefore the same in every process."""

    def __init__(self, parameters: Mapping[str, Any], config: TrainingConfig, seed: int, shocks: Sequence[Any]) -> None:
        self.parameters = dict(parameters)
        self.economy_parameters = Parameters.create(parameters)
        self.config = config
        self.seed = seed
        self.shocks = list(shocks)
        self.fixed: dict[str, Policy] = {
            kind: self._fixed_policy(kind, choice) for kind, choice in config.fixed.items()
        }

    @property
    def agents(self) -> int:
        """Agents of all types in an economy."""
        sizes = self.economy_parameters
        return sizes.num_households + sizes.num_firms + sizes.num_banks + 1

    @property
    def _indexations(self) -> tuple[float, float]:
        """Least and largest share by which wages of its economies may rise of themselves, within what is allowed."""
        middle, spread = self.economy_parameters.wage_indexation, self.config.indexation_spread
        return max(middle - spread, 0.0), min(middle + spread, MOST_INDEXATION)

    def _fixed_policy(self, kind: str, choice: str | Mapping[str, float]) -> Policy:
        if isinstance(choice, str):
            return make_policy(kind, choice, self.economy_parameters)
        if kind != CENTRAL_BANK:
            raise ConfigError(f"training: fixed.{kind} must be the name of a policy, got {dict(choice)}")
        try:
            return SimpleRule(self.economy_parameters, **choice)
        except TypeError:
            known = "inflation_response, gap_response, smoothing, neutral_rate, inflation_months"
            raise ConfigError(f"training: fixed.{kind} has coefficients {known}, got {dict(choice)}") from None

    def new_model(self, economy: int, episode: int, progress: float) -> MacroModel:
        """The economy of an episode that begins at a share of training done.

        Its seed follows from the run's seed and the episode's number alone.
        """
        entropy = np.random.SeedSequence([self.seed, episode])
        seed = int(entropy.generate_state(1)[0]) % TRAINING_SEEDS
        parameters = self.parameters
        shocks = list(self.shocks)
        if self.config.private_agents_rest(progress):
            random = np.random.default_rng(entropy.spawn(1)[0])
            parameters = parameters | {"wage_indexation": self._indexation(random)}
            shocks += self._demand(random)
        if economy in self.surprised(progress):
            shocks += rate_surprises(self.config.sim_length, np.random.default_rng(entropy))
        # every seat is filled by lockstep training, so the policy named here never acts
        return MacroModel(**parameters, policy="random", shocks=shocks, rng=seed)

    def _indexation(self, random: np.random.Generator) -> float:
        """Wages that rise faster or slower of themselves move the rate that holds inflation on target."""
        middle = self.economy_parameters.wage_indexation
        least, largest = self._indexations
        return middle + float(random.uniform(least - middle, largest - middle))

    def _demand(self, random: np.random.Generator) -> list[dict[str, Any]]:
        """Spending that is stronger or weaker for good moves the rate that closes the output gap."""
        spread = self.config.demand_spread
        if not spread:
            return []
        size = float(random.uniform(-spread, spread))
        return [{"kind": "demand", "size": size, "start": 1, "duration": self.config.sim_length}]

    def is_of(self, parameters: Parameters) -> bool:
        """Whether an economy of these parameters can be one of this training's."""
        least, largest = self._indexations
        drawn = parameters.wage_indexation
        own = self.economy_parameters.model_copy(update={"wage_indexation": drawn})
        return least <= drawn <= largest and parameters == own

    def exploring(self, progress: float) -> list[int]:
        """Numbers of the economies under exploratory rate paths at a share of training done."""
        if CENTRAL_BANK in self.config.fixed:
            return []
        number = self.config.economies_at(progress)
        if CENTRAL_BANK not in self.config.learning_types(progress):
            return list(range(number))
        return [] if self.config.private_agents_rest(progress) else self._share_of(number)

    def surprised(self, progress: float) -> list[int]:
        """Numbers of the economies whose rate also jumps: no learning central bank should find its seat taken.

        A fixed one's economies keep their surprises: where the rate follows one rule, private agents who go on
        learning cannot tell what it asks of them from what the state it answers does.
        """
        if self.config.private_agents_rest(progress):
            return []
        # an episode that outlasts the start of a central bank learning beside private agents must not meet it there
        settled = progress if self.config.staging == "central_bank_last" else 1.0
        return self._share_of(self.config.economies_at(settled))

    def _share_of(self, number: int) -> list[int]:
        """The exploration share of so many economies, spread evenly over the phases of the episode."""
        chosen = round(self.config.exploration_share * number)
        return [place * number // chosen for place in range(chosen)]

    def seats(self, progress: float) -> dict[str, list[Policy | None]]:
        """Who acts for each type in each economy: None is the learner."""
        number = self.config.economies_at(progress)
        acting = self.config.acting_types(progress)
        seats: dict[str, list[Policy | None]] = {}
        for kind in AGENT_TYPES:
            held = self.fixed.get(kind) or RuleOfThumb(kind, self.economy_parameters)
            seats[kind] = [None if kind in acting else held] * number
        taylor = NoisyTaylor(self.economy_parameters, self.config.exploration_neutral_rate)
        paths = (WanderingRate(), taylor, taylor, taylor)
        for place, economy in enumerate(self.exploring(progress)):
            seats[CENTRAL_BANK][economy] = paths[place % len(paths)]
        return seats
