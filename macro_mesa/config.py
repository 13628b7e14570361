"""Every parameter of the economy in one typed place: value, unit, bounds, source, one sentence.

Money is in units of the opening price level, rates are annual decimals, time is in months.  Totals that
open the economy are given a household, so that an economy of any size opens with the same ratios.
Sources: "calibration" is as docs/reference.md says; other entries name the paper or the data.
"""

import difflib
import functools
from collections.abc import Iterable, Mapping
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.config import JsonDict

MONTHS_PER_YEAR = 12


class ConfigError(ValueError):
    """A parameter, key or file that cannot be used; the message is one sentence that says why."""


def _entry(default: Any, group: str, unit: str, source: str, text: str, **bounds: Any) -> Any:
    extra: JsonDict = {"group": group, "unit": unit, "source": source}
    return Field(default, description=text, json_schema_extra=extra, **bounds)




class Parameters(BaseModel):
    """The economy's parameters, validated; immutable.

    Raises ``pydantic.ValidationError``; ``Parameters.create`` raises ``ConfigError`` with one sentence.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    # --- population
    num_households: int = _entry(100, "population", "agents", "specification", "Households.", ge=1, le=20_000_000)
    num_firms: int = _entry(20, "population", "agents", "specification", "Firms, each with at least one worker.", ge=1, le=5_000_000)
    num_banks: int = _entry(5, "population", "agents", "specification", "Commercial banks.", ge=1, le=10_000)
    ownership: Literal["equal", "pareto"] = _entry("equal", "population", "-", "Caiani et al. 2016", "How shares in firms and banks are spread over households.")
    pareto_exponent: float = _entry(1.5, "population", "-", "Axtell 2001 (order of magnitude)", "Tail exponent of ownership when it is pareto.", gt=1.0, le=10.0)
    savings_taste_spread: float = _entry(0.25, "population", "share", "calibration", "Households' weight on savings utility is uniform within this share of its mean.", ge=0.0, le=0.9)

    # --- opening
    opening: Literal["stationary", "equal"] = _entry("stationary", "opening", "-", "docs/decisions.md", "At a point of the cycle of a long run, agents and totals in proportion to the values below; or at these values, all agents of a type alike.")
    opening_policy_rate: float = _entry(0.03, "opening", "annual", "specification", "Policy rate before the first decision.", ge=0.0, le=0.25)
    opening_lending_margin: float = _entry(0.025, "opening", "annual", "calibration", "Opening lending rate over the opening policy rate.", ge=0.0, le=0.2)
    opening_deposit_margin: float = _entry(0.01, "opening", "annual", "calibration", "Opening deposit rate below the opening policy rate.", ge=0.0, le=0.2)
    opening_employment: float = _entry(0.94, "opening", "share", "calibration", "Share of households employed at the start.", gt=0.0, le=1.0)
    opening_wage: float = _entry(0.63, "opening", "money a month", "calibration (labour share .63)", "Opening wage for full hours.", gt=0.0, le=10.0)
    opening_inventory: float = _entry(0.5, "opening", "months of output", "calibration", "Opening inventories.", ge=0.0, le=12.0)
    opening_capital: float = _entry(13.0, "opening", "months of output", "calibration (what firms learn to keep)", "Opening capital; also the capital intensity at which a worker makes one unit.", gt=0.0, le=120.0)
    opening_household_deposits: float = _entry(4.548, "opening", "money a household", "calibration", "Households' opening deposits.", gt=0.0, le=1000.0)
    opening_firm_deposits: float = _entry(0.94, "opening", "money a household", "calibration", "Firms' opening deposits.", gt=0.0, le=1000.0)
    opening_household_debt: float = _entry(2.0, "opening", "money a household", "calibration", "Households' opening debt.", ge=0.0, le=1000.0)
    opening_firm_debt: float = _entry(2.992, "opening", "money a household", "calibration", "Firms' opening debt.", ge=0.0, le=1000.0)

    # --- households
    household_loan_term: int = _entry(24, "credit", "months", "calibration", "Months over which a household loan amortises.", ge=1, le=600)
    exclusion_months: int = _entry(24, "credit", "months", "calibration", "Months without credit after a default.", ge=0, le=600)

    # --- firms and production
    labor_share: float = _entry(0.7, "production", "share", "standard", "Output elasticity of labour at the opening capital intensity; capital has the rest.", gt=0.0, lt=1.0)
    capital_labor_substitution: float = _entry(1.0, "production", "elasticity", "Cobb-Douglas; .4 to .6 in Chirinko 2008", "Elasticity of substitution between capital and labour, 1 for Cobb-Douglas.", ge=0.1, le=2.0)
    full_capacity: bool = _entry(False, "production", "-", "docs/decisions.md", "Firms call up all hours whatever they sell, instead of those that planned production needs.")
    inventory_target: float = _entry(0.2, "production", "months of expected sales", "calibration", "Stock of finished goods that planned production aims at.", ge=0.0, le=12.0)
    expectation_adjustment: float = _entry(1.0 / 3.0, "production", "share a month", "adaptive expectations; calibration", "Share of the distance to last month's sales by which expected sales move.", gt=0.0, le=1.0)
    inventory_adjustment: float = _entry(0.33, "production", "share a month", "Metzler 1941; calibration", "Share of the distance to that stock made up in a month.", ge=0.0, le=1.0)
    short_time_pay: float = _entry(0.2, "production", "share of the wage", "calibration, docs/decisions.md", "Pay for hours that a worker offers and its firm does not call.", ge=0.0, le=1.0)
    depreciation_rate: float = _entry(0.10, "production", "annual", "standard", "Capital lost to wear.", ge=0.0, le=1.0)
    firm_loan_term: int = _entry(60, "credit", "months", "calibration", "Months over which a firm loan amortises.", ge=1, le=600)
    investment_loan_share: float = _entry(1.0, "credit", "share", "keeps the opening firm debt stationary", "Share of planned investment that a firm asks a bank to finance.", ge=0.0, le=1.0)
    investment_adjustment: float = _entry(0.25, "production", "share a month", "calibration (projects of four months)", "Share of the distance to the investment it chooses by which a firm's plan moves.", gt=0.0, le=1.0)
    firm_payout: float = _entry(1.0 / 3.0, "ownership", "share a month", "calibration", "Share of a firm's deposits above one wage bill paid out as dividends.", ge=0.0, le=1.0)
    recovery_share: float = _entry(0.5, "failure", "share of capital", "Caiani et al. 2016 (fire-sale discount)", "Debt of a bankrupt firm is cut to this share of the value of its capital.", ge=0.0, le=1.0)
    minimum_debt_cut: float = _entry(0.25, "failure", "share", "calibration", "Least share of a bankrupt firm's debt that is written off.", ge=0.0, le=1.0)
    bankruptcy_rule: Literal["write_down", "fire_sale"] = _entry("write_down", "failure", "-", "Poledna et al. 2023; Caiani et al. 2016", "Debt cut in place, or capital sold to the owners to repay what it can.")
    grace_months: int = _entry(3, "failure", "months", "90 days past due, Basel", "Months of arrears after which a borrower fails.", ge=0, le=60)

    # --- banks
    bank_pricing: Literal["posted_rate", "spread"] = _entry("posted_rate", "banking", "-", "docs/decisions.md", "Banks move their own posted rates, or choose spreads over the policy rate (pass-through is then mechanical).")
    capital_requirement: float = _entry(0.08, "banking", "share of loans", "Basel", "Equity a bank must hold against loans to lend more.", ge=0.0, le=1.0)
    capital_target: float = _entry(0.10, "banking", "share of loans", "calibration", "Equity above this is paid out; below it the reward is reduced.", ge=0.0, le=1.0)
    resolution_trigger: float = _entry(0.04, "failure", "share of loans", "calibration", "Equity below which a bank is resolved.", ge=0.0, le=1.0)
    resolution_capital: float = _entry(0.12, "failure", "share of loans", "calibration", "Equity to which a resolved bank is refilled.", ge=0.0, le=1.0)
    resolution_rule: Literal["injection", "bail_in"] = _entry("injection", "failure", "-", "BRRD (bail-in)", "A failed bank is refilled by the central bank, or by its depositors.")
    bank_payout: float = _entry(1.0 / 3.0, "ownership", "share a month", "calibration", "Share of bank equity above target paid out as dividends.", ge=0.0, le=1.0)
    operating_cost: float = _entry(0.01, "banking", "annual share of loans", "calibration", "Banks' operating cost, paid to households.", ge=0.0, le=0.2)
    reserve_ratio: float = _entry(0.05, "banking", "share of deposits", "calibration", "Reserves below which a bank takes an advance.", ge=0.0, le=1.0)
    maximum_lending_rate: float = _entry(0.30, "banking", "annual", "usury ceilings, order of magnitude", "Ceiling on posted lending rates.", gt=0.0, le=1.0)
    debt_service_cap: float = _entry(0.40, "credit", "share of income", "mortgage underwriting practice", "Debt service a bank of risk tolerance 1 accepts.", gt=0.0, le=2.0)
    leverage_cap: float = _entry(0.5, "credit", "share of assets", "calibration", "Firm debt a bank of risk tolerance 1 accepts.", gt=0.0, le=2.0)
    default_hazard: float = _entry(0.005, "credit", "a month", "calibration (loan losses about 1 % a year)", "Default hazard of a borrower for each unit of debt service over income.", ge=0.0, le=1.0)
    default_recovery: float = _entry(0.4, "credit", "share of debt", "calibration", "Share of debt that a defaulting household repays if its deposits allow.", ge=0.0, le=1.0)
    loan_quotes: int = _entry(3, "credit", "banks", "docs/decisions.md", "Banks that a borrower compares, its lender among them.", ge=1, le=100)
    loan_quote_noise: float = _entry(0.01, "credit", "annual", "logit demand", "Scale of the Gumbel noise with which borrowers rank lending rates.", gt=0.0, le=0.1)
    personal_margin: float = _entry(0.01, "credit", "annual", "Bhutta, Fuster and Hizmo 2020", "Largest distance of the lending rate a household is quoted from the one its bank posts; drawn anew every month.", ge=0.0, le=0.1)
    deposit_noise: float = _entry(0.0025, "banking", "annual", "logit demand", "Scale of the logistic noise with which depositors compare deposit rates.", gt=0.0, le=0.1)
    switching_rate: float = _entry(0.1, "banking", "a month", "calibration", "Chance that a depositor compares its bank with another one.", ge=0.0, le=1.0)

    # --- central bank and treasury
    inflation_target: float = _entry(0.02, "central bank", "annual", "specification", "Inflation target.", ge=-0.05, le=0.2)
    lower_bound: float = _entry(0.0, "central bank", "annual", "specification", "Lowest policy rate.", ge=-0.05, le=0.1)
    upper_bound: float = _entry(0.10, "central bank", "annual", "specification", "Highest policy rate.", ge=0.0, le=0.5)
    corridor: float = _entry(0.0025, "central bank", "annual", "ECB corridor 2024, halved", "Distance of the advance and reserve rates from the policy rate.", ge=0.0, le=0.05)
    benefit_replacement: float = _entry(0.4, "treasury", "share of mean wage", "OECD net replacement rates, order", "Unemployment benefit, financed by money.", ge=0.0, le=1.0)
    base_tax: float = _entry(0.03, "treasury", "share of wages", "calibration", "Wage tax when outside money is on target.", ge=0.0, le=0.9)
    tax_response: float = _entry(0.1, "treasury", "share of wages", "calibration", "Tax rise for outside money twice its target.", ge=0.0, le=1.0)
    maximum_tax: float = _entry(0.3, "treasury", "share of wages", "calibration", "Ceiling of the wage tax.", ge=0.0, le=0.9)
    outside_money_target: float = _entry(1.2, "treasury", "real money a household", "calibration", "Stock of outside money at which the tax is at its base.", gt=0.0, le=100.0)
    money_target: Literal["nominal_path", "real_balances"] = _entry("nominal_path", "treasury", "-", "docs/decisions.md", "The target grows with the inflation target, or with the price level (no nominal anchor then).")
    money_anchor: bool = _entry(True, "treasury", "-", "docs/decisions.md", "Money-financed benefit and tax rule; without them money is inside money only.")

    # --- labour market
    separation_rate: float = _entry(0.015, "labour market", "a month", "JOLTS, order of magnitude, halved", "Chance that a job ends for no fault of the firm.", ge=0.0, le=1.0)
    job_searches: int = _entry(1, "labour market", "a month", "calibration", "Firms that an unemployed household visits; more in proportion where firms are smaller than usual_firm_size.", ge=1, le=50)
    usual_firm_size: float = _entry(10.0, "labour market", "households a firm", "docs/decisions.md", "Households for each firm below which the unemployed visit more firms.", ge=1.0, le=1000.0)
    wage_raise: float = _entry(0.007, "labour market", "a month", "calibration", "Largest rise of the wage offer of a firm with an unfilled vacancy.", ge=0.0, le=0.2)
    wage_cut: float = _entry(0.004, "labour market", "a month", "calibration", "Largest cut of the wage offer of a firm with more applicants than vacancies.", ge=0.0, le=0.2)
    vacancy_limit: float = _entry(0.25, "labour market", "share of workers", "docs/decisions.md", "Posts a firm may keep open, at least one.", ge=0.0, le=10.0)
    wage_catch_up: float = _entry(0.5, "labour market", "share", "Christiano, Eichenbaum and Evans 2005; Gali and Gertler 1999", "Share of last year's published inflation by which wage offers rise of themselves.", ge=0.0, le=1.0)
    wage_indexation: float = _entry(0.5, "labour market", "share", "calibration", "Share of the inflation target by which wage offers rise of themselves.", ge=0.0, le=1.5)
    natural_unemployment: float = _entry(0.12, "labour market", "share", "calibration", "Unemployment at which potential output is measured.", ge=0.0, lt=1.0)

    # --- goods market
    shopping_quotes: int = _entry(5, "goods market", "sellers", "calibration", "Sellers whose prices a buyer sees in a month.", ge=1, le=16)
    quote_noise: float = _entry(0.08, "goods market", "log price", "logit demand; own-price elasticity about 8", "Scale of the Gumbel noise with which buyers rank log prices.", gt=0.0, le=2.0)

    # --- disturbances (monthly)
    productivity_persistence: float = _entry(0.95, "disturbances", "monthly", "calibration", "AR(1) coefficient of log productivity.", ge=0.0, lt=1.0)
    productivity_noise: float = _entry(0.003, "disturbances", "log", "calibration", "Innovation of log productivity.", ge=0.0, le=0.2)
    firm_productivity_persistence: float = _entry(0.97, "disturbances", "monthly", "calibration", "AR(1) coefficient of a firm's own log productivity.", ge=0.0, lt=1.0)
    firm_productivity_noise: float = _entry(0.009, "disturbances", "log", "calibration", "Innovation of a firm's own log productivity.", ge=0.0, le=0.5)
    taste_persistence: float = _entry(0.975, "disturbances", "monthly", "calibration", "AR(1) coefficient of the taste for consumption.", ge=0.0, lt=1.0)
    taste_noise: float = _entry(0.013, "disturbances", "log", "calibration", "Innovation of the taste for consumption.", ge=0.0, le=0.5)
    cost_persistence: float = _entry(0.95, "disturbances", "monthly", "calibration", "AR(1) coefficient of the cost-push shock.", ge=0.0, lt=1.0)
    cost_noise: float = _entry(0.002, "disturbances", "share of wages", "calibration", "Innovation of the cost-push shock.", ge=0.0, le=0.5)

    # --- rewards
    consumption_reference: float = _entry(0.8, "rewards", "units a month", "opening consumption", "Consumption at which its utility is zero.", gt=0.0, le=100.0)
    labor_disutility: float = _entry(0.88, "rewards", "utility", "first-order condition at the opening", "Weight on squared hours, halved.", ge=0.0, le=100.0)
    savings_utility: float = _entry(0.116, "rewards", "utility", "first-order condition at the opening", "Weight on log real deposits.", ge=0.0, le=100.0)
    debt_disutility: float = _entry(0.0019, "rewards", "utility", "calibration", "Weight on squared debt in monthly wages.", ge=0.0, le=100.0)
    default_penalty: float = _entry(1.0, "rewards", "utility", "calibration", "Utility lost at default.", ge=0.0, le=1000.0)
    equity_premium: float = _entry(0.12, "rewards", "annual share of equity", "cost of capital", "Return on equity above the mean deposit rate that a firm must earn before its reward is positive.", ge=0.0, le=1.0)
    inventory_cost: float = _entry(0.01, "rewards", "share of opening sales", "calibration", "Holding cost of inventories of one month's sales.", ge=0.0, le=10.0)
    menu_cost: float = _entry(0.0045, "rewards", "share of opening sales", "optional; calibration", "Cost of changing the posted price.", ge=0.0, le=10.0)
    bankruptcy_penalty: float = _entry(5.0, "rewards", "months of opening sales", "calibration", "Firm reward lost at bankruptcy.", ge=0.0, le=1000.0)
    bank_profit_weight: float = _entry(100.0, "rewards", "a share of opening loans", "calibration", "Weight on a bank's profit over its opening loans.", ge=0.0, le=10_000.0)
    capital_shortfall_weight: float = _entry(0.3, "rewards", "a share of target", "calibration", "Weight on the shortfall below target capital, as a share of it.", ge=0.0, le=1000.0)
    resolution_penalty: float = _entry(5.0, "rewards", "reward", "calibration", "Bank reward lost at resolution.", ge=0.0, le=1000.0)
    output_gap_weight: float = _entry(0.05, "rewards", "lambda", "Woodford 2003, order of magnitude", "Weight on the squared output gap in the central bank's loss, in percentage points.", ge=0.0, le=100.0)
    rate_change_weight: float = _entry(1.0, "rewards", "mu", "calibration", "Weight on the squared change of the policy rate, in percentage points.", ge=0.0, le=100.0)

    @model_validator(mode="after")
    def _counts_and_bounds_agree(self) -> "Parameters":
        if self.num_banks > self.num_households:
            raise ValueError(f"num_banks must be at most num_households ({self.num_households}), got {self.num_banks}")
        if self.num_firms > self.opening_workers:
            raise ValueError(
                f"num_firms must be at most {self.opening_workers}, one worker each of the "
                f"{self.num_households} households at opening_employment {self.opening_employment}, got {self.num_firms}"
            )
        if not self.lower_bound <= self.opening_policy_rate <= self.upper_bound:
            raise ValueError(
                f"opening_policy_rate must lie between lower_bound {self.lower_bound} and upper_bound "
                f"{self.upper_bound}, got {self.opening_policy_rate}"
            )
        if self.resolution_trigger >= self.resolution_capital:
            raise ValueError("resolution_trigger must be below resolution_capital")
        return self

    @property
    def opening_workers(self) -> int:
        """Households employed at the start, at least one."""
        return max(1, round(self.opening_employment * self.num_households))

    @property
    def monthly_output(self) -> float:
        """Opening output a month, units."""
        return float(self.opening_workers)

    @classmethod
    def create(cls, values: Mapping[str, Any]) -> "Parameters":
        """Validate ``values``; raise ``ConfigError`` in one sentence that names the key and the range."""
        try:
            return cls(**{str(key): _plain(value) for key, value in values.items()})
        except ValidationError as error:
            raise ConfigError(explain(error, cls)) from None

    def as_record(self) -> np.ndarray:
        """The numbers among the parameters as a one-element structured array for the compiled loops."""
        numbers = {
            name: value for name, value in self.model_dump().items() if not isinstance(value, str)
        }
        record = np.zeros(1, _record_type(tuple((name, _column_type(value)) for name, value in numbers.items())))
        for name, value in numbers.items():
            record[name] = value
        return record


@functools.cache
def _record_type(fields: tuple[tuple[str, str], ...]) -> np.dtype:
    """One dtype object for all models: numba knows it again by identity."""
    return np.dtype(list(fields), align=True)


def _column_type(value: bool | int | float) -> str:
    return "?" if isinstance(value, bool) else "i8" if isinstance(value, int) else "f8"


def _plain(value: Any) -> Any:
    """numpy scalars and whole numbers for real parameters, as sweeps and sliders pass them."""
    return value.item() if isinstance(value, np.generic) else value


def explain(error: ValidationError, model: type[BaseModel]) -> str:
    """The first fault of a pydantic error as one sentence: key, what is wrong, what is allowed."""
    fault = error.errors()[0]
    key = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "extra_forbidden":
        return unknown_key(key, model.model_fields)
    if fault["type"] == "value_error":
        return str(fault["ctx"]["error"])
    message = fault["msg"].replace("Input should be", "must be", 1)
    bounds = allowed_range(model, str(fault["loc"][0])) if fault["loc"] else ""
    return f"{key} {message[0].lower()}{message[1:]}, got {fault['input']!r}{bounds}"


def allowed_range(model: type[BaseModel], name: str) -> str:
    """The bounds of a field in words, empty where it has none."""
    if name not in model.model_fields:
        return ""
    signs = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}
    parts = [
        f"{sign} {getattr(bound, short)}"
        for bound in model.model_fields[name].metadata
        for short, sign in signs.items()
        if getattr(bound, short, None) is not None
    ]
    return f" (allowed: {' and '.join(parts)})" if parts else ""


def unknown_key(key: str, known: Iterable[str]) -> str:
    """One sentence for a key that does not exist, with the nearest ones that do."""
    near = difflib.get_close_matches(key, list(known), n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else "see docs/reference.md for the list"
    return f"unknown key {key!r}; {hint}"
