"""The trials of a search as a table, and as the console shows them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import polars as pl
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from keel.report import text

SHOWN: Final = 10
"""Trials that the console shows."""

_COLUMNS: Final = {
    "sharpe": ("Sharpe", text.ratio),
    "total_return": ("Return", text.gain),
    "max_drawdown": ("Max drawdown", text.percent),
    "trades": ("Trades", lambda value: text.count(None if value is None else int(value))),
}


@dataclass(frozen=True)
class SearchTable:
    """Hold the trials of a search, a row a trial, the parameters' keys, the metric and the best trial's number."""

    parameters: tuple[str, ...]
    metric: str
    rows: Sequence[dict[str, Any]]
    best: int | None
    smaller_is_better: bool = False

    def frame(self) -> pl.DataFrame:
        """Return the table; a parameter with a word among its values is text throughout."""
        return rows_frame(self.rows)

    def scored(self) -> list[dict[str, Any]]:
        """Return the rows in which the metric is defined, the best first."""
        known = [row for row in self.rows if row.get(self.metric) is not None]
        sign = 1.0 if self.smaller_is_better else -1.0
        return sorted(known, key=lambda row: (sign * row[self.metric], row["number"]))

    def levels(self, parameter: str) -> list[Any]:
        """Return the values of a parameter that have a score, numbers by size and words as they come."""
        values = list(dict.fromkeys(row[parameter] for row in self.scored()))
        return sorted(values) if all(isinstance(value, int | float) for value in values) else sorted(map(str, values))

    def cells(self) -> tuple[str, str, list[list[float]]]:
        """Return the two parameters with most values and the best score at each pair: [second][first], NaN for none."""
        first, second = sorted(self.parameters, key=lambda name: -len(self.levels(name)))[:2]
        columns, lines = self.levels(first), self.levels(second)
        grid = [[math.nan] * len(columns) for _ in lines]
        for row in reversed(self.scored()):
            grid[_at(lines, row[second])][_at(columns, row[first])] = row[self.metric]
        return first, second, grid


def rows_frame(rows: Sequence[dict[str, Any]]) -> pl.DataFrame:
    """Return rows as a table; what a row lacks is null."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    columns = {name: [row.get(name) for row in rows] for name in names}
    return pl.DataFrame({name: _column(values) for name, values in columns.items()}, infer_schema_length=None)


def short_names(parameters: Sequence[str]) -> list[str]:
    """Return the last words of keys, or the keys themselves where those would be the same."""
    last = [name.rpartition(".")[2] for name in parameters]
    return last if len(set(last)) == len(last) else list(parameters)


def print_search(
    console: Console, table: SearchTable, name: str, warnings: Sequence[str], counts: dict[str, int]
) -> None:
    """Print the best trials of a search and what to keep in mind about them."""
    console.print(Text.assemble((name, "bold"), ("  " + summary_line(counts), "dim")), soft_wrap=True)
    shown = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, header_style="dim")
    shown.add_column("Trial", justify="right")
    for heading in short_names(table.parameters):
        shown.add_column(Text(heading), justify="right")
    own = {} if table.metric in _COLUMNS else {table.metric: (text.label(table.metric), text.ratio)}
    figures = _COLUMNS | own
    for heading, _ in figures.values():
        shown.add_column(heading, justify="right")
    for row in table.scored()[:SHOWN]:
        values = [str(row[parameter]) for parameter in table.parameters]
        cells = [write(row.get(name)) for name, (_, write) in figures.items()]
        style = "bold green" if row["number"] == table.best else ""
        shown.add_row(str(row["number"]), *(Text(value) for value in values), *cells, style=style)
    console.print(shown)
    if table.best is None:
        console.print(f"No trial has a {text.label(table.metric).lower()}: nothing was traded, or there is too little.")
    for line in warnings:
        console.print(Text.assemble(("Mind  ", "yellow"), line))


def summary_line(counts: dict[str, int]) -> str:
    """Write how many trials there were, and how many there have ever been on these bars."""
    parts = [f"{counts['trials']:,} trials"]
    parts += [f"{counts[name]:,} {name}" for name in ("skipped", "failed", "resumed") if counts[name]]
    return (
        f"{', '.join(parts)}; on these bars {counts['on_these_bars']:,} trials so far, "
        f"{counts['different_on_these_bars']:,} different"
    )


def _column(values: list[Any]) -> list[Any]:
    kinds = {type(value) for value in values if value is not None}
    if str in kinds and len(kinds) > 1:
        return [None if value is None else str(value) for value in values]
    return [None if value is None else float(value) for value in values] if kinds == {int, float} else values


def _at(levels: list[Any], value: Any) -> int:  # noqa: ANN401 - a number or a word
    return levels.index(value) if value in levels else levels.index(str(value))
