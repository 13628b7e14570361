"""Proximal policy optimisation for one agent type (Schulman et al. 2017).

Types are never pooled: each has its own learner, with its own networks, running scales, epochs and
schedules, so that a hundred households and one central bank learn at their own pace.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import nn
from torch.nn import functional

from policies.buffer import Batch, Rollout, less_peers
from policies.checkpoint import CheckpointError, below, require_arrays
from policies.networks import ActorCritic, NumpyActorCritic
from policies.normalization import ReturnScaler, RunningNormalizer

COLLAPSED_SHARE = 0.95  # a head that takes one action more often than this has stopped choosing
Units = Annotated[int, Field(ge=1, le=4096)]


class PPOConfig(BaseModel):
    """How one agent type learns. Schedules run linearly over training."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    learning_rate: float = Field(
        default=3e-4, gt=0, le=1, description="Adam's step size at the start"
    )
    final_learning_rate_fraction: float = Field(
        default=0.1,
        ge=0,
        le=1,
        description="learning rate at the end, as a share of that at the start",
    )
    gamma: float = Field(default=0.99, ge=0, lt=1, description="discount factor a month")
    gae_lambda: float = Field(
        default=0.95, ge=0, le=1, description="0: one-step, 1: Monte Carlo returns"
    )
    clip_range: float = Field(default=0.2, gt=0, lt=1, description="ratio may leave 1 by this much")
    epochs: int = Field(
        default=4, ge=1, le=1000, description="passes over a rollout, unless KL stops them"
    )
    minibatch_size: int = Field(default=4096, ge=1, description="samples a gradient step, at most")
    entropy_coefficient: float = Field(
        default=0.01, ge=0, le=10, description="entropy bonus at the start"
    )
    final_entropy_coefficient: float = Field(
        default=0.001, ge=0, le=10, description="entropy bonus at the end"
    )
    value_coefficient: float = Field(
        default=0.5, ge=0, le=100, description="weight of the value loss"
    )
    value_loss: Literal["huber", "clipped", "mse"] = Field(
        default="huber",
        description="half the squared error; linear beyond 1, clipped to the old, or plain",
    )
    max_gradient_norm: float = Field(
        default=0.5, gt=0, description="larger gradients are scaled down"
    )
    target_kl: float | None = Field(
        default=0.02,
        gt=0,
        description="epochs stop at 1.5 times this divergence from the acting policy",
    )
    hidden_sizes: Annotated[tuple[Units, ...], Field(min_length=1, max_length=8)] = Field(
        default=(64, 64), description="units of the hidden layers, the same for actor and critic"
    )
    sample_fraction: float = Field(
        default=1.0,
        gt=0,
        le=1,
        description="share of the agents, drawn anew each update, learned from",
    )
    peer_baseline: bool = Field(
        default=False,
        description="take the month's mean over the agents of the same economy off their rewards and advantages",
    )
    normalize_rewards: bool = Field(
        default=True,
        description="divide rewards by the running standard deviation of discounted returns",
    )


class Decision(NamedTuple):
    """What a type decides in one month, and what its learner must remember of it."""

    actions: np.ndarray  # (n, heads) int64
    log_probability: np.ndarray  # (n,) float32
    value: np.ndarray  # (n,) float32, in units of scaled rewards, over peers with a peer baseline


class PPOLearner:
    """Acts for all agents of one type and learns from their rollouts.

    Args:
        agent_type: name of the type, for messages and checkpoints.
        observation_size: columns d of an observation.
        head_names, head_sizes: name and number of actions of every head.
        config: how the type learns.
        seed: of the initial weights, the order of samples and the agents learned from; types with
            the same seed still draw different numbers.

    Raises:
        ValueError: head names and sizes do not match, or a size is too small.
    """

    def __init__(
        self,
        agent_type: str,
        observation_size: int,
        head_names: tuple[str, ...],
        head_sizes: tuple[int, ...],
        config: PPOConfig,
        seed: int,
    ) -> None:
        if len(head_names) != len(head_sizes) or len(set(head_names)) != len(head_names):
            raise ValueError(f"{agent_type}: {head_names} do not name {len(head_sizes)} heads")
        self.agent_type = agent_type
        self.observation_size = observation_size
        self.head_names = tuple(head_names)
        self.head_sizes = tuple(head_sizes)
        self.config = config
        self.updates = 0
        entropy = np.random.SeedSequence([seed, *agent_type.encode()])
        self.generator = np.random.default_rng(entropy)
        weights = torch.Generator().manual_seed(int(entropy.generate_state(1)[0]))
        self.network = ActorCritic(
            observation_size, self.head_sizes, config.hidden_sizes, generator=weights
        )
        # walking the modules anew at every step costs as much as the clipping itself
        self._parameters = dict(self.network.named_parameters())
        self.optimizer = torch.optim.Adam(
            self.network.parameters(), config.learning_rate, eps=1e-5, fused=True
        )
        for parameter in self.network.parameters():
            # What Adam would do at its first step, so that states of any age have the same arrays.
            self.optimizer.state[parameter] = {
                "step": torch.zeros(()),
                "exp_avg": torch.zeros_like(parameter),
                "exp_avg_sq": torch.zeros_like(parameter),
            }
        self.normalizer = RunningNormalizer(observation_size)
        self.scaler = ReturnScaler(config.gamma)
        self.twin = NumpyActorCritic.from_torch(self.network)

    def act(self, observations: np.ndarray, draws: np.ndarray) -> Decision:
        """Samples the actions of n agents.

        Args:
            observations: (n, d) float32, not normalised.
            draws: (n, heads) float32, uniform in [0, 1); the same draws give the same actions.

        Raises:
            FloatingPointError: an observation is NaN or infinite.
        """
        normalized = self._normalized(observations)
        return Decision(*self.twin.act(normalized, draws), self.twin.value(normalized))

    def choose(self, observations: np.ndarray, draws: np.ndarray) -> np.ndarray:
        """The actions of `act` alone, (n, heads) int64; raises as `act`."""
        return self.twin.choose(self._normalized(observations), draws)

    def act_greedy(self, observations: np.ndarray) -> np.ndarray:
        """The most probable actions, (n, heads) int64, of observations (n, d); raises as `act`."""
        return self.twin.act_greedy(self._normalized(observations))

    def value(self, observations: np.ndarray) -> np.ndarray:
        """Expected discounted scaled rewards (n,) of observations (n, d); raises as `act`."""
        return self.twin.value(self._normalized(observations))

    def warm_up(self, observations: np.ndarray) -> None:
        """Gives the normaliser its first moments, from observations (..., d); raises as `act`."""
        self._require_finite("observation", observations)
        self.normalizer.update(observations)

    def update(
        self, rollout: Rollout, progress: float, crowd: float = 1.0, economies: int | None = None
    ) -> dict[str, Any]:
        """Learns from one rollout.

        With a peer baseline rewards, and so returns and values, are those over the peers' mean of the month: a critic
        that sees firms with much capital in slumps takes it for their cause.

        Args:
            rollout: (T, n) months and agents, acted by this learner since its last update.
            progress: share of training behind us, 0 to 1, which moves the schedules.
            crowd: factor on the share of agents learned from, for rollouts of more agents than usual.
            economies: in which as many agents each stand side by side; None: not known, nobody has peers.

        Returns:
            Diagnostics that JSON can hold. Losses, `entropy` (all heads' sum), `entropy_fraction`
            (by head, of log n), `clip_fraction` and `gradient_norm` (before clipping) are means
            over minibatches, `approx_kl` over those of the last epoch begun. `explained_variance`
            is of the values the agents acted on. `action_histogram` lists shares by head,
            `collapsed_heads` names those where one action takes over 95 %. `alive_fraction` is the
            share of agent-months without a termination, `mean_reward` as paid. `epochs_done` counts complete epochs.

        Raises:
            ValueError: the rollout's shapes or the progress do not fit this learner.
            FloatingPointError: NaN or infinity, named by agent type and tensor, before any
                reaches the weights.
        """
        if not 0 <= progress <= 1:
            raise ValueError(f"{self.agent_type}: progress must lie in [0, 1], got {progress}")
        rollout.require_shapes(self.observation_size, len(self.head_sizes))
        for name in ("observation", "log_probability", "value", "reward"):
            self._require_finite(name, getattr(rollout, name))
        config = self.config
        rate = config.learning_rate * _linear(1.0, config.final_learning_rate_fraction, progress)
        bonus = _linear(config.entropy_coefficient, config.final_entropy_coefficient, progress)

        peers = rollout.agents // economies if config.peer_baseline and economies else 1
        relative = replace(rollout, reward=less_peers(rollout.reward, peers)) if peers > 1 else rollout
        if config.normalize_rewards:
            self.scaler.update(relative.reward, relative.terminated)
        scale = self.scaler.scale if config.normalize_rewards else 1.0
        agents = None
        fraction = config.sample_fraction * crowd
        if fraction < 1:
            count = max(1, round(rollout.agents * fraction))
            agents = self.generator.choice(rollout.agents, count, replace=False)
        batch = Batch.of(
            relative, self.normalizer, scale, config.gamma, config.gae_lambda, peers=peers, agents=agents
        )
        self._require_finite("final_value", batch.returns.numpy())
        diagnostics = self._descend(batch, rate, bonus)
        # Only now: the rollout's log-probabilities belong to the scales its agents acted on.
        self.normalizer.update(rollout.observation)
        self.twin = NumpyActorCritic.from_torch(self.network)
        self.updates += 1

        shares = dict(zip(self.head_names, rollout.action_shares(self.head_sizes), strict=True))
        return diagnostics | {
            "explained_variance": batch.explained_variance(),
            "action_histogram": shares,
            "collapsed_heads": [name for name, x in shares.items() if max(x) > COLLAPSED_SHARE],
            "return_scale": scale,
            "mean_reward": float(rollout.reward.mean(dtype=np.float64)),
            "alive_fraction": 1.0 - float(rollout.terminated.mean()),
            "terminated": int(rollout.terminated.sum()),
            "truncated": int(rollout.truncated.sum()),
            "samples": len(batch.returns),
            "learning_rate": rate,
            "entropy_coefficient": bonus,
        }

    def state(self) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
        """Everything that shapes the next update: arrays by name, and a dict that JSON can hold."""
        arrays = {}
        for name, parameter in self.network.named_parameters():
            arrays[f"network.{name}"] = parameter.detach().numpy().copy()
            for key, moment in self.optimizer.state.get(parameter, {}).items():
                arrays[f"adam.{name}.{key}"] = moment.numpy().copy()
        arrays |= {f"normalizer.{name}": array for name, array in self.normalizer.state().items()}
        arrays |= {f"scaler.{name}": array for name, array in self.scaler.state().items()}
        return arrays, {
            **self._identity(),
            "config": self.config.model_dump(mode="json"),
            "updates": self.updates,
            "generator": self.generator.bit_generator.state,
        }

    def load_state(self, arrays: Mapping[str, np.ndarray], meta: Mapping[str, Any]) -> None:
        """Goes on from what `state` returned, with the settings of this learner's own config.

        Raises:
            CheckpointError: the state is of another type or shape, incomplete or not finite; the
                learner then stays as it was.
        """
        for key, own in self._identity().items():
            if meta.get(key) != own:
                raise CheckpointError(
                    f"{self.agent_type}: {key} of the checkpoint is {meta.get(key)}, must be {own}"
                )
        shapes = {name: array.shape for name, array in self.state()[0].items()}
        require_arrays(arrays, shapes | {"scaler.running": (-1,)})
        generator = np.random.default_rng()
        try:
            generator.bit_generator.state = meta["generator"]
            self.updates = int(meta["updates"])
        except (KeyError, TypeError, ValueError) as error:
            raise CheckpointError(
                f"{self.agent_type}: the checkpoint's generator or update counter is unreadable"
            ) from error
        self.generator = generator
        for name, parameter in self.network.named_parameters():
            parameter.data.copy_(torch.from_numpy(arrays[f"network.{name}"]))
            for key, moment in self.optimizer.state[parameter].items():
                moment.copy_(torch.from_numpy(arrays[f"adam.{name}.{key}"]))
        self.normalizer.load_state(below(arrays, "normalizer."))
        self.scaler.load_state(below(arrays, "scaler."))
        self.twin = NumpyActorCritic.from_torch(self.network)

    def start_from(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Takes over another learner's networks and observation scales, and nothing else of it.

        Raises:
            CheckpointError: they are of other shapes, incomplete or not finite; the learner then
                stays as it was.
        """
        kept = ("network.", "normalizer.")
        shapes = {name: array.shape for name, array in self.state()[0].items() if name.startswith(kept)}
        shapes.pop("normalizer.blind", None)  # what it is blind to need not be what the other was
        require_arrays(arrays, shapes)
        for name, parameter in self.network.named_parameters():
            parameter.data.copy_(torch.from_numpy(arrays[f"network.{name}"]))
        self.normalizer.load_state(below(arrays, "normalizer."))
        self.twin = NumpyActorCritic.from_torch(self.network)

    def _descend(self, batch: Batch, rate: float, bonus: float) -> dict[str, Any]:
        """The gradient steps of an update, with the losses and divergences they met."""
        config, samples = self.config, len(batch.returns)
        self.optimizer.param_groups[0]["lr"] = rate
        per_epoch = -(-samples // config.minibatch_size)
        permutations = (self.generator.permutation(samples) for _ in range(config.epochs))
        minibatches = (rows for order in permutations for rows in np.array_split(order, per_epoch))
        met, norms = [], []
        for rows in minibatches:
            loss, losses = self._loss(batch.rows(torch.from_numpy(rows)), bonus)
            met.append(losses)
            if config.target_kl is not None and losses["approx_kl"] > 1.5 * config.target_kl:
                break
            self.optimizer.zero_grad()
            loss.backward()
            norms.append(self._clip_gradients())
            self.optimizer.step()

        last_epoch = (len(met) - 1) // per_epoch * per_epoch
        mean = {key: np.mean([losses[key] for losses in met], axis=0) for key in met[0]}
        fractions = mean["entropies"] / np.log(self.head_sizes)
        return {
            "policy_loss": float(mean["policy_loss"]),
            "value_loss": float(mean["value_loss"]),
            "approx_kl": float(np.mean([losses["approx_kl"] for losses in met[last_epoch:]])),
            "clip_fraction": float(mean["clip_fraction"]),
            "entropy": float(mean["entropies"].sum()),
            "entropy_fraction": dict(zip(self.head_names, fractions.tolist(), strict=True)),
            "gradient_norm": float(np.mean(norms)) if norms else 0.0,
            "epochs_done": len(norms) // per_epoch,
            "minibatches_done": len(norms),
        }

    def _loss(self, sample: Batch, bonus: float) -> tuple[torch.Tensor, dict[str, Any]]:
        """The clipped surrogate (Schulman et al. 2017, eq. 7 and 9) and its parts as numbers."""
        config = self.config
        logits, value = self.network(sample.observation)
        log_probability, entropy = self.network.log_probability_and_entropy(
            logits, sample.action
        )
        log_ratio = log_probability - sample.log_probability
        ratio = log_ratio.exp()
        clipped = ratio.clamp(1 - config.clip_range, 1 + config.clip_range)
        policy_loss = -(sample.advantage * ratio).minimum(sample.advantage * clipped).mean()
        value_loss = _value_loss(config, value, sample)
        entropies = entropy.mean(0)
        loss = policy_loss + config.value_coefficient * value_loss - bonus * entropies.sum()
        self._require_finite("loss", loss.detach().numpy())
        with torch.no_grad():
            # Schulman (2020), "Approximating KL divergence": never negative and of low variance.
            divergence = (ratio - 1 - log_ratio).mean()
            clip_fraction = ((ratio - 1).abs() > config.clip_range).float().mean()
        return loss, {
            "policy_loss": policy_loss.item(),
            "value_loss": value_loss.item(),
            "approx_kl": divergence.item(),
            "clip_fraction": clip_fraction.item(),
            "entropies": entropies.detach().numpy(),
        }

    def _clip_gradients(self) -> float:
        """Scales the gradients down to the largest norm allowed; returns the norm before."""
        gradients = {name: x.grad for name, x in self._parameters.items() if x.grad is not None}
        norm = nn.utils.get_total_norm(gradients.values())
        if not norm.isfinite():
            for name, gradient in gradients.items():
                self._require_finite(f"gradient of {name}", gradient.numpy())
        nn.utils.clip_grads_with_norm_(
            self._parameters.values(), self.config.max_gradient_norm, norm
        )
        return norm.item()

    def _identity(self) -> dict[str, Any]:
        """What a checkpoint must agree on with this learner."""
        return {
            "agent_type": self.agent_type,
            "observation_size": self.observation_size,
            "head_names": list(self.head_names),
            "head_sizes": list(self.head_sizes),
        }

    def _normalized(self, observations: np.ndarray) -> np.ndarray:
        self._require_finite("observation", observations)
        return self.normalizer.normalize(observations)

    def _require_finite(self, name: str, array: np.ndarray) -> None:
        if not np.isfinite(array).all():
            raise FloatingPointError(f"{self.agent_type}: {name} holds NaN or infinity")


def _value_loss(config: PPOConfig, value: torch.Tensor, sample: Batch) -> torch.Tensor:
    if config.value_loss == "huber":
        return functional.huber_loss(value, sample.returns)
    squares = (value - sample.returns).square()
    if config.value_loss == "clipped":
        step = (value - sample.value).clamp(-config.clip_range, config.clip_range)
        squares = squares.maximum((sample.value + step - sample.returns).square())
    return 0.5 * squares.mean()


def _linear(start: float, end: float, progress: float) -> float:
    return start + (end - start) * progress
