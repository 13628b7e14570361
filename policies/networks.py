"""The actor and the critic of one agent type: in torch to learn, in numpy to act.

Actions are factored: a month's decision is one choice per head, the heads are independent given
the observation, so log-probabilities and entropies add up over heads.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import nn

# Rows that go through the numpy networks at once: one layer's activations then fit a core's cache.
CHUNK_ROWS = 2048

Layers = list[tuple[np.ndarray, np.ndarray]]


class _Tanh(torch.autograd.Function):
    """tanh in place by numpy: eight times faster than torch on a CPU, and equal in both routes."""

    @staticmethod
    def forward(ctx: Any, inputs: torch.Tensor) -> torch.Tensor:
        array = inputs.detach().numpy()
        np.tanh(array, out=array)
        ctx.mark_dirty(inputs)
        ctx.save_for_backward(inputs)
        return inputs

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> torch.Tensor:
        (outputs,) = ctx.saved_tensors
        return torch.ops.aten.tanh_backward(gradients[0], outputs)


class Tanh(nn.Module):
    """tanh activation that overwrites its input; CPU only."""

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """tanh of the inputs, in their own memory."""
        return _Tanh.apply(inputs)


def _linear(inputs: int, outputs: int, gain: float, generator: torch.Generator) -> nn.Linear:
    # skip_init: nn.Linear would otherwise draw its weights from torch's global generator.
    layer = nn.utils.skip_init(nn.Linear, inputs, outputs)
    nn.init.orthogonal_(layer.weight, gain, generator=generator)
    nn.init.zeros_(layer.bias)
    return layer


def _trunk(sizes: Sequence[int], last_gain: float, generator: torch.Generator) -> nn.Sequential:
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(sizes[:-1]):
        layers += [_linear(inputs, outputs, 2**0.5, generator), Tanh()]
    return nn.Sequential(*layers, _linear(sizes[-2], sizes[-1], last_gain, generator))


class ActorCritic(nn.Module):
    """Separate tanh networks for policy and value, orthogonally initialised.

    Gains are sqrt 2 for hidden layers, .01 for the policy's last (an almost uniform start) and 1
    for the value's (Engstrom et al. 2020, "Implementation matters in deep policy gradients").

    Args:
        observation_size: columns d of an observation.
        head_sizes: the number of actions of every head, each at least 2.
        hidden_sizes: units of the hidden layers, the same for actor and critic.
        generator: the torch generator that draws the weights.

    Raises:
        ValueError: a size is too small.
    """

    def __init__(
        self,
        observation_size: int,
        head_sizes: tuple[int, ...],
        hidden_sizes: tuple[int, ...] = (64, 64),
        *,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        if not head_sizes or min(head_sizes) < 2:
            raise ValueError(f"every head needs at least 2 actions, got head sizes {head_sizes}")
        if min((observation_size, *hidden_sizes)) < 1:
            raise ValueError(f"sizes must be positive, got {observation_size} and {hidden_sizes}")
        self.head_sizes = tuple(head_sizes)
        sizes = (observation_size, *hidden_sizes)
        self.actor = _trunk((*sizes, sum(head_sizes)), 0.01, generator)
        self.critic = _trunk((*sizes, 1), 1.0, generator)

    def forward(self, observations: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits of all heads side by side, (n, sum of head sizes), and values, (n,), of (n, d)."""
        return self.actor(observations), self.critic(observations).squeeze(1)

    def log_probability_and_entropy(
        self, logits: torch.Tensor, actions: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Log-probability (n,) of int64 actions (n, heads), and each head's entropy (n, heads)."""
        log_probability = torch.zeros(len(logits))
        entropies = []
        # Heads as rows: a softmax over few actions and many agents is fast along the first axis.
        for head, head_logits in enumerate(logits.T.contiguous().split(self.head_sizes)):
            log_p = head_logits.log_softmax(0)
            chosen = actions[:, head].unsqueeze(0)
            log_probability = log_probability + log_p.gather(0, chosen).squeeze(0)
            entropies.append(-(log_p.exp() * log_p).sum(0))
        return log_probability, torch.stack(entropies, dim=1)


class NumpyActorCritic:
    """The networks of an ActorCritic in numpy float32: inference without torch's overhead.

    Activations are kept as (units, rows), so that BLAS reads the observations untransposed and the
    softmax of a head runs along the first axis.

    Args:
        arrays: weights by their names in ActorCritic's state_dict, `actor.0.weight` and so on.
        head_sizes: the number of actions of every head.

    Raises:
        KeyError: a weight is missing.
        ValueError: the policy's last layer has not one row per action.
    """

    def __init__(self, arrays: Mapping[str, np.ndarray], head_sizes: tuple[int, ...]) -> None:
        self.head_sizes = tuple(head_sizes)
        self.actor = _layers(arrays, "actor")
        self.critic = _layers(arrays, "critic")
        self.observation_size = self.actor[0][0].shape[1]
        outputs = len(self.actor[-1][0])
        if outputs != sum(head_sizes):
            raise ValueError(f"policy of {outputs} outputs for {sum(head_sizes)} actions")

    @classmethod
    def from_torch(cls, network: ActorCritic) -> NumpyActorCritic:
        """A copy of the network's present weights."""
        arrays = {name: tensor.numpy() for name, tensor in network.state_dict().items()}
        return cls(arrays, network.head_sizes)

    def act(self, observations: np.ndarray, draws: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Samples one action per head by the inverse CDF of the given draws.

        Args:
            observations: (n, d) float32, normalised.
            draws: (n, heads) float32, uniform in [0, 1).

        Returns:
            Actions (n, heads) int64 and their joint log-probability (n,) float32.
        """
        actions = np.empty((len(observations), len(self.head_sizes)), dtype=np.int64)
        log_probability = np.zeros(len(observations), dtype=np.float32)
        for rows in chunks(len(observations)):
            columns = np.arange(rows.stop - rows.start)
            for head, logits in enumerate(self._head_logits(observations[rows])):
                chosen, total = _sample(logits, draws[rows, head])
                actions[rows, head] = chosen
                log_probability[rows] += logits[chosen, columns] - np.log(total)
        return actions, log_probability

    def choose(self, observations: np.ndarray, draws: np.ndarray) -> np.ndarray:
        """The actions of `act` alone."""
        actions = np.empty((len(observations), len(self.head_sizes)), dtype=np.int64)
        for rows in chunks(len(observations)):
            for head, logits in enumerate(self._head_logits(observations[rows])):
                actions[rows, head], _ = _sample(logits, draws[rows, head])
        return actions

    def act_greedy(self, observations: np.ndarray) -> np.ndarray:
        """The most probable action of every head, (n, heads) int64; the first among equals."""
        actions = np.empty((len(observations), len(self.head_sizes)), dtype=np.int64)
        for rows in chunks(len(observations)):
            for head, logits in enumerate(self._head_logits(observations[rows])):
                actions[rows, head] = logits.argmax(axis=0)
        return actions

    def value(self, observations: np.ndarray) -> np.ndarray:
        """The critic's value of normalised observations (n, d): (n,) float32."""
        values = np.empty(len(observations), dtype=np.float32)
        for rows in chunks(len(observations)):
            values[rows] = _forward(self.critic, observations[rows])[0]
        return values

    def probabilities(self, observations: np.ndarray) -> list[np.ndarray]:
        """The distribution of every head over its actions: a list of (n, actions) float32."""
        result = [np.empty((len(observations), size), np.float32) for size in self.head_sizes]
        for rows in chunks(len(observations)):
            for head, logits in enumerate(self._head_logits(observations[rows])):
                weights = np.exp(logits)
                result[head][rows] = (weights / weights.sum(axis=0)).T
        return result

    def _head_logits(self, observations: np.ndarray) -> Iterator[np.ndarray]:
        """Each head's logits (actions, rows), less their maximum so that exp cannot overflow."""
        logits = _forward(self.actor, observations)
        start = 0
        for size in self.head_sizes:
            head = logits[start : start + size]
            yield head - head.max(axis=0)
            start += size


def _layers(arrays: Mapping[str, np.ndarray], name: str) -> Layers:
    # Every second module of the torch Sequential is an activation and has no weights.
    count = sum(key.startswith(f"{name}.") and key.endswith(".weight") for key in arrays)
    indices = range(0, 2 * max(count, 1), 2)
    return [
        (
            np.array(arrays[f"{name}.{index}.weight"], dtype=np.float32),
            np.array(arrays[f"{name}.{index}.bias"], dtype=np.float32)[:, None],
        )
        for index in indices
    ]


def _forward(layers: Layers, observations: np.ndarray) -> np.ndarray:
    """Outputs (units, rows) of observations (rows, d)."""
    activations = observations.T
    for weight, bias in layers[:-1]:
        activations = weight @ activations
        activations += bias
        np.tanh(activations, out=activations)
    weight, bias = layers[-1]
    outputs: np.ndarray = weight @ activations + bias
    return outputs


def _sample(logits: np.ndarray, draws: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """One head's actions (rows,) by the inverse CDF of draws (rows,), and the sum of its weights (rows,)."""
    cumulative = np.exp(logits)
    for action in range(1, len(cumulative)):  # ten times faster than np.cumsum
        cumulative[action] += cumulative[action - 1]
    threshold = draws * cumulative[-1]
    # The last action is never compared, so rounding cannot carry a draw past it.
    return (cumulative[:-1] <= threshold).sum(axis=0, dtype=np.int16), cumulative[-1]


def chunks(rows: int) -> Iterator[slice]:
    """So many rows, a cacheful at a time."""
    for start in range(0, rows, CHUNK_ROWS):
        yield slice(start, min(start + CHUNK_ROWS, rows))
