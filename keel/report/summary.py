"""The summary table a run ends with in the console."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rich import box
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from keel.report import rows, text

COLUMN: Final = 56
"""Width of each table, in characters."""
WIDE: Final = 2 * COLUMN + 4
"""Console width from which the tables stand side by side."""
_RATIOS: Final = {2: (3, 2), 3: (2, 1, 1)}
"""How the columns of a table share its width, by their number."""
_BETWEEN: Final = "  ·  "


def print_summary(console: Console, summary: rows.Summary, name: str, folder: Path | None = None) -> None:
    """Print a run's figures, strategy beside buy and hold; `summary` is what `summarise` returns.

    On a narrow console the tables stand one under the other; nothing is cut at 80. `folder` is where the report is.
    """
    left = [_compared(summary)]
    flows = rows.cashflow_rows(summary)
    carry = [_pairs("Paid and received besides", flows)] if flows else []
    right = [_costs(summary), *carry, _pairs("Trades", rows.trade_rows(summary))]
    lower = [_pairs("Signals", rows.signal_rows(summary)), _pairs("Orders", rows.order_rows(summary))]
    console.print(_heading(summary, name, console.width))
    if console.width >= WIDE:
        console.print(_beside(Group(*left, *lower), Group(*right, *_reasons(summary))))
    else:
        console.print(Group(*left, *right, *lower, *_reasons(summary)))
    if folder is not None:
        console.print(Text.assemble(("Report  ", "dim"), str(folder / "report.html")), soft_wrap=True)


def _heading(summary: rows.Summary, name: str, width: int) -> RenderableType:
    period = summary["period"]
    finished = summary["status"] == "done"
    lines = Text()
    lines.append(name, style="bold")
    lines.append("  ")
    lines.append(rows.status_text(summary), style="green" if finished else "bold yellow")
    if not finished:
        lines.append(f" ({text.count(period['bars'])} of {text.count(period['bars_planned'])} bars)", style="yellow")
    detail = (
        rows.symbols_text(summary),
        period["timeframe"],
        rows.period_text(summary),
        f"{text.count(period['bars'])} bars",
    )
    return Padding(Group(lines, Text("\n".join(_packed(detail, width)), style="dim")), (1, 0, 1, 0))


def _packed(parts: Sequence[str], width: int) -> list[str]:
    """Return lines that break between parts only: a time is not to be torn apart."""
    lines: list[str] = []
    for part in parts:
        if lines and len(lines[-1]) + len(_BETWEEN) + len(part) <= width:
            lines[-1] += _BETWEEN + part
        else:
            lines.append(part)
    return lines


def _beside(left: RenderableType, right: RenderableType) -> Table:
    grid = Table.grid(padding=(0, 4, 0, 0))
    grid.add_column()
    grid.add_column()
    grid.add_row(left, right)
    return grid


def _compared(summary: rows.Summary) -> RenderableType:
    return _table(("Figure", "Strategy", "Buy and hold"), rows.comparison_rows(summary), total=False)


def _costs(summary: rows.Summary) -> RenderableType:
    return _table(("Cost", summary["costs"]["currency"], "bps"), rows.cost_rows(summary), total=True)


def _pairs(title: str, body: Sequence[rows.Row]) -> RenderableType:
    return _table((title, ""), body, total=False)


def _reasons(summary: rows.Summary) -> list[RenderableType]:
    lines = [(f"{what}: {why[0].lower()}{why[1:]}", number) for what, why, number, _ in rows.reason_rows(summary)]
    titled = (("Orders refused or cut", lines), (rows.FITTED, rows.held_back_rows(summary)))
    return [_pairs(title, body) for title, body in titled if body]


def _table(head: Sequence[str], body: Sequence[rows.Row], *, total: bool) -> RenderableType:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="dim", width=COLUMN)
    for i, (name, ratio) in enumerate(zip(head, _RATIOS[len(head)], strict=True)):
        table.add_column(Text(name), justify="left" if i == 0 else "right", overflow="fold", ratio=ratio)
    for i, line in enumerate(body):
        style = "bold" if total and i == len(body) - 1 else ""
        table.add_row(*(Text(cell, style="bold" if j == 1 else "") for j, cell in enumerate(line)), style=style)
    return Padding(table, (0, 0, 1, 0))
