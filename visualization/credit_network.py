"""Who owes whom: banks inside, firms around them.  Tables in, Figure out."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import EllipseCollection, LineCollection
from matplotlib.figure import Figure

from visualization import style
from visualization.style import DASHES, GREY, INK, PALETTE, VERMILION

BANKS_RADIUS, FIRMS_RADIUS = 0.42, 1.0


def credit_network(
    firms: pd.DataFrame, banks: pd.DataFrame, size: str = "employment", width: float = style.PANEL_WIDTH
) -> Figure:
    """Banks in the middle, each with its borrowers around it; lines are loans, as wide as the debt.

    The angle of a bank is its share of all firms, so that no two lines cross.  A firm without debt is hollow
    and stands by the bank it banks with; one in arrears has a red rim.

    firms: columns lender_id, bank_id (rows of ``banks``), debt (money), arrears (months) and ``size``, which
        is the area of the firm's disc; ``pd.DataFrame(model.firms.table)`` has them.
    banks: columns loans (money, the area of the bank's disc) and equity (money).
    width: inches; what is written keeps its size.
    """
    figure, axes = style.new_panel(width, width, left=0.1, bottom=0.1, top=0.45)
    if len(firms) and len(banks):
        partner = np.where(firms["debt"] > 0.0, firms["lender_id"], firms["bank_id"])
        firm_places, bank_places = places(partner, len(banks))
        _draw_loans(axes, firms, firm_places, bank_places)
        _draw_firms(axes, firms, partner, firm_places, size)
        _draw_banks(axes, banks, bank_places)
    else:
        style.say(axes, "an economy without banks or without firms has no credit network")
    axes.set(xlim=(-1.15, 1.15), ylim=(-1.15, 1.15), xticks=[], yticks=[])
    axes.axis("off")
    note = (
        "lines: debt; inner discs: loans of banks, with capital ratio;\n"
        f"outer discs: {size} of firms, hollow without debt, red rim in arrears"
    )
    style.head(figure, "Credit network of banks and firms", note)
    return figure


def places(partner: np.ndarray, banks: int) -> tuple[np.ndarray, np.ndarray]:
    """Positions of firms (n, 2) and banks (banks, 2): firms on a circle, sorted by partner, each bank amid its own.

    partner: the bank of each firm, integers (n,).  A bank without firms keeps the room of one.
    """
    room = np.maximum(np.bincount(partner, minlength=banks), 1)
    starts = np.concatenate([[0], np.cumsum(room)[:-1]])
    order = np.argsort(partner, kind="stable")
    slots = np.empty(len(partner))
    first = np.searchsorted(partner[order], partner[order])
    slots[order] = starts[partner[order]] + np.arange(len(partner)) - first
    turn = 2.0 * np.pi / room.sum()
    bank_angles = turn * (starts + (room - 1) / 2.0)
    return FIRMS_RADIUS * _on_circle(turn * slots), (BANKS_RADIUS if banks > 1 else 0.0) * _on_circle(bank_angles)


def _on_circle(angles: np.ndarray) -> np.ndarray:
    """Points of the unit circle (n, 2), clockwise from the top."""
    return np.column_stack([np.sin(angles), np.cos(angles)])


def _diameters(values: pd.Series, largest: float) -> np.ndarray:
    """Diameters of discs whose areas are in proportion to ``values``, none too small to see."""
    sizes = values.clip(lower=0.0).fillna(0.0).to_numpy(dtype=float)
    return largest * np.sqrt(np.maximum(sizes / (sizes.max() or 1.0), 0.04))


def _discs(axes: Axes, centres: np.ndarray, diameters: np.ndarray, **look: object) -> None:
    axes.add_collection(
        EllipseCollection(
            diameters, diameters, np.zeros(len(diameters)), units="x", offsets=centres,
            offset_transform=axes.transData, **look,
        )
    )  # fmt: skip


def _draw_loans(axes: Axes, firms: pd.DataFrame, firm_places: np.ndarray, bank_places: np.ndarray) -> None:
    owing = np.flatnonzero(firms["debt"] > 0.0)
    lender = firms["lender_id"].to_numpy()[owing]
    debt = firms["debt"].to_numpy(dtype=float)[owing]
    lines = np.stack([firm_places[owing], bank_places[lender]], axis=1)
    axes.add_collection(
        LineCollection(
            list(lines), linewidths=0.4 + 3.6 * debt / debt.max(initial=1.0e-12),
            colors=[PALETTE[bank % len(PALETTE)] for bank in lender],
            linestyles=[DASHES[bank // len(PALETTE) % len(DASHES)] for bank in lender], alpha=0.6, zorder=1,
        )
    )  # fmt: skip


def _draw_firms(axes: Axes, firms: pd.DataFrame, partner: np.ndarray, centres: np.ndarray, size: str) -> None:
    # discs shrink where many firms share the circle
    largest = min(0.2, 1.6 * 2.0 * np.pi * FIRMS_RADIUS / max(len(firms), 1))
    owing = firms["debt"].to_numpy() > 0.0
    late = firms["arrears"].to_numpy() > 0
    faces = [PALETTE[bank % len(PALETTE)] if debt else "white" for bank, debt in zip(partner, owing, strict=True)]
    edges = [VERMILION if behind else INK if debt else GREY for behind, debt in zip(late, owing, strict=True)]
    _discs(
        axes, centres, _diameters(firms[size], largest), facecolors=faces, edgecolors=edges,
        linewidths=np.where(late, 2.4, 0.7), zorder=2,
    )  # fmt: skip


def _draw_banks(axes: Axes, banks: pd.DataFrame, centres: np.ndarray) -> None:
    colours = [PALETTE[bank % len(PALETTE)] for bank in range(len(banks))]
    diameters = _diameters(banks["loans"], 0.34)
    _discs(axes, centres, diameters, facecolors=colours, edgecolors=INK, linewidths=1.2, zorder=3)
    ratios = (banks["equity"] / banks["loans"].where(banks["loans"] > 0.0)).to_numpy()
    for number, (place, ratio) in enumerate(zip(centres, ratios, strict=True)):
        capital = f"\n{style.minus(f'{100 * ratio:.0f}')} %" if np.isfinite(ratio) else ""
        axes.text(
            place[0], place[1], f"{number}{capital}", ha="center", va="center", fontsize=style.SMALL,
            fontweight="bold", color=INK,
            bbox={"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "none", "alpha": 0.75}, zorder=4,
        )  # fmt: skip
