"""The live dashboard: ``solara run app.py``.

``MACRO_MESA_ROOTS`` lists further folders that run folders may be read from, besides the working folder.
"""
# ruff: noqa: N802 - Solara names its components in CapWords

import json
import os
import signal
from pathlib import Path

import solara
import solara.server.settings
import uvicorn

import policies
from visualization.dashboard import Dashboard

# Solara's own banner would lie over the last chart
solara.server.settings.theme.show_banner = False
# and nobody is told that it runs
solara.server.settings.telemetry.mixpanel_enable = False

PATIENCE = 900.0  # seconds without a sign of life after which a browser is taken for gone


def be_patient() -> None:
    """Let many sessions queue without losing their lines.

    uvicorn does not read what a browser sends, signs of life included, while an earlier click waits for its turn, and
    hangs up after 20 s.  Solara's command has no option for that; its server is found by the signal that ends it.
    """
    server = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)
    if isinstance(server, uvicorn.Server):
        server.config.ws_ping_timeout = PATIENCE


be_patient()

ROOTS = (Path.cwd(), *(Path(root) for root in os.environ.get("MACRO_MESA_ROOTS", "").split(os.pathsep) if root))


def shipped_policies() -> int:
    """How many pretrained policies this version has."""
    index = Path(policies.__file__).parent / "pretrained" / "index.json"
    return len(json.loads(index.read_text())) if index.exists() else 0


@solara.component
def Page():
    """The dashboard with the policies that are shipped and the folders that may be read."""
    Dashboard(shipped_policies(), ROOTS)


page = Page

__all__ = ["Page", "page"]
