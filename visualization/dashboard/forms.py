"""What a person has typed: accepted into the settings, or kept in its field with the reason for its refusal."""

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import solara

from macro_mesa import ConfigError, Parameters
from macro_mesa.shocks import Shock
from macro_mesa.spaces import CENTRAL_BANK
from visualization.dashboard.folders import checkpoint_folder
from visualization.dashboard.messages import sentence
from visualization.dashboard.presets import apply_preset
from visualization.dashboard.settings import Settings, checked_seed

if TYPE_CHECKING:
    from visualization.dashboard.session import Session

logger = logging.getLogger(__name__)
RUN_FOLDER = "run folder"
RULES = ("rule", "random")
CENTRAL_BANK_RULES = ("taylor", "inertial_taylor", "constant")
MAX_TYPED = 500  # characters of a field, and of what its refusal quotes


def policy_choices(agent_type: str, pretrained: int) -> list[str]:
    """What can be picked for an agent type; anything else has to be a run folder that may be read."""
    rules = (*RULES, *CENTRAL_BANK_RULES) if agent_type == CENTRAL_BANK else RULES
    return [*rules, *(f"pretrained:{number}" for number in range(1, pretrained + 1)), RUN_FOLDER]


@dataclass(frozen=True)
class Refusal:
    """A text that was refused, and why."""

    text: str
    reason: str


class Forms:
    """The fields of a session's page: ``refused`` maps a field's key to the text that it holds and the reason."""

    def __init__(self, session: "Session") -> None:
        self._session = session
        self.refused: solara.Reactive[dict[str, Refusal]] = solara.Reactive({})

    def require_none_open(self) -> None:
        """Raise the first refusal: an economy is not built while a field holds something else than it shows."""
        for refusal in self.refused.peek().values():
            raise ConfigError(refusal.reason)

    # --- fields
    def type_parameter(self, name: str, text: str) -> None:
        """A parameter as typed."""
        self._type(name, text, lambda settings: settings.with_parameter(name, _read(name, text)))

    def type_seed(self, text: str) -> None:
        """The seed as typed."""
        self._type("seed", text, lambda settings: replace(settings, seed=checked_seed(text)))

    def set_parameter(self, name: str, value: Any) -> None:
        """A parameter from a slider, a switch or a list."""
        self._type(name, str(value), lambda settings: settings.with_parameter(name, value))

    def pick_policy(self, agent_type: str, choice: str) -> None:
        """A policy by name, or a run folder that is still to be named."""
        if choice == RUN_FOLDER:
            self._refuse(_policy_key(agent_type), Refusal("", "name a run folder below the working folder"))
            return
        offered = policy_choices(agent_type, self._session.pretrained)

        def change(settings: Settings) -> Settings:
            if choice not in offered:  # a list can be made to say anything: no path may come in this way
                raise ConfigError(f"the policy must be one of {', '.join(offered)}")
            return settings.with_policy(agent_type, choice)

        self._type(_policy_key(agent_type), choice, change)

    def type_folder(self, agent_type: str, text: str) -> None:
        """The run folder of a policy as typed."""
        roots = self._session.roots
        self._type(
            _policy_key(agent_type),
            text,
            lambda settings: settings.with_policy(agent_type, checkpoint_folder(text, roots)),
        )

    def change_shock(self, number: int, part: str, text: str) -> None:
        """One cell of the table of shocks, as typed or chosen."""
        key = f"shock {number} {part}"

        def change() -> None:
            shocks = list(self._session.settings.peek().shocks)
            value = text if part == "kind" else _number(f"shock {part}", text)
            shocks[number] = Shock(**{**shocks[number].as_dict(), part: value})
            self._session.date_shocks(tuple(shocks))

        self._try(key, text, change)

    def add_shock(self) -> None:
        """A further row of the table: a rate rise from next month on."""
        self._session.raise_rate()

    def remove_shock(self, number: int) -> None:
        """Take a row out of the table."""
        shocks = self._session.settings.peek().shocks
        self.refused.value = {k: refusal for k, refusal in self.refused.peek().items() if not k.startswith("shock ")}
        self._session.date_shocks(shocks[:number] + shocks[number + 1 :])

    def choose_preset(self, name: str) -> None:
        """Build the economy of a ready-made scenario."""
        self.refused.value = {}
        self._session.settings.value = apply_preset(name, self._session.settings.peek())
        self._session.reset()

    # --- how a field is taken
    def _type(self, key: str, text: str, change: Callable[[Settings], Settings]) -> None:
        def accept() -> None:
            self._session.settings.value = change(self._session.settings.peek())

        self._try(key, text, accept)

    def _try(self, key: str, text: str, accept: Callable[[], None]) -> None:
        try:
            if not isinstance(text, str):
                raise ConfigError(f"text is expected here, got {text!r}"[:MAX_TYPED])
            if len(text) > MAX_TYPED:
                raise ConfigError(f"at most {MAX_TYPED} characters fit here")
            accept()
        except Exception as error:
            self._refuse(key, Refusal(str(text)[:MAX_TYPED], sentence(error, logger)))
        else:
            self._forget(key)

    def _refuse(self, key: str, refusal: Refusal) -> None:
        self.refused.value = {**self.refused.peek(), key: refusal}

    def _forget(self, key: str) -> None:
        self.refused.value = {other: refusal for other, refusal in self.refused.peek().items() if other != key}


def _policy_key(agent_type: str) -> str:
    return f"policy of {agent_type}"


def _read(name: str, text: str) -> Any:
    """A typed parameter in the type that it has."""
    kind = Parameters.model_fields[name].annotation
    return _number(name, text) if kind in (int, float) else text


def _number(name: str, text: str) -> int | float:
    try:
        value = json.loads(text.strip().removeprefix("+").replace(",", ""))
    except ValueError:
        value = None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ConfigError(f"{name} must be a number, got {text!r}")
    return value
