"""The Solara page: one economy a browser session, watched and steered live."""

from visualization.dashboard.page import Dashboard

__all__ = ["Dashboard"]
