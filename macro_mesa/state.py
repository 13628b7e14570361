"""A model's complete state on disk: arrays as safetensors, the rest as JSON; data, never code."""

import hashlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as load_bytes
from safetensors.numpy import save as save_bytes

from macro_mesa.aggregates import ECONOMY_COLUMNS
from macro_mesa.config import ConfigError
from macro_mesa.population import MacroAgent, Population
from macro_mesa.shocks import read_shocks

if TYPE_CHECKING:
    from macro_mesa.model import MacroModel

ECONOMY_NAMES = [column.name for column in ECONOMY_COLUMNS]
FORMAT = "macro-mesa model"
VERSION = 1
ARRAYS = "state.safetensors"
DESCRIPTION = "model.json"


def pack(model: "MacroModel") -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Everything that shapes the next months: a description that JSON can hold, and arrays by name."""
    description = {
        "parameters": model.parameters.model_dump(),
        "shocks": [shock.as_dict() for shock in model.shocks],
        "month": model.month,
        "time": model.time,
        "steps": model.steps,
        "key": int(model.key),
        "agent_id_counter": model.agent_id_counter,
        "rng": model.rng.bit_generator.state,
        "random": _json_random(model.random.getstate()),
        "populations": {kind: _describe(population) for kind, population in model.populations.items()},
    }
    return description, _arrays(model)


def unpack(
    model_class: type["MacroModel"], policy: Any, description: dict[str, Any], arrays: dict[str, np.ndarray]
) -> "MacroModel":
    """The model that ``pack`` described, under ``policy``; raises ``ConfigError`` if something is missing."""
    try:
        model = model_class(**description["parameters"], policy=policy, shocks=description["shocks"], rng=0)
        _restore(model, description, arrays)
    except ConfigError:
        raise
    except (KeyError, TypeError, IndexError, ValueError) as error:
        raise ConfigError(f"the saved model is incomplete or of other sizes: {error}") from None
    return model


def save(model: "MacroModel", folder: Path) -> None:
    """Write ``model`` to ``folder``; raises ``ConfigError`` if it cannot be written or a policy has no name."""
    description, arrays = pack(model)
    description |= {"format": FORMAT, "version": VERSION, "policy": _named_policy(model.policy)}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        content = save_bytes(arrays)
        description["sha256"] = hashlib.sha256(content).hexdigest()
        # each file is moved into place whole; the sum ties the two together
        _replace(folder / ARRAYS, content)
        _replace(folder / DESCRIPTION, json.dumps(description, indent=1, allow_nan=False).encode())
    except OSError as error:
        raise ConfigError(f"cannot save the model to {folder}: {error.strerror}") from None


def load(model_class: type["MacroModel"], folder: Path, policy: Any) -> "MacroModel":
    """The model saved in ``folder``, under its own policies unless ``policy`` is given."""
    description, arrays = _read(folder)
    return unpack(model_class, description.get("policy") if policy is None else policy, description, arrays)


def _read(folder: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    try:
        description = json.loads((folder / DESCRIPTION).read_text())
        content = (folder / ARRAYS).read_bytes()
        arrays = load_bytes(content)
    except FileNotFoundError as error:
        raise ConfigError(f"no saved model in {folder}: {error.filename} is missing") from None
    except (OSError, ValueError, SafetensorError) as error:
        raise ConfigError(f"the model saved in {folder} cannot be read: {error}") from None
    if not isinstance(description, dict) or description.get("format") != FORMAT:
        raise ConfigError(f"{folder / DESCRIPTION} does not describe a saved model")
    if description.get("version") != VERSION:
        raise ConfigError(f"{folder} was saved in format {description.get('version')}, this is {VERSION}")
    if description.get("sha256") != hashlib.sha256(content).hexdigest():
        raise ConfigError(f"{folder / ARRAYS} does not match {DESCRIPTION}: one of them was changed or cut off")
    return description, arrays


def _replace(path: Path, content: bytes) -> None:
    """Write a file under another name, then move it into place."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_bytes(content)
    os.replace(temporary, path)


def _arrays(model: "MacroModel") -> dict[str, np.ndarray]:
    arrays = {
        "history": model.history,
        "mean_growth": model.mean_growth,
        "collection_steps": np.array(model.datacollector._collection_steps, dtype=float),
        "ledger.flows": model.ledger.flows,
        "ledger.revaluations": model.ledger.revaluations,
        "ledger.stocks": model.ledger.stocks,
        "ledger.opening_stocks": model.ledger.opening_stocks,
    }
    arrays |= {f"economy.{name}": model.economy[name] for name in ECONOMY_NAMES}
    arrays |= {f"collected.{name}": np.array(column) for name, column in model.datacollector.model_vars.items()}
    for kind, population in model.populations.items():
        arrays |= {f"{kind}.{name}": getattr(population, name) for name in population.column_names}
        arrays[f"{kind}.terminated"] = population.terminated[: population.size]
        ids = [agent.unique_id for agent in population]
        arrays[f"{kind}.unique_id"] = np.array(ids, dtype=np.int64)
    return {name: np.ascontiguousarray(array) for name, array in arrays.items()}


def _describe(population: Population) -> dict[str, Any]:
    """Which agents are of another class than the population's own, by row."""
    return {
        "size": population.size,
        "classes": {
            str(row): type(agent).__qualname__
            for row, agent in enumerate(population)
            if type(agent) is not population.agent_class
        },
    }


def _restore(model: "MacroModel", description: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
    for kind, population in model.populations.items():
        _restore_population(population, description["populations"][kind], arrays)
    for name in ECONOMY_NAMES:
        model.economy[name] = arrays[f"economy.{name}"]
    for name in ("flows", "revaluations", "stocks", "opening_stocks"):
        getattr(model.ledger, name)[:] = arrays[f"ledger.{name}"]
    model.history[:] = arrays["history"]
    model.mean_growth[:] = arrays["mean_growth"]
    collected = model.datacollector.model_vars
    for name in collected:
        collected[name] = arrays[f"collected.{name}"].tolist()
    model.datacollector._collection_steps = arrays["collection_steps"].tolist()
    model.month = description["month"]
    # Mesa's clock moves through its event list: replay it to the saved month, with nothing happening
    model._user_step, real_step = _nothing, model._user_step
    while model.time < description["time"]:
        model._wrapped_step()
    model._user_step = real_step
    model.steps = description["steps"]
    model.agent_id_counter = description["agent_id_counter"]
    model.key = np.uint64(description["key"])
    model.rng.bit_generator.state = description["rng"]
    version, internal, gauss = description["random"]
    model.random.setstate((version, tuple(internal), gauss))
    model.shocks = read_shocks(description["shocks"])


def _nothing() -> None:
    """A month in which nobody moves."""


def _restore_population(population: Population, description: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
    while len(population) > description["size"]:
        population.discard(len(population) - 1)
    if len(population) < description["size"]:
        population.extend(description["size"] - len(population))
    for row, name in description["classes"].items():
        population.recast([int(row)], _subclass_named(population.core, name))
    for name in population.column_names:
        getattr(population, name)[:] = arrays[f"{population.agent_type}.{name}"]
    population.terminated[: population.size] = arrays[f"{population.agent_type}.terminated"]
    population.rename(arrays[f"{population.agent_type}.unique_id"].tolist())


def _subclass_named(core: type[MacroAgent], name: str) -> type[MacroAgent]:
    candidates = [core]
    while candidates:
        candidate = candidates.pop()
        if candidate.__qualname__ == name:
            return candidate
        candidates += candidate.__subclasses__()
    raise ConfigError(f"the saved model has agents of class {name}; define or import it before loading")


def _named_policy(policy: Any) -> Any:
    """A choice of policies as JSON; objects cannot be saved, only their names and folders."""
    if isinstance(policy, str):
        return policy
    if isinstance(policy, Path):
        return str(policy)
    if isinstance(policy, dict):
        return {str(key): _named_policy(value) for key, value in policy.items()}
    if isinstance(policy, int | float):
        return policy
    raise ConfigError(
        f"a model with the policy object {type(policy).__name__} cannot be saved; "
        "give policies by name or checkpoint folder"
    )


def _json_random(state: Any) -> list[Any]:
    version, internal, gauss = state
    return [version, list(internal), gauss]
