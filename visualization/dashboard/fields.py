"""Fields that refuse: what was typed stays in sight, with the reason beside it."""
# ruff: noqa: N802 - Solara names its components in CapWords

from collections.abc import Callable
from typing import Any, get_args

import solara

from macro_mesa import Parameters
from macro_mesa.config import allowed_range
from visualization.dashboard.session import Session
from visualization.dashboard.settings import SIZE_CAPS

CHANGED = "economy-changed"


@solara.component
def TextField(session: Session, key: str, label: str, text: str, accept: Callable[[str], None], help_text: str):
    """A text that is taken when the field is left or Enter is pressed; ``key`` is where a refusal is kept."""
    refusal = session.forms.refused.value.get(key)
    solara.InputText(
        label,
        value=refusal.text if refusal else text,
        on_value=accept,
        error=refusal.reason if refusal else False,
        message=help_text,
        dense=True,
    )


@solara.component
def ParameterField(session: Session, name: str):
    """One parameter of config.py with its unit, its help, and a mark if it is not the default."""
    entry = Parameters.model_fields[name]
    extra: Any = entry.json_schema_extra
    settings = session.settings.value
    value = settings.value(name)
    changed = name in settings.parameters
    unit = "" if extra["unit"] == "-" else f" ({extra['unit']})"
    label = f"{name.replace('num_', 'number_of_').replace('_', ' ').capitalize()}{unit}"
    cap = f" (on this page at most {SIZE_CAPS[name]:,})" if name in SIZE_CAPS else allowed_range(Parameters, name)
    help_text = f"{(entry.description or '').rstrip('.')}{cap}."
    if changed:
        help_text = f"\u25cf changed from {_written(entry.default)}. {help_text}"
    options = get_args(entry.annotation)
    with solara.Div(classes=[CHANGED] if changed else []):
        if entry.annotation is bool:
            solara.Checkbox(label=label, value=value, on_value=lambda new: session.forms.set_parameter(name, new))
            solara.Text(help_text, classes=["economy-help"])
        elif options:
            solara.Select(
                label, values=list(options), value=value, on_value=lambda new: session.forms.set_parameter(name, new)
            )
            solara.Text(help_text, classes=["economy-help"])
        else:
            TextField(
                session, name, label, _written(value), lambda text: session.forms.type_parameter(name, text), help_text
            )


def _written(value: Any) -> str:
    """A number without the noise of its last binary digit."""
    return f"{value:.10g}" if isinstance(value, float) else str(value)
