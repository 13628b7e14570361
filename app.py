"""The live dashboard: ``solara run app.py``."""

import solara.server.settings

from visualization.dashboard import Page

# Solara's own banner would lie over the last chart
solara.server.settings.theme.show_banner = False

page = Page

__all__ = ["Page", "page"]
