"""Disturbances: AR(1) productivity, taste and cost, firms' own productivity, and dated shocks."""

import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from macro_mesa.compiled import jit
from macro_mesa.config import ConfigError
from macro_mesa.random_streams import Purpose, normal

# kind: unit of its size
SHOCK_KINDS = {
    "policy_rate": "annual decimal, added to whatever the central bank sets",
    "cost": "share of wages, added to firms' payroll cost",
    "productivity": "log, added to productivity",
    "demand": "log, added to the taste for consumption",
    "default": "added to the multiple of the default hazard (1 without shock)",
}

MAX_SIZE = sys.float_info.max  # no NaN, infinity or whole number that no float holds


@dataclass(frozen=True)
class Shock:
    """A dated shock: ``size`` in the unit of its kind for ``duration`` months from month ``start`` on."""

    kind: str
    size: float
    start: int
    duration: int

    def __post_init__(self) -> None:
        if not isinstance(self.kind, str) or self.kind not in SHOCK_KINDS:
            raise ConfigError(f"shock kind must be one of {', '.join(SHOCK_KINDS)}, got {self.kind!r}")
        if isinstance(self.size, bool) or not isinstance(self.size, int | float) or not abs(self.size) <= MAX_SIZE:
            raise ConfigError(f"shock size must be a finite number, got {self.size!r}")
        for name, least in (("start", 1), ("duration", 1)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise ConfigError(f"shock {name} must be a whole number of months >= {least}, got {value!r}")

    def is_on(self, month: int) -> bool:
        """Whether the shock is in force in a month."""
        return self.start <= month < self.start + self.duration

    def as_dict(self) -> dict[str, Any]:
        """The shock as plain data, for YAML and JSON."""
        return asdict(self)


def read_shocks(entries: Iterable["Shock | Mapping[str, Any]"]) -> list[Shock]:
    """Shocks, or the entries of a scenario file, as shocks; ``ConfigError`` names what is wrong with one."""
    if isinstance(entries, str | Mapping) or not isinstance(entries, Iterable):
        raise ConfigError(f"shocks must be a list of dated shocks, got {entries!r}")
    shocks = []
    for entry in entries:
        if isinstance(entry, Shock):
            shocks.append(entry)
            continue
        if not isinstance(entry, Mapping):
            raise ConfigError(f"a shock must be a mapping of kind, size, start and duration, got {entry!r}")
        unknown = set(entry) - {"kind", "size", "start", "duration"}
        missing = {"kind", "size", "start"} - set(entry)
        if unknown or missing:
            wrong = f"unknown key {sorted(unknown, key=str)[0]!r}" if unknown else f"no {sorted(missing)[0]}"
            raise ConfigError(f"a shock has kind, size, start and duration; one has {wrong}")
        shocks.append(Shock(entry["kind"], entry["size"], entry["start"], entry.get("duration", 1)))
    return shocks


def disturb(
    economy: np.ndarray, firms: np.ndarray, parameters: np.ndarray, shocks: list[Shock], key: np.uint64, month: int
) -> None:
    """Draw the month's disturbances before anyone acts, and add the dated shocks in force."""
    sizes = dict.fromkeys(SHOCK_KINDS, 0.0)
    for shock in shocks:
        if shock.is_on(month):
            sizes[shock.kind] += shock.size
    _draw(economy, firms, parameters, key, month, *sizes.values())


@jit
def _draw(economy, firms, parameters, key, month, policy_rate, cost, productivity, demand, default):
    """The dated shocks come in the order of ``SHOCK_KINDS``."""
    p = parameters[0]
    e = economy[0]
    economy[0].productivity_state = p.productivity_persistence * e.productivity_state + p.productivity_noise * normal(
        key, month, Purpose.PRODUCTIVITY, 0
    )
    economy[0].taste_state = p.taste_persistence * e.taste_state + p.taste_noise * normal(key, month, Purpose.TASTE, 0)
    economy[0].cost_state = p.cost_persistence * e.cost_state + p.cost_noise * normal(key, month, Purpose.COST, 0)
    economy[0].productivity = np.exp(economy[0].productivity_state + productivity)
    economy[0].taste = np.exp(economy[0].taste_state + demand)
    economy[0].cost = max(economy[0].cost_state + cost, -0.5)
    economy[0].default_multiplier = max(1.0 + default, 0.0)
    economy[0].policy_rate_shock = policy_rate
    for f in range(len(firms)):
        noise = p.firm_productivity_noise * normal(key, month, Purpose.FIRM_PRODUCTIVITY, f)
        firms[f].productivity = p.firm_productivity_persistence * firms[f].productivity + noise
