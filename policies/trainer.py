"""Training of all agent types together: independent PPO on economies in lockstep."""

import gc
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from macro_mesa.config import ConfigError
from macro_mesa.experiments.evaluation import evaluate
from macro_mesa.model import MacroModel
from macro_mesa.spaces import AGENT_TYPES, CENTRAL_BANK
from policies.buffer import Rollout
from policies.checkpoint import CheckpointError, below, load_checkpoint, save_checkpoint
from policies.config import TrainingConfig, ppo_configs, training_config
from policies.episodes import TRAINING_SEEDS, Calendar, TrainingPlan
from policies.learned import LearnedPolicy, checkpoint_policy, space_description
from policies.ppo import PPOConfig
from policies.residents import Elsewhere, Here, together
from policies.share import RolledOut, Share, blind, joined, new_learners, remote_share
from policies.training_state import read_training_state

STEP_SAMPLES = 1_800  # a gradient step takes as long as so many samples do, besides its own


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
        workers: int = 1,
    ) -> None:
        self.plan = TrainingPlan(parameters, config, seed, shocks)
        self.config = config
        self.ppo = dict(ppo or ppo_configs({}, parameters))
        self.learners = new_learners(config, self.ppo, seed)
        self.update = 0
        self.agent_steps = 0
        self.best_score = -np.inf
        self.scored_types: list[str] = []
        self.baselines: dict[str, dict[str, float]] = {}
        self.notes: dict[str, Any] = {}  # what else a checkpoint should tell, as JSON can hold it
        self.seconds = {"simulation": 0.0, "inference": 0.0, "learning": 0.0}
        self.calendar = Calendar(config.sim_length)
        self.crew = self._hire(workers)
        self._open_economies(0.0)

    def _hire(self, workers: int) -> list[Here | Elsewhere]:
        """This process and further ones, the groups of economies dealt out among them."""
        groups = range(self.config.rollout_groups)
        workers = min(workers, max(len(groups), len(AGENT_TYPES)))  # more would have nothing to do
        self.share = Share(
            self.plan, self.learners, groups[::workers], threads=self.config.threads if workers == 1 else 1
        )
        plan = self.plan
        shared = (plan.parameters, self.config, self.ppo, plan.seed, plan.shocks)
        others = [Elsewhere(remote_share, *shared, groups[number::workers]) for number in range(1, workers)]
        return [Here(self.share), *others]

    def close(self) -> None:
        """End the worker processes; what they hold and was not saved is lost."""
        for member in self.crew:
            member.close()

    def _everywhere(self, method: str, *arguments: Any) -> list[Any]:
        """Call a method of every process's share side by side; results in the processes' order."""
        return together(self.crew, method, [arguments] * len(self.crew))

    def _start(self) -> None:
        """First networks and scales: those of another checkpoint, or scales of random play and networks as drawn."""
        self._warm_up()
        if self.config.start_from is None:
            return
        arrays, _ = load_checkpoint(Path(self.config.start_from))
        for kind in self.config.acting_types(1.0):
            checkpoint_policy(kind, self.config.start_from, self.plan.economy_parameters)  # refuses what does not fit
            self.learners[kind].start_from(below(arrays, f"{kind}."))
        blind(self.learners, self.config)

    def _open_economies(self, progress: float) -> None:
        """Bring the number of economies and their seats to what a share of training asks for."""
        self._everywhere("open", progress, self.calendar.open(self.config.economies_at(progress)))

    def _warm_up(self) -> None:
        """Scale the observations by two years of random play before the first rollout."""
        seen: dict[str, list[np.ndarray]] = {kind: [] for kind in AGENT_TYPES}
        for number in range(4):
            model = MacroModel(**self.plan.parameters, policy="random", rng=TRAINING_SEEDS + 500 + number)
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
        months, kinds = self.config.rollout_months, self.config.learning_types(progress)
        start = time.perf_counter()
        self._open_economies(progress)
        groups = self._roll_out(kinds)
        learning = time.perf_counter()
        statistics = self._learn(joined([group.rollouts for group in groups]), progress)
        at_once = min(len(self.crew), len(groups))
        seconds = {part: sum(group.seconds[part] for group in groups) / at_once for part in groups[0].seconds}
        seconds["learning"] = time.perf_counter() - learning
        for part, spent in seconds.items():
            self.seconds[part] += spent
        economies = self.config.economies_at(progress)
        agent_months = self.plan.agents * months * economies
        self.agent_steps += agent_months
        elapsed = time.perf_counter() - start
        for kind in statistics:
            if terms := [term for group in groups for term in group.reward_terms[kind]]:
                names = MacroModel.agent_classes[kind].reward_names
                statistics[kind]["reward_components"] = dict(zip(names, np.mean(terms, axis=0).tolist(), strict=True))
        return {
            "update": self.update + 1,
            "stage": "+".join(kinds),
            "agent_steps": self.agent_steps,
            "months_per_second": months * economies / elapsed,
            "agent_steps_per_second": agent_months / elapsed,
            "seconds": seconds,
            "macro": _mean([macro for group in groups for macro in group.macro]),
            **statistics,
        }

    def _roll_out(self, kinds: Sequence[str]) -> list[RolledOut]:
        """What all groups of economies went through in a rollout, in the groups' order."""
        others = self.crew[1:]
        together(others, "adopt", [(self.share.states(AGENT_TYPES),)] * len(others))
        found: dict[int, RolledOut] = {}
        for groups in self._everywhere("roll_out", kinds, self.calendar.advance(self.config.rollout_months)):
            found |= groups
        return [found[group] for group in sorted(found)]

    def _learn(self, rollouts: Mapping[str, Rollout], progress: float) -> dict[str, dict[str, Any]]:
        """Update every type's learner, the types dealt out among the processes."""
        # with more economies, private agents learn from as many samples as with few
        crowd = min(1.0, self.config.economies / self.config.economies_at(progress))
        economies = self.config.economies_at(progress)
        lessons = {
            kind: (rollout, self.config.own_progress(kind, progress), 1.0 if kind == CENTRAL_BANK else crowd, economies)
            for kind, rollout in rollouts.items()
        }
        shares: list[list[str]] = [[] for _ in self.crew]
        load = [0.0] * len(self.crew)
        # the largest first, each to whoever has least to do
        for kind in sorted(rollouts, key=lambda kind: -self._effort(kind, rollouts[kind])):
            least = load.index(min(load))
            shares[least].append(kind)
            load[least] += self._effort(kind, rollouts[kind])
        found = together(self.crew, "learn", [({kind: lessons[kind] for kind in kinds},) for kinds in shares])
        for states in together(self.crew[1:], "states", [(kinds,) for kinds in shares[1:]]):
            self.share.adopt(states)
        diagnostics = {kind: own for answer in found for kind, own in answer.items()}
        return {kind: diagnostics[kind] for kind in rollouts}

    def _effort(self, kind: str, rollout: Rollout) -> float:
        """About what a type's update takes, in samples that go through the network."""
        ppo = self.ppo[kind]
        samples = rollout.months * rollout.agents * ppo.sample_fraction
        return ppo.epochs * (samples + STEP_SAMPLES * np.ceil(samples / ppo.minibatch_size))

    # --- validation
    def policies(self) -> dict[str, LearnedPolicy]:
        """The policies as they are now."""
        return {kind: LearnedPolicy(learner.twin, learner.normalizer) for kind, learner in self.learners.items()}

    def _returns(self, policy: Any) -> dict[str, float]:
        """Mean monthly reward of each type on the validation seeds."""
        seeds = [TRAINING_SEEDS + k for k in range(self.config.validation_economies)]
        months = self.config.sim_length
        summary, _ = evaluate({"policy": policy}, seeds, months, self.plan.parameters, shocks=self.plan.shocks)
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
        progress = (self.update - 1) / self.config.epochs
        learning, acting = self.config.learning_types(progress), self.config.acting_types(progress)
        learned = {kind: policy for kind, policy in self.policies().items() if kind in acting}
        policies: dict[str, Any] = {**self.plan.fixed, **learned}
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
        packed = {economy: own for member in self._everywhere("pack") for economy, own in member.items()}
        economies = [packed[number] for number in sorted(packed)]
        for number, (_, own) in enumerate(economies):
            arrays |= {f"economy.{number}.{name}": array for name, array in own.items()}
        meta["economies"] = [described for described, _ in economies]
        meta["horizons"] = self.calendar.horizons
        save_checkpoint(folder, arrays, meta)

    def save_best(self, folder: Path) -> None:
        """Write the policies alone."""
        save_checkpoint(folder, *self.learned())

    def learned(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Arrays and meta of the policies alone: networks and observation scales of all types that are not fixed."""
        arrays, meta = self._description()
        kinds = self.config.acting_types(1.0)
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
            "parameters": self.plan.parameters,
            "shocks": self.plan.shocks,
            "training": self.config.model_dump(mode="json"),
            "ppo": {kind: config.model_dump(mode="json") for kind, config in self.ppo.items()},
            "seed": self.plan.seed,
            "update": self.update,
            "episodes": self.calendar.episodes,
            "agent_steps": self.agent_steps,
            "best_score": self.best_score if np.isfinite(self.best_score) else None,
            "scored_types": self.scored_types,
            "baselines": self.baselines,
            "notes": self.notes,
        }

    @classmethod
    def load(cls, folder: Path, epochs: int | None = None, workers: int = 1) -> "Trainer":
        """Go on from ``models/last``, to ``epochs`` updates if given; raises ``CheckpointError``."""
        arrays, meta = load_checkpoint(folder)
        if "economies" not in meta:
            raise CheckpointError(f"{folder} holds policies but no training state")
        try:
            config = training_config(dict(meta["training"]) | ({} if epochs is None else {"epochs": epochs}))
            trainer = cls(
                meta["parameters"], config, ppo_configs(meta["ppo"]), meta["seed"], meta["shocks"], workers
            )
            try:
                trainer._restore(arrays, meta)
            except BaseException:
                trainer.close()
                raise
        except (ConfigError, CheckpointError):
            raise
        except (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError) as error:
            raise CheckpointError(f"{folder} is incomplete or of another version: {error}") from None
        return trainer

    def _restore(self, arrays: dict[str, np.ndarray], meta: dict[str, Any]) -> None:
        for kind, learner in self.learners.items():
            learner.load_state(below(arrays, f"{kind}."), meta["learners"][kind])
        found = read_training_state(meta)
        self.update, self.agent_steps = found.update, found.agent_steps
        self.best_score = -np.inf if found.best_score is None else found.best_score
        self.scored_types, self.baselines = list(found.scored_types), found.model_dump()["baselines"]
        self.notes = found.notes
        economies = [
            (described, below(arrays, f"economy.{number}.")) for number, described in enumerate(meta["economies"])
        ]
        numbers = {self.config.economies_at(progress) for progress in (0.0, 1.0)}
        if len(economies) not in numbers or len(found.horizons) != len(economies):
            allowed = " or ".join(str(number) for number in sorted(numbers))
            raise CheckpointError(f"the checkpoint must have {allowed} economies, each with a horizon")
        self._everywhere("unpack", economies)
        self.calendar.episodes, self.calendar.horizons = found.episodes, found.horizons
        self.calendar.ages = [described["month"] for described, _ in economies]


def _mean(found: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Means of mappings with the same keys, by key."""
    return {name: float(np.mean([one[name] for one in found])) for name in found[0]}


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
