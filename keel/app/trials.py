"""The trials command: what has been tried so far, from the trial ledger."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

if TYPE_CHECKING:
    from keel.runs.ledger import TrialLedger

_WIDTH_OFF_TERMINAL: Final = 160
_FIGURES: Final = ("sharpe", "total_return", "max_drawdown")


def trials(
    study: Annotated[
        str | None, typer.Argument(help="Search or run whose trials to list; without it, list all.")
    ] = None,
    *,
    state_dir: Annotated[Path, typer.Option(help="State folder: run.state_dir in a config.")] = Path("state"),
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Show the trial ledger: every search and backtest with its number of trials, or the trials of one.

    The more was tried on the same bars, the less the best of it means.

    Examples:

        python -m keel trials

        python -m keel trials sim-sweep-20261121-101500-0888dc7e --json
    """
    from keel.domain.errors import UsageError
    from keel.runs.ledger import LEDGER_NAME, TrialLedger

    if not (state_dir / LEDGER_NAME).exists():
        raise UsageError(f"there is no {state_dir / LEDGER_NAME} yet: a backtest or a sweep begins it")
    with TrialLedger.open(state_dir) as ledger:
        rows = ledger.studies() if study is None else _trials_of(ledger, study)
    if as_json:
        sys.stdout.write(json.dumps(rows, indent=2) + "\n")
    elif study is None:
        _print(rows, ("name", "kind", "created", "trials", "best_sharpe"))
    else:
        shown = [row | row["figures"] | {"parameters": row["key"]} for row in rows]
        _print(shown, ("number", "parameters", "status", *_FIGURES, "reason"))


def _trials_of(ledger: TrialLedger, study: str) -> list[dict[str, Any]]:
    from keel.domain.errors import UsageError

    found = ledger.trials(study=study)
    if not found:
        raise UsageError(f"{study}: no trial of it is in {ledger.path}: python -m keel trials lists what is")
    return sorted(found, key=lambda row: row["number"])


def _print(rows: list[dict[str, Any]], columns: tuple[str, ...]) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*(name.replace("_", " ") for name in columns), box=SIMPLE_HEAD)
    for column in table.columns:
        column.overflow = "fold"
    for row in rows:
        table.add_row(*(Text(_shown(row.get(name))) for name in columns))
    Console(width=None if sys.stdout.isatty() else _WIDTH_OFF_TERMINAL).print(table)


def _shown(value: object) -> str:
    return "–" if value is None else f"{value:,.3f}" if isinstance(value, float) else str(value)
