"""Markets: clearing only. Who wants what was decided before; here quantities meet."""

from macro_mesa.markets.credit_market import CreditMarket
from macro_mesa.markets.goods_market import GoodsMarket
from macro_mesa.markets.labor_market import LaborMarket

__all__ = ["CreditMarket", "GoodsMarket", "LaborMarket"]
