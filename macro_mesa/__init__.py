"""Macro Mesa: a stock-flow-consistent macroeconomy of Mesa agents with learned behaviour."""

from macro_mesa.agents import CentralBank, CommercialBank, Firm, Household
from macro_mesa.config import ConfigError, Parameters
from macro_mesa.model import MacroModel
from macro_mesa.policy import Policy

__version__ = "0.1.0"

__all__ = [
    "CentralBank",
    "CommercialBank",
    "ConfigError",
    "Firm",
    "Household",
    "MacroModel",
    "Parameters",
    "Policy",
    "__version__",
]
