"""The books as pictures: balance sheet, flow matrix, sectoral balances.  Tables in, Figure out."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from visualization import style
from visualization.style import BLUE, GREEN, GREY, INK, ORANGE, PALETTE, VERMILION

MARGINS = ("sum", "net worth")
FINANCIAL_FLOWS = ("net lending", "change in deposits", "change in reserves", "change in advances")
SECTOR_COLOURS = {"household": BLUE, "firm": ORANGE, "bank": GREEN, "central bank": GREY}
TOLERANCE = 1.0e-6  # of the largest entry: a margin below it is a zero


# --- matrices
def account_matrix(table: pd.DataFrame, title: str, unit: str, width: float = style.PANEL_WIDTH) -> Figure:
    """A matrix of stocks or flows, sectors side by side: positive entries blue, negative ones red, sums in bold.

    Sums that are zero, as accounting demands of flows and of financial instruments, stand on green.

    table: ``Ledger.balance_sheet()`` or ``Ledger.flow_matrix()``, money in ``unit``.
    width: inches; what is written keeps its size.
    """
    labels = max((len(str(name)) for name in table.index), default=0)
    height = 0.9 + 0.21 * max(len(table), 1)
    figure, axes = style.new_panel(width, height, left=0.12 + 0.06 * labels, bottom=0.1, top=0.8)
    values = table.to_numpy(dtype=float)
    style.head(figure, f"{title}, {unit}")
    if not values.size:
        style.say(axes, "no entries")
        return figure
    margin_rows, margin_columns = table.index.isin(MARGINS), table.columns.isin(MARGINS)
    margins = margin_rows[:, None] | margin_columns[None, :]
    axes.imshow(_tints(values, margins), aspect="auto", interpolation="nearest")
    _write_entries(axes, values, margins)
    _name_cells(axes, table, margin_rows, margin_columns)
    return figure


def _scale(values: np.ndarray) -> float:
    finite = np.abs(values[np.isfinite(values)])
    return float(finite.max(initial=0.0)) or 1.0


def _tints(values: np.ndarray, margins: np.ndarray) -> np.ndarray:
    """Colours of the cells, RGB (rows, columns, 3): deeper with size, green for sums that are zero."""
    size = np.abs(np.nan_to_num(values)) / _scale(values)
    strength = np.where(margins, 0.0, 0.4 * np.sqrt(size))[..., None]
    colour = np.where(values[..., None] < 0.0, to_rgb(VERMILION), to_rgb(BLUE))
    tints = 1.0 - strength * (1.0 - colour)
    tints[margins & (size < TOLERANCE)] = 1.0 - 0.18 * (1.0 - np.array(to_rgb(GREEN)))
    return tints


def _write_entries(axes: Axes, values: np.ndarray, margins: np.ndarray) -> None:
    scale = _scale(values)
    decimals = 0 if scale >= 1_000 else 1 if scale >= 10 else 3
    for (row, column), value in np.ndenumerate(values):
        zero = abs(value) < TOLERANCE * scale
        if zero and not margins[row, column]:
            continue
        rounded = round(value, decimals) + 0.0  # no minus before a rounded zero
        text = "\u2013" if not np.isfinite(value) else "0" if zero else style.minus(f"{rounded:,.{decimals}f}")
        axes.text(
            column + 0.44, row, text, ha="right", va="center", fontsize=style.SMALL - 1, color=INK,
            fontweight="bold" if margins[row, column] else "normal",
        )  # fmt: skip


def _name_cells(axes: Axes, table: pd.DataFrame, margin_rows: np.ndarray, margin_columns: np.ndarray) -> None:
    axes.set_xticks(range(table.shape[1]), [str(name).replace(" ", "\n") for name in table.columns])
    axes.set_yticks(range(table.shape[0]), [str(name) for name in table.index])
    axes.xaxis.tick_top()
    axes.tick_params(labelsize=style.SMALL - 0.5, labelcolor=INK, length=0)
    for label, bold in zip(
        [*axes.get_xticklabels(), *axes.get_yticklabels()], [*margin_columns, *margin_rows], strict=True
    ):
        label.set_fontweight("bold" if bold else "normal")
    for label in axes.get_xticklabels():
        label.set_fontsize(style.SMALL - 1)
    for edge in np.flatnonzero(margin_rows):
        axes.axhline(edge - 0.5, color=INK, linewidth=0.9)
    for edge in np.flatnonzero(margin_columns):
        axes.axvline(edge - 0.5, color=INK, linewidth=0.9)
    for spine in axes.spines.values():
        spine.set_color(GREY)


# --- sectoral balances
def net_lending(flow_matrix: pd.DataFrame) -> pd.Series:
    """Net lending of each sector in a month, money: what it saves in financial assets; sums to zero.

    flow_matrix: ``Ledger.flow_matrix()``; firms' current and capital accounts are added up.
    """
    balances = -flow_matrix.loc[list(FINANCIAL_FLOWS)].sum().drop("sum")
    firm = balances.pop("firm current") + balances.pop("firm capital")
    return pd.concat([balances, pd.Series({"firm": firm})])[list(SECTOR_COLOURS)]


def sectoral_balances(
    balances: pd.DataFrame, unit: str = "% of GDP", months: int = 12, width: float = style.PANEL_WIDTH
) -> Figure:
    """Surpluses above zero, deficits below, mirror images month by month.

    balances: a row a month (index), a column a sector, in ``unit``; rows sum to zero.
    months: length of the trailing mean that is shown; 1 shows the months themselves.
    width: inches; what is written keeps its size.
    """
    figure, axes = style.new_panel(width, 3.0)
    means = balances.rolling(months, min_periods=months).mean().dropna()
    if len(means) > 1:
        for sign in (1.0, -1.0):
            _stack(axes, means, sign)
        axes.axhline(0.0, color=INK, linewidth=0.8)
        style.month_axis(axes, float(means.index[-1] - means.index[0]))
    else:
        style.say(axes, f"needs {months + 1} months")
    title = "Sectoral balances" if months == 1 else f"Sectoral balances, {months}-month mean"
    style.dress(axes, title, "month", unit)
    style.set_title(axes, title, room=True)
    return figure


def _stack(axes: Axes, balances: pd.DataFrame, sign: float) -> None:
    """Areas of the sectors in surplus (sign 1) or in deficit (-1), each from where the one before ends."""
    floor = np.zeros(len(balances))
    for number, sector in enumerate(balances):
        area = sign * np.maximum(sign * balances[sector].to_numpy(), 0.0)
        colour = SECTOR_COLOURS.get(str(sector), PALETTE[number % len(PALETTE)])
        axes.fill_between(
            balances.index, floor, floor + area, color=colour, edgecolor="white", linewidth=0.5, alpha=0.85,
            label=str(sector) if sign > 0 else None,
        )  # fmt: skip
        floor = floor + area
