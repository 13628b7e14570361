"""Learned policies as the economy uses them: a frozen network and its observation scale."""

import functools
import json
from pathlib import Path
from typing import Any

import numpy as np

from macro_mesa.config import ConfigError, Parameters
from macro_mesa.spaces import SPACES
from policies.checkpoint import CheckpointError, below, load_checkpoint
from policies.networks import NumpyActorCritic, chunks
from policies.normalization import RunningNormalizer

PRETRAINED = Path(__file__).parent / "pretrained"
GREEDY = "greedy"


class LearnedPolicy:
    """A trained policy of one agent type; keeps no state and learns nothing.

    ``greedy`` takes the most probable action instead of sampling.
    """

    def __init__(self, network: NumpyActorCritic, normalizer: RunningNormalizer, greedy: bool = False) -> None:
        self._network = network
        self._normalizer = normalizer
        self._greedy = greedy

    def act(self, observations: np.ndarray, draws: np.ndarray) -> np.ndarray:
        """Actions, int64 (n, heads)."""
        actions = np.empty(draws.shape, dtype=np.int64)
        for rows in chunks(len(observations)):  # normalised observations then never leave the cache
            normalized = self._normalizer.normalize(observations[rows])
            if self._greedy:
                actions[rows] = self._network.act_greedy(normalized)
            else:
                actions[rows] = self._network.choose(normalized, draws[rows])
        return actions

    def probabilities(self, observations: np.ndarray) -> list[np.ndarray]:
        """Chances of every choice, one (n, choices) array a head."""
        return self._network.probabilities(self._normalizer.normalize(observations))

    def __deepcopy__(self, memo: dict[int, Any]) -> "LearnedPolicy":
        return self  # nothing in it ever changes


def space_description(agent_type: str) -> dict[str, Any]:
    """What a checkpoint's networks were trained to see and choose; another description is another economy."""
    space = SPACES[agent_type]
    return {
        "observations": [entry.name for entry in space.observations],
        "heads": {head.name: len(head.values) for head in space.heads},
    }


def checkpoint_policy(agent_type: str, argument: str, parameters: Parameters) -> LearnedPolicy:
    """The policy of a type from a checkpoint folder; ``folder:greedy`` takes its most probable actions.

    Raises ``CheckpointError`` if the folder holds no checkpoint of this economy, or a damaged one.
    """
    path, _, mode = argument.rpartition(":")
    folder, greedy = (Path(path), True) if mode == GREEDY else (Path(argument), False)
    manifest = folder / "manifest.json"
    stamp = manifest.stat().st_mtime_ns if manifest.exists() else 0
    arrays, meta = _read(folder.resolve(), stamp)
    spaces = meta.get("spaces")
    described = spaces.get(agent_type) if isinstance(spaces, dict) else None
    if described is None:
        raise CheckpointError(f"{folder} holds no policy for {agent_type}")
    if described != space_description(agent_type):
        raise CheckpointError(f"{folder} was trained for other observations or actions of {agent_type} than today's")
    try:
        return _usable_policy(agent_type, below(arrays, f"{agent_type}."), greedy)
    except (KeyError, ValueError, TypeError, IndexError) as error:
        raise CheckpointError(f"{folder} holds no usable network of {agent_type}: {error}") from None


def _usable_policy(agent_type: str, arrays: dict[str, np.ndarray], greedy: bool) -> LearnedPolicy:
    """The policy of these arrays, tried on one observation; whatever does not fit raises."""
    network = NumpyActorCritic(below(arrays, "network."), SPACES[agent_type].head_sizes)
    normalizer = RunningNormalizer(SPACES[agent_type].size)
    normalizer.load_state(below(arrays, "normalizer."))
    normalizer.frozen = True
    if normalizer.variance.min() < 0.0 or not all(np.isfinite(array).all() for array in arrays.values()):
        raise ValueError("it holds NaN, infinity or a negative variance")
    policy = LearnedPolicy(network, normalizer, greedy)
    policy.probabilities(np.zeros((1, SPACES[agent_type].size), dtype=np.float32))
    return policy


@functools.lru_cache(maxsize=16)
def _read(folder: Path, stamp: int) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """A checkpoint, read once for its four types; ``stamp`` makes a rewritten one another."""
    return load_checkpoint(folder)


def pretrained_policy(agent_type: str, argument: str, parameters: Parameters) -> LearnedPolicy:
    """A policy shipped with the package: ``pretrained`` is the first, ``pretrained:3`` the third."""
    index = PRETRAINED / "index.json"
    shipped = json.loads(index.read_text()) if index.exists() else []
    if not shipped:
        raise ConfigError("no pretrained policies are shipped with this version; train some with `make run`")
    number = argument or "1"
    if number not in [str(k) for k in range(1, len(shipped) + 1)]:
        raise ConfigError(f"pretrained policies are numbered 1 to {len(shipped)}, got {number!r}")
    return checkpoint_policy(agent_type, str(PRETRAINED / shipped[int(number) - 1]), parameters)
