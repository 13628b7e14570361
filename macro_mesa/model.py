"""MacroModel: a Mesa model that builds, owns and steps the whole economy."""

import copy
import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import mesa
import numpy as np

from macro_mesa import demography, state
from macro_mesa.agents import CentralBank, CommercialBank, Firm, Household
from macro_mesa.aggregates import HISTORY_MONTHS, new_economy
from macro_mesa.config import ConfigError, Parameters, unknown_key
from macro_mesa.ledger import Ledger
from macro_mesa.markets import CreditMarket, GoodsMarket, LaborMarket
from macro_mesa.opening import open_economy
from macro_mesa.policy import Policy, make_policies
from macro_mesa.population import MacroAgent, Population
from macro_mesa.random_streams import Purpose, fill_uniform
from macro_mesa.recorder import MacroDataCollector
from macro_mesa.schedule import MONTH, Decision
from macro_mesa.shocks import Shock, read_shocks
from macro_mesa.spaces import CENTRAL_BANK, COMMERCIAL_BANK, FIRM, HOUSEHOLD, SPACES

# plain integers: numba inspects an Enum member anew at every call
_ACTION_STREAMS = {
    HOUSEHOLD: int(Purpose.HOUSEHOLD_ACTION),
    FIRM: int(Purpose.FIRM_ACTION),
    COMMERCIAL_BANK: int(Purpose.COMMERCIAL_BANK_ACTION),
    CENTRAL_BANK: int(Purpose.CENTRAL_BANK_ACTION),
}


def _with_parameters(method: Callable) -> Callable:
    """Show every parameter of config.py as a named keyword in the signature, with its default."""
    own = inspect.signature(method)
    kept = [p for p in own.parameters.values() if p.kind is not inspect.Parameter.VAR_KEYWORD]
    fields = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=field.default, annotation=field.annotation)
        for name, field in Parameters.model_fields.items()
    ]
    method.__signature__ = own.replace(parameters=[kept[0], *fields, *kept[1:]])  # type: ignore[attr-defined]
    return method


class MacroModel(mesa.Model):
    """An economy of households, firms, commercial banks and a central bank; one step is one month.

    Every parameter of ``macro_mesa.config.Parameters`` is a named keyword.  Further keywords:

    policy: ``"rule"``, ``"random"``, ``"pretrained"``, a checkpoint folder, a Policy, or a mapping of agent
        type to any of these (``macro_mesa.policy.make_policies``).
    shocks: dated shocks, ``macro_mesa.shocks.Shock`` or mappings of kind, size, start, duration.
    rng: seed, an integer, or a numpy Generator; the same seed gives the same economy.

    Raises ``ConfigError`` (a ``ValueError``) in one sentence for anything that cannot be used.
    """

    agent_classes: Mapping[str, type[MacroAgent]] = {
        HOUSEHOLD: Household,
        FIRM: Firm,
        COMMERCIAL_BANK: CommercialBank,
        CENTRAL_BANK: CentralBank,
    }

    @_with_parameters
    def __init__(
        self,
        *,
        policy: Any = "rule",
        shocks: Any = (),
        rng: int | np.random.Generator | None = None,
        **parameters: Any,
    ) -> None:
        for key in parameters:
            if key not in Parameters.model_fields:
                raise ConfigError(unknown_key(key, [*Parameters.model_fields, "policy", "shocks", "rng"]))
        self.parameters = Parameters.create(parameters)
        super().__init__(rng=_checked_seed(rng))
        self.key = np.uint64(self.rng.integers(2**63))
        self.random.seed(int(self.rng.integers(2**63)))
        self.month = 0
        self.parameter_record = self.parameters.as_record()
        self.economy = new_economy()
        self.history = np.zeros((3, HISTORY_MONTHS))
        self.shocks: list[Shock] = read_shocks(shocks)
        self._build_populations()
        self.labor_market: LaborMarket = LaborMarket(self)
        self.credit_market: CreditMarket = CreditMarket(self)
        self.goods_market: GoodsMarket = GoodsMarket(self)
        open_economy(self)
        self.ledger = Ledger(self)
        self.policy = policy
        self.policies = make_policies(policy, self.parameters)
        self.datacollector = MacroDataCollector()
        self.datacollector.collect(self)

    def _build_populations(self) -> None:
        counts = {
            HOUSEHOLD: self.parameters.num_households,
            FIRM: self.parameters.num_firms,
            COMMERCIAL_BANK: self.parameters.num_banks,
            CENTRAL_BANK: 1,
        }
        self.populations = {
            kind: Population(self, self.agent_classes[kind], counts[kind]) for kind in self.agent_classes
        }
        self.households = self.populations[HOUSEHOLD]
        self.firms = self.populations[FIRM]
        self.commercial_banks = self.populations[COMMERCIAL_BANK]
        self.central_banks = self.populations[CENTRAL_BANK]
        self._draws: dict[str, np.ndarray] = {}

    @property
    def central_bank(self) -> CentralBank:
        """The central bank."""
        return self.central_banks[0]  # type: ignore[return-value]

    # --- the month
    def step(self) -> None:
        """Run one month: every stage of ``macro_mesa.schedule.MONTH`` in order, then collect data."""
        self.begin_month()
        for stage in MONTH:
            if isinstance(stage, Decision):
                self.decide(stage.agent_type)
            else:
                stage.run(self)
        self.end_month()

    def begin_month(self) -> None:
        """Turn the calendar; lockstep training calls this, the stages and ``end_month`` itself."""
        self.month += 1

    def end_month(self) -> None:
        """Collect the month's data."""
        residual = float(self.economy["accounting_residual"][0])
        if not residual < 1.0e-6:
            raise FloatingPointError(f"the books do not close in month {self.month}: residual {residual:.1e}")
        self.datacollector.collect(self)
        if self.datacollector.transitions:
            self.datacollector.record_outcomes(self)

    def decide(self, agent_type: str) -> None:
        """Let all agents of a type observe, choose and act."""
        population = self.populations[agent_type]
        observations = population.observe()
        actions = self.policies[agent_type].act(observations, self.action_draws(agent_type))
        population.apply(actions)
        self.datacollector.record_decision(agent_type, observations, actions)

    def action_draws(self, agent_type: str) -> np.ndarray:
        """This month's uniform draws for a type's decision, float32 (agents, heads); reused every month."""
        shape = (len(self.populations[agent_type]), len(SPACES[agent_type].heads))
        draws = self._draws.get(agent_type)
        if draws is None or draws.shape != shape:
            draws = self._draws[agent_type] = np.empty(shape, dtype=np.float32)
        fill_uniform(draws, self.key, self.month, _ACTION_STREAMS[agent_type])
        return draws

    # --- entry and exit
    def add_households(self, number: int, agent_class: type[Household] | None = None) -> range:
        """Let households enter, unemployed and without wealth; returns their rows."""
        return demography.add_households(self, number, agent_class)

    def add_firm(self, agent_class: type[Firm] | None = None) -> Firm:
        """Split the largest firm in two; returns the new one."""
        return self.firms[demography.add_firm(self, agent_class)]  # type: ignore[return-value]

    def add_bank(self, agent_class: type[CommercialBank] | None = None) -> CommercialBank:
        """Split the largest bank in two; returns the new one."""
        return self.commercial_banks[demography.add_bank(self, agent_class)]  # type: ignore[return-value]

    def remove_agent(self, agent: MacroAgent) -> None:
        """Settle an agent's books and let it leave; the same as ``agent.remove()``."""
        demography.remove(agent)

    # --- experiments
    def add_shock(self, kind: str, size: float, start: int, duration: int = 1) -> None:
        """Date a shock: ``size`` in the unit of its kind, from month ``start`` on, for ``duration`` months.

        Kinds: policy_rate, cost, productivity, demand, default.  Raises ``ConfigError``.
        """
        self.shocks.append(Shock(kind, size, start, duration))

    def fork(self) -> "MacroModel":
        """An independent twin from this month on, sharing every later random draw."""
        # policies keep no state, so the twin may share them
        return copy.deepcopy(self, {id(policy): policy for policy in self.policies.values()})

    def save(self, path: str | Path) -> None:
        """Write the complete state to the folder ``path``; ``load`` continues from it bit for bit."""
        state.save(self, Path(path))

    @classmethod
    def load(cls, path: str | Path, policy: Any = None) -> "MacroModel":
        """The economy saved at ``path``; ``policy`` replaces the saved choice.

        Raises ``ConfigError`` if the folder is missing, damaged or of another kind.
        """
        return state.load(cls, Path(path), policy)


def _checked_seed(rng: Any) -> Any:
    if rng is None or isinstance(rng, np.random.Generator):
        return rng
    if isinstance(rng, bool) or not isinstance(rng, int | np.integer) or rng < 0:
        raise ConfigError(f"rng must be a whole number >= 0, a numpy Generator or None, got {rng!r}")
    return int(rng)


__all__ = ["MacroModel", "Policy"]
