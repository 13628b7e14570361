"""Write the tables of docs/*.md that follow from the code: ``python docs/generate.py``.

A table stands between ``<!-- generated: name -->`` and ``<!-- end -->``; tests/test_docs.py fails when one is stale.
"""

import importlib.util
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from macro_mesa.agents import CentralBank, CommercialBank, Firm, Household
from macro_mesa.aggregates import DISTURBANCES, STATISTICS
from macro_mesa.config import Parameters
from macro_mesa.ledger import FLOWS, SECTORS
from macro_mesa.schedule import MONTH, Decision
from macro_mesa.shocks import SHOCK_KINDS
from macro_mesa.spaces import AGENT_TYPES, DEPOSIT_SPREADS, LENDING_SPREADS, SPACES
from policies.config import TrainingConfig, ppo_configs

FOLDER = Path(__file__).parent
MARKED = re.compile(r"(<!-- generated: ([\w ]+) -->\n).*?(<!-- end -->)", re.DOTALL)
AGENTS = (Household, Firm, CommercialBank, CentralBank)
SIGNS = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}


def table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |\n" for line in lines)


def number(value: Any) -> str:
    """A default or bound as a reader expects it."""
    return f"{value:.5g}" if isinstance(value, float) else f"{value:,}" if type(value) is int else str(value)


def bounds(field: Any) -> str:
    """What a field allows."""
    if hasattr(field.annotation, "__args__"):
        return ", ".join(str(choice) for choice in field.annotation.__args__)
    found = [
        f"{sign} {number(getattr(entry, short))}"
        for entry in field.metadata
        for short, sign in SIGNS.items()
        if getattr(entry, short, None) is not None
    ]
    return " and ".join(found)


def parameters() -> str:
    """Every parameter of the economy, by group."""
    by_group: dict[str, list[Sequence[Any]]] = {}
    for name, field in Parameters.model_fields.items():
        extra: dict[str, Any] = field.json_schema_extra  # type: ignore[assignment]
        row = (f"`{name}`", number(field.default), extra["unit"], bounds(field), extra["source"], field.description)
        by_group.setdefault(extra["group"], []).append(row)
    head = ("parameter", "default", "unit", "allowed", "source", "meaning")
    return "\n".join(f"**{group.capitalize()}**\n\n{table(head, rows)}" for group, rows in by_group.items())


def spaces() -> str:
    """Observations and action heads of every agent type."""
    parts = []
    for kind in AGENT_TYPES:
        space = SPACES[kind]
        seen = [(f"`{o.name}`", o.unit, f"{o.low:g} to {o.high:g}", o.meaning) for o in space.observations]
        chosen = [(f"`{h.name}`", h.unit, _grid(h.values), h.meaning) for h in space.heads]
        if kind == "commercial_bank":
            over, below = "spread over the policy rate (spread)", "spread below the policy rate (spread)"
            chosen.append(("`lending_rate`", "annual", _grid(LENDING_SPREADS), over))
            chosen.append(("`deposit_rate`", "annual", _grid(DEPOSIT_SPREADS), below))
        parts.append(
            f"**{kind}** observes\n\n{table(('observation', 'unit', 'bounds', 'meaning'), seen)}\n"
            f"and chooses\n\n{table(('head', 'unit', 'values', 'meaning'), chosen)}"
        )
    return "\n".join(parts)


def _grid(values: Iterable[float]) -> str:
    return ", ".join(f"{value:g}" for value in values)


def _columns(columns: Iterable[Any]) -> str:
    rows = [(f"`{c.name}`", np.dtype(c.dtype).name, c.unit, c.meaning) for c in columns]
    return table(("name", "type", "unit", "meaning"), rows)


def columns() -> str:
    """State variables of every agent type."""
    return "\n".join(f"**{agent.agent_type}**\n\n{_columns(agent.columns)}" for agent in AGENTS)


def statistics() -> str:
    """The published statistics, columns of the model's data frame."""
    return _columns(STATISTICS)


def disturbances() -> str:
    """The disturbances of a month."""
    return _columns(DISTURBANCES)


def rewards() -> str:
    """Names of the terms of every reward."""
    return table(("agent type", "terms"), [(a.agent_type, ", ".join(a.reward_names)) for a in AGENTS])


def shock_kinds() -> str:
    """Kinds of dated shocks."""
    return table(("kind", "size"), [(f"`{kind}`", unit) for kind, unit in SHOCK_KINDS.items()])


def stages() -> str:
    """The month in order."""
    names = [f"decision of {s.agent_type}" if isinstance(s, Decision) else s.name for s in MONTH]
    return table(("", "stage"), [(place, name) for place, name in enumerate(names, 1)])


def flows() -> str:
    """Rows and columns of the transactions-flow matrix."""
    return f"Flows: {', '.join(FLOWS)}.\n\nSectors: {', '.join(SECTORS)}.\n"


def learning() -> str:
    """Defaults of training: the run, then PPO by agent type."""
    run = [(f"`{n}`", number(f.default), f.description) for n, f in TrainingConfig.model_fields.items()]
    by_type = {kind: config.model_dump() for kind, config in ppo_configs({}).items()}
    ppo = [
        (f"`{name}`", *(number(config[name]) for config in by_type.values())) for name in next(iter(by_type.values()))
    ]
    return f"{table(('training', 'default', 'meaning'), run)}\n{table(('ppo', *by_type), ppo)}"


def findings() -> str:
    """What the shipped runs show: the README's table."""
    specification = importlib.util.spec_from_file_location("findings", FOLDER / "findings.py")
    module = importlib.util.module_from_spec(specification)  # type: ignore[arg-type]
    specification.loader.exec_module(module)  # type: ignore[union-attr]
    return table(("question", "answer", "figures, 95 % intervals"), module.rows())


TABLES: dict[str, Callable[[], str]] = {
    function.__name__.replace("_", " "): function
    for function in (
        *(parameters, spaces, columns, statistics, disturbances),
        *(rewards, shock_kinds, stages, flows, learning, findings),
    )
}


def render(text: str) -> str:
    """``text`` with every generated table as the code has it now; ``KeyError`` for an unknown name."""
    return MARKED.sub(lambda found: f"{found[1]}\n{TABLES[found[2]]()}\n{found[3]}", text)


def main() -> None:
    """Rewrite the pages whose tables are stale."""
    for page in sorted([FOLDER.parent / "README.md", *FOLDER.rglob("*.md")]):
        before = page.read_text()
        after = render(before)
        if after != before:
            page.write_text(after)
            print(f"updated {page.name}")


if __name__ == "__main__":
    main()
