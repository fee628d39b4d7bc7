"""A comparison of runs as tables of the console, as CSV and as a JSON-able tree."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any, Final

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from keel.report import rows
from keel.report.compare import Comparison, numeric

BEST: Final = "*"
"""Mark of the best run, for consoles and files without colours."""
_LABEL_WIDTH: Final = 30
_RUN_WIDTH: Final = 14
_LONGEST_SETTING: Final = 24


def print_comparison(console: Console, comparison: Comparison) -> None:
    """Print which run is which, the figures and the settings that differ; as many runs beside each other as fit."""
    console.print(Text(f"Sorted by {comparison.sorted_by.label}, best first" if comparison.best else "Sorted by "
                       f"{comparison.sorted_by.label}"), style="dim")  # fmt: skip
    for name, run in zip(comparison.names, comparison.runs, strict=True):
        ended = rows.STATUS.get(run.status, run.status)
        style = "green" if run.status == "done" else "bold yellow"
        console.print(Text.assemble((f"{name:>4}  ", "bold"), f"{run.run_id}  ", (ended, style)), soft_wrap=True)
    fitting = max(2, (console.width - _LABEL_WIDTH) // _RUN_WIDTH)
    for start in range(0, len(comparison.runs), fitting):
        shown = range(start, min(start + fitting, len(comparison.runs)))
        console.print(_table("Figure", figure_rows(comparison, shown), comparison, shown))
        if comparison.settings:
            settings = [(name, [_clipped(values[i]) for i in shown]) for name, values in comparison.settings.items()]
            console.print(_table("Setting that differs", settings, comparison, shown))
    if comparison.best:
        console.print(Text(f"{BEST} best of the runs that finished"), style="dim")


def figure_rows(comparison: Comparison, shown: Sequence[int] | None = None) -> list[tuple[str, list[str]]]:
    """Return (label, cell a run) for each figure; the best ones end with a mark, the others with a space."""
    chosen = range(len(comparison.runs)) if shown is None else shown
    lines = []
    for figure in comparison.figures:
        values, best = comparison.values(figure), comparison.best.get(figure.key, frozenset())
        cells = [figure.write(values[i]) + (f" {BEST}" if i in best else "  ") for i in chosen]
        lines.append((figure.label, cells))
    return lines


def comparison_csv(comparison: Comparison) -> str:
    """Return one line a run: id, folder, status, every number of metrics.json, then the settings that differ."""
    numbers = list(dict.fromkeys(key for run in comparison.runs for key in numeric(run)))
    target = io.StringIO()
    writer = csv.writer(target, lineterminator="\n")
    writer.writerow(["run_id", "folder", "status", *numbers, *comparison.settings])
    for position, run in enumerate(comparison.runs):
        held = numeric(run)
        settings = [values[position] for values in comparison.settings.values()]
        writer.writerow([run.run_id, run.folder, run.status, *(held.get(key) for key in numbers), *settings])
    return target.getvalue()


def comparison_tree(comparison: Comparison) -> dict[str, Any]:
    """Return the comparison for programs: runs in order with their figures, settings, and for each figure the best."""
    return {
        "sorted_by": comparison.sorted_by.key,
        "runs": [
            {
                "run_id": run.run_id,
                "folder": str(run.folder),
                "status": run.status,
                "figures": {each.key: comparison.values(each)[position] for each in comparison.figures},
                "settings": {name: values[position] for name, values in comparison.settings.items()},
            }
            for position, run in enumerate(comparison.runs)
        ],
        "best": {
            key: [comparison.runs[position].run_id for position in sorted(positions)]
            for key, positions in comparison.best.items()
            if positions
        },
        "warnings": list(comparison.warnings),
    }


def _clipped(value: str) -> str:
    return value if len(value) <= _LONGEST_SETTING else f"{value[:_LONGEST_SETTING]}…"


def _table(
    head: str, lines: Sequence[tuple[str, Sequence[str]]], comparison: Comparison, shown: Sequence[int]
) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column(head, style="dim", overflow="fold", min_width=_LABEL_WIDTH // 2)
    for position in shown:
        table.add_column(comparison.names[position], justify="right", overflow="fold")
    for label, cells in lines:
        styled = [Text(cell, style="bold green" if cell.endswith(BEST) else "") for cell in cells]
        table.add_row(Text(label), *styled)
    return table
