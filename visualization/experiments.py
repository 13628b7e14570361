"""The figures of the experiments, from their tables; and their estimates as text."""

import textwrap
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from rich.console import Console
from rich.table import Table

from visualization import style
from visualization.responses import line_looks, name_lines, response_grid, response_matrix, title_of, without_legend

Tables = Mapping[str, pd.DataFrame]
BAND = "mean and 95 % band"
ABLATED = ("lending_rate", "new_household_loans", "consumption", "investment", "gdp", "price_level")
TESTS = ("asymmetry, 100 bp", "asymmetry, 200 bp", "nonlinearity, rises", "nonlinearity, falls")
PARTS = {"inflation": style.BLUE, "output_gap": style.ORANGE, "rate_change": style.GREEN}


def figures(experiment: str, tables: Tables) -> dict[str, Figure]:
    """The figures of an experiment by file name; one without figures of its own shows its table ``responses``."""
    draw = FIGURES.get(experiment)
    if draw:
        return draw(tables)
    return {"responses": response_grid(tables["responses"], f"{experiment.replace('_', ' ').capitalize()}: {BAND}")}


# --- shocks
def monetary_shock(tables: Tables) -> dict[str, Figure]:
    """Responses by policy, by size and by duration; the tests of asymmetry and linearity."""
    responses = tables["responses"]
    main = responses["policies"].iloc[0]
    held = responses[responses["policies"] == main]
    rise = responses[responses["shock"] == "+100 bp, 12 months"]
    sizes = held[held["shock"].str.endswith("bp, 12 months")]
    durations = held[held["shock"].str.startswith("+100 bp")]
    return {
        "monetary_shock": response_grid(rise, f"A policy rate 100 bp higher for 12 months: {BAND}", shock_months=12),
        "by_size": response_grid(sizes, f"Policy rate shocks of 12 months by size, {main}: {BAND}", "shock", 4, 12),
        "by_duration": response_grid(durations, f"100 bp by duration, {main}: {BAND}", "shock"),
        "shapes": shapes(tables["shapes"]),
    }


def shapes(table: pd.DataFrame) -> Figure:
    """A row for each test, a panel for each variable: estimate and interval by duration, a colour for each arm."""
    variables = list(dict.fromkeys(table["variable"]))
    figure, panels = style.new_figure(len(TESTS), len(variables), row_height=1.9, width=2.0 * len(variables))
    looks = line_looks(list(dict.fromkeys(table["policies"])))
    durations = sorted(set(table["duration"]))
    for row, test in zip(panels, TESTS, strict=True):
        for axes, variable in zip(row, variables, strict=True):
            found = table[(table["test"] == test) & (table["variable"] == variable)]
            axes.axhline(0.0, color=style.INK, linewidth=0.8)
            for number, (arm, look) in enumerate(looks.items()):
                one = found[found["policies"] == arm]
                places = [durations.index(d) + 0.2 * (number - 0.5 * (len(looks) - 1)) for d in one["duration"]]
                errors = [one["mean"] - one["low"], one["high"] - one["mean"]]
                axes.errorbar(places, one["mean"], errors, fmt="o", ms=3, lw=1.2, color=look["color"], label=str(arm))
            axes.set_xticks(range(len(durations)), [str(d) for d in durations])
            name = textwrap.fill(title_of(variable), 18) if test == TESTS[0] else ""
            unit = str(found["unit"].iloc[0])
            style.dress(axes, name, "duration, months" if test == TESTS[-1] else "", unit, margin=0.1)
            without_legend(axes)
        row[0].set_ylabel(f"{test}\n{row[0].get_ylabel()}", fontsize=style.SMALL)
    name_lines(figure, panels[0, 0], "Asymmetry and nonlinearity (zero: responses mirror each other and scale)")
    return figure


def inflation_shock(tables: Tables) -> dict[str, Figure]:
    """Responses by policy: one figure a shock."""
    titles = {"cost": "Costs 5 % of wages higher", "demand": "Demand 5 % higher"}
    responses = tables["responses"]
    return {
        f"{shock}_shock": response_grid(
            responses[responses["shock"] == shock], f"{title} for 12 months: {BAND}", columns=5, shock_months=12
        )
        for shock, title in titles.items()
    }


def credit_crisis(tables: Tables) -> dict[str, Figure]:
    """Responses by policy: one figure a severity."""
    responses = tables["responses"]
    return {
        shock.replace(" ", "_"): response_grid(
            responses[responses["shock"] == shock], f"Default {shock} for 6 months: {BAND}", shock_months=6
        )
        for shock in dict.fromkeys(responses["shock"])
    }


def zero_lower_bound(tables: Tables) -> dict[str, Figure]:
    """The slump with the bound and without it: one figure an arm."""
    responses = tables["responses"]
    return {
        arm.replace(", ", "_").replace(" ", "_"): response_grid(
            responses[responses["policies"] == arm],
            f"A slump of demand from a rate of 0.5 %, {arm}: {BAND}", "bound", columns=3, shock_months=18,
        )
        for arm in dict.fromkeys(responses["policies"])
    }  # fmt: skip


def ablation(tables: Tables) -> dict[str, Figure]:
    """Responses to a rate rise: a column for each type and one for all, a row for each variable."""
    responses = tables["responses"]
    responses = responses[responses["variable"].isin(ABLATED)]
    groups: dict[str, list[str]] = {}
    for arm in dict.fromkeys(responses["policies"]):
        if arm != "intact":
            groups.setdefault(arm.split(" ")[0], ["intact"]).append(arm)
    headings = {group.capitalize() if group != "all" else "All private types": arms for group, arms in groups.items()}
    title = f"A policy rate 100 bp higher for 12 months, with types ablated: {BAND}"
    return {"ablation": response_matrix(responses, headings, title, shock_months=12)}


# --- levels
def policy_rules(tables: Tables) -> dict[str, Figure]:
    """Loss by rule with its parts, paired differences from the own central bank, and months at a bound."""
    table = tables["rules"]
    rules = list(dict.fromkeys(table["rule"]))[::-1]
    figure, panels = style.new_figure(1, 4, row_height=3.6, shares=(1.5, 1.2, 1, 1))
    _stacked_losses(panels[0, 0], table, rules)
    _intervals(panels[0, 1], table, rules, "loss_less_own")
    style.dress(panels[0, 1], "Loss less own bank's, paired", "pp squared a month; above 0 the own bank is better", "")
    _intervals(panels[0, 2], table, rules, "at_bound", 100.0)
    style.dress(panels[0, 2], "At a bound", "% of months", "")
    _intervals(panels[0, 3], table, rules, "sd_policy_rate")
    style.dress(panels[0, 3], "Variation of the rate", "standard deviation, pp", "")
    for axes in panels[0, 1:]:
        axes.set_yticklabels([])
    style.align_titles(panels)
    _name(figure, "Central banks on the same held-out seeds: mean and 95 % interval")
    return {"policy_rules": figure}


def _stacked_losses(axes: Axes, table: pd.DataFrame, rules: list[str]) -> None:
    left = pd.Series(0.0, index=rules)
    for part, colour in PARTS.items():
        means = table[table["part"] == part].set_index("rule")["mean"].reindex(rules)
        axes.barh(rules, means, left=left, color=colour, height=0.6, label=part.replace("_", " "))
        left += means
    _intervals(axes, table, rules, "loss")
    style.dress(axes, "Loss and its parts", "pp squared a month", "", margin=None)
    axes.set_xlim(left=0.0)


def _intervals(axes: Axes, table: pd.DataFrame, rules: list[str], part: str, factor: float = 1.0) -> None:
    found = factor * table[table["part"] == part].set_index("rule")[["mean", "low", "high"]].reindex(rules)
    errors = [found["mean"] - found["low"], found["high"] - found["mean"]]
    axes.axvline(0.0, color=style.INK, linewidth=0.8)
    axes.errorbar(found["mean"], range(len(rules)), xerr=errors, fmt="o", ms=3.5, lw=1.3, color=style.INK)
    axes.set_yticks(range(len(rules)), rules)
    axes.set_ylim(-0.6, len(rules) - 0.4)


def _name(figure: Figure, title: str) -> None:
    figure.suptitle(title, fontsize=style.LARGE, fontweight="bold", x=0.01, ha="left")


def inequality(tables: Tables) -> dict[str, Figure]:
    """Lorenz curves of wealth and income, and the path of the Gini of wealth, a row for each ownership."""
    lorenz, paths = tables["lorenz"], tables["gini"]
    kinds = list(dict.fromkeys(lorenz["ownership"]))
    figure, panels = style.new_figure(len(kinds), 3, row_height=3.4)
    looks = line_looks(list(dict.fromkeys(lorenz["policies"])))
    for row, kind in zip(panels, kinds, strict=True):
        for axes, of in zip(row[:2], ("wealth", "income"), strict=True):
            axes.plot([0, 100], [0, 100], color=style.GREY, linewidth=0.8)
            _bands(axes, lorenz[(lorenz["ownership"] == kind) & (lorenz["of"] == of)], "population", 100.0, looks)
            title = f"{of.capitalize()}, {kind} ownership"
            _dress_plain(axes, title, "poorest households, %", f"share of {of}, %")
        _bands(row[2], paths[paths["ownership"] == kind], "month", 1.0, looks)
        _dress_plain(row[2], f"Gini of wealth, {kind} ownership", "month", "Gini coefficient, 0 to 1")
        style.month_axis(row[2], float(paths["month"].max()))
    name_lines(figure, panels[0, 0], "Lorenz curves at the end, and the Gini of wealth: mean and 95 % band")
    return {"inequality": figure}


def _bands(axes: Axes, table: pd.DataFrame, x: str, factor: float, looks: Mapping[Any, Mapping[str, Any]]) -> None:
    for arm, look in looks.items():
        one = table[table["policies"] == arm].sort_values(x)
        axes.fill_between(
            factor * one[x], factor * one["low"], factor * one["high"], color=look["color"], alpha=0.16, lw=0
        )
        axes.plot(factor * one[x], factor * one["mean"], linewidth=1.5, label=str(arm), **look)


def _dress_plain(axes: Axes, title: str, x_label: str, y_label: str) -> None:
    """The common look without a legend of the panel's own."""
    style.dress(axes, title, x_label, y_label)
    without_legend(axes)


# --- experiments that train
def best_response(tables: Tables) -> dict[str, Figure]:
    """Gain of one deviator by agent type and way of finding its policy, a panel a type."""
    table = tables["gains"]
    kinds, ways = list(dict.fromkeys(table["agent_type"])), list(dict.fromkeys(table["way"]))[::-1]
    figure, panels = style.new_figure(1, len(kinds), row_height=2.9)
    for axes, kind in zip(panels.flat, kinds, strict=True):
        found = table[table["agent_type"] == kind].set_index("way").reindex(ways)
        axes.axvline(0.0, color=style.INK, linewidth=0.8)
        for place, way in enumerate(ways):
            mean, low, high = found.loc[way, ["gain", "low", "high"]]
            colour = style.VERMILION if way == "best response" else style.BLUE
            axes.errorbar(mean, place, xerr=[[mean - low], [high - mean]], fmt="o", ms=4, lw=1.4, color=colour)
        axes.set_yticks(range(len(ways)), ways if axes is panels.flat[0] else [])
        axes.set_ylim(-0.6, len(ways) - 0.4)
        axes.xaxis.set_major_locator(MaxNLocator(nbins=4))
        loss = style.significant(float(found["random_loss"].iloc[0]))
        style.dress(axes, style.AGENT_TITLES[kind], f"gain in discounted return\n(acting at random loses {loss})", "")
    _name(figure, "Gain of one agent that leaves its type's shared policy: mean and 95 % interval")
    return {"best_response": figure}


def lucas(tables: Tables) -> dict[str, Figure]:
    """Loss by central bank with private agents retrained and frozen; the cross-play table in colour."""
    table, cross = tables["rules"], tables["cross_play"]
    banks = list(dict.fromkeys(table["bank"]))
    figure, panels = style.new_figure(1, 2, row_height=0.7 + 0.55 * max(len(banks), 4), shares=(1.0, 1.3))
    axes = panels[0, 0]
    for private, colour, shift in (("retrained", style.BLUE, 0.12), ("frozen", style.GREY, -0.12)):
        loss = table[(table["private"] == private) & (table["part"] == "loss")].set_index("bank").reindex(banks)
        places = [len(banks) - 1 - k + shift for k in range(len(banks))]
        errors = [loss["mean"] - loss["low"], loss["high"] - loss["mean"]]
        label = f"private agents {private}"
        axes.errorbar(loss["mean"], places, xerr=errors, fmt="o", ms=4, lw=1.4, color=colour, label=label)
    axes.set_yticks(range(len(banks)), banks[::-1])
    axes.set_ylim(-0.6, len(banks) - 0.4)
    style.dress(axes, "Loss of each central bank", "pp squared a month", "")
    _cross_play(panels[0, 1], cross, banks)
    style.align_titles(panels)
    _name(figure, "Central banks against private agents frozen, and retrained under each")
    return {"lucas": figure}


def _cross_play(axes: Axes, cross: pd.DataFrame, banks: list[str]) -> None:
    others = list(dict.fromkeys(cross["private"]))
    losses = cross.pivot(index="bank", columns="private", values="mean").loc[banks, others]
    # ranked by column: the question is which bank does best with given private agents
    axes.imshow(losses.rank(axis=0), cmap="Blues", aspect="auto", alpha=0.6)
    for row, bank in enumerate(banks):
        for column, private in enumerate(others):
            number = style.significant(float(losses.loc[bank, private]), 3)
            look: dict[str, Any] = {"fontsize": style.SMALL, "fontweight": "bold" if bank == private else "normal"}
            axes.text(column, row, number, ha="center", va="center", color=style.INK, **look)
    axes.set_xticks(range(len(others)), [textwrap.fill(name, 12) for name in others])
    axes.set_yticks(range(len(banks)), banks)
    title = "Cross play: loss, paler is better in its column"
    style.dress(axes, title, "private agents retrained under (or frozen)", "", None)
    axes.grid(visible=False)


FIGURES: dict[str, Callable[[Tables], dict[str, Figure]]] = {
    "inflation_shock": inflation_shock,
    "monetary_shock": monetary_shock,
    "policy_rules": policy_rules,
    "credit_crisis": credit_crisis,
    "inequality": inequality,
    "zero_lower_bound": zero_lower_bound,
    "ablation": ablation,
    "best_response": best_response,
    "lucas": lucas,
}


# --- text
def print_estimates(experiment: str, results: Mapping[str, Any]) -> None:
    """Estimates with intervals and verdicts: of the first arm, where there are several; results.json has all."""
    main = next(iter(results["arms"]))
    estimates = results["estimates"]
    shown = {main: estimates[main]} if main in estimates else estimates
    runs = max(results["runs"].values())
    table = Table(title=f"{experiment.replace('_', ' ')}: {results['pairs']} pairs, {runs} run{'s' * (runs > 1)}")
    for heading in ("estimate", "mean", "95 % interval", "expected", "verdict"):
        table.add_column(heading, justify="right" if heading in ("mean", "95 % interval") else "left")
    for name, found in estimates_of(shown):
        low, high = found["ci"]
        verdict = "" if "passed" not in found else "pass" if found["passed"] else "fail"
        table.add_row(name, f"{found['mean']:.3g}", f"{low:.3g} to {high:.3g}", found.get("expected", ""), verdict)
    Console(width=140).print(table)


def estimates_of(entries: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """All estimates, ``{"mean": ..., "ci": ...}``, in nested mappings, with the names above them."""
    for name, entry in entries.items():
        if isinstance(entry, Mapping):
            if "ci" in entry:
                yield f"{above}{name}", entry
            yield from estimates_of(entry, f"{above}{name} | ")
