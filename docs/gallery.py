"""Write docs/gallery.md and docs/gallery/*.png, every figure with the call that drew it: ``python docs/gallery.py``.

The calls on the page are the calls that are run, so they cannot go stale.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from PIL import Image

from macro_mesa import ConfigError, MacroModel
from macro_mesa.aggregates import net_worth
from macro_mesa.experiments.evaluation import evaluate, serially
from macro_mesa.experiments.monetary_shock import rate_rise
from macro_mesa.experiments.paired import Design
from macro_mesa.policy import make_policy
from macro_mesa.spaces import CENTRAL_BANK, HOUSEHOLD
from visualization import (
    accounts,
    credit_network,
    distributions,
    learning,
    plots,
    policy_slices,
    relations,
    responses,
    sensitivity,
)

FOLDER = Path(__file__).parent
SEED = 10_000
BURN_IN = 24  # months that scatters leave out

# what Morris' method moves, and within which bounds
SCREENED = {
    "inflation_target": (0.01, 0.04),
    "debt_service_cap": (0.2, 0.5),
    "wage_raise": (0.003, 0.012),
    "separation_rate": (0.01, 0.02),
    "quote_noise": (0.05, 0.2),
    "taste_noise": (0.005, 0.02),
}


@dataclass(frozen=True)
class Extent:
    """How much is run for the gallery."""

    months: int = 240
    economies: int = 8
    pairs: int = 20
    runs: int = 3
    updates: int = 24
    trajectories: int = 10
    screened_months: int = 60


@dataclass(frozen=True)
class Entry:
    """A figure: file name, heading, what it shows in a sentence, and the call."""

    name: str
    heading: str
    sentence: str
    call: str


ENTRIES = (
    Entry("macro_variables", "The economy at a glance",
          "All main series of several runs: their median, and the band from the 10th to the 90th percentile.",
          "plots.macro_variables(histories)"),
    Entry("fan_chart", "Fan chart",
          "One of these panels, sized for a phone; grey months are under a shock.",
          'plots.macro_panel("unemployment", histories, shaded=[(120, 132)])'),
    Entry("policy_transmission", "Impulse responses",
          "What a policy rate 100 basis points higher for a year does, learned against rule of thumb.",
          'plots.policy_transmission(rate_responses, "a policy rate 100 bp higher for 12 months")'),
    Entry("response_grid", "Responses of an experiment",
          "The grid that the experiments draw: a line for each arm, the shock's months shaded.",
          'responses.response_grid(rate_responses, "A policy rate 100 bp higher for a year", shock_months=12)'),
    Entry("agent_rewards", "Rewards",
          "What each agent type earns under each policy, with 95 % intervals over seeds, and from which terms.",
          'plots.agent_rewards(evaluation["returns"], evaluation["components"], "sum over the run")'),
    Entry("training_curves", "One training run",
          "Reward, entropy of the heads, explained variance and size of the policy steps, over updates.",
          "plots.training_curves(trainings[0])"),
    Entry("entropy", "One diagnostic",
          "Any number of the training statistics, of one agent type and sized for a phone.",
          'learning.learning_curve(trainings, "firm", "entropy_fraction/hiring", "entropy of hiring, share")'),
    Entry("learning_curves", "Learning over seeds",
          "Several training runs: each thin, their median bold, and what rule of thumb and chance earn.",
          "learning.learning_curves(trainings)"),
    Entry("macro_relations", "Four textbook scatters",
          "Taylor, Phillips, Okun and Beveridge, each with its least-squares line and correlation.",
          "relations.macro_relations(later_months)"),
    Entry("phillips", "One scatter",
          "The same, one at a time and sized for a phone.",
          'relations.macro_relation("phillips", later_months)'),
    Entry("lorenz", "Lorenz curve",
          "How unequal several quantities are, with the Gini coefficient of each.",
          'distributions.lorenz({"wealth": wealth, "deposits": model.households.deposits,'
          ' "income": model.households.income})'),
    Entry("rank_size", "Rank and size",
          "Firm sizes on logarithmic axes, with the exponent of the tail by Gabaix and Ibragimov's estimator.",
          'distributions.rank_size(revenue, "Revenue of firms", "money a month")'),
    Entry("distributions", "Distributions",
          "Wealth of households, sizes of firms and posted prices, with median and mean.",
          'distributions.distributions({"Wealth": (wealth, "money", "households"),'
          ' "Firm sizes": (model.firms.employment, "workers", "firms"),'
          ' "Prices": (model.firms.price, "money", "firms")})'),
    Entry("balance_sheet", "Balance sheet",
          "Who holds what against whom; instruments sum to zero (green), real assets to national wealth.",
          'accounts.account_matrix(model.ledger.balance_sheet(), "Balance sheet", "money")'),
    Entry("flow_matrix", "Flow matrix",
          "Every payment of a month: rows and columns sum to zero (green).",
          'accounts.account_matrix(model.ledger.flow_matrix(), "Transactions", "money a month")'),
    Entry("sectoral_balances", "Sectoral balances",
          "Net lending of the sectors, surpluses above and deficits below, which mirror each other.",
          "accounts.sectoral_balances(balances)"),
    Entry("credit_network", "Credit network",
          "Banks inside, their borrowers around them; lines are loans, as wide as the debt.",
          "credit_network.credit_network(pd.DataFrame(model.firms.table), pd.DataFrame(model.commercial_banks.table))"),
    Entry("rate_steps", "The central bank against Taylor",
          "Mean step of the policy rate as inflation over three or twelve months or the output gap moves, all else as "
          "it was in a run.",
          'policy_slices.rate_steps({"learned": model.policies["central_bank"], "Taylor 1993": taylor},'
          ' seen["central_bank"])'),
    Entry("action_probabilities", "Action probabilities",
          "Chances of every choice of a head as one input moves; the areas add up to one.",
          'policy_slices.action_probabilities(policy_slices.slice_policy(model.policies["household"], "household",'
          ' seen["household"], "deposits"), "household", "consumption")'),
    Entry("sensitivity", "Sensitivity",
          "Which parameters matter: Morris' mean absolute effects and their spread, with 95 % intervals.",
          'sensitivity.sensitivity_bars(indices)'),
)  # fmt: skip

NAMES = {
    "histories": "data frames of several runs, as `model.datacollector.get_model_vars_dataframe()` returns them",
    "later_months": f"the first of them after month {BURN_IN}",
    "model": "the economy of the first run, at its end; `wealth` is its households' net worth",
    "revenue": "of the firms of all runs",
    "balances": "`accounts.net_lending(model.ledger.flow_matrix())` of every month, % of that month's GDP",
    "seen": "observations of an agent type in the first run",
    "taylor": "the rule of Taylor (1993), `macro_mesa.policy.make_policy(\"central_bank\", \"taylor\", parameters)`",
    "rate_responses": "`macro_mesa.experiments.monetary_shock.rate_rise`, a row a variable, month and arm",
    "evaluation": "the contents of `results.json`",
    "trainings": "the contents of several `train_stats.json`; these runs are far too short to learn much",
    "indices": "a row a parameter and index: `parameter`, `index`, `value`, `low`, `high`, `output`, `unit`",
}  # fmt: skip


# --- what the figures show
def material(extent: Extent) -> dict[str, Any]:
    """The data that the calls of ``ENTRIES`` name."""
    policy = shipped_policy()
    runs = [Run(policy, SEED + number, extent.months) for number in range(extent.economies)]
    first, model = runs[0], runs[0].model
    tables = (model.households.table, model.firms.table, model.commercial_banks.table)
    histories = [run.history() for run in runs]
    held_out = range(SEED + extent.economies, SEED + 2 * extent.economies)
    arms = {"learned": [policy], "rule": ["rule"]}
    pairs = range(SEED + 1_000, SEED + 1_000 + extent.pairs)
    evaluation, _ = evaluate({"learned": policy, "random": "random", "rule": "rule"}, held_out, extent.months, {})
    return {
        "histories": histories,
        "later_months": histories[0].iloc[BURN_IN + 1 :],
        "model": model,
        "wealth": net_worth(*tables, histories[0]["price_level"].iloc[-1]),
        "revenue": np.concatenate([run.model.firms.revenue for run in runs]),
        "balances": pd.DataFrame(first.balances, index=range(1, extent.months + 1)),
        "seen": {CENTRAL_BANK: np.concatenate(first.seen), HOUSEHOLD: model.households.observe()},
        "taylor": make_policy(CENTRAL_BANK, "taylor", model.parameters),
        "rate_responses": rate_rise(Design(arms, {}, pairs, serially)),
        "evaluation": evaluation,
        "trainings": [training(seed, extent) for seed in range(extent.runs)],
        "indices": morris_indices(extent),
    }


def shipped_policy() -> str:
    """The policies shipped with the package, or the rule of thumb while there are none."""
    try:
        MacroModel(policy="pretrained", rng=SEED)
    except ConfigError:
        return "rule"
    return "pretrained"


class Run:
    """An economy run to its end, with the months' sectoral balances and what the central bank saw."""

    def __init__(self, policy: str, seed: int, months: int) -> None:
        self.model = MacroModel(policy=policy, rng=seed)
        self.balances: list[pd.Series] = []
        self.seen: list[np.ndarray] = []
        for _ in range(months):
            self.model.step()
            economy = self.model.economy
            output = float(economy["gdp"][0] * economy["price_level"][0])
            self.balances.append(100.0 * accounts.net_lending(self.model.ledger.flow_matrix()) / output)
            self.seen.append(self.model.central_banks.observe())

    def history(self) -> pd.DataFrame:
        """A row a month, the opening first."""
        return self.model.datacollector.get_model_vars_dataframe()


def training(seed: int, extent: Extent) -> dict[str, Any]:
    """What a short training of a small economy notes."""
    from policies.config import TrainingConfig
    from policies.trainer import Trainer

    settings = TrainingConfig(
        epochs=extent.updates, sim_length=24, economies=4, rollout_months=12, validation_economies=1, threads=1,
        staging="simultaneous",
    )  # fmt: skip
    trainer = Trainer({"num_households": 20, "num_firms": 4, "num_banks": 2}, settings, seed=seed)
    updates = list(trainer.run())
    return {"updates": updates, "baselines": trainer.baselines}


def morris_indices(extent: Extent) -> pd.DataFrame:
    """Elementary effects (Morris 1991, Campolongo et al. 2007) on mean output, %, and mean inflation, points."""
    from SALib.analyze import morris as analysis
    from SALib.sample import morris as sampling

    names = list(SCREENED)
    problem = {"num_vars": len(names), "names": names, "bounds": [list(bounds) for bounds in SCREENED.values()]}
    points = sampling.sample(problem, extent.trajectories, seed=SEED)
    means = np.array([_mean_outcomes(point, extent.screened_months) for point in points])
    tables = []
    for (output, unit), outcomes in zip((("Mean output", "%"), ("Mean inflation", "pp")), means.T, strict=True):
        found = analysis.analyze(problem, points, outcomes, seed=SEED)
        effect, error = found["mu_star"], found["mu_star_conf"]
        strength = pd.DataFrame({"index": "mu_star", "value": effect, "low": effect - error, "high": effect + error})
        spread = pd.DataFrame({"index": "sigma", "value": found["sigma"], "low": np.nan, "high": np.nan})
        labels = {"parameter": names, "output": output, "unit": f"effect over the range, {unit}"}
        tables += [table.assign(**labels) for table in (strength, spread)]
    return pd.concat(tables, ignore_index=True)


def _mean_outcomes(values: np.ndarray, months: int) -> tuple[float, float]:
    """Mean log output and mean inflation, both times 100, at a point of the parameters' space."""
    model = MacroModel(**dict(zip(SCREENED, values.tolist(), strict=True)), rng=SEED)
    for _ in range(months):
        model.step()
    history = model.datacollector.get_model_vars_dataframe().iloc[1:]
    return 100.0 * float(np.log(history["gdp"]).mean()), 100.0 * float(history["inflation"].mean())


# --- the page
def draw(entry: Entry, data: Mapping[str, Any]) -> Figure:
    """The figure of an entry."""
    modules = (
        accounts, credit_network, distributions, learning, plots, policy_slices, relations, responses, sensitivity,
    )  # fmt: skip
    names = {module.__name__.rpartition(".")[2]: module for module in modules}
    return eval(entry.call, {**names, "pd": pd, **data})


def page(entries: Sequence[Entry] = ENTRIES) -> str:
    """The text of docs/gallery.md."""
    names = "".join(f"- `{name}`: {meaning}\n" for name, meaning in NAMES.items())
    parts = [
        f"## {entry.heading}\n\n{entry.sentence}\n\n![{entry.sentence}](gallery/{entry.name}.png)\n\n"
        f"```python\n{entry.call}\n```\n"
        for entry in entries
    ]
    return f"""# Gallery

Every figure of `visualization/`: data in, a matplotlib `Figure` out. `make gallery` runs small economies, draws all of
this anew and writes this page; the calls shown are the calls that were run. The pictures show what the figures look
like, on one policy and few seeds; they are no findings.

Lines differ in dashes as well as in colour, the colours are those of Okabe and Ito, and where data show nothing (too
few months, a series that never changes) a sentence in the panel says so. Figures with a `width` keep the size of their
letters; their default suits a phone. `plots.png` makes an image of a figure in half the time of `Figure.savefig`.

In the calls:

{names}
{"\n".join(parts)}"""


def main() -> None:
    """Run the economies, draw every figure, write the page."""
    data = material(Extent())
    for entry in ENTRIES:
        path = plots.save_figure(draw(entry, data), FOLDER / "gallery" / f"{entry.name}.png")
        # a palette of 256 colours is a third of the size and looks the same
        Image.open(path).convert("RGB").quantize(256, dither=Image.Dither.NONE).save(path, optimize=True)
        print(f"drew {entry.name}")
    (FOLDER / "gallery.md").write_text(page())


if __name__ == "__main__":
    main()
