"""Macro Mesa: a stock-flow-consistent macroeconomy of Mesa agents with learned behaviour."""

from macro_mesa.config import ConfigError, Parameters
from macro_mesa.model import MacroModel

__version__ = "0.1.0"

__all__ = ["ConfigError", "MacroModel", "Parameters", "__version__"]
