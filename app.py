"""The live dashboard: ``solara run app.py``."""

from visualization.dashboard import Page

page = Page

__all__ = ["Page", "page"]
