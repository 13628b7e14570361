"""The four agent types: each with its columns, what it observes, what an action does, and its reward."""

from macro_mesa.agents.central_bank import CentralBank
from macro_mesa.agents.commercial_bank import CommercialBank
from macro_mesa.agents.firm import Firm
from macro_mesa.agents.household import Household

__all__ = ["CentralBank", "CommercialBank", "Firm", "Household"]
