"""Training of all agent types together: independent PPO on economies in lockstep."""

import gc
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch

from macro_mesa import state
from macro_mesa.config import ConfigError, Parameters
from macro_mesa.experiments.evaluation import evaluate
from macro_mesa.model import MacroModel
from macro_mesa.policy import Policy, make_policy
from macro_mesa.rules import RuleOfThumb, SimpleRule
from macro_mesa.spaces import AGENT_TYPES, CENTRAL_BANK, SPACES
from policies.checkpoint import CheckpointError, below, load_checkpoint, save_checkpoint
from policies.config import TrainingConfig, ppo_configs, training_config
from policies.learned import LearnedPolicy, checkpoint_policy, space_description
from policies.ppo import PPOConfig, PPOLearner
from policies.rate_paths import NoisyTaylor, WanderingRate, rate_surprises
from policies.training_state import read_training_state
from policies.vector import LockstepEconomies

TRAINING_SEEDS = 9_000  # seeds below are trained on, from here to 9,999 validated on
MACRO = ("gdp", "inflation", "unemployment", "policy_rate", "lending_rate", "output_gap", "bankruptcies", "capital")


class Trainer:
    """Trains the four learners; ``run`` yields the statistics of every update.

    Checkpoints: ``models/last`` holds everything that shapes the next update, ``models/best`` the policies
    with the best validation score so far.
    """

    def __init__(
        self,
        parameters: Mapping[str, Any],
        config: TrainingConfig,
        ppo: Mapping[str, PPOConfig] | None = None,
        seed: int = 0,
        shocks: Any = (),
    ) -> None:
        self.parameters = dict(parameters)
        self.economy_parameters = Parameters.create(parameters)
        self.config = config
        self.ppo = dict(ppo or ppo_configs({}))
        self.seed = seed
        self.shocks = list(shocks)
        torch.set_num_threads(1)  # the first weights must not depend on it; two under load are slower than one
        self.learners = {
            kind: PPOLearner(
                kind, SPACES[kind].size, SPACES[kind].head_names, SPACES[kind].head_sizes, self.ppo[kind], seed
            )
            for kind in AGENT_TYPES
        }
        self.fixed: dict[str, Policy] = {
            kind: self._fixed_policy(kind, choice) for kind, choice in config.fixed.items()
        }
        self._blind()
        self.update = 0
        self.episodes = 0
        self.agent_steps = 0
        self.best_score = -np.inf
        self.scored_types: list[str] = []
        self.baselines: dict[str, dict[str, float]] = {}
        self.notes: dict[str, Any] = {}  # what else a checkpoint should tell, as JSON can hold it
        self.seconds = {"simulation": 0.0, "inference": 0.0, "learning": 0.0}
        self.threads = ThreadPoolExecutor(config.threads)
        self.horizons: list[int] = []
        self.economies = LockstepEconomies([], self.learners, self.seats(0.0))
        self._open_economies(0.0)

    # --- who learns, from where, and what it sees
    def _fixed_policy(self, kind: str, choice: str | Mapping[str, float]) -> Policy:
        if isinstance(choice, str):
            return make_policy(kind, choice, self.economy_parameters)
        if kind != CENTRAL_BANK:
            raise ConfigError(f"training: fixed.{kind} must be the name of a policy, got {dict(choice)}")
        try:
            return SimpleRule(self.economy_parameters, **choice)
        except TypeError:
            known = "inflation_response, gap_response, smoothing, neutral_rate"
            raise ConfigError(f"training: fixed.{kind} has coefficients {known}, got {dict(choice)}") from None

    def _blind(self) -> None:
        for kind, names in self.config.blind.items():
            self.learners[kind].normalizer.blind = np.array([SPACES[kind].column(name) for name in names], dtype=int)

    def _start(self) -> None:
        """First networks and scales: those of another checkpoint, or scales of random play and networks as drawn."""
        self._warm_up()
        if self.config.start_from is None:
            return
        arrays, _ = load_checkpoint(Path(self.config.start_from))
        for kind in self.config.learning_types(1.0):
            checkpoint_policy(kind, self.config.start_from, self.economy_parameters)  # refuses what does not fit
            self.learners[kind].start_from(below(arrays, f"{kind}."))
        self._blind()

    # --- economies
    def _open_economies(self, progress: float) -> None:
        """Bring the number of economies to what a share of training asks for, their ends spread over an episode."""
        number, months = self.config.economies_at(progress), self.config.sim_length
        present = len(self.horizons)
        self.horizons[number:] = [max(1, months * (k + 1) // number) for k in range(present, number)]
        self.economies.models[number:] = [self._new_model(k) for k in range(present, number)]
        self.economies.seats = self.seats(progress)

    def _new_model(self, economy: int) -> MacroModel:
        """The next training economy; its seed follows from the run's seed and its number alone."""
        entropy = np.random.SeedSequence([self.seed, self.episodes])
        seed = int(entropy.generate_state(1)[0]) % TRAINING_SEEDS
        self.episodes += 1
        shocks = list(self.shocks)
        if economy in self.exploring(1.0):
            shocks += rate_surprises(self.config.sim_length, np.random.default_rng(entropy))
        # every seat is filled by lockstep training, so the policy named here never acts
        return MacroModel(**self.parameters, policy="random", shocks=shocks, rng=seed)

    def exploring(self, progress: float) -> list[int]:
        """Numbers of the economies under exploratory rate paths at a share of training done."""
        if CENTRAL_BANK in self.config.fixed:
            return []
        number = self.config.economies_at(progress)
        learning = CENTRAL_BANK in self.config.learning_types(progress)
        exploring = round(self.config.exploration_share * number) if learning else number
        # spread evenly, so that they are not tied to one phase of the episode
        return [place * number // exploring for place in range(exploring)]

    def seats(self, progress: float) -> dict[str, list[Policy | None]]:
        """Who acts for each type in each economy: None is the learner."""
        number = self.config.economies_at(progress)
        learning = self.config.learning_types(progress)
        seats: dict[str, list[Policy | None]] = {}
        for kind in AGENT_TYPES:
            held = self.fixed.get(kind) or RuleOfThumb(kind, self.economy_parameters)
            seats[kind] = [None if kind in learning else held] * number
        taylor = NoisyTaylor(self.economy_parameters)
        paths = (WanderingRate(), taylor, taylor)
        for place, economy in enumerate(self.exploring(progress)):
            seats[CENTRAL_BANK][economy] = paths[place % len(paths)]
        return seats

    def _warm_up(self) -> None:
        """Scale the observations by two years of random play before the first rollout."""
        seen: dict[str, list[np.ndarray]] = {kind: [] for kind in AGENT_TYPES}
        for number in range(4):
            model = MacroModel(**self.parameters, policy="random", rng=TRAINING_SEEDS + 500 + number)
            for _ in range(24):
                model.step()
                for kind in AGENT_TYPES:
                    seen[kind].append(model.populations[kind].observe())
        for kind, observations in seen.items():
            self.learners[kind].warm_up(np.concatenate(observations))

    # --- training
    def run(self) -> Iterator[dict[str, Any]]:
        """Train to the end; yields each update's statistics as it is done."""
        gc.collect()
        gc.freeze()  # ended economies are garbage in cycles: do not let what stays put off their collection
        try:
            if self.update == 0:
                self._start()
            if not self.baselines:
                self.baselines = self._baselines()
            while self.update < self.config.epochs:
                progress = self.update / self.config.epochs
                statistics = self._one_update(progress)
                self.update += 1
                yield statistics
        finally:
            gc.unfreeze()  # what stayed for this training need not stay after it

    def _one_update(self, progress: float) -> dict[str, Any]:
        economies, months = self.economies, self.config.rollout_months
        kinds = self.config.learning_types(progress)
        start = time.perf_counter()
        economies.seconds = {"simulation": 0.0, "inference": 0.0}
        self._open_economies(progress)
        economies.start_rollout(kinds, months)
        for month in range(months):
            economies.step()
            self._close_month(month)
        learning = time.perf_counter()
        statistics = self._learn(progress)
        seconds = {**economies.seconds, "learning": time.perf_counter() - learning}
        for part, spent in seconds.items():
            self.seconds[part] += spent
        agents = sum(len(population) for population in economies.models[0].populations.values())
        self.agent_steps += agents * months * len(economies.models)
        elapsed = time.perf_counter() - start
        for kind, terms in self._reward_components().items():
            if kind in statistics:
                statistics[kind]["reward_components"] = terms
        return {
            "update": self.update + 1,
            "stage": "+".join(kinds),
            "agent_steps": self.agent_steps,
            "months_per_second": months * len(economies.models) / elapsed,
            "agent_steps_per_second": agents * months * len(economies.models) / elapsed,
            "seconds": seconds,
            "macro": self._macro(),
            **statistics,
        }

    def _learn(self, progress: float) -> dict[str, dict[str, Any]]:
        """Update every type's learner; they share nothing, so they learn side by side on their own threads."""
        rollouts = self.economies.rollouts
        # the largest first, so that the small ones fill the other thread
        order = sorted(rollouts, key=lambda kind: -rollouts[kind].agents * self.ppo[kind].sample_fraction)
        crowd = {kind: 1.0 if kind == CENTRAL_BANK else self._share(progress) for kind in AGENT_TYPES}
        updates = {
            kind: self.threads.submit(
                self.learners[kind].update, rollouts[kind], self.config.own_progress(kind, progress), crowd[kind]
            )
            for kind in order
        }
        return {kind: updates[kind].result() for kind in rollouts}

    def _share(self, progress: float) -> float:
        """Share of the economies' private agents that keeps their samples as many as at the start."""
        return min(1.0, self.config.economies / self.config.economies_at(progress))

    def _close_month(self, month: int) -> None:
        """End the episodes that are over, and at the rollout's end note the values of what comes next."""
        last = month == self.config.rollout_months - 1
        for k, model in enumerate(self.economies.models):
            over = model.month >= self.horizons[k]
            if not (over or last):
                continue
            for kind in self.economies.rollouts:
                if self.economies.seats[kind][k] is None:
                    columns = self.economies.columns(kind, k)
                    columns.truncated[month] = over
                    columns.final_value[month] = self.economies.final_values(kind, k)
            if over:
                self.horizons[k] = self.config.sim_length
                self.economies.replace(k, self._new_model(k), month + 1)

    def _reward_components(self) -> dict[str, dict[str, float]]:
        """Mean over agents and economies of each term of the last month's rewards."""
        found = {}
        for kind in AGENT_TYPES:
            populations = [model.populations[kind] for model in self.economies.models if model.month > 0]
            if populations:
                core = populations[0].core
                terms = np.mean([core.reward_components(p).mean(axis=0) for p in populations], axis=0)
                found[kind] = dict(zip(core.reward_names, terms.tolist(), strict=True))
        return found

    def _macro(self) -> dict[str, float]:
        """Means of the main statistics over the rollout."""
        recent = slice(-self.config.rollout_months, None)
        return {
            name: float(
                np.mean([np.mean(m.datacollector.model_vars[name][recent]) for m in self.economies.models])
            )
            for name in MACRO
        }  # fmt: skip

    # --- validation
    def policies(self) -> dict[str, LearnedPolicy]:
        """The policies as they are now."""
        return {kind: LearnedPolicy(learner.twin, learner.normalizer) for kind, learner in self.learners.items()}

    def _returns(self, policy: Any) -> dict[str, float]:
        """Mean monthly reward of each type on the validation seeds."""
        seeds = [TRAINING_SEEDS + k for k in range(self.config.validation_economies)]
        months = self.config.sim_length
        summary, _ = evaluate({"policy": policy}, seeds, months, self.parameters, shocks=self.shocks)
        return {kind: summary["returns"][kind]["policy"]["mean"] / months for kind in AGENT_TYPES}

    def _baselines(self) -> dict[str, dict[str, float]]:
        """What random and rule-of-thumb policies earn, beside every learning curve."""
        random, rule = self._returns("random"), self._returns("rule")
        return {kind: {"random": random[kind], "rule": rule[kind]} for kind in AGENT_TYPES}

    def validate(self) -> tuple[float, dict[str, float]]:
        """Score and mean monthly rewards by type on the validation seeds.

        The score is the mean over the types that learn now of the reward's gain over random, in units of the
        distance between random and rule, each between -2 and 2 so that no type outweighs the others.
        """
        learning = self.config.learning_types((self.update - 1) / self.config.epochs)
        learned = {kind: policy for kind, policy in self.policies().items() if kind in learning}
        policies: dict[str, Any] = {**self.fixed, **learned}
        returns = self._returns(policies)
        ways = []
        for kind in learning:
            random, rule = self.baselines[kind]["random"], self.baselines[kind]["rule"]
            ways.append(np.clip((returns[kind] - random) / max(abs(rule - random), 1.0e-9), -2.0, 2.0))
        return float(np.mean(ways)), returns

    # --- checkpoints
    def save_last(self, folder: Path) -> None:
        """Write everything that shapes the next update."""
        arrays, meta = self._description()
        economies = [state.pack(model) for model in self.economies.models]
        for number, (_, packed) in enumerate(economies):
            arrays |= {f"economy.{number}.{name}": array for name, array in packed.items()}
        meta["economies"] = [described for described, _ in economies]
        meta["horizons"] = self.horizons
        save_checkpoint(folder, arrays, meta)

    def save_best(self, folder: Path) -> None:
        """Write the policies alone."""
        save_checkpoint(folder, *self.learned())

    def learned(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Arrays and meta of the policies alone: networks and observation scales of all types that are not fixed."""
        arrays, meta = self._description()
        kinds = self.config.learning_types(1.0)
        prefixes = tuple(f"{kind}.{part}." for kind in kinds for part in ("network", "normalizer"))
        for part in ("spaces", "learners"):
            meta[part] = {kind: meta[part][kind] for kind in kinds}
        for learner in meta["learners"].values():
            learner.pop("generator")
        return {name: array for name, array in arrays.items() if name.startswith(prefixes)}, meta

    def _description(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        arrays: dict[str, np.ndarray] = {}
        learners = {}
        for kind, learner in self.learners.items():
            own, learners[kind] = learner.state()
            arrays |= {f"{kind}.{name}": array for name, array in own.items()}
        return arrays, {
            "spaces": {kind: space_description(kind) for kind in AGENT_TYPES},
            "learners": learners,
            "parameters": self.parameters,
            "shocks": self.shocks,
            "training": self.config.model_dump(mode="json"),
            "ppo": {kind: config.model_dump(mode="json") for kind, config in self.ppo.items()},
            "seed": self.seed,
            "update": self.update,
            "episodes": self.episodes,
            "agent_steps": self.agent_steps,
            "best_score": self.best_score if np.isfinite(self.best_score) else None,
            "scored_types": self.scored_types,
            "baselines": self.baselines,
            "notes": self.notes,
        }

    @classmethod
    def load(cls, folder: Path, epochs: int | None = None) -> "Trainer":
        """Go on from ``models/last``, to ``epochs`` updates if given; raises ``CheckpointError``."""
        arrays, meta = load_checkpoint(folder)
        if "economies" not in meta:
            raise CheckpointError(f"{folder} holds policies but no training state")
        try:
            settings = dict(meta["training"]) | ({} if epochs is None else {"epochs": epochs})
            trainer = cls(
                meta["parameters"], training_config(settings), ppo_configs(meta["ppo"]), meta["seed"], meta["shocks"]
            )
            trainer._restore(arrays, meta)
        except (ConfigError, CheckpointError):
            raise
        except (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError) as error:
            raise CheckpointError(f"{folder} is incomplete or of another version: {error}") from None
        return trainer

    def _restore(self, arrays: dict[str, np.ndarray], meta: dict[str, Any]) -> None:
        for kind, learner in self.learners.items():
            learner.load_state(below(arrays, f"{kind}."), meta["learners"][kind])
        found = read_training_state(meta)
        self.update, self.episodes, self.agent_steps = found.update, found.episodes, found.agent_steps
        self.best_score = -np.inf if found.best_score is None else found.best_score
        self.scored_types, self.baselines = list(found.scored_types), found.model_dump()["baselines"]
        self.notes, self.horizons = found.notes, found.horizons
        models = [
            state.unpack(MacroModel, "random", described, below(arrays, f"economy.{number}."))
            for number, described in enumerate(meta["economies"])
        ]
        numbers = {self.config.economies_at(progress) for progress in (0.0, 1.0)}
        if len(models) not in numbers or len(self.horizons) != len(models):
            allowed = " or ".join(str(number) for number in sorted(numbers))
            raise CheckpointError(f"the checkpoint must have {allowed} economies, each with a horizon")
        if any(model.parameters != self.economy_parameters for model in models):
            raise CheckpointError("the checkpoint's economies have other parameters than its training")
        self.economies.models = models


class StopRequest:
    """Ctrl-C while training: the first lets the update finish and be saved, the second stops at once."""

    def __init__(self) -> None:
        self.made = False

    def __enter__(self) -> "StopRequest":
        self._previous = signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(self, *exception: object) -> None:
        signal.signal(signal.SIGINT, self._previous)

    def _note(self, number: int, frame: object) -> None:
        self.made = True
        signal.signal(signal.SIGINT, signal.default_int_handler)


def train(trainer: Trainer, models: Path, listeners: Sequence[Callable[[dict[str, Any]], None]]) -> None:
    """Run a trainer to its end with checkpoints in ``models``, telling ``listeners`` of every update.

    Ctrl-C saves, then raises ``KeyboardInterrupt``.
   """
    config = trainer.config
    with StopRequest() as stop:
        for statistics in trainer.run():
            last = trainer.update == config.epochs
            if trainer.update % config.validation_interval == 0 or last:
                _validate(trainer, models, statistics)
            for listener in listeners:  # before saving: what they add to the notes belongs to this update
                listener(statistics)
            if trainer.update % config.checkpoint_interval == 0 or last or stop.made:
                trainer.save_last(models / "last")
            if stop.made and not last:
                raise KeyboardInterrupt


def _validate(trainer: Trainer, models: Path, statistics: dict[str, Any]) -> None:
    """Score the policies on validation seeds and keep the best; a new learner at the table starts anew."""
    learning = list(trainer.config.learning_types((trainer.update - 1) / trainer.config.epochs))
    score, returns = trainer.validate()
    if learning != trainer.scored_types:
        trainer.scored_types, trainer.best_score = learning, -np.inf
    statistics["validation"] = {"score": score, "returns": returns}
    if score > trainer.best_score:
        trainer.best_score = score
        trainer.save_best(models / "best")
