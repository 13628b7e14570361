"""An inflation shock, from costs and from demand, with a central bank that answers it and one that does not."""

from macro_mesa.experiments.paired import Design, Findings, Shocks, Window, arms_with, judge, response_table, run_pairs

VARIABLES = (
    "inflation", "price_level", "policy_rate", "lending_rate", "gdp", "consumption", "investment", "unemployment",
    "wage", "new_loans",
)  # fmt: skip
MONTHS = 36
CONSTANT = ", rate constant"
COST, DEMAND = "cost", "demand"
SHOCKS: dict[str, Shocks] = {
    COST: [{"kind": "cost", "size": 0.05, "start": 1, "duration": 12}],
    DEMAND: [{"kind": "demand", "size": 0.05, "start": 1, "duration": 12}],
}
# a cost shock raises prices and lowers output; a demand shock raises both
WINDOWS = {
    COST: (
        Window("price_level", 6, 12, +1), Window("inflation", 6, 12, +1), Window("gdp", 6, 12, -1),
        Window("unemployment", 6, 12, +1), Window("policy_rate", 6, 18),
    ),
    DEMAND: (
        Window("price_level", 6, 12, +1), Window("inflation", 6, 12, +1), Window("gdp", 1, 12, +1),
        Window("unemployment", 1, 12, -1), Window("policy_rate", 6, 18),
    ),
}  # fmt: skip


def inflation_shock(design: Design) -> Findings:
    """Responses to a cost and a demand shock of a year, by arm, with its own central bank and with a constant rate."""
    constant = arms_with(design.arms, central_bank="constant")
    arms = {**design.arms, **{f"{arm}{CONSTANT}": choices for arm, choices in constant.items()}}
    histories = run_pairs(design, arms, SHOCKS, VARIABLES, horizon=design.months or MONTHS)
    estimates = {
        arm: {shock: judge(branches, shock, WINDOWS[shock]) for shock in SHOCKS} for arm, branches in histories.items()
    }
    words = {
        COST: "5 % of the wage bill added to firms' costs for 12 months",
        DEMAND: "taste for consumption 5 log points higher for 12 months",
        "central_bank": f"each arm's own; arms named {CONSTANT!r} hold the opening rate",
    }
    return Findings(words, estimates, {"responses": response_table(histories, VARIABLES)})
