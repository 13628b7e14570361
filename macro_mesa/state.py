"""A model's complete state on disk: arrays and a description, as an archive; data, never code."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from macro_mesa.aggregates import ECONOMY_COLUMNS
from macro_mesa.archive import Archive
from macro_mesa.config import ConfigError
from macro_mesa.population import MacroAgent, Population
from macro_mesa.shocks import read_shocks

if TYPE_CHECKING:
    from macro_mesa.model import MacroModel

ECONOMY_NAMES = [column.name for column in ECONOMY_COLUMNS]
MODEL = Archive("macro-mesa-model", 3, "state.safetensors", "model.json", ConfigError)
MAX_MONTHS = 1_000_000
BOOKS_CLOSE = 1.0e-6  # what the month's own check asks for


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
    """The model that ``pack`` described, under ``policy``.

    Raises ``ConfigError`` if something is missing, of another size or type, or no state an economy can be in.
    """
    try:
        model = model_class(**description["parameters"], policy=policy, shocks=description["shocks"], rng=0)
        _restore(model, description, arrays)
    except ConfigError:
        raise
    except (KeyError, TypeError, IndexError, ValueError, AttributeError, OverflowError) as error:
        raise ConfigError(f"the saved model is incomplete or of other sizes: {error}") from None
    _require_possible(model)
    return model


def save(model: "MacroModel", folder: Path) -> None:
    """Write ``model`` to ``folder``, in place of what was saved there, whole or not at all.

    Raises ``ConfigError`` if the folder cannot be written or holds something else, or a policy has no name.
    """
    description, arrays = pack(model)
    MODEL.write(folder, arrays, description | {"policy": _named_policy(model.policy)})


def load(model_class: type["MacroModel"], folder: Path, policy: Any) -> "MacroModel":
    """The model saved in ``folder``, under its own policies unless ``policy`` is given; raises ``ConfigError``."""
    arrays, description = MODEL.read(folder)
    return unpack(model_class, description.get("policy") if policy is None else policy, description, arrays)


def _arrays(model: "MacroModel") -> dict[str, np.ndarray]:
    arrays = {
        "history": model.history,
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
    _require_counters(description)
    for kind, population in model.populations.items():
        _resize(population, description["populations"][kind], len(arrays[f"{kind}.unique_id"]))
    _require_layout(_arrays(model), arrays)
    for kind, population in model.populations.items():
        for name in population.column_names:
            getattr(population, name)[:] = arrays[f"{kind}.{name}"]
        population.terminated[: population.size] = arrays[f"{kind}.terminated"]
        population.rename(arrays[f"{kind}.unique_id"].tolist())
    for name in ECONOMY_NAMES:
        model.economy[name] = arrays[f"economy.{name}"]
    for name in ("flows", "revaluations", "stocks", "opening_stocks"):
        getattr(model.ledger, name)[:] = arrays[f"ledger.{name}"]
    model.history[:] = arrays["history"]
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


def _require_counters(description: dict[str, Any]) -> None:
    """Whole months within reason: Mesa's clock is replayed month by month; and numbers where numpy would take lists."""
    months = dict.fromkeys(("month", "steps", "time"), MAX_MONTHS)
    limits = months | {"agent_id_counter": 2**53, "key": 2**64 - 1}
    for name, limit in limits.items():
        value = description[name]
        if (type(value) is not int and not (name == "time" and type(value) is float)) or not 0 <= value <= limit:
            raise ConfigError(f"the saved model's {name} must be 0 to {limit}, got {value!r}")


def _resize(population: Population, description: dict[str, Any], size: int) -> None:
    """As many agents as were saved, each of its class."""
    if description["size"] != size or size < 1:
        raise ConfigError(f"the saved model has {size} of {population.agent_type}, it describes {description['size']}")
    while len(population) > size:
        population.discard(len(population) - 1)
    if len(population) < size:
        population.extend(size - len(population))
    for row, name in description["classes"].items():
        population.recast([int(row)], _subclass_named(population.core, name))


def _require_layout(expected: dict[str, np.ndarray], found: dict[str, np.ndarray]) -> None:
    """Refuse arrays that numpy would stretch or convert in silence; histories may have any length, the same."""
    months = found["collection_steps"].shape
    for name, wanted in expected.items():
        collected = name == "collection_steps" or name.startswith("collected.")
        shape = months if collected else wanted.shape
        # a statistic that is a whole number in every month is kept as one
        kinds = "if" if collected else wanted.dtype.kind
        got = found[name]
        if got.shape != shape or got.dtype.kind not in kinds or (collected and got.ndim != 1):
            raise ConfigError(f"the saved model has {name} as {got.dtype} {got.shape}, must be {wanted.dtype} {shape}")


def _require_possible(model: "MacroModel") -> None:
    """Refuse a state that no economy can be in: compiled loops would read beyond their tables."""
    households, firms, banks = model.households, model.firms, model.commercial_banks
    tables = {kind: population.table for kind, population in model.populations.items()} | {"economy": model.economy}
    for kind, table in tables.items():
        for name in table.dtype.names or ():
            if not np.isfinite(table[name]).all():
                raise ConfigError(f"the saved model holds NaN or infinity in {name} of {kind}")
    for clients in (households, firms):
        for name in ("bank_id", "lender_id"):
            column = getattr(clients, name)
            if column.min() < 0 or column.max() >= len(banks):
                raise ConfigError(f"the saved model has a {clients.agent_type} whose {name} is no bank")
    employers = households.employer_id
    if not np.array_equal(households.employed, employers >= 0) or employers.max() >= len(firms):
        raise ConfigError("the saved model has a household whose employer_id is no firm")
    if not np.array_equal(np.bincount(employers[households.employed], minlength=len(firms)), firms.employment):
        raise ConfigError("the saved model's firms count other workers than its households")
    if not model.ledger.residual() < BOOKS_CLOSE:
        raise ConfigError(f"the saved model's books do not close: residual {model.ledger.residual():.1e}")


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
