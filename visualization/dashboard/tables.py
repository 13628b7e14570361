"""A data frame as an HTML table that a screen reader can walk through."""
# ruff: noqa: N802 - Solara names its components in CapWords

from html import escape

import pandas as pd
import solara


@solara.component
def Table(caption: str, table: pd.DataFrame):
    """Every row of a small table, its text escaped; scrolls sideways inside itself where it must."""
    head = "".join(f'<th scope="col">{escape(str(name))}</th>' for name in table.columns)
    rows = "".join(
        "<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>"
        for row in table.itertuples(index=False)
    )
    solara.HTML(
        tag="div",
        classes=["economy-table"],
        attributes={"tabindex": "0", "role": "region", "aria-label": caption},
        unsafe_innerHTML=f"<table><caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead>"
        f"<tbody>{rows}</tbody></table>",
    )
